//! What a handler says when it cannot answer.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use crate::bindings::stepcell::handler::types::ErrorKind;
use crate::bindings::stepcell::handler::types::HandlerError;

/// Why a handler could not answer, and whether another try makes sense.
///
/// ```
/// use std::time::Duration;
/// use stepcell_guest::Error;
///
/// Error::dependency("the price list is being rebuilt").retry_after(Duration::from_secs(30));
/// Error::execution("account 17 is closed").retry(false).details(&["account", "17"]);
/// ```
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    details: Option<String>,
    retry: Option<bool>,
    retry_after: Option<Duration>,
}

impl Error {
    /// The input is wrong. Not tried again unless [`Error::retry`] says so.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Validation, message)
    }

    /// The work failed. Tried again.
    pub fn execution(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Execution, message)
    }

    /// The handler is set up wrongly. Not tried again unless [`Error::retry`] says so.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// Something the handler needs is not there right now. Tried again.
    pub fn dependency(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Dependency, message)
    }

    /// An error of this kind. The host keeps 8 KiB of the message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: None, retry: None, retry_after: None }
    }

    /// Whether to try again, whatever the kind says. Never exceeds the step's attempts.
    #[must_use]
    pub fn retry(mut self, retry: bool) -> Self {
        self.retry = Some(retry);
        self
    }

    /// When to try again, in place of the step's backoff; whole milliseconds.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds what a program may want to read. What cannot be written as JSON is left out.
    #[must_use]
    pub fn details(mut self, details: impl Serialize) -> Self {
        self.details = serde_json::to_string(&details).ok();
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What was added for programs, as JSON text.
    pub fn details_text(&self) -> Option<&str> {
        self.details.as_deref()
    }

    /// When another try was asked for, if it was.
    pub fn asks_to_retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What was said about another try, if anything.
    pub fn asks_to_retry(&self) -> Option<bool> {
        self.retry
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Every error is a failed execution, its causes joined by `: `. So that this can be, [`Error`] is not a
/// `std::error::Error` itself.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::execution(message)
    }
}

impl Error {
    /// As it crosses the line.
    pub(crate) fn into_wire(self) -> HandlerError {
        HandlerError {
            kind: self.kind,
            message: self.message,
            details: self.details,
            retry: self.retry,
            retry_after_ms: self
                .retry_after
                .map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
