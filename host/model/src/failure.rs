//! Why an attempt did not complete, whose fault that was, and whether another try makes sense.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::Json;
use crate::limits::Limits;
use crate::redact::redact;

/// The longest message a failure keeps, in bytes; the rest is cut and marked.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// A typed reason why an attempt did not complete. `message` is hostile text: escape it where it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// One sentence for people; at most [`MAX_MESSAGE_BYTES`].
    pub message: String,
    /// What the handler added, JSON that passed the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Json>,
    /// What the handler said about another try.
    #[serde(default, skip_serializing_if = "RetryHint::is_none")]
    pub retry: RetryHint,
}

impl Failure {
    /// A failure of this kind; a message over [`MAX_MESSAGE_BYTES`] is cut at a character and marked `…`.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // Postgres text cannot hold NUL.
        if message.contains('\0') {
            message = message.replace('\0', "\u{fffd}");
        }
        if message.len() > MAX_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES - '…'.len_utf8()));
            message.push('…');
        }
        Self { kind, message, details: None, retry: RetryHint::default() }
    }

    /// The failure of an attempt that reached its deadline.
    pub fn timed_out(limits: &Limits) -> Self {
        Self::new(FailureKind::Timeout, format!("task timed out after {}ms", limits.timeout_ms))
    }
}

impl Failure {
    /// The same with what is named like a secret in its details hidden.
    #[must_use]
    pub fn redacted(self) -> Self {
        Self { details: self.details.map(redact), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// What a handler error says about another try; it never exceeds the budget of attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryHint {
    /// Whether to try again; absent: the kind's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<bool>,
    /// When, in place of the backoff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl RetryHint {
    /// True when the handler said nothing.
    pub fn is_none(&self) -> bool {
        self.retry.is_none() && self.retry_after_ms.is_none()
    }
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The handler or its data.
    Guest,
    /// Stepcell or the machine it runs on.
    Host,
    /// What the tenant configured: grants, components.
    Tenant,
}

macro_rules! failure_kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal, $blame:ident, retried: $retried:literal;)*) => {
        /// The kinds of failure, each distinct; the text is the same in SQL, JSON and the CLI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FailureKind {
            $($(#[doc = $doc])* $variant,)*
            /// The handler said so.
            HandlerError(HandlerErrorKind),
        }

        impl FailureKind {
            /// Every kind, for tests and documentation.
            pub const ALL: &'static [FailureKind] = &[
                $(FailureKind::$variant,)*
                FailureKind::HandlerError(HandlerErrorKind::Validation),
                FailureKind::HandlerError(HandlerErrorKind::Execution),
                FailureKind::HandlerError(HandlerErrorKind::Configuration),
                FailureKind::HandlerError(HandlerErrorKind::Dependency),
            ];

            /// The kind as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::HandlerError(HandlerErrorKind::Validation) => "handler_error.validation",
                    Self::HandlerError(HandlerErrorKind::Execution) => "handler_error.execution",
                    Self::HandlerError(HandlerErrorKind::Configuration) => "handler_error.configuration",
                    Self::HandlerError(HandlerErrorKind::Dependency) => "handler_error.dependency",
                }
            }

            /// Whose fault it is.
            pub fn blame(self) -> Blame {
                match self {
                    $(Self::$variant => Blame::$blame,)*
                    Self::HandlerError(_) => Blame::Guest,
                }
            }

            /// Whether another attempt is made when the handler gave no hint.
            pub fn retried_by_default(self) -> bool {
                match self {
                    $(Self::$variant => $retried,)*
                    Self::HandlerError(kind) => match kind {
                        HandlerErrorKind::Validation | HandlerErrorKind::Configuration => false,
                        HandlerErrorKind::Execution | HandlerErrorKind::Dependency => true,
                    },
                }
            }
        }
    };
}

failure_kinds! {
    /// The attempt reached its deadline.
    Timeout = "timeout", Guest, retried: true;
    /// The attempt used all the fuel it was given.
    OutOfFuel = "out_of_fuel", Guest, retried: true;
    /// A memory or table would have grown over the attempt's cap.
    MemoryExceeded = "memory_exceeded", Guest, retried: true;
    /// The guest's stack ran out.
    StackOverflow = "stack_overflow", Guest, retried: true;
    /// The guest trapped: `unreachable`, out of bounds, division by zero, ...; the message names which.
    Trap = "trap", Guest, retried: true;
    /// The guest broke the canonical ABI: a bad pointer, invalid UTF-8, a bad discriminant.
    AbiViolation = "abi_violation", Guest, retried: true;
    /// The answer did not pass the JSON gate.
    InvalidOutput = "invalid_output", Guest, retried: false;
    /// The answer is larger than the step's output limit.
    OutputTooLarge = "output_too_large", Guest, retried: false;
    /// The input or the answer does not match the step's JSON Schema.
    SchemaMismatch = "schema_mismatch", Guest, retried: false;
    /// What the step asks for does not hold, and its policy is to fail.
    ConditionUnmet = "condition_unmet", Tenant, retried: false;
    /// The guest used something the flow version does not grant.
    CapabilityDenied = "capability_denied", Tenant, retried: false;
    /// A circuit breaker is open.
    DependencyUnavailable = "dependency_unavailable", Guest, retried: true;
    /// The tenant has taken all it may.
    QuotaExceeded = "quota_exceeded", Tenant, retried: true;
    /// The run had not ended by its deadline.
    DeadlineExceeded = "deadline_exceeded", Tenant, retried: false;
    /// The worker that held the task stopped beating; it has a limit of its own.
    WorkerLost = "worker_lost", Host, retried: true;
    /// The run ended while the attempt was at work.
    Interrupted = "interrupted", Tenant, retried: false;
    /// The handler asked for its step to be skipped; the message is its reason.
    Skipped = "skipped", Guest, retried: false;
    /// The task went through as many phases as it may.
    TooManyPhases = "too_many_phases", Guest, retried: false;
    /// A fault of the host; the guest is not to blame.
    HostInternal = "host_internal", Host, retried: true;
    /// The component is missing or cannot be loaded.
    ComponentUnavailable = "component_unavailable", Tenant, retried: true;
}

/// The kind a handler gives its own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HandlerErrorKind {
    /// The input is wrong; trying again cannot help.
    Validation,
    /// The work failed.
    Execution,
    /// The handler is set up wrongly; trying again cannot help.
    Configuration,
    /// Something the handler needs is not there right now.
    Dependency,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for FailureKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|kind| kind.as_str() == text);
        found.copied().ok_or_else(|| format!("`{text}` is not a failure kind"))
    }
}

impl Serialize for FailureKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FailureKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
