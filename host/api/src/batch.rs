//! Starting many runs with one request: all of them, or none.

use std::collections::HashSet;

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::{Code, Json, RunId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::StartAnswer;
use utoipa::ToSchema;

use crate::asked::{Asked, StartBody};
use crate::auth::{Caller, Run};
use crate::body;
use crate::params::Parts;
use crate::problem::Problem;
use crate::quotas::admit_runs;
use crate::start::{duplicate, no_active_version, traceparent};
use crate::state::State;

/// Runs in one batch.
const MOST_RUNS: usize = 1_000;
/// How often a batch is tried while the active version keeps changing under it.
const TRIES: usize = 8;

/// The runs to start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartBatch)]
struct BatchBody<'a> {
    /// 1 to 1,000 starts.
    #[serde(borrow)]
    #[schema(value_type = Vec<StartBody<'_>>)]
    runs: Vec<&'a RawValue>,
}

/// What became of one start.
#[derive(Debug, Serialize, ToSchema)]
struct BatchItem {
    /// The run: the new one, or the live one that has the same key.
    #[schema(value_type = String)]
    run_id: RunId,
    /// `started` or `duplicate`.
    status: &'static str,
}

/// What became of the starts, in their order.
#[derive(Debug, Serialize, ToSchema)]
struct BatchAnswer {
    /// One for each start.
    runs: Vec<BatchItem>,
}

/// Starts runs of a flow together: all of them or, when one cannot be, none. A start whose key a live run has answers that
/// run.
#[utoipa::path(
    post,
    path = "/v1/flows/{flow}/batch",
    tag = "runs",
    params(("flow" = String, Path, description = "the flow's name")),
    request_body(content = BatchBody, content_type = "application/json"),
    responses((status = 201, description = "started", body = BatchAnswer))
)]
pub(crate) async fn start_batch(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(flow): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let trace = traceparent(request.headers());
    let body = body::json(request).await?;
    let sent: BatchBody<'_> = body::read_object(body.as_ref().map_or("{}", Json::as_str))?;
    if sent.runs.is_empty() || sent.runs.len() > MOST_RUNS {
        let detail = format!("`runs` has {} starts; send 1 to {MOST_RUNS}", sent.runs.len());
        let problem = Problem::new(Code::RequestInvalid, detail).at("/runs");
        return Err(problem.limit(MOST_RUNS as u64));
    }
    let read = |(at, start): (usize, &&RawValue)| {
        Asked::read(start.get()).map_err(|problem| problem.within(&format!("/runs/{at}")))
    };
    let asked = sent.runs.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let mut keys = HashSet::new();
    if let Some(at) = asked
        .iter()
        .position(|start| start.said.key.as_ref().is_some_and(|key| !keys.insert(key.clone())))
    {
        let detail = "another start of this batch has the same key";
        return Err(Problem::new(Code::RunDuplicate, detail).at(format!("/runs/{at}/key")));
    }
    let mut is_admitted = false;
    let (store, plans) = (state.store(), state.plans());
    for _ in 0..TRIES {
        let (flow_id, current) = plans.find(store, caller.tenant, &flow).await?;
        let mut starts = Vec::with_capacity(asked.len());
        for (at, start) in asked.iter().enumerate() {
            let number = start.said.version.or(current).ok_or_else(no_active_version)?;
            let version = plans.version(store, (caller.tenant, flow_id, number)).await?;
            let start = start.on(&caller, (flow_id, number), &version, trace.as_deref());
            starts.push(start.map_err(|problem| problem.within(&format!("/runs/{at}")))?);
        }
        if !std::mem::replace(&mut is_admitted, true) {
            admit_runs(&state, caller.tenant, asked.len()).await?;
        }
        let answers = store.start_runs(&starts).await.map_err(duplicate)?;
        if answers.contains(&StartAnswer::NotCurrent) {
            // Another version was activated since it was looked up.
            continue;
        }
        let item = |(start, answer): (&store::StartRun, StartAnswer)| {
            if let StartAnswer::Duplicate(run_id) = answer {
                return BatchItem { run_id, status: "duplicate" };
            }
            state.metrics().run_started();
            BatchItem { run_id: start.run_id, status: "started" }
        };
        let runs = starts.iter().zip(answers).map(item).collect();
        return Ok((StatusCode::CREATED, axum::Json(BatchAnswer { runs })).into_response());
    }
    Err(Problem::new(Code::Overloaded, "the active version kept changing; nothing was started"))
}
