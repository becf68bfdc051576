//! The feed: tokens from starts in this process and from claims, dealt to the lanes.

use std::sync::Arc;

use model::TenantId;
use store::{Claimed, Ring, Turns};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::lane::Message;
use crate::{AGAIN, Shared};

/// Tenants one claim looks at; the next claim goes on with those after them.
const TENANTS: i64 = 16;

/// Tokens one claim takes at most.
const MOST: i64 = 256;

/// Deals tokens of runs that were started in this process.
pub(crate) async fn take_starts(
    shared: Arc<Shared>,
    mut handed_over: mpsc::UnboundedReceiver<Vec<Claimed>>,
) {
    while let Some(claimed) = handed_over.recv().await {
        deal(&shared, claimed);
    }
}

/// Claims while there are seats: when a seat is freed, a bell rings, or the poll is due.
pub(crate) async fn claim(shared: Arc<Shared>) {
    let mut turn = Turn { after: TenantId(0) };
    while !shared.seats.is_closed() {
        let wanted = shared.seats.free().min(MOST);
        if wanted > 0 && shared.id().0 > 0 && turn.claim(&shared, wanted).await {
            continue;
        }
        // A timeout is the poll.
        let _ = tokio::time::timeout(shared.settings.poll, shared.seats.changed()).await;
    }
}

/// Whose turn it is.
struct Turn {
    after: TenantId,
}

impl Turn {
    /// One claim. True when there may be more at once.
    async fn claim(&mut self, shared: &Shared, wanted: i64) -> bool {
        let naming = shared.naming.read().await;
        if shared.id().0 == 0 {
            return false;
        }
        let turns = Turns::next(self.after, TENANTS, wanted, &shared.seats);
        let claimed = match shared.store.claim(shared.id(), &turns).await {
            Ok(claimed) => claimed,
            // Nothing was claimed.
            Err(store::Error::Collision) => return true,
            Err(error) => {
                tracing::warn!(%error, "could not claim");
                // It may have been committed: whatever we hold unknowingly is given back.
                shared.doubt.notify_one();
                drop(naming);
                tokio::time::sleep(AGAIN).await;
                return false;
            }
        };
        drop(naming);
        let wrapped = self.after.0 > 0;
        self.after = turns.go_on(claimed.iter().map(|claimed| claimed.run.tenant));
        let more = !claimed.is_empty();
        for claimed in &claimed {
            shared.seats.set_aside(claimed.run.tenant, 1);
        }
        deal(shared, claimed);
        more || wrapped
    }
}

fn deal(shared: &Shared, claimed: Vec<Claimed>) {
    for claimed in claimed {
        shared.send(claimed.run.run_id, Message::Claimed(claimed));
    }
}

/// Hears bells from other processes.
pub(crate) async fn hear(shared: Arc<Shared>) {
    let mut rings = shared.store.bell().hear();
    loop {
        match rings.recv().await {
            Ok(Ring::Ready) => shared.seats.knock(),
            Ok(Ring::Stopped(run_id)) => shared.send(run_id, Message::Stopped(run_id)),
            // Missed rings are what the poll is for.
            Err(RecvError::Lagged(_)) => shared.seats.knock(),
            Err(RecvError::Closed) => return,
        }
    }
}
