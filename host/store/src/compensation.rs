//! Undoing what runs did that failed for good or were cancelled: which runs, which tasks, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use model::{
    Failure, FlowId, Json, LogLine, Receipt, RunId, StepIndex, TaskKey, TenantId, WorkerId,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::flow::{read_version, step_number};
use crate::run::read_failure;
use crate::token::{RunFacts, read_options, read_step};
use crate::turns::Turns;
use crate::{Error, Store};

/// A run to compensate, held for a while.
#[derive(Clone, Debug)]
pub struct Compensation {
    /// The run.
    pub run: Arc<RunFacts>,
    /// The fencing number of this claim.
    pub epoch: i32,
    /// Times in a row that whoever held it went away without a word.
    pub lost: u32,
}

/// A completed task that is to be undone.
#[derive(Clone, Debug)]
pub struct ToCompensate {
    /// Which task.
    pub task: TaskKey,
    /// Attempts to undo it so far.
    pub attempts: u32,
}

/// An attempt to undo a task.
#[derive(Clone, Debug)]
pub struct CompensationAttempt {
    /// Which task.
    pub task: TaskKey,
    /// 1-based number of the attempt.
    pub attempt: u32,
    /// True: there is no other.
    pub is_last: bool,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// What it used.
    pub receipt: Receipt,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// How long the run is held after it.
    pub hold: Duration,
}

/// How far the compensation of one step of a run is.
#[derive(Clone, Debug)]
pub struct CompensationRow {
    /// The step.
    pub step: StepIndex,
    /// Attempts so far.
    pub attempts: i64,
    /// Tasks that were undone.
    pub compensated: i64,
    /// Tasks that could not be.
    pub failed: i64,
    /// Why one of them could not.
    pub failure: Option<Failure>,
}

