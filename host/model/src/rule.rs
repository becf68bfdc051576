//! THE rule: what happens to a run when one of its attempts ends.
//!
//! The same function moves live runs, replays histories, feeds the event stream and is what the drawings in the
//! tests are held against. Where branches of a run may have different owners, it says what arrived and the store's
//! counters say what is complete; see [`Counting`].

use std::time::Duration;

use crate::backoff::Draw;
use crate::change::{Change, Join, SkipReason, TaskKey};
use crate::condition::{Policy, Verdict};
use crate::definition::StepIndex;
use crate::failure::{Failure, FailureKind, HandlerErrorKind};
use crate::json::Json;
use crate::limits::{MAX_ANSWERS_BYTES, MAX_MAP_ELEMENTS, MAX_PHASES};
use crate::outcome::{GoOn, Outcome, Wait};
use crate::retry::retry_in;
use crate::run::{Counting, Output, RunState};
use crate::status::{RunStatus, StepStatus};

/// An attempt that ended.
#[derive(Clone, Debug)]
pub struct ClosedAttempt {
    /// Which task's.
    pub task: TaskKey,
    /// 1-based number of the attempt.
    pub attempt: u32,
    /// How many phases lie before the one it ran in.
    pub phase: u32,
    /// Attempts of this task that ended because their worker was lost, this one included.
    pub lost: u32,
    /// What it ended in.
    pub outcome: Outcome,
    /// The luck the backoff's jitter uses.
    pub draw: Draw,
}

impl RunState {
    /// The run begins: its roots open.
    pub fn start(&mut self) -> Vec<Change> {
        let mut turn = Turn::of(self);
        turn.changes.push(Change::RunStarted);
        for root in turn.state.plan().clone().roots() {
            turn.open(*root);
        }
        turn.changes
    }

    /// An attempt ended. Nothing changes any more once the run ended.
    pub fn advance(&mut self, closed: ClosedAttempt) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_some() {
            return turn.changes;
        }
        let ClosedAttempt { task, attempt, phase, .. } = closed;
        let options = turn.state.options(task.step);
        let retry_in = retry_in(&options, &closed);
        match closed.outcome {
            Outcome::Complete(output) => turn.complete_task(task, attempt, Some(output)),
            Outcome::Fail(failure) => turn.fail_attempt(task, attempt, failure, retry_in),
            Outcome::Skip(_) => turn.skip_task(task),
            Outcome::GoOn(go_on) => turn.go_on((task, attempt, phase), go_on, retry_in),
        }
        turn.changes
    }

    /// A recorded attempt after which its task went on.
    pub(crate) fn go_on_decided(
        &mut self,
        at: (TaskKey, u32, u32),
        go_on: GoOn,
        retry_in: Duration,
    ) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_none() {
            turn.go_on(at, go_on, Some(retry_in));
        }
        turn.changes
    }

    /// A recorded completion whose answer was not loaded.
    pub(crate) fn complete_unseen(&mut self, task: TaskKey, attempt: u32) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_none() {
            turn.complete_task(task, attempt, None);
        }
        turn.changes
    }

    /// A recorded failure that was already decided: with a wait, or final.
    pub(crate) fn fail_decided(
        &mut self,
        task: TaskKey,
        attempt: u32,
        failure: Failure,
        retry_in: Option<Duration>,
    ) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_some() {
            return turn.changes;
        }
        if failure.kind == FailureKind::Skipped {
            turn.skip_task(task);
        } else {
            turn.fail_attempt(task, attempt, failure, retry_in);
        }
        turn.changes
    }

    /// Everything `step` waits for has ended: its tasks open.
    pub fn open(&mut self, step: StepIndex) -> Vec<Change> {
        let mut turn = Turn::of(self);
        turn.open(step);
        turn.changes
    }

    /// Every task of a map step completed.
    pub fn close_map(&mut self, step: StepIndex) -> Vec<Change> {
        let mut turn = Turn::of(self);
        turn.complete_step(step);
        turn.changes
    }

    /// A step was skipped before it had a task, as was recorded.
    pub(crate) fn skip_decided(&mut self, step: StepIndex, reason: SkipReason) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_none() && !turn.state.status(step).is_ended() {
            turn.skip_step(step, reason);
        }
        turn.changes
    }

    /// A step failed before it had a task: what it is over is not an array, or what it asks for does not hold.
    pub(crate) fn fail_unopened(&mut self, step: StepIndex, failure: Failure) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_none() {
            turn.fail_step(step, failure);
        }
        turn.changes
    }

    /// The run's deadline passed.
    pub(crate) fn expire(&mut self, failure: Failure) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_none() {
            turn.cancel_rest(None);
            turn.end(RunStatus::Failed, Change::RunExpired { failure });
        }
        turn.changes
    }

    /// Somebody stopped the run.
    pub fn cancel(&mut self) -> Vec<Change> {
        let mut turn = Turn::of(self);
        if turn.state.end.is_none() {
            turn.cancel_rest(None);
            turn.end(RunStatus::Cancelled, Change::RunCancelled);
        }
        turn.changes
    }
}

