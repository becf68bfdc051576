//! The worker: claims tokens, runs attempts through the sandbox, lets the rule decide, records.
//!
//! Data flows in a circle. The feed claims tokens and deals them to lanes by run; a lane owns the runs it has
//! tokens of, starts their attempts, applies the rule to what they end in, and records in batches: while one batch
//! is being committed the next one gathers.

mod admission;
mod attempt;
mod builtin;
mod callable;
mod chores;
mod compensate;
mod feed;
mod http;
mod lane;
mod memory;
mod outgoing;
mod owned;
mod ports;
mod prepare;
mod quarantine;
mod revealed;
mod schedules;
mod shares;
mod sweep;
mod telemetry;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use model::{RunId, WorkerId};
use outbound::Outbound;
use sandbox::Sandbox;
use store::{BreakerRule, LocalWorker, Seats, Store};
use tokio::sync::{Notify, RwLock, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

pub use crate::quarantine::QuarantineRule;
pub use crate::sweep::{forget_gone, sweep_artifacts};

use crate::callable::Refusals;
use crate::chores::SHORTEST_LEASE;
use crate::lane::Message;
use crate::quarantine::Watch;
use crate::shares::{Burnt, Rank};

/// The wait before the store is asked again while it does not answer.
const AGAIN: Duration = Duration::from_millis(500);

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Attempts at a time; the same as the sandbox's slots. Defaults to 32 for each core.
    pub slots: u32,
    /// Lanes, each with a batch in flight of its own. Defaults to 3: enough to hide the commits.
    pub lanes: usize,
    /// Silence after which this worker counts as dead and its tokens are taken. Defaults to 15 s, 1 s at least.
    pub lease: Duration,
    /// Longest time between two looks for ready tokens when no bell rings. Defaults to 1 s.
    pub poll: Duration,
    /// Longest time a drain waits for attempts in flight. Defaults to 30 s; then they are given back.
    pub drain: Duration,
    /// How long ended runs are kept. Defaults to for ever.
    pub retention: Option<Duration>,
    /// How long a task waits for a component that is not there before it fails. Defaults to 10 minutes.
    pub component_wait: Duration,
    /// Where calls may go. Defaults to nowhere.
    pub outbound: outbound::Settings,
    /// When calls to an origin that fails are held back.
    pub breaker: BreakerRule,
    /// When components are not called any more.
    pub quarantine: QuarantineRule,
    /// What the worker calls itself in lists. Defaults to the process id.
    pub host: String,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
        Self {
            slots: u32::try_from(cores * 32).unwrap_or(64),
            lanes: 3,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(30),
            retention: None,
            component_wait: Duration::from_secs(600),
            outbound: outbound::Settings::default(),
            breaker: BreakerRule::default(),
            quarantine: QuarantineRule::default(),
            host: format!("process {}", std::process::id()),
        }
    }
}

/// A fault of the worker.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store would not answer.
    #[error("the worker could not register: {0}")]
    Store(#[from] store::Error),
}

/// What a worker has done since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts that ended.
    pub attempts: u64,
    /// Outcomes dropped because their claim no longer held.
    pub stale: u64,
    /// Batches recorded.
    pub batches: u64,
    /// Times the worker gave everything back because it could not know what was committed.
    pub renewals: u64,
}

#[derive(Default)]
struct Counters {
    attempts: AtomicU64,
    stale: AtomicU64,
    batches: AtomicU64,
    renewals: AtomicU64,
}

/// What every part of the worker shares.
struct Shared {
    store: Store,
    sandbox: Sandbox,
    outbound: Outbound,
    settings: Settings,
    /// In whose name we claim; 0 while in nobody's.
    id: Arc<AtomicI32>,
    /// In whose name we record: what was claimed before a drain is recorded while it lasts.
    recorder: AtomicI32,
    seats: Seats,
    /// Seats for runs that are undone.
    undoing: Seats,
    /// Where we stand among the workers that beat.
    rank: watch::Sender<Rank>,
    burnt: Burnt,
    watch: Watch,
    refusals: Refusals,
    /// One place, for tasks that may end the process.
    blamed: Arc<Semaphore>,
    lanes: Vec<mpsc::UnboundedSender<Message>>,
    /// Rung when something parked: the next wake may be sooner.
    parked: Notify,
    /// Rung when something began to wait for a place or a rate.
    gated: Notify,
    /// Admissions that are asked for at a time: many under one key would wait for each other on every connection there is.
    admissions: Semaphore,
    /// Rung when nobody knows what was committed.
    doubt: Arc<Notify>,
    /// True once the process is about to end.
    leaving: AtomicBool,
    /// Held for reading while something is claimed in our name.
    naming: Arc<RwLock<()>>,
    counters: Counters,
}

impl Shared {
    fn id(&self) -> WorkerId {
        WorkerId(self.id.load(Ordering::Acquire))
    }

    fn recorder(&self) -> WorkerId {
        WorkerId(self.recorder.load(Ordering::Acquire))
    }

    /// Claims nothing more and takes no starts; what is in hand goes on.
    fn retire(&self) {
        if !self.seats.is_closed() {
            tracing::info!("takes nothing more, as it was told");
            self.seats.close();
        }
        self.id.store(0, Ordering::Release);
    }

    /// True: it was told to take nothing more, and goes on with what it has.
    fn is_retired(&self) -> bool {
        self.seats.is_closed() && !self.leaving.load(Ordering::Acquire)
    }

    fn lane_of(&self, run_id: RunId) -> &mpsc::UnboundedSender<Message> {
        // The low half of a UUIDv7 is random.
        let spread = run_id.0.as_u64_pair().1;
        let lanes = self.lanes.len() as u64;
        let at = usize::try_from(spread % lanes).expect("less than the number of lanes");
        &self.lanes[at]
    }

