//! The slots attempts run in: nobody takes the last ones of all, and whoever has fewer for its weight goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Share, TenantId};
use tokio::sync::oneshot;

use super::Shares;

/// A number of slots. Clones are the same.
#[derive(Clone)]
pub(crate) struct Slots(Arc<Inner>);

struct Inner {
    shares: Shares,
    /// How many there are.
    places: u64,
    /// What each tenant may have at most.
    each: u64,
    state: Mutex<State>,
}

struct State {
    free: u64,
    tenants: HashMap<TenantId, Tenant>,
    next_ticket: u64,
}

#[derive(Default)]
struct Tenant {
    running: u64,
    /// Fuel that what runs may use.
    fuel: u64,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    ticket: u64,
    fuel: u64,
    sender: oneshot::Sender<Slot>,
}

/// One attempt's slot; free again when dropped.
pub(crate) struct Slot {
    slots: Option<Slots>,
    tenant: TenantId,
    fuel: u64,
}

impl Slots {
    /// So many slots, shared out by weight.
    pub(crate) fn new(count: u32, shares: Shares) -> Self {
        Self::with(count, shares, u64::MAX)
    }

    /// So many slots, no two of which are of the same tenant.
    pub(crate) fn one_each(count: u32) -> Self {
        Self::with(count, Shares::default(), 1)
    }

    fn with(count: u32, shares: Shares, each: u64) -> Self {
        let places = u64::from(count.max(1));
        let state = State { free: places, tenants: HashMap::new(), next_ticket: 0 };
        Self(Arc::new(Inner { shares, places, each, state: Mutex::new(state) }))
    }

    /// Waits for a slot for what may use so much fuel; `None`: the tenant may have none here now. Dropping the future leaves the
    /// queue.
    pub(crate) async fn acquire(&self, tenant: TenantId, fuel: u64) -> Option<Slot> {
        let (sender, granted) = oneshot::channel();
        {
            let mut state = self.lock();
            if self.0.shares.of(tenant).most == Some(0) {
                return None;
            }
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.tenants.entry(tenant).or_default().waiting.push_back(Waiting {
                ticket,
                fuel,
                sender,
            });
            self.grant(&mut state);
        }
        granted.await.ok()
    }

    /// How many are free.
    pub(crate) fn free(&self) -> usize {
        usize::try_from(self.lock().free).unwrap_or(usize::MAX)
    }

