//! Keeps the moments of schedules: every worker looks, and whoever is first keeps one.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Code, Refusal, TenantId};
use store::{Fired, ScheduleRow, Unfit};
use tokio::time::sleep;

use crate::{AGAIN, Shared};

/// Schedules one look takes at most.
const BITE: i64 = 64;
/// Schedules of one tenant in it; the others' are not further away than that.
const EACH: i64 = 8;
/// Longest wait between two looks: schedules are made in other processes.
const LOOK_AT_LEAST: Duration = Duration::from_secs(1);
/// The wait while what is due may not start yet.
const LATER: Duration = Duration::from_millis(100);
/// The wait while others keep what is due.
const ELSEWHERE: Duration = Duration::from_millis(20);

/// Looks for due schedules, and starts their runs.
pub(crate) async fn schedule(shared: Arc<Shared>) {
    let mut after = TenantId(0);
    loop {
        match look(&shared, &mut after).await {
            Ok(wait) => sleep(wait).await,
            Err(error) => {
                tracing::debug!(%error, "could not look for due schedules");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Keeps the moments of a bite of due schedules, where any is due; the wait until the next look. One that cannot be kept now is
/// passed over.
async fn look(shared: &Shared, after: &mut TenantId) -> Result<Duration, store::Error> {
    let next = shared.store.next_schedule().await?;
    if next.is_none_or(|next| !next.is_zero()) {
        *after = TenantId(0);
        return Ok(next.map_or(LOOK_AT_LEAST, |next| next.min(LOOK_AT_LEAST)));
    }
    let due = shared.store.list_due_schedules(*after, BITE, EACH).await?;
    let is_full = i64::try_from(due.len()) == Ok(BITE);
    let last = due.last().filter(|_| is_full).map_or(TenantId(0), |(tenant, _)| *tenant);
    let (mut kept, mut failed) = (std::mem::replace(after, last).0 > 0, false);
    let mut later = HashSet::new();
    for (tenant, name) in &due {
        if later.contains(tenant) {
            continue;
        }
        match keep(shared, *tenant, name).await {
            Ok(Fired::Kept) => kept = true,
            Ok(Fired::Elsewhere) => {}
            Ok(Fired::Later) => {
                later.insert(*tenant);
            }
            Err(error) => {
                failed = true;
                tracing::warn!(%error, schedule = name, "could not keep a moment yet");
            }
        }
    }
    Ok(match (kept, failed) {
        (true, _) => Duration::ZERO,
        (false, true) => AGAIN,
        (false, false) if later.is_empty() => ELSEWHERE,
        (false, false) => LATER,
    })
}

/// Keeps the moment of one schedule.
async fn keep(shared: &Shared, tenant: TenantId, name: &str) -> Result<Fired, store::Error> {
    let of = match shared.store.get_schedule(tenant, name).await {
        Ok(Some(of)) => of,
        Ok(None) => return Ok(Fired::Elsewhere),
        Err(error @ store::Error::Unreadable { .. }) => {
            tracing::error!(%error, schedule = name, "a schedule is paused: it cannot be read");
            shared.store.pause_schedule(tenant, name, Some(&internal())).await?;
            return Ok(Fired::Kept);
        }
        Err(error) => return Err(error),
    };
    match start(shared, &of).await {
        Err(error) if !passes(&error) => {
            tracing::error!(%error, schedule = name, "a schedule could not start its run");
            shared.store.fire(&of, Err(internal())).await
        }
        kept => kept,
    }
}

async fn start(shared: &Shared, of: &ScheduleRow) -> Result<Fired, store::Error> {
    let owner = (of.tenant, of.tenant_name.clone());
    let start = match shared.store.prepare(owner, &of.saved()).await {
        Ok(start) => Ok(start),
        Err(Unfit::Refused(why)) => Err(why),
        Err(Unfit::Store(error)) => return Err(error),
    };
    shared.store.fire(of, start).await
}

/// Whether it may be different in a moment; anything else is the same at every moment and must not hold the schedule up.
fn passes(error: &store::Error) -> bool {
    match error {
        store::Error::Unavailable(_) | store::Error::Collision => true,
        store::Error::Refused(_)
        | store::Error::Stale
        | store::Error::Migration(_)
        | store::Error::Unreadable { .. }
        | store::Error::Statement { .. } => false,
    }
}

fn internal() -> Refusal {
    let detail = "the host could not start a run; its log says why".to_owned();
    Refusal { code: Code::Internal, pointer: String::new(), offset: 0, detail }
}
