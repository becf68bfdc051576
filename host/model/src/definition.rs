//! A flow version: the immutable graph, its options and the components it pins.

use serde::{Deserialize, Serialize};

use crate::admission::{Concurrency, RateLimit, RateUse};
use crate::backoff::Backoff;
use crate::builtin::Builtin;
use crate::condition::{Condition, Policy};
use crate::grant::Grants;
use crate::id::Digest;
use crate::json::Json;
use crate::limits::Limits;
use crate::name::Name;

/// A step's place in its flow version's definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepIndex(pub u16);

impl StepIndex {
    /// As a position in a list of steps.
    pub fn at(self) -> usize {
        usize::from(self.0)
    }
}

/// What a flow version is, complete: everything resolved, nothing optional left to a default.
///
/// Its JSON is what is stored and hashed; two definitions are the same version when their JSON is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The flow's name.
    pub flow: Name,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema the run's input must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Json>,
    /// How long a run may take, in milliseconds, unless its start says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The rates its steps can name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_limits: Vec<RateLimit>,
    /// The steps, in the author's order; at least one, without cycles.
    pub steps: Vec<Step>,
}

/// One node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the flow.
    pub name: Name,
    /// The steps that must end before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<StepIndex>,
    /// One task for each element of the dependency's output, or of the flow's input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub map: bool,
    /// The component that is called; absent where the step is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Digest>,
    /// What the step does without a component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<Builtin>,
    /// What it may reach outside of its sandbox.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
    /// Which of its handlers is meant; empty when it carries one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub handler: String,
    /// How its attempts are limited and repeated.
    pub options: Options,
    /// JSON Schema of what each attempt is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Json>,
    /// JSON Schema of what each attempt answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Json>,
    /// What must hold for it to run.
    #[serde(default, skip_serializing_if = "Condition::is_always")]
    pub condition: Condition,
    /// What follows when that does not hold.
    #[serde(default = "Policy::skip", skip_serializing_if = "Policy::is_skip")]
    pub on_unmet: Policy,
    /// Wait before the first attempt, in milliseconds. Defaults to 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_delay_ms: u64,
    /// How many of its attempts run at a time for each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// What each of its attempts takes from a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateUse>,
    /// Its handler can undo what it did: after the run has failed or was cancelled it is asked to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compensates: bool,
    /// The children its tasks spawned go on when the run is stopped. Defaults to being stopped too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abandon_children: bool,
}

impl Step {
    /// True: its tasks may have to wait before each attempt.
    pub fn waits_for_admission(&self) -> bool {
        self.concurrency.is_some() || self.rate_limit.is_some()
    }
}

/// How the attempts of a step are limited and repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// What one attempt may use.
    pub limits: Limits,
    /// Attempts in all, the first included.
    pub max_attempts: MaxAttempts,
    /// The wait between them.
    pub backoff: Backoff,
    /// What follows when no attempts are left.
    #[serde(default, skip_serializing_if = "Policy::is_fail")]
    pub on_exhausted: Policy,
}

/// Attempts of a task in all, the first included. Defaults to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaxAttempts(pub u16);

impl Default for MaxAttempts {
    fn default() -> Self {
        Self(3)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
