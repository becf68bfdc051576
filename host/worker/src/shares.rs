//! What this worker may give each tenant: quotas for all workers together, divided among those that beat.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Receipt, Share, TenantId};
use store::{Delta, TenantShare};
use tokio::time::sleep;

use crate::Shared;

/// How often the bytes of a tenant are counted.
const COUNT_EVERY: Duration = Duration::from_secs(300);
/// Runs counted by one statement.
const COUNT_BITE: i64 = 500;
/// The rest between two of them.
const BETWEEN_BITES: Duration = Duration::from_millis(50);
/// The wait while every tenant was counted not long ago.
const NOBODY_DUE: Duration = Duration::from_secs(10);

/// How long it takes at most until a changed quota, or a minute of fuel that is used up, holds here.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where this worker stands among those that beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    /// How many of them are older.
    pub(crate) at: u32,
    /// How many there are.
    pub(crate) of: u32,
}

impl Rank {
    /// This worker's part of a number: all parts together are the number.
    fn part(self, number: u32) -> u32 {
        let of = self.of.max(1);
        number / of + u32::from(self.at < number % of)
    }
}

/// Fuel that was used and is not charged yet.
#[derive(Default)]
pub(crate) struct Burnt(Mutex<BTreeMap<TenantId, u64>>);

impl Burnt {
    /// Adds what a batch used.
    pub(crate) fn add(&self, deltas: &[Delta]) {
        for delta in deltas {
            delta.attempts.iter().for_each(|made| self.add_one(delta.tenant, &made.receipt));
        }
    }

    /// Adds what an attempt used that is in no batch.
    pub(crate) fn add_one(&self, tenant: TenantId, receipt: &Receipt) {
        let mut burnt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fuel = burnt.entry(tenant).or_default();
        *fuel = fuel.saturating_add(receipt.fuel);
    }

    fn take(&self) -> BTreeMap<TenantId, u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_back(&self, used: &[(TenantId, u64)]) {
        let mut burnt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (tenant, fuel) in used {
            let kept = burnt.entry(*tenant).or_default();
            *kept = kept.saturating_add(*fuel);
        }
    }
}

/// Charges fuel, shares out seats, slots and processors as quotas say, and learns what is in quarantine.
pub(crate) async fn share_out(shared: Arc<Shared>) {
    let mut said: Vec<TenantShare> = Vec::new();
    loop {
        // Only who has a quota can use up its minute.
        let mut used: Vec<(TenantId, u64)> = shared.burnt.take().into_iter().collect();
        used.retain(|(tenant, _)| said.iter().any(|share| share.tenant == *tenant));
        if !used.is_empty()
            && let Err(error) = shared.store.charge_fuel(&used).await
        {
            tracing::debug!(%error, "could not charge fuel yet");
            shared.burnt.put_back(&used);
        }
        look(&shared, &mut said).await;
        sleep(LOOK_EVERY).await;
    }
}

/// Learns what tenants may take and what is in quarantine.
pub(crate) async fn look(shared: &Shared, said: &mut Vec<TenantShare>) {
    match shared.store.list_shares().await {
        Ok(shares) => {
            *said = shares;
            apply(shared, said);
        }
        Err(error) => tracing::debug!(%error, "could not look for quotas"),
    }
    match shared.store.list_quarantined().await {
        Ok(quarantined) => shared.watch.learn(quarantined.into_iter().collect()),
        Err(error) => tracing::debug!(%error, "could not look for quarantined components"),
    }
}

/// Counts what tenants store, one after another.
pub(crate) async fn count_stored(shared: Arc<Shared>) {
    let mut counting = None;
    loop {
        let counted = match counting {
            Some(page) => shared.store.count_stored(page, COUNT_BITE).await,
            None => shared.store.begin_count(COUNT_EVERY).await,
        };
        let idle = counting.is_none();
        counting = counted.unwrap_or_else(|error| {
            tracing::debug!(%error, "could not count what a tenant stores");
            None
        });
        sleep(if idle && counting.is_none() { NOBODY_DUE } else { BETWEEN_BITES }).await;
    }
}

fn apply(shared: &Shared, said: &[TenantShare]) {
    let rank = *shared.rank.borrow();
    let share = |said: &TenantShare| {
        let most = match said.rests.is_zero() {
            true => said.running_attempts.map(|number| rank.part(number)),
            false => Some(0),
        };
        // A part, so that all workers together keep to the whole.
        let fuel = said.fuel_per_minute.map(|fuel| fuel / u64::from(rank.of.max(1)));
        (said.tenant, Share { weight: said.weight, most, fuel })
    };
    let shares: HashMap<TenantId, Share> = said.iter().map(share).collect();
    shared.sandbox.share_out(shares.clone());
    shared.undoing.share_out(shares.clone());
    shared.seats.share_out(shares);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_workers_are_the_whole() {
        for (number, of) in [(0, 3), (1, 3), (7, 3), (9, 3), (2, 5)] {
            let parts = (0..of).map(|at| Rank { at, of }.part(number));
            assert_eq!(parts.sum::<u32>(), number);
        }
    }
}
