//! Tokens: claiming, waking, releasing, reaping, and what a new owner must know.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::limits::MAX_LOST;
use model::{
    Failure, FailureKind, FlowId, Json, Position, RunId, RunOptions, StepIndex, TaskKey, TenantId,
    WorkerId,
};
use uuid::Uuid;

use crate::flow::{read_version, step_number};
use crate::{Error, Store, Turns, VersionKey};

/// Which token: where it was born. The same birth twice is the same token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenId {
    /// Whose run.
    pub tenant: TenantId,
    /// Which run.
    pub run_id: RunId,
    /// The step it was born at.
    pub born_step: StepIndex,
    /// The map index, or what the position's `lo` was.
    pub born_index: i32,
    /// The attempt it was born with.
    pub born_attempt: i16,
}

/// A token somebody holds; the epoch fences every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Which token.
    pub id: TokenId,
    /// The fencing number of this claim.
    pub epoch: i32,
}

/// What a worker needs to know of a run to go on with it.
#[derive(Debug)]
pub struct RunFacts {
    /// Whose run.
    pub tenant: TenantId,
    /// That tenant's name.
    pub tenant_name: String,
    /// Which run.
    pub run_id: RunId,
    /// Of which flow.
    pub flow_id: FlowId,
    /// The version it is pinned to.
    pub version: u32,
    /// The input it was started with.
    pub input: Json,
    /// W3C trace context of whoever started it.
    pub traceparent: Option<String>,
    /// Larger goes first.
    pub priority: i16,
    /// True: a task of another run waits for its end.
    pub is_child: bool,
    /// How many runs are above it.
    pub depth: u16,
    /// What its start said about its attempts.
    pub options: Option<Arc<RunOptions>>,
    /// When it fails if it has not ended.
    pub deadline: Option<Instant>,
}

impl RunFacts {
    /// The version the run is pinned to.
    pub fn version_key(&self) -> VersionKey {
        (self.tenant, self.flow_id, self.version)
    }
}

/// A token in hand.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The claim.
    pub held: Held,
    /// Where it stands.
    pub position: Position,
    /// How often its worker was lost.
    pub lost: u32,
    /// Its run.
    pub run: Arc<RunFacts>,
}

/// What freeing tokens did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Workers that were taken for dead.
    pub workers: i64,
    /// Tokens that became ready.
    pub tokens: i64,
}

/// `lo` of a token whose step is about to open.
const OPEN: i32 = -1;
/// `lo` of a token whose map step has completed.
const CLOSE: i32 = -2;
/// Tenants whose tokens are woken together.
const WAKE_TENANTS: i64 = 20;

/// A position as the token table keeps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) step: i16,
    pub(crate) lo: i32,
    pub(crate) hi: i32,
    pub(crate) attempt: i16,
    pub(crate) phase: i16,
}

/// A position as the token table keeps it.
pub(crate) fn encode(position: &Position) -> Place {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let small = |n: u32| i16::try_from(n).unwrap_or(i16::MAX);
    let place = |step, lo, hi| Place { step: step_number(step), lo, hi, attempt: 1, phase: 0 };
    match position {
        Position::Open(step) => place(*step, OPEN, 0),
        Position::Close(step) => place(*step, CLOSE, 0),
        Position::Task { task, attempt, phase } => {
            let at = place(task.step, number(task.index), number(task.index + 1));
            Place { attempt: small(*attempt), phase: small(*phase), ..at }
        }
        Position::Range { step, lo, hi } => place(*step, number(*lo), number(*hi)),
    }
}

/// The `lo` a join's token is born with.
pub(crate) fn join_lo(map: bool) -> i32 {
    if map { CLOSE } else { OPEN }
}

pub(crate) fn decode(place: Place) -> Result<Position, Error> {
    let Place { step, lo, hi, attempt, phase } = place;
    let bad = |what: &str| Error::unreadable("a token", what);
    let step = read_step(step)?;
    match lo {
        OPEN => return Ok(Position::Open(step)),
        CLOSE => return Ok(Position::Close(step)),
        _ => {}
    }
    let first = u32::try_from(lo).map_err(|_| bad("`lo` is negative"))?;
    let past = u32::try_from(hi).map_err(|_| bad("`hi` is negative"))?;
    if past == first + 1 {
        let attempt = u32::try_from(attempt).map_err(|_| bad("`attempt` is negative"))?;
        let phase = u32::try_from(phase).map_err(|_| bad("`phase` is negative"))?;
        return Ok(Position::Task { task: TaskKey { step, index: first }, attempt, phase });
    }
    Ok(Position::Range { step, lo: first, hi: past })
}

pub(crate) fn read_step(step: i16) -> Result<StepIndex, Error> {
    u16::try_from(step).map(StepIndex).map_err(|error| Error::unreadable("a step", error))
}

pub(crate) fn read_options(text: &str) -> Result<Arc<RunOptions>, Error> {
    let read = serde_json::from_str(text).map(Arc::new);
    read.map_err(|why| Error::unreadable("a run's options", why))
}

/// The moment so many milliseconds from now; one that is over is now.
pub(crate) fn deadline_in(ms: i64) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

