//! How many bytes tenants store: counted in rounds, a page of runs at a time.

use std::time::Duration;

use model::{RunId, TenantId};
use uuid::Uuid;

use crate::{Error, Store};

/// A round that is under way.
#[derive(Clone, Copy, Debug)]
pub struct StoredCount {
    tenant: TenantId,
    after: RunId,
    bytes: i64,
}

impl Store {
    /// Begins to count the tenant that was counted longest ago; `None`: none was so long ago.
    pub async fn begin_count(&self, ago: Duration) -> Result<Option<StoredCount>, Error> {
        let row = sqlx::query_file!("queries/quota/begin_count.sql", ago.as_secs_f64())
            .fetch_optional(self.pool())
            .await?;
        let after = RunId(Uuid::nil());
        Ok(row.map(|row| StoredCount { tenant: TenantId(row.tenant_id), after, bytes: 0 }))
    }

    /// Counts a page of at most `most` runs, and keeps the sum after the last one. `None`: that was it.
    pub async fn count_stored(
        &self,
        count: StoredCount,
        most: i64,
    ) -> Result<Option<StoredCount>, Error> {
        let StoredCount { tenant, after, bytes } = count;
        let row = sqlx::query_file!("queries/quota/count_stored.sql", tenant.0, after.0, most)
            .fetch_one(self.pool())
            .await?;
        let bytes = bytes.saturating_add(row.bytes);
        if let Some(last) = row.last.filter(|_| row.runs >= most) {
            return Ok(Some(StoredCount { tenant, after: RunId(last), bytes }));
        }
        sqlx::query_file!("queries/quota/keep_count.sql", tenant.0, bytes)
            .execute(self.pool())
            .await?;
        Ok(None)
    }
}
