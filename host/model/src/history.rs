//! A run rebuilt from what was recorded of it, and the changes that led there.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{Change, SkipReason, TaskKey};
use crate::definition::StepIndex;
use crate::failure::Failure;
use crate::json::Json;
use crate::outcome::GoOn;
use crate::plan::Plan;
use crate::run::{Counting, RunState};

/// One recorded fact about a run. In the order of recording these are the run's history.
#[derive(Clone, Debug)]
pub enum Recorded {
    /// An attempt failed and another one follows.
    AttemptFailed {
        /// Which task's.
        task: TaskKey,
        /// 1-based number of the attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// The wait before the next one.
        retry_in: Duration,
    },
    /// An attempt ended, and its task goes on.
    WentOn {
        /// Which task's.
        task: TaskKey,
        /// 1-based number of the attempt.
        attempt: u32,
        /// How many phases lay before the one it ran in.
        phase: u32,
        /// Where it goes on, and what it waits for.
        go_on: GoOn,
        /// The wait before its next attempt, where it asked for one.
        retry_in: Duration,
    },
    /// The run ended while the attempt was at work. It decided nothing.
    Interrupted {
        /// Which task's.
        task: TaskKey,
    },
    /// A task completed.
    Completed {
        /// Which one.
        task: TaskKey,
        /// 1-based number of the attempt.
        attempt: u32,
        /// The answer, where it was loaded.
        output: Option<Json>,
    },
    /// A task failed for good.
    Failed {
        /// Which one.
        task: TaskKey,
        /// 1-based number of the attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// A step was skipped before it had a task.
    Skipped {
        /// Which one.
        step: StepIndex,
        /// Why.
        reason: SkipReason,
    },
    /// A step could not open.
    Unopened {
        /// Which one.
        step: StepIndex,
        /// Why.
        failure: Failure,
    },
    /// The run's deadline passed.
    Expired {
        /// What the run failed with.
        failure: Failure,
    },
    /// Somebody stopped the run.
    Cancelled,
}

/// A run rebuilt.
#[derive(Debug)]
pub struct Replay {
    /// Where it is.
    pub state: RunState,
    /// What happened, each with the fact it follows from: 0 is the start, n the nth recorded fact.
    pub changes: Vec<(usize, Change)>,
}

impl RunState {
    /// Rebuilds a run from everything recorded of it, in the order of recording. Pure: the same history, the same run.
    ///
    /// `widths` says how many tasks map steps have, for histories whose answers were not loaded.
    pub fn replay(
        plan: Arc<Plan>,
        input: Json,
        widths: &[(StepIndex, u32)],
        history: impl IntoIterator<Item = Recorded>,
    ) -> Replay {
        let mut state = Self::new(plan, input, Counting::Here);
        for (step, width) in widths {
            state.learn_width(*step, *width);
        }
        let mut changes: Vec<(usize, Change)> =
            state.start().into_iter().map(|change| (0, change)).collect();
        for (at, recorded) in history.into_iter().enumerate() {
            let follow = state.apply(recorded);
            changes.extend(follow.into_iter().map(|change| (at + 1, change)));
        }
        Replay { state, changes }
    }

    /// One more recorded fact, in the order of recording, and what follows from it.
    pub fn apply(&mut self, recorded: Recorded) -> Vec<Change> {
        match recorded {
            Recorded::AttemptFailed { task, attempt, failure, retry_in } => {
                self.fail_decided(task, attempt, failure, Some(retry_in))
            }
            Recorded::WentOn { task, attempt, phase, go_on, retry_in } => {
                self.go_on_decided((task, attempt, phase), go_on, retry_in)
            }
            Recorded::Completed { task, attempt, output } => {
                if let Some(output) = output {
                    self.learn(task, output);
                }
                self.complete_unseen(task, attempt)
            }
            Recorded::Interrupted { .. } => Vec::new(),
            Recorded::Failed { task, attempt, failure } => {
                self.fail_decided(task, attempt, failure, None)
            }
            Recorded::Skipped { step, reason } => self.skip_decided(step, reason),
            Recorded::Unopened { step, failure } => self.fail_unopened(step, failure),
            Recorded::Expired { failure } => self.expire(failure),
            Recorded::Cancelled => self.cancel(),
        }
    }
}
