//! How many more attempts the worker of this process wants in hand, of each tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Share, TenantId};
use tokio::sync::Notify;

/// Seats for attempts that run or wait for a slot. Twice the slots, so that a slot is never idle while a batch is being
/// recorded; may go below zero when a range of map tasks sits down together. Nobody takes the last ones of all.
#[derive(Clone)]
pub struct Seats(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    free: i64,
    /// How many there are.
    places: i64,
    closed: bool,
    taken: HashMap<TenantId, i64>,
    shares: HashMap<TenantId, Share>,
}

/// One attempt's seat; free again when dropped.
pub struct Seat {
    seats: Seats,
    tenant: TenantId,
}

impl Seats {
    /// So many seats.
    pub fn new(places: i64) -> Self {
        let (taken, shares) = (HashMap::new(), HashMap::new());
        let state = State { free: places, places, closed: false, taken, shares };
        Self(Arc::new(Inner { state: Mutex::new(state), freed: Notify::new() }))
    }

    /// How many are free now.
    pub fn free(&self) -> i64 {
        self.lock().free
    }

    /// How many more a tenant may take now.
    pub fn room(&self, tenant: TenantId) -> i64 {
        self.lock().room(tenant)
    }

    /// How many more each tenant may take that has seats or a share of its own, and each of the others.
    pub fn rooms(&self) -> (Vec<(TenantId, u32, i64)>, i64) {
        let state = self.lock();
        let others = state.shares.keys().filter(|tenant| !state.taken.contains_key(tenant));
        let tenants = state.taken.keys().chain(others);
        let weight = |tenant| state.shares.get(tenant).copied().unwrap_or_default().weight;
        let rooms = tenants.map(|tenant| (*tenant, weight(tenant), state.room(*tenant)));
        (rooms.collect(), state.room_of(Share::default(), 0))
    }

    /// Says which tenants' shares differ from the usual one; replaces what was said before.
    pub fn share_out(&self, shares: HashMap<TenantId, Share>) {
        self.lock().shares = shares;
        self.knock();
    }

    /// Sits down, whether or not a seat is free.
    pub fn sit(&self, tenant: TenantId) -> Seat {
        self.set_aside(tenant, 1);
        Seat { seats: self.clone(), tenant }
    }

    /// Takes seats if the tenant may have all of them.
    pub(crate) fn take(&self, tenant: TenantId, count: usize) -> bool {
        let mut state = self.lock();
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let may = state.room(tenant) >= count;
        if may {
            state.take(tenant, count);
        }
        may
    }

    /// Sets seats aside for tokens on their way to a lane.
    pub fn set_aside(&self, tenant: TenantId, count: usize) {
        self.lock().take(tenant, i64::try_from(count).unwrap_or(0));
    }

    /// Gives back seats that were set aside.
    pub fn give_back(&self, tenant: TenantId, count: usize) {
        self.lock().take(tenant, -i64::try_from(count).unwrap_or(0));
        self.0.freed.notify_one();
    }

    /// Waits until a seat was freed or somebody knocked.
    pub async fn changed(&self) {
        self.0.freed.notified().await;
    }

    /// Wakes whoever waits for a seat: there may be something to claim.
    pub fn knock(&self) {
        self.0.freed.notify_one();
    }

    /// No more claims.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// True once no more claims are made.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn room(&self, tenant: TenantId) -> i64 {
        let taken = self.taken.get(&tenant).copied().unwrap_or(0);
        self.room_of(self.shares.get(&tenant).copied().unwrap_or_default(), taken)
    }

    fn room_of(&self, mut share: Share, taken: i64) -> i64 {
        let positive = |n: i64| u64::try_from(n).unwrap_or(0);
        // Twice the slots here, too.
        share.most = share.most.map(|most| most.saturating_mul(2));
        let room = share.room(positive(taken), positive(self.free), positive(self.places));
        i64::try_from(room).unwrap_or(i64::MAX)
    }

    fn take(&mut self, tenant: TenantId, count: i64) {
        self.free -= count;
        let taken = self.taken.entry(tenant).or_insert(0);
        *taken += count;
        if *taken == 0 {
            self.taken.remove(&tenant);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.give_back(self.tenant, 1);
    }
}
