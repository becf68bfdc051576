//! What a handler can ask about its attempt.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::bindings::stepcell::handler::types::Task;
use crate::error::Error;
use crate::host;

/// The attempt a handler runs in. Each question is a call into the host and costs a little fuel.
///
/// ```
/// use stepcell_guest::{Context, Error};
///
/// fn charge(context: Context, cents: u64) -> Result<String, Error> {
///     let task = context.task();
///     Ok(format!("{cents} charged once under {}", task.idempotency_key))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Context(pub(crate) ());

impl Context {
    /// Who is calling: tenant, run, flow and version, step, index, attempt, idempotency key.
    pub fn task(self) -> Task {
        host::task()
    }

    /// 1-based number of this try.
    pub fn attempt(self) -> u32 {
        self.task().attempt
    }

    /// True on the last try there will be.
    pub fn is_last_attempt(self) -> bool {
        let task = self.task();
        task.attempt >= task.max_attempts
    }

    /// The input the run was started with; it is transferred with this call.
    pub fn flow_input<T: DeserializeOwned>(self) -> Result<T, Error> {
        let text = host::flow_input();
        serde_json::from_str(&text)
            .map_err(|error| Error::validation(format!("the flow's input does not fit: {error}")))
    }

    /// Until the deadline of this attempt.
    pub fn remaining(self) -> Duration {
        Duration::from_millis(host::remaining_ms())
    }

    /// True once the run was cancelled: a handler that looks can tidy up.
    pub fn cancelled(self) -> bool {
        host::cancelled()
    }
}
