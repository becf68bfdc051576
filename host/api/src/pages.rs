//! The page of every problem code: where the `type` of a problem points.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use model::Code;
use model::code::{explain, suggest};

use crate::params::{Parts, shown};
use crate::problem::Problem;

/// What a problem code or failure kind means and what to do, as Markdown.
#[utoipa::path(
    get,
    path = "/v1/problems/{code}",
    tag = "host",
    security(()),
    params(("code" = String, Path, description = "a code: `payload.too_large`, `failure.timeout`")),
    responses((status = 200, description = "the page", body = String, content_type = "text/markdown"))
)]
pub(crate) async fn get_page(Parts(code): Parts<String>) -> Result<Response, Problem> {
    let page = explain(&code).ok_or_else(|| {
        let near = suggest(&code);
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("; did you mean `{}`?", near.join("` or `"))
        };
        Problem::new(Code::NotFound, format!("`{}` is not a problem code{hint}", shown(&code)))
    })?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], page.text).into_response())
}
