//! Counters of this process, as Prometheus reads them. No key, no tenant data.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State as Shared};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::state::State;

/// What this process counted since it began.
#[derive(Default)]
pub(crate) struct Metrics {
    runs_started: AtomicU64,
    /// Answers by the first digit of their status, 1 to 5.
    answers: [AtomicU64; 5],
}

impl Metrics {
    /// One more run.
    pub(crate) fn run_started(&self) {
        self.runs_started.fetch_add(1, Ordering::Relaxed);
    }

    fn answered(&self, status: u16) {
        if let Some(count) = self.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts every answer.
pub(crate) async fn count(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    state.metrics().answered(response.status().as_u16());
    response
}

/// Counters in the text format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "host",
    security(()),
    responses((status = 200, description = "counters", body = String, content_type = "text/plain"))
)]
pub(crate) async fn list_metrics(Shared(state): Shared<State>) -> Response {
    let metrics = state.metrics();
    let mut text = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, value: u64| {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}")
            .expect("a String takes everything");
    };
    let started = metrics.runs_started.load(Ordering::Relaxed);
    tell("stepcell_runs_started_total", "counter", "Runs started through this process.", started);
    let compiled = state.sandbox().compiled_count();
    tell(
        "stepcell_components_compiled_total",
        "counter",
        "Compilations this process began.",
        compiled,
    );
    let free = state.sandbox().free_slots() as u64;
    tell("stepcell_sandbox_free_slots", "gauge", "Attempts that could start right now.", free);
    if let Ok(open) = state.store().count_open_breakers().await {
        let help = "Origins whose circuit breaker is open, all tenants together.";
        tell("stepcell_breakers_open", "gauge", help, open.unsigned_abs());
    }
    if let Ok(workers) = state.store().list_workers().await {
        tell("stepcell_workers", "gauge", "Workers that beat.", workers.len() as u64);
        text.push_str("# HELP stepcell_stale_outcomes_total Outcomes whose claim no longer held.\n# TYPE stepcell_stale_outcomes_total counter\n");
        for worker in workers {
            let (id, stale) = (worker.id.0, worker.stale_count);
            writeln!(text, "stepcell_stale_outcomes_total{{worker=\"{id}\"}} {stale}")
                .expect("a String takes everything");
        }
    }
    text.push_str("# HELP stepcell_http_answers_total Answers by class of status.\n# TYPE stepcell_http_answers_total counter\n");
    for (count, class) in metrics.answers.iter().zip(1..) {
        let count = count.load(Ordering::Relaxed);
        writeln!(text, "stepcell_http_answers_total{{class=\"{class}xx\"}} {count}")
            .expect("a String takes everything");
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
