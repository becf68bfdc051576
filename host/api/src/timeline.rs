//! A run rebuilt from its history: where each step is, and what happened as events.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use model::{
    Change, Counting, Failure, FailureKind, Json, Plan, Recorded, RunId, RunState, RunStatus,
    StepIndex, TaskKey, TenantId, Version,
};
use serde::Serialize;
use store::{HistoryRow, RunRow, Store};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::view::{FailureView, GoOnView, ReceiptView};

/// Answers that map steps are over which one page of events is derived from, in bytes.
const MOST_SOURCES: usize = 64 * 1024 * 1024;

/// The place of an event in its run: `<transaction>-<order in it>-<change>`. Places only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    xid: i64,
    ord: i32,
    change: u32,
}

impl Place {
    /// The recorded fact the start of a run counts as.
    const START: (i64, i32) = (0, 0);
    /// The recorded fact a cancel counts as: nothing is recorded after it.
    const CANCEL: (i64, i32) = (i64::MAX, 0);
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.xid, self.ord, self.change)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().ok_or(());
        let xid = next()?.parse().map_err(drop)?;
        let ord = next()?.parse().map_err(drop)?;
        let change = next()?.parse().map_err(drop)?;
        Ok(Self { xid, ord, change })
    }
}

/// Something that happened to a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Its place; go on after it with `?since=` or `Last-Event-ID`.
    id: String,
    /// What kind: `run_started`, `step_started`, `attempt_failed`, `task_went_on`, `task_completed`, `step_completed`, `step_failed`,
    /// `step_skipped`, `step_cancelled`, `run_completed`, `run_failed` or `run_cancelled`.
    pub(crate) r#type: &'static str,
    /// When it was recorded, RFC 3339.
    pub(crate) at: String,
    /// The step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// The task's index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<u32>,
    /// The attempt's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// How many tasks opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<u32>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// The wait before the next attempt; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_in_ms: Option<u64>,
    /// Why a step was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reason: Option<model::SkipReason>,
    /// Where a task goes on, and what it waits for before.
    #[serde(skip_serializing_if = "Option::is_none")]
    went_on: Option<GoOnView>,
    #[serde(skip)]
    pub(crate) place: Place,
}

impl Event {
    /// True for the last event of a run.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self.r#type, "run_completed" | "run_failed" | "run_cancelled")
    }
}

/// What the history says of one step, in sums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Attempts that were recorded.
    pub(crate) attempts: u64,
    /// Those that did not complete.
    pub(crate) failed_attempts: u64,
    /// What all of them used.
    pub(crate) receipt: ReceiptView,
    /// The failure that was recorded last.
    pub(crate) last_failure: Option<Failure>,
    /// When its tasks opened.
    pub(crate) started_at: Option<String>,
    /// When it ended.
    pub(crate) ended_at: Option<String>,
}

/// A run as far as its history was read.
pub(crate) struct Timeline {
    tenant: TenantId,
    run_id: RunId,
    state: RunState,
    /// Steps whose answers decide what follows.
    sources: Vec<StepIndex>,
    after: Option<(i64, i32)>,
    tallies: Vec<Tally>,
}

impl Timeline {
    /// The run at its start, and the events of that.
    pub(crate) fn begin(tenant: TenantId, run: &RunRow, version: &Version) -> (Self, Vec<Event>) {
        let plan = &version.plan;
        // What decides how many tasks a map step has, or whether a step runs.
        let decides = |step: &StepIndex| {
            let next = |next: &StepIndex| {
                let next = plan.step(*next);
                (next.map && !plan.step(*step).map) || !next.condition.is_always()
            };
            plan.dependents(*step).iter().any(next)
        };
        let mut timeline = Self {
            tenant,
            run_id: run.id,
            state: RunState::new(plan.clone(), run.input.clone(), Counting::Here),
            sources: plan.indexes().filter(decides).collect(),
            after: None,
            tallies: vec![Tally::default(); plan.definition.steps.len()],
        };
        let changes = timeline.state.start();
        let events = timeline.tell(Place::START, &run.created_at, changes);
        (timeline, events)
    }

