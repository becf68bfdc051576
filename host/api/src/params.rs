//! Path and query parameters; what is wrong with one is a problem like any other.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request;
use model::{Code, Digest, RunId};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Most things in a page.
pub(crate) const MAX_PAGE: i64 = 500;
/// Things in a page when nothing is said.
const DEFAULT_PAGE: i64 = 50;

/// The query, with unknown parameters refused.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        no_nul(parts)?;
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(params)| Self(params))
            .map_err(|why| Problem::new(Code::RequestInvalid, shown(&why.body_text())))
    }
}

/// The parts of the path, as text.
pub(crate) struct Parts<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parts<T> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        no_nul(parts)?;
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(parts)| Self(parts))
            .map_err(|why| Problem::new(Code::RequestInvalid, shown(&why.body_text())))
    }
}

/// Nothing has NUL in its name: Postgres text cannot hold it.
fn no_nul(parts: &request::Parts) -> Result<(), Problem> {
    let has_nul = |text: &str| text.contains("%00");
    if has_nul(parts.uri.path()) || parts.uri.query().is_some_and(has_nul) {
        return Err(Problem::new(Code::RequestInvalid, "the address has a NUL character"));
    }
    Ok(())
}

/// A run of the path. What is no run id cannot name a run.
pub(crate) fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| run_not_found())
}

/// The same answer for runs that do not exist and runs of others.
pub(crate) fn run_not_found() -> Problem {
    Problem::new(Code::RunNotFound, "there is no run with this id")
}

/// A component of the path.
pub(crate) fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|_| component_not_found())
}

/// The same answer for components that do not exist and those of others.
pub(crate) fn component_not_found() -> Problem {
    Problem::new(Code::ComponentNotFound, "there is no component with this digest")
}

/// Things in a page, within the ceiling.
pub(crate) fn page_size(limit: Option<i64>) -> Result<i64, Problem> {
    match limit {
        None => Ok(DEFAULT_PAGE),
        Some(limit) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        Some(limit) => {
            let detail = format!("`limit` is {limit} and may be 1 to {MAX_PAGE}");
            Err(Problem::new(Code::RequestInvalid, detail).limit(MAX_PAGE.unsigned_abs()))
        }
    }
}

/// Text of a caller as a message may quote it.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 200;
    text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
