//! The host's answers, as far as commands read them.

pub(crate) mod operator;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A run and what it ended in.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) run_id: String,
    pub(crate) flow: String,
    pub(crate) version: u32,
    pub(crate) status: String,
    pub(crate) output: Option<Box<RawValue>>,
    /// It is too large to be shown with its run.
    #[serde(default)]
    pub(crate) output_omitted: bool,
    pub(crate) failure: Option<Failure>,
    pub(crate) failed_step: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) attempts: u64,
    #[serde(default)]
    pub(crate) receipt: Receipt,
    pub(crate) compensation: Option<Compensation>,
}

impl Run {
    /// True when nothing will change any more.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }
}

/// Why something failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
}

/// One step of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) tasks: Option<Tasks>,
    pub(crate) quarantine: Option<Quarantine>,
    pub(crate) attempts: u64,
    pub(crate) failed_attempts: u64,
    pub(crate) last_failure: Option<Failure>,
    pub(crate) receipt: Receipt,
}

/// Where the tasks of a step are.
#[derive(Debug, Deserialize)]
pub(crate) struct Tasks {
    #[serde(default)]
    pub(crate) waiting_for_key: u64,
    #[serde(default)]
    pub(crate) waiting_for_rate: u64,
    #[serde(default)]
    pub(crate) blocked: u64,
    pub(crate) total: u64,
    pub(crate) completed: u64,
}

/// What attempts used.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) fuel: u64,
    pub(crate) wall_us: u64,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) input_bytes: u64,
    pub(crate) output_bytes: u64,
    pub(crate) host_calls: u64,
}

/// A page of runs.
#[derive(Debug, Deserialize)]
pub(crate) struct Runs {
    pub(crate) runs: Vec<Run>,
    pub(crate) next: Option<String>,
}

/// One difference between versions.
#[derive(Debug, Deserialize)]
pub(crate) struct Difference {
    pub(crate) text: String,
}

/// What registering a manifest answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Registered {
    pub(crate) flow: String,
    pub(crate) status: String,
    pub(crate) version: u32,
    pub(crate) active_version: Option<u32>,
    pub(crate) previous_version: Option<u32>,
    pub(crate) differences: Vec<Difference>,
}

/// What activating answered.
#[derive(Debug, Deserialize)]
pub(crate) struct Activated {
    pub(crate) flow: String,
    pub(crate) active_version: u32,
    pub(crate) previous_version: Option<u32>,
    pub(crate) differences: Vec<Difference>,
}

/// What changed between two versions.
#[derive(Debug, Deserialize)]
pub(crate) struct Diff {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) differences: Vec<Difference>,
}

/// A page of versions.
#[derive(Debug, Deserialize)]
pub(crate) struct Versions {
    pub(crate) versions: Vec<Version>,
    pub(crate) next: Option<String>,
}

/// One version.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: u32,
    pub(crate) active: bool,
    pub(crate) content_hash: String,
    pub(crate) created_at: String,
    pub(crate) activated_at: Option<String>,
    pub(crate) live_runs: Option<i64>,
}

/// A page of components.
#[derive(Debug, Deserialize)]
pub(crate) struct Components {
    pub(crate) components: Vec<Component>,
    pub(crate) next: Option<String>,
}

/// A component.
#[derive(Debug, Deserialize)]
pub(crate) struct Component {
    pub(crate) digest: String,
    pub(crate) world: String,
    pub(crate) created_at: String,
    pub(crate) component_bytes: u64,
    pub(crate) compile_ms: u64,
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    pub(crate) quarantine: Option<Quarantine>,
    /// What became of the flow that it carries, as it was sent.
    pub(crate) registered: Option<Box<RawValue>>,
}

/// Why a component is not called.
#[derive(Debug, Deserialize)]
pub(crate) struct Quarantine {
    pub(crate) reason: String,
}

/// Something that happened to a run.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) r#type: String,
    pub(crate) at: String,
    pub(crate) step: Option<String>,
    pub(crate) index: Option<u32>,
    pub(crate) attempt: Option<u32>,
    pub(crate) tasks: Option<u32>,
    pub(crate) failure: Option<Failure>,
    pub(crate) went_on: Option<GoOn>,
    pub(crate) retry_in_ms: Option<u64>,
    pub(crate) reason: Option<String>,
}

/// A page of events.
#[derive(Debug, Deserialize)]
pub(crate) struct Events {
    pub(crate) events: Vec<Event>,
    pub(crate) next: Option<String>,
}

/// A page of logs.
#[derive(Debug, Deserialize)]
pub(crate) struct Logs {
    pub(crate) logs: Vec<AttemptLog>,
    pub(crate) next: Option<String>,
}

/// What one attempt wrote.
#[derive(Debug, Deserialize)]
pub(crate) struct AttemptLog {
    pub(crate) step: String,
    pub(crate) index: u32,
    pub(crate) attempt: u32,
    pub(crate) lines: Vec<model::LogLine>,
}

