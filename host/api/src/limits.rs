//! What one host gives at a time: connections in all, to one address, and streams to one tenant.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{Code, TenantId};

use crate::problem::Problem;

/// What a host gives at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections. Defaults to 4,096; one more is closed at once.
    pub connections: usize,
    /// Open connections of one address, for IPv6 of one /64. Defaults to 512; one more is closed at once.
    pub connections_per_peer: usize,
    /// Open event streams of one tenant. Defaults to 128; one more is refused.
    pub streams_per_tenant: usize,
    /// Bytes of answers to one tenant that are under way, those below 64 KiB left out. Defaults to 64 MiB; what is more is refused
    /// until some have arrived.
    pub answer_bytes_per_tenant: usize,
    /// How long a connection may take to send the head of a request, and rest between two. Defaults to 15 s.
    pub head_time: Duration,
    /// How long a connection may take nothing of an answer. Defaults to 30 s; then it is closed.
    pub write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_peer: 512,
            streams_per_tenant: 128,
            answer_bytes_per_tenant: 64 * 1024 * 1024,
            head_time: Duration::from_secs(15),
            write_time: Duration::from_secs(30),
        }
    }
}

/// How much of something each one has, and how much one may have.
struct Counted<K>(Arc<Mutex<HashMap<K, usize>>>, usize);

impl<K: Copy + Eq + Hash> Counted<K> {
    fn new(most: usize) -> Self {
        Self(Arc::default(), most)
    }

    /// So many more; `None` where there would be more than there may be. Whoever has none may take any number.
    fn take(&self, of: K, wanted: usize) -> Option<Place<K>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(of).or_default();
        if *count > 0 && count.saturating_add(wanted) > self.1 {
            return None;
        }
        *count += wanted;
        Some(Place { counts: Arc::clone(&self.0), of, taken: wanted })
    }
}

/// A place that is free again when this is dropped.
pub(crate) struct Place<K: Copy + Eq + Hash> {
    counts: Arc<Mutex<HashMap<K, usize>>>,
    of: K,
    taken: usize,
}

impl<K: Copy + Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(self.of) {
            *count.get_mut() -= self.taken;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// The streams that are open.
pub(crate) struct Streams(Counted<TenantId>);

impl Streams {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Counted::new(limits.streams_per_tenant))
    }

    /// One more stream of a tenant.
    pub(crate) fn take(&self, tenant: TenantId) -> Result<Place<TenantId>, Problem> {
        self.0.take(tenant, 1).ok_or_else(|| {
            let most = self.0.1;
            let detail =
                format!("the tenant has {most} streams open at this host, which is all it may");
            Problem::new(Code::TooManyStreams, detail).limit(most as u64)
        })
    }
}

/// The answers that are under way.
pub(crate) struct Answers(Counted<TenantId>);

impl Answers {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Counted::new(limits.answer_bytes_per_tenant))
    }

    /// An answer of so many bytes to a tenant.
    pub(crate) fn take(&self, tenant: TenantId, bytes: usize) -> Result<Place<TenantId>, Problem> {
        self.0.take(tenant, bytes).ok_or_else(|| {
            let most = self.0.1;
            let detail = format!(
                "answers of {most} bytes are on their way to the tenant, which is all it may; read them, then ask again"
            );
            let wait = Duration::from_secs(1);
            Problem::new(Code::QuotaExceeded, detail).limit(most as u64).retry_in(wait)
        })
    }
}

/// The connections that are open.
pub(crate) struct Connections {
    in_all: Counted<()>,
    of_peer: Counted<IpAddr>,
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            in_all: Counted::new(limits.connections),
            of_peer: Counted::new(limits.connections_per_peer),
        }
    }

    /// One more connection; `None`: it is to be closed.
    pub(crate) fn take(&self, peer: IpAddr) -> Option<(Place<()>, Place<IpAddr>)> {
        let of_peer = self.of_peer.take(network(peer), 1)?;
        Some((self.in_all.take((), 1)?, of_peer))
    }
}

/// What one peer has at least: an address of IPv4, or a /64 of IPv6, in which it can take any address it likes.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_it_is_given_up() {
        let limits = Limits { connections: 3, connections_per_peer: 2, ..Limits::default() };
        let connections = Connections::new(&limits);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let held = [connections.take(one).unwrap(), connections.take(one).unwrap()];
        assert!(connections.take(one).is_none(), "two of one address");
        let third = connections.take(other).unwrap();
        assert!(connections.take(other).is_none(), "three in all");
        drop(held);
        assert!(connections.take(other).is_some());
        drop(third);
        assert!(connections.of_peer.0.lock().unwrap().is_empty(), "nothing is kept of who left");
    }

    #[test]
    fn the_addresses_of_a_network_of_ipv6_are_one_peer() {
        let limits = Limits { connections_per_peer: 1, ..Limits::default() };
        let connections = Connections::new(&limits);
        let held = connections.take("2001:db8:0:1::1".parse().unwrap()).unwrap();
        assert!(connections.take("2001:db8:0:1:ffff::2".parse().unwrap()).is_none());
        assert!(connections.take("2001:db8:0:2::1".parse().unwrap()).is_some());
        drop(held);
        assert!(connections.take("2001:db8:0:1::3".parse().unwrap()).is_some());
    }
}
