//! Everything durable: Postgres behind typed calls, one statement a file in `queries/`.
//!
//! Three pools: the hot one belongs to starts, claims and records, whose statements are only index nested loops; the net is
//! for what the API asks about one tenant; the last one is for everything that concerns several.

mod admission;
mod attempt;
mod audit;
mod bell;
mod bench;
mod breaker;
mod claim;
mod closure;
mod compensation;
mod component;
mod dead_letter;
mod durable;
mod error;
mod export;
mod fire;
mod flow;
mod history;
mod interrupted;
mod key;
mod key_value;
mod keyring;
mod net;
mod outcome;
mod quarantine;
mod queues;
mod quota;
mod recall;
mod record;
mod rerun;
mod retention;
mod run;
mod runtime;
mod saved;
mod schedule;
mod seats;
mod secret;
mod signal;
mod start;
mod stored;
mod tenant;
mod token;
mod turns;
mod usage;
mod versions;
mod worker;

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::sync::broadcast;

pub use admission::{Granted, Needed, Share, WaitingPlace};
pub use attempt::{AttemptRow, LogFilter, LogRow, RecordedLog, TaskLog};
pub use audit::{Action, Actor, AuditCheck, AuditRow, By, Entry};
pub use bell::{Bell, Ring};
pub use bench::Lateness;
pub use breaker::{Admission, BreakerRow, BreakerRule, Outgoing, Pass, Verdict};
pub use claim::Claim;
pub use closure::{ClosureRow, PutClosure};
pub use compensation::{Compensation, CompensationAttempt, CompensationRow, ToCompensate};
pub use component::{BoundSource, ComponentPage, NewComponent, StoredCode, StoredComponent};
pub use dead_letter::DeadLetter;
pub use durable::{ChildRun, Progress};
pub use error::Error;
pub use export::{Exported, ExportedRow};
pub use fire::{Fired, Triggered};
pub use flow::{FlowRow, Registered, VersionRow, VersionSummary};
pub use history::{HistoryRow, TokenRow, WaitsFor, Width};
pub use interrupted::Interrupted;
pub use key::{KeyRow, ListedKey, NewKey, Scope};
pub use key_value::{FlowKey, ValueBefore, ValueWritten};
pub use keyring::Keyring;
pub use model::{RunId, TenantId};
pub use net::NET_SQL;
pub use outcome::{Departed, Loaded, Need};
pub use quarantine::Quarantine;
pub use quota::{OverQuota, TenantShare};
pub use recall::{ChildRow, Kept};
pub use record::{Arrives, Attempted, Birth, Delta, FOREVER, Joined, TokenMove, Written};
pub use rerun::RerunOf;
pub use retention::{PrunePlace, Pruned};
pub use run::{Cancelled, RunFilter, RunRow, RunSummary};
pub use runtime::StoredRuntime;
pub use saved::{Base, Saved, Unfit};
pub use schedule::ScheduleRow;
pub use seats::{Seat, Seats};
pub use secret::{ResealPlace, Resealed, SecretRow};
pub use signal::{NewSignal, Sent};
pub use start::{LocalWorker, StartAnswer, StartRun};
pub use stored::StoredCount;
pub use tenant::{Clearing, TenantRow};
pub use token::{Claimed, Held, Released, RunFacts, TokenId};
pub use turns::Turns;
pub use usage::{Period, UsageRow};
pub use versions::VersionKey;
pub use worker::{Beat, WorkerRow};

/// How to reach Postgres and how much of it to use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `postgres://…`; any Postgres 15 or newer.
    pub url: String,
    /// Connections for starts, claims and records. Defaults to 8.
    pub hot_connections: u32,
    /// Connections for what the API asks about a tenant, and as many for everything else. Defaults to 8.
    pub connections: u32,
    /// What secrets are encrypted with. Defaults to nothing: then there are none.
    pub keyring: Option<Keyring>,
}

impl Settings {
    /// The defaults for this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), hot_connections: 8, connections: 8, keyring: None }
    }
}

/// A handle to everything durable. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    hot: PgPool,
    pool: PgPool,
    net: net::Net,
    bell: Bell,
    ended: broadcast::Sender<RunId>,
    starts: start::Starts,
    local: OnceLock<LocalWorker>,
    versions: versions::Versions,
    quotas: quota::Quotas,
    keyring: Option<Keyring>,
    writers: key_value::Writers,
}

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Names the schema this build migrates to: another one has another name.
pub fn schema_name() -> String {
    let checksums = MIGRATOR.iter().flat_map(|migration| migration.checksum.iter());
    model::Digest::of(&checksums.copied().collect::<Vec<u8>>()).to_string()
}

impl Store {
    /// Connects; nothing is created. Must be called inside a tokio runtime.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let options: PgConnectOptions = settings.url.parse().map_err(Error::from)?;
        let options = options.application_name("stepcell");
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await?;
        let hot = PgPoolOptions::new()
            .max_connections(settings.hot_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async move { connection.execute(HOT_SETTINGS).await.map(drop) })
            })
            .connect_lazy_with(options.clone());
        let net = net::Net::hang(settings, options);
        let bell = Bell::hang(pool.clone());
        let starts = start::Starts::open(hot.clone());
        let (ended, _) = broadcast::channel(ENDED_BACKLOG);
        let local = OnceLock::new();
        let (versions, quotas) = (versions::Versions::default(), quota::Quotas::default());
        let shared = Shared {
            hot,
            pool,
            net,
            bell,
            ended,
            starts,
            local,
            versions,
            quotas,
            keyring: settings.keyring.clone(),
            writers: key_value::Writers::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Brings the schema up to date, and the second net over it. An advisory lock lets one process do it while others wait.
    pub async fn migrate(&self) -> Result<(), Error> {
        MIGRATOR.run(self.pool()).await.map_err(Error::migration)?;
        self.lay_net().await
    }

    /// True when Postgres answers.
    pub async fn is_ready(&self) -> bool {
        self.pool().execute("select 1").await.is_ok()
    }

    /// The bell that is rung when tokens become ready or a run is stopped.
    pub fn bell(&self) -> &Bell {
        &self.shared.bell
    }

    /// Runs that ended in this process, as they end. Lossy: whoever waits also polls.
    pub fn ended(&self) -> broadcast::Receiver<RunId> {
        self.shared.ended.subscribe()
    }

    /// Tells whoever waits in this process that a run ended.
    pub fn tell_ended(&self, run_id: RunId) {
        // Nobody waiting is fine.
        let _ = self.shared.ended.send(run_id);
    }

    /// Closes every connection. Nothing works afterwards.
    pub async fn close(&self) {
        self.shared.pool.close().await;
        self.shared.net.close().await;
        self.shared.hot.close().await;
    }

    fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    fn writers(&self) -> &key_value::Writers {
        &self.shared.writers
    }

    fn hot(&self) -> &PgPool {
        &self.shared.hot
    }
}

/// How long a caller waits for a connection before the store counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Ended runs a slow waiter may lag behind before it falls back to polling.
const ENDED_BACKLOG: usize = 4_096;

/// Plans for hot statements must not depend on statistics: an empty table's plan would be wrong minutes later.
pub const HOT_SETTINGS: &str = "set enable_hashjoin = off; set enable_mergejoin = off; set enable_seqscan = off; \
     set enable_bitmapscan = off; set jit = off; set plan_cache_mode = force_generic_plan";
