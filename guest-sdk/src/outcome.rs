//! What an attempt of a durable handler ends in.

use std::time::Duration;

use serde::Serialize;

use crate::bindings::stepcell::handler::types::{
    AwaitSignals, ChildStart, Next, Outcome as WireOutcome, Retry, Sleep, Spawn,
};
use crate::error::Error;
use crate::handler::write;

/// What follows from an attempt of a durable handler. Nothing survives the attempt but the `state` given here: the next
/// phase reads it with [`Context::state`](crate::Context::state).
///
/// What cannot be written as JSON makes the attempt fail; it is not tried again.
#[derive(Debug)]
#[must_use = "an outcome does nothing unless the handler answers it"]
pub struct Outcome(Result<WireOutcome, Error>);

/// A child run to start: see [`Outcome::spawn`].
#[derive(Debug)]
pub struct Child(Result<ChildStart, Error>);

impl Outcome {
    /// The task is done, with this output.
    pub fn complete(output: &impl Serialize) -> Self {
        Self(write(output).map(WireOutcome::Complete))
    }

    /// Commits the state and goes on at the phase at once, in a fresh instance. Attempts are counted anew there.
    pub fn next(phase: impl Into<String>, state: &impl Serialize) -> Self {
        let phase = phase.into();
        Self(write(state).map(|state| WireOutcome::Next(Next { phase, state })))
    }

    /// Tries the same phase again; it counts as an attempt. What was awaited stays in the inbox.
    pub fn retry() -> Self {
        Self(Ok(WireOutcome::Retry(Retry { state: None, after_ms: None })))
    }

    /// Waits, holding nothing, then goes on at the phase. A year is the most.
    pub fn sleep(wait: Duration, phase: impl Into<String>, state: &impl Serialize) -> Self {
        let (phase, for_ms) = (phase.into(), milliseconds(wait));
        Self(write(state).map(|state| WireOutcome::Sleep(Sleep { phase, state, for_ms })))
    }

    /// Waits, holding nothing, until any of these signals is in the run's inbox, then goes on at the phase, which reads
    /// them with [`Context::awaited`](crate::Context::awaited). 32 names are the most.
    pub fn await_signals<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
        phase: impl Into<String>,
        state: &impl Serialize,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        let (phase, timeout_ms) = (phase.into(), None);
        Self(write(state).map(|state| {
            WireOutcome::AwaitSignals(AwaitSignals { names, phase, state, timeout_ms })
        }))
    }

    /// Starts child runs and waits, holding nothing, until all of them ended, well or not; then goes on at the phase, which
    /// reads them with [`Context::children`](crate::Context::children). 10,000 are the most.
    pub fn spawn(
        children: impl IntoIterator<Item = Child>,
        phase: impl Into<String>,
        state: &impl Serialize,
    ) -> Self {
        let children: Result<Vec<_>, _> = children.into_iter().map(|child| child.0).collect();
        let phase = phase.into();
        let spawn = |children, state| WireOutcome::Spawn(Spawn { children, phase, state });
        Self(children.and_then(|children| Ok(spawn(children, write(state)?))))
    }

    /// The step is skipped, for this reason; what depends on it goes on without its output.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self(Ok(WireOutcome::Skip(reason.into())))
    }

    /// The task failed for good, whatever attempts are left.
    pub fn fail(error: Error) -> Self {
        Self(Ok(WireOutcome::Fail(error.into_wire())))
    }

    /// When to try again, in place of the step's backoff. Only [`Outcome::retry`] has it.
    pub fn after(mut self, wait: Duration) -> Self {
        if let Ok(WireOutcome::Retry(retry)) = &mut self.0 {
            retry.after_ms = Some(milliseconds(wait));
        }
        self
    }

    /// What to keep in place of the state. Only [`Outcome::retry`] has it; the others are given theirs.
    pub fn state(mut self, state: &impl Serialize) -> Self {
        if let Ok(WireOutcome::Retry(retry)) = &mut self.0 {
            match write(state) {
                Ok(state) => retry.state = Some(state),
                Err(error) => self.0 = Err(error),
            }
        }
        self
    }

    /// When to go on without a signal: the phase then finds none awaited. Only [`Outcome::await_signals`] has it.
    pub fn timeout(mut self, wait: Duration) -> Self {
        if let Ok(WireOutcome::AwaitSignals(awaits)) = &mut self.0 {
            awaits.timeout_ms = Some(milliseconds(wait));
        }
        self
    }

    pub(crate) fn into_wire(self) -> Result<WireOutcome, Error> {
        self.0
    }
}

impl Child {
    /// A run of this flow's active version.
    pub fn new(flow: impl Into<String>, input: &impl Serialize) -> Self {
        let flow = flow.into();
        Self(write(input).map(|input| ChildStart { flow, input, key: None }))
    }

    /// Names it among the children of its task: the same key twice is one child. Up to 255 bytes.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        if let Ok(start) = &mut self.0 {
            start.key = Some(key.into());
        }
        self
    }
}

fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
