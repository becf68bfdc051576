//! Every address: who answers it, and what every request passes through.

use std::any::Any;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::Code;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::docs::{Docs, finish};
use crate::problem::Problem;
use crate::state::State;
use crate::{
    attempts, audit, batch, breakers, closures, components, dead_letters, events, export, flows,
    health, logs, metrics, output, pages, quotas, request_id, reruns, run_list, runs, runtimes,
    schedules, secrets, signals, start, tenant_keys, tenants, trigger, upload, versions, wait,
    weight, workers,
};

/// Everything that answers HTTP.
pub fn router(state: State) -> Router {
    let (router, document) = routes().split_for_parts();
    let document = finish(document).to_json().unwrap_or_default();
    let kind = [(axum::http::header::CONTENT_TYPE, "application/json")];
    router
        .route("/openapi.json", get(move || async move { (kind, document) }))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Handlers that read a body have ceilings of their own.
        .layer(DefaultBodyLimit::max(0))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), weight::weigh))
        .layer(from_fn_with_state(state.clone(), metrics::count))
        .layer(from_fn(request_id::name))
        .with_state(state)
}

/// The OpenAPI document as JSON.
pub fn openapi() -> String {
    finish(routes().into_openapi()).to_pretty_json().unwrap_or_default()
}

fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Docs::openapi())
        .routes(routes!(upload::put_component, components::list_components))
        .routes(routes!(components::get_component, components::delete_component))
        .routes(routes!(components::quarantine_component))
        .routes(routes!(components::release_component))
        .routes(routes!(runtimes::list_runtimes))
        .routes(routes!(runtimes::put_runtime))
        .routes(routes!(flows::register_flow, flows::list_flows))
        .routes(routes!(flows::get_flow))
        .routes(routes!(versions::list_versions))
        .routes(routes!(versions::get_version))
        .routes(routes!(versions::diff_versions))
        .routes(routes!(versions::activate_version))
        .routes(routes!(versions::roll_back))
        .routes(routes!(start::start_run))
        .routes(routes!(batch::start_batch))
        .routes(routes!(run_list::list_runs))
        .routes(routes!(runs::get_run))
        .routes(routes!(runs::cancel_run))
        .routes(routes!(signals::send_signal, signals::list_signals))
        .routes(routes!(reruns::rerun_run))
        .routes(routes!(reruns::rerun_many))
        .routes(routes!(dead_letters::list_dead_letters))
        .routes(routes!(dead_letters::get_dead_letter))
        .routes(routes!(dead_letters::replay_dead_letter))
        .routes(routes!(closures::list_closures))
        .routes(routes!(closures::put_closure, closures::get_closure, closures::delete_closure))
        .routes(routes!(closures::start_closure))
        .routes(routes!(schedules::list_schedules))
        .routes(routes!(
            schedules::put_schedule,
            schedules::get_schedule,
            schedules::delete_schedule
        ))
        .routes(routes!(schedules::pause_schedule))
        .routes(routes!(schedules::resume_schedule))
        .routes(routes!(trigger::trigger_schedule))
        .routes(routes!(breakers::list_breakers))
        .routes(routes!(quotas::get_own_quota))
        .routes(routes!(quotas::get_quota, quotas::put_quota))
        .routes(routes!(quotas::list_own_usage))
        .routes(routes!(quotas::list_usage))
        .routes(routes!(secrets::list_secrets))
        .routes(routes!(secrets::put_secret, secrets::delete_secret))
        .routes(routes!(secrets::rotate_keys))
        .routes(routes!(output::get_output))
        .routes(routes!(events::list_events))
        .routes(routes!(logs::list_logs))
        .routes(routes!(attempts::list_attempts))
        .routes(routes!(wait::wait_for_run))
        .routes(routes!(tenants::create_tenant, tenants::list_tenants))
        .routes(routes!(tenants::get_tenant, tenants::delete_tenant))
        .routes(routes!(tenants::freeze_tenant))
        .routes(routes!(tenants::unfreeze_tenant))
        .routes(routes!(export::export_tenant))
        .routes(routes!(tenant_keys::create_key, tenant_keys::list_keys))
        .routes(routes!(tenant_keys::revoke_key))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::verify_audit))
        .routes(routes!(workers::list_workers))
        .routes(routes!(workers::deprecate_worker))
        .routes(routes!(health::is_alive))
        .routes(routes!(health::is_ready))
        .routes(routes!(metrics::list_metrics))
        .routes(routes!(pages::get_page))
}

async fn not_found() -> Problem {
    Problem::new(Code::NotFound, "nothing answers at this address; see /openapi.json")
}

async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "this address does not take this method; see `allow`")
}

/// A bug of ours: the caller learns that, and nothing else.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text");
    Problem::internal(&text).into_response()
}
