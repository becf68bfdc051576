//! Asks a component what it carries, within a budget of its own.

use model::limits::MAX_DESCRIPTION_BYTES;
use model::{Failure, Input, Json, Limits, Memory, Name, RunId, TaskContext};

use crate::call::{Call, Ended, Export, Runner, run};
use crate::load::Compiled;
use crate::ports::Ports;
use crate::stop::Stop;

/// What `describe` may use: it answers a constant.
const BUDGET: Limits = Limits {
    fuel: 500_000_000,
    timeout_ms: 2_000,
    memory_bytes: 64 * 1024 * 1024,
    input_bytes: 1_024,
    output_bytes: MAX_DESCRIPTION_BYTES as u64,
    log_bytes: 4 * 1024,
    log_records: 32,
};

/// See [`crate::Sandbox::describe`].
pub(crate) async fn describe(
    runner: Runner<'_>,
    compiled: &Compiled,
) -> Result<Option<String>, Failure> {
    let Some(index) = compiled.describe else {
        return Ok(None);
    };
    match run(runner, compiled, Export::Describe(index), nobodys_call(BUDGET)).await.ended {
        Ended::Answered(text) => Ok(Some(text)),
        Ended::Failed(failure) => Err(failure),
        Ended::Skipped(_)
        | Ended::GoesOn(_)
        | Ended::GaveUp(_)
        | Ended::Undecided
        | Ended::Cancelled
        | Ended::NoRoom => {
            unreachable!("`describe` answers text, and nobody else has the stop handle")
        }
    }
}

/// A call that belongs to no run, with nothing granted.
pub(crate) fn nobodys_call(limits: Limits) -> Call {
    Call {
        input: Input::Flow(Json::null()),
        context: nobody(),
        flow_input: None,
        limits,
        stop: Stop::new(),
        ports: Ports::default(),
    }
}

fn nobody() -> TaskContext {
    let name: Name = "describe".parse().expect("it has the form of a name");
    let run_id: RunId =
        "00000000-0000-0000-0000-000000000000".parse().expect("it has the form of a UUID");
    TaskContext {
        tenant: String::new(),
        run_id,
        flow: name.clone(),
        flow_version: 0,
        step: name,
        handler: String::new(),
        index: 0,
        attempt: 1,
        max_attempts: 1,
        phase: String::new(),
        phase_number: 0,
        compensates: false,
        traceparent: None,
        memory: Memory::default(),
    }
}
