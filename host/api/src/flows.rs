//! Flows: register a version from a manifest, list, look at.

use std::collections::HashMap;

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::manifest::{Found, Manifest, Problems, Sources, no_files};
use model::{Code, Definition, Digest, Plan, TenantId};
use serde::{Deserialize, Serialize};
use store::{By, FlowRow};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Deploy, Read};
use crate::body::{self, Ceiling};
use crate::components::{ComponentView, PageQuery};
use crate::cursor::List;
use crate::params::{Params, Parts, page_size};
use crate::plans::flow_not_found;
use crate::problem::Problem;
use crate::quotas::admit_bytes;
use crate::secrets;
use crate::state::State;
use crate::versions::{DifferenceView, between};

/// What registering a manifest answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registered {
    /// The flow's name.
    flow: String,
    /// `created`, or `unchanged` where the same definition was registered before.
    status: &'static str,
    /// The version that has this definition.
    version: u32,
    /// The version new runs start on now.
    active_version: Option<u32>,
    /// The one they started on before.
    previous_version: Option<u32>,
    /// What changed from that one.
    differences: Vec<DifferenceView>,
}

/// The status of a version that was not there.
const CREATED: &str = "created";

impl Registered {
    fn code(&self) -> StatusCode {
        if self.status == CREATED { StatusCode::CREATED } else { StatusCode::OK }
    }
}

/// How to register.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterQuery {
    /// Also points new runs at the version. Defaults to false.
    #[serde(default)]
    activate: bool,
}

/// Registers a flow version from a manifest, JSON or TOML. Components are named by the digest of their upload.
///
/// Nothing that was registered before changes; the same definition again is the version it was.
#[utoipa::path(
    post,
    path = "/v1/flows",
    tag = "flows",
    params(RegisterQuery),
    request_body(
        content((serde_json::Value = "application/json"), (String = "application/toml")),
        description = "the manifest",
    ),
    responses(
        (status = 201, description = "a new version", body = Registered),
        (status = 200, description = "unchanged", body = Registered),
    )
)]
pub(crate) async fn register_flow(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Params(query): Params<RegisterQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let manifest = read_manifest(request).await?;
    let definition = resolve(&state, caller.tenant, &manifest, None).await?;
    let registered = register(&state, caller.by(), definition, query.activate).await?;
    Ok((registered.code(), axum::Json(registered)).into_response())
}

/// Registers a definition whose components can be called.
pub(crate) async fn register(
    state: &State,
    by: By<'_>,
    definition: Definition,
    activate: bool,
) -> Result<Registered, Problem> {
    let (store, tenant) = (state.store(), by.tenant);
    let flow = definition.flow.to_string();
    let bytes = serde_json::to_string(&definition).map_or(0, |text| text.len());
    admit_bytes(state, tenant, bytes).await?;
    let plan = Plan::new(definition);
    let registered = store.register_version(by, &plan).await.map_err(|error| {
        if error.is_reference() {
            let detail = "a component of the flow was deleted in the same moment; upload it again";
            return Problem::new(Code::ManifestUnknownComponent, detail);
        }
        error.into()
    })?;
    let (flow_id, version) = (registered.flow_id, registered.version);
    let mut previous_version = state.plans().find(store, tenant, &flow).await?.1;
    let mut active_version = previous_version;
    if activate {
        let pointed = store.activate(by, flow_id, version).await?;
        previous_version = pointed.unwrap_or(previous_version);
        active_version = state.plans().find(store, tenant, &flow).await?.1;
    }
    let differences = match previous_version {
        Some(previous) => between(state, (tenant, flow_id), previous, version).await?,
        None => Vec::new(),
    };
    let status = if registered.created { CREATED } else { "unchanged" };
    Ok(Registered { flow, status, version, active_version, previous_version, differences })
}

async fn read_manifest(request: Request) -> Result<Manifest, Problem> {
    let kinds = ["application/json", "application/toml"];
    body::expect_type(request.headers(), &kinds)?;
    let is_toml = body::media_type(request.headers()) == kinds[1];
    let bytes = body::read(request, Ceiling::JSON).await?;
    let manifest = if is_toml {
        let unicode = |_| Problem::new(Code::PayloadInvalidUnicode, "the manifest is not UTF-8");
        Manifest::from_toml(std::str::from_utf8(&bytes).map_err(unicode)?)
    } else {
        Manifest::from_json(&bytes)
    };
    manifest.map_err(|problems: Problems| Problem::manifest(&problems))
}

