//! Secrets, which a handler uses and never sees: `grants = { fetch = ["api.example.com"], secrets = ["API_KEY"] }`.
//!
//! ```no_run
//! use stepcell_guest::{Error, fetch::Request, secrets};
//!
//! fn balance(_input: ()) -> Result<String, Error> {
//!     let key = secrets::placeholder("API_KEY")?;
//!     let answer = Request::get("https://api.example.com/balance").bearer(key).send()?.ok()?;
//!     Ok(answer.text()?.to_owned())
//! }
//! ```
//!
//! The host puts the value in the placeholder's place in the headers of a request, toward the hosts the secret is granted
//! for. A request that has the placeholder in its URL or body is refused. Where an answer repeats the value plainly, the
//! placeholder stands for it; so that it can be found, `accept-encoding` and `range` are not sent and an answer with a
//! `content-encoding` is an error. That is best effort: whoever answers may write the value in ways that nobody looks for.

use crate::error::Error;
use crate::host;

/// The names the step was granted.
pub fn names() -> Vec<String> {
    host::secret_names()
}

/// What stands for a secret in the headers of this attempt's requests.
pub fn placeholder(name: &str) -> Result<String, Error> {
    host::secret_placeholder(name).map_err(Error::configuration)
}
