//! The shapes of `stepcell:handler/types` as they cross the line to and from a guest.

use model::failure::MAX_MESSAGE_BYTES;
use model::{Failure, FailureKind, Gate, HandlerErrorKind, Input, RetryHint};
use wasmtime::component::{ComponentType, Lift, Lower};

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

/// What `handle` answers.
pub(crate) type Answer = Result<String, HandlerError>;

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

/// How a child run ended.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
#[expect(
    dead_code,
    reason = "the shape is part of the interface; only durable handlers have children"
)]
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