/// One application of the rule: the state as it goes and the changes so far.
struct Turn<'a> {
    state: &'a mut RunState,
    changes: Vec<Change>,
}

impl<'a> Turn<'a> {
    fn of(state: &'a mut RunState) -> Self {
        Self { state, changes: Vec::new() }
    }

    fn complete_task(&mut self, task: TaskKey, attempt: u32, output: Option<Json>) {
        if self.state.status(task.step) == StepStatus::Skipped {
            // Another task of the map step decided it.
            return;
        }
        self.changes.push(Change::TaskCompleted { task, attempt });
        let map = self.state.plan().step(task.step).map;
        self.state.steps[task.step.at()].completed += 1;
        if map {
            if let Some(output) = output {
                self.state.keep_element(task, output);
            }
            if self.arrive(Join::Step(task.step)) {
                self.complete_step(task.step);
            }
        } else {
            if let Some(output) = output {
                self.state.steps[task.step.at()].output = Output::One(output);
            }
            self.complete_step(task.step);
        }
    }

    fn fail_attempt(
        &mut self,
        task: TaskKey,
        attempt: u32,
        failure: Failure,
        retry_in: Option<Duration>,
    ) {
        if self.state.status(task.step) == StepStatus::Skipped {
            return;
        }
        let kept = failure.clone();
        self.changes.push(Change::AttemptFailed { task, attempt, failure: kept, retry_in });
        if retry_in.is_some() {
            return;
        }
        match self.state.plan().step(task.step).options.on_exhausted {
            Policy::Fail => self.fail_step(task.step, failure),
            Policy::Skip | Policy::SkipCascade => {
                self.skip_step(task.step, SkipReason::HandlerFailed);
            }
        }
    }

    /// The handler wants its step skipped: one task decides it for all.
    fn skip_task(&mut self, task: TaskKey) {
        if self.state.status(task.step) != StepStatus::Skipped {
            self.skip_step(task.step, SkipReason::Handler);
        }
    }

    /// The task goes on, unless it has used up its attempts or its phases.
    fn go_on(
        &mut self,
        (task, attempt, phase): (TaskKey, u32, u32),
        go_on: GoOn,
        retry_in: Option<Duration>,
    ) {
        if self.state.status(task.step) == StepStatus::Skipped {
            return;
        }
        let (phase, wake_in) = match go_on.wait {
            Wait::Retry { .. } if retry_in.is_none() => {
                let kind = FailureKind::HandlerError(HandlerErrorKind::Execution);
                let message = "the handler asked for another attempt, and none is left";
                return self.fail_attempt(task, attempt, Failure::new(kind, message), None);
            }
            Wait::Retry { .. } => (phase, retry_in),
            _ if phase + 1 >= MAX_PHASES => {
                let message =
                    format!("the task went through {MAX_PHASES} phases, which is the most");
                let failure = Failure::new(FailureKind::TooManyPhases, message);
                return self.fail_attempt(task, attempt, failure, None);
            }
            Wait::Next | Wait::Sleep { .. } | Wait::AwaitSignals { .. } | Wait::Spawn { .. } => {
                (phase + 1, go_on.wait.longest())
            }
        };
        self.changes.push(Change::TaskWentOn { task, attempt, phase, go_on, wake_in });
    }

    fn complete_step(&mut self, step: StepIndex) {
        self.state.steps[step.at()].status = StepStatus::Completed;
        self.changes.push(Change::StepCompleted { step });
        self.pass_on(step);
        self.state.forget_answers(step);
    }

    fn skip_step(&mut self, step: StepIndex, reason: SkipReason) {
        self.state.learn_skipped(step, reason);
        self.changes.push(Change::StepSkipped { step, reason });
        self.pass_on(step);
    }

