//! How many more attempts the worker wants in hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::Notify;

/// Seats for attempts that run or wait for a slot. Twice the slots, so that a slot is never idle while a batch is being
/// recorded; may go below zero when a range of map tasks sits down together.
#[derive(Clone)]
pub(crate) struct Seats(Arc<Inner>);

struct Inner {
    free: Arc<AtomicI64>,
    freed: Notify,
    closed: AtomicBool,
}

/// One attempt's seat; free again when dropped.
pub(crate) struct Seat(Arc<Inner>);

impl Seats {
    pub(crate) fn new(free: Arc<AtomicI64>) -> Self {
        Self(Arc::new(Inner { free, freed: Notify::new(), closed: AtomicBool::new(false) }))
    }

    /// How many are free now.
    pub(crate) fn free(&self) -> i64 {
        self.0.free.load(Ordering::Acquire)
    }

    /// Sits down, whether or not a seat is free.
    pub(crate) fn sit(&self) -> Seat {
        self.0.free.fetch_sub(1, Ordering::AcqRel);
        Seat(Arc::clone(&self.0))
    }

    /// Sets seats aside for tokens on their way to a lane.
    pub(crate) fn set_aside(&self, count: usize) {
        self.0.free.fetch_sub(i64::try_from(count).unwrap_or(0), Ordering::AcqRel);
    }

    /// Gives back seats that were set aside.
    pub(crate) fn give_back(&self, count: usize) {
        self.0.free.fetch_add(i64::try_from(count).unwrap_or(0), Ordering::AcqRel);
        self.0.freed.notify_one();
    }

    /// Waits until a seat was freed or somebody knocked.
    pub(crate) async fn changed(&self) {
        self.0.freed.notified().await;
    }

    /// Wakes whoever waits for a seat: there may be something to claim.
    pub(crate) fn knock(&self) {
        self.0.freed.notify_one();
    }

    /// No more claims.
    pub(crate) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
    }

    /// True once no more claims are made.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::AcqRel);
        self.0.freed.notify_one();
    }
}
