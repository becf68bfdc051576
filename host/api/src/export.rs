//! Everything a tenant has, as a stream of lines.

use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use model::Code;
use serde::Deserialize;
use store::{Exported, ExportedRow, KeyRow};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;

use crate::auth::{Admin, Caller, Standing};
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

type Told = Result<Exported, store::Error>;

/// An export that is being read.
struct Reading {
    state: State,
    key: Arc<KeyRow>,
    rows: mpsc::Receiver<Told>,
    /// Lines so far.
    count: u64,
    _turn: OwnedSemaphorePermit,
}

impl Reading {
    /// The next line, and what is read on after it; nothing after the last one.
    async fn next(mut self) -> (Result<String, BoxError>, Option<Self>) {
        let told = self.rows.recv().await;
        // Who cannot be asked now is asked again at the next line.
        let standing = self.state.keys().standing(self.state.store(), &self.key).await;
        let said = match standing {
            Ok(Standing::Gone) => Err("the key of the export is not valid any more".into()),
            Ok(Standing::Good | Standing::Frozen) | Err(_) => line(told, self.count),
        };
        match said {
            Ok((line, is_last)) => {
                self.count += 1;
                (Ok(line), (!is_last).then_some(self))
            }
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                (Err(error), None)
            }
        }
    }
}

/// What an export says as a line, and whether it is the last one.
fn line(told: Option<Told>, count: u64) -> Result<(String, bool), BoxError> {
    match told {
        Some(Ok(Exported::Row(ExportedRow { kind, row }))) => {
            Ok((format!("{{\"kind\":\"{kind}\",\"row\":{row}}}\n"), false))
        }
        Some(Ok(Exported::Whole)) => Ok((format!("{{\"kind\":\"end\",\"rows\":{count}}}\n"), true)),
        Some(Err(error)) => Err(error.into()),
        None => Err("its reader took too long".into()),
    }
}

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
    let key = Arc::clone(&caller.key);
    let reading = Reading { state, key, rows, count: 0, _turn: turn };
    let lines = stream::unfold(Some(reading), |reading| async move { Some(reading?.next().await) });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.ndjson\"", of.name)),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_breaks_off_has_no_last_line() {
        let row = ExportedRow { kind: "flow".to_owned(), row: "{}".to_owned() };
        let (first, is_last) = line(Some(Ok(Exported::Row(row))), 0).unwrap();
        assert_eq!((first.as_str(), is_last), ("{\"kind\":\"flow\",\"row\":{}}\n", false));
        assert!(line(None, 1).is_err(), "nobody said that it is whole");
        let (last, is_last) = line(Some(Ok(Exported::Whole)), 1).unwrap();
        assert_eq!((last.as_str(), is_last), ("{\"kind\":\"end\",\"rows\":1}\n", true));
    }
}