impl Store {
    /// Claims ready tokens of tenants whose turn it is. The commit may be lost in a crash of Postgres: that is only one
    /// more attempt.
    pub async fn claim(&self, worker: WorkerId, turns: &Turns) -> Result<Vec<Claimed>, Error> {
        let (tenants, weights, rooms) = turns.columns();
        let rows = sqlx::query_file!(
            "queries/token/claim.sql",
            worker.0,
            turns.after.0,
            turns.tenants,
            turns.wanted,
            &tenants,
            &weights,
            &rooms,
            turns.room
        )
        .fetch_all(self.hot())
        .await?;
        rows.into_iter()
            .map(|row| {
                let tenant = TenantId(row.tenant_id);
                let run_id = RunId(row.run_id);
                let id = TokenId {
                    tenant,
                    run_id,
                    born_step: read_step(row.born_step)?,
                    born_index: row.born_index,
                    born_attempt: row.born_attempt,
                };
                let run = RunFacts {
                    tenant,
                    tenant_name: row.tenant_name,
                    run_id,
                    flow_id: FlowId(row.flow_id),
                    version: read_version(row.version)?,
                    input: Json::trusted(row.input),
                    traceparent: row.traceparent,
                    priority: row.priority,
                    is_child: row.is_child,
                    depth: u16::try_from(row.depth).unwrap_or(0),
                    options: row.options.as_deref().map(read_options).transpose()?,
                    deadline: row.deadline_in_ms.and_then(deadline_in),
                };
                Ok(Claimed {
                    held: Held { id, epoch: row.epoch },
                    position: decode(Place {
                        step: row.step,
                        lo: row.lo,
                        hi: row.hi,
                        attempt: row.attempt,
                        phase: row.phase,
                    })?,
                    lost: u32::try_from(row.lost).unwrap_or(0),
                    run: Arc::new(run),
                })
            })
            .collect()
    }

    /// Makes due tokens ready, at most `bite` of them, those that have waited longest. Answers how many, and when the next one
    /// is due.
    pub async fn wake(&self, bite: i64) -> Result<(i64, Option<Duration>), Error> {
        let row = sqlx::query_file!("queries/token/wake.sql", bite).fetch_one(self.hot()).await?;
        let next = row.next_in_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Ok((row.woken, next))
    }

    /// Makes due tokens ready, at most `bite` of them, as many of each of the next few tenants after one. Answers how many, and
    /// after whom to go on.
    pub async fn wake_shared(&self, bite: i64, after: TenantId) -> Result<(i64, TenantId), Error> {
        let query = sqlx::query_file!("queries/token/wake_shared.sql", bite, after.0, WAKE_TENANTS);
        let row = query.fetch_one(self.hot()).await?;
        Ok((row.woken, row.last.map_or(TenantId(0), TenantId)))
    }

    /// A worker leaves: everything it holds is given back, without blame. True: it had been told to take nothing more.
    pub async fn release(&self, worker: WorkerId) -> Result<bool, Error> {
        let row =
            sqlx::query_file!("queries/token/release.sql", worker.0).fetch_one(self.pool()).await?;
        Ok(row.is_deprecated)
    }

    /// Takes the tokens of workers that have not beaten for their lease; what was in flight ends as `worker_lost`.
    pub async fn reap(&self) -> Result<Released, Error> {
        let failure =
            Failure::new(FailureKind::WorkerLost, "the worker that held the task stopped beating");
        let failure = serde_json::to_string(&failure).expect("a failure is always JSON");
        let most = i32::from(MAX_LOST);
        let row = sqlx::query_file!("queries/token/reap.sql", failure, most)
            .fetch_one(self.pool())
            .await?;
        Ok(Released { workers: row.workers, tokens: row.tokens })
    }

    /// Which of these tokens the worker still holds.
    pub async fn find_held(&self, worker: WorkerId, tokens: &[Held]) -> Result<Vec<bool>, Error> {
        let tenants: Vec<i32> = tokens.iter().map(|t| t.id.tenant.0).collect();
        let runs: Vec<Uuid> = tokens.iter().map(|t| t.id.run_id.0).collect();
        let steps: Vec<i16> = tokens.iter().map(|t| step_number(t.id.born_step)).collect();
        let indexes: Vec<i32> = tokens.iter().map(|t| t.id.born_index).collect();
        let attempts: Vec<i16> = tokens.iter().map(|t| t.id.born_attempt).collect();
        let epochs: Vec<i32> = tokens.iter().map(|t| t.epoch).collect();
        let rows = sqlx::query_file!(
            "queries/token/held.sql",
            worker.0,
            &tenants,
            &runs,
            &steps,
            &indexes,
            &attempts,
            &epochs
        )
        .fetch_all(self.hot())
        .await?;
        let mut held = vec![false; tokens.len()];
        for row in rows {
            if let Some(held) = usize::try_from(row.at - 1).ok().and_then(|at| held.get_mut(at)) {
                *held = true;
            }
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_survives_its_row() {
        let step = StepIndex(7);
        let positions = [
            Position::Open(step),
            Position::Close(step),
            Position::Task { task: TaskKey { step, index: 3 }, attempt: 2, phase: 4 },
            Position::Range { step, lo: 64, hi: 128 },
        ];
        for position in positions {
            assert_eq!(decode(encode(&position)).unwrap(), position);
        }
    }
}
