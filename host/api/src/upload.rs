//! Uploading a component: within the ceiling, inspected, compiled, asked what it carries, kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::limits::{MAX_COMPONENT_BYTES, MAX_SOURCE_BYTES};
use model::{Code, Digest, Gate, Language, TenantId};
use sandbox::{Inspection, LoadError, Reason};
use serde::Deserialize;
use store::{BoundSource, NewComponent};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::IntoParams;

use crate::auth::{Caller, Deploy, check_standing};
use crate::body::{self, Ceiling};
use crate::carried;
use crate::components::{ComponentView, view};
use crate::flows;
use crate::params::Params;
use crate::problem::Problem;
use crate::quotas;
use crate::report::KeptReport;
use crate::source;
use crate::state::State;

/// How long an upload may take to arrive.
pub(crate) const UPLOAD_TIME: Duration = Duration::from_secs(5 * 60);

/// What of uploads is held in memory at a time, in MiB: eight of the usual size.
const ROOM_MIB: u32 = 8 * USUAL_MIB;
/// That of one tenant's: two of them, or the largest one there may be.
const ROOM_MIB_EACH: u32 = 2 * USUAL_MIB;
/// What an upload is counted as at the least.
const USUAL_MIB: u32 = 33;

/// How long an upload waits for room.
const ROOM_TIME: Duration = Duration::from_secs(10);

/// The room an upload takes, for as long as anybody works on it.
pub(crate) type Room = Arc<[OwnedSemaphorePermit; 2]>;

/// The uploads under way.
pub(crate) struct Uploads {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ROOM_MIB as usize)), each: Mutex::default() }
    }
}

impl Uploads {
    /// Waits for room for a while, as much as is announced or may come: behind the tenant's own uploads first, so that they do not keep
    /// others out.
    pub(crate) async fn enter(
        &self,
        tenant: TenantId,
        headers: &HeaderMap,
        most: usize,
    ) -> Result<Room, Problem> {
        let bytes = body::announced(headers).map_or(most, |bytes| bytes.min(most));
        let mib = u32::try_from(bytes >> 20).unwrap_or(u32::MAX).saturating_add(1);
        let mib = mib.clamp(USUAL_MIB, ROOM_MIB_EACH);
        let own = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            // Only the map still holds the room of a tenant that uploads nothing.
            each.retain(|_, own| Arc::strong_count(own) > 1);
            let own = each
                .entry(tenant)
                .or_insert_with(|| Arc::new(Semaphore::new(ROOM_MIB_EACH as usize)));
            Arc::clone(own)
        };
        let never = "the semaphore is never closed";
        let both = async {
            let own = own.acquire_many_owned(mib).await.expect(never);
            Room::new([own, Arc::clone(&self.all).acquire_many_owned(mib).await.expect(never)])
        };
        let busy =
            |_| Problem::new(Code::Overloaded, "other uploads are under way; try again later");
        tokio::time::timeout(ROOM_TIME, both).await.map_err(busy)
    }
}

/// What becomes of the flow that an upload carries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutQuery {
    /// Whether it is registered. Defaults to true.
    #[serde(default = "yes")]
    register: bool,
    /// Also points new runs at the version. Defaults to false.
    #[serde(default)]
    activate: bool,
}

fn yes() -> bool {
    true
}

/// What wasm comes as.
pub(crate) const WASM: [&str; 2] = ["application/wasm", "application/octet-stream"];

/// Uploads a component, or a source that a runtime of this host runs. The same bytes again answer 200. Everything that is wrong is
/// listed. A flow that it carries is registered with it.
#[utoipa::path(
    put,
    path = "/v1/components",
    tag = "components",
    params(PutQuery),
    request_body(
        content(
            (Vec<u8> = "application/wasm"),
            (String = "text/javascript"),
            (String = "text/x-python"),
        ),
        description = "the component's bytes, or the source of handlers",
    ),
    responses(
        (status = 201, description = "kept", body = ComponentView),
        (status = 200, description = "it was there", body = ComponentView),
    )
)]
pub(crate) async fn put_component(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Params(query): Params<PutQuery>,
    request: Request,
) -> Result<Response, Problem> {
    if query.activate && !query.register {
        let detail = "`activate=true` asks for what `register=false` leaves out; send one of both";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let language = Language::of_media_type(&body::media_type(request.headers()));
    if language.is_none() {
        let sources = Language::ALL.iter().map(|language| language.media_types()[0]);
        let wanted: Vec<&str> = WASM.into_iter().chain(sources).collect();
        body::expect_type(request.headers(), &wanted)?;
    }
    let bytes = match language {
        Some(_) => MAX_SOURCE_BYTES,
        None => MAX_COMPONENT_BYTES,
    };
    let room = state.uploads().enter(caller.tenant, request.headers(), bytes).await?;
    let ceiling = Ceiling { bytes, time: UPLOAD_TIME, code: Code::ComponentTooLarge };
    let bytes = body::read(request, ceiling).await?;
    let (digest, created) = match language {
        Some(language) => {
            source::put(&state, &caller, (language, bytes), (&room, query.register)).await?
        }
        None => put(&state, &caller, bytes, (&room, query.register)).await?,
    };
    let mut view = view(&state, caller.tenant, digest).await?;
    if query.register
        && let Some(flow) = carried::resolve(&state, caller.tenant, (digest, &view.report)).await?
    {
        let registered = flows::register(&state, caller.by(), flow, query.activate).await?;
        view.registered = Some(registered);
    }
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(view)).into_response())
}

