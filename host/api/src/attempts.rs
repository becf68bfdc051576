//! The attempts of one task: what each answered or why it did not, and what it used.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{Code, Json, TaskKey};
use serde::Serialize;
use store::AttemptRow;
use utoipa::ToSchema;

use crate::auth::{Caller, Read};
use crate::logs::find_step;
use crate::params::{Parts, run_id, run_not_found};
use crate::problem::Problem;
use crate::state::State;
use crate::view::{FailureView, GoOnView, ReceiptView};

/// One attempt.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptView {
    /// How many phases of its task lie before the one it ran in; 0 for a handler that has none.
    phase: u32,
    /// 1-based number in its phase.
    attempt: u32,
    /// When it was recorded, RFC 3339.
    recorded_at: String,
    /// Its answer, when it completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Json>,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// Where its task went on and what it waited for, when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    went_on: Option<GoOnView>,
    /// The wait before the next attempt; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_in_ms: Option<u64>,
    /// What it used.
    receipt: ReceiptView,
    /// The worker that ran it.
    worker: i32,
}

impl From<AttemptRow> for AttemptView {
    fn from(row: AttemptRow) -> Self {
        let AttemptRow {
            phase,
            attempt,
            recorded_at,
            output,
            failure,
            went_on,
            retry_in,
            receipt,
            worker,
        } = row;
        let ms = |wait: std::time::Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            phase,
            attempt,
            recorded_at,
            output,
            failure: failure.map(FailureView::from),
            went_on: went_on.map(GoOnView::from),
            retry_in_ms: retry_in.map(ms),
            receipt: receipt.into(),
            worker: worker.0,
        }
    }
}

/// Every recorded attempt of a task, in order.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptList {
    /// The step.
    step: String,
    /// The task's index; 0 for a step that is no map.
    index: u32,
    /// The attempts.
    attempts: Vec<AttemptView>,
}

/// The recorded attempts of one task.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/steps/{step}/tasks/{index}/attempts",
    tag = "runs",
    params(
        ("run_id" = String, Path, description = "the run"),
        ("step" = String, Path, description = "the step's name"),
        ("index" = u32, Path, description = "the map task's index; 0 for a step that is no map"),
    ),
    responses((status = 200, description = "the attempts", body = AttemptList))
)]
pub(crate) async fn list_attempts(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts((id, step, index)): Parts<(String, String, u32)>,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
    let version = state.plans().version(state.store(), (tenant, run.flow_id, run.version)).await?;
    let task = TaskKey { step: find_step(&version.plan, &step)?, index };
    let rows = state.store().list_attempts(tenant, run_id, task).await?;
    if rows.is_empty() {
        let detail = format!("task {index} of step `{step}` has no recorded attempt (yet)");
        return Err(Problem::new(Code::AttemptNotFound, detail));
    }
    let attempts = rows.into_iter().map(AttemptView::from).collect();
    Ok(axum::Json(AttemptList { step, index, attempts }).into_response())
}
