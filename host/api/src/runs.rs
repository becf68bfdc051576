//! One run: look at it, stop it.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{
    Code, Digest, Json, Plan, Position, RunId, RunOptions, RunStatus, StepIndex, StepStatus,
    TenantId,
};
use serde::Serialize;
use store::{Cancelled, RunRow, TokenRow, WaitsFor};
use utoipa::ToSchema;

use crate::auth::{Caller, Read, Run};
use crate::compensation::{CompensationView, compensation};
use crate::components::QuarantineView;
use crate::output::{self, Output};
use crate::params::{Parts, run_id, run_not_found};
use crate::problem::Problem;
use crate::state::State;
use crate::timeline::Timeline;
use crate::view::{FailureView, Links, ReceiptView};

/// A run and what it ended in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunAnswer {
    /// Its identity.
    #[schema(value_type = String)]
    run_id: RunId,
    /// The flow's name.
    flow: String,
    /// The version it is pinned to.
    version: u32,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    status: RunStatus,
    /// The output of a completed run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Json>,
    /// The output has more than 4 MiB and is left out: `links.output` has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    output_omitted: bool,
    /// Why a failed run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// The step that failed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_step: Option<String>,
    /// When it was started, RFC 3339; absent in the answer to the start itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// When a worker took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Where to go on.
    links: Links,
}

/// A run with everything its steps did and used.
#[derive(Debug, Serialize, ToSchema)]
struct RunView {
    #[serde(flatten)]
    run: RunAnswer,
    /// Larger goes first.
    priority: i16,
    /// The input it was started with.
    #[schema(value_type = serde_json::Value)]
    input: Json,
    /// Its name among the live runs of its flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The run whose task spawned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    parent: Option<RunId>,
    /// The run it runs again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    rerun_of: Option<RunId>,
    /// The schedule that started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    /// When it fails if it has not ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_at: Option<String>,
    /// What its start said about its steps' attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    options: Option<std::sync::Arc<RunOptions>>,
    /// Its steps, in the author's order.
    steps: Vec<StepView>,
    /// What is undone of it, where it ended badly and can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    compensation: Option<CompensationView>,
    /// Attempts of all steps.
    attempts: u64,
    /// What all attempts used together.
    receipt: ReceiptView,
}

/// One step of a run.
#[derive(Debug, Serialize, ToSchema)]
struct StepView {
    /// Its name.
    name: String,
    /// `created`, `started`, `completed`, `failed`, `skipped` or `cancelled`.
    #[schema(value_type = String)]
    status: StepStatus,
    /// Why it was skipped: `condition_unmet`, `dependency_skipped`, `handler_failed`, `handler` or
    /// `dependency_failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reason: Option<model::SkipReason>,
    /// Its tasks, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<TaskCounts>,
    /// Attempts that were recorded.
    attempts: u64,
    /// Those that did not complete.
    failed_attempts: u64,
    /// The failure that was recorded last, also while the next attempt waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<FailureView>,
    /// Present while its component is not called, where tasks of it are blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<QuarantineView>,
    /// When its tasks opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// What its attempts used together.
    receipt: ReceiptView,
}

/// Where the tasks of a step are.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
struct TaskCounts {
    /// All of them.
    total: u32,
    /// Wait for a worker, for a place under their key or for their rate.
    queued: u32,
    /// Of those queued: wait for a place under their key.
    waiting_for_key: u32,
    /// Of those queued: wait for their rate.
    waiting_for_rate: u32,
    /// A worker has them.
    running: u32,
    /// Wait for a moment.
    sleeping: u32,
    /// Wait for a signal.
    awaiting_signal: u32,
    /// Wait for the end of their children.
    awaiting_children: u32,
    /// Wait for their component, which is not there or in quarantine.
    blocked: u32,
    /// Completed.
    completed: u32,
}

impl RunAnswer {
    /// A run that was started this moment, without looking again.
    pub(crate) fn started(run_id: RunId, flow: &str, version: u32) -> Self {
        Self {
            run_id,
            flow: flow.to_owned(),
            version,
            status: RunStatus::Queued,
            output: None,
            output_omitted: false,
            failure: None,
            failed_step: None,
            created_at: None,
            started_at: None,
            ended_at: None,
            links: Links::of(run_id),
        }
    }

    async fn of(state: &State, tenant: TenantId, run: &RunRow) -> Result<Self, Problem> {
        let key = (tenant, run.flow_id, run.version);
        let failed_step = match run.failed_step {
            Some(step) => {
                let version = state.plans().version(state.store(), key).await?;
                Some(version.plan.step(step).name.to_string())
            }
            None => None,
        };
        let (output, output_omitted) =
            match output::of(state, tenant, run, output::SHOWN_BYTES).await? {
                Output::None => (None, false),
                Output::Whole(output) => (Some(output), false),
                Output::Over(_) => (None, true),
            };
        Ok(Self {
            run_id: run.id,
            flow: run.flow_name.clone(),
            version: run.version,
            status: run.status,
            output,
            output_omitted,
            failure: run.failure.clone().map(FailureView::from),
            failed_step,
            created_at: Some(run.created_at.clone()),
            started_at: run.started_at.clone(),
            ended_at: run.ended_at.clone(),
            links: Links::of(run.id),
        })
    }
}

/// A run as it is now, as an answer.
pub(crate) async fn answer(
    state: &State,
    tenant: TenantId,
    run: RunRow,
) -> Result<Response, Problem> {
    Ok(axum::Json(RunAnswer::of(state, tenant, &run).await?).into_response())
}

