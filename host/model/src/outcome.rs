//! What a handler is given and what its attempt ended in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::id::RunId;
use crate::json::Json;
use crate::name::Name;
use crate::status::RunStatus;

/// What a handler gets; which one is decided by the definition, never by whether there are dependencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A root step: the flow's input.
    Flow(Json),
    /// A dependent step: the output of each completed dependency. A skipped one is absent.
    Deps(Vec<(Name, Json)>),
    /// A map task: its element.
    Element(Json),
}

impl Input {
    /// It as one value: for a dependent step the object of its dependencies' outputs.
    pub fn value(&self) -> Json {
        match self {
            Self::Flow(json) | Self::Element(json) => json.clone(),
            Self::Deps(deps) => Json::object(deps.iter().map(|(name, json)| (name, json.clone()))),
        }
    }

    /// Bytes of JSON in it.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Flow(json) | Self::Element(json) => json.len(),
            Self::Deps(deps) => {
                deps.iter().map(|(name, json)| name.as_str().len() + json.len()).sum()
            }
        }
    }
}

/// The context a handler can read; never secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskContext {
    /// The tenant's name.
    pub tenant: String,
    /// The run.
    pub run_id: RunId,
    /// The flow's name.
    pub flow: Name,
    /// The version the run is pinned to.
    pub flow_version: u32,
    /// The step's name.
    pub step: Name,
    /// Which of the component's handlers is meant.
    pub handler: String,
    /// Index of the map task; 0 for any other.
    pub index: u32,
    /// 1-based number of this try.
    pub attempt: u32,
    /// The last try there will be.
    pub max_attempts: u32,
    /// Where a durable handler goes on; empty at first.
    pub phase: String,
    /// How many phases lie before it.
    pub phase_number: u32,
    /// True: what the task did is to be undone.
    pub compensates: bool,
    /// W3C trace context of the caller that started the run.
    pub traceparent: Option<String>,
    /// What the phases before left to a durable handler.
    pub memory: Memory,
}

/// What a durable handler goes on with. Empty at the first phase of a run that got no signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What the phase before committed.
    pub state: Option<Json>,
    /// The names the phase before waited for.
    pub awaits: Vec<Name>,
    /// Every signal of the run that nobody consumed yet, in order.
    pub inbox: Vec<Signal>,
    /// The children this task spawned, in order.
    pub children: Vec<Child>,
}

impl Memory {
    /// The signals the attempt was woken for: progress consumes exactly these.
    pub fn awaited(&self) -> impl Iterator<Item = &Signal> {
        self.inbox.iter().filter(|signal| self.awaits.contains(&signal.name))
    }
}

/// A message in a run's inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its place in the inbox.
    pub id: i64,
    /// Its name.
    pub name: Name,
    /// What was sent.
    pub payload: Json,
}

/// A child run that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// The run.
    pub run_id: RunId,
    /// The key it was spawned with.
    pub key: Option<String>,
    /// How it ended.
    pub status: RunStatus,
    /// Its output, when it completed.
    pub output: Option<Json>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
}

impl TaskContext {
    /// The same text for every attempt of this task and phase, different for any other task.
    pub fn idempotency_key(&self) -> String {
        let Self { run_id, step, index, phase_number, .. } = self;
        if self.compensates {
            return format!("{run_id}/{step}/{index}/compensate");
        }
        format!("{run_id}/{step}/{index}/{phase_number}")
    }
}

/// What an attempt ended in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task is done; the answer passed the gate and the schema.
    Complete(Json),
    /// The attempt did not complete.
    Fail(Failure),
    /// The handler wants its step skipped, and says why.
    Skip(String),
    /// The task goes on, at once or later.
    GoOn(GoOn),
}

/// Where a task of a durable handler goes on, and what it waits for before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoOn {
    /// The phase it goes on at.
    pub phase: String,
    /// What it waits for.
    #[serde(flatten)]
    pub wait: Wait,
}

/// What a task waits for before it goes on. Whatever it is, nothing is held meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Wait {
    /// Nothing.
    Next,
    /// The same phase's next attempt.
    Retry {
        /// In place of the step's backoff.
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
        names: Vec<Name>,
        /// When to go on without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_ms: Option<u64>,
    },
    /// The end of child runs.
    Spawn {
        /// How many were asked for.
        children: u32,
    },
}

impl Wait {
    /// The outcome's name, as it is written everywhere.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Retry { .. } => "retry",
            Self::Sleep { .. } => "sleep",
            Self::AwaitSignals { .. } => "await_signals",
            Self::Spawn { .. } => "spawn",
        }
    }

    /// How long it waits unless something wakes it; `None`: for ever.
    pub fn longest(&self) -> Option<Duration> {
        match self {
            Self::Next | Self::Retry { .. } | Self::Spawn { children: 0 } => Some(Duration::ZERO),
            Self::Sleep { for_ms } => Some(Duration::from_millis(*for_ms)),
            Self::AwaitSignals { timeout_ms, .. } => timeout_ms.map(Duration::from_millis),
            Self::Spawn { .. } => None,
        }
    }
}