/// Keeps a component; true: it was not there.
async fn put(
    state: &State,
    caller: &Caller<Deploy>,
    bytes: Vec<u8>,
    (room, registers): (&Room, bool),
) -> Result<(Digest, bool), Problem> {
    let (sandbox, tenant, digest) = (state.sandbox().clone(), caller.tenant, Digest::of(&bytes));
    if state.store().get_component(tenant, digest).await?.is_some() {
        return Ok((digest, false));
    }
    quotas::admit_component(state, tenant, bytes.len()).await?;
    let (inspection, bytes) = inspected(bytes, move |bytes| sandbox.inspect(bytes)).await?;
    let of = state.clone();
    let report = to_the_end(room, async move { compiled(&of, tenant, &inspection).await }).await?;
    let created = keep(state, caller, (digest, &bytes), (report, None), registers).await?;
    Ok((digest, created))
}

/// What an inspection, which takes a while, says of an upload; and the upload.
pub(crate) async fn inspected(
    bytes: Vec<u8>,
    inspect: impl FnOnce(&[u8]) -> Result<Inspection, Vec<Reason>> + Send + 'static,
) -> Result<(Inspection, Vec<u8>), Problem> {
    let inspected = tokio::task::spawn_blocking(move || (inspect(&bytes), bytes)).await;
    let (inspection, bytes) = inspected.map_err(|panic| Problem::internal(&panic))?;
    Ok((inspection.map_err(|reasons| Problem::refused(&reasons))?, bytes))
}

/// Keeps what was found to be sound, unless the flow that it carries is to be registered and is not.
pub(crate) async fn keep(
    state: &State,
    caller: &Caller<Deploy>,
    (digest, bytes): (Digest, &[u8]),
    (mut report, source): (KeptReport, Option<&BoundSource>),
    registers: bool,
) -> Result<bool, Problem> {
    if registers {
        carried::resolve(state, caller.tenant, (digest, &report)).await?;
    }
    let notes = report.described().1;
    report.notes.extend(notes);
    let report = serde_json::to_string(&report).map_err(|why| Problem::internal(&why))?;
    check_standing(state, &caller.key).await?;
    let new = NewComponent { digest, bytes, report: &report, source };
    state.store().put_component(caller.by(), new).await.map_err(|error| match source {
        // It was replaced in this moment, and nothing was bound to it.
        Some(_) if error.is_reference() => Problem::new(
            Code::Overloaded,
            "the runtime was replaced meanwhile; send the source again",
        ),
        Some(_) | None => error.into(),
    })
}

/// Work in a task of its own: who hangs up has it charged all the same, and holds the room until then.
pub(crate) async fn to_the_end<T: Send + 'static>(
    room: &Room,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let room = Arc::clone(room);
    let work = tokio::spawn(async move {
        let done = work.await;
        drop(room);
        done
    });
    work.await.map_err(|panic| Problem::internal(&panic))?
}

/// Compiles an upload and asks what it carries, so that whatever is wrong shows now.
async fn compiled(
    state: &State,
    tenant: TenantId,
    inspection: &Inspection,
) -> Result<KeptReport, Problem> {
    let component = inspection.component.to_vec();
    let bytes = || async { Some(component) };
    let (loaded, took) = state.sandbox().load_timed(tenant, inspection.digest, bytes).await;
    if !took.is_zero() {
        // Refused or not: it was compiled.
        state.store().charge_compilation(tenant, took).await?;
    }
    let loaded = loaded.map_err(unloaded)?;
    let mut report = KeptReport::of(&inspection.report, took);
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

/// Why something could not be made callable, as an answer.
pub(crate) fn unloaded(error: LoadError) -> Problem {
    match error {
        LoadError::Refused(reason) => Problem::refused(&[reason]),
        LoadError::Absent(_) | LoadError::Host(_) => Problem::internal(&error),
    }
}
