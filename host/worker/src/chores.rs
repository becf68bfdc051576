//! Beside the path: beating, reaping, waking, and starting over when nobody knows what was committed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{TenantId, WorkerId};
use store::{Beat, Clearing, PrunePlace, Pruned};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::lane::Message;
use crate::shares::Rank;
use crate::{AGAIN, Shared};

/// The rest between two bites of ended runs.
const BETWEEN_BITES: Duration = Duration::from_millis(50);
/// How often all runs are looked at for ones that have been kept long enough.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How often it is asked whether a tenant was deleted.
const CLEAR_EVERY: Duration = Duration::from_secs(1);
/// How often usage is looked for that can be folded.
const FOLD_EVERY: Duration = Duration::from_secs(60);
/// Rows of usage that are folded together.
const FOLD_BITE: i64 = 500;
/// Deadlines that are looked at together.
const EXPIRE_BITE: i64 = 100;
/// The longest time a run outlives its deadline, the work of failing it aside.
const EXPIRE_EVERY: Duration = Duration::from_millis(500);
/// Tokens woken by one statement.
const WAKE_BITE: i64 = 1_000;

/// Longest wait between two looks for due tokens: other processes park, too.
const WAKE_AT_LEAST: Duration = Duration::from_secs(1);

/// A shorter lease than this would be lost to a pause of the machine.
pub(crate) const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// Hears bells for the whole process.
pub(crate) async fn listen(shared: Arc<Shared>) {
    shared.store.bell().listen().await;
}

/// Beats several times in a lease, and takes the tokens of workers that do not.
pub(crate) async fn beat(shared: Arc<Shared>) {
    let mut tick = interval(shared.settings.lease / 5);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told_stale = 0;
    loop {
        tick.tick().await;
        // While it drains, too: what is in flight is still ours.
        let id = shared.recorder();
        let stale = shared.counters.stale.load(Ordering::Relaxed);
        let news = i64::try_from(stale - told_stale).unwrap_or(0);
        let rank = *shared.rank.borrow();
        let beat = match id {
            // Retired, and holds nothing.
            WorkerId(0) => Ok(Beat::Alive { older: rank.at, all: rank.of }),
            id => shared.store.beat(id, news).await,
        };
        match beat {
            Ok(Beat::Alive { older, all }) => {
                told_stale = stale;
                shared.rank.send_replace(Rank { at: older, of: all });
            }
            Ok(Beat::Deprecated) => {
                told_stale = stale;
                shared.retire();
            }
            // Somebody took us for dead: what we held is not ours any more.
            Ok(Beat::Lost) if shared.id() == id || shared.is_retired() => {
                shared.doubt.notify_one();
            }
            // It is leaving or starting over anyway.
            Ok(Beat::Lost) => {}
            Err(error) => {
                tracing::warn!(%error, "could not beat");
                continue;
            }
        }
        match shared.store.reap().await {
            Ok(freed) if freed.workers > 0 || freed.tokens > 0 => {
                tracing::info!(
                    workers = freed.workers,
                    tokens = freed.tokens,
                    "took over from lost workers"
                );
                shared.seats.knock();
                shared.store.bell().ready();
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "could not reap"),
        }
    }
}

/// Makes tokens ready when their moment has come.
pub(crate) async fn wake(shared: Arc<Shared>) {
    let mut after = TenantId(0);
    loop {
        let wait = match wake_some(&shared, &mut after).await {
            Ok((woken, next)) => {
                if woken > 0 {
                    shared.seats.knock();
                    shared.store.bell().ready();
                }
                if woken >= WAKE_BITE {
                    continue;
                }
                next.map_or(WAKE_AT_LEAST, |next| next.min(WAKE_AT_LEAST))
            }
            Err(error) => {
                tracing::debug!(%error, "could not wake");
                AGAIN
            }
        };
        // Somebody parked: the next moment may be sooner than the one we wait for.
        let _ = timeout(wait.max(Duration::from_millis(1)), shared.parked.notified()).await;
    }
}

/// Wakes what has waited longest; where that is a crowd, a share of everybody's, too, so that nobody waits for the end of it.
async fn wake_some(
    shared: &Shared,
    after: &mut TenantId,
) -> Result<(i64, Option<Duration>), store::Error> {
    let (woken, next) = shared.store.wake(WAKE_BITE).await?;
    if woken < WAKE_BITE {
        return Ok((woken, next));
    }
    match shared.store.wake_shared(WAKE_BITE, *after).await {
        Ok((more, last)) => {
            *after = last;
            Ok((woken + more, next))
        }
        // Those that are awake are to be heard of all the same.
        Err(error) => {
            tracing::debug!(%error, "could not wake a share of every tenant's");
            Ok((woken, next))
        }
    }
}