/// A page of flows.
#[derive(Debug, Deserialize)]
pub(crate) struct Flows {
    pub(crate) flows: Vec<Flow>,
    pub(crate) next: Option<String>,
}

/// One flow.
#[derive(Debug, Deserialize)]
pub(crate) struct Flow {
    pub(crate) flow: String,
    pub(crate) active_version: Option<u32>,
    pub(crate) version_count: u64,
    pub(crate) created_at: String,
}

/// Where a task goes on, and what it waits for before.
#[derive(Debug, Deserialize)]
pub(crate) struct GoOn {
    pub(crate) outcome: String,
    pub(crate) phase: Option<String>,
    pub(crate) for_ms: Option<u64>,
    #[serde(default)]
    pub(crate) signals: Vec<String>,
    pub(crate) children: Option<u32>,
}

/// A signal that was sent.
#[derive(Deserialize)]
pub(crate) struct Sent {
    pub(crate) id: i64,
    pub(crate) duplicate: bool,
}

/// A run that is run again.
#[derive(Deserialize)]
pub(crate) struct Rerun {
    pub(crate) run_id: String,
    pub(crate) rerun_id: Option<String>,
    pub(crate) version: u32,
    pub(crate) kept: Vec<String>,
    pub(crate) problem: Option<RerunProblem>,
}

/// Why a run cannot be run again.
#[derive(Deserialize)]
pub(crate) struct RerunProblem {
    pub(crate) code: String,
}

/// Runs that are run again.
#[derive(Deserialize)]
pub(crate) struct Reruns {
    pub(crate) runs: Vec<Rerun>,
}

/// A task that ended with a failure for good.
#[derive(Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) run_id: String,
    pub(crate) flow: String,
    pub(crate) version: u32,
    pub(crate) step: String,
    pub(crate) index: u32,
    pub(crate) attempts: u32,
    pub(crate) failure: Failure,
}

/// A page of dead letters.
#[derive(Deserialize)]
pub(crate) struct DeadLetters {
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) next: Option<String>,
}

/// An origin that calls failed to reach.
#[derive(Deserialize)]
pub(crate) struct Breaker {
    pub(crate) origin: String,
    pub(crate) state: String,
    pub(crate) failures: u32,
    pub(crate) opened_at: Option<String>,
    pub(crate) retry_at: Option<String>,
    pub(crate) times_opened: u64,
    pub(crate) calls_refused: u64,
}

/// A page of breakers.
#[derive(Deserialize)]
pub(crate) struct Breakers {
    pub(crate) breakers: Vec<Breaker>,
    pub(crate) next: Option<String>,
}

/// How far a run is undone.
#[derive(Debug, Deserialize)]
pub(crate) struct Compensation {
    pub(crate) status: String,
    pub(crate) steps: Vec<CompensatedStep>,
}

/// How far a step is undone.
#[derive(Debug, Deserialize)]
pub(crate) struct CompensatedStep {
    pub(crate) name: String,
    pub(crate) compensated: u64,
    pub(crate) failed: u64,
    pub(crate) failure: Option<Failure>,
}

/// The workers of all hosts.
#[derive(Debug, Deserialize)]
pub(crate) struct Workers {
    pub(crate) workers: Vec<Worker>,
}

/// A worker that beats.
#[derive(Debug, Deserialize)]
pub(crate) struct Worker {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) status: String,
    pub(crate) slots: i32,
    pub(crate) started_at: String,
    pub(crate) beat_ago_ms: i64,
}

/// The attempts of a task.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempts {
    pub(crate) attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) output: Option<Box<RawValue>>,
}

/// A page of closures.
#[derive(Deserialize)]
pub(crate) struct Closures {
    pub(crate) closures: Vec<Closure>,
    pub(crate) next: Option<String>,
}

/// A closure.
#[derive(Deserialize)]
pub(crate) struct Closure {
    pub(crate) name: String,
    pub(crate) flow: Option<String>,
    pub(crate) closure: Option<String>,
    pub(crate) input: Option<Box<RawValue>>,
    pub(crate) updated_at: String,
}

/// A page of schedules.
#[derive(Deserialize)]
pub(crate) struct Schedules {
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) next: Option<String>,
}

/// A schedule.
#[derive(Deserialize)]
pub(crate) struct Schedule {
    pub(crate) name: String,
    pub(crate) flow: Option<String>,
    pub(crate) closure: Option<String>,
    pub(crate) cron: String,
    pub(crate) timezone: String,
    pub(crate) input: Option<Box<RawValue>>,
    pub(crate) overlap: String,
    pub(crate) missed: String,
    pub(crate) next_at: Option<String>,
    pub(crate) last_at: Option<String>,
    pub(crate) last_outcome: Option<String>,
    pub(crate) last_run_id: Option<String>,
    pub(crate) last_problem: Option<ScheduleProblem>,
}

/// Why a schedule could not start a run.
#[derive(Deserialize)]
pub(crate) struct ScheduleProblem {
    pub(crate) code: String,
    pub(crate) detail: String,
}
