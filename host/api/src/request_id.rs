//! What every answer carries: the request's name, which is the caller's own `x-request-id` where it is harmless, and that it is
//! neither kept nor taken for something else.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

/// The header a request's name comes and goes in.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name a caller may give.
const MAX_LENGTH: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The name of the request this task answers; empty outside of one.
pub(crate) fn current() -> String {
    CURRENT.try_with(String::clone).unwrap_or_default()
}

/// Names the request for everything inside, and in the answer.
pub(crate) async fn name(request: Request, next: Next) -> Response {
    let sent = request.headers().get(&HEADER).and_then(|value| value.to_str().ok());
    let id = match sent {
        Some(id) if is_harmless(id) => id.to_owned(),
        Some(_) | None => Uuid::now_v7().to_string(),
    };
    let named = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"));
    let mut response = CURRENT.scope(id, next.run(request)).await;
    let headers = response.headers_mut();
    headers.insert(HEADER, named);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn is_harmless(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !id.is_empty() && id.len() <= MAX_LENGTH && id.chars().all(plain)
}
