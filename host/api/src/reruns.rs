//! Running runs again: from the beginning or a step, on the same version or another, one or many.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{Code, Rerun, RunId, RunStatus, StepIndex};
use serde::{Deserialize, Serialize};
use store::{RerunOf, RunFilter, RunRow};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::asked::check_input;
use crate::auth::{Caller, Run};
use crate::body;
use crate::logs::find_step;
use crate::params::{Parts, run_id, run_not_found, shown};
use crate::problem::Problem;
use crate::quotas::admit_runs;
use crate::start::no_active_version;
use crate::state::State;
use crate::timeline::Timeline;

/// Runs one bulk rerun looks at.
const MOST_RUNS: i64 = 500;

/// On which version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum On {
    /// The one the run was on.
    #[default]
    Same,
    /// The one new runs start on.
    Active,
    /// This one.
    Version(u32),
}

impl<'de> Deserialize<'de> for On {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match (value.as_str(), number) {
            (Some("same"), _) => Ok(Self::Same),
            (Some("active"), _) => Ok(Self::Active),
            (_, Some(number)) => Ok(Self::Version(number)),
            (_, None) => Err(serde::de::Error::custom(
                "`version` takes `\"same\"`, `\"active\"` or a number",
            )),
        }
    }
}

/// How to run a run again; every field may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rerun)]
struct RerunBody {
    /// The step to run again, with everything after it. What ended well elsewhere is kept. Defaults to the beginning.
    from: Option<String>,
    /// `"same"` (the default), `"active"`, or a number.
    #[serde(default)]
    #[schema(value_type = String)]
    #[schema(default = "same")]
    version: On,
}

/// Which runs to run again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BulkRerun)]
struct BulkBody {
    /// Of this flow.
    flow: String,
    /// That ended so: `failed` (the default), `cancelled` or `completed`.
    status: Option<String>,
    /// That ran on this version.
    on_version: Option<u32>,
    /// The step to run again, with everything after it.
    from: Option<String>,
    /// `"same"` (the default), `"active"`, or a number.
    #[serde(default)]
    #[schema(value_type = String)]
    #[schema(default = "same")]
    version: On,
    /// The newest runs that match, 500 at most. Defaults to 100.
    limit: Option<i64>,
    /// True: says which runs match and starts nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A run that is run again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RerunAnswer {
    /// The run.
    #[schema(value_type = String)]
    run_id: RunId,
    /// The new run; absent in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    rerun_id: Option<RunId>,
    /// The version the new run is on.
    version: u32,
    /// Steps whose outcomes are kept.
    kept: Vec<String>,
    /// Why it cannot be run again, where many were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<RerunProblem>,
}

/// Why a run cannot be run again.
#[derive(Debug, Serialize, ToSchema)]
struct RerunProblem {
    /// The problem's code.
    code: &'static str,
    /// What is wrong.
    detail: String,
}

/// The runs that are run again.
#[derive(Debug, Serialize, ToSchema)]
struct BulkAnswer {
    /// True: nothing was started.
    dry_run: bool,
    /// The runs, newest first.
    runs: Vec<RerunAnswer>,
}

