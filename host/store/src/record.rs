//! Recording: a batch of what attempts ended in, one statement, all of it or nothing.

mod batch;
mod columns;

use std::time::Duration;

use model::{
    Arrival, Failure, Finish, GoOn, Join, Json, LogLine, Plan, Position, Receipt, RunId,
    SkipReason, StepIndex, TenantId, WorkerId,
};

use crate::durable::{Extras, Progress};
use crate::record::batch::Batch;
use crate::token::{Held, RunFacts, TokenId, encode, join_lo, read_step};
use crate::{Error, Store};

/// What one event of a run means for the store.
#[derive(Debug)]
pub struct Delta {
    /// Whose run.
    pub tenant: TenantId,
    /// Which run.
    pub run_id: RunId,
    /// Its priority, for tokens born here.
    pub priority: i16,
    /// The token that fences everything below, and where it goes.
    pub token: (Held, TokenMove),
    /// Attempts that ended.
    pub attempts: Vec<Attempted>,
    /// What arrived at joins.
    pub arrivals: Vec<Arrives>,
    /// New tokens.
    pub births: Vec<Birth>,
    /// Tasks of durable handlers that go on.
    pub progress: Vec<Progress>,
    /// Signals that were consumed.
    pub consumed: Vec<i64>,
    /// True: a task of another run waits for this run's end.
    pub is_child: bool,
    /// A map step that was skipped with tasks of it still open: their tokens go.
    pub swept: Option<StepIndex>,
    /// The run ended.
    pub finish: Option<Finish>,
    /// The key under which its attempt had a place, which is free now.
    pub frees: Option<String>,
    /// True: the token stays at work, and this only records what its tasks have ended in so far.
    pub interim: bool,
}

/// Where a token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMove {
    /// On, in the same hands.
    Keep {
        /// Where.
        position: Position,
        /// How often its worker was lost.
        lost: u32,
    },
    /// On, and given back until the wait is over.
    Park {
        /// Where.
        position: Position,
        /// How often its worker was lost.
        lost: u32,
        /// The wait; none: ready at once.
        wake_in: Duration,
    },
    /// Nowhere: its branch ended.
    End,
}

/// An arrival, and what happens when it completes its join.
#[derive(Clone, Copy, Debug)]
pub struct Arrives {
    /// What arrived where.
    pub arrival: Arrival,
    /// True where the join is a map step's.
    pub map: bool,
    /// True: the completed join gets a token, held by this worker.
    pub bears: bool,
}

/// An attempt that ended.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// Its step.
    pub step: StepIndex,
    /// Its map task; `None`: the step ended without a task.
    pub index: Option<u32>,
    /// 1-based number of the attempt.
    pub attempt: u32,
    /// How many phases lie before the one it ran in.
    pub phase: u32,
    /// What is kept of it.
    pub written: Written,
    /// What it used.
    pub receipt: Receipt,
    /// What it logged.
    pub log: Vec<LogLine>,
}

/// What is kept of an attempt.
#[derive(Clone, Debug)]
pub enum Written {
    /// The task's outcome: its answer.
    Completed(Json),
    /// The task's outcome: a failure for good.
    Failed(Failure),
    /// The step was skipped before it had a task.
    Skipped(SkipReason),
    /// An attempt that another one follows.
    Retried {
        /// Why it failed.
        failure: Failure,
        /// The wait before the next one.
        retry_in: Duration,
    },
    /// An attempt after which its task goes on.
    WentOn {
        /// Where, and what it waits for.
        go_on: GoOn,
        /// The wait before the next attempt, where it asked for one.
        retry_in: Duration,
    },
}

/// A new token.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// Where it is born.
    pub position: Position,
    /// How often its worker was lost.
    pub lost: u32,
    /// True: this worker holds it. False: it is ready, or parked.
    pub keep: bool,
    /// The wait before it is ready; [`FOREVER`]: until it is woken.
    pub wake_in: Duration,
    /// True: its task left the range it was born in.
    pub departs: bool,
}

/// A wait that only ends when something wakes the token.
pub const FOREVER: Duration = Duration::MAX;

/// The attempt that tokens of tasks that left their range were born with: each task leaves once, and the token of the
/// range itself was born with 1.
const DEPARTED: i16 = 2;

