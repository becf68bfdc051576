//! One attempt: the input is checked, the sandbox called, the answer checked.

use std::sync::Arc;
use std::time::Instant;

use model::{
    Blame, ClosedAttempt, Failure, FailureKind, GoOn, Input, Json, LogLine, Memory, Options,
    Outcome, Position, Receipt, Refusal, RunId, Step, TaskContext, TaskKey, Version,
};
use sandbox::{Call, Compiled, Ended, Stop};
use store::{ChildRun, Claim, Held, RunFacts, Seat};
use tokio::sync::mpsc;

use crate::admission::{self, Admitted};
use crate::builtin::{self, Task};
use crate::lane::Message;
use crate::memory::Recalled;
use crate::ports::{check_policy, ports};
use crate::telemetry::Telling;
use crate::told::Teller;
use crate::{Shared, callable, memory, quarantine};

/// Which try of which task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    pub(crate) task: TaskKey,
    /// 1-based number in its phase.
    pub(crate) attempt: u32,
    /// How many phases lie before it.
    pub(crate) phase: u32,
}

impl Try {
    /// Where a token stands that this try is made under.
    pub(crate) fn position(self) -> Position {
        let Self { task, attempt, phase } = self;
        Position::Task { task, attempt, phase }
    }

    /// The next one in the same phase.
    pub(crate) fn following(self) -> Self {
        Self { attempt: self.attempt + 1, ..self }
    }
}

/// An attempt to make.
pub(crate) struct Attempt {
    pub(crate) held: Held,
    pub(crate) run: Arc<RunFacts>,
    pub(crate) version: Arc<Version>,
    pub(crate) at: Try,
    /// True: its token is its own; false: one of a range's.
    pub(crate) alone: bool,
    pub(crate) input: Input,
    pub(crate) stop: Stop,
    pub(crate) seat: Seat,
}

/// An attempt that ended.
pub(crate) struct Closed {
    pub(crate) held: Held,
    pub(crate) run_id: RunId,
    pub(crate) at: Try,
    pub(crate) made: Made,
}

/// What an attempt made.
#[derive(Default)]
pub(crate) struct Made {
    /// `None`: it was cancelled.
    pub(crate) outcome: Option<Outcome>,
    /// What goes with the outcome of a durable handler.
    pub(crate) extra: Extra,
    /// Why no attempt was made.
    pub(crate) unmade: Option<Unmade>,
    /// The key under which it had a place.
    pub(crate) key: Option<String>,
    pub(crate) receipt: Receipt,
    pub(crate) log: Vec<LogLine>,
}

/// Why no attempt was made.
pub(crate) enum Unmade {
    /// The task was woken for nothing, and waits on.
    WaitsOn(GoOn),
    /// The token was given back in the store, and waits there.
    GivenBack,
    /// It has to wait, and needs a token of its own for that.
    Departs(FailureKind),
    /// It is given back as it is: it may run elsewhere, or later.
    NotHere,
}

/// What goes with the outcome of a durable handler.
#[derive(Default)]
pub(crate) struct Extra {
    /// What to keep; `None`: what was kept before.
    pub(crate) state: Option<Json>,
    /// The children to start.
    pub(crate) children: Vec<ChildRun>,
    /// The signals it was woken for, which progress consumes.
    pub(crate) awaited: Vec<i64>,
}

impl Made {
    /// No attempt was made.
    pub(crate) fn unmade(why: Unmade) -> Self {
        Self { unmade: Some(why), ..Self::default() }
    }

    /// It ended without a call.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { outcome: Some(Outcome::Fail(failure)), ..Self::default() }
    }
}

impl Closed {
    /// What the rule wants to know.
    pub(crate) fn for_rule(&self, outcome: Outcome, lost: u32) -> ClosedAttempt {
        let draw = model::backoff::Draw(rand::random::<f64>());
        let Try { task, attempt, phase } = self.at;
        ClosedAttempt { task, attempt, phase, lost, outcome, draw }
    }
}

/// Answers for its attempt whatever happens: if the host panics, the attempt ends as `host_internal`.
struct Answerer {
    lane: mpsc::UnboundedSender<Message>,
    closed: Option<Closed>,
}

impl Answerer {
    fn answer(mut self, made: Made) {
        if let Some(closed) = &mut self.closed {
            closed.made = made;
        }
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        if let Some(closed) = self.closed.take() {
            // A lane that ended has given the token back.
            let _ = self.lane.send(Message::Closed(Box::new(closed)));
        }
    }
}

