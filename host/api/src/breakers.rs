//! Circuit breakers: the origins that calls of a tenant's flows failed to reach, and which are held back.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store::BreakerRow;
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Caller, Read};
use crate::cursor::List;
use crate::params::{Params, page_size};
use crate::problem::Problem;
use crate::state::State;

/// An origin that calls failed to reach at some time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Breaker)]
struct BreakerView {
    /// Scheme, host and port.
    origin: String,
    /// `closed`: calls are made; `open`: they are held back; `half_open`: one was let through to see whether it goes well.
    state: &'static str,
    /// Failures in a row.
    failures: u32,
    /// Since when calls are held back, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    /// When the next call is let through; where one was, when it counts as lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<String>,
    /// How often it opened, a failed probe counted.
    times_opened: u64,
    /// Calls that were held back.
    calls_refused: u64,
}

impl From<BreakerRow> for BreakerView {
    fn from(row: BreakerRow) -> Self {
        let state = match (&row.opened_at, row.is_probed) {
            (None, _) => "closed",
            (Some(_), true) => "half_open",
            (Some(_), false) => "open",
        };
        Self {
            origin: row.origin,
            state,
            failures: row.failures.unsigned_abs(),
            opened_at: row.opened_at,
            retry_at: row.retry_at,
            times_opened: row.opened_count.unsigned_abs(),
            calls_refused: row.refused_count.unsigned_abs(),
        }
    }
}

/// A page of breakers, by origin.
#[derive(Debug, Serialize, ToSchema)]
struct BreakerPage {
    /// The breakers. An origin whose calls never failed has none.
    breakers: Vec<BreakerView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which breakers.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakersQuery {
    /// Breakers in a page, 500 at most. Defaults to 50.
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of circuit breakers, by origin.
#[utoipa::path(
    get,
    path = "/v1/breakers",
    tag = "runs",
    params(BreakersQuery),
    responses((status = 200, description = "a page", body = BreakerPage))
)]
pub(crate) async fn list_breakers(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<BreakersQuery>,
) -> Result<Response, Problem> {
    let (tenant, limit) = (caller.tenant, page_size(query.limit)?);
    let list = List { tenant, name: "breakers" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_breakers(tenant, &after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |last| last.origin.clone());
    let breakers = rows.into_iter().map(BreakerView::from).collect();
    Ok(axum::Json(BreakerPage { breakers, next }).into_response())
}
