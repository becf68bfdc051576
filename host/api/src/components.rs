//! Components: list, look at, delete.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{Code, Digest, TenantId};
use serde::{Deserialize, Serialize};
use store::{Quarantine, StoredComponent};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Deploy, Read};
use crate::body;
use crate::cursor::List;
use crate::flows::Registered;
use crate::params::{Params, Parts, component_not_found, digest, page_size};
use crate::problem::Problem;
use crate::report::KeptReport;
use crate::state::State;

/// Characters of the reason for a quarantine.
const MAX_REASON: usize = 500;

/// A component without its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Component)]
pub(crate) struct ComponentView {
    /// Its name: the sha256 of the uploaded bytes; of a source, of its language, its runtime and its text.
    #[schema(value_type = String)]
    digest: Digest,
    /// When it was uploaded first, RFC 3339.
    created_at: String,
    /// What it is, wants and offers.
    #[serde(flatten)]
    pub(crate) report: KeptReport,
    /// Present while it is not called.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<QuarantineView>,
    /// The flow versions that pin it, `name@version`. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    used_by: Option<Vec<String>>,
    /// What became of the flow that it carries. Only in the answer to its upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registered: Option<Registered>,
}

/// Why a component is not called.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Quarantine)]
pub(crate) struct QuarantineView {
    /// In words.
    reason: String,
    /// Since when, RFC 3339.
    since: String,
}

impl From<Quarantine> for QuarantineView {
    fn from(Quarantine { reason, since }: Quarantine) -> Self {
        Self { reason, since }
    }
}

impl ComponentView {
    /// Reads what is kept beside the bytes.
    pub(crate) fn read(stored: StoredComponent) -> Result<Self, Problem> {
        let StoredComponent { digest, report, size_bytes: _, created_at, used_by } = stored;
        let report = serde_json::from_str(&report).map_err(|why| Problem::internal(&why))?;
        let used_by = Some(used_by);
        Ok(Self { digest, created_at, report, quarantine: None, used_by, registered: None })
    }
}

/// A page of components, by digest.
#[derive(Debug, Serialize, ToSchema)]
struct ComponentPage {
    /// The components.
    components: Vec<ComponentView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Things in a page, 500 at most. Defaults to 50.
    pub(crate) limit: Option<i64>,
    /// Where the page before ended.
    pub(crate) cursor: Option<String>,
}

/// A page of components, by digest.
#[utoipa::path(
    get,
    path = "/v1/components",
    tag = "components",
    params(PageQuery),
    responses((status = 200, description = "a page", body = ComponentPage))
)]
pub(crate) async fn list_components(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(query.limit)?;
    let list = List { tenant: caller.tenant, name: "components" };
    let after = list.after(query.cursor.as_deref())?;
    let after = after.and_then(|place| place.parse().ok());
    let stored = state.store().list_components(caller.tenant, after, limit).await?;
    let next = list.next(&stored, limit, |last| last.digest.to_string());
    let view =
        |stored| ComponentView::read(stored).map(|view| ComponentView { used_by: None, ..view });
    let mut components: Vec<ComponentView> =
        stored.into_iter().map(view).collect::<Result<_, _>>()?;
    let digests: Vec<Digest> = components.iter().map(|component| component.digest).collect();
    let mut held = state.store().find_quarantined(caller.tenant, &digests).await?;
    for component in &mut components {
        component.quarantine = held.remove(&component.digest).map(QuarantineView::from);
    }
    Ok(axum::Json(ComponentPage { components, next }).into_response())
}

/// What is known of a component.
#[utoipa::path(
    get,
    path = "/v1/components/{digest}",
    tag = "components",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "the component", body = ComponentView))
)]
pub(crate) async fn get_component(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(text): Parts<String>,
) -> Result<Response, Problem> {
    shown(&state, caller.tenant, digest(&text)?).await
}

async fn shown(state: &State, tenant: TenantId, digest: Digest) -> Result<Response, Problem> {
    Ok(axum::Json(view(state, tenant, digest).await?).into_response())
}

/// A component as it is shown alone.
pub(crate) async fn view(
    state: &State,
    tenant: TenantId,
    digest: Digest,
) -> Result<ComponentView, Problem> {
    let stored = state.store().get_component(tenant, digest).await?;
    let mut view = ComponentView::read(stored.ok_or_else(component_not_found)?)?;
    let mut held = state.store().find_quarantined(tenant, &[digest]).await?;
    view.quarantine = held.remove(&digest).map(QuarantineView::from);
    Ok(view)
}

/// Why a component is to be quarantined.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuarantineOrder)]
struct QuarantineBody {
    /// In words, 500 characters at most. Defaults to a word that somebody asked for it.
    reason: Option<String>,
}

/// Has a component not be called any more: its tasks wait, none fails. Attempts that run go on.
#[utoipa::path(
    post,
    path = "/v1/components/{digest}/quarantine",
    tag = "components",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    request_body(content = QuarantineBody, content_type = "application/json"),
    responses((status = 200, description = "the component", body = ComponentView))
)]
pub(crate) async fn quarantine_component(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (tenant, digest) = (caller.tenant, digest(&text)?);
    let sent: QuarantineBody = body::form(request).await?;
    let reason = sent.reason.unwrap_or_else(|| "somebody with a key asked for it".to_owned());
    if reason.chars().count() > MAX_REASON {
        let detail = format!("`reason` has {MAX_REASON} characters at most");
        return Err(Problem::new(Code::RequestInvalid, detail).at("/reason"));
    }
    state.store().quarantine(caller.by(), digest, &reason).await?;
    shown(&state, tenant, digest).await
}

/// Releases a component from quarantine: what waits for it goes on. One that is in none stays as it is.
#[utoipa::path(
    post,
    path = "/v1/components/{digest}/release",
    tag = "components",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "the component", body = ComponentView))
)]
pub(crate) async fn release_component(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
) -> Result<Response, Problem> {
    let (tenant, digest) = (caller.tenant, digest(&text)?);
    state.store().release_component(caller.by(), digest).await?;
    shown(&state, tenant, digest).await
}

/// Deletes a component that no flow version pins.
#[utoipa::path(
    delete,
    path = "/v1/components/{digest}",
    tag = "components",
    params(("digest" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 204, description = "it is gone"))
)]
pub(crate) async fn delete_component(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
) -> Result<Response, Problem> {
    let (tenant, digest) = (caller.tenant, digest(&text)?);
    match state.store().delete_component(caller.by(), digest).await {
        Ok(true) => {
            state.sandbox().forget(tenant, digest);
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(false) => {}
        // A version that pins it was registered in the same moment.
        Err(error) if error.is_reference() => {}
        Err(error) => return Err(error.into()),
    }
    let stored = state.store().get_component(tenant, digest).await?;
    let stored = stored.ok_or_else(component_not_found)?;
    let detail = format!("the component is pinned by `{}`", stored.used_by.join("`, `"));
    Err(Problem::new(Code::ComponentInUse, detail))
}