/// Has runs that this transaction ended badly compensated.
pub(crate) async fn begin(
    work: &mut PgConnection,
    tenants: &[i32],
    runs: &[Uuid],
) -> Result<(), Error> {
    if !runs.is_empty() {
        sqlx::query_file!("queries/compensation/begin.sql", tenants, runs).execute(work).await?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Takes runs that are to be compensated, for a while.
    pub async fn claim_compensations(
        &self,
        worker: WorkerId,
        turns: &Turns,
        hold: Duration,
    ) -> Result<Vec<Compensation>, Error> {
        let (tenants, weights, rooms) = turns.columns();
        let rows = sqlx::query_file!(
            "queries/compensation/claim.sql",
            worker.0,
            turns.after.0,
            turns.tenants,
            turns.wanted,
            &tenants,
            &weights,
            &rooms,
            milliseconds(hold),
            turns.room
        )
        .fetch_all(self.hot())
        .await?;
        rows.into_iter()
            .map(|row| {
                let run = RunFacts {
                    tenant: TenantId(row.tenant_id),
                    tenant_name: row.tenant_name,
                    run_id: RunId(row.run_id),
                    flow_id: FlowId(row.flow_id),
                    version: read_version(row.version)?,
                    input: Json::trusted(row.input),
                    traceparent: row.traceparent,
                    priority: row.priority,
                    is_child: false,
                    depth: 0,
                    options: row.options.as_deref().map(read_options).transpose()?,
                    deadline: None,
                };
                let lost = u32::try_from(row.lost).unwrap_or(0);
                Ok(Compensation { run: Arc::new(run), epoch: row.epoch, lost })
            })
            .collect()
    }

    /// The completed tasks of these steps that are not undone yet, the one that completed last first.
    pub async fn list_to_compensate(
        &self,
        run: &RunFacts,
        steps: &[StepIndex],
    ) -> Result<Vec<ToCompensate>, Error> {
        let steps: Vec<i16> = steps.iter().map(|step| step_number(*step)).collect();
        let rows =
            sqlx::query_file!("queries/compensation/todo.sql", run.tenant.0, run.run_id.0, &steps)
                .fetch_all(self.hot())
                .await?;
        rows.into_iter()
            .map(|row| {
                let index = u32::try_from(row.index).unwrap_or(0);
                Ok(ToCompensate {
                    task: TaskKey { step: read_step(row.step)?, index },
                    attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
                })
            })
            .collect()
    }

    /// Holds the run for a while longer. False: somebody else holds it now.
    pub async fn hold_compensation(
        &self,
        of: &Compensation,
        hold: Duration,
    ) -> Result<bool, Error> {
        let (tenant, run) = (of.run.tenant.0, of.run.run_id.0);
        let hold = milliseconds(hold);
        let done = sqlx::query_file!("queries/compensation/hold.sql", tenant, run, of.epoch, hold)
            .execute(self.hot())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives the run back; it is taken again after a while.
    pub async fn rest_compensation(&self, of: &Compensation, rest: Duration) -> Result<(), Error> {
        let (tenant, run) = (of.run.tenant.0, of.run.run_id.0);
        let rest = milliseconds(rest);
        sqlx::query_file!("queries/compensation/rest.sql", tenant, run, of.epoch, rest)
            .execute(self.hot())
            .await?;
        Ok(())
    }

    /// A worker leaves and gives back every run it compensates.
    pub async fn release_compensations(&self, worker: WorkerId) -> Result<(), Error> {
        sqlx::query_file!("queries/compensation/release.sql", worker.0).execute(self.hot()).await?;
        Ok(())
    }

    /// Records an attempt to undo a task. False: somebody else holds the run now.
    pub async fn record_compensation(
        &self,
        worker: WorkerId,
        of: &Compensation,
        attempt: &CompensationAttempt,
    ) -> Result<bool, Error> {
        let long = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let text =
            |failure: &Failure| serde_json::to_string(failure).expect("a failure is always JSON");
        let CompensationAttempt { task, receipt, .. } = attempt;
        let done = sqlx::query_file!(
            "queries/compensation/record.sql",
            of.run.tenant.0,
            of.run.run_id.0,
            of.epoch,
            step_number(task.step),
            i32::try_from(task.index).unwrap_or(i32::MAX),
            i16::try_from(attempt.attempt).unwrap_or(i16::MAX),
            attempt.is_last,
            attempt.failure.as_ref().map(text),
            long(receipt.fuel),
            long(receipt.wall_us),
            long(receipt.peak_memory_bytes),
            worker.0,
            serde_json::to_string(&attempt.log).expect("a log is always JSON"),
            milliseconds(attempt.hold),
            long(receipt.host_calls),
            long(receipt.input_bytes),
            long(receipt.output_bytes),
            long(receipt.log_bytes)
        )
        .execute(self.hot())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Nothing of the run is left to undo.
    pub async fn finish_compensation(&self, of: &Compensation) -> Result<(), Error> {
        let (tenant, run) = (of.run.tenant.0, of.run.run_id.0);
        sqlx::query_file!("queries/compensation/finish.sql", tenant, run, of.epoch)
            .execute(self.hot())
            .await?;
        Ok(())
    }

    /// How far the compensation of a run is, step by step; whether some is left.
    pub async fn list_compensations(
        &self,
        tenant: TenantId,
        run_id: RunId,
    ) -> Result<(Vec<CompensationRow>, bool), Error> {
        let rows = sqlx::query_file!("queries/compensation/list.sql", tenant.0, run_id.0)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        let is_pending = rows.first().is_some_and(|row| row.is_pending);
        let mut steps = Vec::new();
        for row in rows {
            let Some(step) = row.step else { continue };
            steps.push(CompensationRow {
                step: read_step(step)?,
                attempts: row.attempts,
                compensated: row.compensated,
                failed: row.failed,
                failure: row.failure.as_deref().map(read_failure).transpose()?,
            });
        }
        Ok((steps, is_pending))
    }
}
