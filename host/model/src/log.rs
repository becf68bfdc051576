//! What a guest wrote to its log: hostile text, capped, one line at a time.

use serde::{Deserialize, Serialize};

use crate::json::Json;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// The finest detail.
    Trace,
    /// Detail for the author of the handler.
    Debug,
    /// What happened.
    Info,
    /// Something is off.
    Warn,
    /// Something failed.
    Error,
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogSource {
    /// The `log` interface.
    Log,
    /// The guest's standard output.
    Stdout,
    /// The guest's standard error.
    Stderr,
    /// The host: a `truncated` record where the budget ended.
    Host,
}

/// One line of an attempt's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Microseconds since the attempt began.
    pub at_us: u64,
    /// How much it matters.
    pub level: LogLevel,
    /// Where it came from.
    pub source: LogSource,
    /// What it says; without NUL.
    pub message: String,
    /// Structured fields, JSON that passed the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Json>,
}