/// Starts the attempt in a task of its own; the lane hears of its end.
pub(crate) fn launch(shared: &Arc<Shared>, attempt: Attempt) {
    let shared = Arc::clone(shared);
    let panicked =
        Failure::new(FailureKind::HostInternal, "the host failed while it ran the attempt");
    let answerer = Answerer {
        lane: shared.lane_of(attempt.run.run_id).clone(),
        closed: Some(Closed {
            held: attempt.held,
            run_id: attempt.run.run_id,
            at: attempt.at,
            made: Made::failed(panicked),
        }),
    };
    tokio::spawn(async move {
        let made = make(&shared, attempt).await;
        answerer.answer(made);
    });
}

/// Waits for nobody: an attempt that is not admitted yet gives its token back.
async fn make(shared: &Arc<Shared>, attempt: Attempt) -> Made {
    let admitted = match check_input(&attempt) {
        Ok(()) => admission::admit(shared, &attempt).await,
        Err(failure) => Err(failure),
    };
    let key = match admitted {
        Ok(Admitted::Now(key)) => Ok(key),
        Ok(Admitted::Later) => return Made::unmade(Unmade::GivenBack),
        Err(failure) => Err(failure),
    };
    let telling = Telling::start(&attempt);
    let mut made = match key {
        Ok(key) => Made { key, ..make_admitted(shared, attempt).await },
        Err(failure) => Made::failed(failure),
    };
    made.outcome = made.outcome.map(|outcome| match outcome {
        Outcome::Fail(failure) => Outcome::Fail(failure.redacted()),
        said @ (Outcome::Complete(_) | Outcome::Skip(_) | Outcome::GoOn(_)) => said,
    });
    telling.end(&made);
    made
}

fn check_input(attempt: &Attempt) -> Result<(), Failure> {
    let Attempt { version, at, input, .. } = attempt;
    let Some(schema) = version.input_schema(at.task.step) else {
        return Ok(());
    };
    let what = "was given an input that does not match its schema";
    let step = version.plan.step(at.task.step);
    schema.check(&input.value()).map_err(|refusal| mismatch(step, what, &refusal))
}

async fn make_admitted(shared: &Arc<Shared>, attempt: Attempt) -> Made {
    let Attempt { held, run, version, at, alone, input, stop, seat } = attempt;
    let _seat = seat;
    let step = version.plan.step(at.task.step);
    if let Err(failure) = check_policy(shared, step) {
        return Made::failed(failure);
    }
    if let Some(builtin) = &step.builtin {
        let task =
            Task { shared, held, run: &run, version: &version, at, input: &input, stop: &stop };
        return builtin::make(&task, builtin).await;
    }
    let Some(digest) = step.component else {
        let message = format!("step `{}` has nothing to do", step.name);
        return Made::failed(Failure::new(FailureKind::HostInternal, message));
    };
    let compiled = match callable::load(shared, held, (at, alone), digest).await {
        Ok(compiled) => compiled,
        Err(made) => return made,
    };
    let (phase, memory) = match recall(shared, &run, at, compiled.durable, &stop).await {
        Some(Ok(Recalled::Ready(phase, memory))) => (phase, memory),
        Some(Ok(Recalled::WaitsOn(go_on))) => {
            return Made::unmade(Unmade::WaitsOn(go_on));
        }
        Some(Err(failure)) => return Made::failed(failure),
        None => return Made::default(),
    };
    let options = options(&run, step);
    let awaited: Vec<i64> = memory.awaited().map(|signal| signal.id).collect();
    let context = TaskContext { phase, memory, ..context(&run, &version, at, &options) };
    let (flow_input, limits) = (Some(run.input.clone()), options.limits);
    let claim = Claim::Token { held, worker: shared.recorder() };
    let ports = ports(shared, claim, &run, &version, at.task.step);
    let call = Call { input, context, flow_input, limits, stop, ports };
    // Only a durable handler can be asked again.
    let again = compiled.durable.then(|| call.clone());
    let report = shared.sandbox.call(&compiled, call).await;
    if report.ended == Ended::NoRoom {
        return Made::unmade(if alone {
            Unmade::NotHere
        } else {
            Unmade::Departs(FailureKind::QuotaExceeded)
        });
    }
    let is_narrowed = limits != step.options.limits;
    quarantine::note(shared, (run.tenant, digest), is_narrowed, &report.ended).await;
    let teller = Teller { shared, run: &run, version: &version, at };
    // What the handler itself gave up is decided.
    let again = again.filter(|_| !matches!(report.ended, Ended::GaveUp(_)));
    let (outcome, mut extra) = teller.read(report.ended).await;
    extra.awaited = awaited;
    let (receipt, log) = (report.receipt, report.log);
    let mut made = Made { outcome, extra, receipt, log, ..Made::default() };
    if let (Some(call), Some(Outcome::Fail(failure))) = (again, &made.outcome)
        && failure.kind.blame() == Blame::Guest
    {
        let failure = failure.clone();
        ask_on_error(&teller, &compiled, call, failure, &mut made).await;
    }
    made
}

