//! What the bench of durable flows asks of Postgres: what moves and what waits, when handlers began, how late, and runs
//! that are parked in bulk.

use std::time::Duration;

use model::{RunId, TenantId};
use sqlx::Executor as _;
use uuid::Uuid;

use crate::{Error, Store};

/// Runs that are copied by one statement.
const COPIES: u32 = 100_000;

/// How late handlers began, at the latest, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Lateness {
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The largest.
    pub max_ms: f64,
    /// From the first moment until everything was recorded.
    pub took: Duration,
}

impl Store {
    /// Empties what the runs of all tenants left behind. For a database that only the bench uses.
    pub async fn clear_runs(&self) -> Result<(), Error> {
        self.pool().execute(include_str!("../../queries/bench/clear.sql")).await?;
        Ok(())
    }

    /// Vacuums and analyzes what is kept of runs.
    pub async fn vacuum_runs(&self) -> Result<(), Error> {
        self.pool().execute(include_str!("../../queries/bench/vacuum.sql")).await?;
        Ok(())
    }

    /// Bytes on disk of what is kept of runs.
    pub async fn measure_runs(&self) -> Result<i64, Error> {
        let size = sqlx::query_scalar(include_str!("../../queries/bench/size.sql"));
        Ok(size.fetch_one(self.pool()).await?)
    }

    /// Whether one of the runs since this one is live.
    pub async fn is_any_live(&self, tenant: TenantId, since: RunId) -> Result<bool, Error> {
        let live = sqlx::query_scalar(include_str!("../../queries/bench/is_live.sql"));
        Ok(live.bind(tenant.0).bind(since.0).fetch_one(self.pool()).await?)
    }

    /// How many tokens of the runs since this one move, and how many wait.
    pub async fn count_waiting(&self, tenant: TenantId, since: RunId) -> Result<(i64, i64), Error> {
        let count = sqlx::query_as(include_str!("../../queries/bench/count_waiting.sql"));
        Ok(count.bind(tenant.0).bind(since.0).fetch_one(self.pool()).await?)
    }

    /// How many of the runs since this one have not completed.
    pub async fn count_uncompleted(&self, tenant: TenantId, since: RunId) -> Result<i64, Error> {
        let count = sqlx::query_scalar(include_str!("../../queries/bench/count_uncompleted.sql"));
        Ok(count.bind(tenant.0).bind(since.0).fetch_one(self.pool()).await?)
    }

    /// When the attempts of a run began, at the latest, after 1970 and in order.
    pub async fn attempts_began(
        &self,
        tenant: TenantId,
        run_id: RunId,
    ) -> Result<Vec<Duration>, Error> {
        let began = sqlx::query_scalar(include_str!("../../queries/bench/began.sql"));
        let began: Option<Vec<i64>> =
            began.bind(tenant.0).bind(run_id.0).fetch_one(self.pool()).await?;
        Ok(began.unwrap_or_default().into_iter().map(microseconds).collect())
    }

    /// Has all that waits of the runs since this one be due within one second, which begins after `lead`.
    pub async fn make_due(
        &self,
        tenant: TenantId,
        since: RunId,
        lead: Duration,
    ) -> Result<u64, Error> {
        let lead = i64::try_from(lead.as_millis()).unwrap_or(i64::MAX);
        let due = sqlx::query(include_str!("../../queries/bench/make_due.sql"));
        let done = due.bind(tenant.0).bind(since.0).bind(lead).execute(self.pool()).await?;
        Ok(done.rows_affected())
    }

    /// How late what was due has begun.
    pub async fn measure_lateness(&self) -> Result<Lateness, Error> {
        let late = sqlx::query_as(include_str!("../../queries/bench/lateness.sql"));
        let (p50_ms, p99_ms, max_ms, took) = late.fetch_one(self.pool()).await?;
        Ok(Lateness { p50_ms, p99_ms, max_ms, took: microseconds(took) })
    }

    /// Copies a parked run so many times.
    pub async fn copy_parked(
        &self,
        tenant: TenantId,
        run_id: RunId,
        count: u32,
    ) -> Result<(), Error> {
        let mut left = count;
        while left > 0 {
            let copies = left.min(COPIES);
            let park = sqlx::query(include_str!("../../queries/bench/park.sql"));
            let park = park.bind(tenant.0).bind(run_id.0).bind(i64::from(copies));
            park.execute(self.pool()).await?;
            left -= copies;
        }
        Ok(())
    }

    /// Some runs that wait for a signal.
    pub async fn pick_parked(&self, tenant: TenantId, most: u32) -> Result<Vec<RunId>, Error> {
        let pick = sqlx::query_scalar(include_str!("../../queries/bench/pick_parked.sql"));
        let picked: Vec<Uuid> =
            pick.bind(tenant.0).bind(i64::from(most)).fetch_all(self.pool()).await?;
        Ok(picked.into_iter().map(RunId).collect())
    }
}

fn microseconds(count: i64) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or(0))
}
