//! Uploading a component: within the ceiling, inspected, compiled, asked what it carries, kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::limits::MAX_COMPONENT_BYTES;
use model::{Capability, Code, Digest, Gate, Json, TenantId};
use sandbox::{ComponentReport, Inspection, LoadError, World};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use crate::auth::{Caller, Deploy, check_standing};
use crate::body::{self, Ceiling};
use crate::components::{ComponentView, view};
use crate::problem::Problem;
use crate::quotas;
use crate::state::State;

/// How long an upload may take to arrive.
const UPLOAD_TIME: Duration = Duration::from_secs(5 * 60);

/// Uploads that are held in memory at a time, each at most the component ceiling.
const UPLOADS: usize = 8;
/// Those among them that are one tenant's.
const UPLOADS_EACH: usize = 2;

/// How long an upload waits for room.
const ROOM_TIME: Duration = Duration::from_secs(10);

/// The room an upload takes, for as long as anybody works on it.
type Room = Arc<[OwnedSemaphorePermit; 2]>;

/// The uploads under way.
pub(crate) struct Uploads {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(UPLOADS)), each: Mutex::default() }
    }
}

impl Uploads {
    /// Waits for room for a while: behind the tenant's own uploads first, so that they do not keep others out.
    async fn enter(&self, tenant: TenantId) -> Result<Room, Problem> {
        let own = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            // Only the map still holds the room of a tenant that uploads nothing.
            each.retain(|_, own| Arc::strong_count(own) > 1);
            let own = each.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(UPLOADS_EACH)));
            Arc::clone(own)
        };
        let never = "the semaphore is never closed";
        let both = async {
            let own = own.acquire_owned().await.expect(never);
            Room::new([own, Arc::clone(&self.all).acquire_owned().await.expect(never)])
        };
        let busy =
            |_| Problem::new(Code::Overloaded, "other uploads are under way; try again later");
        tokio::time::timeout(ROOM_TIME, both).await.map_err(busy)
    }
}

/// What a component is, wants and offers, as it is kept beside its bytes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ComponentReport)]
pub(crate) struct KeptReport {
    /// `handler`, or `durable`: its attempts may also park, wait for signals or spawn children.
    pub(crate) world: String,
    /// What it asks for beyond computing; a step that calls it must be granted each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities: Vec<KeptCapability>,
    /// Every interface it imports, with what that lets it do.
    imports: Vec<KeptImport>,
    /// Every function it offers to the host.
    exports: Vec<String>,
    /// True when its imports prove that a call can have no effect but its answer and its log.
    pure: bool,
    /// True when the upload was a core module and the host completed it.
    completed: bool,
    /// Bytes uploaded.
    uploaded_bytes: u64,
    /// Bytes of the component.
    component_bytes: u64,
    /// Core instances of one attempt.
    core_instances: u64,
    /// Memory an attempt starts with.
    memory_minimum_bytes: u64,
    /// Table elements an attempt starts with.
    table_elements: u64,
    /// How long it was compiled; 0 where that was done before.
    compile_ms: u64,
    /// What it says about itself: its handlers and schemas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) description: Option<Json>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// One capability.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KeptCapability {
    /// Its name, as `grants` have it.
    #[schema(value_type = String)]
    pub(crate) name: Capability,
    /// What it lets the component do.
    meaning: String,
}

/// One imported interface.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
struct KeptImport {
    /// Its name.
    name: String,
    /// What it lets the component do.
    meaning: String,
}

impl KeptReport {
    /// Whether it exports a function of this name.
    pub(crate) fn exports(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export == name)
    }

    /// Whether it imports files.
    pub(crate) fn uses_files(&self) -> bool {
        self.imports.iter().any(|import| import.name.starts_with(sandbox::FILES))
    }

    fn of(report: &ComponentReport) -> Self {
        let ComponentReport {
            world,
            capabilities,
            imports,
            exports,
            pure,
            describes: _,
            completed,
            uploaded_bytes,
            component_bytes,
            core_instances,
            memory_minimum_bytes,
            table_elements,
        } = report.clone();
        let import = |import: sandbox::Import| KeptImport {
            name: import.name,
            meaning: import.meaning.to_owned(),
        };
        let capability =
            |name: Capability| KeptCapability { name, meaning: name.meaning().to_owned() };
        Self {
            world: world_name(world).to_owned(),
            capabilities: capabilities.into_iter().map(capability).collect(),
            imports: imports.into_iter().map(import).collect(),
            exports,
            pure,
            completed,
            uploaded_bytes,
            component_bytes,
            core_instances,
            memory_minimum_bytes,
            table_elements,
            compile_ms: 0,
            description: None,
            notes: Vec::new(),
        }
    }
}