/// What the attempt goes on with; `None`: it was cancelled meanwhile.
async fn recall(
    shared: &Shared,
    run: &RunFacts,
    at: Try,
    durable: bool,
    stop: &Stop,
) -> Option<Result<Recalled, Failure>> {
    if !durable {
        return Some(Ok(Recalled::Ready(String::new(), Memory::default())));
    }
    tokio::select! {
        recalled = memory::recall(shared, run, at) => Some(recalled),
        () = stop.cancelled() => None,
    }
}

/// What a handler can read of its attempt, but for what the phases before left to it.
pub(crate) fn context(
    run: &RunFacts,
    version: &Version,
    at: Try,
    options: &Options,
) -> TaskContext {
    let step = version.plan.step(at.task.step);
    TaskContext {
        tenant: run.tenant_name.clone(),
        run_id: run.run_id,
        flow: version.plan.definition.flow.clone(),
        flow_version: run.version,
        step: step.name.clone(),
        handler: step.handler.clone(),
        index: at.task.index,
        attempt: at.attempt,
        max_attempts: u32::from(options.max_attempts.0),
        phase: String::new(),
        phase_number: at.phase,
        compensates: false,
        traceparent: run.traceparent.clone(),
        memory: Memory::default(),
    }
}

/// How the attempts of a step are limited in this run, and by what is left of it.
pub(crate) fn options(run: &RunFacts, step: &Step) -> Options {
    let mut options = run.options.as_ref().map_or(step.options, |said| said.over(step.options));
    if let Some(deadline) = run.deadline {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        // What is left of a run that is over is enough to be told so.
        let left = u64::try_from(left).unwrap_or(u64::MAX).max(1);
        options.limits.timeout_ms = options.limits.timeout_ms.min(left);
    }
    options
}

/// Lets the handler's `on-error`, where it has one, decide what follows from a failure.
async fn ask_on_error(
    teller: &Teller<'_>,
    compiled: &Compiled,
    call: Call,
    failure: Failure,
    made: &mut Made,
) {
    let sandbox = &teller.shared.sandbox;
    let Some(report) = sandbox.call_on_error(compiled, call, &failure).await else {
        return;
    };
    if let Some(digest) = teller.version.plan.step(teller.at.task.step).component {
        // Its budget is smaller than its step's.
        let component = (teller.run.tenant, digest);
        quarantine::note(teller.shared, component, true, &report.ended).await;
    }
    made.receipt.add(&report.receipt);
    made.log.extend(report.log);
    let gave_up = matches!(report.ended, Ended::GaveUp(_));
    let second = match report.ended {
        Ended::Undecided | Ended::Cancelled | Ended::NoRoom => return,
        Ended::Failed(second) => Err(second),
        ended @ (Ended::Answered(_) | Ended::Skipped(_) | Ended::GoesOn(_) | Ended::GaveUp(_)) => {
            match teller.read(ended).await {
                (Some(Outcome::Fail(second)), _)
                    if second.kind.blame() == Blame::Guest && !gave_up =>
                {
                    Err(second)
                }
                decided => Ok(decided),
            }
        }
    };
    match second {
        // What it decides consumes no signals.
        Ok((outcome, extra)) => (made.outcome, made.extra) = (outcome, extra),
        Err(second) => {
            let message = format!("{}; its `on-error` failed too: {second}", failure.message);
            made.outcome = Some(Outcome::Fail(Failure { message, ..failure }));
        }
    }
}

pub(crate) fn mismatch(step: &Step, what: &str, refusal: &Refusal) -> Failure {
    Failure::new(FailureKind::SchemaMismatch, format!("step `{}` {what}: {refusal}", step.name))
}
