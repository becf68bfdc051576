//! Closures: starts that were saved under a name, and starting them.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::limits::MAX_CLOSURES;
use model::{Code, Json, Name, Preset, RunOptions};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Base, ClosureRow, PutClosure, Saved};
use utoipa::ToSchema;

use crate::asked::{Said, StartBody};
use crate::auth::{Caller, Deploy, Read, Run};
use crate::body;
use crate::components::PageQuery;
use crate::cursor::List;
use crate::params::{Params, Parts, page_size};
use crate::problem::Problem;
use crate::quotas::admit_bytes;
use crate::runs::RunAnswer;
use crate::saved::{BaseView, base, name, unknown_closure};
use crate::start::{StartQuery, Target, start};
use crate::state::State;

/// Closures on a page: each may carry a whole input.
pub(crate) const PAGE: i64 = 50;
/// Names of users that are told when a closure is in use.
const MOST_USERS: i64 = 10;

/// A start to save. One of `flow` and `closure` is there, anything else may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutClosure)]
struct ClosureBody<'a> {
    /// The flow it starts.
    flow: Option<String>,
    /// The closure it stands on: what this one does not say is as that one says.
    closure: Option<String>,
    /// The input, or a part of it: objects are merged member by member, and whoever is nearer to the caller wins.
    #[serde(borrow, default, deserialize_with = "model::preset::said")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<&'a RawValue>,
    /// Larger goes first.
    priority: Option<i16>,
    /// The wait before the first steps, in milliseconds.
    delay_ms: Option<u64>,
    /// Its name among the live runs of the flow, up to 255 bytes.
    key: Option<String>,
    /// How long a run may take in all, in milliseconds.
    deadline_ms: Option<u64>,
    /// What holds for the attempts of every step; as in a start.
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    options: RunOptions,
    /// The version to run on.
    version: Option<u32>,
}

/// A closure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Closure)]
struct ClosureView {
    /// Its name.
    name: String,
    #[serde(flatten)]
    base: BaseView,
    /// What it says about its runs: `input`, `priority`, `delay_ms`, `key`, `deadline_ms`, `options`, `version`.
    #[serde(flatten)]
    #[schema(value_type = serde_json::Value)]
    start: Preset,
    /// When it was saved first, RFC 3339.
    created_at: String,
    /// When it was saved last.
    updated_at: String,
}

impl From<ClosureRow> for ClosureView {
    fn from(row: ClosureRow) -> Self {
        let ClosureRow { name, saved: Saved { base, start }, created_at, updated_at } = row;
        Self { name, base: base.into(), start, created_at, updated_at }
    }
}

/// A page of closures, by name.
#[derive(Debug, Serialize, ToSchema)]
struct ClosurePage {
    /// The closures.
    closures: Vec<ClosureView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Saves a start under a name, in place of what had it before.
#[utoipa::path(
    put,
    path = "/v1/closures/{name}",
    tag = "closures",
    params(("name" = String, Path, description = "the closure's name")),
    request_body(content = ClosureBody, content_type = "application/json"),
    responses(
        (status = 201, description = "a new closure", body = ClosureView),
        (status = 200, description = "replaced", body = ClosureView),
    )
)]
pub(crate) async fn put_closure(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (store, tenant) = (state.store(), caller.tenant);
    let name = name(&text)?;
    let body = body::json(request).await?;
    let sent: ClosureBody<'_> = body::read_object(body.as_ref().map_or("{}", Json::as_str))?;
    let ClosureBody {
        flow,
        closure,
        input,
        priority,
        delay_ms,
        key,
        deadline_ms,
        options,
        version,
    } = sent;
    let said = Said { input, priority, version, delay_ms, deadline_ms, key, options };
    let start = said.check()?;
    if flow.is_none() && closure.as_deref() == Some(name.as_str()) {
        return Err(circle(&[name.to_string(), name.to_string()]));
    }
    let saved = Saved { base: base(&state, tenant, flow, closure).await?, start };
    admit_bytes(&state, tenant, body.as_ref().map_or(0, |body| body.as_str().len())).await?;
    let put = store.put_closure(caller.by(), name.as_str(), &saved).await;
    let is_new = match put {
        Ok(PutClosure::Saved(is_new)) => is_new,
        Ok(PutClosure::Circle(names)) => return Err(circle(&names)),
        Ok(PutClosure::TooDeep) => {
            let detail = format!("more than {MAX_CLOSURES} closures would stand on each other");
            let problem = Problem::new(Code::ClosureTooDeep, detail).at("/closure");
            return Err(problem.limit(MAX_CLOSURES as u64));
        }
        Err(error) if error.is_reference() => {
            let detail = "the closure it stands on was deleted in the same moment";
            return Err(Problem::new(Code::ClosureNotFound, detail).at("/closure"));
        }
        Err(error) => return Err(error.into()),
    };
    let code = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((code, shown(&state, caller.tenant, &name).await?).into_response())
}

