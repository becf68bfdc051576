//! Everything a tenant has, as a stream of lines.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use model::Code;
use serde::Deserialize;
use store::ExportedRow;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::auth::{Admin, Caller};
use crate::params::{Params, Parts};
use crate::problem::Problem;
use crate::state::State;
use crate::tenants::{by, find};

/// What to export.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// False: components without their bytes. Defaults to true.
    components: Option<bool>,
}

type Rows = mpsc::Receiver<Result<ExportedRow, store::Error>>;

/// Everything a tenant has, of one moment: a JSON object on each line with its `kind` and its `row`. The last line is of kind
/// `end` and says how many came before it; an export without one is not whole. Keys come without their hashes.
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/export",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name"), ExportQuery),
    responses((status = 200, description = "lines", body = String, content_type = "application/x-ndjson"))
)]
pub(crate) async fn export_tenant(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(tenant): Parts<String>,
    Params(query): Params<ExportQuery>,
) -> Result<Response, Problem> {
    let of = find(&state, &tenant).await?;
    // Two at a time for the whole host, or readers that take their time leave no connection for anybody else.
    let Ok(turn) = state.exports().clone().try_acquire_owned() else {
        return Err(Problem::new(Code::Overloaded, "other exports are under way; try again later"));
    };
    let with_bytes = query.components.unwrap_or(true);
    let rows = state.store().export_tenant(by(&caller, &of), &of.name, with_bytes).await?;
    let lines = stream::unfold((rows, Some(0_u64), turn), |(rows, count, turn)| async move {
        let (line, rows, count) = next_line(rows, count?).await;
        Some((line, (rows, count, turn)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.ndjson\"", of.name)),
    ];
    Ok((headers, Body::from_stream(lines.boxed())).into_response())
}

/// The next line, and how many there are by then; none after the last one.
async fn next_line(
    mut rows: Rows,
    count: u64,
) -> (Result<String, store::Error>, Rows, Option<u64>) {
    let (line, count) = match rows.recv().await {
        Some(Ok(ExportedRow { kind, row })) => {
            (Ok(format!("{{\"kind\":\"{kind}\",\"row\":{row}}}\n")), Some(count + 1))
        }
        Some(Err(error)) => {
            tracing::warn!(%error, "an export broke off");
            (Err(error), None)
        }
        None => (Ok(format!("{{\"kind\":\"end\",\"rows\":{count}}}\n")), None),
    };
    (line, rows, count)
}
