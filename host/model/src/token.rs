//! Where a live branch of a run stands, and how changes move it.

use std::time::Duration;

use crate::change::{Change, Join, SkipReason, TaskKey};
use crate::definition::StepIndex;
use crate::failure::Failure;
use crate::outcome::{GoOn, Wait};
use crate::plan::Plan;

/// Tasks of a map step that one token carries.
pub const RANGE_TASKS: u32 = 64;

/// Where a token stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// Everything the step waits for ended; its tasks are about to open.
    Open(StepIndex),
    /// Every task of the map step completed; what depends on it is about to open.
    Close(StepIndex),
    /// One task, at this attempt.
    Task {
        /// Which one.
        task: TaskKey,
        /// 1-based number of the attempt to make.
        attempt: u32,
        /// How many phases lie before it; 0 for a handler that has none.
        phase: u32,
    },
    /// The map tasks `lo..hi`, each at its first attempt.
    Range {
        /// The map step.
        step: StepIndex,
        /// The first.
        lo: u32,
        /// One past the last.
        hi: u32,
    },
}

impl Position {
    /// The step it stands at.
    pub fn step(&self) -> StepIndex {
        match self {
            Self::Open(step) | Self::Close(step) | Self::Range { step, .. } => *step,
            Self::Task { task, .. } => task.step,
        }
    }
}

/// A position to go on at, and the wait before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Where.
    pub position: Position,
    /// The step's start delay.
    pub delay: Duration,
}

/// How many arrived at a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Where.
    pub join: Join,
    /// How many; 0 only makes the join known.
    pub count: u32,
    /// How many it waits for in all.
    pub of: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Finish {
    /// Every step ended well.
    Completed,
    /// This step failed.
    Failed {
        /// Which step.
        step: StepIndex,
        /// Why.
        failure: Failure,
    },
}

/// Where a task of a durable handler goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onward {
    /// 1-based number of its next attempt.
    pub attempt: u32,
    /// The number of the phase it goes on at.
    pub phase: u32,
    /// Where that is, and what it waits for.
    pub go_on: GoOn,
    /// How long it waits at most; absent: until it is woken.
    pub wake_in: Option<Duration>,
}

/// What changes mean for tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moves {
    /// Where the run goes on; the token that caused it takes the first, new tokens the others.
    pub continuations: Vec<Continuation>,
    /// What arrived at joins.
    pub arrivals: Vec<Arrival>,
    /// What the attempt failed with.
    pub failure: Option<Failure>,
    /// The wait before the same task's next attempt.
    pub retry_in: Option<Duration>,
    /// Where the same task goes on.
    pub go_on: Option<Onward>,
    /// Steps that were skipped before they had a task.
    pub skipped: Vec<(StepIndex, SkipReason)>,
    /// The map step that was skipped with tasks of it still open: their tokens go.
    pub swept: Option<StepIndex>,
    /// The run ended.
    pub finish: Option<Finish>,
}

impl Moves {
    /// Reads the moves out of the changes of one closed attempt.
    pub fn of(plan: &Plan, changes: &[Change]) -> Self {
        let mut moves = Self::default();
        for change in changes {
            match change {
                Change::StepStarted { step, tasks } => moves.start(plan, *step, *tasks),
                Change::Arrived { join, count, of } => {
                    moves.arrivals.push(Arrival { join: *join, count: *count, of: *of });
                }
                Change::AttemptFailed { failure, retry_in, .. } => {
                    (moves.failure, moves.retry_in) = (Some(failure.clone()), *retry_in);
                }
                Change::TaskWentOn { attempt, phase, go_on, wake_in, .. } => {
                    let attempt =
                        if matches!(go_on.wait, Wait::Retry { .. }) { attempt + 1 } else { 1 };
                    let (phase, go_on, wake_in) = (*phase, go_on.clone(), *wake_in);
                    moves.go_on = Some(Onward { attempt, phase, go_on, wake_in });
                }
                Change::RunCompleted => moves.finish = Some(Finish::Completed),
                Change::RunFailed { step, failure } => {
                    // Whatever opened before the step that failed does not go on.
                    let finish = Finish::Failed { step: *step, failure: failure.clone() };
                    let failure = moves.failure.take();
                    moves = Self { finish: Some(finish), failure, ..Self::default() };
                }
                Change::StepSkipped { step, reason } => moves.skip(plan, *step, *reason),
                Change::RunStarted
                | Change::TaskCompleted { .. }
                | Change::StepCompleted { .. }
                | Change::StepFailed { .. }
                | Change::StepCancelled { .. }
                | Change::RunExpired { .. }
                | Change::RunCancelled => {}
            }
        }
        moves
    }

    fn skip(&mut self, plan: &Plan, step: StepIndex, reason: SkipReason) {
        match reason {
            SkipReason::ConditionUnmet | SkipReason::DependencySkipped => {
                self.skipped.push((step, reason));
            }
            // The task's own outcome says so.
            SkipReason::HandlerFailed | SkipReason::Handler => {
                self.swept = plan.step(step).map.then_some(step)
            }
            SkipReason::DependencyFailed => {}
        }
    }

    fn start(&mut self, plan: &Plan, step: StepIndex, tasks: u32) {
        let delay = Duration::from_millis(plan.step(step).start_delay_ms);
        let mut go_on = |position| self.continuations.push(Continuation { position, delay });
        if !plan.step(step).map {
            return go_on(Position::Task {
                task: TaskKey { step, index: 0 },
                attempt: 1,
                phase: 0,
            });
        }
        let mut lo = 0;
        while lo < tasks {
            let hi = tasks.min(lo + RANGE_TASKS);
            go_on(Position::Range { step, lo, hi });
            lo = hi;
        }
        // Only a map step that one token carries whole can do without a counter.
        if tasks == 0 || tasks > RANGE_TASKS {
            self.arrivals.push(Arrival { join: Join::Step(step), count: 0, of: tasks });
        }
    }
}
