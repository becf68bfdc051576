//! What was recorded of a run: its history, its joins, its live branches, its answers.

use std::time::Duration;

use model::{
    Failure, FailureKind, GoOn, Json, Position, Receipt, Recorded, RunId, StepIndex, TaskKey,
    TenantId, WorkerId,
};

use crate::flow::step_number;
use crate::outcome::{Loaded, read_reason};
use crate::run::read_failure;
use crate::token::{Place, decode, read_step};
use crate::{Error, Store};

/// One recorded fact and what it cost.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// The transaction that recorded it: with `ord` its place in the order of recording.
    pub xid: i64,
    /// Its place in that transaction.
    pub ord: i32,
    /// When, RFC 3339.
    pub recorded_at: String,
    /// What.
    pub recorded: Recorded,
    /// What the attempt used.
    pub receipt: Receipt,
    /// Who ran it.
    pub worker: WorkerId,
}

/// What arrived at one join of a run.
#[derive(Clone, Copy, Debug)]
pub struct Width {
    /// The step; `None`: the run itself.
    pub step: Option<StepIndex>,
    /// How many arrived.
    pub arrived: u32,
    /// How many it waits for; for a map step the number of its tasks.
    pub of: u32,
}

/// A live branch of a run.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Where it stands.
    pub position: Position,
    /// How often its worker was lost.
    pub lost: u32,
    /// Who holds it.
    pub worker: Option<WorkerId>,
    /// True: it waits for a moment, or to be woken.
    pub waits: bool,
    /// Until when it waits at most, RFC 3339.
    pub wake_at: Option<String>,
    /// The name of the phase it is at.
    pub phase_name: Option<String>,
    /// What it waits for, beside a moment.
    pub waits_for: Option<WaitsFor>,
}

/// What a parked task waits for, beside a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// A signal.
    Signal,
    /// The end of its children.
    Children,
    /// A place under its key.
    Place,
    /// Its share of a rate.
    Share,
    /// Its component.
    Component,
}

pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(crate) fn small(number: i32) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Reads the receipt columns every history row has.
macro_rules! receipt {
    ($row:ident) => {
        Receipt {
            fuel: count($row.fuel),
            wall_us: count($row.wall_us),
            instantiate_us: small($row.instantiate_us),
            peak_memory_bytes: count($row.peak_memory_bytes),
            input_bytes: small($row.input_bytes),
            output_bytes: small($row.output_bytes),
            host_calls: small($row.host_calls),
            log_bytes: small($row.log_bytes),
        }
    };
}
pub(crate) use receipt;

/// Puts a recorded fact together from its columns.
fn read_recorded(
    (step, index, phase, attempt): (i16, i32, i16, i16),
    output: Option<String>,
    failure: Option<String>,
    went_on: Option<String>,
    retry_in_ms: Option<i64>,
) -> Result<Recorded, Error> {
    let step = read_step(step)?;
    let failure: Option<Failure> = failure.as_deref().map(read_failure).transpose()?;
    let Ok(index) = u32::try_from(index) else {
        if let Some(reason) = output {
            return Ok(Recorded::Skipped { step, reason: read_reason(&reason)? });
        }
        let failure = failure.ok_or_else(|| Error::unreadable("an outcome", "it has no task"))?;
        return Ok(Recorded::Unopened { step, failure });
    };
    let task = TaskKey { step, index };
    let attempt = u32::try_from(attempt).unwrap_or(0);
    if let Some(went_on) = went_on {
        let phase = u32::try_from(phase).unwrap_or(0);
        let retry_in = Duration::from_millis(count(retry_in_ms.unwrap_or(0)));
        return Ok(Recorded::WentOn {
            task,
            attempt,
            phase,
            go_on: read_go_on(&went_on)?,
            retry_in,
        });
    }
    Ok(match (failure, retry_in_ms) {
        (Some(failure), Some(_)) if failure.kind == FailureKind::Interrupted => {
            Recorded::Interrupted { task }
        }
        (Some(failure), Some(ms)) => {
            let retry_in = Duration::from_millis(count(ms));
            Recorded::AttemptFailed { task, attempt, failure, retry_in }
        }
        (Some(failure), None) => Recorded::Failed { task, attempt, failure },
        (None, _) => Recorded::Completed { task, attempt, output: output.map(Json::trusted) },
    })
}

