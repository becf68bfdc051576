//! What the handlers of a run wrote to their logs.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{Code, LogLine, Plan, StepIndex};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogRow, TaskLog};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read};
use crate::cursor::List;
use crate::params::{Params, Parts, page_size, run_id, run_not_found};
use crate::problem::Problem;
use crate::state::State;

/// What one attempt wrote.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptLog {
    /// The step.
    step: String,
    /// The task's index.
    index: u32,
    /// The attempt's number.
    attempt: u32,
    /// Its lines in order: `at_us`, `level`, `source`, `message`, `fields`. Guests wrote them: escape where shown.
    #[schema(value_type = Vec<serde_json::Value>)]
    lines: Vec<LogLine>,
}

/// A page of logs, by step, task and attempt.
#[derive(Debug, Serialize, ToSchema)]
struct LogPage {
    /// One entry for each attempt that wrote something.
    logs: Vec<AttemptLog>,
    /// Send it as `after` to go on; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which logs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsQuery {
    /// Only of this step.
    step: Option<String>,
    /// Where the page before ended.
    after: Option<String>,
    /// Attempts in a page, 500 at most. Defaults to 50.
    limit: Option<i64>,
}

/// What the handlers of a run wrote, by step, task and attempt.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/logs",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run"), LogsQuery),
    responses((status = 200, description = "a page", body = LogPage))
)]
pub(crate) async fn list_logs(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(id): Parts<String>,
    Params(query): Params<LogsQuery>,
) -> Result<Response, Problem> {
    let (tenant, run_id, limit) = (caller.tenant, run_id(&id)?, page_size(query.limit)?);
    let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
    let version = state.plans().version(state.store(), (tenant, run.flow_id, run.version)).await?;
    let plan = &version.plan;
    let step = query.step.as_deref().map(|name| find_step(plan, name)).transpose()?;
    let list = List { tenant, name: &format!("logs\n{run_id}\n{step:?}") };
    let after = query.after.as_deref().map(|cursor| list.place(cursor)).transpose()?;
    let after = after.as_deref().and_then(read_place);
    let rows = state.store().list_logs(tenant, run_id, LogFilter { step, after, limit }).await?;
    let full = i64::try_from(rows.len()) == Ok(limit);
    let next = rows.last().filter(|_| full).map(|row| list.cursor(&write_place(row.at)));
    let log = |row: LogRow| {
        let (step, index, attempt) = row.at;
        AttemptLog { step: plan.step(step).name.to_string(), index, attempt, lines: row.lines }
    };
    let logs = rows.into_iter().map(log).collect();
    Ok(axum::Json(LogPage { logs, next }).into_response())
}

/// The step of this name.
pub(crate) fn find_step(plan: &Plan, name: &str) -> Result<StepIndex, Problem> {
    plan.find(name).ok_or_else(|| {
        let known: Vec<&str> =
            plan.indexes().map(|step| plan.step(step).name.as_str()).take(20).collect();
        let detail =
            format!("the flow version has no step of this name; it has `{}`", known.join("`, `"));
        Problem::new(Code::RequestInvalid, detail)
    })
}

fn write_place((step, index, attempt): TaskLog) -> String {
    format!("{} {index} {attempt}", step.0)
}

fn read_place(place: &str) -> Option<TaskLog> {
    let mut parts = place.split(' ');
    let step = StepIndex(parts.next()?.parse().ok()?);
    Some((step, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
