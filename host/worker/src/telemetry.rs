//! What is told of every attempt while it happens, for whoever subscribes to the target `stepcell::attempt` at the level
//! `debug`: `start`, and then `stop` with what it ended in or `exception` with why it failed. No input, no output, no
//! state: names, numbers and the failure.

use std::sync::Arc;
use std::time::Instant;

use model::{Outcome, Version};
use store::RunFacts;

use crate::attempt::{Attempt, Made, Try};

/// An attempt that was told of.
pub(crate) struct Telling(Option<Told>);

struct Told {
    run: Arc<RunFacts>,
    version: Arc<Version>,
    at: Try,
    began: Instant,
}

/// Says what has happened, with what names the attempt.
macro_rules! tell {
    ($told:expr, $event:literal, $($more:tt)*) => {{
        let Told { run, version, at, .. } = $told;
        tracing::debug!(
            target: "stepcell::attempt",
            event = $event,
            tenant = %run.tenant_name,
            run_id = %run.run_id,
            flow = %version.plan.definition.flow,
            version = run.version,
            step = %version.plan.step(at.task.step).name,
            index = at.task.index,
            phase = at.phase,
            attempt = at.attempt,
            traceparent = run.traceparent,
            $($more)*
        );
    }};
}

impl Telling {
    /// An attempt begins.
    pub(crate) fn start(attempt: &Attempt) -> Self {
        if !tracing::enabled!(target: "stepcell::attempt", tracing::Level::DEBUG) {
            return Self(None);
        }
        let (run, version) = (Arc::clone(&attempt.run), Arc::clone(&attempt.version));
        let told = Told { run, version, at: attempt.at, began: Instant::now() };
        tell!(&told, "start",);
        Self(Some(told))
    }

    /// It ended.
    pub(crate) fn end(mut self, made: &Made) {
        let Some(told) = self.0.take() else {
            return;
        };
        let duration_us = u64::try_from(told.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let fuel = made.receipt.fuel;
        let outcome = match &made.outcome {
            Some(Outcome::Fail(failure)) => {
                let (kind, message) = (failure.kind.as_str(), failure.message.as_str());
                tell!(&told, "exception", duration_us, fuel, kind, message);
                return;
            }
            Some(Outcome::Complete(_)) => "complete",
            Some(Outcome::Skip(_)) => "skip",
            Some(Outcome::GoOn(go_on)) => go_on.wait.as_str(),
            None if made.unmade.is_some() => "waits",
            None => "cancelled",
        };
        tell!(&told, "stop", duration_us, fuel, outcome);
    }
}

impl Drop for Telling {
    /// The host panicked in the middle of it; or is about to end, which says nothing of the attempt.
    fn drop(&mut self) {
        if let Some(told) = self.0.take().filter(|_| std::thread::panicking()) {
            tell!(&told, "exception", kind = "host_internal");
        }
    }
}
