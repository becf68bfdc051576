//! The processors, a slice at a time: who has used less of them for its weight goes first.
//!
//! A guest runs from one poll to the next, and the epoch ends a poll within two ticks. There are as many turns as processors, and
//! one more for a tenant that has none and took little: it need not wait until another's slice is over.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use model::{TenantId, quota};

use super::Shares;

/// The turns. Clones are the same.
#[derive(Clone)]
pub(crate) struct Cpu(Arc<Inner>);

struct Inner {
    shares: Shares,
    state: Mutex<State>,
}

struct State {
    most: usize,
    running: usize,
    tenants: HashMap<TenantId, Tenant>,
    /// Whoever was away begins with as much as the one had that was served last.
    clock: u64,
    next_place: u64,
}

#[derive(Default)]
struct Tenant {
    /// Nanoseconds of processor, over the weight.
    used: u64,
    running: usize,
    waiting: VecDeque<(u64, Waker)>,
    /// Turns given to somebody who has not begun it yet.
    granted: Vec<u64>,
}

/// Time on a processor. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spent(Arc<AtomicU64>);

impl Spent {
    /// The sum so far.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

impl Cpu {
    pub(crate) fn new(shares: Shares) -> Self {
        let most = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with(most, shares)
    }

    fn with(most: usize, shares: Shares) -> Self {
        let state = State { most, running: 0, tenants: HashMap::new(), clock: 0, next_place: 0 };
        Self(Arc::new(Inner { shares, state: Mutex::new(state) }))
    }

    /// Polls the work only while its tenant has a turn. What waits for something else holds none.
    pub(crate) async fn run<F: Future>(
        &self,
        tenant: TenantId,
        spent: &Spent,
        work: F,
    ) -> F::Output {
        let mut work = std::pin::pin!(work);
        let mut turn = Turn { cpu: self, tenant, place: Place::Out };
        std::future::poll_fn(|context| {
            if turn.begin(context).is_pending() {
                return Poll::Pending;
            }
            let began = Instant::now();
            let polled = work.as_mut().poll(context);
            let took = began.elapsed();
            spent.0.fetch_add(nanoseconds(took), Ordering::Relaxed);
            turn.end(took);
            polled
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Where one piece of work stands.
struct Turn<'a> {
    cpu: &'a Cpu,
    tenant: TenantId,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Out,
    Waiting(u64),
    On,
}

impl Turn<'_> {
    fn begin(&mut self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.cpu.lock();
        let clock = state.clock;
        let (most, running, place) = (state.most, state.running, state.next_place);
        let tenant = state.tenants.entry(self.tenant).or_default();
        if let Place::Waiting(place) = self.place {
            if let Some(at) = tenant.granted.iter().position(|granted| *granted == place) {
                tenant.granted.swap_remove(at);
                self.place = Place::On;
                return Poll::Ready(());
            }
            if let Some((_, waker)) = tenant.waiting.iter_mut().find(|(waits, _)| *waits == place) {
                waker.clone_from(context.waker());
            }
            return Poll::Pending;
        }
        let least = if tenant.is_idle() { clock } else { clock.saturating_sub(CREDIT) };
        tenant.used = tenant.used.max(least);
        // While anybody waits, every turn is taken: nobody is overtaken here.
        if running < most || (running == most && tenant.is_idle() && tenant.used <= clock + AHEAD) {
            tenant.running += 1;
            state.clock = clock.max(tenant.used);
            state.running += 1;
            self.place = Place::On;
            return Poll::Ready(());
        }
        tenant.waiting.push_back((place, context.waker().clone()));
        state.next_place += 1;
        self.place = Place::Waiting(place);
        Poll::Pending
    }

    fn end(&mut self, took: Duration) {
        self.place = Place::Out;
        let weight = self.cpu.0.shares.of(self.tenant).weight.max(1);
        let mut state = self.cpu.lock();
        state.running -= 1;
        if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
            tenant.running -= 1;
            let price = nanoseconds(took).saturating_mul(u64::from(quota::DEFAULT_WEIGHT));
            tenant.used = tenant.used.saturating_add(price / u64::from(weight));
        }
        let woken = state.grant();
        state.forget();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        match self.place {
            Place::Out => {}
            Place::On => self.end(Duration::ZERO),
            Place::Waiting(place) => {
                let mut state = self.cpu.lock();
                let Some(tenant) = state.tenants.get_mut(&self.tenant) else {
                    return;
                };
                let Some(at) = tenant.granted.iter().position(|granted| *granted == place) else {
                    return tenant.waiting.retain(|(waits, _)| *waits != place);
                };
                tenant.granted.swap_remove(at);
                drop(state);
                self.end(Duration::ZERO);
            }
        }
    }
}

impl State {
    /// Gives free turns to those that wait.
    fn grant(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        let least = self.clock.saturating_sub(CREDIT);
        for tenant in self.tenants.values_mut().filter(|tenant| !tenant.waiting.is_empty()) {
            tenant.used = tenant.used.max(least);
        }
        while let Some(id) = self.next()
            && let Some(tenant) = self.tenants.get_mut(&id)
            && let Some((place, waker)) = tenant.waiting.pop_front()
        {
            tenant.granted.push(place);
            tenant.running += 1;
            self.running += 1;
            self.clock = self.clock.max(tenant.used);
            woken.push(waker);
        }
        woken
    }

