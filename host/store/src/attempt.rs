//! Attempts of one task and what they logged.

use std::time::Duration;

use model::{
    Failure, FailureKind, GoOn, Json, LogLine, Receipt, RunId, StepIndex, TaskKey, TenantId,
    WorkerId,
};

use crate::flow::step_number;
use crate::history::{count, read_go_on, receipt, small};
use crate::run::read_failure;
use crate::token::read_step;
use crate::{Error, Store};

/// One attempt.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// How many phases of its task lie before the one it ran in.
    pub phase: u32,
    /// 1-based number in its phase.
    pub attempt: u32,
    /// When it was recorded, RFC 3339.
    pub recorded_at: String,
    /// Its answer, when it completed.
    pub output: Option<Json>,
    /// Why it did not.
    pub failure: Option<Failure>,
    /// Where its task went on, when it did.
    pub went_on: Option<GoOn>,
    /// The wait before the next one, when there was one.
    pub retry_in: Option<Duration>,
    /// What it used.
    pub receipt: Receipt,
    /// Who ran it.
    pub worker: WorkerId,
}

/// Where the log of an attempt is: its step, index, phase and attempt.
pub type TaskLog = (StepIndex, u32, u32, u32);

/// What one attempt wrote.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// Whose.
    pub at: TaskLog,
    /// The lines, in order.
    pub lines: Vec<LogLine>,
}

/// Where a log stands in the order of recording.
#[derive(Clone, Copy, Debug)]
pub struct RecordedLog {
    /// The transaction that recorded it.
    pub xid: i64,
    /// Its place among those that were recorded together.
    pub at: TaskLog,
}

/// Which part of a run's log.
#[derive(Clone, Copy, Debug)]
pub struct LogFilter<Place> {
    /// Only of this step.
    pub step: Option<StepIndex>,
    /// Only after this attempt's.
    pub after: Option<Place>,
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
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                let receipt = receipt!(row);
                let failure = row.failure.as_deref().map(read_failure).transpose()?;
                let followed = failure.as_ref().is_some_and(|f| f.kind != FailureKind::Interrupted);
                Ok(AttemptRow {
                    phase: u32::try_from(row.phase).unwrap_or(0),
                    went_on: row.go_on.as_deref().map(read_go_on).transpose()?,
                    attempt: u32::try_from(row.attempt).unwrap_or(0),
                    recorded_at: row.recorded_at,
                    output: row.output.map(Json::trusted),
                    failure,
                    retry_in: row
                        .retry_in_ms
                        .filter(|_| followed)
                        .map(|ms| Duration::from_millis(count(ms))),
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
        filter: LogFilter<TaskLog>,
    ) -> Result<Vec<LogRow>, Error> {
        let LogFilter { step, after, limit } = filter;
        let (after_step, index, phase, attempt) = place(after);
        let rows = sqlx::query_file!(
            "queries/outcome/logs.sql",
            tenant.0,
            run_id.0,
            after_step,
            index,
            phase,
            attempt,
            step.map(step_number),
            limit
        )
        .fetch_all(&mut *self.bound(tenant).await?)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(LogRow {
                    at: read_place(row.step, row.index, row.phase, row.attempt)?,
                    lines: read_lines(&row.lines)?,
                })
            })
            .collect()
    }

    /// A page of what a run's attempts wrote, in the order of recording. Nothing is ever recorded before a row that was
    /// listed.
    pub async fn follow_logs(
        &self,
        tenant: TenantId,
        run_id: RunId,
        filter: LogFilter<RecordedLog>,
    ) -> Result<Vec<(RecordedLog, LogRow)>, Error> {
        let LogFilter { step, after, limit } = filter;
        let xid = after.map_or(0, |after| after.xid);
        let (after_step, index, phase, attempt) = place(after.map(|after| after.at));
        let rows = sqlx::query_file!(
            "queries/outcome/logs_since.sql",
            tenant.0,
            run_id.0,
            step.map(step_number) as Option<i16>,
            xid.to_string(),
            after_step,
            index,
            phase,
            attempt,
            limit
        )
        .fetch_all(&mut *self.bound(tenant).await?)
        .await?;
        rows.into_iter()
            .map(|row| {
                let at = read_place(row.step, row.index, row.phase, row.attempt)?;
                let lines = read_lines(&row.lines)?;
                Ok((RecordedLog { xid: row.xid, at }, LogRow { at, lines }))
            })
            .collect()
    }
}

fn place(after: Option<TaskLog>) -> (i16, i32, i16, i16) {
    after.map_or((-1, -1, -1, -1), |(step, index, phase, attempt)| {
        let index = i32::try_from(index).unwrap_or(i32::MAX);
        let small = |n: u32| i16::try_from(n).unwrap_or(i16::MAX);
        (step_number(step), index, small(phase), small(attempt))
    })
}

fn read_place(step: i16, index: i32, phase: i16, attempt: i16) -> Result<TaskLog, Error> {
    let number = |n: i32| u32::try_from(n).unwrap_or(0);
    Ok((read_step(step)?, number(index), number(phase.into()), number(attempt.into())))
}

fn read_lines(lines: &str) -> Result<Vec<LogLine>, Error> {
    serde_json::from_str(lines).map_err(|why| Error::unreadable("an attempt's log", why))
}
