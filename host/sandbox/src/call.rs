//! Runs one attempt: a fresh store, an instance, one call; whatever happens becomes a report.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use model::{Failure, FailureKind, Input, Json, Limits, LogLine, Receipt, TaskContext};
use wasmtime::component::ComponentExportIndex;
use wasmtime::{Engine, Store};

use crate::attempt::{Attempt, bound, is_overdrawn};
use crate::fair::{Cpu, Spent};
use crate::fault::{Fault, Stage, classify, out_of_fuel};
use crate::interfaces::source::PrepareAnswer;
use crate::interfaces::types::{
    Answer, CompensateAnswer, DurableAnswer, HandlerError, OnErrorAnswer, WireFailure, WireInput,
    WireOutcome,
};
use crate::load::Compiled;
use crate::ports::Ports;
use crate::said::{Said, SaidGoOn};
use crate::stop::Stop;

/// What an attempt that was stopped from outside is charged at least, in fuel for each microsecond on a processor.
const FUEL_PER_US: u64 = 1_000;

/// One attempt to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// What the handler works on.
    pub input: Input,
    /// What it can read about itself.
    pub context: TaskContext,
    /// The input the run was started with, handed over only if the guest asks; absent reads as `null`.
    pub flow_input: Option<Json>,
    /// What it may use.
    pub limits: Limits,
    /// Stops it from outside.
    pub stop: Stop,
    /// What it was granted beyond computing.
    pub ports: Ports,
}

/// What an attempt did and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub ended: Ended,
    /// What it used.
    pub receipt: Receipt,
    /// What it wrote to its log, hostile text within the budget.
    pub log: Vec<LogLine>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The handler's answer: text within the output limit that has not passed the JSON gate yet.
    Answered(String),
    /// A durable handler wants its step skipped, and says why.
    Skipped(String),
    /// A durable handler goes on later or elsewhere; its texts are within the output limit and otherwise unchecked.
    GoesOn(SaidGoOn),
    /// It did not answer.
    Failed(Failure),
    /// A durable handler wants no more attempts.
    GaveUp(Failure),
    /// `on-error` leaves the failure as it is.
    Undecided,
    /// It was cancelled through its [`Stop`].
    Cancelled,
    /// It never began: its tenant may run nothing here now.
    NoRoom,
}

/// Which export is called.
#[derive(Clone, Copy)]
pub(crate) enum Export<'a> {
    /// The handler.
    Handle,
    /// `describe`, which takes nothing and answers text.
    Describe(ComponentExportIndex),
    /// `on-error`, told what the attempt before failed with.
    OnError(ComponentExportIndex, &'a Failure),
    /// `compensate`, given what the task answered.
    Compensate(ComponentExportIndex, &'a Json),
    /// `prepare`, given a source; its answer is left here.
    Prepare(ComponentExportIndex, &'a str, &'a OnceLock<PrepareAnswer>),
}

/// What `on-error` may use: it decides, it does not work.
pub(crate) fn on_error_limits(limits: &Limits) -> Limits {
    Limits {
        fuel: limits.fuel.min(500_000_000),
        timeout_ms: limits.timeout_ms.min(5_000),
        ..*limits
    }
}

/// What attempts run on.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) cpu: &'a Cpu,
}

/// How far an attempt has come; outlives the future that is dropped when it is stopped.
struct Progress {
    stage: Stage,
    instantiated: Option<Duration>,
    spent: Spent,
}

/// What is to be done in the store.
struct Work<'a> {
    cpu: &'a Cpu,
    compiled: &'a Compiled,
    export: Export<'a>,
    input: &'a Input,
    limits: &'a Limits,
}

/// Makes the attempt. Never errs, and returns soon after the deadline whatever the guest does.
pub(crate) async fn run(
    runner: Runner<'_>,
    compiled: &Compiled,
    export: Export<'_>,
    call: Call,
) -> Report {
    run_timed(runner, compiled, export, call).await.0
}

