//! Lists of runs.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{Code, RunId, RunStatus};
use serde::{Deserialize, Serialize};
use store::{RunFilter, RunSummary};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read};
use crate::cursor::List;
use crate::params::{Params, page_size, shown};
use crate::problem::Problem;
use crate::state::State;
use crate::view::FailureView;

/// A run in a list.
#[derive(Debug, Serialize, ToSchema)]
struct RunItem {
    /// Its identity.
    #[schema(value_type = String)]
    run_id: RunId,
    /// The flow's name.
    flow: String,
    /// The version it is pinned to.
    version: u32,
    /// Where it is.
    #[schema(value_type = String)]
    status: RunStatus,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// When it was started, RFC 3339.
    created_at: String,
    /// When a worker took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

impl From<RunSummary> for RunItem {
    fn from(run: RunSummary) -> Self {
        let RunSummary {
            id,
            flow_name,
            version,
            status,
            failure,
            created_at,
            started_at,
            ended_at,
        } = run;
        let failure = failure.map(FailureView::from);
        Self {
            run_id: id,
            flow: flow_name,
            version,
            status,
            failure,
            created_at,
            started_at,
            ended_at,
        }
    }
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct RunPage {
    /// The runs.
    runs: Vec<RunItem>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which runs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunsQuery {
    /// Only of this flow.
    flow: Option<String>,
    /// Only on this version; together with `flow`.
    version: Option<u32>,
    /// Only in this status.
    status: Option<String>,
    /// Runs in a page, 500 at most. Defaults to 50.
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of runs, newest first.
#[utoipa::path(
    get,
    path = "/v1/runs",
    tag = "runs",
    params(RunsQuery),
    responses((status = 200, description = "a page", body = RunPage))
)]
pub(crate) async fn list_runs(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<RunsQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(query.limit)?;
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let name = format!("runs\n{}\n{:?}\n{}", text(&query.flow), query.version, text(&query.status));
    let list = List { tenant: caller.tenant, name: &name };
    let mut filter = RunFilter { version: query.version, ..RunFilter::default() };
    if let Some(flow) = &query.flow {
        filter.flow_id = Some(state.plans().guess(state.store(), caller.tenant, flow).await?.0);
    }
    if let Some(status) = &query.status {
        let invalid = |why: String| Problem::new(Code::RequestInvalid, shown(&why));
        filter.status = Some(status.parse().map_err(invalid)?);
    }
    if let Some(place) = list.after(query.cursor.as_deref())? {
        filter.before = place.parse().ok();
    }
    let runs = state.store().list_runs(caller.tenant, filter, limit).await?;
    let next = list.next(&runs, limit, |run| run.id.to_string());
    let runs = runs.into_iter().map(RunItem::from).collect();
    Ok(axum::Json(RunPage { runs, next }).into_response())
}
