//! Starting runs: concurrent starts share a commit, and a run whose worker is in this process is born claimed.

mod keyed;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use model::{FlowId, Json, Position, RunId, RunOptions, StepIndex, TenantId};
use sqlx::postgres::PgPool;
use tokio::sync::{Mutex, Notify, OwnedRwLockReadGuard, RwLock, mpsc, oneshot};
use uuid::Uuid;

pub(crate) use keyed::{insert, keep_key};

use crate::seats::Seats;
use crate::token::{Claimed, Held, RunFacts, TokenId, deadline_in};
use crate::{Error, Store};

/// Starts in one commit. Past a hundred, nothing more is won.
const MOST_IN_BATCH: usize = 100;

/// Commits of starts in flight: a second one hides the first one's fsync.
const LANES: usize = 2;

/// A run to start. Its input passed the gate and the flow's schema.
#[derive(Clone, Debug)]
pub struct StartRun {
    /// Whose run.
    pub tenant: TenantId,
    /// That tenant's name.
    pub tenant_name: String,
    /// Its identity, made by the caller: a UUIDv7.
    pub run_id: RunId,
    /// Of which flow.
    pub flow_id: FlowId,
    /// On which version.
    pub version: u32,
    /// False: only while `version` is the one new runs start on.
    pub pinned: bool,
    /// The version's root steps.
    pub roots: Arc<[StepIndex]>,
    /// The input.
    pub input: Json,
    /// Larger goes first. Defaults to 0.
    pub priority: i16,
    /// W3C trace context of the caller.
    pub traceparent: Option<String>,
    /// The wait before the roots open, in milliseconds.
    pub delay_ms: i64,
    /// What it says about its steps' attempts.
    pub options: Option<Arc<RunOptions>>,
    /// How long it may take, in milliseconds.
    pub deadline_ms: Option<i64>,
    /// Its name among the live runs of its flow.
    pub key: Option<String>,
}

/// What asking for a start answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAnswer {
    /// The run exists, durably.
    Started,
    /// The version is not the one new runs start on any more; nothing was started.
    NotCurrent,
    /// The idempotency key started this run before, with the same request.
    Existing(RunId),
    /// The idempotency key was used for another request.
    Mismatch,
    /// This live run of the flow has the same key.
    Duplicate(RunId),
}

/// The worker in this process, if there is one: it takes runs from the start that makes them.
#[derive(Clone)]
pub struct LocalWorker {
    /// Its identity now; 0 while it has none.
    pub id: Arc<AtomicI32>,
    /// How many more tokens it wants.
    pub seats: Seats,
    /// Where to hand them.
    pub claimed: mpsc::UnboundedSender<Vec<Claimed>>,
    /// Rung when a start that was handed over may or may not have been committed.
    pub doubt: Arc<Notify>,
    /// Held for reading while something is committed in the worker's name; whoever holds it for writing knows that
    /// nothing is.
    pub naming: Arc<RwLock<()>>,
}

impl LocalWorker {
    /// The worker's identity when it has room for `count` tokens of a tenant, which are then taken.
    fn take_seats(&self, tenant: TenantId, count: usize) -> Option<i32> {
        // Stable while `naming` is held: whoever gives the identity up sets it to 0 first.
        let id = self.id.load(Ordering::Acquire);
        if id == 0 {
            return None;
        }
        self.seats.take(tenant, count).then_some(id)
    }
}

type Asked = (StartRun, Option<LocalWorker>, oneshot::Sender<Result<StartAnswer, Error>>);

/// The lanes that commit starts.
pub(crate) struct Starts {
    asked: mpsc::UnboundedSender<Asked>,
}

type Queue = Arc<Mutex<mpsc::UnboundedReceiver<Asked>>>;

impl Starts {
    pub(crate) fn open(pool: PgPool) -> Self {
        let (asked, queue) = mpsc::unbounded_channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..LANES {
            tokio::spawn(commit_starts(pool.clone(), Arc::clone(&queue)));
        }
        Self { asked }
    }
}

impl Store {
    /// Names the worker of this process; runs started here go straight to it while it has seats.
    pub fn seat(&self, worker: LocalWorker) {
        // A second worker in one process claims like any other.
        let _ = self.shared.local.set(worker);
    }

    /// Starts a run. Durable on return.
    pub async fn start_run(&self, start: StartRun) -> Result<StartAnswer, Error> {
        let local = if start.delay_ms > 0 { None } else { self.shared.local.get().cloned() };
        let delayed = start.delay_ms > 0;
        let (answer, answered) = oneshot::channel();
        self.shared
            .starts
            .asked
            .send((start, local, answer))
            .map_err(|_| Error::unreadable("the start lanes", "they ended"))?;
        let answer =
            answered.await.map_err(|_| Error::unreadable("a start", "its lane ended"))??;
        if answer == StartAnswer::Started && !delayed {
            self.bell().ready();
        }
        Ok(answer)
    }
}

async fn commit_starts(pool: PgPool, queue: Queue) {
    loop {
        let mut batch = Vec::new();
        let mut waiting = queue.lock().await;
        if waiting.recv_many(&mut batch, MOST_IN_BATCH).await == 0 {
            return;
        }
        drop(waiting);
        commit_batch(&pool, batch).await;
    }
}

