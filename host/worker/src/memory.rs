//! What a durable handler goes on with, read when its attempt begins.

use model::limits::MAX_CHILDREN;
use model::{Child, Failure, FailureKind, GoOn, Json, Memory, RunStatus, Wait};
use store::{Kept, RunFacts};

use crate::Shared;
use crate::attempt::Try;
use crate::prepare::patiently;

/// Bytes of the outputs of all children of a task.
const MOST_CHILD_BYTES: i64 = 8 * 1024 * 1024;

/// What an attempt of a durable handler begins with.
pub(crate) enum Recalled {
    /// The name of the task's phase and what it goes on with.
    Ready(String, Memory),
    /// It was woken for a signal that another task has consumed: it waits on, for what is left of its time.
    WaitsOn(GoOn),
}

/// What the attempt begins with.
pub(crate) async fn recall(shared: &Shared, run: &RunFacts, at: Try) -> Result<Recalled, Failure> {
    let store = &shared.store;
    // Nothing was kept for a task that has just begun.
    let is_new = at.phase == 0 && at.attempt == 1;
    let kept = match is_new {
        true => Kept::default(),
        false => patiently(|| store.load_task(run, at.task)).await?.unwrap_or_default(),
    };
    if kept.phase != at.phase {
        let message = format!("the task is at phase {} and its state of {}", at.phase, kept.phase);
        return Err(Failure::new(FailureKind::HostInternal, message));
    }
    let inbox = patiently(|| store.load_inbox(run.tenant, run.run_id)).await?;
    let is_awaited = |signal: &model::Signal| kept.awaits.contains(&signal.name);
    let is_over = kept.awaits_for_ms.is_some_and(|ms| ms <= 0);
    if at.attempt == 1 && !kept.awaits.is_empty() && !is_over && !inbox.iter().any(is_awaited) {
        let timeout_ms = kept.awaits_for_ms.and_then(|ms| u64::try_from(ms).ok());
        let wait = Wait::AwaitSignals { names: kept.awaits, timeout_ms };
        return Ok(Recalled::WaitsOn(GoOn { phase: kept.phase_name, wait }));
    }
    let children = if kept.spawned { children(shared, run, at).await? } else { Vec::new() };
    let memory = Memory { state: kept.state, awaits: kept.awaits, inbox, children };
    Ok(Recalled::Ready(kept.phase_name, memory))
}

async fn children(shared: &Shared, run: &RunFacts, at: Try) -> Result<Vec<Child>, Failure> {
    let store = &shared.store;
    let most = i64::try_from(MAX_CHILDREN).unwrap_or(i64::MAX);
    let rows = patiently(|| store.load_children(run, at.task, most + 1)).await?;
    if rows.len() > MAX_CHILDREN {
        let message = format!("the task has over {MAX_CHILDREN} children, all phases together");
        return Err(Failure::new(FailureKind::SchemaMismatch, message));
    }
    let mut versions = Vec::with_capacity(rows.len());
    let mut leaves = Vec::new();
    for row in &rows {
        let key = (run.tenant, row.flow_id, row.version);
        let version = patiently(|| store.find_version(key)).await?;
        if let Some(version) = version.as_ref().filter(|_| row.status == RunStatus::Completed) {
            leaves.extend(version.plan.leaves().iter().map(|leaf| (row.run_id, *leaf)));
        }
        versions.push(version);
    }
    let bytes = patiently(|| store.count_leaf_bytes(run.tenant, &leaves)).await?;
    if bytes > MOST_CHILD_BYTES {
        let message = format!(
            "the outputs of the task's children have {bytes} bytes, {MOST_CHILD_BYTES} are the most; let them answer less"
        );
        return Err(Failure::new(FailureKind::SchemaMismatch, message));
    }
    let mut loaded = patiently(|| store.load_leaves(run.tenant, &leaves)).await?;
    let mut children = Vec::with_capacity(rows.len());
    for (row, version) in rows.into_iter().zip(versions) {
        let is_completed = row.status == RunStatus::Completed;
        let output = version.filter(|_| is_completed).map(|version| {
            let of_run = loaded.remove(&row.run_id).unwrap_or_default();
            // What it is made of is the answers alone.
            version.output_of_run(Json::null(), of_run.outputs, of_run.skipped)
        });
        let (run_id, key, status, failure) = (row.run_id, row.key, row.status, row.failure);
        children.push(Child { run_id, key, status, output, failure });
    }
    Ok(children)
}
