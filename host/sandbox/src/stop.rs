//! The handle that stops an attempt from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Stops the attempts it was given to, within one epoch tick. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
    changed: Notify,
}

impl Stop {
    /// A handle that stops nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the attempts, now and later; a second time changes nothing.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// True once [`Stop::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Resolves once [`Stop::cancel`] was called.
    pub async fn cancelled(&self) {
        let changed = self.0.changed.notified();
        // Subscribed by now, so that a cancel between the look and the wait is not lost.
        if !self.is_cancelled() {
            changed.await;
        }
    }
}
