//! What a handler is given and what its attempt ended in.

use crate::failure::Failure;
use crate::id::RunId;
use crate::json::Json;
use crate::name::Name;

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
    /// W3C trace context of the caller that started the run.
    pub traceparent: Option<String>,
}

impl TaskContext {
    /// The same text for every attempt of this task and phase, different for any other task.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}/{}/{}", self.run_id, self.step, self.index, self.phase)
    }
}

/// What an attempt ended in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task is done; the answer passed the gate and the schema.
    Complete(Json),
    /// The attempt did not complete.
    Fail(Failure),
}
