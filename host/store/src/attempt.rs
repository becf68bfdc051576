//! Attempts of one task and what they logged.

use std::time::Duration;

use model::{Failure, Json, LogLine, Receipt, RunId, StepIndex, TaskKey, TenantId, WorkerId};

use crate::flow::step_number;
use crate::history::{count, receipt, small};
use crate::run::read_failure;
use crate::token::read_step;
use crate::{Error, Store};

/// One attempt.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// 1-based number.
    pub attempt: u32,
    /// When it was recorded, RFC 3339.
    pub recorded_at: String,
    /// Its answer, when it completed.
    pub output: Option<Json>,
    /// Why it did not.
    pub failure: Option<Failure>,
    /// The wait before the next one, when there was one.
    pub retry_in: Option<Duration>,
    /// What it used.
    pub receipt: Receipt,
    /// Who ran it.
    pub worker: WorkerId,
}

/// Where the log of a task is: its step, index and attempt.
pub type TaskLog = (StepIndex, u32, u32);

/// What one attempt wrote.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// Whose.
    pub at: TaskLog,
    /// The lines, in order.
    pub lines: Vec<LogLine>,
}

/// Which part of a run's log.
#[derive(Clone, Copy, Debug)]
pub struct LogFilter {
    /// Only of this step.
    pub step: Option<StepIndex>,
    /// Only after this attempt's.
    pub after: Option<TaskLog>,
    /// Attempts at most.
    pub limit: i64,
}

impl Store {
    /// Every recorded attempt of one task, in order.
    pub async fn list_attempts(
        &self,
        tenant: TenantId,
        run_id: RunId,
        task: TaskKey,
    ) -> Result<Vec<AttemptRow>, Error> {
        let index = i32::try_from(task.index).unwrap_or(i32::MAX);
        let step = step_number(task.step);
        let rows = sqlx::query_file!("queries/outcome/task.sql", tenant.0, run_id.0, step, index)
            .fetch_all(self.pool())
            .await?;
        rows.into_iter()
            .map(|row| {
                let receipt = receipt!(row);
                Ok(AttemptRow {
                    attempt: u32::try_from(row.attempt).unwrap_or(0),
                    recorded_at: row.recorded_at,
                    output: row.output.map(Json::trusted),
                    failure: row.failure.as_deref().map(read_failure).transpose()?,
                    retry_in: row.retry_in_ms.map(|ms| Duration::from_millis(count(ms))),
                    receipt,
                    worker: WorkerId(row.worker_id),
                })
            })
            .collect()
    }

    /// A page of what a run's attempts wrote, by step, index and attempt.
    pub async fn list_logs(
        &self,
        tenant: TenantId,
        run_id: RunId,
        filter: LogFilter,
    ) -> Result<Vec<LogRow>, Error> {
        let LogFilter { step, after, limit } = filter;
        let after = after.map_or((-1, -1, -1), |(step, index, attempt)| {
            let index = i32::try_from(index).unwrap_or(i32::MAX);
            (step_number(step), index, i16::try_from(attempt).unwrap_or(i16::MAX))
        });
        let rows = sqlx::query_file!(
            "queries/outcome/logs.sql",
            tenant.0,
            run_id.0,
            after.0,
            after.1,
            after.2,
            step.map(step_number),
            limit
        )
        .fetch_all(self.pool())
        .await?;
        rows.into_iter()
            .map(|row| {
                let number = |n: i32| u32::try_from(n).unwrap_or(0);
                let at = (read_step(row.step)?, number(row.index), number(row.attempt.into()));
                let lines = serde_json::from_str(&row.lines)
                    .map_err(|why| Error::unreadable("an attempt's log", why))?;
                Ok(LogRow { at, lines })
            })
            .collect()
    }
}
