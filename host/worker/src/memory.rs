//! What a durable handler goes on with, read when its attempt begins.

use std::future::Future;

use model::{Child, Failure, FailureKind, Memory, RunStatus};
use store::{Kept, RunFacts};

use crate::attempt::Try;
use crate::{AGAIN, Shared};

/// Bytes of the outputs of all children of a task.
const MOST_CHILD_BYTES: usize = 8 * 1024 * 1024;

/// Reads Postgres may refuse before the attempt fails.
const MOST_REFUSED: u32 = 5;

/// The name of the task's phase and what it goes on with.
pub(crate) async fn recall(
    shared: &Shared,
    run: &RunFacts,
    at: Try,
) -> Result<(String, Memory), Failure> {
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
    let children = if kept.spawned { children(shared, run, at).await? } else { Vec::new() };
    let memory = Memory { state: kept.state, awaits: kept.awaits, inbox, children };
    Ok((kept.phase_name, memory))
}

async fn children(shared: &Shared, run: &RunFacts, at: Try) -> Result<Vec<Child>, Failure> {
    let store = &shared.store;
    let rows = patiently(|| store.load_children(run, at.task)).await?;
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
    let mut loaded = patiently(|| store.load_leaves(run.tenant, &leaves)).await?;
    let mut bytes = 0;
    let mut children = Vec::with_capacity(rows.len());
    for (row, version) in rows.into_iter().zip(versions) {
        let is_completed = row.status == RunStatus::Completed;
        let output = version.filter(|_| is_completed).map(|version| {
            let of_run = loaded.remove(&row.run_id).unwrap_or_default();
            version.output_of_run(row.input, of_run.outputs, of_run.skipped)
        });
        bytes += output.as_ref().map_or(0, model::Json::len);
        if bytes > MOST_CHILD_BYTES {
            let message = format!(
                "the outputs of the task's children have over {MOST_CHILD_BYTES} bytes; let them answer less"
            );
            return Err(Failure::new(FailureKind::SchemaMismatch, message));
        }
        let (run_id, key, status, failure) = (row.run_id, row.key, row.status, row.failure);
        children.push(Child { run_id, key, status, output, failure });
    }
    Ok(children)
}

/// Asks the store again while Postgres is away.
pub(crate) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, store::Error>>,
{
    let mut refused = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !matches!(error, store::Error::Unavailable(_) | store::Error::Collision) {
            refused += 1;
        }
        if refused >= MOST_REFUSED {
            tracing::error!(%error, "what an attempt needs cannot be read");
            let message = "what the attempt goes on with cannot be read";
            return Err(Failure::new(FailureKind::HostInternal, message));
        }
        tokio::time::sleep(AGAIN).await;
    }
}