    /// The shares are others now: somebody may go who could not before, and who may have none waits no more.
    pub(crate) fn look_again(&self) {
        let mut state = self.lock();
        state.tenants.retain(|id, tenant| {
            if self.0.shares.of(*id).most == Some(0) {
                tenant.waiting.clear();
            }
            tenant.running > 0 || !tenant.waiting.is_empty()
        });
        self.grant(&mut state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grant(&self, state: &mut State) {
        while state.free > 0
            && let Some(tenant) = state.next(&self.0)
        {
            let entry = state.tenants.entry(tenant).or_default();
            let Some(Waiting { fuel, sender, .. }) = entry.waiting.pop_front() else {
                return;
            };
            let slot = Slot { slots: Some(self.clone()), tenant, fuel };
            match sender.send(slot) {
                Ok(()) => {
                    entry.running += 1;
                    entry.fuel = entry.fuel.saturating_add(fuel);
                    state.free -= 1;
                }
                // Whoever waited has gone away, and took nothing.
                Err(mut unwanted) => unwanted.slots = None,
            }
            state.drop_if_idle(tenant);
        }
    }
}

impl State {
    /// Whose turn it is: of those that wait and may, who has least for its weight, then who waits longest.
    fn next(&self, of: &Inner) -> Option<TenantId> {
        let waiting = self.tenants.iter().filter_map(|(id, tenant)| {
            let Waiting { ticket, fuel, .. } = tenant.waiting.front()?;
            let share: Share = of.shares.of(*id);
            let room = share.room(tenant.running, self.free, of.places);
            let paid = share.fuel.is_none_or(|most| tenant.fuel.saturating_add(*fuel) <= most);
            let may = tenant.running < of.each && room > 0 && (paid || tenant.running == 0);
            may.then(|| (tenant.running * 1_000_000 / u64::from(share.weight.max(1)), *ticket, *id))
        });
        waiting.min_by_key(|(has, ticket, _)| (*has, *ticket)).map(|(.., id)| id)
    }

    fn drop_if_idle(&mut self, tenant: TenantId) {
        let idle = |tenant: &Tenant| tenant.running == 0 && tenant.waiting.is_empty();
        if self.tenants.get(&tenant).is_some_and(idle) {
            self.tenants.remove(&tenant);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(slots) = self.slots.take() else {
            return;
        };
        let mut state = slots.lock();
        state.free += 1;
        if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
            tenant.running -= 1;
            tenant.fuel = tenant.fuel.saturating_sub(self.fuel);
        }
        state.drop_if_idle(self.tenant);
        slots.grant(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const ONE: TenantId = TenantId(1);
    const OTHER: TenantId = TenantId(2);

    fn taken(slots: &Slots, tenant: TenantId) -> Option<Slot> {
        slots.acquire(tenant, 1).now_or_never().flatten()
    }

    #[test]
    fn a_tenant_alone_leaves_room_for_the_next() {
        let slots = Slots::new(10, Shares::default());
        let mut held: Vec<Slot> = std::iter::from_fn(|| taken(&slots, ONE)).collect();
        assert_eq!((held.len(), slots.free()), (8, 2));
        assert!(taken(&slots, OTHER).is_some());
        held.pop();
        assert_eq!(slots.free(), 3);
    }

    #[tokio::test]
    async fn whoever_has_fewer_goes_first() {
        let slots = Slots::new(4, Shares::default());
        let mut held: Vec<Slot> = std::iter::from_fn(|| taken(&slots, ONE)).collect();
        let mut again = Box::pin(slots.acquire(ONE, 1));
        assert!(again.as_mut().now_or_never().is_none());
        let mut other = Box::pin(slots.acquire(OTHER, 1));
        assert!(other.as_mut().now_or_never().is_none());
        held.pop();
        let other = other.await.unwrap();
        assert!(again.as_mut().now_or_never().is_none());
        drop((held, other));
        drop(again.await.unwrap());
        assert_eq!(slots.free(), 4);
    }

    #[test]
    fn no_tenant_has_two_where_each_may_have_one() {
        let slots = Slots::one_each(2);
        let held = taken(&slots, ONE);
        assert!(held.is_some() && taken(&slots, ONE).is_none());
        assert!(taken(&slots, OTHER).is_some());
    }

    #[test]
    fn who_leaves_the_queue_takes_nothing_along() {
        let slots = Slots::new(1, Shares::default());
        let held = taken(&slots, ONE);
        for _ in 0..3 {
            assert!(taken(&slots, OTHER).is_none());
        }
        drop(held);
        assert_eq!(slots.free(), 1);
        assert!(slots.lock().tenants.is_empty());
    }

    #[test]
    fn no_more_run_than_their_fuel_is_paid_for_but_for_one() {
        let shares = Shares::default();
        let slots = Slots::new(8, shares.clone());
        shares.set(HashMap::from([(ONE, Share { fuel: Some(100), ..Share::default() })]));
        let take = |tenant, fuel| slots.acquire(tenant, fuel).now_or_never().flatten();
        let held = [take(ONE, 40), take(ONE, 60)];
        assert!(held.iter().all(Option::is_some) && take(ONE, 1).is_none());
        assert!(take(OTHER, 1_000).is_some());
        drop(held);
        let held = take(ONE, 1_000);
        assert!(held.is_some() && take(ONE, 0).is_none());
    }

    #[test]
    fn a_tenant_that_may_run_nothing_waits_for_nothing() {
        let shares = Shares::default();
        let slots = Slots::new(1, shares.clone());
        let held = taken(&slots, OTHER);
        let mut waits = Box::pin(slots.acquire(ONE, 1));
        assert!(waits.as_mut().now_or_never().is_none());
        shares.set(HashMap::from([(ONE, Share { most: Some(0), ..Share::default() })]));
        slots.look_again();
        assert!(matches!(waits.now_or_never(), Some(None)));
        assert!(matches!(slots.acquire(ONE, 1).now_or_never(), Some(None)));
        shares.set(HashMap::new());
        drop(held);
        assert!(taken(&slots, ONE).is_some());
    }
}
