//! What a batch records of durable handlers: where their tasks go on, the signals they consumed, the children they
//! started; and how the end of a run reaches its parent and its children.

use std::collections::BTreeSet;

use model::{FlowId, GoOn, Json, RunId, TaskKey, TenantId, Wait};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::flow::step_number;
use crate::record::Delta;
use crate::{Error, compensation};

/// A task of a durable handler that goes on.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Which task.
    pub task: TaskKey,
    /// The number of the phase it goes on at.
    pub phase: u32,
    /// Where that is, and what it waits for.
    pub go_on: GoOn,
    /// What to keep; `None`: what was kept before.
    pub state: Option<Json>,
    /// The children to start.
    pub children: Vec<ChildRun>,
}

/// A child to start. Its input passed the gate and its flow's schema.
#[derive(Clone, Debug)]
pub struct ChildRun {
    /// Its identity: a UUIDv7.
    pub run_id: RunId,
    /// Of which flow.
    pub flow_id: FlowId,
    /// On which version.
    pub version: u32,
    /// The input.
    pub input: Json,
    /// Its name among the children of its task.
    pub key: Option<String>,
    /// True: it goes on when its parent is stopped.
    pub abandoned: bool,
    /// How long it may take, in milliseconds; its parent's deadline holds too.
    pub deadline_ms: Option<i64>,
    /// W3C trace context of whoever started its parent.
    pub traceparent: Option<String>,
}

/// Keeps signals to these runs out until the transaction ends, and waits for those on their way.
pub(crate) async fn keep_signals_out(work: &mut PgConnection, runs: &[RunId]) -> Result<(), Error> {
    // The low half of a UUIDv7 is random.
    let number = |run_id: &RunId| run_id.0.as_u64_pair().1.cast_signed();
    let numbers: Vec<i64> = runs.iter().map(number).collect();
    lock(work, &numbers).await
}

/// Takes locks of these numbers until the transaction ends, in one order.
pub(crate) async fn lock(work: &mut PgConnection, numbers: &[i64]) -> Result<(), Error> {
    sqlx::query_file!("queries/lock.sql", numbers).fetch_all(work).await?;
    Ok(())
}

/// Counts the children among these runs that this transaction has ended.
async fn join(work: &mut PgConnection, tenants: &[i32], runs: &[Uuid]) -> Result<(), Error> {
    sqlx::query_file!("queries/task/join.sql", tenants, runs).execute(work).await?;
    Ok(())
}

/// What a batch has for the statements that most batches do without.
#[derive(Default)]
pub(crate) struct Extras<'a> {
    progress: Vec<(&'a Delta, &'a Progress)>,
    consumed: (Vec<i32>, Vec<Uuid>, Vec<i64>),
    children: (Vec<i32>, Vec<Uuid>),
    /// Runs that failed and steps that were skipped: their tasks' children are stopped.
    doomed: (Vec<i32>, Vec<Uuid>, Vec<i16>),
}

impl<'a> Extras<'a> {
    pub(crate) fn of(deltas: &'a [Delta]) -> Self {
        let mut extras = Self::default();
        for delta in deltas {
            let (tenant, run) = (delta.tenant.0, delta.run_id.0);
            extras.progress.extend(delta.progress.iter().map(|progress| (delta, progress)));
            for id in &delta.consumed {
                extras.consumed.0.push(tenant);
                extras.consumed.1.push(run);
                extras.consumed.2.push(*id);
            }
            if delta.is_child {
                extras.children.0.push(tenant);
                extras.children.1.push(run);
            }
            let step = match delta.finish {
                Some(model::Finish::Failed { .. }) => Some(-1),
                Some(model::Finish::Completed) | None => delta.swept.map(step_number),
            };
            if let Some(step) = step {
                extras.doomed.0.push(tenant);
                extras.doomed.1.push(run);
                extras.doomed.2.push(step);
            }
        }
        extras
    }

    /// True for most batches.
    pub(crate) fn is_empty(&self) -> bool {
        self.progress.is_empty()
            && self.consumed.0.is_empty()
            && self.children.0.is_empty()
            && self.doomed.0.is_empty()
    }

    fn awaiting(&self) -> impl Iterator<Item = &(&'a Delta, &'a Progress)> {
        self.progress
            .iter()
            .filter(|(_, progress)| matches!(progress.go_on.wait, Wait::AwaitSignals { .. }))
    }

