//! How many runs of a tenant are live: counted now and then, with what was started here since.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::TenantId;

use super::MOST_BELIEVED;
use crate::queues::Queues;
use crate::{Error, Store};

/// How long a count of live runs holds near the limit, and far from it.
const COUNTED_NEAR: Duration = Duration::from_secs(1);
const COUNTED_FAR: Duration = Duration::from_secs(10);
/// A count is not made again before so many times what it took.
const COUNTING_SHARE: u32 = 50;

/// The counts in memory, and who is counting.
#[derive(Default)]
pub(super) struct LiveCounts {
    counts: Mutex<HashMap<TenantId, Live>>,
    /// One counts at a time.
    counting: Queues,
}

/// How many runs were live, and how many were started here since.
#[derive(Clone, Copy)]
struct Live {
    counted: u64,
    started: u64,
    at: Instant,
    holds: Duration,
    /// The same where it refuses: what was counted may have ended since.
    refuses: Duration,
}

/// How old a count may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    /// So young that it holds.
    Holding,
    /// Whatever it is: a newer one is under way.
    Any,
}

/// Counted in, or the wait until there may be room.
type Taken = Result<(), Duration>;

impl LiveCounts {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Live>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, tenant: TenantId) {
        self.lock().remove(&tenant);
    }

    /// Counts `count` more live runs in, if there is room for them by what was counted; `None`: nothing of that age is known.
    fn take(&self, tenant: TenantId, count: u64, most: u64, age: Age) -> Option<Taken> {
        let mut counts = self.lock();
        let live = counts.get_mut(&tenant)?;
        let left = live.holds.saturating_sub(live.at.elapsed());
        if left.is_zero() && age == Age::Holding {
            return None;
        }
        if live.counted.saturating_add(live.started).saturating_add(count) > most {
            let left = live.refuses.saturating_sub(live.at.elapsed());
            if left.is_zero() && age == Age::Holding {
                return None;
            }
            return Some(Err(left.max(COUNTED_NEAR)));
        }
        live.started += count;
        Some(Ok(()))
    }

    /// How many runs were started here since the last count.
    fn started(&self, tenant: TenantId) -> u64 {
        self.lock().get(&tenant).map_or(0, |live| live.started)
    }

    /// Keeps a count that took so long; `before`: what was started here before it began.
    fn keep(&self, tenant: TenantId, (counted, most): (u64, u64), before: u64, took: Duration) {
        let usual = if counted < most / 2 { COUNTED_FAR } else { COUNTED_NEAR };
        let least = took * COUNTING_SHARE;
        let (holds, refuses) = (usual.max(least), COUNTED_NEAR.max(least));
        let mut counts = self.lock();
        if counts.len() >= MOST_BELIEVED {
            counts.clear();
        }
        // What was started while it was counted may be in it or not.
        let started = counts.get(&tenant).map_or(0, |live| live.started.saturating_sub(before));
        counts.insert(tenant, Live { counted, started, at: Instant::now(), holds, refuses });
    }
}

impl Store {
    /// Counts further live runs in, or answers when there may be room for them.
    pub(super) async fn take_live(
        &self,
        tenant: TenantId,
        count: u64,
        most: u64,
    ) -> Result<Taken, Error> {
        let live = &self.shared.quotas.live;
        if let Some(taken) = live.take(tenant, count, most, Age::Holding) {
            return Ok(taken);
        }
        let turn = live.counting.of(tenant);
        let _mine = match turn.try_lock() {
            Ok(mine) => mine,
            Err(_) => match live.take(tenant, count, most, Age::Any) {
                Some(taken) => return Ok(taken),
                None => turn.lock().await,
            },
        };
        // Somebody may have counted since it was looked.
        if let Some(taken) = live.take(tenant, count, most, Age::Holding) {
            return Ok(taken);
        }
        let (before, began) = (live.started(tenant), Instant::now());
        let bound = i64::try_from(most).unwrap_or(i64::MAX);
        let row = sqlx::query_file!("queries/quota/count_live.sql", tenant.0, bound)
            .fetch_one(self.pool())
            .await?;
        live.keep(tenant, (row.live.unsigned_abs(), most), before, began.elapsed());
        Ok(live.take(tenant, count, most, Age::Any).unwrap_or(Err(COUNTED_NEAR)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(1);

    fn counted(live: u64, took: Duration) -> LiveCounts {
        let counts = LiveCounts::default();
        counts.keep(TENANT, (live, 10), 0, took);
        counts
    }

    #[test]
    fn a_count_near_the_limit_holds_as_long_as_counting_is_to_cost_a_fiftieth_of_the_time() {
        let counts = counted(10, Duration::from_secs(1));
        let wait = counts.take(TENANT, 1, 10, Age::Holding).unwrap().unwrap_err();
        assert!(wait > Duration::from_secs(40), "{wait:?}");
    }

    #[test]
    fn what_is_started_while_live_runs_are_counted_is_counted_in() {
        let counts = counted(0, Duration::ZERO);
        counts.take(TENANT, 2, 10, Age::Holding).unwrap().unwrap();
        let before = counts.started(TENANT);
        counts.take(TENANT, 3, 10, Age::Any).unwrap().unwrap();
        counts.keep(TENANT, (2, 10), before, Duration::ZERO);
        assert!(counts.take(TENANT, 6, 10, Age::Holding).unwrap().is_err());
        assert!(counts.take(TENANT, 5, 10, Age::Holding).unwrap().is_ok());
    }

    #[test]
    fn one_counts_the_runs_of_a_tenant_at_a_time() {
        let counts = LiveCounts::default();
        let (first, second) = (counts.counting.of(TENANT), counts.counting.of(TENANT));
        let mine = first.try_lock().unwrap();
        assert!(second.try_lock().is_err());
        assert!(counts.counting.of(TenantId(2)).try_lock().is_ok());
        drop(mine);
        assert!(second.try_lock().is_ok());
    }
}
