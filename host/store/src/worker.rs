//! Workers: a row that beats.

use std::time::Duration;

use model::WorkerId;
use serde_json::json;

use crate::{Action, Actor, Entry, Error, Store, audit};

/// A worker that beats.
#[derive(Clone, Debug)]
pub struct WorkerRow {
    /// Its identity.
    pub id: WorkerId,
    /// The machine and process.
    pub host: String,
    /// How many attempts it runs at a time.
    pub slots: i32,
    /// Outcomes whose claim no longer held.
    pub stale_count: i64,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long ago it beat, in milliseconds.
    pub beat_ago_ms: i64,
    /// True: it finishes what it has and takes nothing more.
    pub is_deprecated: bool,
}

/// What a beat is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// All is well.
    Alive {
        /// How many of the workers that beat and take tokens are older.
        older: u32,
        /// How many there are.
        all: u32,
    },
    /// The worker is to take nothing more.
    Deprecated,
    /// It was taken for dead and holds nothing any more.
    Lost,
}

impl Store {
    /// A worker begins to beat. Once it has not for its lease, it counts as dead.
    pub async fn register_worker(
        &self,
        host: &str,
        slots: i32,
        lease: Duration,
    ) -> Result<WorkerId, Error> {
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let row = sqlx::query_file!("queries/worker/register.sql", host, slots, lease_ms)
            .fetch_one(self.pool())
            .await?;
        Ok(WorkerId(row.id))
    }

    /// A worker is alive.
    pub async fn beat(&self, worker: WorkerId, stale: i64) -> Result<Beat, Error> {
        let row = sqlx::query_file!("queries/worker/beat.sql", worker.0, stale)
            .fetch_optional(self.pool())
            .await?;
        Ok(match row {
            Some(row) if row.is_deprecated => Beat::Deprecated,
            Some(row) => {
                let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
                Beat::Alive { older: count(row.older), all: count(row.all) }
            }
            None => Beat::Lost,
        })
    }

    /// Has a worker finish what it has and take nothing more, from its next beat on. False: no such worker beats.
    pub async fn deprecate_worker(
        &self,
        worker: WorkerId,
        actor: Actor<'_>,
    ) -> Result<bool, Error> {
        let mut work = self.pool().begin().await?;
        let done =
            sqlx::query_file!("queries/worker/deprecate.sql", worker.0).execute(&mut *work).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let (tenant, action, subject) = (None, Action::WorkerDeprecate, worker.0.to_string());
        let entry = Entry { tenant, actor, action, subject: &subject, detail: json!({}) };
        audit::write(&mut work, &entry).await?;
        work.commit().await?;
        Ok(true)
    }

    /// Every worker that beats.
    pub async fn list_workers(&self) -> Result<Vec<WorkerRow>, Error> {
        let rows = sqlx::query_file!("queries/worker/list.sql").fetch_all(self.pool()).await?;
        Ok(rows
            .into_iter()
            .map(|row| WorkerRow {
                id: WorkerId(row.id),
                host: row.host,
                slots: row.slots,
                stale_count: row.stale_count,
                started_at: row.started_at,
                beat_ago_ms: row.beat_ago_ms,
                is_deprecated: row.is_deprecated,
            })
            .collect())
    }
}
