//! Attempts that were at work when their run ended: what they used and wrote is kept, whatever became of the run.

use model::{Failure, FailureKind, LogLine, Receipt, RunId, TaskKey, TenantId, WorkerId};

use crate::flow::step_number;
use crate::{Error, Store};

/// An attempt whose end decides nothing any more.
#[derive(Clone, Debug)]
pub struct Interrupted {
    /// Whose run.
    pub tenant: TenantId,
    /// Which run.
    pub run_id: RunId,
    /// Which task.
    pub task: TaskKey,
    /// 1-based number of the attempt.
    pub attempt: u32,
    /// How many phases lie before the one it ran in.
    pub phase: u32,
    /// What it used.
    pub receipt: Receipt,
    /// What it wrote.
    pub log: Vec<LogLine>,
}

impl Store {
    /// Keeps the receipts and logs of attempts whose run has ended; answers the runs that have.
    pub async fn keep_interrupted(
        &self,
        worker: WorkerId,
        attempts: &[Interrupted],
    ) -> Result<Vec<RunId>, Error> {
        let long = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let int = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
        let failure =
            Failure::new(FailureKind::Interrupted, "the run ended while the attempt was at work");
        let failure = serde_json::to_string(&failure).expect("a failure is always JSON");
        let lines = |attempt: &Interrupted| {
            let text = serde_json::to_string(&attempt.log).expect("a log is always JSON");
            (!attempt.log.is_empty()).then_some(text)
        };
        macro_rules! column {
            ($attempt:ident => $value:expr) => {
                &attempts.iter().map(|$attempt| $value).collect::<Vec<_>>()
            };
        }
        let rows = sqlx::query_file!(
            "queries/outcome/interrupted.sql",
            worker.0,
            column!(a => a.tenant.0),
            column!(a => a.run_id.0),
            column!(a => step_number(a.task.step)),
            column!(a => int(u64::from(a.task.index))),
            column!(a => i16::try_from(a.attempt).unwrap_or(i16::MAX)),
            column!(_a => failure.clone()),
            column!(a => long(a.receipt.fuel)),
            column!(a => long(a.receipt.wall_us)),
            column!(a => int(a.receipt.instantiate_us)),
            column!(a => long(a.receipt.peak_memory_bytes)),
            column!(a => int(a.receipt.input_bytes)),
            column!(a => int(a.receipt.output_bytes)),
            column!(a => int(a.receipt.host_calls)),
            column!(a => int(a.receipt.log_bytes)),
            column!(a => lines(a)) as &[Option<String>],
            column!(a => i16::try_from(a.phase).unwrap_or(i16::MAX)),
        )
        .fetch_all(self.hot())
        .await?;
        Ok(rows.into_iter().map(|row| RunId(row.run_id)).collect())
    }
}