/// The same, and how long it had a processor.
pub(crate) async fn run_timed(
    runner: Runner<'_>,
    compiled: &Compiled,
    export: Export<'_>,
    call: Call,
) -> (Report, Duration) {
    let Call { input, context, flow_input, limits, stop, ports } = call;
    let mut receipt = Receipt { input_bytes: input.bytes() as u64, ..Receipt::default() };
    if receipt.input_bytes > limits.input_bytes {
        let ended = Ended::Failed(input_too_large(receipt.input_bytes, &limits));
        return (Report { ended, receipt, log: Vec::new() }, Duration::ZERO);
    }
    let attempt = Attempt::new(&limits, context, flow_input, stop)
        .with_ports(ports)
        .with_program(compiled.program.as_ref().map(|(program, _)| Arc::clone(program)));
    let attempt = if compiled.wants_wasi { attempt.with_wasi() } else { attempt };
    let log = attempt.log.clone();
    let mut store = Store::new(runner.engine, attempt);
    let mut progress =
        Progress { stage: Stage::Instantiate, instantiated: None, spent: Spent::default() };
    let work = Work { cpu: runner.cpu, compiled, export, input: &input, limits: &limits };
    let answer = guarded(&mut store, &work, &mut progress).await;
    let ended = end(answer, &store, &limits, &mut receipt);
    settle(&mut receipt, store, &progress, &limits, &ended);
    let (lines, log_bytes) = log.lock().finish();
    receipt.log_bytes = log_bytes;
    (Report { ended, receipt, log: lines }, progress.spent.total())
}

/// The answer, or why there is none; the clock, the stop handle and a panic of the host all end it.
async fn guarded(
    store: &mut Store<Attempt>,
    work: &Work<'_>,
    progress: &mut Progress,
) -> Result<Result<Said, HandlerError>, Fault> {
    let stop = store.data().stop.clone();
    let limits = work.limits;
    let ended = {
        let (cpu, tenant, spent) = (work.cpu, work.compiled.tenant, progress.spent.clone());
        let work = AssertUnwindSafe(drive(store, work, progress)).catch_unwind();
        let work = cpu.run(tenant, &spent, work);
        // The work comes first: an answer that is there is taken even if the attempt was cancelled just now.
        tokio::select! {
            biased;
            done = tokio::time::timeout(limits.timeout(), work) => match done {
                Ok(Ok(done)) => done,
                Ok(Err(_panic)) => {
                    let message = "the host failed while it ran the attempt; its log has the details";
                    return Err(Fault::Failed(Failure::new(FailureKind::HostInternal, message)));
                }
                Err(_elapsed) => return Err(Fault::Failed(Failure::timed_out(limits))),
            },
            () = stop.cancelled() => return Err(Fault::Cancelled),
        }
    };
    ended.map_err(|error| classify(&error, progress.stage, store.data(), limits))
}

