//! Versions of a flow: list, look at, compare, activate, roll back.

use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use model::diff::{Difference, differences};
use model::{Code, FlowId, Json, TenantId};
use serde::{Deserialize, Serialize};
use store::By;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Deploy, Read};
use crate::body;
use crate::components::PageQuery;
use crate::cursor::List;
use crate::params::{Params, Parts, page_size};
use crate::plans::version_not_found;
use crate::problem::Problem;
use crate::start::idempotency_key;
use crate::state::State;

/// A version in a list.
#[derive(Debug, Serialize, ToSchema)]
struct VersionItem {
    /// Its number, from 1.
    version: u32,
    /// True for the one new runs start on.
    active: bool,
    /// sha256 of the definition.
    content_hash: String,
    /// When it was registered, RFC 3339.
    created_at: String,
    /// When new runs were pointed at it last, RFC 3339; only in lists, and only if they ever were.
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<String>,
    /// Runs on it that have not ended; only in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    live_runs: Option<i64>,
    /// What it is; only where one version is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    definition: Option<Json>,
}

/// A page of versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct VersionPage {
    /// The versions.
    versions: Vec<VersionItem>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A page of a flow's versions, newest first.
#[utoipa::path(
    get,
    path = "/v1/flows/{flow}/versions",
    tag = "flows",
    params(("flow" = String, Path, description = "the flow's name"), PageQuery),
    responses((status = 200, description = "a page", body = VersionPage))
)]
pub(crate) async fn list_versions(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(flow): Parts<String>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let (tenant, limit) = (caller.tenant, page_size(query.limit)?);
    let (flow_id, current) = state.plans().find(state.store(), tenant, &flow).await?;
    let list = List { tenant, name: &format!("versions\n{flow}") };
    let before = list.after(query.cursor.as_deref())?;
    let before = before.and_then(|place| place.parse().ok());
    let rows = state.store().list_versions(tenant, flow_id, before, limit).await?;
    let next = list.next(&rows, limit, |row| row.version.to_string());
    let item = |row: store::VersionSummary| VersionItem {
        version: row.version,
        active: Some(row.version) == current,
        content_hash: row.content_hash,
        created_at: row.created_at,
        activated_at: row.activated_at,
        live_runs: Some(row.live_count),
        definition: None,
    };
    let versions = rows.into_iter().map(item).collect();
    Ok(axum::Json(VersionPage { versions, next }).into_response())
}

/// One version with its definition.
#[utoipa::path(
    get,
    path = "/v1/flows/{flow}/versions/{version}",
    tag = "flows",
    params(
        ("flow" = String, Path, description = "the flow's name"),
        ("version" = u32, Path, description = "its number"),
    ),
    responses((status = 200, description = "the version", body = VersionItem))
)]
pub(crate) async fn get_version(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts((flow, version)): Parts<(String, u32)>,
) -> Result<Response, Problem> {
    let (flow_id, current) = state.plans().find(state.store(), caller.tenant, &flow).await?;
    let row = state.store().get_version(caller.tenant, flow_id, version).await?;
    let row = row.ok_or_else(|| version_not_found(version))?;
    let item = VersionItem {
        version,
        active: Some(version) == current,
        content_hash: row.content_hash,
        created_at: row.created_at,
        activated_at: None,
        live_runs: None,
        definition: Some(Json::trusted(row.definition)),
    };
    Ok(axum::Json(item).into_response())
}

/// One difference, for people and for programs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceView {
    /// One line.
    text: String,
    /// The same with its parts: `kind`, `step`, `field`, `before`, `after`.
    #[serde(flatten)]
    #[schema(value_type = serde_json::Value)]
    difference: Difference,
}

/// What changed from one version to another.
pub(crate) async fn between(
    state: &State,
    (tenant, flow_id): (TenantId, FlowId),
    from: u32,
    to: u32,
) -> Result<Vec<DifferenceView>, Problem> {
    let from = state.plans().version(state.store(), (tenant, flow_id, from)).await?;
    let to = state.plans().version(state.store(), (tenant, flow_id, to)).await?;
    let found = differences(&from.plan.definition, &to.plan.definition);
    let view = |difference: Difference| DifferenceView { text: difference.to_string(), difference };
    Ok(found.into_iter().map(view).collect())
}

/// Which two versions.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffQuery {
    /// The earlier one. Defaults to the one before `to`.
    from: Option<u32>,
    /// The later one. Defaults to the active one.
    to: Option<u32>,
}

