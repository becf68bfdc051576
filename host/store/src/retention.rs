//! Throwing ended runs away, in small bites.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::{RunId, TenantId};
use uuid::Uuid;

use crate::{Error, Store};

/// Runs that are looked at together.
const BITE: i64 = 200;

/// How far a look at the runs has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrunePlace(Option<(TenantId, RunId)>);

/// What one bite did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// Runs that were deleted, with all they own.
    pub runs: i64,
    /// Where to go on; `None`: every run was looked at.
    pub next: Option<PrunePlace>,
}

impl Store {
    /// Deletes runs that ended so long ago, of the next few after a place. Live runs stay, and so do those whose parent is
    /// live or that are still to be compensated.
    pub async fn prune(&self, after: PrunePlace, age: Duration) -> Result<Pruned, Error> {
        let (tenant, run) = after.0.map_or((0, Uuid::nil()), |(tenant, run)| (tenant.0, run.0));
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let row = sqlx::query_file!(
            "queries/run/prune.sql",
            tenant,
            run,
            first_run_since(age),
            age_ms,
            BITE
        )
        .fetch_one(self.pool())
        .await?;
        let last = row.tenant_id.zip(row.id).map(|(tenant, run)| (TenantId(tenant), RunId(run)));
        let next = last.filter(|_| row.seen >= BITE).map(|last| PrunePlace(Some(last)));
        Ok(Pruned { runs: row.pruned, next })
    }
}

/// The least id a run can have that was started since.
fn first_run_since(age: Duration) -> Uuid {
    let then =
        SystemTime::now().checked_sub(age).and_then(|then| then.duration_since(UNIX_EPOCH).ok());
    let ms = then.unwrap_or_default().as_millis();
    Uuid::from_u128((ms & ((1 << 48) - 1)) << 80)
}
