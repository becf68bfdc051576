//! The output of a run: an object of the outputs of its leaf steps.

use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::{Code, Json, RunStatus, TenantId};
use store::{Loaded, RunRow};

use crate::auth::{Caller, Read};
use crate::params::{Parts, run_id, run_not_found};
use crate::problem::Problem;
use crate::state::State;

/// The largest output that is shown with its run, in bytes.
pub(crate) const SHOWN_BYTES: usize = 4 * 1024 * 1024;
/// The largest output that is sent, in bytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// The output of a run.
pub(crate) enum Output {
    /// It has none: it has not completed.
    None,
    /// This.
    Whole(Json),
    /// More than so many bytes.
    Over(usize),
}

/// The output of a run, of at most so many bytes.
pub(crate) async fn of(
    state: &State,
    tenant: TenantId,
    run: &RunRow,
    most: usize,
) -> Result<Output, Problem> {
    if run.status != RunStatus::Completed {
        return Ok(Output::None);
    }
    let key = (tenant, run.flow_id, run.version);
    let version = state.plans().version(state.store(), key).await?;
    let leaves = version.plan.leaves();
    Ok(match state.store().list_outcomes(tenant, run.id, leaves, most).await? {
        Some(Loaded { outputs, skipped }) => {
            Output::Whole(version.output_of_run(run.input.clone(), outputs, skipped))
        }
        None => Output::Over(most),
    })
}

fn too_large(most: usize) -> Problem {
    let detail = format!("what the run's last steps answered has more than {most} bytes");
    Problem::new(Code::RunOutputTooLarge, detail).limit(most as u64)
}

/// The output of a run, exactly as its steps answered it.
#[utoipa::path(
    get,
    path = "/v1/runs/{run_id}/output",
    tag = "runs",
    params(("run_id" = String, Path, description = "the run")),
    responses((status = 200, description = "the output", body = serde_json::Value))
)]
pub(crate) async fn get_output(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Parts(id): Parts<String>,
) -> Result<Response, Problem> {
    let run = state.store().get_run(caller.tenant, run_id(&id)?).await?;
    let run = run.ok_or_else(run_not_found)?;
    // What is made here is counted once it is sent.
    let _building = state.outputs().acquire().await.expect("it is never closed");
    let output = match of(&state, caller.tenant, &run, MOST_BYTES).await? {
        Output::Whole(output) => output,
        Output::Over(most) => return Err(too_large(most)),
        Output::None => {
            let detail = format!(
                "the run is `{}` and has no output; only a completed run has one",
                run.status
            );
            return Err(Problem::new(Code::RunNoOutput, detail));
        }
    };
    // Guests wrote it: for programs and disks, never for a page.
    let kind = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.json\"", run.id)),
    ];
    Ok((kind, output.as_str().to_owned()).into_response())
}
