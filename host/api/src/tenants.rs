//! Tenants, for the operator: made, frozen, deleted.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{Code, TenantId};
use serde::{Deserialize, Serialize};
use store::{By, TenantRow};
use utoipa::ToSchema;

use crate::auth::{Admin, Caller};
use crate::body;
use crate::components::PageQuery;
use crate::cursor::List;
use crate::params::{Params, Parts, page_size};
use crate::problem::Problem;
use crate::saved;
use crate::state::State;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
struct TenantView {
    /// Its name.
    name: String,
    /// `active`, or `frozen`: what it has can be looked at, nothing be changed, and nothing of it runs.
    status: &'static str,
    /// When it was made, RFC 3339.
    created_at: String,
    /// Since when it is frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    frozen_at: Option<String>,
}

impl From<TenantRow> for TenantView {
    fn from(row: TenantRow) -> Self {
        let TenantRow { id: _, name, created_at, frozen_at } = row;
        let status = if frozen_at.is_some() { "frozen" } else { "active" };
        Self { name, status, created_at, frozen_at }
    }
}

/// A page of tenants, by name.
#[derive(Debug, Serialize, ToSchema)]
struct TenantPage {
    /// The tenants.
    tenants: Vec<TenantView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A tenant to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTenant)]
pub(crate) struct TenantBody {
    /// Its name: letters, digits, `_` and `-`.
    name: String,
}

/// The tenant of a path.
pub(crate) async fn find(state: &State, name: &str) -> Result<TenantRow, Problem> {
    let row = state.store().get_tenant(name).await?;
    row.ok_or_else(not_found)
}

/// The same answer whoever asks.
pub(crate) fn not_found() -> Problem {
    Problem::new(Code::TenantNotFound, "there is no tenant of this name")
}

/// A change of that tenant by this caller.
pub(crate) fn by<'a>(caller: &'a Caller<Admin>, of: &TenantRow) -> By<'a> {
    By { tenant: TenantId(of.id), actor: caller.actor() }
}

/// Makes a tenant. It has no key yet.
#[utoipa::path(
    post,
    path = "/v1/tenants",
    tag = "tenants",
    request_body(content = TenantBody, content_type = "application/json"),
    responses((status = 201, description = "the tenant", body = TenantView))
)]
pub(crate) async fn create_tenant(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    request: Request,
) -> Result<Response, Problem> {
    let TenantBody { name } = body::form(request).await?;
    let name = saved::name(&name).map_err(|why| why.at("/name"))?;
    if state.store().create_tenant(name.as_str(), caller.actor()).await?.is_none() {
        let detail = "a tenant of this name is there, or still being cleared away";
        return Err(Problem::new(Code::TenantExists, detail).at("/name"));
    }
    let view = TenantView::from(find(&state, name.as_str()).await?);
    Ok((StatusCode::CREATED, axum::Json(view)).into_response())
}

/// A page of tenants, by name.
#[utoipa::path(
    get,
    path = "/v1/tenants",
    tag = "tenants",
    params(PageQuery),
    responses((status = 200, description = "a page", body = TenantPage))
)]
pub(crate) async fn list_tenants(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(query.limit)?;
    let list = List { tenant: caller.tenant, name: "tenants" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_tenants(&after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |last| last.name.clone());
    let tenants = rows.into_iter().map(TenantView::from).collect();
    Ok(axum::Json(TenantPage { tenants, next }).into_response())
}

/// One tenant.
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name")),
    responses((status = 200, description = "the tenant", body = TenantView))
)]
pub(crate) async fn get_tenant(
    Shared(state): Shared<State>,
    _caller: Caller<Admin>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    Ok(axum::Json(TenantView::from(find(&state, &name).await?)).into_response())
}

/// Freezes a tenant: what it has can be looked at, nothing be changed, and nothing of it runs. What is running finishes.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/freeze",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name")),
    responses((status = 200, description = "the tenant", body = TenantView))
)]
pub(crate) async fn freeze_tenant(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    set_frozen(&state, &caller, &name, true).await
}

/// Lets a frozen tenant go on.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/unfreeze",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name")),
    responses((status = 200, description = "the tenant", body = TenantView))
)]
pub(crate) async fn unfreeze_tenant(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    set_frozen(&state, &caller, &name, false).await
}

async fn set_frozen(
    state: &State,
    caller: &Caller<Admin>,
    name: &str,
    frozen: bool,
) -> Result<Response, Problem> {
    let of = find_other(state, caller, name).await?;
    state.store().freeze_tenant(by(caller, &of), name, frozen).await?;
    state.keys().doubt(TenantId(of.id));
    Ok(axum::Json(TenantView::from(find(state, name).await?)).into_response())
}

/// Deletes a tenant with all it has: its keys are worthless at once, live attempts are stopped, and what it had is cleared away
/// from then on. Its name is free again afterwards.
#[utoipa::path(
    delete,
    path = "/v1/tenants/{tenant}",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name")),
    responses((status = 202, description = "it is gone, and being cleared away"))
)]
pub(crate) async fn delete_tenant(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(name): Parts<String>,
) -> Result<Response, Problem> {
    let of = find_other(&state, &caller, &name).await?;
    state.store().delete_tenant(by(&caller, &of), &name).await?;
    state.keys().doubt(TenantId(of.id));
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A tenant that is not the caller's own.
async fn find_other(
    state: &State,
    caller: &Caller<Admin>,
    name: &str,
) -> Result<TenantRow, Problem> {
    let of = find(state, name).await?;
    if TenantId(of.id) == caller.tenant {
        let detail = "the key in use belongs to this tenant; use an admin key of another one";
        return Err(Problem::new(Code::TenantOwn, detail));
    }
    Ok(of)
}