/// What changed between two versions.
#[derive(Debug, Serialize, ToSchema)]
struct DiffView {
    /// The flow's name.
    flow: String,
    /// From this version.
    from: u32,
    /// To this one.
    to: u32,
    /// Everything that changed.
    differences: Vec<DifferenceView>,
}

/// What changed between two versions of a flow.
#[utoipa::path(
    get,
    path = "/v1/flows/{flow}/diff",
    tag = "flows",
    params(("flow" = String, Path, description = "the flow's name"), DiffQuery),
    responses((status = 200, description = "what changed", body = DiffView))
)]
pub(crate) async fn diff_versions(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(flow): Parts<String>,
    Params(query): Params<DiffQuery>,
) -> Result<Response, Problem> {
    let (flow_id, current) = state.plans().find(state.store(), caller.tenant, &flow).await?;
    let to = query.to.or(current).ok_or_else(|| version_not_found(0))?;
    let from = query.from.unwrap_or(to.saturating_sub(1).max(1));
    let differences = between(&state, (caller.tenant, flow_id), from, to).await?;
    Ok(axum::Json(DiffView { flow, from, to, differences }).into_response())
}

/// Which version new runs shall start on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActivateBody {
    /// Its number.
    version: u32,
}

/// Which version to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RollbackBody {
    /// Its number. Defaults to the one that was active before; a second time, to the one before that.
    version: Option<u32>,
}

/// The version new runs start on now.
#[derive(Debug, Serialize, ToSchema)]
struct Activated {
    /// The flow's name.
    flow: String,
    /// The version new runs start on.
    active_version: u32,
    /// The one they started on before.
    previous_version: Option<u32>,
    /// What changed from that one.
    differences: Vec<DifferenceView>,
}

/// Points new runs at a version, in one statement. Live runs finish on theirs. Activating the active one is harmless.
#[utoipa::path(
    post,
    path = "/v1/flows/{flow}/activate",
    tag = "flows",
    params(("flow" = String, Path, description = "the flow's name")),
    request_body(content = ActivateBody, content_type = "application/json"),
    responses((status = 200, description = "activated", body = Activated))
)]
pub(crate) async fn activate_version(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(flow): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let body: ActivateBody = body::form(request).await?;
    let (flow_id, _) = state.plans().find(state.store(), caller.tenant, &flow).await?;
    point(&state, (caller.by(), flow_id), flow, body.version).await
}

/// Points new runs at an earlier version: the one that is named, else the one that was active before. What was rolled
/// back from is not gone back to: a second rollback goes one further.
#[utoipa::path(
    post,
    path = "/v1/flows/{flow}/rollback",
    tag = "flows",
    params(
        ("flow" = String, Path, description = "the flow's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key rolls back once"),
    ),
    request_body(content = RollbackBody, content_type = "application/json"),
    responses((status = 200, description = "rolled back", body = Activated))
)]
pub(crate) async fn roll_back(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(flow): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let key = idempotency_key(&headers)?;
    let body: RollbackBody = body::form(request).await?;
    let (flow_id, _) = state.plans().find(state.store(), caller.tenant, &flow).await?;
    let owner = (caller.tenant, flow_id);
    if let Some(version) = body.version {
        return point(&state, (caller.by(), flow_id), flow, version).await;
    }
    let moved = state.store().roll_back(caller.by(), flow_id, key).await?;
    let none = "no version was active before the active one; name one with `version`";
    let (version, before) = moved.ok_or_else(|| Problem::new(Code::VersionNotFound, none))?;
    pointed(&state, owner, flow, (before, version)).await
}

async fn point(
    state: &State,
    (by, flow_id): (By<'_>, FlowId),
    flow: String,
    version: u32,
) -> Result<Response, Problem> {
    let previous = state.store().activate(by, flow_id, version).await?;
    let previous_version = previous.ok_or_else(|| version_not_found(version))?;
    pointed(state, (by.tenant, flow_id), flow, (previous_version, version)).await
}

async fn pointed(
    state: &State,
    (tenant, flow_id): (TenantId, FlowId),
    flow: String,
    (previous_version, version): (Option<u32>, u32),
) -> Result<Response, Problem> {
    // New runs here follow at once; elsewhere the start statement tells them.
    state.plans().find(state.store(), tenant, &flow).await?;
    let differences = match previous_version {
        Some(previous) => between(state, (tenant, flow_id), previous, version).await?,
        None => Vec::new(),
    };
    let activated = Activated { flow, active_version: version, previous_version, differences };
    Ok(axum::Json(activated).into_response())
}
