//! What a durable handler can ask: its phase and state, the signals it was woken for, the children it started.

use serde::de::DeserializeOwned;

use crate::bindings::stepcell::handler::types::{
    Child as WireChild, ChildStatus, Signal as WireSignal,
};
use crate::context::Context;
use crate::error::Error;
use crate::host;

impl Context {
    /// Where the task goes on: what the outcome before named; empty at first.
    pub fn phase(self) -> String {
        self.task().phase
    }

    /// What the phase before kept; `None` at the first phase.
    pub fn state<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        host::state().map(|text| read(&text, "state of the phase before")).transpose()
    }

    /// The signals this attempt was woken for; empty when the wait timed out. Progress takes exactly these out of the
    /// inbox.
    pub fn awaited(self) -> Vec<Signal> {
        host::awaited().into_iter().map(Signal).collect()
    }

    /// Every signal of the run that nobody consumed yet.
    pub fn inbox(self) -> Vec<Signal> {
        host::inbox().into_iter().map(Signal).collect()
    }

    /// The children this task spawned, in order, all of them ended.
    pub fn children(self) -> Vec<EndedChild> {
        host::children().into_iter().map(EndedChild).collect()
    }
}

/// A message in a run's inbox.
#[derive(Clone, Debug)]
pub struct Signal(WireSignal);

impl Signal {
    /// Its place in the inbox.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What was sent.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read(&self.0.payload, &format!("payload of signal `{}`", self.0.name))
    }
}

/// A child run that ended.
#[derive(Clone, Debug)]
pub struct EndedChild(WireChild);

impl EndedChild {
    /// The run.
    pub fn run_id(&self) -> &str {
        &self.0.run_id
    }

    /// The key it was spawned with.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// True when it completed; else it failed or was cancelled.
    pub fn is_completed(&self) -> bool {
        self.0.status == ChildStatus::Completed
    }

    /// Its output; an error where it did not complete, with what it failed with.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match &self.0.output {
            Some(output) => read(output, &format!("output of child run {}", self.0.run_id)),
            None => Err(Error::execution(format!(
                "child run {} has no output: {}",
                self.0.run_id,
                self.0.error.as_deref().unwrap_or("it was cancelled")
            ))),
        }
    }

    /// What it failed with.
    pub fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }
}

fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::validation(format!("the {what} does not fit: {error}")))
}
