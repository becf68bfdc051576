//! What tenants may take: read now and then, and asked before anything is taken.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{Quota, TenantId};

use live::LiveCounts;

use crate::{Action, By, Entry, Error, Store, audit};

mod live;

/// How long a quota is believed: a change holds on every host after this.
const BELIEVED: Duration = Duration::from_secs(5);
/// Tenants whose quota is believed at a time.
const MOST_BELIEVED: usize = 10_000;

/// A quota that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// Which one, as the quota calls it.
    pub field: &'static str,
    /// What it is.
    pub limit: u64,
    /// When asking again may go well.
    pub retry_in: Duration,
}

impl OverQuota {
    /// The quota that is there again in a moment, whatever becomes of what was started.
    pub const RUNS_PER_SECOND: &'static str = "runs_per_second";
}

/// What one worker must know of a tenant of which something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantShare {
    /// Which tenant.
    pub tenant: TenantId,
    /// Its weight.
    pub weight: u32,
    /// Attempts it may run at a time, on all workers together.
    pub running_attempts: Option<u32>,
    /// Fuel it may use in a minute, on all workers together.
    pub fuel_per_minute: Option<u64>,
    /// How long nothing of it begins.
    pub rests: Duration,
}

/// The quotas in memory, and how many runs are live.
#[derive(Default)]
pub(crate) struct Quotas {
    known: Mutex<HashMap<TenantId, Known>>,
    live: LiveCounts,
}

#[derive(Clone, Copy)]
struct Known {
    quota: Quota,
    stored_bytes: u64,
    since: Instant,
}

impl Quotas {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, tenant: TenantId) {
        self.lock().remove(&tenant);
        self.live.forget(tenant);
    }

    fn believed(&self, tenant: TenantId) -> Option<Known> {
        let known = self.lock().get(&tenant).copied()?;
        (known.since.elapsed() < BELIEVED).then_some(known)
    }

    /// `since`: from before it was asked for, so that no change since is missed for longer than anything is believed.
    fn believe(
        &self,
        tenant: TenantId,
        (quota, stored_bytes): (Quota, u64),
        since: Instant,
    ) -> Known {
        let mut known = self.lock();
        if known.len() >= MOST_BELIEVED {
            known.clear();
        }
        let now = Known { quota, stored_bytes, since };
        known.insert(tenant, now);
        now
    }
}

impl Store {
    /// What a tenant may take; believed for some seconds.
    pub async fn quota(&self, tenant: TenantId) -> Result<Quota, Error> {
        Ok(self.known(tenant).await?.quota)
    }

    /// What a tenant may take, and how much it stores, both as it was counted last.
    pub async fn read_quota(&self, tenant: TenantId) -> Result<Option<(Quota, u64)>, Error> {
        let row = sqlx::query_file!("queries/quota/get.sql", tenant.0)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let long = |n: Option<i64>| n.map(i64::unsigned_abs);
        let int = |n: Option<i32>| n.map(i32::unsigned_abs);
        let quota = match row.weight.filter(|_| row.is_said) {
            None => Quota::DEFAULT,
            Some(weight) => Quota {
                weight: weight.unsigned_abs(),
                running_attempts: int(row.running_attempts),
                live_runs: long(row.live_runs),
                runs_per_second: int(row.runs_per_second),
                fuel_per_minute: long(row.fuel_per_minute),
                stored_bytes: long(row.stored_bytes),
                components: int(row.components),
                compile_seconds_per_day: int(row.compile_seconds_per_day),
                requests_per_second: int(row.requests_per_second),
            },
        };
        Ok(Some((quota, row.stored.unsigned_abs())))
    }

    /// Says what a tenant may take. Every host holds to it within seconds, this one at once.
    pub async fn put_quota(&self, by: By<'_>, quota: &Quota) -> Result<(), Error> {
        let tenant = by.tenant;
        let mut work = self.pool().begin().await?;
        let long = |n: Option<u64>| n.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let int = |n: Option<u32>| n.map(|n| i32::try_from(n).unwrap_or(i32::MAX));
        let done = sqlx::query_file!(
            "queries/quota/put.sql",
            tenant.0,
            i32::try_from(quota.weight).unwrap_or(i32::MAX),
            int(quota.running_attempts),
            long(quota.live_runs),
            int(quota.runs_per_second),
            long(quota.fuel_per_minute),
            long(quota.stored_bytes),
            int(quota.components),
            int(quota.compile_seconds_per_day),
            int(quota.requests_per_second),
        )
        .execute(&mut *work)
        .await?;
        if done.rows_affected() == 1 {
            let said = serde_json::to_value(quota).expect("a quota is always JSON");
            let entry = Entry::new(by, Action::QuotaPut, "quota");
            audit::write(&mut work, &entry.saying(said)).await?;
        }
        work.commit().await?;
        self.shared.quotas.forget(tenant);
        Ok(())
    }

