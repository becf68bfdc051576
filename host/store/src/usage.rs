//! What tenants used: sums of receipts, added up in the statement that records them.

use std::time::Duration;

use model::{Receipt, TenantId};

use crate::{Error, Store};

/// How usage is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// By hour.
    Hour,
    /// By day, UTC.
    Day,
}

impl Period {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// What a tenant used in an hour or a day.
#[derive(Clone, Debug)]
pub struct UsageRow {
    /// When it began, RFC 3339.
    pub since: String,
    /// Attempts that ended.
    pub attempts: u64,
    /// Those among them that failed.
    pub failed_attempts: u64,
    /// What they used together; peak memory and instantiation are not added up.
    pub used: Receipt,
    /// Time spent on compiling uploads, in milliseconds.
    pub compile_ms: u64,
}

impl Store {
    /// What a tenant used in the last so many hours or days, newest first.
    pub async fn list_usage(
        &self,
        tenant: TenantId,
        by: Period,
        count: i32,
    ) -> Result<Vec<UsageRow>, Error> {
        let rows = sqlx::query_file!("queries/usage/list.sql", tenant.0, by.as_str(), count)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| UsageRow {
                since: row.since,
                attempts: row.attempts.unsigned_abs(),
                failed_attempts: row.failed_attempts.unsigned_abs(),
                used: Receipt {
                    fuel: row.fuel.unsigned_abs(),
                    wall_us: row.wall_us.unsigned_abs(),
                    host_calls: row.host_calls.unsigned_abs(),
                    input_bytes: row.input_bytes.unsigned_abs(),
                    output_bytes: row.output_bytes.unsigned_abs(),
                    log_bytes: row.log_bytes.unsigned_abs(),
                    ..Receipt::default()
                },
                compile_ms: row.compile_ms.unsigned_abs(),
            })
            .collect())
    }

    /// Makes one row of each tenant and hour of what is some days old, of `most` rows at most; how many these were.
    pub async fn fold_usage(&self, most: i64) -> Result<i64, Error> {
        let row = sqlx::query_file!("queries/usage/fold.sql", most).fetch_one(self.pool()).await?;
        Ok(row.rows)
    }

    /// Adds what a compilation took to a tenant's usage.
    pub async fn charge_compilation(&self, tenant: TenantId, took: Duration) -> Result<(), Error> {
        let ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        sqlx::query_file!("queries/usage/add_compilation.sql", tenant.0, ms)
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
