//! What every handler shares.

use std::sync::Arc;

use sandbox::Sandbox;
use store::Store;
use tokio::sync::{Semaphore, watch};

use crate::auth::Keys;
use crate::limits::{Answers, Limits, Streams};
use crate::metrics::Metrics;
use crate::plans::Plans;
use crate::quotas::Requests;
use crate::upload::Uploads;

/// Exports at a time: each holds a connection to Postgres for as long as its reader takes.
const EXPORTS: usize = 2;

/// Whole outputs of runs that are put together at a time.
const OUTPUTS: usize = 4;

/// What every handler shares. Clones are the same state.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    store: Store,
    sandbox: Sandbox,
    keys: Keys,
    plans: Plans,
    requests: Requests,
    metrics: Metrics,
    uploads: Uploads,
    exports: Arc<Semaphore>,
    outputs: Semaphore,
    limits: Limits,
    streams: Streams,
    answers: Answers,
    closing: watch::Sender<bool>,
}

impl State {
    /// The state over a migrated store and the sandbox that checks uploads, and what is given at a time.
    pub fn new(store: Store, sandbox: Sandbox, limits: Limits) -> Self {
        let (closing, _) = watch::channel(false);
        Self(Arc::new(Inner {
            store,
            sandbox,
            keys: Keys::default(),
            plans: Plans::default(),
            requests: Requests::default(),
            metrics: Metrics::default(),
            uploads: Uploads::default(),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            outputs: Semaphore::new(OUTPUTS),
            limits,
            streams: Streams::new(&limits),
            answers: Answers::new(&limits),
            closing,
        }))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn plans(&self) -> &Plans {
        &self.0.plans
    }

    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn outputs(&self) -> &Semaphore {
        &self.0.outputs
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.0.answers
    }

    pub(crate) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    pub(crate) fn exports(&self) -> &Arc<Semaphore> {
        &self.0.exports
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Ends waits and streams: the host is about to stop.
    pub(crate) fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Resolves when the host is about to stop.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut closing = self.0.closing.subscribe();
        async move {
            // An error means that the state itself is gone.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }
}
