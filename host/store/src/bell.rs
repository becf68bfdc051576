//! Wake-ups between processes: coalesced NOTIFY, with polling as the floor.

use std::time::Duration;

use model::RunId;
use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::{Notify, broadcast};
use tokio::time::{MissedTickBehavior, interval};

/// The NOTIFY channel of a Stepcell database.
const CHANNEL: &str = "stepcell";

/// At most one NOTIFY in this time, however many tokens become ready: NOTIFY serialises commits database-wide.
const COALESCE: Duration = Duration::from_millis(10);

/// How long to wait before listening again after the connection was lost.
const RELISTEN: Duration = Duration::from_secs(1);

/// Rings a waiter may lag behind; it polls anyway.
const BACKLOG: usize = 1_024;

/// What a ring says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Some tokens became ready.
    Ready,
    /// A run was stopped; whoever works on it should let go.
    Stopped(RunId),
}

/// Rings in every process that listens. Lossy on purpose: everybody who listens also polls.
pub struct Bell {
    pool: PgPool,
    ready: std::sync::Arc<Notify>,
    heard: broadcast::Sender<Ring>,
}

impl Bell {
    pub(crate) fn hang(pool: PgPool) -> Self {
        let ready = std::sync::Arc::new(Notify::new());
        let (heard, _) = broadcast::channel(BACKLOG);
        tokio::spawn(ring_coalesced(pool.clone(), std::sync::Arc::clone(&ready)));
        Self { pool, ready, heard }
    }

    /// Says that tokens became ready. Never blocks and never fails.
    pub fn ready(&self) {
        self.ready.notify_one();
    }

    /// The same, heard in this process at once: its worker need not wait for Postgres to carry it.
    pub fn ready_here(&self) {
        // Nobody listening in this process is fine.
        let _ = self.heard.send(Ring::Ready);
        self.ready();
    }

    /// Says that runs were stopped. A lost ring only delays the worker until it looks by itself.
    pub async fn stopped(&self, runs: &[RunId]) {
        if !runs.is_empty() {
            notify(&self.pool, runs.iter().map(|run_id| format!("stop {run_id}")).collect()).await;
        }
    }

    /// What rings from now on, in any process.
    pub fn hear(&self) -> broadcast::Receiver<Ring> {
        self.heard.subscribe()
    }

    /// Listens on a connection of its own for as long as the future lives.
    pub async fn listen(&self) {
        loop {
            if let Err(error) = self.listen_once().await {
                tracing::debug!(%error, "lost the bell's connection");
            }
            tokio::time::sleep(RELISTEN).await;
        }
    }

    async fn listen_once(&self) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            let Some(notification) = listener.try_recv().await? else {
                return Ok(());
            };
            let ring = match notification.payload().strip_prefix("stop ") {
                Some(id) => id.parse().map(Ring::Stopped).ok(),
                None => Some(Ring::Ready),
            };
            // Nobody listening in this process is fine.
            ring.map(|ring| self.heard.send(ring));
        }
    }
}

async fn ring_coalesced(pool: PgPool, ready: std::sync::Arc<Notify>) {
    let mut tick = interval(COALESCE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !pool.is_closed() {
        ready.notified().await;
        notify(&pool, vec!["ready".to_owned()]).await;
        tick.tick().await;
    }
}

async fn notify(pool: &PgPool, payloads: Vec<String>) {
    let rung = sqlx::query("select pg_notify($1, payload) from unnest($2::text[]) as payload")
        .bind(CHANNEL)
        .bind(payloads)
        .execute(pool)
        .await;
    if let Err(error) = rung {
        tracing::debug!(%error, "the bell did not ring");
    }
}
