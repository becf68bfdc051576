//! Workers: who beats, and having one finish what it has and take nothing more.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{Code, WorkerId};
use serde::Serialize;
use store::WorkerRow;
use utoipa::ToSchema;

use crate::auth::{Admin, Caller};
use crate::params::Parts;
use crate::problem::Problem;
use crate::state::State;

/// A worker that beats.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
struct WorkerView {
    /// Its identity. A worker that starts over after Postgres was away has a new one.
    id: i32,
    /// The machine and process.
    host: String,
    /// `working`, or `deprecated`: it finishes what it has and takes nothing more.
    status: &'static str,
    /// How many attempts it runs at a time.
    slots: i32,
    /// Outcomes it dropped because their claim no longer held.
    stale_outcomes: i64,
    /// When it began, RFC 3339.
    started_at: String,
    /// How long ago it beat, in milliseconds.
    beat_ago_ms: i64,
}

/// The workers of all hosts.
#[derive(Debug, Serialize, ToSchema)]
struct WorkerList {
    /// The workers, the oldest first.
    workers: Vec<WorkerView>,
}

impl From<WorkerRow> for WorkerView {
    fn from(row: WorkerRow) -> Self {
        let WorkerRow { id, host, slots, stale_count, started_at, beat_ago_ms, is_deprecated } =
            row;
        let status = if is_deprecated { "deprecated" } else { "working" };
        Self { id: id.0, host, status, slots, stale_outcomes: stale_count, started_at, beat_ago_ms }
    }
}

/// Lists the workers of all hosts that beat.
#[utoipa::path(
    get,
    path = "/v1/workers",
    tag = "workers",
    responses((status = 200, description = "the workers", body = WorkerList))
)]
pub(crate) async fn list_workers(
    Shared(state): Shared<State>,
    _caller: Caller<Admin>,
) -> Result<Response, Problem> {
    let rows = state.store().list_workers().await?;
    let workers = rows.into_iter().map(WorkerView::from).collect();
    Ok(axum::Json(WorkerList { workers }).into_response())
}

/// Has a worker finish what it has and take nothing more, from its next beat on. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/workers/{id}/deprecate",
    tag = "workers",
    params(("id" = i32, Path, description = "the worker")),
    responses((status = 200, description = "the workers", body = WorkerList))
)]
pub(crate) async fn deprecate_worker(
    state: Shared<State>,
    caller: Caller<Admin>,
    Parts(id): Parts<String>,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(Code::WorkerNotFound, "no worker of this id beats");
    let id = id.parse().map(WorkerId).map_err(|_| unknown())?;
    if !state.store().deprecate_worker(id, caller.actor()).await? {
        return Err(unknown());
    }
    list_workers(state, caller).await
}