fn circle(names: &[String]) -> Problem {
    Problem::new(Code::ClosureCycle, format!("`{}`", names.join(" -> "))).at("/closure")
}

async fn shown(
    state: &State,
    tenant: model::TenantId,
    name: &Name,
) -> Result<axum::Json<ClosureView>, Problem> {
    match state.store().get_closure(tenant, name.as_str()).await? {
        Some(row) => Ok(axum::Json(row.into())),
        None => Err(unknown_closure(state, tenant, name.as_str()).await?),
    }
}

/// A page of closures, by name.
#[utoipa::path(
    get,
    path = "/v1/closures",
    tag = "closures",
    params(PageQuery),
    responses((status = 200, description = "a page", body = ClosurePage))
)]
pub(crate) async fn list_closures(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let (tenant, limit) = (caller.tenant, page_size(query.limit)?.min(PAGE));
    let list = List { tenant, name: "closures" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_closures(tenant, &after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |row| row.name.clone());
    let closures = rows.into_iter().map(ClosureView::from).collect();
    Ok(axum::Json(ClosurePage { closures, next }).into_response())
}

/// One closure.
#[utoipa::path(
    get,
    path = "/v1/closures/{name}",
    tag = "closures",
    params(("name" = String, Path, description = "the closure's name")),
    responses((status = 200, description = "the closure", body = ClosureView))
)]
pub(crate) async fn get_closure(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(text): Parts<String>,
) -> Result<Response, Problem> {
    match state.store().get_closure(caller.tenant, &text).await? {
        Some(row) => Ok(axum::Json(ClosureView::from(row)).into_response()),
        None => Err(unknown_closure(&state, caller.tenant, &text).await?),
    }
}

/// Deletes a closure that no schedule and no other closure names.
#[utoipa::path(
    delete,
    path = "/v1/closures/{name}",
    tag = "closures",
    params(("name" = String, Path, description = "the closure's name")),
    responses((status = 204, description = "it is gone"))
)]
pub(crate) async fn delete_closure(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
) -> Result<Response, Problem> {
    let (store, tenant) = (state.store(), caller.tenant);
    match store.delete_closure(caller.by(), &text).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(false) => Err(unknown_closure(&state, tenant, &text).await?),
        Err(error) if error.is_reference() => {
            let users = store.list_closure_users(tenant, &text, MOST_USERS).await?;
            let detail = format!("the closure is named by `{}`", users.join("`, `"));
            Err(Problem::new(Code::ClosureInUse, detail))
        }
        Err(error) => Err(error.into()),
    }
}

/// Starts a run as the closure says, and as this request says over it. Answers what a start of the flow answers.
#[utoipa::path(
    post,
    path = "/v1/closures/{name}/runs",
    tag = "closures",
    params(
        ("name" = String, Path, description = "the closure's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key starts one run"),
        StartQuery,
    ),
    request_body(content = StartBody, content_type = "application/json"),
    responses(
        (status = 201, description = "started", body = RunAnswer),
        (status = 202, description = "started, and still running after the wait", body = RunAnswer),
        (status = 200, description = "ended within the wait, or started before", body = RunAnswer),
    )
)]
pub(crate) async fn start_closure(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(text): Parts<String>,
    Params(query): Params<StartQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let saved = Saved { base: Base::Closure(text.clone()), start: Preset::default() };
    let (flow, further) = state.store().resolve(caller.tenant, &saved).await?;
    let target = Target { name: format!("closure {text}"), flow, further };
    start(&state, &caller, target, query, request).await
}