    /// Keeps signals out of the runs whose tasks are about to wait for some. Comes first: the statements after it see
    /// every signal that was sent before.
    pub(crate) async fn lock(&self, work: &mut PgConnection) -> Result<(), Error> {
        let runs: Vec<RunId> = self.awaiting().map(|(delta, _)| delta.run_id).collect();
        if !runs.is_empty() {
            keep_signals_out(work, &runs).await?;
        }
        Ok(())
    }

    /// The rest of the batch, in its transaction. Answers the children that were stopped.
    pub(crate) async fn execute(&self, work: &mut PgConnection) -> Result<Vec<RunId>, Error> {
        self.consume(work).await?;
        self.keep(work).await?;
        self.unpark(work).await?;
        self.spawn(work).await?;
        let stopped = cascade(work, &self.doomed.0, &self.doomed.1, &self.doomed.2).await?;
        compensation::begin(work, &self.doomed.0, &self.doomed.1).await?;
        sweep(work, &self.doomed.0, &self.doomed.1).await?;
        let (tenants, runs, steps) = &self.doomed;
        if steps.iter().any(|step| *step >= 0) {
            sqlx::query_file!("queries/task/sweep_step.sql", tenants, runs, steps)
                .execute(&mut *work)
                .await?;
        }
        if !self.children.0.is_empty() {
            join(work, &self.children.0, &self.children.1).await?;
        }
        Ok(stopped)
    }

    async fn consume(&self, work: &mut PgConnection) -> Result<(), Error> {
        let (tenants, runs, ids) = &self.consumed;
        if !ids.is_empty() {
            sqlx::query_file!("queries/signal/consume.sql", tenants, runs, ids)
                .execute(work)
                .await?;
        }
        Ok(())
    }

    async fn keep(&self, work: &mut PgConnection) -> Result<(), Error> {
        let is_retry = |progress: &Progress| matches!(progress.go_on.wait, Wait::Retry { .. });
        // A retry that keeps its state has nothing to keep.
        let kept: Vec<_> = self
            .progress
            .iter()
            .filter(|(_, progress)| progress.state.is_some() || !is_retry(progress))
            .collect();
        if kept.is_empty() {
            return Ok(());
        }
        let awaits = |progress: &Progress| match &progress.go_on.wait {
            Wait::AwaitSignals { names, .. } => {
                Some(serde_json::to_string(names).expect("names are always JSON"))
            }
            Wait::Next | Wait::Retry { .. } | Wait::Sleep { .. } | Wait::Spawn { .. } => None,
        };
        let awaits_for_ms = |progress: &Progress| match progress.go_on.wait {
            Wait::AwaitSignals { timeout_ms, .. } => {
                timeout_ms.and_then(|ms| i64::try_from(ms).ok())
            }
            Wait::Next | Wait::Retry { .. } | Wait::Sleep { .. } | Wait::Spawn { .. } => None,
        };
        macro_rules! column {
            ($delta:ident, $progress:ident => $value:expr) => {
                &kept.iter().map(|($delta, $progress)| $value).collect::<Vec<_>>()
            };
        }
        sqlx::query_file!(
            "queries/task/go_on.sql",
            column!(d, _p => d.tenant.0),
            column!(d, _p => d.run_id.0),
            column!(_d, p => step_number(p.task.step)),
            column!(_d, p => i32::try_from(p.task.index).unwrap_or(i32::MAX)),
            column!(_d, p => i16::try_from(p.phase).unwrap_or(i16::MAX)),
            column!(_d, p => p.go_on.phase.clone()),
            column!(_d, p => p.state.as_ref().map(|state| state.as_str().to_owned()))
                as &[Option<String>],
            column!(_d, p => awaits(p)) as &[Option<String>],
            column!(_d, p => awaits_for_ms(p)) as &[Option<i64>],
        )
        .execute(work)
        .await?;
        Ok(())
    }

    async fn unpark(&self, work: &mut PgConnection) -> Result<(), Error> {
        let mut tasks = Tasks::default();
        self.awaiting().for_each(|(delta, progress)| tasks.push(delta, progress));
        if !tasks.runs.is_empty() {
            sqlx::query_file!(
                "queries/task/unpark.sql",
                &tasks.tenants,
                &tasks.runs,
                &tasks.steps,
                &tasks.indexes
            )
            .execute(work)
            .await?;
        }
        Ok(())
    }

