//! The shapes of `stepcell:handler/types` as they cross the line to and from a guest.

use model::failure::MAX_MESSAGE_BYTES;
use model::{
    Child, Failure, FailureKind, Gate, HandlerErrorKind, Input, RetryHint, RunStatus, Signal,
};
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::said::{Said, SaidChild, SaidGoOn, SaidWait};

/// What a handler is given, borrowed from the call.
#[derive(ComponentType, Lower)]
#[component(variant)]
pub(crate) enum WireInput<'a> {
    #[component(name = "flow")]
    Flow(&'a str),
    #[component(name = "deps")]
    Deps(Vec<(&'a str, &'a str)>),
    #[component(name = "element")]
    Element(&'a str),
}

impl<'a> From<&'a Input> for WireInput<'a> {
    fn from(input: &'a Input) -> Self {
        match input {
            Input::Flow(json) => Self::Flow(json.as_str()),
            Input::Element(json) => Self::Element(json.as_str()),
            Input::Deps(deps) => {
                Self::Deps(deps.iter().map(|(name, json)| (name.as_str(), json.as_str())).collect())
            }
        }
    }
}

/// The kind of error a handler reports.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "values only come from guests")]
pub(crate) enum ErrorKind {
    #[component(name = "validation")]
    Validation,
    #[component(name = "execution")]
    Execution,
    #[component(name = "configuration")]
    Configuration,
    #[component(name = "dependency")]
    Dependency,
}

/// An error a handler reports in place of an output.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct HandlerError {
    kind: ErrorKind,
    message: String,
    details: Option<String>,
    retry: Option<bool>,
    #[component(name = "retry-after-ms")]
    retry_after_ms: Option<u64>,
}

impl HandlerError {
    /// The failure it is recorded as. Details that are not JSON are dropped and the message says so.
    pub(crate) fn into_failure(self) -> Failure {
        let kind = match self.kind {
            ErrorKind::Validation => HandlerErrorKind::Validation,
            ErrorKind::Execution => HandlerErrorKind::Execution,
            ErrorKind::Configuration => HandlerErrorKind::Configuration,
            ErrorKind::Dependency => HandlerErrorKind::Dependency,
        };
        let mut message = self.message;
        let mut details = None;
        if let Some(text) = self.details {
            match Gate::of_bytes(MAX_MESSAGE_BYTES).check(text.as_bytes()) {
                Ok(json) => details = Some(json),
                Err(refusal) => {
                    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES / 2));
                    message.push_str(&format!(" (its details were dropped: {refusal})"));
                }
            }
        }
        let mut failure = Failure::new(FailureKind::HandlerError(kind), message);
        failure.details = details;
        failure.retry = RetryHint { retry: self.retry, retry_after_ms: self.retry_after_ms };
        failure
    }
}

/// What `handle` of a plain handler answers.
pub(crate) type Answer = Result<String, HandlerError>;
/// What `handle` of a durable handler answers.
pub(crate) type DurableAnswer = Result<WireOutcome, HandlerError>;
/// What its `on-error` answers; none leaves the failure as it is.
pub(crate) type OnErrorAnswer = Result<Option<WireOutcome>, HandlerError>;

/// What its `compensate` answers.
pub(crate) type CompensateAnswer = Result<(), HandlerError>;

/// A child to start.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireChildStart {
    flow: String,
    input: String,
    key: Option<String>,
}

/// Go on at another phase at once.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireNext {
    phase: String,
    state: String,
}

/// Try the same phase again.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireRetry {
    state: Option<String>,
    #[component(name = "after-ms")]
    after_ms: Option<u64>,
}

/// Wait, then go on.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireSleep {
    phase: String,
    state: String,
    #[component(name = "for-ms")]
    for_ms: u64,
}

/// Wait for signals, then go on.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireAwaitSignals {
    names: Vec<String>,
    phase: String,
    state: String,
    #[component(name = "timeout-ms")]
    timeout_ms: Option<u64>,
}

/// Start children, then go on.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireSpawn {
    children: Vec<WireChildStart>,
    phase: String,
    state: String,
}

/// What an attempt of a durable handler ends in.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum WireOutcome {
    #[component(name = "complete")]
    Complete(String),
    #[component(name = "next")]
    Next(WireNext),
    #[component(name = "retry")]
    Retry(WireRetry),
    #[component(name = "sleep")]
    Sleep(WireSleep),
    #[component(name = "await-signals")]
    AwaitSignals(WireAwaitSignals),
    #[component(name = "spawn")]
    Spawn(WireSpawn),
    #[component(name = "skip")]
    Skip(String),
    #[component(name = "fail")]
    Fail(HandlerError),
}

