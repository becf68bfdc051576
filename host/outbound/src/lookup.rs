//! Looks names up, so many at a time in all and for each tenant: a lookup holds a thread until the system answers it, whoever
//! gave up on it meanwhile.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Lookups under way in all.
const MOST_LOOKUPS: usize = 32;
/// Lookups of one tenant under way.
const MOST_OF_TENANT: usize = 4;
/// How long a lookup waits for others to end.
const WAIT: Duration = Duration::from_secs(5);

tokio::task_local! {
    /// Whose call it is that is being sent: a resolver is told the name alone.
    pub(crate) static OF_TENANT: TenantId;
}

/// What is being looked up. Clones share it.
#[derive(Clone)]
pub(crate) struct Lookups {
    all: Arc<Semaphore>,
    tenants: Arc<Mutex<HashMap<TenantId, Arc<Semaphore>>>>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MOST_LOOKUPS)), tenants: Arc::default() }
    }
}

/// Room for one lookup.
type Room = (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit);

impl Lookups {
    /// The addresses of a name, as the system knows it. The port of each is 0: it is that of the URL.
    pub(crate) async fn find(
        &self,
        tenant: Option<TenantId>,
        name: String,
    ) -> io::Result<Vec<SocketAddr>> {
        let room = self.room(tenant).await?;
        let looking = spawn_blocking(move || {
            // Given back when the thread is free again, not when nobody waits any more.
            let _room = room;
            (name.as_str(), 0).to_socket_addrs().map(Iterator::collect)
        });
        looking.await.map_err(io::Error::other)?
    }

    async fn room(&self, tenant: Option<TenantId>) -> io::Result<Room> {
        let own = tenant.map(|tenant| self.of(tenant));
        let room = timeout(WAIT, async {
            // The tenant's own first: who waits for it takes no room from others.
            let own = match own {
                Some(own) => Some(own.acquire_owned().await.expect(OPEN)),
                None => None,
            };
            (own, Arc::clone(&self.all).acquire_owned().await.expect(OPEN))
        });
        room.await.map_err(|_elapsed| {
            io::Error::other(
                "too many names are being looked up; try again when those are answered",
            )
        })
    }

    fn of(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody else holds is whole again.
        tenants.retain(|_, of| Arc::strong_count(of) > 1);
        let of = tenants.entry(tenant);
        Arc::clone(of.or_insert_with(|| Arc::new(Semaphore::new(MOST_OF_TENANT))))
    }
}

const OPEN: &str = "nobody closes it";

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// The room there is at once.
    fn room(lookups: &Lookups, tenant: i32) -> Option<Room> {
        let mut room = pin!(lookups.room(Some(TenantId(tenant))));
        match room.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(room) => Some(room.unwrap()),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_tenant_whose_lookups_hang_waits_and_another_does_not() {
        let lookups = Lookups::default();
        let mut held: Vec<_> = (0..MOST_OF_TENANT).map(|_| room(&lookups, 1).unwrap()).collect();
        assert!(room(&lookups, 1).is_none());
        assert!(room(&lookups, 2).is_some());
        held.pop();
        assert!(room(&lookups, 1).is_some());
    }

    #[tokio::test]
    async fn no_more_than_so_many_threads_look_names_up() {
        let lookups = Lookups::default();
        let held: Vec<_> = (1..).map_while(|tenant| room(&lookups, tenant)).collect();
        assert_eq!(held.len(), MOST_LOOKUPS);
        drop(held);
        assert!(room(&lookups, 1).is_some());
    }
}
