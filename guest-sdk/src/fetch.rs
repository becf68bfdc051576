//! Requests over HTTP, to hosts that the step is granted: `grants = { fetch = ["api.example.com"] }`.
//!
//! ```no_run
//! use stepcell_guest::{Error, fetch};
//!
//! #[derive(serde::Deserialize)]
//! struct Price {
//!     cents: u64,
//! }
//!
//! fn price(item: String) -> Result<u64, Error> {
//!     let url = format!("https://api.example.com/prices/{item}");
//!     let price: Price = fetch::get(url)?.ok()?.json()?;
//!     Ok(price.cents)
//! }
//! ```
//!
//! An attempt sends at most 50 requests, one after the other, of at most 4 MiB each way, and never longer than it may take
//! itself. Redirects are answers. A component that calls nothing in here asks for nothing.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error as HandlerError;
use crate::host;

/// A request to send.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) timeout: Option<Duration>,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in the order they came, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back. `?` makes a handler's error of it: of the dependency where another try may help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It cannot be sent as it is.
    Invalid(String),
    /// The step's grants or the operator of the host do not allow it.
    Denied(String),
    /// The host's name or address is not public.
    RefusedAddress(String),
    /// The name has no address.
    Dns(String),
    /// Nobody took the connection.
    Connect(String),
    /// No secure connection could be made.
    Tls(String),
    /// Its time was over.
    Timeout,
    /// A body has more than so many bytes.
    TooLarge(u64),
    /// The attempt may send no more than so many requests.
    TooMany(u32),
    /// Requests to the origin are held back after failures in a row, for so long.
    DependencyUnavailable(Duration),
    /// Another worker has the task now; nothing of this attempt is kept.
    LostClaim,
    /// The answer broke off, or the host is at fault.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why)
            | Self::Denied(why)
            | Self::RefusedAddress(why)
            | Self::Dns(why)
            | Self::Connect(why)
            | Self::Tls(why)
            | Self::Other(why) => f.write_str(why),
            Self::Timeout => f.write_str("the request took too long"),
            Self::TooLarge(most) => write!(f, "a body has more than {most} bytes"),
            Self::TooMany(most) => write!(f, "an attempt sends at most {most} requests"),
            Self::DependencyUnavailable(wait) => write!(
                f,
                "requests are held back after failures in a row; the next one in {} ms",
                wait.as_millis()
            ),
            Self::LostClaim => f.write_str("another worker has the task now"),
        }
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(_) => Self::validation(message),
            Error::Denied(_) | Error::RefusedAddress(_) => Self::configuration(message),
            Error::Dns(_)
            | Error::Connect(_)
            | Error::Tls(_)
            | Error::Timeout
            | Error::Other(_)
            | Error::LostClaim => Self::dependency(message),
            Error::DependencyUnavailable(wait) => Self::dependency(message).retry_after(wait),
            Error::TooLarge(_) | Error::TooMany(_) => Self::execution(message).retry(false),
        }
    }
}

/// Sends a GET.
pub fn get(url: impl Into<String>) -> Result<Response, Error> {
    Request::get(url).send()
}

impl Request {
    fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None, timeout: None }
    }

    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A HEAD.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new("HEAD", url)
    }

    /// A POST.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A PUT.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new("PUT", url)
    }

    /// A PATCH.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new("PATCH", url)
    }

    /// A DELETE.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new("DELETE", url)
    }

    /// Adds a header. The value may have placeholders of [secrets](crate::secrets).
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says who is calling: `authorization: Bearer …`, of a placeholder or a token.
    #[must_use]
    pub fn bearer(self, token: impl fmt::Display) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends a value as JSON.
    pub fn json(self, value: &impl Serialize) -> Result<Self, HandlerError> {
        let body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Waits no longer than this.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it and waits for the whole answer.
    pub fn send(self) -> Result<Response, Error> {
        host::send(self)
    }

    /// Its method, for tests.
    pub fn method(&self) -> &str {
        self.method
    }

    /// Its URL, for tests.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Response {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of a header, the first where there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let known = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(known).map(|(_, value)| value.as_str())
    }

    /// The answer, where its status is one of success. Else an error of the dependency, which is tried again after 500 and
    /// above, 408, 425 and 429, when `retry-after` says so.
    pub fn ok(self) -> Result<Self, HandlerError> {
        if self.is_success() {
            return Ok(self);
        }
        let error = HandlerError::dependency(format!("the other side answered {}", self.status));
        let seconds = self.header("retry-after").and_then(|text| text.trim().parse().ok());
        Err(match (self.status, seconds) {
            (500.. | 408 | 425 | 429, Some(seconds)) => {
                error.retry_after(Duration::from_secs(seconds))
            }
            (500.. | 408 | 425 | 429, None) => error,
            _ => error.retry(false),
        })
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, HandlerError> {
        Ok(std::str::from_utf8(&self.body)?)
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HandlerError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| HandlerError::execution(format!("the answer does not fit: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_request_is_answered_as_the_test_says_and_is_denied_without() {
        assert!(matches!(get("https://a.net"), Err(Error::Denied(_))));
        testing::on_fetch(|request| match request.url() {
            "https://a.net/json" => {
                Ok(Response { status: 200, body: b"[1]".to_vec(), ..Response::default() })
            }
            _ => Ok(Response {
                status: 429,
                headers: vec![("retry-after".to_owned(), "7".to_owned())],
                ..Response::default()
            }),
        });
        let answer: Vec<u8> = get("https://a.net/json").unwrap().ok().unwrap().json().unwrap();
        assert_eq!(answer, [1]);
        let refused = get("https://a.net/other").unwrap().ok().unwrap_err();
        assert_eq!(refused.asks_to_retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_question_mark_says_whether_another_try_makes_sense() {
        let held = Error::DependencyUnavailable(Duration::from_millis(30));
        let error = HandlerError::from(held);
        assert_eq!(error.asks_to_retry_after(), Some(Duration::from_millis(30)));
        assert_eq!(HandlerError::from(Error::TooMany(50)).asks_to_retry(), Some(false));
    }
}
