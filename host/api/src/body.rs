//! Bodies: within a ceiling before anything is buffered, within a time, of the right type.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt;
use model::{Code, Gate, Json};

use crate::auth::Sender;
use crate::problem::Problem;

/// How long a body of up to a few MiB may take to arrive.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(30);

/// Room for what surrounds an input in a body, in bytes.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// The largest JSON body: an input and what surrounds it.
pub(crate) const MAX_JSON_BYTES: usize = 1024 * 1024 + ENVELOPE_BYTES;

/// The longest body that is let pass by though it is refused, in bytes, and for how long: a client that is still sending when
/// the connection closes never reads why.
const MOST_PASSED_BY: u64 = 8 * 1024 * 1024;
const PASS_BY_TIME: Duration = Duration::from_secs(1);

/// How much of a body is taken, and how that is refused.
#[derive(Clone, Copy)]
pub(crate) struct Ceiling {
    /// Most bytes.
    pub(crate) bytes: usize,
    /// How long it may take.
    pub(crate) time: Duration,
    /// The code of a larger one.
    pub(crate) code: Code,
}

impl Ceiling {
    /// Of JSON and TOML bodies.
    pub(crate) const JSON: Self =
        Self { bytes: MAX_JSON_BYTES, time: BODY_TIME, code: Code::RequestTooLarge };

    fn refusal(self, sent: Option<u64>) -> Problem {
        let most = self.bytes;
        let detail = match sent {
            Some(sent) => format!("the body has {sent} bytes and may have {most}"),
            None => format!("the body has more than {most} bytes"),
        };
        Problem::new(self.code, detail).limit(most as u64)
    }
}

/// Reads a body. One that announces too much is refused, and nothing of it is kept; so is one that would have to be unpacked,
/// and one whose sender's key ended before it had arrived.
pub(crate) async fn read(request: Request, ceiling: Ceiling) -> Result<Vec<u8>, Problem> {
    if let Some(packed) = request.headers().get(header::CONTENT_ENCODING) {
        let found = crate::params::shown(packed.to_str().unwrap_or("something else"));
        let detail =
            format!("`content-encoding` says `{found}`; send the body as it is, without one");
        return Err(Problem::new(Code::RequestContentEncoding, detail));
    }
    let announced = announced(request.headers()).map(|bytes| bytes as u64);
    if let Some(sent) = announced.filter(|sent| *sent > ceiling.bytes as u64) {
        // Who asks before sending has sent nothing.
        if sent <= MOST_PASSED_BY && !request.headers().contains_key(header::EXPECT) {
            let mut passing = request.into_body().into_data_stream();
            let pass = async { while let Some(Ok(_)) = passing.next().await {} };
            // Who takes longer may miss the answer.
            let _ = tokio::time::timeout(PASS_BY_TIME, pass).await;
        }
        return Err(ceiling.refusal(Some(sent)));
    }
    let sender = request.extensions().get::<Sender>().cloned();
    let collect = collect(request.into_body(), ceiling);
    let late = |_| {
        let detail = format!("the body did not arrive within {} s", ceiling.time.as_secs());
        Problem::new(Code::RequestTimeout, detail)
    };
    let bytes = tokio::time::timeout(ceiling.time, collect).await.map_err(late)??;
    if let Some(sender) = sender {
        sender.check().await?;
    }
    Ok(bytes)
}

/// How many bytes a body is said to have.
pub(crate) fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(body: Body, ceiling: Ceiling) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let broken = |_| Problem::new(Code::RequestInvalid, "the body ended too early");
        let chunk = chunk.map_err(broken)?;
        if bytes.len() + chunk.len() > ceiling.bytes {
            return Err(ceiling.refusal(None));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The media type of a body, without parameters, in lower case; empty where none is named.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// Refuses a body of another type than these.
pub(crate) fn expect_type(headers: &HeaderMap, wanted: &[&str]) -> Result<(), Problem> {
    let found = media_type(headers);
    if wanted.contains(&found.as_str()) {
        return Ok(());
    }
    let wanted = wanted.join("` or `");
    let found = if found.is_empty() {
        "nothing".to_owned()
    } else {
        format!("`{}`", crate::params::shown(&found))
    };
    let detail = format!("`content-type` says {found}; send `{wanted}`");
    Err(Problem::new(Code::RequestContentType, detail))
}

/// A JSON body that passed the gate; `None` where there is no body.
pub(crate) async fn json(request: Request) -> Result<Option<Json>, Problem> {
    let headers = request.headers().clone();
    let bytes = read(request, Ceiling::JSON).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    expect_type(&headers, &["application/json"])?;
    Ok(Some(gate().check(&bytes)?))
}

/// The gate with room for one object around an input.
fn gate() -> Gate {
    let inner = Gate::default();
    Gate {
        max_bytes: MAX_JSON_BYTES,
        max_depth: inner.max_depth + 1,
        max_nodes: inner.max_nodes + 64,
    }
}

/// Reads a small JSON body into a type; an absent body reads as `{}`.
pub(crate) async fn form<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let json = json(request).await?;
    read_object(json.as_ref().map_or("{}", Json::as_str))
}

/// Reads an object into a type; an array of its fields in order is not one.
pub(crate) fn read_object<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Result<T, Problem> {
    if !text.trim_start().starts_with('{') {
        return Err(Problem::new(Code::RequestInvalid, "the body must be a JSON object"));
    }
    serde_json::from_str(text).map_err(|why| misfit(&why))
}

/// A body that is JSON, but not of the shape that was expected.
fn misfit(why: &serde_json::Error) -> Problem {
    Problem::new(Code::RequestInvalid, crate::params::shown(&why.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_in_time_is_refused() {
        let silent = stream::pending::<Result<Vec<u8>, std::convert::Infallible>>();
        let request = Request::new(Body::from_stream(silent));
        let ceiling = Ceiling { time: Duration::from_millis(20), ..Ceiling::JSON };
        assert_eq!(read(request, ceiling).await.unwrap_err().code(), Code::RequestTimeout);
    }
}
