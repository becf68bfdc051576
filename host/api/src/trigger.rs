//! Starting a run of a schedule out of turn.

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::Response;
use model::Code;
use store::{StartAnswer, StartRun, Triggered};

use crate::auth::{Caller, Run};
use crate::params::{Params, Parts};
use crate::problem::Problem;
use crate::quotas::admit_runs;
use crate::runs::RunAnswer;
use crate::schedules::{find, schedule_not_found};
use crate::start::{Begun, Once, StartQuery, TRIES, mismatch, respond, same_key};
use crate::state::State;

/// Starts a run of the schedule now, out of turn, whether it is paused or not. Its next moment stays where it is.
#[utoipa::path(
    post,
    path = "/v1/schedules/{name}/trigger",
    tag = "schedules",
    params(
        ("name" = String, Path, description = "the schedule's name"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key starts one run"),
        StartQuery,
    ),
    responses(
        (status = 201, description = "started", body = RunAnswer),
        (status = 202, description = "started, and still running after the wait", body = RunAnswer),
        (status = 200, description = "ended within the wait, or started before", body = RunAnswer),
    )
)]
pub(crate) async fn trigger_schedule(
    Shared(state): Shared<State>,
    caller: Caller<Run>,
    Parts(name): Parts<String>,
    Params(query): Params<StartQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let most = query.most()?;
    let once = Once::read(&headers, None, &format!("trigger schedule {name}"))?;
    let begun = trigger(&state, &caller, &name, &once).await?;
    respond(&state, &caller.key, begun, most).await
}

async fn trigger(
    state: &State,
    caller: &Caller<Run>,
    name: &str,
    once: &Once,
) -> Result<Begun, Problem> {
    let (store, tenant) = (state.store(), caller.tenant);
    let of = find(state, tenant, name).await?;
    let saved = of.saved();
    let (flow, _) = store.resolve(tenant, &saved).await?;
    let begun = |run_id, version| Begun { run_id, flow: flow.clone(), version };
    if let Some(run_id) = once.before(store, tenant).await? {
        return Ok(begun(run_id, None));
    }
    let mut is_admitted = false;
    for _ in 0..TRIES {
        let start = store.prepare((tenant, caller.tenant_name.clone()), &saved).await?;
        if !std::mem::replace(&mut is_admitted, true) {
            admit_runs(state, tenant, 1).await?;
        }
        let start = StartRun { traceparent: once.traceparent.clone(), ..start };
        let answer = match store.trigger(&of, &start, once.named()).await? {
            Triggered::Answered(answer) => answer,
            Triggered::Live(run_id) => {
                let detail = format!(
                    "the schedule's run {run_id} has not ended, and it says `overlap: skip`"
                );
                return Err(Problem::new(Code::ScheduleOverlap, detail).about(run_id));
            }
            Triggered::Gone => return Err(schedule_not_found()),
        };
        match answer {
            StartAnswer::Started => {
                state.metrics().run_started();
                return Ok(begun(start.run_id, Some(start.version)));
            }
            StartAnswer::Existing(run_id) => return Ok(begun(run_id, None)),
            StartAnswer::Mismatch => return Err(mismatch()),
            StartAnswer::Duplicate(run_id) => return Err(same_key(run_id)),
            // Another version was activated since it was looked up.
            StartAnswer::NotCurrent => {}
        }
    }
    Err(Problem::new(Code::Overloaded, "the active version kept changing; nothing was started"))
}
