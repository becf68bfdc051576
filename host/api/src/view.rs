//! Failures, receipts and links as every answer shows them.

use model::{Failure, GoOn, Receipt, RunId, Wait};
use serde::Serialize;
use utoipa::ToSchema;

/// Why something failed. The message and details come from guests: escape them where they are shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(crate) struct FailureView {
    /// The kind; `stepcell explain <kind>` says more.
    #[schema(value_type = String, example = "timeout")]
    kind: model::FailureKind,
    /// Whose fault it is.
    #[schema(value_type = String, example = "guest")]
    blame: model::Blame,
    /// One sentence.
    message: String,
    /// What the handler added.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    details: Option<model::Json>,
}

impl From<Failure> for FailureView {
    fn from(failure: Failure) -> Self {
        let Failure { kind, message, details, retry: _ } = failure;
        Self { kind, blame: kind.blame(), message, details }
    }
}

/// Where a task of a durable handler goes on, and what it waits for before.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GoOn)]
pub(crate) struct GoOnView {
    /// `next`, `retry`, `sleep`, `await_signals` or `spawn`.
    #[schema(value_type = String)]
    pub(crate) outcome: &'static str,
    /// The phase it goes on at; absent: the same.
    #[serde(skip_serializing_if = "String::is_empty")]
    phase: String,
    /// How long it sleeps, or waits for signals at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    for_ms: Option<u64>,
    /// The signals it waits for, any of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signals: Vec<String>,
    /// How many children it asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<u32>,
}

impl From<GoOn> for GoOnView {
    fn from(go_on: GoOn) -> Self {
        let GoOn { phase, wait } = go_on;
        let outcome = wait.as_str();
        let (mut for_ms, mut signals, mut children) = (None, Vec::new(), None);
        match wait {
            Wait::Next => {}
            Wait::Retry { after_ms } => for_ms = after_ms,
            Wait::Sleep { for_ms: ms } => for_ms = Some(ms),
            Wait::AwaitSignals { names, timeout_ms } => {
                signals = names.iter().map(ToString::to_string).collect();
                for_ms = timeout_ms;
            }
            Wait::Spawn { children: count } => children = Some(count),
        }
        Self { outcome, phase, for_ms, signals, children }
    }
}

/// What attempts used.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(crate) struct ReceiptView {
    /// Deterministic CPU, in wasmtime fuel.
    pub(crate) fuel: u64,
    /// Wall clock, in microseconds.
    pub(crate) wall_us: u64,
    /// The part of it that instantiation took.
    pub(crate) instantiate_us: u64,
    /// The most memory held at once; of several attempts the largest.
    pub(crate) peak_memory_bytes: u64,
    /// JSON given to the guest.
    pub(crate) input_bytes: u64,
    /// JSON the guest answered.
    pub(crate) output_bytes: u64,
    /// Calls from the guest into the host.
    pub(crate) host_calls: u64,
    /// Log kept.
    pub(crate) log_bytes: u64,
}

impl ReceiptView {
    /// Adds one more attempt.
    pub(crate) fn add(&mut self, receipt: &Receipt) {
        self.merge(&Self::from(*receipt));
    }

    /// Adds what other attempts used.
    pub(crate) fn merge(&mut self, other: &Self) {
        let Self {
            fuel,
            wall_us,
            instantiate_us,
            peak_memory_bytes,
            input_bytes,
            output_bytes,
            host_calls,
            log_bytes,
        } = *other;
        self.fuel = self.fuel.saturating_add(fuel);
        self.wall_us = self.wall_us.saturating_add(wall_us);
        self.instantiate_us = self.instantiate_us.saturating_add(instantiate_us);
        self.peak_memory_bytes = self.peak_memory_bytes.max(peak_memory_bytes);
        self.input_bytes = self.input_bytes.saturating_add(input_bytes);
        self.output_bytes = self.output_bytes.saturating_add(output_bytes);
        self.host_calls = self.host_calls.saturating_add(host_calls);
        self.log_bytes = self.log_bytes.saturating_add(log_bytes);
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let Receipt {
            fuel,
            wall_us,
            instantiate_us,
            peak_memory_bytes,
            input_bytes,
            output_bytes,
            host_calls,
            log_bytes,
        } = receipt;
        Self {
            fuel,
            wall_us,
            instantiate_us,
            peak_memory_bytes,
            input_bytes,
            output_bytes,
            host_calls,
            log_bytes,
        }
    }
}

/// Where to go on from a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    /// The run with its steps.
    run: String,
    /// Its output alone.
    output: String,
    /// What happened to it; also as a stream.
    events: String,
    /// What its handlers wrote.
    logs: String,
    /// Waits until it ends.
    wait: String,
    /// Stops it.
    cancel: String,
    /// Its inbox, and where to send signals.
    signals: String,
}

impl Links {
    /// The links of a run.
    pub(crate) fn of(run_id: RunId) -> Self {
        let run = format!("/v1/runs/{run_id}");
        Self {
            output: format!("{run}/output"),
            events: format!("{run}/events"),
            logs: format!("{run}/logs"),
            wait: format!("{run}/wait"),
            cancel: format!("{run}/cancel"),
            signals: format!("{run}/signals"),
            run,
        }
    }
}