async fn commit_batch(pool: &PgPool, batch: Vec<Asked>) {
    let _naming = name_worker(&batch).await;
    let workers: Vec<Option<i32>> = batch
        .iter()
        .map(|(start, local, _)| {
            local.as_ref().and_then(|local| local.take_seats(start.tenant, start.roots.len()))
        })
        .collect();
    let starts: Vec<&StartRun> = batch.iter().map(|(start, ..)| start).collect();
    let committed = Columns::of(&starts, &workers).insert(pool).await;
    let started = match committed {
        Ok(started) => started,
        Err(error) => return answer_error(batch, &workers, &error),
    };
    for ((start, local, answer), worker) in batch.into_iter().zip(workers) {
        let is_started = started.contains(&start.run_id.0);
        if let (Some(local), Some(_)) = (&local, worker) {
            if is_started {
                // A worker that ended meanwhile loses the token to the reaper.
                let _ = local.claimed.send(born_claimed(start));
            } else {
                local.seats.give_back(start.tenant, start.roots.len());
            }
        }
        let said = if is_started { StartAnswer::Started } else { StartAnswer::NotCurrent };
        // The caller may have gone away; the run is there all the same.
        let _ = answer.send(Ok(said));
    }
}

/// Keeps the worker of this process from changing its identity until the batch is committed.
async fn name_worker(batch: &[Asked]) -> Option<OwnedRwLockReadGuard<()>> {
    let local = batch.iter().find_map(|(_, local, _)| local.as_ref())?;
    Some(Arc::clone(&local.naming).read_owned().await)
}

/// Nobody knows whether the batch was committed: the callers hear so, and so does the worker it was for.
fn answer_error(batch: Vec<Asked>, workers: &[Option<i32>], error: &Error) {
    tracing::warn!(%error, starts = batch.len(), "could not start runs");
    for ((start, local, answer), worker) in batch.into_iter().zip(workers) {
        if let (Some(local), Some(_)) = (local, worker) {
            local.seats.give_back(start.tenant, start.roots.len());
            if error.leaves_doubt() {
                local.doubt.notify_one();
            }
        }
        let _ = answer.send(Err(error.again()));
    }
}

fn born_claimed(start: StartRun) -> Vec<Claimed> {
    let StartRun {
        tenant,
        tenant_name,
        run_id,
        flow_id,
        version,
        input,
        traceparent,
        priority,
        options,
        deadline_ms,
        ..
    } = start;
    let run = Arc::new(RunFacts {
        tenant,
        tenant_name,
        run_id,
        flow_id,
        version,
        input,
        traceparent,
        priority,
        is_child: false,
        depth: 0,
        options,
        deadline: deadline_ms.and_then(deadline_in),
    });
    let claimed = |root: &StepIndex| Claimed {
        held: Held {
            id: TokenId { tenant, run_id, born_step: *root, born_index: -1, born_attempt: 1 },
            epoch: 1,
        },
        position: Position::Open(*root),
        lost: 0,
        run: Arc::clone(&run),
    };
    start.roots.iter().map(claimed).collect()
}

/// The columns of a batch of starts.
struct Columns {
    tenants: Vec<i32>,
    runs: Vec<Uuid>,
    flows: Vec<i64>,
    versions: Vec<i32>,
    pinned: Vec<bool>,
    inputs: Vec<String>,
    priorities: Vec<i16>,
    traceparents: Vec<Option<String>>,
    workers: Vec<Option<i32>>,
    delays_ms: Vec<i64>,
    options: Vec<Option<String>>,
    deadlines_ms: Vec<Option<i64>>,
    keys: Vec<Option<String>>,
}

impl Columns {
    fn of(starts: &[&StartRun], workers: &[Option<i32>]) -> Self {
        let version = |start: &&StartRun| i32::try_from(start.version).unwrap_or(0);
        let options = |start: &&StartRun| {
            let options = start.options.as_deref();
            options.map(|said| serde_json::to_string(said).expect("options are always JSON"))
        };
        Self {
            tenants: starts.iter().map(|start| start.tenant.0).collect(),
            runs: starts.iter().map(|start| start.run_id.0).collect(),
            flows: starts.iter().map(|start| start.flow_id.0).collect(),
            versions: starts.iter().map(version).collect(),
            pinned: starts.iter().map(|start| start.pinned).collect(),
            inputs: starts.iter().map(|start| start.input.as_str().to_owned()).collect(),
            priorities: starts.iter().map(|start| start.priority).collect(),
            traceparents: starts.iter().map(|start| start.traceparent.clone()).collect(),
            workers: workers.to_vec(),
            delays_ms: starts.iter().map(|start| start.delay_ms).collect(),
            options: starts.iter().map(options).collect(),
            deadlines_ms: starts.iter().map(|start| start.deadline_ms).collect(),
            keys: starts.iter().map(|start| start.key.clone()).collect(),
        }
    }

    async fn insert<'c, E>(&self, connection: E) -> Result<Vec<Uuid>, Error>
    where
        E: sqlx::PgExecutor<'c>,
    {
        let rows = sqlx::query_file!(
            "queries/run/start.sql",
            &self.tenants,
            &self.runs,
            &self.flows,
            &self.versions,
            &self.pinned,
            &self.inputs,
            &self.priorities,
            &self.traceparents as &[Option<String>],
            &self.workers as &[Option<i32>],
            &self.delays_ms,
            &self.options as &[Option<String>],
            &self.deadlines_ms as &[Option<i64>],
            &self.keys as &[Option<String>],
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| row.run_id).collect())
    }
}