fn world_name(world: World) -> &'static str {
    match world {
        World::Handler => "handler",
        World::Durable => "durable",
    }
}

/// Uploads a component. The same bytes again answer 200 and change nothing. Everything that is wrong is listed.
#[utoipa::path(
    put,
    path = "/v1/components",
    tag = "components",
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "the component's bytes"),
    responses(
        (status = 201, description = "kept", body = ComponentView),
        (status = 200, description = "it was there", body = ComponentView),
    )
)]
pub(crate) async fn put_component(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    request: Request,
) -> Result<Response, Problem> {
    body::expect_type(request.headers(), &["application/wasm", "application/octet-stream"])?;
    let room = state.uploads().enter(caller.tenant).await?;
    let ceiling =
        Ceiling { bytes: MAX_COMPONENT_BYTES, time: UPLOAD_TIME, code: Code::ComponentTooLarge };
    let bytes = body::read(request, ceiling).await?;
    let (digest, tenant) = (Digest::of(&bytes), caller.tenant);
    let known = state.store().get_component(tenant, digest).await?;
    let created = match known {
        Some(_) => false,
        None => keep(&state, &caller, (digest, bytes), &room).await?,
    };
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(view(&state, tenant, digest).await?)).into_response())
}

async fn keep(
    state: &State,
    caller: &Caller<Deploy>,
    (digest, bytes): (Digest, Vec<u8>),
    room: &Room,
) -> Result<bool, Problem> {
    let (sandbox, tenant) = (state.sandbox().clone(), caller.tenant);
    if let Some(used_up) = state.store().admit_component(tenant, bytes.len() as u64).await? {
        return Err(quotas::over(used_up));
    }
    let inspected = tokio::task::spawn_blocking(move || (sandbox.inspect(&bytes), bytes)).await;
    let (inspection, bytes) = inspected.map_err(|panic| Problem::internal(&panic))?;
    let inspection = inspection.map_err(|reasons| Problem::refused(&reasons))?;
    // In a task of its own: who hangs up has it charged all the same, and holds the room until then.
    let (of, room) = (state.clone(), Arc::clone(room));
    let compiling = tokio::spawn(async move {
        let report = compiled(&of, tenant, &inspection).await;
        drop(room);
        report
    });
    let report = compiling.await.map_err(|panic| Problem::internal(&panic))??;
    let text = serde_json::to_string(&report).map_err(|why| Problem::internal(&why))?;
    check_standing(state, &caller.key).await?;
    Ok(state.store().put_component(caller.by(), digest, &bytes, &text).await?)
}

/// Compiles an upload and asks what it carries, so that whatever is wrong shows now.
async fn compiled(
    state: &State,
    tenant: TenantId,
    inspection: &Inspection,
) -> Result<KeptReport, Problem> {
    let mut report = KeptReport::of(&inspection.report);
    let component = inspection.component.to_vec();
    let bytes = || async { Some(component) };
    let (loaded, took) = state.sandbox().load_timed(tenant, inspection.digest, bytes).await;
    if !took.is_zero() {
        // Refused or not: it was compiled.
        state.store().charge_compilation(tenant, took).await?;
    }
    let loaded = loaded.map_err(|error| match error {
        LoadError::Refused(reason) => Problem::refused(&[reason]),
        LoadError::Absent(_) | LoadError::Host(_) => Problem::internal(&error),
    })?;
    report.compile_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match state.sandbox().describe(&loaded).await {
        Ok(None) => {}
        Ok(Some(text)) => match Gate::default().check(text.as_bytes()) {
            Ok(json) => report.description = Some(json),
            Err(refusal) => {
                report.notes.push(format!("what `describe` answers is not usable: {refusal}"))
            }
        },
        Err(failure) => {
            report.notes.push(format!("`describe` failed ({}): {}", failure.kind, failure.message))
        }
    }
    Ok(report)
}