impl Birth {
    /// The token's identity.
    pub fn id(&self, tenant: TenantId, run_id: RunId) -> TokenId {
        let born_step = self.position.step();
        let born_index = encode(&self.position).lo;
        TokenId { tenant, run_id, born_step, born_index, born_attempt: self.born_attempt() }
    }

    pub(crate) fn born_attempt(&self) -> i16 {
        if self.departs { DEPARTED } else { 1 }
    }
}

/// A join that became complete with this batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// A token was born for it, held by this worker.
    Token {
        /// The claim.
        held: Held,
        /// Where it stands.
        position: Position,
    },
    /// The run completed.
    Run(RunId),
}

impl Store {
    /// Records a batch. Durable on return: all of it. On [`Error::Stale`], [`Error::Refused`] and
    /// [`Error::Collision`] none of it; on [`Error::Unavailable`] nobody knows.
    ///
    /// The caller has taken out every other delta of a run that fails in this batch. What attempts used is added up beside
    /// it, in rows of this `lane` of the worker.
    pub async fn record(
        &self,
        (worker, lane): (WorkerId, i16),
        deltas: &[Delta],
    ) -> Result<Vec<Joined>, Error> {
        let mut batch = Batch::default();
        for delta in deltas {
            batch.add(delta);
        }
        let extras = Extras::of(deltas);
        if extras.is_empty() {
            return batch.execute((worker, lane), self.hot()).await;
        }
        let mut work = self.hot().begin().await?;
        extras.lock(&mut work).await?;
        let joined = batch.execute((worker, lane), &mut *work).await?;
        let stopped = extras.execute(&mut work).await?;
        work.commit().await?;
        self.bell().ready();
        self.tell_stopped(stopped).await;
        Ok(joined)
    }
}

impl Joined {
    /// Reads a completed join; `None` where it bore nothing because its owner goes on by itself.
    fn read(tenant: i32, run_id: RunId, step: i16, lo: i32) -> Result<Option<Self>, Error> {
        if step == -1 {
            return Ok(Some(Self::Run(run_id)));
        }
        let born_step = read_step(step)?;
        let position = match lo {
            lo if lo == join_lo(false) => Position::Open(born_step),
            lo if lo == join_lo(true) => Position::Close(born_step),
            _ => return Ok(None),
        };
        let id = TokenId {
            tenant: TenantId(tenant),
            run_id,
            born_step,
            born_index: lo,
            born_attempt: 1,
        };
        Ok(Some(Self::Token { held: Held { id, epoch: 1 }, position }))
    }
}

impl Delta {
    /// A delta that only moves its token.
    pub fn of(run: &RunFacts, held: Held, to: TokenMove) -> Self {
        Self {
            tenant: run.tenant,
            run_id: run.run_id,
            priority: run.priority,
            token: (held, to),
            attempts: Vec::new(),
            arrivals: Vec::new(),
            births: Vec::new(),
            progress: Vec::new(),
            consumed: Vec::new(),
            is_child: run.is_child,
            swept: None,
            finish: None,
            frees: None,
            interim: false,
        }
    }

    /// Bytes of answers and logs in it.
    pub fn bytes(&self) -> usize {
        let bytes = |attempted: &Attempted| {
            let answer = match &attempted.written {
                Written::Completed(output) => output.len(),
                Written::Failed(_)
                | Written::Skipped(_)
                | Written::Retried { .. }
                | Written::WentOn { .. } => 0,
            };
            answer + usize::try_from(attempted.receipt.log_bytes).unwrap_or(0)
        };
        let kept = |progress: &Progress| {
            let inputs = progress.children.iter().map(|child| child.input.len()).sum::<usize>();
            progress.state.as_ref().map_or(0, Json::len) + inputs
        };
        self.attempts.iter().map(bytes).sum::<usize>()
            + self.progress.iter().map(kept).sum::<usize>()
    }

    /// Adds an arrival; a completed join gets a token.
    pub fn arrive(&mut self, plan: &Plan, arrival: Arrival) {
        let map = match arrival.join {
            Join::Step(step) => plan.step(step).map,
            Join::Run => false,
        };
        self.arrivals.push(Arrives { arrival, map, bears: true });
    }
}
