//! Runtimes: install, list. One of each language takes new sources.

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use model::limits::MAX_COMPONENT_BYTES;
use model::{Code, Digest, Language, TenantId};
use sandbox::{Compiled, Inspection, Unprepared};
use serde::Serialize;
use store::StoredRuntime;
use utoipa::ToSchema;

use crate::auth::{Admin, Caller, Read, check_standing};
use crate::body::{self, Ceiling};
use crate::params::Parts;
use crate::problem::Problem;
use crate::report::KeptReport;
use crate::state::State;
use crate::upload::{UPLOAD_TIME, WASM, inspected, to_the_end, unloaded};

/// A runtime without its bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Runtime)]
struct RuntimeView {
    /// The sha256 of its bytes: its name.
    #[schema(value_type = String)]
    digest: Digest,
    /// What it runs: `javascript` or `python`.
    #[schema(value_type = String)]
    language: Language,
    /// Whether new sources are bound to it; others stay while a source is.
    current: bool,
    /// When it was installed last, RFC 3339.
    installed_at: String,
    /// Bytes of the component.
    component_bytes: u64,
    /// Memory an attempt starts with.
    memory_minimum_bytes: u64,
    /// How long it was compiled where it was installed; 0 where that was done before.
    compile_ms: u64,
}

impl RuntimeView {
    fn read(stored: StoredRuntime) -> Result<Self, Problem> {
        let StoredRuntime { digest, language, report, installed_at, is_current } = stored;
        let report = read(&report)?;
        Ok(Self {
            digest,
            language,
            current: is_current,
            installed_at,
            component_bytes: report.component_bytes,
            memory_minimum_bytes: report.memory_minimum_bytes,
            compile_ms: report.compile_ms,
        })
    }
}

/// Every runtime, by language, the current one first.
#[derive(Debug, Serialize, ToSchema)]
struct Runtimes {
    /// The runtimes.
    runtimes: Vec<RuntimeView>,
}

/// The runtimes of this host.
#[utoipa::path(
    get,
    path = "/v1/runtimes",
    tag = "components",
    responses((status = 200, description = "all of them", body = Runtimes))
)]
pub(crate) async fn list_runtimes(
    Shared(state): Shared<State>,
    _caller: Caller<Read>,
) -> Result<Response, Problem> {
    let stored = state.store().list_runtimes().await?;
    let runtimes = stored.into_iter().map(RuntimeView::read).collect::<Result<_, _>>()?;
    Ok(axum::Json(Runtimes { runtimes }).into_response())
}

/// Installs the runtime of a language, for all tenants. New sources are bound to it; those that were uploaded before stay with theirs.
#[utoipa::path(
    put,
    path = "/v1/runtimes/{language}",
    tag = "components",
    params(("language" = String, Path, description = "`javascript` or `python`")),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "a component of the world `runtime`"),
    responses((status = 200, description = "it takes new sources", body = RuntimeView))
)]
pub(crate) async fn put_runtime(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(language): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let language: Language =
        language.parse().map_err(|why: String| Problem::new(Code::RequestInvalid, why))?;
    body::expect_type(request.headers(), &WASM)?;
    let most = MAX_COMPONENT_BYTES;
    let room = state.uploads().enter(caller.tenant, request.headers(), most).await?;
    let ceiling = Ceiling { bytes: most, time: UPLOAD_TIME, code: Code::ComponentTooLarge };
    let bytes = body::read(request, ceiling).await?;
    let (sandbox, of) = (state.sandbox().clone(), state.clone());
    let (inspection, bytes) = inspected(bytes, move |bytes| sandbox.inspect_runtime(bytes)).await?;
    let digest = inspection.digest;
    let tried = async move { tried(&of, language, &inspection).await };
    let report = to_the_end(&room, tried).await?;
    let report = serde_json::to_string(&report).map_err(|why| Problem::internal(&why))?;
    check_standing(&state, &caller.key).await?;
    let stored =
        state.store().put_runtime(caller.by(), (language, digest), &bytes, &report).await?;
    let stored = stored.ok_or_else(|| {
        let detail = "it is installed for another language, and runs sources of one";
        Problem::new(Code::RuntimeUnfit, detail)
    })?;
    Ok(axum::Json(RuntimeView::read(stored)?).into_response())
}

/// Compiles what is to be a runtime and has it make the smallest source ready.
async fn tried(
    state: &State,
    language: Language,
    inspection: &Inspection,
) -> Result<KeptReport, Problem> {
    let (component, digest) = (inspection.component.to_vec(), inspection.digest);
    let sandbox = state.sandbox();
    let bytes = || async { Some(component) };
    let (loaded, took) = sandbox.load_timed(TenantId::HOST, digest, bytes).await;
    let loaded = loaded.map_err(unloaded)?;
    let sample = language.sample();
    let why = match sandbox.prepare(&loaded, (TenantId::HOST, digest), sample).await.0 {
        Ok(_) => None,
        Err(Unprepared::Problems(problems)) => problems.first().map(ToString::to_string),
        Err(Unprepared::Host(why)) => return Err(Problem::internal(&why)),
    };
    if let Some(why) = why {
        // One that was there before is in use.
        if !took.is_zero() {
            sandbox.forget(TenantId::HOST, digest);
        }
        let detail = format!("it cannot make the smallest source of {language} ready: {why}");
        return Err(Problem::new(Code::RuntimeUnfit, detail));
    }
    Ok(KeptReport::of(&inspection.report, took))
}

/// The runtime that takes new sources of a language, and what is known of it.
pub(crate) async fn current(
    state: &State,
    language: Language,
) -> Result<(Digest, KeptReport), Problem> {
    let found = state.store().current_runtime(language).await?;
    let (digest, report) = found.ok_or_else(|| {
        let detail = format!(
            "no runtime of {language} is installed here; an operator installs it: `stepcell runtime install {language}`"
        );
        Problem::new(Code::RuntimeMissing, detail)
    })?;
    Ok((digest, read(&report)?))
}

/// A runtime, ready to be called.
pub(crate) async fn load(state: &State, digest: Digest) -> Result<Arc<Compiled>, Problem> {
    let store = state.store().clone();
    // One that cannot be read is told like one that is gone: both are a fault of ours.
    let bytes = || async move { store.get_runtime_bytes(digest).await.ok().flatten() };
    state.sandbox().load(TenantId::HOST, digest, bytes).await.map_err(unloaded)
}

fn read(report: &str) -> Result<KeptReport, Problem> {
    serde_json::from_str(report).map_err(|why| Problem::internal(&why))
}
