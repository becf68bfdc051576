//! Waiting for a run to end. It never affects the run.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::Response;
use model::duration::parse_ms;
use model::{Code, RunId};
use serde::Deserialize;
use store::{KeyRow, RunRow};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::IntoParams;

use crate::auth::{Caller, Read, Standing, unauthorized};
use crate::params::{Params, Parts, run_id, run_not_found};
use crate::problem::Problem;
use crate::runs;
use crate::state::State;

/// The longest wait; a caller that wants more asks again.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(60);

/// How long to wait when nothing is said.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// How often to look by itself: runs may end in another process.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Reads a wait: `500ms`, `5s`.
pub(crate) fn parse(text: &str) -> Result<Duration, Problem> {
    let ms = parse_ms(text).map_err(|why| Problem::new(Code::RequestInvalid, why.to_string()))?;
    let wait = Duration::from_millis(ms);
    if wait > MAX_WAIT {
        let most = MAX_WAIT.as_secs();
        let detail = format!("a wait may last {most} s; ask again for more");
        return Err(Problem::new(Code::RequestInvalid, detail).limit(most));
    }
    Ok(wait)
}

/// The run once it has ended, or as it is when the time is up.
pub(crate) async fn until_ended(
    state: &State,
    key: &KeyRow,
    run_id: RunId,
    most: Duration,
) -> Result<RunRow, Problem> {
    let tenant = key.tenant_id;
    let deadline = Instant::now() + most;
    // Subscribe before looking, or an end between the two is lost.
    let mut ended = state.store().ended();
    let closing = state.closing();
    tokio::pin!(closing);
    let mut is_last = false;
    loop {
        match state.keys().standing(state.store(), key).await? {
            Standing::Good => {}
            Standing::Frozen => is_last = true,
            Standing::Gone => return Err(unauthorized()),
        }
        let status = state.store().get_run_status(tenant, run_id).await?;
        let status = status.ok_or_else(run_not_found)?;
        if status.is_ended() || is_last {
            return state.store().get_run(tenant, run_id).await?.ok_or_else(run_not_found);
        }
        let this_one = async {
            loop {
                match ended.recv().await {
                    Ok(id) if id == run_id => break,
                    Ok(_) => {}
                    // Lagged: the end may have been among what was dropped.
                    Err(RecvError::Lagged(_) | RecvError::Closed) => break sleep(LOOK_AGAIN).await,
                }
            }
        };
        tokio::select! {
            () = this_one => {}
            () = sleep(LOOK_AGAIN) => {}
            () = sleep_until(deadline) => is_last = true,
            () = &mut closing => is_last = true,
        }
    }
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitQuery {
    /// At most this long, 60 s at most. Defaults to 30 s.
    #[param(example = "30s")]
    timeout: Option<String>,
}

/// Waits until the run ends: its output, its failure, or "still running" at the deadline.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/wait",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run"), WaitQuery),
    responses((status = 200, description = "the run as it is then", body = runs::RunAnswer))
)]
pub(crate) async fn wait_for_run(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(id): Parts<String>,
    Params(query): Params<WaitQuery>,
) -> Result<Response, Problem> {
    let most = query.timeout.as_deref().map_or(Ok(DEFAULT_WAIT), parse)?;
    let run = until_ended(&state, &caller.key, run_id(&id)?, most).await?;
    runs::answer(&state, caller.tenant, run).await
}
