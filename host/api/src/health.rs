//! Whether the host lives, and whether it can do its work. No key, no tenant data.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::state::State;

/// Silence after which a worker is not counted any more, in milliseconds.
const BEAT_MS: i64 = 15_000;

/// Whether the host can do its work.
#[derive(Debug, Serialize, ToSchema)]
struct Ready {
    /// True when Postgres answers.
    ready: bool,
    /// Workers that beat, in any process.
    workers: usize,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "host", security(()), responses((status = 200, description = "it lives", body = String)))]
pub(crate) async fn is_alive() -> &'static str {
    "ok\n"
}

/// Postgres answers, so that requests can be served; says how many workers there are to run anything.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "host",
    security(()),
    responses((status = 200, description = "ready", body = Ready), (status = 503, description = "not ready"))
)]
pub(crate) async fn is_ready(Shared(state): Shared<State>) -> Result<Response, Problem> {
    let workers = state.store().list_workers().await?;
    let workers = workers.iter().filter(|worker| worker.beat_ago_ms < BEAT_MS).count();
    Ok((StatusCode::OK, axum::Json(Ready { ready: true, workers })).into_response())
}
