//! Undoing what a run did that failed for good or was cancelled: its completed tasks, the last one first, one by one.

use std::sync::Arc;
use std::time::Duration;

use model::retry::compensation_retry;
use model::{Failure, FailureKind, Position, Receipt, StepIndex, TaskContext, Version};
use sandbox::{Call, Ended, LoadError, Report, Stop};
use store::{Claim, Compensation, CompensationAttempt, Loaded, ToCompensate};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::attempt::{Try, context, options};
use crate::ports::{check_policy, ports};
use crate::prepare::{needs, patiently};
use crate::{AGAIN, Shared};

/// Runs that are undone at a time by one worker.
const MOST: usize = 16;
/// How often runs to undo are looked for.
const EVERY: Duration = Duration::from_millis(500);
/// How long a run is held; who works on it says so again and again.
const HOLD: Duration = Duration::from_secs(60);
/// How often.
const HOLD_AGAIN: Duration = Duration::from_secs(15);

/// Looks for runs to undo, and undoes them.
pub(crate) async fn compensate(shared: Arc<Shared>) {
    let seats = Arc::new(Semaphore::new(MOST));
    loop {
        let free = i64::try_from(seats.available_permits()).unwrap_or(0);
        let is_working = shared.id().0 > 0 && free > 0;
        let found = match is_working {
            true => shared.store.claim_compensations(free, HOLD).await,
            false => Ok(Vec::new()),
        };
        let is_full = match found {
            Ok(found) => {
                let is_full = free > 0 && i64::try_from(found.len()) == Ok(free);
                for of in found {
                    let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        let _seat = seat;
                        undo(&shared, &of).await;
                    });
                }
                is_full
            }
            Err(error) => {
                tracing::debug!(%error, "could not look for runs to compensate");
                false
            }
        };
        sleep(if is_full { Duration::from_millis(10) } else { EVERY }).await;
    }
}

async fn undo(shared: &Arc<Shared>, of: &Compensation) {
    let store = &shared.store;
    let found = patiently(|| store.find_version(of.run.version_key())).await;
    let Ok(Some(version)) = found else {
        tracing::error!(run = %of.run.run_id, "a run cannot be compensated: its version cannot be read");
        return;
    };
    let plan = &version.plan;
    let steps: Vec<StepIndex> =
        plan.indexes().filter(|step| plan.step(*step).compensates).collect();
    let Ok(tasks) = patiently(|| store.list_to_compensate(&of.run, &steps)).await else {
        return;
    };
    for task in tasks {
        if !undo_task(shared, of, &version, task).await {
            return;
        }
    }
    while let Err(error) = store.finish_compensation(of).await {
        tracing::debug!(%error, "could not finish a compensation yet");
        sleep(AGAIN).await;
    }
}

/// Undoes one task. True: go on with the next. False: the run waits, or is somebody else's.
async fn undo_task(
    shared: &Arc<Shared>,
    of: &Compensation,
    version: &Arc<Version>,
    todo: ToCompensate,
) -> bool {
    let step = version.plan.step(todo.task.step);
    let options = options(&of.run, step);
    let attempt = todo.attempts + 1;
    let hold =
        || async { patiently(|| shared.store.hold_compensation(of, HOLD)).await.unwrap_or(false) };
    if !hold().await {
        return false;
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
        () = until_lost => return false,
    };
    let Some(report) = report else {
        // The host is to blame: whoever takes the run next tries again, and nothing is counted.
        return false;
    };
    let failure = match report.ended {
        Ended::Answered(_) | Ended::Skipped(_) | Ended::GoesOn(_) | Ended::Undecided => None,
        Ended::Failed(failure) if failure.kind == FailureKind::HostInternal => return false,
        Ended::Failed(failure) | Ended::GaveUp(failure) => Some(failure.redacted()),
        Ended::Cancelled | Ended::NoRoom => return false,
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
    let record = || shared.store.record_compensation(shared.recorder(), of, &recorded);
    let is_held = patiently(record).await.unwrap_or(false);
    is_held && retry_in.is_none()
}

/// `None`: the host could not make the call, or the component is in quarantine.
async fn call(
    shared: &Arc<Shared>,
    of: &Compensation,
    version: &Arc<Version>,
    todo: &ToCompensate,
    attempt: u32,
) -> Option<Report> {
    let (run, plan, store) = (&of.run, &version.plan, &shared.store);
    let step = plan.step(todo.task.step);
    let digest = step.component?;
    if let Err(failure) = check_policy(shared, step) {
        return Some(failed(failure));
    }
    if shared.watch.holds((run.tenant, digest)) {
        return None;
    }
    let found = patiently(|| store.get_component_bytes(run.tenant, digest)).await.ok()?;
    let compiled = match shared.sandbox.load(run.tenant, digest, || async { found }).await {
        Ok(compiled) => compiled,
        Err(LoadError::Host(error)) => {
            tracing::warn!(%error, "a component could not be loaded");
            return None;
        }
        Err(error @ (LoadError::Absent(_) | LoadError::Refused(_))) => {
            return Some(failed(unavailable(&error.to_string())));
        }
    };
    let input = input(shared, of, version, todo).await.ok()??;
    let options = options(run, step);
    let at = Try { task: todo.task, attempt, phase: 0 };
    let context = TaskContext { compensates: true, ..context(run, version, at, &options) };
    let (flow_input, limits, stop) = (Some(run.input.clone()), options.limits, Stop::default());
    let ports = ports(shared, Claim::from(of), run, version, todo.task.step);
    let call = Call { input, context, flow_input, limits, stop, ports };
    let report = shared.sandbox.call_compensate(&compiled, call, &todo.output).await;
    Some(
        report.unwrap_or_else(|| failed(unavailable("the component has no `compensate` any more"))),
    )
}

fn unavailable(message: &str) -> Failure {
    Failure::new(FailureKind::ComponentUnavailable, message)
}

fn failed(failure: Failure) -> Report {
    Report { ended: Ended::Failed(failure), receipt: Receipt::default(), log: Vec::new() }
}

/// What the task was given when it ran.
async fn input(
    shared: &Shared,
    of: &Compensation,
    version: &Version,
    todo: &ToCompensate,
) -> Result<Option<model::Input>, Failure> {
    let (run, store) = (&of.run, &shared.store);
    let position = Position::Task { task: todo.task, attempt: 1, phase: 0 };
    let needs = needs(&version.plan, &position);
    let Loaded { outputs, skipped } = patiently(|| store.load_outcomes(run, &needs)).await?;
    let steps: Vec<StepIndex> = needs.iter().map(|need| need.step).collect();
    Ok(version.knowing(run.input.clone(), &steps, outputs, skipped).input_of(todo.task))
}
