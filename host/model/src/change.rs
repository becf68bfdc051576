//! What happened to a run: the changes the rule derives, in order.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::StepIndex;
use crate::failure::Failure;
use crate::outcome::GoOn;
use crate::plan::Plan;

/// One thing that happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The run began.
    RunStarted,
    /// A step's tasks opened.
    StepStarted {
        /// Which step.
        step: StepIndex,
        /// How many tasks it has.
        tasks: u32,
    },
    /// An attempt did not complete.
    AttemptFailed {
        /// Which task's.
        task: TaskKey,
        /// 1-based number of the attempt.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// The wait before the next attempt; absent: there is none.
        retry_in: Option<Duration>,
    },
    /// An attempt ended, and its task goes on.
    TaskWentOn {
        /// Which task.
        task: TaskKey,
        /// 1-based number of the attempt that said so.
        attempt: u32,
        /// The number of the phase it goes on at.
        phase: u32,
        /// Where it goes on, and what it waits for.
        go_on: GoOn,
        /// How long it waits at most; absent: until it is woken.
        wake_in: Option<Duration>,
    },
    /// A task completed.
    TaskCompleted {
        /// Which one.
        task: TaskKey,
        /// 1-based number of the attempt that completed it.
        attempt: u32,
    },
    /// One of the things a join waits for ended.
    Arrived {
        /// Where.
        join: Join,
        /// How many arrived with this change.
        count: u32,
        /// How many the join waits for in all.
        of: u32,
    },
    /// Every task of a step completed.
    StepCompleted {
        /// Which step.
        step: StepIndex,
    },
    /// A step failed for good.
    StepFailed {
        /// Which step.
        step: StepIndex,
        /// Why.
        failure: Failure,
    },
    /// A step will not run.
    StepSkipped {
        /// Which step.
        step: StepIndex,
        /// Why.
        reason: SkipReason,
    },
    /// The run ended before the step did.
    StepCancelled {
        /// Which step.
        step: StepIndex,
    },
    /// Every step ended well.
    RunCompleted,
    /// A step failed for good, and the run with it.
    RunFailed {
        /// Which step.
        step: StepIndex,
        /// Why.
        failure: Failure,
    },
    /// The run's deadline passed.
    RunExpired {
        /// What the run failed with.
        failure: Failure,
    },
    /// Somebody stopped the run.
    RunCancelled,
}

/// A task's place in its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// The step.
    pub step: StepIndex,
    /// The map task's index; 0 for any other.
    pub index: u32,
}

/// Where branches of a run meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Join {
    /// A step with several dependencies waits for them, a map step for its tasks.
    Step(StepIndex),
    /// The run waits for its leaves.
    Run,
}

/// Why a step will not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A step it depends on failed, and the run with it.
    DependencyFailed,
    /// What it asks for does not hold.
    ConditionUnmet,
    /// A step it depends on was skipped and takes it along.
    DependencySkipped,
    /// Its handler had no attempts left.
    HandlerFailed,
    /// Its handler said so.
    Handler,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DependencyFailed => "dependency_failed",
            Self::ConditionUnmet => "condition_unmet",
            Self::DependencySkipped => "dependency_skipped",
            Self::HandlerFailed => "handler_failed",
            Self::Handler => "handler",
        })
    }
}

impl Change {
    /// The change as one line of a drawing: `a#0 completed`, `run failed: b`.
    pub fn draw(&self, plan: &Plan) -> String {
        let name = |step: &StepIndex| plan.step(*step).name.to_string();
        match self {
            Self::RunStarted => "run started".to_owned(),
            Self::StepStarted { step, tasks } => format!("{} started ({tasks})", name(step)),
            Self::AttemptFailed { task, attempt, failure, retry_in } => {
                let next = match retry_in {
                    Some(wait) => format!("again in {} ms", wait.as_millis()),
                    None => "no more attempts".to_owned(),
                };
                let TaskKey { step, index } = task;
                format!("{}#{index} attempt {attempt} {}, {next}", name(step), failure.kind)
            }
            Self::TaskWentOn { task, attempt, phase, go_on, wake_in } => {
                let wait = match wake_in {
                    Some(wait) => format!("in {} ms", wait.as_millis()),
                    None => "when woken".to_owned(),
                };
                let (TaskKey { step, index }, GoOn { phase: at, wait: how }) = (task, go_on);
                let how = how.as_str();
                format!("{}#{index} attempt {attempt} {how}, at {phase} `{at}` {wait}", name(step))
            }
            Self::TaskCompleted { task, .. } => {
                format!("{}#{} completed", name(&task.step), task.index)
            }
            Self::Arrived { join: Join::Step(step), count, of } => {
                format!("{} +{count} of {of}", name(step))
            }
            Self::Arrived { join: Join::Run, count, of } => format!("run +{count} of {of}"),
            Self::StepCompleted { step } => format!("{} completed", name(step)),
            Self::StepFailed { step, .. } => format!("{} failed", name(step)),
            Self::StepSkipped { step, reason } => format!("{} skipped: {reason}", name(step)),
            Self::StepCancelled { step } => format!("{} cancelled", name(step)),
            Self::RunCompleted => "run completed".to_owned(),
            Self::RunFailed { step, .. } => format!("run failed: {}", name(step)),
            Self::RunExpired { failure } => format!("run failed: {}", failure.kind),
            Self::RunCancelled => "run cancelled".to_owned(),
        }
    }
}