    /// Reads what was recorded since, and answers the events of that.
    pub(crate) async fn advance(&mut self, store: &Store) -> Result<Vec<Event>, Problem> {
        // The status comes first: all that an ended run recorded is there when it says so.
        let status = store.get_run_status(self.tenant, self.run_id).await?;
        let run = match status.is_some_and(RunStatus::is_ended) {
            true => store.get_run(self.tenant, self.run_id).await?,
            // Its row has nothing to say yet, and its input can be large.
            false => None,
        };
        let rows = store.list_history(self.tenant, self.run_id, self.after, false).await?;
        let mut answers = self.answers_for(store, &rows).await?;
        let mut events = Vec::new();
        for row in rows {
            self.after = Some((row.xid, row.ord));
            events.extend(self.take(row, &mut answers));
        }
        // What ends a run from outside is kept in its row.
        let ended = run.and_then(|run| {
            let recorded = match (run.status, run.failed_step, run.failure) {
                (RunStatus::Cancelled, ..) => Recorded::Cancelled,
                (RunStatus::Failed, None, Some(failure)) => Recorded::Expired { failure },
                _ => return None,
            };
            Some((recorded, run.ended_at.unwrap_or_default()))
        });
        if let Some((recorded, at)) = ended {
            let changes = self.state.apply(recorded);
            events.extend(self.tell(Place::CANCEL, &at, changes));
        }
        Ok(events)
    }

    /// The state as far as the history was read.
    pub(crate) fn state(&self) -> &RunState {
        &self.state
    }

    /// The sums of a step.
    pub(crate) fn tally(&self, step: StepIndex) -> &Tally {
        &self.tallies[step.at()]
    }

    /// The answers that map steps are over, where these rows completed one.
    async fn answers_for(
        &self,
        store: &Store,
        rows: &[HistoryRow],
    ) -> Result<Vec<(TaskKey, Json)>, Problem> {
        let completed = |row: &HistoryRow| match &row.recorded {
            Recorded::Completed { task, .. } => Some(task.step),
            Recorded::AttemptFailed { .. }
            | Recorded::WentOn { .. }
            | Recorded::Failed { .. }
            | Recorded::Interrupted { .. }
            | Recorded::Skipped { .. }
            | Recorded::Unopened { .. }
            | Recorded::Expired { .. }
            | Recorded::Cancelled => None,
        };
        let wanted: Vec<StepIndex> =
            rows.iter().filter_map(completed).filter(|step| self.sources.contains(step)).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let found = store.list_outcomes(self.tenant, self.run_id, &wanted, MOST_SOURCES).await?;
        // Without them, what followed is in the history itself.
        Ok(found.unwrap_or_default().outputs)
    }

    fn take(&mut self, row: HistoryRow, answers: &mut Vec<(TaskKey, Json)>) -> Vec<Event> {
        let HistoryRow { xid, ord, recorded_at, mut recorded, receipt, worker: _ } = row;
        let (step, failure, attempted) = match &mut recorded {
            Recorded::Completed { task, output, .. } => {
                if let Some(at) = answers.iter().position(|(key, _)| key == task) {
                    *output = Some(answers.swap_remove(at).1);
                }
                (Some(task.step), None, true)
            }
            Recorded::AttemptFailed { task, failure, .. }
            | Recorded::Failed { task, failure, .. } => (Some(task.step), Some(&*failure), true),
            Recorded::WentOn { task, .. } => (Some(task.step), None, true),
            Recorded::Interrupted { task } => (Some(task.step), None, true),
            Recorded::Skipped { step, .. } => (Some(*step), None, false),
            Recorded::Unopened { step, failure } => (Some(*step), Some(&*failure), false),
            Recorded::Expired { .. } | Recorded::Cancelled => (None, None, false),
        };
        if let Some(step) = step {
            let tally = &mut self.tallies[step.at()];
            tally.attempts += u64::from(attempted);
            let failed = failure.is_some_and(|failure| failure.kind != FailureKind::Skipped);
            tally.failed_attempts += u64::from(attempted && failed);
            tally.receipt.add(&receipt);
            tally.last_failure = failure.cloned().or(tally.last_failure.take());
        }
        let changes = self.state.apply(recorded);
        self.tell((xid, ord), &recorded_at, changes)
    }