/// The definition a manifest means, where every component was uploaded, or is this one, and can be called.
pub(crate) async fn resolve(
    state: &State,
    tenant: TenantId,
    manifest: &Manifest,
    new: Option<Found>,
) -> Result<Definition, Problem> {
    let mut known: HashMap<Digest, Found> = new.map(|new| (new.digest, new)).into_iter().collect();
    for digest in manifest.components().iter().filter_map(|component| component.digest()) {
        if known.contains_key(&digest) {
            continue;
        }
        if let Some(stored) = state.store().get_component(tenant, digest).await? {
            known.insert(digest, ComponentView::read(stored)?.report.found(digest));
        }
    }
    let mut find = |component: &model::manifest::ComponentRef| {
        let name = component.as_str();
        let digest = component.digest().ok_or_else(|| {
            format!("`{name}` is not a digest; upload the component and name it by its digest, or use `stepcell deploy`")
        })?;
        let found = known.get(&digest).cloned();
        found.ok_or_else(|| format!("component `{name}` was not uploaded"))
    };
    let sources = Sources { component: &mut find, schema: &mut no_files };
    let resolved = manifest.resolve(sources);
    let definition = resolved.map_err(|problems| Problem::manifest(&problems))?;
    check_policy(state, &definition)?;
    Ok(definition)
}

/// What the steps are granted can be had on this host.
fn check_policy(state: &State, definition: &Definition) -> Result<(), Problem> {
    let forbidden: Vec<String> = definition
        .steps
        .iter()
        .flat_map(|step| step.grants.capabilities().map(move |capability| (step, capability)))
        .filter(|(_, capability)| state.sandbox().forbids(*capability))
        .map(|(step, capability)| format!("`{capability}` of step `{}`", step.name))
        .collect();
    if !forbidden.is_empty() {
        let detail = format!("this host's operator forbids {}", forbidden.join(", "));
        return Err(Problem::new(Code::ManifestForbidden, detail));
    }
    if definition.steps.iter().any(|step| !step.grants.secrets.is_empty()) {
        secrets::keyring(state)?;
    }
    Ok(())
}

/// A flow.
#[derive(Debug, Serialize, ToSchema)]
struct FlowView {
    /// Its name.
    flow: String,
    /// The version new runs start on.
    active_version: Option<u32>,
    /// How many versions it has.
    version_count: i64,
    /// When it was registered first, RFC 3339.
    created_at: String,
}

impl From<FlowRow> for FlowView {
    fn from(row: FlowRow) -> Self {
        let FlowRow { id: _, name, current_version, created_at, version_count } = row;
        Self { flow: name, active_version: current_version, version_count, created_at }
    }
}

/// A page of flows, by name.
#[derive(Debug, Serialize, ToSchema)]
struct FlowPage {
    /// The flows.
    flows: Vec<FlowView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A page of flows, by name.
#[utoipa::path(
    get,
    path = "/v1/flows",
    tag = "flows",
    params(PageQuery),
    responses((status = 200, description = "a page", body = FlowPage))
)]
pub(crate) async fn list_flows(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(query.limit)?;
    let list = List { tenant: caller.tenant, name: "flows" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_flows(caller.tenant, &after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |row| row.name.clone());
    let flows = rows.into_iter().map(FlowView::from).collect();
    Ok(axum::Json(FlowPage { flows, next }).into_response())
}

/// One flow.
#[utoipa::path(
    get,
    path = "/v1/flows/{flow}",
    tag = "flows",
    params(("flow" = String, Path, description = "the flow's name")),
    responses((status = 200, description = "the flow", body = FlowView))
)]
pub(crate) async fn get_flow(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(flow): Parts<String>,
) -> Result<Response, Problem> {
    let row = state.store().get_flow(caller.tenant, &flow).await?.ok_or_else(flow_not_found)?;
    Ok(axum::Json(FlowView::from(row)).into_response())
}
