//! Starting a run: the input passes the gate and the flow's schema, or no run exists.

use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Code, Digest, Json, Preset, RunId, TenantId};
use serde::Deserialize;
use store::{KeyRow, StartAnswer, Store};
use utoipa::IntoParams;

use crate::asked::{Asked, StartBody};
use crate::auth::{Caller, Run};
use crate::body;
use crate::params::{Params, Parts, run_not_found};
use crate::problem::Problem;
use crate::quotas::admit_runs;
use crate::runs::{RunAnswer, answer};
use crate::state::State;
use crate::wait;

/// Names a request, so that sending it again does it once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest idempotency key, in characters.
const MAX_KEY_LENGTH: usize = 255;
/// How often a start is tried while the active version keeps changing under it.
pub(crate) const TRIES: usize = 8;
/// SQLSTATE of a row that is there already.
const UNIQUE_VIOLATION: &str = "23505";

/// What is asked for once: where to look up whether it was asked for before, and the digest of the request.
pub(crate) struct Once {
    key: Option<String>,
    sha256: [u8; 32],
    pub(crate) traceparent: Option<String>,
}

impl Once {
    /// Reads the name of a request; `own`: the run id that is as good as a name, `request`: what is asked for.
    pub(crate) fn read(
        headers: &HeaderMap,
        own: Option<RunId>,
        request: &str,
    ) -> Result<Self, Problem> {
        let key = idempotency_key(headers)?.map(|key| format!("key {key}"));
        Ok(Self {
            key: key.or(own.map(|run_id| format!("run {run_id}"))),
            sha256: Digest::of(request.as_bytes()).0,
            traceparent: traceparent(headers),
        })
    }

    /// The key and the digest, where the request has a name.
    pub(crate) fn named(&self) -> Option<(&str, [u8; 32])> {
        self.key.as_deref().map(|key| (key, self.sha256))
    }

    /// The run that this request has started before.
    pub(crate) async fn before(
        &self,
        store: &Store,
        tenant: TenantId,
    ) -> Result<Option<RunId>, Problem> {
        let Some((key, sha256)) = self.named() else {
            return Ok(None);
        };
        match store.find_start(tenant, key, sha256).await? {
            Some(StartAnswer::Existing(run_id)) => Ok(Some(run_id)),
            Some(StartAnswer::Mismatch) => Err(mismatch()),
            Some(StartAnswer::Started | StartAnswer::NotCurrent | StartAnswer::Duplicate(_))
            | None => Ok(None),
        }
    }
}

/// The name of a request, where it has one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > MAX_KEY_LENGTH {
        let detail =
            format!("`idempotency-key` has 1 to {MAX_KEY_LENGTH} visible ASCII characters");
        return Err(Problem::new(Code::RequestInvalid, detail).limit(MAX_KEY_LENGTH as u64));
    }
    Ok(Some(key))
}

/// The caller's W3C trace context, where it has the right form.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let plain = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c) || c == b'-';
    (value.len() == 55 && value.bytes().all(plain)).then(|| value.to_owned())
}

/// How to start.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartQuery {
    /// Waits this long for the run to end, 60 s at most. Defaults to not at all.
    #[param(example = "5s")]
    wait: Option<String>,
}

impl StartQuery {
    /// How long to wait, if at all.
    pub(crate) fn most(&self) -> Result<Option<Duration>, Problem> {
        self.wait.as_deref().map(wait::parse).transpose()
    }
}