    /// Takes so many starts from what a tenant may start; the answer is what is used up, if anything is.
    pub async fn admit_runs(
        &self,
        tenant: TenantId,
        count: u64,
    ) -> Result<Option<OverQuota>, Error> {
        let known = self.known(tenant).await?;
        if let Some(over) = over_stored(&known, 0) {
            return Ok(Some(over));
        }
        if let Some(limit) = known.quota.runs_per_second
            && let Some(retry_in) = self.take_runs(tenant, count).await?
        {
            let (field, limit) = (OverQuota::RUNS_PER_SECOND, u64::from(limit));
            return Ok(Some(OverQuota { field, limit, retry_in }));
        }
        // Last: what is counted in here is taken for started.
        if let Some(limit) = known.quota.live_runs
            && let Err(retry_in) = self.take_live(tenant, count, limit).await?
        {
            return Ok(Some(OverQuota { field: "live_runs", limit, retry_in }));
        }
        Ok(None)
    }

    /// Takes starts from a tenant's second of them, or answers how long it takes until there are some.
    async fn take_runs(&self, tenant: TenantId, count: u64) -> Result<Option<Duration>, Error> {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let row = sqlx::query_file!("queries/quota/take_runs.sql", tenant.0, count)
            .fetch_optional(self.pool())
            .await?;
        let wait = row.map_or(0.0, |row| row.wait);
        Ok((wait > 0.0).then(|| Duration::from_secs_f64(wait)))
    }

    /// What stands against storing so many bytes more.
    pub async fn admit_bytes(
        &self,
        tenant: TenantId,
        bytes: u64,
    ) -> Result<Option<OverQuota>, Error> {
        Ok(over_stored(&self.known(tenant).await?, bytes))
    }

    /// What stands against one more component of so many bytes.
    pub async fn admit_component(
        &self,
        tenant: TenantId,
        bytes: u64,
    ) -> Result<Option<OverQuota>, Error> {
        let known = self.known(tenant).await?;
        if let Some(over) = over_stored(&known, bytes) {
            return Ok(Some(over));
        }
        if let Some(limit) = known.quota.components {
            let row = sqlx::query_file!("queries/quota/count_components.sql", tenant.0)
                .fetch_one(self.pool())
                .await?;
            if row.components >= i64::from(limit) {
                let (limit, retry_in) = (u64::from(limit), BELIEVED);
                return Ok(Some(OverQuota { field: "components", limit, retry_in }));
            }
        }
        if let Some(limit) = known.quota.compile_seconds_per_day {
            let row = sqlx::query_file!("queries/usage/compiled_today.sql", tenant.0)
                .fetch_one(self.pool())
                .await?;
            if row.compile_ms >= i64::from(limit) * 1_000 {
                let (field, limit) = ("compile_seconds_per_day", u64::from(limit));
                let retry_in = Duration::from_secs(row.seconds_left.unsigned_abs());
                return Ok(Some(OverQuota { field, limit, retry_in }));
            }
        }
        Ok(None)
    }

    /// The share of every tenant of which something was said.
    pub async fn list_shares(&self) -> Result<Vec<TenantShare>, Error> {
        let stored =
            Quota::DEFAULT.stored_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let rows =
            sqlx::query_file!("queries/quota/shares.sql", stored).fetch_all(self.pool()).await?;
        Ok(rows
            .into_iter()
            .map(|row| TenantShare {
                tenant: TenantId(row.tenant_id),
                weight: row.weight.unsigned_abs(),
                running_attempts: row.running_attempts.map(i32::unsigned_abs),
                fuel_per_minute: row.fuel_per_minute.map(i64::unsigned_abs),
                rests: Duration::from_millis(row.rests_ms.unsigned_abs()),
            })
            .collect())
    }

    /// Takes fuel that was used from the minutes of the tenants that have one.
    pub async fn charge_fuel(&self, used: &[(TenantId, u64)]) -> Result<(), Error> {
        let tenants: Vec<i32> = used.iter().map(|(tenant, _)| tenant.0).collect();
        let fuel: Vec<i64> =
            used.iter().map(|(_, fuel)| i64::try_from(*fuel).unwrap_or(i64::MAX)).collect();
        sqlx::query_file!("queries/quota/charge_fuel.sql", &tenants, &fuel)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    async fn known(&self, tenant: TenantId) -> Result<Known, Error> {
        if let Some(known) = self.shared.quotas.believed(tenant) {
            return Ok(known);
        }
        let since = Instant::now();
        let read = self.read_quota(tenant).await?.unwrap_or_default();
        Ok(self.shared.quotas.believe(tenant, read, since))
    }
}

fn over_stored(known: &Known, further: u64) -> Option<OverQuota> {
    let limit = known.quota.stored_bytes?;
    let over = OverQuota { field: "stored_bytes", limit, retry_in: BELIEVED };
    (known.stored_bytes.saturating_add(further) > limit).then_some(over)
}