async fn drive(
    store: &mut Store<Attempt>,
    work: &Work<'_>,
    progress: &mut Progress,
) -> wasmtime::Result<Result<Said, HandlerError>> {
    bound(store, work.limits, work.compiled.checks)?;
    let instance = work.compiled.pre.instantiate_async(&mut *store).await?;
    progress.instantiated = Some(store.data().started.elapsed());
    progress.stage = Stage::Call;
    // Each call includes post-return.
    match work.export {
        Export::Handle if work.compiled.durable => {
            let index = &work.compiled.handle;
            let handle = instance
                .get_typed_func::<(WireInput<'_>,), (DurableAnswer,)>(&mut *store, index)?;
            let (answer,) = handle.call_async(&mut *store, (WireInput::from(work.input),)).await?;
            Ok(answer.map(WireOutcome::into_said))
        }
        Export::Handle => {
            let handle = instance.get_typed_func::<(WireInput<'_>,), (Answer,)>(
                &mut *store,
                &work.compiled.handle,
            )?;
            let (answer,) = handle.call_async(&mut *store, (WireInput::from(work.input),)).await?;
            Ok(answer.map(Said::Complete))
        }
        Export::Describe(index) => {
            let describe = instance.get_typed_func::<(), (String,)>(&mut *store, &index)?;
            Ok(Ok(Said::Complete(describe.call_async(&mut *store, ()).await?.0)))
        }
        Export::Compensate(index, output) => {
            let compensate = instance
                .get_typed_func::<(WireInput<'_>, &str), (CompensateAnswer,)>(
                    &mut *store,
                    &index,
                )?;
            let told = (WireInput::from(work.input), output.as_str());
            let (answer,) = compensate.call_async(&mut *store, told).await?;
            Ok(answer.map(|()| Said::Complete("null".to_owned())))
        }
        Export::Prepare(index, text, place) => {
            let prepare =
                instance.get_typed_func::<(&str,), (PrepareAnswer,)>(&mut *store, &index)?;
            let (answer,) = prepare.call_async(&mut *store, (text,)).await?;
            let _ = place.set(answer);
            Ok(Ok(Said::Nothing))
        }
        Export::OnError(index, failure) => {
            let on_error = instance
                .get_typed_func::<(WireInput<'_>, WireFailure<'_>), (OnErrorAnswer,)>(
                    &mut *store,
                    &index,
                )?;
            let told = (WireInput::from(work.input), WireFailure::from(failure));
            let (answer,) = on_error.call_async(&mut *store, told).await?;
            Ok(answer.map(|said| said.map_or(Said::Nothing, WireOutcome::into_said)))
        }
    }
}

fn end(
    answer: Result<Result<Said, HandlerError>, Fault>,
    store: &Store<Attempt>,
    limits: &Limits,
    receipt: &mut Receipt,
) -> Ended {
    let answer = match answer {
        Ok(answer) => answer,
        Err(Fault::Failed(failure)) => return Ended::Failed(failure),
        Err(Fault::Cancelled) => return Ended::Cancelled,
    };
    if let Ok(said) = &answer {
        receipt.output_bytes = said.bytes();
    }
    if is_overdrawn(store) {
        return Ended::Failed(out_of_fuel(limits));
    }
    // A guest that never reached an epoch check can answer after its deadline: too late is too late.
    if store.data().remaining().is_zero() {
        return Ended::Failed(Failure::timed_out(limits));
    }
    match answer {
        Ok(said) if said.bytes() > limits.output_bytes => {
            let (bytes, limit) = (said.bytes(), limits.output_bytes);
            let message = format!("the answer has {bytes} bytes, the limit is {limit}");
            Ended::Failed(Failure::new(FailureKind::OutputTooLarge, message))
        }
        Ok(Said::Complete(text)) => Ended::Answered(text),
        Ok(Said::Fail(error)) => Ended::GaveUp(error.into_failure()),
        Ok(Said::Nothing) => Ended::Undecided,
        Ok(Said::Skip(reason)) => Ended::Skipped(reason),
        Ok(Said::GoOn(go_on)) => Ended::GoesOn(go_on),
        Err(error) => Ended::Failed(error.into_failure()),
    }
}

/// Completes the receipt and drops the store, which is part of what the attempt costs.
fn settle(
    receipt: &mut Receipt,
    store: Store<Attempt>,
    progress: &Progress,
    limits: &Limits,
    ended: &Ended,
) {
    let attempt = store.data();
    let started = attempt.started;
    let counted = limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0));
    let used = counted.saturating_add(attempt.unpaid_fuel).min(limits.fuel);
    receipt.fuel = if stopped_from_outside(ended) {
        // The counter was in a register when the guest was stopped.
        used.max(microseconds(progress.spent.total()).saturating_mul(FUEL_PER_US)).min(limits.fuel)
    } else {
        used
    };
    receipt.peak_memory_bytes = attempt.limiter.peak_bytes();
    receipt.host_calls = attempt.host_calls;
    receipt.instantiate_us = microseconds(progress.instantiated.unwrap_or_default());
    drop(store);
    receipt.wall_us = microseconds(started.elapsed());
}

fn stopped_from_outside(ended: &Ended) -> bool {
    match ended {
        Ended::Cancelled => true,
        Ended::NoRoom => false,
        Ended::Failed(failure) => failure.kind == FailureKind::Timeout,
        Ended::Answered(_)
        | Ended::Skipped(_)
        | Ended::GoesOn(_)
        | Ended::GaveUp(_)
        | Ended::Undecided => false,
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn input_too_large(bytes: u64, limits: &Limits) -> Failure {
    let message = format!(
        "the input has {bytes} bytes, the limit is {}; let the steps before answer less",
        limits.input_bytes
    );
    Failure::new(FailureKind::SchemaMismatch, message)
}