pub(crate) fn read_go_on(text: &str) -> Result<GoOn, Error> {
    serde_json::from_str(text).map_err(|why| Error::unreadable("where a task went on", why))
}

impl Store {
    /// What was recorded of a run after the row `after` (its `xid` and `ord`), in the order of recording; the answers
    /// too where asked for. Nothing is ever recorded before a row that was listed.
    pub async fn list_history(
        &self,
        tenant: TenantId,
        run_id: RunId,
        after: Option<(i64, i32)>,
        with_outputs: bool,
    ) -> Result<Vec<HistoryRow>, Error> {
        let (xid, ord) = after.unwrap_or((0, -1));
        let rows = sqlx::query_file!(
            "queries/outcome/history.sql",
            tenant.0,
            run_id.0,
            with_outputs,
            xid.to_string(),
            ord
        )
        .fetch_all(&mut *self.bound(tenant).await?)
        .await?;
        rows.into_iter()
            .map(|row| {
                let receipt = receipt!(row);
                let key = (row.step, row.index, row.phase, row.attempt);
                Ok(HistoryRow {
                    xid: row.xid,
                    ord: row.ord,
                    recorded_at: row.recorded_at,
                    recorded: read_recorded(
                        key,
                        row.output,
                        row.failure,
                        row.go_on,
                        row.retry_in_ms,
                    )?,
                    receipt,
                    worker: WorkerId(row.worker_id),
                })
            })
            .collect()
    }

    /// What arrived at a run's joins.
    pub async fn list_widths(&self, tenant: TenantId, run_id: RunId) -> Result<Vec<Width>, Error> {
        let rows = sqlx::query_file!("queries/outcome/widths.sql", tenant.0, run_id.0)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                let step = if row.step < 0 { None } else { Some(read_step(row.step)?) };
                let number = |n: i32| u32::try_from(n).unwrap_or(0);
                Ok(Width { step, arrived: number(row.arrived), of: number(row.arrival_count) })
            })
            .collect()
    }

    /// The live branches of a run.
    pub async fn list_tokens(
        &self,
        tenant: TenantId,
        run_id: RunId,
    ) -> Result<Vec<TokenRow>, Error> {
        let rows = sqlx::query_file!("queries/token/list.sql", tenant.0, run_id.0)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                let awaits_signal = row.waits && row.awaits && row.attempt == 1;
                let waits_for = match (row.gate.as_deref(), row.has_children) {
                    (Some("component"), _) => Some(WaitsFor::Component),
                    (Some("key"), _) => Some(WaitsFor::Place),
                    (Some(_), _) => Some(WaitsFor::Share),
                    (None, Some(true)) => Some(WaitsFor::Children),
                    (None, Some(false) | None) => awaits_signal.then_some(WaitsFor::Signal),
                };
                Ok(TokenRow {
                    position: decode(Place {
                        step: row.step,
                        lo: row.lo,
                        hi: row.hi,
                        attempt: row.attempt,
                        phase: row.phase,
                    })?,
                    waits: row.waits,
                    phase_name: row.phase_name,
                    waits_for,
                    lost: u32::try_from(row.lost).unwrap_or(0),
                    worker: row.worker_id.map(WorkerId),
                    wake_at: row.wake_at,
                })
            })
            .collect()
    }

    /// What the tasks of some steps of a run ended in, in index order; `None`: more than so many bytes.
    pub async fn list_outcomes(
        &self,
        tenant: TenantId,
        run_id: RunId,
        steps: &[StepIndex],
        most: usize,
    ) -> Result<Option<Loaded>, Error> {
        let steps: Vec<i16> = steps.iter().map(|step| step_number(*step)).collect();
        let bytes = i64::try_from(most).unwrap_or(i64::MAX);
        let rows =
            sqlx::query_file!("queries/outcome/leaves.sql", tenant.0, run_id.0, &steps, bytes)
                .fetch_all(&mut *self.bound(tenant).await?)
                .await?;
        let rows = rows.into_iter().map(|row| (row.bytes, row.step, row.index, row.output));
        Loaded::bounded(rows, most)
    }
}