/// Runs a run that has ended again, as a new run with the same input and options.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/rerun",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run")),
    request_body(content = RerunBody, content_type = "application/json"),
    responses((status = 201, description = "started", body = RerunAnswer))
)]
pub(crate) async fn rerun_run(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(id): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let run_id = run_id(&id)?;
    let sent: RerunBody = body::form(request).await?;
    let run = state.store().get_run(caller.tenant, run_id).await?.ok_or_else(run_not_found)?;
    let answer = rerun(&state, &caller, &run, (sent.from.as_deref(), sent.version), false).await?;
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

/// Runs many runs of a flow again, the newest that match first.
#[utoipa::path(
    post,
    path = "/v1/reruns",
    tag = "runs",
    request_body(content = BulkBody, content_type = "application/json"),
    responses((status = 200, description = "what was or would be started", body = BulkAnswer))
)]
pub(crate) async fn rerun_many(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    request: Request,
) -> Result<Response, Problem> {
    let sent: BulkBody = body::form(request).await?;
    let invalid = |detail: String, at: &str| Problem::new(Code::RequestInvalid, detail).at(at);
    let limit = sent.limit.unwrap_or(100);
    if !(1..=MOST_RUNS).contains(&limit) {
        return Err(invalid(format!("`limit` takes 1 to {MOST_RUNS}"), "/limit"));
    }
    let status = sent.status.as_deref().unwrap_or("failed");
    let status: RunStatus =
        status.parse().map_err(|why: String| invalid(shown(&why), "/status"))?;
    if !status.is_ended() {
        let detail = "only runs that have ended can be run again".to_owned();
        return Err(invalid(detail, "/status"));
    }
    let flow_id = state.plans().find(state.store(), caller.tenant, &sent.flow).await?.0;
    let filter = RunFilter {
        flow_id: Some(flow_id),
        version: sent.on_version,
        status: Some(status),
        before: None,
    };
    let mut runs = Vec::new();
    for found in state.store().list_runs(caller.tenant, filter, limit).await? {
        let Some(run) = state.store().get_run(caller.tenant, found.id).await? else {
            continue;
        };
        let how = (sent.from.as_deref(), sent.version);
        let tried = rerun(&state, &caller, &run, how, sent.dry_run).await;
        // One that cannot be run again does not keep the others from it.
        runs.push(tried.unwrap_or_else(|problem| RerunAnswer {
            run_id: run.id,
            rerun_id: None,
            version: run.version,
            kept: Vec::new(),
            problem: Some(RerunProblem {
                code: problem.code().as_str(),
                detail: problem.detail().to_owned(),
            }),
        }));
    }
    Ok(axum::Json(BulkAnswer { dry_run: sent.dry_run, runs }).into_response())
}

pub(crate) async fn rerun(
    state: &State,
    caller: &Caller<Run>,
    run: &RunRow,
    (from, on): (Option<&str>, On),
    dry_run: bool,
) -> Result<RerunAnswer, Problem> {
    if !run.status.is_ended() {
        let detail = format!("the run is `{}`; wait for it or cancel it first", run.status);
        return Err(Problem::new(Code::RunNotEnded, detail));
    }
    let (store, tenant) = (state.store(), caller.tenant);
    let number = match on {
        On::Same => run.version,
        On::Version(number) => number,
        On::Active => {
            let current = state.plans().find(store, tenant, &run.flow_name).await?.1;
            current.ok_or_else(no_active_version)?
        }
    };
    let version = state.plans().version(store, (tenant, run.flow_id, number)).await?;
    check_input(&version, &run.input)?;
    let from = from.map(|name| find_step(&version.plan, name)).transpose()?;
    let before = state.plans().version(store, (tenant, run.flow_id, run.version)).await?;
    let (mut timeline, _) = Timeline::begin(tenant, run, &before);
    timeline.advance(store).await?;
    let (undone, is_pending) = store.list_compensations(tenant, run.id).await?;
    if is_pending {
        let detail = "what the run did is being undone; wait until that has ended";
        return Err(Problem::new(Code::RunNotEnded, detail));
    }
    // What was undone is done again.
    let undone: Vec<StepIndex> = undone.iter().map(|row| row.step).collect();
    let rerun = Rerun::of(timeline.state(), &version.plan, from, &undone);
    if !dry_run {
        admit_runs(state, tenant, 1).await?;
    }
    let kept = rerun.kept.iter().map(|(_, step)| version.plan.step(*step).name.to_string());
    let kept = kept.collect();
    if dry_run {
        return Ok(RerunAnswer {
            run_id: run.id,
            rerun_id: None,
            version: number,
            kept,
            problem: None,
        });
    }
    let new_id = RunId(Uuid::now_v7());
    let deadline_ms = version.plan.definition.deadline_ms;
    let is_started = store
        .rerun(&RerunOf {
            tenant,
            run_id: run.id,
            new_id,
            version: number,
            priority: run.priority,
            deadline_ms: deadline_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            rerun,
        })
        .await?;
    if !is_started {
        // It was thrown away meanwhile.
        return Err(run_not_found());
    }
    state.metrics().run_started();
    let rerun_id = Some(new_id);
    Ok(RerunAnswer { run_id: run.id, rerun_id, version: number, kept, problem: None })
}
