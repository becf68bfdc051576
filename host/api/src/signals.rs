//! Signals: messages in a run's inbox, for tasks that wait for them.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::limits::{MAX_INBOX, MAX_INBOX_BYTES, MAX_KEY_BYTES, MAX_SIGNAL_BYTES};
use model::{Code, Gate, Json, Name};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{NewSignal, Sent};
use utoipa::ToSchema;

use crate::auth::{Caller, Read, Run};
use crate::body;
use crate::params::{Parts, run_id, run_not_found};
use crate::problem::Problem;
use crate::quotas::admit_bytes;
use crate::start::idempotency_key;
use crate::state::State;

/// A signal to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SendSignal)]
struct SignalBody<'a> {
    /// What it is called: the form of a step's name.
    name: String,
    /// Any JSON of at most 64 KiB. Defaults to `null`.
    #[serde(borrow, default)]
    #[schema(value_type = Option<serde_json::Value>)]
    payload: Option<&'a RawValue>,
    /// The same key twice for one run is one signal. Defaults to the `Idempotency-Key`.
    dedup_key: Option<String>,
}

/// A signal that is in the inbox.
#[derive(Debug, Serialize, ToSchema)]
struct SignalAnswer {
    /// Its place in the run's inbox.
    id: i64,
    /// Its name.
    name: String,
    /// True: a signal with the same dedup key was there already, and this one was not added.
    duplicate: bool,
}

/// Sends a signal to a run: it stays in the inbox until a task makes progress with it. A task that waits for it goes on.
#[utoipa::path(
    post,
    path = "/v1/runs/{run_id}/signals",
    tag = "runs",
    params(
        ("run_id" = String, Path, description = "the run"),
        ("Idempotency-Key" = Option<String>, Header, description = "in place of `dedup_key`"),
    ),
    request_body(content = SignalBody, content_type = "application/json"),
    responses(
        (status = 201, description = "sent", body = SignalAnswer),
        (status = 200, description = "sent before with the same dedup key", body = SignalAnswer),
    )
)]
pub(crate) async fn send_signal(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(id): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    let key = idempotency_key(request.headers())?.map(str::to_owned);
    let body = body::json(request).await?;
    let sent: SignalBody<'_> = body::read_object(body.as_ref().map_or("{}", Json::as_str))?;
    let invalid = |detail: String, at: &str| Problem::new(Code::RequestInvalid, detail).at(at);
    let name: Name = sent.name.parse().map_err(|why| invalid(format!("`name`: {why}"), "/name"))?;
    let key = sent.dedup_key.or(key);
    if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MAX_KEY_BYTES) {
        let detail = format!("`dedup_key` has 1 to {MAX_KEY_BYTES} bytes");
        return Err(invalid(detail, "/dedup_key").limit(MAX_KEY_BYTES as u64));
    }
    let payload = payload_of(sent.payload)?;
    let signal = NewSignal { name: &name, payload: &payload, dedup_key: key.as_deref() };
    admit_bytes(&state, tenant, payload.as_str().len()).await?;
    let sent = state.store().send_signal(tenant, run_id, &signal).await?;
    let (status, id, duplicate) = match sent {
        Sent::Added { id } => (StatusCode::CREATED, id, false),
        Sent::Duplicate { id } => (StatusCode::OK, id, true),
        Sent::NotLive => return Err(run_not_found()),
        Sent::Full => {
            let detail = format!(
                "the inbox has no room: {MAX_INBOX} signals or {MAX_INBOX_BYTES} bytes that nobody consumed are the most"
            );
            return Err(Problem::new(Code::SignalInboxFull, detail).limit(MAX_INBOX.unsigned_abs()));
        }
    };
    Ok((status, axum::Json(SignalAnswer { id, name: name.to_string(), duplicate })).into_response())
}

fn payload_of(sent: Option<&RawValue>) -> Result<Json, Problem> {
    let Some(payload) = sent else {
        return Ok(Json::null());
    };
    // It passed the gate with its envelope; alone it has limits of its own.
    Gate::of_bytes(MAX_SIGNAL_BYTES).check(payload.get().as_bytes()).map_err(|mut refusal| {
        refusal.pointer.insert_str(0, "/payload");
        Problem::from(refusal)
    })
}

/// A signal in the inbox.
#[derive(Debug, Serialize, ToSchema)]
struct SignalView {
    /// Its place in the inbox.
    id: i64,
    /// Its name.
    name: String,
    /// What was sent.
    #[schema(value_type = serde_json::Value)]
    payload: Json,
}

/// A run's inbox.
#[derive(Debug, Serialize, ToSchema)]
struct Inbox {
    /// The signals that nobody consumed yet, in the order they came.
    signals: Vec<SignalView>,
}

/// What is in a run's inbox: the signals that nobody consumed yet. The end of the run clears it.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/signals",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run")),
    responses((status = 200, description = "the inbox", body = Inbox))
)]
pub(crate) async fn list_signals(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(id): Parts<String>,
) -> Result<Response, Problem> {
    let (tenant, run_id) = (caller.tenant, run_id(&id)?);
    let status = state.store().get_run_status(tenant, run_id).await?.ok_or_else(run_not_found)?;
    let inbox = match status.is_ended() {
        true => Vec::new(),
        false => state.store().load_inbox(tenant, run_id).await?,
    };
    let view = |signal: model::Signal| {
        let model::Signal { id, name, payload } = signal;
        SignalView { id, name: name.to_string(), payload }
    };
    let signals = inbox.into_iter().map(view).collect();
    Ok(axum::Json(Inbox { signals }).into_response())
}