/// Fails runs whose deadline has passed.
pub(crate) async fn expire(shared: Arc<Shared>) {
    loop {
        match shared.store.expire_runs(EXPIRE_BITE).await {
            Ok(due) if due >= EXPIRE_BITE => continue,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "could not look for deadlines"),
        }
        sleep(EXPIRE_EVERY).await;
    }
}

/// Throws ended runs away that are older than they are kept, a few at a time so that nobody notices.
pub(crate) async fn prune(shared: Arc<Shared>) {
    let Some(age) = shared.settings.retention else {
        return;
    };
    loop {
        let mut place = PrunePlace::default();
        loop {
            match shared.store.prune(place, age).await {
                Ok(Pruned { next: Some(next), .. }) => place = next,
                Ok(Pruned { next: None, .. }) => break,
                Err(error) => {
                    tracing::debug!(%error, "could not throw ended runs away");
                    break;
                }
            }
            sleep(BETWEEN_BITES).await;
        }
        sleep(PRUNE_EVERY.min(age.max(Duration::from_secs(1)))).await;
    }
}

/// Clears away tenants that were deleted, a little at a time so that nobody notices.
pub(crate) async fn clear(shared: Arc<Shared>) {
    let mut after = TenantId(0);
    loop {
        let rest = match shared.store.clear_tenant(&mut after).await {
            Ok(Clearing::Components(tenant, digests)) => {
                digests.iter().for_each(|digest| shared.sandbox.forget(tenant, *digest));
                BETWEEN_BITES
            }
            Ok(Clearing::More | Clearing::Gone) => BETWEEN_BITES,
            Ok(Clearing::Nothing) => CLEAR_EVERY,
            Err(error) => {
                tracing::debug!(%error, "could not clear a tenant away yet");
                AGAIN
            }
        };
        sleep(rest).await;
    }
}

/// Folds the usage of days that are over, a little at a time so that nobody notices.
pub(crate) async fn fold_usage(shared: Arc<Shared>) {
    loop {
        let rest = match shared.store.fold_usage(FOLD_BITE).await {
            Ok(FOLD_BITE..) => BETWEEN_BITES,
            Ok(_) => FOLD_EVERY,
            Err(error) => {
                tracing::debug!(%error, "could not fold usage yet");
                FOLD_EVERY
            }
        };
        sleep(rest).await;
    }
}

/// When nobody knows what was committed, the worker becomes a new one: it drops what it has in memory and gives back
/// what it holds in the store. At worst an attempt is made once more.
pub(crate) async fn renew(shared: Arc<Shared>) {
    loop {
        shared.doubt.notified().await;
        if shared.leaving.load(Ordering::Acquire) {
            // What it holds is given back anyway.
            continue;
        }
        let old = shared.recorder();
        shared.id.store(0, Ordering::Release);
        shared.counters.renewals.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(worker = old.0, "gives everything back and starts over");
        // What is being claimed or started in the old name ends first, or it would be left behind.
        drop(shared.naming.write().await);
        shared.ask_lanes(Message::Abandon).await;
        let new = loop {
            match start_over(&shared, old).await {
                Ok(new) => break new,
                Err(error) => tracing::warn!(%error, "could not start over yet"),
            }
            sleep(AGAIN).await;
        };
        shared.recorder.store(new.0, Ordering::Release);
        shared.id.store(new.0, Ordering::Release);
        if shared.seats.is_closed() {
            // Told so in this very moment.
            shared.id.store(0, Ordering::Release);
        }
        shared.seats.knock();
    }
}

/// Who the worker is from now on; nobody where it is to take nothing more.
async fn start_over(shared: &Shared, old: WorkerId) -> Result<WorkerId, store::Error> {
    if shared.store.release(old).await? {
        shared.retire();
    }
    shared.store.release_compensations(old).await?;
    if shared.seats.is_closed() {
        return Ok(WorkerId(0));
    }
    let slots = i32::try_from(shared.settings.slots).unwrap_or(i32::MAX);
    shared.store.register_worker(&shared.settings.host, slots, shared.settings.lease).await
}
