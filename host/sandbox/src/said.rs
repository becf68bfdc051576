//! What a guest answered, in the host's words: hostile text that nothing has been checked of but its size.

use serde::Serialize;

use crate::interfaces::types::HandlerError;

/// What a handler said is to follow.
pub(crate) enum Said {
    /// The task is done, with this output.
    Complete(String),
    /// The step is skipped, for this reason.
    Skip(String),
    /// The task goes on.
    GoOn(SaidGoOn),
    /// The task failed for good.
    Fail(HandlerError),
    /// `on-error` has nothing to say.
    Nothing,
}

/// Where a task is to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaidGoOn {
    /// What to wait for before.
    #[serde(flatten)]
    pub wait: SaidWait,
    /// The phase; `None`: the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What to keep; `None`: what was kept before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// What to wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SaidWait {
    /// Nothing.
    Next,
    /// The next attempt.
    Retry {
        /// In place of the step's backoff.
        #[serde(skip_serializing_if = "Option::is_none")]
        after_ms: Option<u64>,
    },
    /// A while.
    Sleep {
        /// How long.
        for_ms: u64,
    },
    /// Any of these signals.
    AwaitSignals {
        /// Their names.
        names: Vec<String>,
        /// When to go on without one.
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
    },
    /// The end of child runs.
    Spawn {
        /// What to start.
        children: Vec<SaidChild>,
    },
}

/// A child to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaidChild {
    /// The name of its flow.
    pub flow: String,
    /// Its input.
    pub input: String,
    /// The same key twice is one child.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Said {
    /// Bytes of JSON in it.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Complete(text) | Self::Skip(text) => text.len(),
            Self::Fail(_) | Self::Nothing => 0,
            Self::GoOn(SaidGoOn { state, wait, .. }) => {
                let children = match wait {
                    SaidWait::Spawn { children } => &children[..],
                    SaidWait::Next
                    | SaidWait::Retry { .. }
                    | SaidWait::Sleep { .. }
                    | SaidWait::AwaitSignals { .. } => &[],
                };
                let inputs: usize = children.iter().map(|child| child.input.len()).sum();
                state.as_ref().map_or(0, String::len) + inputs
            }
        };
        bytes as u64
    }
}
