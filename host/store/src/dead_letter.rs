//! Dead letters: tasks that ended with a failure for good.

use model::{Failure, FlowId, RunId, TaskKey, TenantId};
use uuid::Uuid;

use crate::flow::{read_version, step_number};
use crate::run::read_failure;
use crate::token::read_step;
use crate::{Error, Store};

/// A task that ended with a failure for good.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its run.
    pub run_id: RunId,
    /// The flow's name.
    pub flow_name: String,
    /// The flow.
    pub flow_id: FlowId,
    /// The version the run is pinned to.
    pub version: u32,
    /// Which task.
    pub task: TaskKey,
    /// How many phases lay before the one it failed in.
    pub phase: u32,
    /// Its attempts in that phase.
    pub attempts: u32,
    /// What the last one failed with.
    pub failure: Failure,
    /// When, RFC 3339.
    pub recorded_at: String,
}

impl Store {
    /// A page of dead letters, those of the newest runs first; `after`: the run and task the page before ended with.
    pub async fn list_dead_letters(
        &self,
        tenant: TenantId,
        flow_id: Option<FlowId>,
        after: Option<(RunId, TaskKey)>,
        limit: i64,
    ) -> Result<Vec<DeadLetter>, Error> {
        let place = after.map_or((Uuid::max(), -1, -1), |(run, task)| {
            (run.0, step_number(task.step), i32::try_from(task.index).unwrap_or(i32::MAX))
        });
        self.dead_letters_after(tenant, flow_id, place, limit).await
    }

    /// One dead letter; `None`: the task did not end with a failure.
    pub async fn get_dead_letter(
        &self,
        tenant: TenantId,
        run_id: RunId,
        task: TaskKey,
    ) -> Result<Option<DeadLetter>, Error> {
        let index = i32::try_from(task.index).unwrap_or(i32::MAX) - 1;
        let just_before = (run_id.0, step_number(task.step), index);
        let found = self.dead_letters_after(tenant, None, just_before, 1).await?;
        Ok(found.into_iter().find(|found| found.run_id == run_id && found.task == task))
    }

    async fn dead_letters_after(
        &self,
        tenant: TenantId,
        flow_id: Option<FlowId>,
        (run, step, index): (Uuid, i16, i32),
        limit: i64,
    ) -> Result<Vec<DeadLetter>, Error> {
        let rows = sqlx::query_file!(
            "queries/outcome/dead_letters.sql",
            tenant.0,
            run,
            step,
            index,
            flow_id.map(|id| id.0),
            limit
        )
        .fetch_all(&mut *self.bound(tenant).await?)
        .await?;
        rows.into_iter()
            .map(|row| {
                let number = |n: i32| u32::try_from(n).unwrap_or(0);
                Ok(DeadLetter {
                    run_id: RunId(row.run_id),
                    flow_name: row.flow_name,
                    flow_id: FlowId(row.flow_id),
                    version: read_version(row.version)?,
                    task: TaskKey { step: read_step(row.step)?, index: number(row.index) },
                    phase: number(row.phase.into()),
                    attempts: number(row.attempt.into()),
                    failure: read_failure(&row.failure)?,
                    recorded_at: row.recorded_at,
                })
            })
            .collect()
    }
}
