//! Undoing what a run did that failed for good or was cancelled: its completed tasks, the last one first, one by one.

use std::sync::Arc;
use std::time::Duration;

use model::limits::{MAX_ANSWERS_BYTES, MAX_LOST};
use model::retry::compensation_retry;
use model::{
    Failure, FailureKind, Json, Position, Receipt, StepIndex, TaskContext, TenantId, Version,
};
use sandbox::{Call, Ended, Report, Stop};
use store::{Claim, Compensation, CompensationAttempt, Loaded, Need, ToCompensate, Turns};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::attempt::{Try, context, options};
use crate::callable::{self, Uncallable};
use crate::ports::{check_policy, ports};
use crate::prepare::{needs, patiently};
use crate::quarantine::{self, suspect};
use crate::{AGAIN, Shared};

/// Runs that are undone at a time by one worker.
pub(crate) const MOST: i64 = 16;
/// Tenants one claim looks at.
const TENANTS: i64 = 16;
/// How often runs to undo are looked for.
const EVERY: Duration = Duration::from_millis(500);
/// How long a run is held; who works on it says so again and again.
const HOLD: Duration = Duration::from_secs(60);
/// How often.
const HOLD_AGAIN: Duration = Duration::from_secs(15);
/// How long a run rests that cannot be undone now, unless what holds it up is over before.
const REST: Duration = Duration::from_secs(10);

/// Looks for runs to undo, and undoes them.
pub(crate) async fn compensate(shared: Arc<Shared>) {
    let mut after = TenantId(0);
    let mut undoing = JoinSet::new();
    loop {
        while undoing.try_join_next().is_some() {}
        let wanted = shared.undoing.free();
        let turns = Turns::next(after, TENANTS, wanted, &shared.undoing);
        let found = claim(&shared, &turns).await;
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(%error, "could not look for runs to compensate");
            Vec::new()
        });
        let rest = if found.is_empty() && after.0 == 0 { EVERY } else { EVERY / 10 };
        after = turns.go_on(found.iter().map(|of| of.run.tenant));
        for of in found {
            let (shared, seat) = (Arc::clone(&shared), shared.undoing.sit(of.run.tenant));
            undoing.spawn(async move {
                undo(&shared, &of).await;
                drop(seat);
            });
        }
        sleep(rest).await;
    }
}

async fn claim(shared: &Shared, turns: &Turns) -> Result<Vec<Compensation>, store::Error> {
    let _naming = shared.naming.read().await;
    match shared.id() {
        id if id.0 > 0 && turns.wanted > 0 => {
            shared.store.claim_compensations(id, turns, HOLD).await
        }
        _nobody => Ok(Vec::new()),
    }
}

/// What becomes of a run after one of its tasks, or all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It goes on.
    GoesOn,
    /// It cannot be undone now, and nobody is to blame: it rests.
    Rests,
    /// It is in nobody's hands, or in somebody else's.
    IsLeft,
}

async fn undo(shared: &Arc<Shared>, of: &Compensation) {
    if undo_all(shared, of).await == Then::Rests
        && let Err(error) = shared.store.rest_compensation(of, REST).await
    {
        tracing::debug!(%error, "could not let a compensation rest");
    }
}

/// Undoes what is left of a run.
async fn undo_all(shared: &Arc<Shared>, of: &Compensation) -> Then {
    let store = &shared.store;
    let most_lost = u32::from(MAX_LOST);
    // The last try beside no other such one: of those that were lost together, one ended the process.
    let alone = match of.lost + 1 == most_lost {
        true => match Arc::clone(&shared.blamed).try_acquire_owned() {
            Ok(alone) => Some(alone),
            Err(_) => return Then::Rests,
        },
        false => None,
    };
    let found = patiently(|| store.find_version(of.run.version_key())).await;
    let Ok(Some(version)) = found else {
        tracing::error!(run = %of.run.run_id, "a run cannot be compensated: its version cannot be read");
        return Then::Rests;
    };
    let plan = &version.plan;
    let steps: Vec<StepIndex> =
        plan.indexes().filter(|step| plan.step(*step).compensates).collect();
    let Ok(tasks) = patiently(|| store.list_to_compensate(&of.run, &steps)).await else {
        return Then::Rests;
    };
    for (number, task) in tasks.into_iter().enumerate() {
        let then = match number == 0 && of.lost >= most_lost {
            true => give_up(shared, of, &version, &task).await,
            false => undo_task(shared, of, &version, task).await,
        };
        if then != Then::GoesOn {
            return then;
        }
    }
    drop(alone);
    while let Err(error) = store.finish_compensation(of).await {
        tracing::debug!(%error, "could not finish a compensation yet");
        sleep(AGAIN).await;
    }
    Then::GoesOn
}

/// Undoing the task was lost with its worker as often as that may be.
async fn give_up(
    shared: &Arc<Shared>,
    of: &Compensation,
    version: &Version,
    todo: &ToCompensate,
) -> Then {
    suspect(shared, &of.run, version.plan.step(todo.task.step));
    let message = format!("the worker that undid the task stopped beating, {MAX_LOST} times");
    let lost = CompensationAttempt {
        task: todo.task,
        attempt: todo.attempts + 1,
        is_last: true,
        failure: Some(Failure::new(FailureKind::WorkerLost, message)),
        receipt: Receipt::default(),
        log: Vec::new(),
        hold: HOLD,
    };
    record(shared, of, &lost).await
}

