//! Dead letters: tasks that ended with a failure for good, what they were given, and running them again.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::limits::MAX_ANSWERS_BYTES;
use model::{Code, Json, RunId, StepIndex, TaskKey, TenantId};
use serde::{Deserialize, Serialize};
use store::{DeadLetter, Loaded, RunRow};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read, Run};
use crate::body;
use crate::cursor::List;
use crate::logs::find_step;
use crate::params::{Params, Parts, page_size, run_id, run_not_found};
use crate::problem::Problem;
use crate::reruns::{On, rerun};
use crate::state::State;
use crate::view::FailureView;

/// A task that ended with a failure for good.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct DeadLetterView {
    /// Its run.
    #[schema(value_type = String)]
    run_id: RunId,
    /// The flow's name.
    flow: String,
    /// The version the run is pinned to.
    version: u32,
    /// The step.
    step: String,
    /// The task's index; 0 for a step that is no map.
    index: u32,
    /// How many phases lay before the one it failed in.
    phase: u32,
    /// Its attempts in that phase.
    attempts: u32,
    /// What the last one failed with.
    failure: FailureView,
    /// When, RFC 3339.
    recorded_at: String,
    /// What the task was given: the run's input, an object of dependencies' outputs, or an element. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Json>,
}

/// A page of dead letters, those of the newest runs first.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetterPage {
    /// The dead letters.
    dead_letters: Vec<DeadLetterView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which dead letters.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLettersQuery {
    /// Only of this flow.
    flow: Option<String>,
    /// Dead letters in a page, 500 at most. Defaults to 50.
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of dead letters, those of the newest runs first.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    tag = "runs",
    params(DeadLettersQuery),
    responses((status = 200, description = "a page", body = DeadLetterPage))
)]
pub(crate) async fn list_dead_letters(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<DeadLettersQuery>,
) -> Result<Response, Problem> {
    let (tenant, limit) = (caller.tenant, page_size(query.limit)?);
    let name = format!("dead-letters\n{}", query.flow.as_deref().unwrap_or_default());
    let list = List { tenant, name: &name };
    let flow_id = match &query.flow {
        Some(flow) => Some(state.plans().guess(state.store(), tenant, flow).await?.0),
        None => None,
    };
    let place = list.after(query.cursor.as_deref())?;
    let after = place.as_deref().and_then(read_place);
    let rows = state.store().list_dead_letters(tenant, flow_id, after, limit).await?;
    let next = list.next(&rows, limit, write_place);
    let mut dead_letters = Vec::with_capacity(rows.len());
    for row in rows {
        dead_letters.push(view(&state, tenant, row).await?);
    }
    Ok(axum::Json(DeadLetterPage { dead_letters, next }).into_response())
}

async fn view(state: &State, tenant: TenantId, row: DeadLetter) -> Result<DeadLetterView, Problem> {
    let DeadLetter {
        run_id,
        flow_name,
        flow_id,
        version,
        task,
        phase,
        attempts,
        failure,
        recorded_at,
    } = row;
    let known = state.plans().version(state.store(), (tenant, flow_id, version)).await?;
    Ok(DeadLetterView {
        run_id,
        flow: flow_name,
        version,
        step: known.plan.step(task.step).name.to_string(),
        index: task.index,
        phase,
        attempts,
        failure: failure.into(),
        recorded_at,
        input: None,
    })
}

fn write_place(last: &DeadLetter) -> String {
    format!("{} {} {}", last.run_id, last.task.step.0, last.task.index)
}

fn read_place(place: &str) -> Option<(RunId, TaskKey)> {
    let mut parts = place.split(' ');
    let run_id = parts.next()?.parse().ok()?;
    let step = StepIndex(parts.next()?.parse().ok()?);
    Some((run_id, TaskKey { step, index: parts.next()?.parse().ok()? }))
}

/// One dead letter, with what the task was given.
#[utoipa::path(
    get,
    path = "/v1/dead-letters/{run_id}/{step}/{index}",
    tag = "runs",
    params(
        ("run_id" = String, Path, description = "the run"),
        ("step" = String, Path, description = "the step's name"),
        ("index" = u32, Path, description = "the task's index"),
    ),
    responses((status = 200, description = "the dead letter", body = DeadLetterView))
)]
pub(crate) async fn get_dead_letter(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts((id, step, index)): Parts<(String, String, u32)>,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
    let version = state.plans().version(state.store(), (tenant, run.flow_id, run.version)).await?;
    let task = TaskKey { step: find_step(&version.plan, &step)?, index };
    let found = state.store().get_dead_letter(tenant, run_id, task).await?;
    let Some(found) = found else {
        let detail = format!("task {index} of step `{step}` did not end with a failure");
        return Err(Problem::new(Code::AttemptNotFound, detail));
    };
    let mut view = view(&state, tenant, found).await?;
    view.input = input_of(&state, tenant, &run, task).await?;
    Ok(axum::Json(view).into_response())
}

async fn input_of(
    state: &State,
    tenant: TenantId,
    run: &RunRow,
    task: TaskKey,
) -> Result<Option<Json>, Problem> {
    let version = state.plans().version(state.store(), (tenant, run.flow_id, run.version)).await?;
    let needs = &version.plan.step(task.step).needs;
    let found = state.store().list_outcomes(tenant, run.id, needs, MAX_ANSWERS_BYTES).await?;
    // What nobody can be given is not shown either.
    let Some(Loaded { outputs, skipped }) = found else { return Ok(None) };
    let mut known = version.knowing(run.input.clone(), needs, outputs, skipped);
    Ok(known.input_of(task).map(|input| input.value()))
}

/// How to replay a dead letter; every field may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplayBody {
    /// `"same"` (the default), `"active"`, or a number.
    #[serde(default)]
    #[schema(value_type = String)]
    #[schema(default = "same")]
    version: On,
}

/// Runs a dead letter again: a new run that keeps what ended well and goes on from the letter's step.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{run_id}/{step}/replay",
    tag = "runs",
    params(
        ("run_id" = String, Path, description = "the run"),
        ("step" = String, Path, description = "the step's name"),
    ),
    request_body(content = ReplayBody, content_type = "application/json"),
    responses((status = 201, description = "started", body = crate::reruns::RerunAnswer))
)]
pub(crate) async fn replay_dead_letter(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts((id, step)): Parts<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let run_id = run_id(&id)?;
    let sent: ReplayBody = body::form(request).await?;
    let run = state.store().get_run(caller.tenant, run_id).await?.ok_or_else(run_not_found)?;
    let answer = rerun(&state, &caller, &run, (Some(&step), sent.version), false).await?;
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}