/// Starts a run. The answer is 201, or with `wait` 200 when it ended in time and 202 when it did not.
#[utoipa::path(
    post,
    path = "/v1/flows/{flow}/runs",
    tag = "runs",
    params(
        ("flow" = String, Path, description = "the flow's name"),
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
pub(crate) async fn start_run(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(flow): Parts<String>,
    Params(query): Params<StartQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let target = Target { name: flow.clone(), flow, further: Preset::default() };
    start(&state, &caller, target, query, request).await
}

/// What is started.
pub(crate) struct Target {
    /// What the caller calls it: the same request of another name is another request.
    pub(crate) name: String,
    /// The flow.
    pub(crate) flow: String,
    /// What holds where the request says nothing.
    pub(crate) further: Preset,
}

/// Starts a run as a request says.
pub(crate) async fn start(
    state: &State,
    caller: &Caller<Run>,
    target: Target,
    query: StartQuery,
    request: Request,
) -> Result<Response, Problem> {
    let most = query.most()?;
    let headers = request.headers().clone();
    let body = body::json(request).await?;
    let text = body.as_ref().map_or("{}", Json::as_str);
    let asked = Asked::read(text)?;
    let own = asked.own_id.then_some(asked.run_id);
    let once = Once::read(&headers, own, &format!("{}\n{text}", target.name))?;
    let begun = begin(state, caller, target, asked, &once).await?;
    respond(state, &caller.key, begun, most).await
}

/// A run that was started.
pub(crate) struct Begun {
    pub(crate) run_id: RunId,
    pub(crate) flow: String,
    /// What it began on; `None`: an earlier request with the same key started it.
    pub(crate) version: Option<u32>,
}

async fn begin(
    state: &State,
    caller: &Caller<Run>,
    Target { flow, further, .. }: Target,
    asked: Asked,
    once: &Once,
) -> Result<Begun, Problem> {
    let (tenant, store, plans) = (caller.tenant, state.store(), state.plans());
    let flow = flow.as_str();
    let begun = |run_id, version| Begun { run_id, flow: flow.to_owned(), version };
    let (flow_id, mut current) = plans.guess(store, tenant, flow).await?;
    // What was started is answered whatever the active version asks for by now.
    if let Some(run_id) = once.before(store, tenant).await? {
        return Ok(begun(run_id, None));
    }
    let asked = asked.over(further)?;
    let mut is_admitted = false;
    for _ in 0..TRIES {
        if current.is_none() && asked.said.version.is_none() {
            current = plans.find(store, tenant, flow).await?.1;
        }
        let number = asked.said.version.or(current).ok_or_else(no_active_version)?;
        let version = plans.version(store, (tenant, flow_id, number)).await?;
        let start = asked.on(caller, (flow_id, number), &version, once.traceparent.as_deref())?;
        if !std::mem::replace(&mut is_admitted, true) {
            admit_runs(state, tenant, 1).await?;
        }
        let answer = if once.key.is_some() || asked.said.key.is_some() {
            store.start_run_once(start, once.named()).await
        } else {
            store.start_run(start).await
        };
        match answer.map_err(duplicate)? {
            StartAnswer::Started => {
                state.metrics().run_started();
                return Ok(begun(asked.run_id, Some(number)));
            }
            StartAnswer::Existing(run_id) => return Ok(begun(run_id, None)),
            StartAnswer::Mismatch => return Err(mismatch()),
            StartAnswer::Duplicate(run_id) => return Err(same_key(run_id)),
            // Another version was activated since it was looked up.
            StartAnswer::NotCurrent => current = plans.find(store, tenant, flow).await?.1,
        }
    }
    Err(Problem::new(Code::Overloaded, "the active version kept changing; nothing was started"))
}

/// A run id that is taken is the caller's mistake; anything else is not.
pub(crate) fn duplicate(error: store::Error) -> Problem {
    if let store::Error::Statement { code, .. } = &error
        && code == UNIQUE_VIOLATION
    {
        let detail = "a run with this `run_id` exists already";
        return Problem::new(Code::RunDuplicate, detail).at("/run_id");
    }
    error.into()
}

/// A live run of the flow has the key.
pub(crate) fn same_key(run_id: RunId) -> Problem {
    let detail = format!("the live run {run_id} of this flow has the same key");
    Problem::new(Code::RunDuplicate, detail).at("/key").about(run_id)
}

pub(crate) fn mismatch() -> Problem {
    let detail = "this idempotency key or run id was used for another request; nothing was started";
    Problem::new(Code::RequestIdempotencyMismatch, detail)
}

pub(crate) fn no_active_version() -> Problem {
    Problem::new(
        Code::FlowNoActiveVersion,
        "the flow has no active version; activate one, or name a `version`",
    )
}

/// The answer to a start, after the run has ended or this long.
pub(crate) async fn respond(
    state: &State,
    key: &KeyRow,
    begun: Begun,
    most: Option<Duration>,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (key.tenant_id, begun.run_id);
    let mut response = match (most, begun.version) {
        (Some(most), _) => {
            let run = wait::until_ended(state, key, run_id, most).await?;
            let ended = run.status.is_ended();
            let status = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
            (status, answer(state, tenant, run).await?).into_response()
        }
        (None, None) => {
            let run = state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found)?;
            answer(state, tenant, run).await?
        }
        (None, Some(version)) => {
            let started = RunAnswer::started(run_id, &begun.flow, version);
            (StatusCode::CREATED, axum::Json(started)).into_response()
        }
    };
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/runs/{run_id}")) {
        headers.insert(header::LOCATION, location);
    }
    if begun.version.is_none() {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