    fn next(&self) -> Option<TenantId> {
        let waiting = self.tenants.iter().filter(|(_, tenant)| !tenant.waiting.is_empty());
        let least = |(_, tenant): &(&TenantId, &Tenant)| tenant.used;
        let next = match self.running {
            running if running < self.most => waiting.min_by_key(least),
            running if running == self.most => {
                let may =
                    |tenant: &Tenant| tenant.running == 0 && tenant.used <= self.clock + AHEAD;
                waiting.filter(|(_, tenant)| may(tenant)).min_by_key(least)
            }
            _ => None,
        };
        next.map(|(id, _)| *id)
    }

    /// Forgets what needs no making up for: everything once nobody runs, else those that are away and had their share.
    fn forget(&mut self) {
        if self.running == 0 {
            self.tenants.clear();
            self.clock = 0;
        } else if self.tenants.len() > MANY {
            let clock = self.clock;
            self.tenants.retain(|_, tenant| !tenant.is_idle() || tenant.used > clock);
        }
    }
}

/// How far ahead of the one served last a tenant may be that takes the turn beyond the processors: half a slice.
const AHEAD: u64 = 5_000_000;

/// How far behind the one served last a tenant may be: what it did not take while nobody else wanted it is nobody's debt.
const CREDIT: u64 = 100_000_000;

/// Tenants that are remembered before those that are away are looked for.
const MANY: usize = 256;

impl Tenant {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use model::Share;

    use super::*;

    const SLICE: Duration = Duration::from_millis(10);

    /// Who got how many slices, when everybody always wants one and slices end in the order they began.
    fn sliced(most: usize, tenants: &[(i32, u32, usize)], slices: usize) -> HashMap<i32, usize> {
        let shares = Shares::default();
        let weights = tenants
            .iter()
            .map(|(id, weight, _)| (TenantId(*id), Share { weight: *weight, ..Share::default() }));
        shares.set(weights.collect());
        let cpu = Cpu::with(most, shares);
        let turn = |id: &i32| Turn { cpu: &cpu, tenant: TenantId(*id), place: Place::Out };
        let mut turns: Vec<Turn<'_>> = tenants
            .iter()
            .flat_map(|(id, _, tasks)| std::iter::repeat_with(|| turn(id)).take(*tasks))
            .collect();
        let context = Context::from_waker(Waker::noop());
        let mut running = VecDeque::new();
        let mut got = HashMap::new();
        for _ in 0..slices {
            for (at, turn) in turns.iter_mut().enumerate() {
                if turn.place != Place::On && turn.begin(&context).is_ready() {
                    running.push_back(at);
                }
            }
            assert!(running.len() <= most + 1);
            let over = running.pop_front().expect("somebody always runs");
            turns[over].end(SLICE);
            *got.entry(turns[over].tenant.0).or_default() += 1;
        }
        drop(turns);
        assert_eq!(cpu.lock().running, 0);
        got
    }

    #[test]
    fn slices_are_equal_however_many_attempts_a_tenant_has() {
        let got = sliced(2, &[(1, 100, 30), (2, 100, 1), (3, 100, 5)], 900);
        assert!(got.values().all(|got| got.abs_diff(300) <= 3), "{got:?}");
    }

    #[test]
    fn slices_follow_the_weight() {
        let got = sliced(1, &[(1, 300, 8), (2, 100, 8)], 800);
        assert!(got[&1].abs_diff(600) <= 8, "{got:?}");
    }

    #[test]
    fn a_tenant_that_was_alone_for_long_owes_nothing_and_one_that_comes_need_not_wait() {
        let cpu = Cpu::with(1, Shares::default());
        let turn = |id| Turn { cpu: &cpu, tenant: TenantId(id), place: Place::Out };
        let context = Context::from_waker(Waker::noop());
        let (mut first, mut second) = (turn(1), turn(1));
        for _ in 0..1_000 {
            assert!(first.begin(&context).is_ready());
            assert!(second.begin(&context).is_pending());
            first.end(SLICE);
            assert!(second.begin(&context).is_ready());
            second.end(SLICE);
        }
        assert!(first.begin(&context).is_ready());
        let mut other = turn(2);
        assert!(other.begin(&context).is_ready());
        other.end(SLICE);
        // It had its slice: now it waits like the others.
        assert!(other.begin(&context).is_pending());
        assert!(second.begin(&context).is_pending());
        first.end(SLICE);
        assert!(other.begin(&context).is_ready() || second.begin(&context).is_ready());
    }

    #[test]
    fn who_goes_away_while_it_waits_gives_its_turn_on() {
        let cpu = Cpu::with(1, Shares::default());
        let turn = |id| Turn { cpu: &cpu, tenant: TenantId(id), place: Place::Out };
        let context = Context::from_waker(Waker::noop());
        let (mut first, mut second, mut third) = (turn(1), turn(1), turn(1));
        assert!(first.begin(&context).is_ready());
        assert!(second.begin(&context).is_pending());
        assert!(third.begin(&context).is_pending());
        first.end(SLICE);
        drop(second);
        assert!(third.begin(&context).is_ready());
        drop(third);
        let state = cpu.lock();
        assert!(state.running == 0 && state.tenants.is_empty());
    }
}