    async fn spawn(&self, work: &mut PgConnection) -> Result<(), Error> {
        let is_spawn =
            |progress: &Progress| matches!(progress.go_on.wait, Wait::Spawn { children: 1.. });
        let mut parents = Tasks::default();
        let mut of = Tasks::default();
        let mut children: Vec<(&Delta, &ChildRun)> = Vec::new();
        for (delta, progress) in self.progress.iter().filter(|(_, progress)| is_spawn(progress)) {
            parents.push(delta, progress);
            let mut keys = BTreeSet::new();
            for child in &progress.children {
                if child.key.as_ref().is_none_or(|key| keys.insert(key)) {
                    of.push(delta, progress);
                    children.push((delta, child));
                }
            }
        }
        if parents.runs.is_empty() {
            return Ok(());
        }
        macro_rules! column {
            ($delta:ident, $child:ident => $value:expr) => {
                &children.iter().map(|($delta, $child)| $value).collect::<Vec<_>>()
            };
        }
        sqlx::query_file!(
            "queries/task/spawn.sql",
            &of.tenants,
            &of.runs,
            &of.steps,
            &of.indexes,
            column!(_d, c => c.run_id.0),
            column!(_d, c => c.flow_id.0),
            column!(_d, c => i32::try_from(c.version).unwrap_or(0)),
            column!(_d, c => c.input.as_str().to_owned()),
            column!(d, _c => d.priority),
            column!(_d, c => c.key.clone()) as &[Option<String>],
            column!(_d, c => c.abandoned),
            column!(_d, c => c.traceparent.clone()) as &[Option<String>],
            &parents.tenants,
            &parents.runs,
            &parents.steps,
            &parents.indexes,
            column!(_d, c => c.deadline_ms) as &[Option<i64>],
        )
        .execute(work)
        .await?;
        Ok(())
    }
}

/// The columns that name tasks.
#[derive(Default)]
struct Tasks {
    tenants: Vec<i32>,
    runs: Vec<Uuid>,
    steps: Vec<i16>,
    indexes: Vec<i32>,
}

impl Tasks {
    fn push(&mut self, delta: &Delta, progress: &Progress) {
        self.tenants.push(delta.tenant.0);
        self.runs.push(delta.run_id.0);
        self.steps.push(step_number(progress.task.step));
        self.indexes.push(i32::try_from(progress.task.index).unwrap_or(i32::MAX));
    }
}

/// Stops children and theirs; answers which.
async fn cascade(
    work: &mut PgConnection,
    tenants: &[i32],
    runs: &[Uuid],
    steps: &[i16],
) -> Result<Vec<RunId>, Error> {
    let mut of = (tenants.to_vec(), runs.to_vec(), steps.to_vec());
    let mut stopped = Vec::new();
    // A child may have started others while its tokens were waited for. Those of what was stopped last are all there now.
    while !of.1.is_empty() {
        let rows = sqlx::query_file!("queries/task/cascade.sql", &of.0, &of.1, &of.2)
            .fetch_all(&mut *work)
            .await?;
        of = (
            rows.iter().map(|row| row.tenant_id).collect(),
            rows.iter().map(|row| row.id).collect(),
            vec![-1; rows.len()],
        );
        compensation::begin(work, &of.0, &of.1).await?;
        sweep(work, &of.0, &of.1).await?;
        stopped.extend(of.1.iter().copied().map(RunId));
    }
    Ok(stopped)
}

/// Deletes the tokens of runs that have ended, those too that were born while this transaction waited.
async fn sweep(work: &mut PgConnection, tenants: &[i32], runs: &[Uuid]) -> Result<(), Error> {
    if !runs.is_empty() {
        sqlx::query_file!("queries/task/sweep.sql", tenants, runs).execute(work).await?;
    }
    Ok(())
}

/// What the end of one run means for its children and its parent. Answers the children that were stopped.
pub(crate) async fn end_of_run(
    work: &mut PgConnection,
    tenant: TenantId,
    run_id: RunId,
) -> Result<Vec<RunId>, Error> {
    let stopped = cascade(work, &[tenant.0], &[run_id.0], &[-1]).await?;
    compensation::begin(work, &[tenant.0], &[run_id.0]).await?;
    sweep(work, &[tenant.0], &[run_id.0]).await?;
    join(work, &[tenant.0], &[run_id.0]).await?;
    Ok(stopped)
}