    /// A step ended well: what waited for it opens, or counts it.
    fn pass_on(&mut self, step: StepIndex) {
        let plan = self.state.plan().clone();
        for dependent in plan.dependents(step) {
            let joins = plan.step(*dependent).needs.len() > 1;
            if !joins || self.arrive(Join::Step(*dependent)) {
                self.open(*dependent);
            }
        }
        if plan.dependents(step).is_empty() && (plan.leaves().len() == 1 || self.arrive(Join::Run))
        {
            self.end(RunStatus::Completed, Change::RunCompleted);
        }
    }

    /// One more arrived at `join`. True when this state is who counts and all have arrived.
    fn arrive(&mut self, join: Join) -> bool {
        let of = self.state.arrivals_of(join);
        self.changes.push(Change::Arrived { join, count: 1, of });
        let arrived = match join {
            Join::Step(step) => &mut self.state.steps[step.at()].arrived,
            Join::Run => &mut self.state.run_arrived,
        };
        *arrived += 1;
        let full = *arrived == of;
        match self.state.counting {
            Counting::Here => full,
            Counting::Store => false,
        }
    }

    fn open(&mut self, step: StepIndex) {
        if self.state.end.is_some() || self.state.status(step) != StepStatus::Created {
            return;
        }
        let too_large = self.state.too_large_for(step);
        match (self.state.verdict(step), too_large) {
            (Some(Verdict::Skip(reason)), _) => return self.skip_step(step, reason),
            (Some(Verdict::Fail), _) => {
                let name = &self.state.plan().step(step).name;
                let message = format!("what step `{name}` asks for does not hold");
                return self.fail_step(step, Failure::new(FailureKind::ConditionUnmet, message));
            }
            (Some(Verdict::Run) | None, Some(needed)) => {
                let plan = self.state.plan();
                let (name, needed) = (&plan.step(step).name, &plan.step(needed).name);
                let message = format!(
                    "step `{name}` is given what the tasks of `{needed}` answered, all together more than {MAX_ANSWERS_BYTES} bytes"
                );
                return self.fail_step(step, Failure::new(FailureKind::SchemaMismatch, message));
            }
            // A part of it was not loaded: whoever has it decides.
            (None, None) => return,
            (Some(Verdict::Run), None) => {}
        }
        let tasks = if self.state.plan().step(step).map {
            match self.state.count_elements(step) {
                // The source was not loaded: whoever has it decides.
                None => return,
                Some(Ok(count)) if count as usize > MAX_MAP_ELEMENTS => {
                    let what = format!("an array of {count} elements");
                    return self.refuse_source(step, &what);
                }
                Some(Ok(count)) => count,
                Some(Err(type_name)) => return self.refuse_source(step, type_name),
            }
        } else {
            1
        };
        let state = &mut self.state.steps[step.at()];
        state.status = StepStatus::Started;
        state.width = Some(tasks);
        self.changes.push(Change::StepStarted { step, tasks });
        if tasks == 0 {
            self.complete_step(step);
        }
    }

    fn refuse_source(&mut self, step: StepIndex, found: &str) {
        let plan = self.state.plan().clone();
        let source = match plan.step(step).needs.first() {
            Some(needed) => format!("step `{}` answered", plan.step(*needed).name),
            None => "the run's input is".to_owned(),
        };
        let name = &plan.step(step).name;
        let message = format!(
            "map step `{name}` needs an array of at most {MAX_MAP_ELEMENTS} elements, but {source} {found}"
        );
        self.fail_step(step, Failure::new(FailureKind::SchemaMismatch, message));
    }

    fn fail_step(&mut self, step: StepIndex, failure: Failure) {
        self.state.steps[step.at()].status = StepStatus::Failed;
        self.changes.push(Change::StepFailed { step, failure: failure.clone() });
        self.cancel_rest(Some(step));
        self.end(RunStatus::Failed, Change::RunFailed { step, failure });
    }

    /// What has not ended will not: skipped below the failed step, cancelled elsewhere.
    fn cancel_rest(&mut self, failed: Option<StepIndex>) {
        let plan = self.state.plan().clone();
        let below = failed.map(|step| plan.descendants(step)).unwrap_or_default();
        for step in plan.indexes().filter(|step| !below.contains(step)) {
            if !self.state.status(step).is_ended() {
                self.state.steps[step.at()].status = StepStatus::Cancelled;
                self.changes.push(Change::StepCancelled { step });
            }
        }
        for step in below {
            if !self.state.status(step).is_ended() {
                let reason = SkipReason::DependencyFailed;
                self.state.learn_skipped(step, reason);
                self.changes.push(Change::StepSkipped { step, reason });
            }
        }
    }

    fn end(&mut self, status: RunStatus, change: Change) {
        self.state.end = Some(status);
        self.changes.push(change);
    }
}