/// One run: its steps, tasks, failures, receipts and totals.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run")),
    responses((status = 200, description = "the run", body = RunView))
)]
pub(crate) async fn get_run(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(id): Parts<String>,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
    let version = state.plans().version(state.store(), (tenant, run.flow_id, run.version)).await?;
    let (mut timeline, _) = Timeline::begin(tenant, &run, &version);
    let tokens = state.store().list_tokens(tenant, run_id).await?;
    timeline.advance(state.store()).await?;
    let mut steps: Vec<StepView> =
        version.plan.indexes().map(|step| step_view(&timeline, step, &tokens)).collect();
    say_quarantined(&state, tenant, &version.plan, &mut steps).await?;
    let mut view = RunView {
        run: RunAnswer::of(&state, tenant, &run).await?,
        priority: run.priority,
        input: run.input.clone(),
        key: run.key.clone(),
        parent: run.parent,
        rerun_of: run.rerun_of,
        schedule: run.schedule.clone(),
        deadline_at: run.deadline_at.clone(),
        options: run.options.clone(),
        compensation: compensation(&state, tenant, run_id, &version.plan).await?,
        attempts: steps.iter().map(|step| step.attempts).sum(),
        receipt: ReceiptView::default(),
        steps,
    };
    for step in &view.steps {
        view.receipt.merge(&step.receipt);
    }
    Ok(axum::Json(view).into_response())
}

fn step_view(timeline: &Timeline, step: StepIndex, tokens: &[TokenRow]) -> StepView {
    let state = timeline.state();
    let tally = timeline.tally(step).clone();
    let status = state.status(step);
    let mut tasks = state.progress(step).map(|(completed, total)| TaskCounts {
        total,
        completed,
        ..TaskCounts::default()
    });
    if let Some(counts) = tasks.as_mut().filter(|_| !status.is_ended()) {
        tokens
            .iter()
            .filter(|token| token.position.step() == step)
            .for_each(|token| counts.add(token));
    }
    StepView {
        name: state.plan().step(step).name.to_string(),
        status,
        reason: state.skip_reason(step),
        tasks,
        attempts: tally.attempts,
        failed_attempts: tally.failed_attempts,
        last_failure: tally.last_failure.map(FailureView::from),
        quarantine: None,
        started_at: tally.started_at,
        ended_at: tally.ended_at,
        receipt: tally.receipt,
    }
}

/// Says of steps with blocked tasks that their component is in quarantine, where it is.
async fn say_quarantined(
    state: &State,
    tenant: TenantId,
    plan: &Plan,
    steps: &mut [StepView],
) -> Result<(), Problem> {
    let mut blocked: Vec<(&mut StepView, Digest)> = Vec::new();
    for (view, step) in steps.iter_mut().zip(plan.indexes()) {
        if view.tasks.is_some_and(|tasks| tasks.blocked > 0)
            && let Some(digest) = plan.step(step).component
        {
            blocked.push((view, digest));
        }
    }
    let digests: Vec<Digest> = blocked.iter().map(|(_, digest)| *digest).collect();
    if digests.is_empty() {
        return Ok(());
    }
    let held = state.store().find_quarantined(tenant, &digests).await?;
    for (view, digest) in blocked {
        view.quarantine = held.get(&digest).cloned().map(QuarantineView::from);
    }
    Ok(())
}

impl TaskCounts {
    /// Counts the tasks of a live branch. Some of a range may have ended: never more than are left.
    fn add(&mut self, token: &TokenRow) {
        let carried = match token.position {
            Position::Range { lo, hi, .. } => hi.saturating_sub(lo),
            Position::Task { .. } | Position::Open(_) => 1,
            Position::Close(_) => 0,
        };
        let parked = self.sleeping + self.awaiting_signal + self.awaiting_children + self.blocked;
        let counted = self.queued + self.running + parked + self.completed;
        let carried = carried.min(self.total.saturating_sub(counted));
        match token.waits_for.filter(|_| token.waits) {
            Some(WaitsFor::Place) => self.waiting_for_key += carried,
            Some(WaitsFor::Share) => self.waiting_for_rate += carried,
            Some(WaitsFor::Signal | WaitsFor::Children | WaitsFor::Component) | None => {}
        }
        let count = match (token.worker, token.waits, token.waits_for) {
            (Some(_), ..) => &mut self.running,
            (None, false, _) | (None, true, Some(WaitsFor::Place | WaitsFor::Share)) => {
                &mut self.queued
            }
            (None, true, Some(WaitsFor::Component)) => &mut self.blocked,
            (None, true, None) => &mut self.sleeping,
            (None, true, Some(WaitsFor::Signal)) => &mut self.awaiting_signal,
            (None, true, Some(WaitsFor::Children)) => &mut self.awaiting_children,
        };
        *count += carried;
    }
}

/// Stops a run: what is queued never starts, what is running is interrupted. A run that has ended stays as it is.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/cancel",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run")),
    responses((status = 200, description = "the cancelled run", body = RunAnswer))
)]
pub(crate) async fn cancel_run(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(id): Parts<String>,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    match state.store().cancel_run(tenant, run_id).await? {
        Cancelled::Done => {}
        Cancelled::Unknown => return Err(run_not_found()),
        Cancelled::Ended(status) => {
            let detail = format!("the run is `{status}` already; nothing changed");
            return Err(Problem::new(Code::RunEnded, detail));
        }
    }
    let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
    answer(&state, tenant, run).await
}