impl WireOutcome {
    /// The outcome in the host's words; nothing in it has been checked.
    pub(crate) fn into_said(self) -> Said {
        let go_on = |phase, state, wait| {
            Said::GoOn(SaidGoOn { phase: Some(phase), state: Some(state), wait })
        };
        match self {
            Self::Complete(text) => Said::Complete(text),
            Self::Next(WireNext { phase, state }) => go_on(phase, state, SaidWait::Next),
            Self::Retry(WireRetry { state, after_ms }) => {
                Said::GoOn(SaidGoOn { phase: None, state, wait: SaidWait::Retry { after_ms } })
            }
            Self::Sleep(WireSleep { phase, state, for_ms }) => {
                go_on(phase, state, SaidWait::Sleep { for_ms })
            }
            Self::AwaitSignals(WireAwaitSignals { names, phase, state, timeout_ms }) => {
                go_on(phase, state, SaidWait::AwaitSignals { names, timeout_ms })
            }
            Self::Spawn(WireSpawn { children, phase, state }) => {
                let child = |child: WireChildStart| {
                    let WireChildStart { flow, input, key } = child;
                    SaidChild { flow, input, key }
                };
                let children = children.into_iter().map(child).collect();
                go_on(phase, state, SaidWait::Spawn { children })
            }
            Self::Skip(reason) => Said::Skip(reason),
            // No more attempts, whatever the hint.
            Self::Fail(error) => Said::Fail(HandlerError { retry: Some(false), ..error }),
        }
    }
}

/// Why an attempt did not complete, as `on-error` is told.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct WireFailure<'a> {
    kind: &'a str,
    message: &'a str,
    details: Option<&'a str>,
}

impl<'a> From<&'a Failure> for WireFailure<'a> {
    fn from(failure: &'a Failure) -> Self {
        let details = failure.details.as_ref().map(|details| details.as_str());
        Self { kind: failure.kind.as_str(), message: &failure.message, details }
    }
}

/// The context of the attempt.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct WireTask {
    pub(crate) tenant: String,
    #[component(name = "run-id")]
    pub(crate) run_id: String,
    pub(crate) flow: String,
    #[component(name = "flow-version")]
    pub(crate) flow_version: u32,
    pub(crate) step: String,
    pub(crate) handler: String,
    pub(crate) index: u32,
    pub(crate) attempt: u32,
    #[component(name = "max-attempts")]
    pub(crate) max_attempts: u32,
    pub(crate) phase: String,
    #[component(name = "idempotency-key")]
    pub(crate) idempotency_key: String,
    pub(crate) traceparent: Option<String>,
}

/// A message in a run's inbox.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct WireSignal {
    id: u64,
    name: String,
    payload: String,
}

impl WireSignal {
    /// Bytes that cross the line.
    pub(crate) fn bytes(&self) -> usize {
        self.name.len() + self.payload.len()
    }
}

impl From<&Signal> for WireSignal {
    fn from(signal: &Signal) -> Self {
        Self {
            id: u64::try_from(signal.id).unwrap_or(0),
            name: signal.name.to_string(),
            payload: signal.payload.as_str().to_owned(),
        }
    }
}

/// How a child run ended.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum ChildStatus {
    #[component(name = "completed")]
    Completed,
    #[component(name = "failed")]
    Failed,
    #[component(name = "cancelled")]
    Cancelled,
}

/// A child run that ended.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct WireChild {
    #[component(name = "run-id")]
    run_id: String,
    key: Option<String>,
    status: ChildStatus,
    output: Option<String>,
    error: Option<String>,
}

impl WireChild {
    /// Bytes that cross the line.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.run_id.len() + bytes(&self.key) + bytes(&self.output) + bytes(&self.error)
    }
}

impl From<&Child> for WireChild {
    fn from(child: &Child) -> Self {
        let status = match child.status {
            RunStatus::Completed => ChildStatus::Completed,
            RunStatus::Cancelled => ChildStatus::Cancelled,
            // What has not ended is never handed over.
            RunStatus::Failed | RunStatus::Queued | RunStatus::Running => ChildStatus::Failed,
        };
        Self {
            run_id: child.run_id.to_string(),
            key: child.key.clone(),
            status,
            output: child.output.as_ref().map(|output| output.as_str().to_owned()),
            error: child.failure.as_ref().map(ToString::to_string),
        }
    }
}
