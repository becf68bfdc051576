//! Says which failure an error of wasmtime is: everything a guest can do ends in one of these kinds.

use model::{Failure, FailureKind, Limits};
use wasmtime::component::ResourceTableError;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::attempt::{Attempt, Interrupted};

/// How far the attempt had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Making the instance, `start` functions included.
    Instantiate,
    /// Giving the input, running, taking the answer, post-return.
    Call,
}

/// What an attempt that did not answer ended in.
pub(crate) enum Fault {
    Failed(Failure),
    Cancelled,
}

/// The failure of an attempt that used all it could.
pub(crate) fn out_of_fuel(limits: &Limits) -> Failure {
    let message = format!("the attempt used all of its {} fuel", limits.fuel);
    Failure::new(FailureKind::OutOfFuel, message)
}

/// Decides what an error means.
pub(crate) fn classify(error: &Error, stage: Stage, attempt: &Attempt, limits: &Limits) -> Fault {
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        return match interrupted {
            Interrupted::Deadline => Fault::Failed(Failure::timed_out(limits)),
            Interrupted::Stopped => Fault::Cancelled,
        };
    }
    let (kind, message) = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Fault::Failed(out_of_fuel(limits)),
        Some(trap) => trapped(*trap, error, attempt, limits),
        None => broke(error, stage, attempt, limits),
    };
    Fault::Failed(Failure::new(kind, message))
}

fn trapped(trap: Trap, error: &Error, attempt: &Attempt, limits: &Limits) -> (FailureKind, String) {
    if trap == Trap::StackOverflow {
        let message = format!("the guest's stack ran out{}", place(error));
        return (FailureKind::StackOverflow, message);
    }
    // What a language does when nothing can grow: it gives up, or touches what it did not get.
    let gives_up = [Trap::UnreachableCodeReached, Trap::MemoryOutOfBounds, Trap::TableOutOfBounds];
    if gives_up.contains(&trap) && attempt.limiter.refused() {
        return (FailureKind::MemoryExceeded, memory_message(limits));
    }
    if trap == Trap::CannotEnterComponent || trap == Trap::CannotLeaveComponent {
        return (FailureKind::AbiViolation, format!("{}{}", kind_of(trap), place(error)));
    }
    (FailureKind::Trap, format!("{}{}", kind_of(trap), place(error)))
}

fn kind_of(trap: Trap) -> String {
    let text = trap.to_string();
    text.strip_prefix("wasm trap: ").map_or_else(|| text.clone(), str::to_owned)
}

fn broke(error: &Error, stage: Stage, attempt: &Attempt, limits: &Limits) -> (FailureKind, String) {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        let message = format!("the guest exited with status {} before it answered", exit.0);
        return (FailureKind::Trap, message);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return (FailureKind::HostInternal, "no slot was free for the instance; try again".into());
    }
    let root = error.root_cause().to_string();
    let no_room = stage == Stage::Instantiate || root.starts_with("realloc return");
    if no_room && attempt.limiter.refused() {
        return (FailureKind::MemoryExceeded, memory_message(limits));
    }
    if error.is::<ResourceTableError>() {
        let message =
            format!("the guest holds too many handles, or one it does not own{}", place(error));
        return (FailureKind::Trap, message);
    }
    // What WASI says to a request for too many random bytes; it has no type either.
    if root.starts_with("requested len") {
        return (FailureKind::Trap, format!("random bytes: {root}{}", place(error)));
    }
    // Wasmtime has no type for it. Without guest frames it was the answer that was being copied.
    if root.contains("fuel allocated for hostcalls has been exhausted") {
        return match place(error) {
            frames if frames.is_empty() => (
                FailureKind::OutputTooLarge,
                format!("the answer is over {} bytes", limits.output_bytes),
            ),
            frames => {
                (FailureKind::AbiViolation, format!("a host call was given too much data{frames}"))
            }
        };
    }
    match stage {
        Stage::Instantiate => (FailureKind::HostInternal, format!("could not instantiate: {root}")),
        Stage::Call => (FailureKind::AbiViolation, format!("{root}{}", place(error))),
    }
}

fn memory_message(limits: &Limits) -> String {
    format!(
        "the attempt's memories and tables would have grown over {} bytes or 20,000 table elements",
        limits.memory_bytes
    )
}

/// `" in `name`"` for the innermost function that has a name; empty when no guest code was on the stack.
fn place(error: &Error) -> String {
    const MOST_CHARACTERS: usize = 200;
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let Some(frame) = trace.frames().first() else {
        return String::new();
    };
    match frame.func_name() {
        Some(name) => format!(" in `{}`", name.chars().take(MOST_CHARACTERS).collect::<String>()),
        None => format!(" in function {}", frame.func_index()),
    }
}