    fn send(&self, run_id: RunId, message: Message) {
        // A lane ends only when the worker does; then nobody is left to care.
        let _ = self.lane_of(run_id).send(message);
    }

    /// Asks every lane and waits until all have answered.
    async fn ask_lanes(&self, message: impl Fn(oneshot::Sender<()>) -> Message) {
        let mut answers = Vec::new();
        for lane in &self.lanes {
            let (answer, answered) = oneshot::channel();
            if lane.send(message(answer)).is_ok() {
                answers.push(answered);
            }
        }
        for answered in answers {
            // A lane that ended has nothing left to answer for.
            let _ = answered.await;
        }
    }
}

/// A running worker. Dropping it stops everything at once; what it held is reaped after the lease.
pub struct Worker {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl Worker {
    /// Registers, takes the seat for runs started in this process, and begins to claim.
    pub async fn start(store: Store, sandbox: Sandbox, settings: Settings) -> Result<Self, Error> {
        let slots = i32::try_from(settings.slots).unwrap_or(i32::MAX);
        let settings = Settings { lease: settings.lease.max(SHORTEST_LEASE), ..settings };
        let id = store.register_worker(&settings.host, slots, settings.lease).await?;
        let recorder = AtomicI32::new(id.0);
        let id = Arc::new(AtomicI32::new(id.0));
        let doubt = Arc::new(Notify::new());
        let naming = Arc::new(RwLock::new(()));
        let seats = Seats::new(i64::from(settings.slots) * 2);
        let (rank, _) = watch::channel(Rank { at: 0, of: 1 });
        let (claimed, handed_over) = mpsc::unbounded_channel();
        store.seat(LocalWorker {
            id: Arc::clone(&id),
            seats: seats.clone(),
            claimed,
            doubt: Arc::clone(&doubt),
            naming: Arc::clone(&naming),
        });
        let (lanes, inboxes): (Vec<_>, Vec<_>) =
            (0..settings.lanes.max(1)).map(|_| mpsc::unbounded_channel()).unzip();
        let shared = Arc::new(Shared {
            store,
            sandbox,
            outbound: Outbound::new(settings.outbound.clone()),
            settings,
            id,
            recorder,
            seats,
            undoing: Seats::new(compensate::MOST),
            rank,
            burnt: Burnt::default(),
            watch: Watch::default(),
            refusals: Refusals::default(),
            blamed: Arc::new(Semaphore::new(1)),
            lanes,
            parked: Notify::new(),
            gated: Notify::new(),
            admissions: Semaphore::new(admission::AT_A_TIME),
            doubt,
            leaving: AtomicBool::new(false),
            naming,
            counters: Counters::default(),
        });
        // What is held back is known before anything is claimed.
        shares::look(&shared, &mut Vec::new()).await;
        let mut tasks = JoinSet::new();
        for (number, inbox) in (0..).zip(inboxes) {
            tasks.spawn(lane::Lane::new(Arc::clone(&shared), number).run(inbox));
        }
        tasks.spawn(feed::take_starts(Arc::clone(&shared), handed_over));
        tasks.spawn(feed::claim(Arc::clone(&shared)));
        tasks.spawn(feed::hear(Arc::clone(&shared)));
        tasks.spawn(chores::listen(Arc::clone(&shared)));
        tasks.spawn(chores::beat(Arc::clone(&shared)));
        tasks.spawn(chores::wake(Arc::clone(&shared)));
        tasks.spawn(admission::grant(Arc::clone(&shared)));
        tasks.spawn(chores::expire(Arc::clone(&shared)));
        tasks.spawn(chores::prune(Arc::clone(&shared)));
        tasks.spawn(chores::clear(Arc::clone(&shared)));
        tasks.spawn(chores::fold_usage(Arc::clone(&shared)));
        tasks.spawn(schedules::schedule(Arc::clone(&shared)));
        tasks.spawn(compensate::compensate(Arc::clone(&shared)));
        tasks.spawn(shares::share_out(Arc::clone(&shared)));
        tasks.spawn(shares::count_stored(Arc::clone(&shared)));
        tasks.spawn(chores::renew(Arc::clone(&shared)));
        Ok(Self { shared, tasks })
    }

    /// Who the worker is now.
    pub fn id(&self) -> WorkerId {
        self.shared.id()
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        let counters = &self.shared.counters;
        Counts {
            attempts: counters.attempts.load(Ordering::Relaxed),
            stale: counters.stale.load(Ordering::Relaxed),
            batches: counters.batches.load(Ordering::Relaxed),
            renewals: counters.renewals.load(Ordering::Relaxed),
        }
    }

    /// Ends in order: nothing new is claimed, what is in flight finishes and is recorded, the rest is free at once.
    pub async fn drain(mut self) {
        self.shared.leaving.store(true, Ordering::Release);
        self.shared.retire();
        let id = self.shared.recorder();
        let drained = self.shared.ask_lanes(Message::Drain);
        if tokio::time::timeout(self.shared.settings.drain, drained).await.is_err() {
            tracing::warn!(
                "attempts were still in flight at the end of the drain; they are given back"
            );
            self.shared.ask_lanes(Message::Abandon).await;
        }
        // A claim or start under way in our name ends first, or it would be left behind.
        drop(self.shared.naming.write().await);
        if let Err(error) = self.shared.store.release(id).await {
            tracing::warn!(%error, "could not give tokens back; they are free after the lease");
        }
        self.shared.store.bell().ready();
        self.tasks.shutdown().await;
        // Whoever is being undone is nobody's now.
        if let Err(error) = self.shared.store.release_compensations(id).await {
            tracing::warn!(%error, "could not give compensations back; they are free after a minute");
        }
    }
}
