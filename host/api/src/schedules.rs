//! Schedules: runs that start by themselves, at the moments a cron expression names.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::schedule::UTC;
use model::{
    BadCron, Code, Json, Missed, Moment, Overlap, Preset, RunId, RunOptions, Schedule, TenantId,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Saved, ScheduleRow};
use utoipa::ToSchema;

use crate::asked::Said;
use crate::auth::{Caller, Deploy, Read, Run};
use crate::body;
use crate::closures::PAGE;
use crate::components::PageQuery;
use crate::cursor::List;
use crate::params::{Params, Parts, page_size};
use crate::problem::Problem;
use crate::quotas::admit_bytes;
use crate::saved::{BaseView, base, name};
use crate::start::TRIES;
use crate::state::State;

/// What is started when. `cron` and one of `flow` and `closure` are there, anything else may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutSchedule)]
struct ScheduleBody<'a> {
    /// Five fields (minute, hour, day of month, month, day of week), six with seconds in front, or `@daily` and the like.
    #[schema(example = "0 3 * * *")]
    cron: String,
    /// The IANA name of the zone it is read in. Defaults to `UTC`.
    timezone: Option<String>,
    /// The flow it starts.
    flow: Option<String>,
    /// The closure it starts.
    closure: Option<String>,
    /// The input. Defaults to the closure's, over which it is merged, or to `null`.
    #[serde(borrow, default, deserialize_with = "model::preset::said")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<&'a RawValue>,
    /// Larger goes first.
    priority: Option<i16>,
    /// How long a run may take in all, in milliseconds.
    deadline_ms: Option<u64>,
    /// What holds for the attempts of every step; as in a start.
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    options: RunOptions,
    /// The version to run on. Defaults to the one that is active at the moment.
    version: Option<u32>,
    /// When the run before has not ended: `allow` (the default) starts one more, `skip` none.
    #[serde(default)]
    #[schema(value_type = String, default = "allow")]
    overlap: Overlap,
    /// When moments passed and no worker was there for over a minute: `run_once` (the default) starts one run for all of
    /// them, `skip` none.
    #[serde(default)]
    #[schema(value_type = String, default = "run_once")]
    missed: Missed,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
struct ScheduleView {
    /// Its name.
    name: String,
    #[serde(flatten)]
    base: BaseView,
    /// The cron expression.
    cron: String,
    /// The zone it is read in.
    timezone: String,
    /// What it says about its runs: `input`, `priority`, `deadline_ms`, `options`, `version`.
    #[serde(flatten)]
    #[schema(value_type = serde_json::Value)]
    start: Preset,
    /// `allow` or `skip`.
    #[schema(value_type = String)]
    overlap: Overlap,
    /// `run_once` or `skip`.
    #[schema(value_type = String)]
    missed: Missed,
    /// True: it starts nothing until it is resumed.
    paused: bool,
    /// The next moment, RFC 3339; absent while it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// The moment it dealt with last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<String>,
    /// What came of it: `started`, `overlap` (the run before was live), `missed`, or `problem`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_outcome: Option<String>,
    /// The run it started last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    last_run_id: Option<RunId>,
    /// Why it could not start a run (`code` and `detail`), until it could again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    last_problem: Option<Json>,
    /// When it was saved first, RFC 3339.
    created_at: String,
    /// When it was changed last.
    updated_at: String,
}