    /// Changes as events. What arrived at joins is counted, not told.
    fn tell(&mut self, fact: (i64, i32), at: &str, changes: Vec<Change>) -> Vec<Event> {
        let plan = self.state.plan().clone();
        let mut events = Vec::new();
        for (change, number) in changes.into_iter().zip(0..) {
            self.note(&change, at);
            let place = Place { xid: fact.0, ord: fact.1, change: number };
            events.extend(event(&plan, place, at, change));
        }
        events
    }

    fn note(&mut self, change: &Change, at: &str) {
        match change {
            Change::StepStarted { step, .. } => {
                self.tallies[step.at()].started_at = Some(at.to_owned());
            }
            Change::StepCompleted { step }
            | Change::StepFailed { step, .. }
            | Change::StepSkipped { step, .. }
            | Change::StepCancelled { step } => {
                self.tallies[step.at()].ended_at = Some(at.to_owned());
            }
            Change::RunStarted
            | Change::AttemptFailed { .. }
            | Change::TaskWentOn { .. }
            | Change::TaskCompleted { .. }
            | Change::Arrived { .. }
            | Change::RunCompleted
            | Change::RunFailed { .. }
            | Change::RunExpired { .. }
            | Change::RunCancelled => {}
        }
    }
}

fn event(plan: &Plan, place: Place, at: &str, change: Change) -> Option<Event> {
    let mut event = Event {
        id: place.to_string(),
        r#type: "",
        at: at.to_owned(),
        step: None,
        index: None,
        attempt: None,
        tasks: None,
        failure: None,
        retry_in_ms: None,
        reason: None,
        went_on: None,
        place,
    };
    let name = |step: StepIndex| Some(plan.step(step).name.to_string());
    event.r#type = match change {
        Change::Arrived { .. } => return None,
        Change::RunStarted => "run_started",
        Change::StepStarted { step, tasks } => {
            (event.step, event.tasks) = (name(step), Some(tasks));
            "step_started"
        }
        Change::AttemptFailed { task, attempt, failure, retry_in } => {
            (event.step, event.index, event.attempt) =
                (name(task.step), Some(task.index), Some(attempt));
            event.failure = Some(failure.into());
            event.retry_in_ms =
                retry_in.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
            "attempt_failed"
        }
        Change::TaskWentOn { task, attempt, go_on, .. } => {
            (event.step, event.index, event.attempt) =
                (name(task.step), Some(task.index), Some(attempt));
            event.went_on = Some(go_on.into());
            "task_went_on"
        }
        Change::TaskCompleted { task, attempt } => {
            (event.step, event.index, event.attempt) =
                (name(task.step), Some(task.index), Some(attempt));
            "task_completed"
        }
        Change::StepCompleted { step } => {
            event.step = name(step);
            "step_completed"
        }
        Change::StepFailed { step, failure } => {
            (event.step, event.failure) = (name(step), Some(failure.into()));
            "step_failed"
        }
        Change::StepSkipped { step, reason } => {
            (event.step, event.reason) = (name(step), Some(reason));
            "step_skipped"
        }
        Change::StepCancelled { step } => {
            event.step = name(step);
            "step_cancelled"
        }
        Change::RunCompleted => "run_completed",
        Change::RunFailed { step, failure } => {
            (event.step, event.failure) = (name(step), Some(failure.into()));
            "run_failed"
        }
        Change::RunExpired { failure } => {
            event.failure = Some(failure.into());
            "run_failed"
        }
        Change::RunCancelled => "run_cancelled",
    };
    Some(event)
}

/// True when the event lies after the place a reader has come to.
pub(crate) fn is_after(event: &Event, since: Option<Place>) -> bool {
    since.is_none_or(|since| event.place.cmp(&since) == Ordering::Greater)
}