/// Undoes one task.
async fn undo_task(
    shared: &Arc<Shared>,
    of: &Compensation,
    version: &Arc<Version>,
    todo: ToCompensate,
) -> Then {
    let step = version.plan.step(todo.task.step);
    let options = options(&of.run, step);
    let attempt = todo.attempts + 1;
    let hold =
        || async { patiently(|| shared.store.hold_compensation(of, HOLD)).await.unwrap_or(false) };
    if !hold().await {
        return Then::IsLeft;
    }
    // It may wait for a slot or a compilation, and take as long as its step allows.
    let until_lost = async {
        loop {
            sleep(HOLD_AGAIN).await;
            if !hold().await {
                return;
            }
        }
    };
    let report = tokio::select! {
        report = call(shared, of, version, &todo, attempt) => report,
        () = until_lost => return Then::IsLeft,
    };
    // Where the host is to blame, nothing is counted.
    let Some(report) = report else {
        return Then::Rests;
    };
    let failure = match report.ended {
        Ended::Answered(_) | Ended::Skipped(_) | Ended::GoesOn(_) | Ended::Undecided => None,
        Ended::Failed(failure) if failure.kind == FailureKind::HostInternal => return Then::Rests,
        Ended::Failed(failure) | Ended::GaveUp(failure) => Some(failure.redacted()),
        Ended::Cancelled | Ended::NoRoom => return Then::Rests,
    };
    let draw = model::backoff::Draw(rand::random::<f64>());
    let retry_in =
        failure.as_ref().and_then(|failure| compensation_retry(&options, attempt, failure, draw));
    shared.burnt.add_one(of.run.tenant, &report.receipt);
    let recorded = CompensationAttempt {
        task: todo.task,
        attempt,
        is_last: retry_in.is_none(),
        failure,
        receipt: report.receipt,
        log: report.log,
        hold: retry_in.unwrap_or(HOLD),
    };
    record(shared, of, &recorded).await
}

/// Records an attempt. What is tried again rests until then, as the record says.
async fn record(shared: &Shared, of: &Compensation, attempt: &CompensationAttempt) -> Then {
    let record = || shared.store.record_compensation(shared.recorder(), of, attempt);
    let is_held = patiently(record).await.unwrap_or(false);
    if is_held && attempt.is_last { Then::GoesOn } else { Then::IsLeft }
}

/// `None`: the host could not make the call, or the component is in quarantine.
async fn call(
    shared: &Arc<Shared>,
    of: &Compensation,
    version: &Arc<Version>,
    todo: &ToCompensate,
    attempt: u32,
) -> Option<Report> {
    let (run, plan) = (&of.run, &version.plan);
    let step = plan.step(todo.task.step);
    let digest = step.component?;
    if let Err(failure) = check_policy(shared, step) {
        return Some(failed(failure));
    }
    if shared.watch.holds((run.tenant, digest)) {
        return None;
    }
    let compiled = match callable::compiled(shared, run.tenant, digest).await {
        Ok(compiled) => compiled,
        Err(Uncallable::Absent(failure) | Uncallable::Failed(failure)) => {
            return Some(failed(failure));
        }
    };
    let (input, output) = match given(shared, of, version, todo).await {
        Ok(given) => given?,
        Err(failure) => return Some(failed(failure)),
    };
    let options = options(run, step);
    let at = Try { task: todo.task, attempt, phase: 0 };
    let context = TaskContext { compensates: true, ..context(run, version, at, &options) };
    let (flow_input, limits, stop) = (Some(run.input.clone()), options.limits, Stop::default());
    let ports = ports(shared, Claim::from(of), run, version, todo.task.step);
    let call = Call { input, context, flow_input, limits, stop, ports };
    let report = shared.sandbox.call_compensate(&compiled, call, &output).await;
    let gone = || failed(unavailable("the component has no `compensate` any more"));
    let report = report.unwrap_or_else(gone);
    let is_narrowed = limits != step.options.limits;
    quarantine::note(shared, (run.tenant, digest), is_narrowed, &report.ended).await;
    Some(report)
}

fn unavailable(message: &str) -> Failure {
    Failure::new(FailureKind::ComponentUnavailable, message)
}

fn failed(failure: Failure) -> Report {
    Report { ended: Ended::Failed(failure), receipt: Receipt::default(), log: Vec::new() }
}

/// What the task was given when it ran, and what it answered.
async fn given(
    shared: &Shared,
    of: &Compensation,
    version: &Version,
    todo: &ToCompensate,
) -> Result<Option<(model::Input, Json)>, Failure> {
    let (run, store, task) = (&of.run, &shared.store, todo.task);
    let too_large = || {
        let message = format!("it was given more than {MAX_ANSWERS_BYTES} bytes");
        Failure::new(FailureKind::SchemaMismatch, message)
    };
    let answer = [Need { step: task.step, lo: task.index, hi: task.index + 1 }];
    let answer = patiently(|| store.load_outcomes(run, &answer)).await?.ok_or_else(too_large)?;
    let Some((_, answer)) = answer.outputs.into_iter().find(|(of, _)| *of == task) else {
        return Ok(None);
    };
    let position = Position::Task { task, attempt: 1, phase: 0 };
    let needs = needs(&version.plan, &position);
    let loaded = patiently(|| store.load_outcomes(run, &needs)).await?.ok_or_else(too_large)?;
    let Loaded { outputs, skipped } = loaded;
    let steps: Vec<StepIndex> = needs.iter().map(|need| need.step).collect();
    let input = version.knowing(run.input.clone(), &steps, outputs, skipped).input_of(task);
    Ok(input.map(|input| (input, answer)))
}