impl From<ScheduleRow> for ScheduleView {
    fn from(row: ScheduleRow) -> Self {
        let Schedule { cron, timezone, overlap, missed, start } = row.schedule;
        Self {
            name: row.name,
            base: row.base.into(),
            cron,
            timezone,
            start,
            overlap,
            missed,
            paused: row.next_at.is_none(),
            next_at: row.next_at,
            last_at: row.last_at,
            last_outcome: row.last_outcome,
            last_run_id: row.last_run_id,
            last_problem: row.last_problem,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A page of schedules, by name.
#[derive(Debug, Serialize, ToSchema)]
struct SchedulePage {
    /// The schedules.
    schedules: Vec<ScheduleView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Saves a schedule under a name, in place of what had it before. One that was paused stays so. A run it would start now must
/// be one that can be started.
///
/// Where clocks are moved, an expression that names one time of a day keeps its one moment: the first one after the gap where
/// its time does not exist, the first of two where it is there twice. One that names several times of a day goes by the clock
/// on the wall: what does not exist is left out, what is there twice comes twice.
#[utoipa::path(
    put,
    path = "/v1/schedules/{name}",
    tag = "schedules",
    params(("name" = String, Path, description = "the schedule's name")),
    request_body(content = ScheduleBody, content_type = "application/json"),
    responses(
        (status = 201, description = "a new schedule", body = ScheduleView),
        (status = 200, description = "replaced", body = ScheduleView),
    )
)]
pub(crate) async fn put_schedule(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (store, tenant) = (state.store(), caller.tenant);
    let name = name(&text)?;
    let body = body::json(request).await?;
    let sent: ScheduleBody<'_> = body::read_object(body.as_ref().map_or("{}", Json::as_str))?;
    let ScheduleBody { cron, input, priority, version, deadline_ms, options, .. } = sent;
    let said = Said { input, priority, version, delay_ms: None, deadline_ms, key: None, options };
    let schedule = Schedule {
        cron,
        timezone: sent.timezone.unwrap_or_else(|| UTC.to_owned()),
        overlap: sent.overlap,
        missed: sent.missed,
        start: said.check()?,
    };
    let next = next(&state, &schedule).await?;
    let base = base(&state, tenant, sent.flow, sent.closure).await?;
    let saved = Saved { base, start: schedule.start.clone() };
    store.prepare((tenant, caller.tenant_name.clone()), &saved).await?;
    admit_bytes(&state, tenant, body.as_ref().map_or(0, |body| body.as_str().len())).await?;
    let put = store.put_schedule(caller.by(), (name.as_str(), &saved.base), &schedule, next).await;
    let is_new = put.map_err(|error| {
        if error.is_reference() {
            let detail = "the closure it starts was deleted in the same moment";
            return Problem::new(Code::ClosureNotFound, detail).at("/closure");
        }
        error.into()
    })?;
    let code = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let view = ScheduleView::from(find(&state, tenant, name.as_str()).await?);
    Ok((code, axum::Json(view)).into_response())
}

/// The first moment from now on.
async fn next(state: &State, schedule: &Schedule) -> Result<Moment, Problem> {
    let moments = schedule.moments().map_err(|why| {
        let at = match &why {
            BadCron::Fields { .. } | BadCron::Field { .. } | BadCron::Never(_) => "/cron",
            BadCron::Zone { .. } => "/timezone",
        };
        Problem::new(why.code(), why.to_string()).at(at)
    })?;
    let next = moments.next_after(state.store().now().await?);
    next.ok_or_else(|| {
        Problem::new(Code::ScheduleNeverFires, "there is no next moment").at("/cron")
    })
}

pub(crate) async fn find(
    state: &State,
    tenant: TenantId,
    name: &str,
) -> Result<ScheduleRow, Problem> {
    let found = state.store().get_schedule(tenant, name).await?;
    found.ok_or_else(schedule_not_found)
}

/// The same answer for schedules that do not exist and those of others.
pub(crate) fn schedule_not_found() -> Problem {
    Problem::new(Code::ScheduleNotFound, "there is no schedule with this name")
}

/// A page of schedules, by name.
#[utoipa::path(
    get,
    path = "/v1/schedules",
    tag = "schedules",
    params(PageQuery),
    responses((status = 200, description = "a page", body = SchedulePage))
)]
pub(crate) async fn list_schedules(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let (tenant, limit) = (caller.tenant, page_size(query.limit)?.min(PAGE));
    let list = List { tenant, name: "schedules" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_schedules(tenant, &after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |row| row.name.clone());
    let schedules = rows.into_iter().map(ScheduleView::from).collect();
    Ok(axum::Json(SchedulePage { schedules, next }).into_response())
}

/// One schedule: its next moment, and what came of the last one.
#[utoipa::path(
    get,
    path = "/v1/schedules/{name}",
    tag = "schedules",
    params(("name" = String, Path, description = "the schedule's name")),
    responses((status = 200, description = "the schedule", body = ScheduleView))
)]
pub(crate) async fn get_schedule(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    let row = find(&state, caller.tenant, &name).await?;
    Ok(axum::Json(ScheduleView::from(row)).into_response())
}

/// Deletes a schedule. Runs it started go on.
#[utoipa::path(
    delete,
    path = "/v1/schedules/{name}",
    tag = "schedules",
    params(("name" = String, Path, description = "the schedule's name")),
    responses((status = 204, description = "it is gone"))
)]
pub(crate) async fn delete_schedule(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    match state.store().delete_schedule(caller.by(), &name).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(schedule_not_found()),
    }
}

/// Lets a schedule rest until it is resumed.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/pause",
    tag = "schedules",
    params(("name" = String, Path, description = "the schedule's name")),
    responses((status = 200, description = "the schedule", body = ScheduleView))
)]
pub(crate) async fn pause_schedule(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    if !state.store().pause_schedule(caller.tenant, &name, None).await? {
        return Err(schedule_not_found());
    }
    let row = find(&state, caller.tenant, &name).await?;
    Ok(axum::Json(ScheduleView::from(row)).into_response())
}

/// Lets a schedule go on at its next moment; those that passed while it rested are not made up for.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/resume",
    tag = "schedules",
    params(("name" = String, Path, description = "the schedule's name")),
    responses((status = 200, description = "the schedule", body = ScheduleView))
)]
pub(crate) async fn resume_schedule(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    for _ in 0..TRIES {
        let of = find(&state, caller.tenant, &name).await?;
        let next = next(&state, &of.schedule).await?;
        if state.store().resume_schedule(&of, next).await? {
            let row = find(&state, caller.tenant, &name).await?;
            return Ok(axum::Json(ScheduleView::from(row)).into_response());
        }
    }
    Err(Problem::new(Code::Overloaded, "the schedule kept changing; it was not resumed"))
}
