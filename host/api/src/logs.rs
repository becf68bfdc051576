//! What the handlers of a run wrote to their logs.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{Code, LogLine, Plan, StepIndex};
use serde::{Deserialize, Serialize};
use store::{LogFilter, LogRow, RecordedLog, TaskLog};
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
    /// How many phases of its task lie before the one it ran in.
    phase: u32,
    /// The attempt's number.
    attempt: u32,
    /// Its lines in order: `at_us`, `level`, `source`, `message`, `fields`. Guests wrote them: escape where shown.
    #[schema(value_type = Vec<serde_json::Value>)]
    lines: Vec<LogLine>,
}

/// A page of logs.
#[derive(Debug, Serialize, ToSchema)]
struct LogPage {
    /// One entry for each attempt that wrote something.
    logs: Vec<AttemptLog>,
    /// Send it as `after` to go on; in the order of tasks absent on the last page, in the order of recording only where
    /// nothing was recorded yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LogOrder {
    /// By step, task and attempt.
    #[default]
    Task,
    /// As they were recorded: what comes later comes after what was read, so that a log can be followed.
    Recorded,
}

/// Which logs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogsQuery {
    /// Only of this step.
    step: Option<String>,
    /// `task` (the default): by step, task and attempt. `recorded`: as they were recorded, to follow a live run.
    #[serde(default)]
    #[param(inline)]
    order: LogOrder,
    /// Where the page before ended; it is good for the order it came from.
    after: Option<String>,
    /// Attempts in a page, 500 at most. Defaults to 50.
    limit: Option<i64>,
}

/// What the handlers of a run wrote.
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
    let list = List { tenant, name: &format!("logs\n{run_id}\n{step:?}\n{:?}", query.order) };
    let after = list.after(query.after.as_deref())?;
    let after = after.as_deref();
    let log = |row: LogRow| {
        let (step, index, phase, attempt) = row.at;
        let step = plan.step(step).name.to_string();
        AttemptLog { step, index, phase, attempt, lines: row.lines }
    };
    let page = match query.order {
        LogOrder::Task => {
            let filter = LogFilter { step, after: after.and_then(read_place), limit };
            let rows = state.store().list_logs(tenant, run_id, filter).await?;
            LogPage {
                next: list.next(&rows, limit, |row| write_place(row.at)),
                logs: rows.into_iter().map(log).collect(),
            }
        }
        LogOrder::Recorded => {
            let filter = LogFilter { step, after: after.and_then(read_recorded), limit };
            let rows = state.store().follow_logs(tenant, run_id, filter).await?;
            let last = rows.last().map(|(place, _)| *place).or(filter.after);
            LogPage {
                next: last.map(|place| list.cursor(&write_recorded(place))),
                logs: rows.into_iter().map(|(_, row)| log(row)).collect(),
            }
        }
    };
    Ok(axum::Json(page).into_response())
}

/// The step of this name.
pub(crate) fn find_step(plan: &Plan, name: &str) -> Result<StepIndex, Problem> {
    plan.find(name).ok_or_else(|| {
        let known: Vec<&str> =
            plan.indexes().map(|step| plan.step(step).name.as_str()).take(20).collect();
        let detail =
            format!("the flow version has no step of this name; it has `{}`", known.join("`, `"));
        Problem::new(Code::StepNotFound, detail)
    })
}

fn write_place((step, index, phase, attempt): TaskLog) -> String {
    format!("{} {index} {phase} {attempt}", step.0)
}

fn read_place(place: &str) -> Option<TaskLog> {
    let (step, rest) = place.split_once(' ')?;
    let mut numbers = rest.split(' ').map(|part| part.parse().ok());
    let mut next = || numbers.next().flatten();
    Some((StepIndex(step.parse().ok()?), next()?, next()?, next()?))
}

fn write_recorded(RecordedLog { xid, at }: RecordedLog) -> String {
    format!("{xid} {}", write_place(at))
}

fn read_recorded(place: &str) -> Option<RecordedLog> {
    let (xid, at) = place.split_once(' ')?;
    Some(RecordedLog { xid: xid.parse().ok()?, at: read_place(at)? })
}
