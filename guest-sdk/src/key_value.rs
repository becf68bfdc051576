//! Values that outlive the run, kept for the tenant and the flow: `grants = { key_value = true }`.
//!
//! ```
//! use stepcell_guest::{Error, key_value};
//!
//! fn next_number(_input: ()) -> Result<u64, Error> {
//!     loop {
//!         let before: Option<u64> = key_value::get("number")?;
//!         let next = before.unwrap_or(0) + 1;
//!         if key_value::replace("number", before.as_ref(), &next)? {
//!             return Ok(next);
//!         }
//!     }
//! }
//!
//! assert_eq!([next_number(()).unwrap(), next_number(()).unwrap()], [1, 2]);
//! ```
//!
//! A write is durable at once, whatever comes of the attempt: what must fit the outcome belongs into the state of a durable
//! handler. A key has at most 512 bytes, a value 256 KiB; an attempt makes at most 1,000 calls.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error as HandlerError;
use crate::host;

/// Why a value was not kept or found. `?` makes a handler's error of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The step's grants do not allow it.
    Denied(String),
    /// The key cannot be one.
    Invalid(String),
    /// The value has more than so many bytes.
    TooLarge(u64),
    /// The attempt may make no more than so many calls, or move no more than so many bytes.
    TooMany(u64),
    /// The tenant's values would have more than so many bytes.
    Full(u64),
    /// Another worker has the task now; nothing was written.
    LostClaim,
    /// The host is at fault.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(why) | Self::Invalid(why) | Self::Other(why) => f.write_str(why),
            Self::TooLarge(most) => write!(f, "a value has at most {most} bytes"),
            Self::TooMany(most) => write!(f, "an attempt does no more than {most} of it"),
            Self::Full(most) => write!(f, "the values of a tenant have at most {most} bytes"),
            Self::LostClaim => f.write_str("another worker has the task now"),
        }
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Denied(_) => Self::configuration(message),
            Error::Invalid(_) => Self::validation(message),
            Error::TooLarge(_) | Error::TooMany(_) => Self::execution(message).retry(false),
            Error::Full(_) | Error::LostClaim | Error::Other(_) => Self::dependency(message),
        }
    }
}

/// The value of a key, as JSON.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, HandlerError> {
    let bytes = get_bytes(key)?;
    let misfit =
        |error| HandlerError::execution(format!("the value of `{key}` does not fit: {error}"));
    bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(misfit)).transpose()
}

/// Sets a key to a value, as JSON.
pub fn set(key: &str, value: &impl Serialize) -> Result<(), HandlerError> {
    Ok(set_bytes(key, &serde_json::to_vec(value)?)?)
}

/// Sets a key where its value is the expected one, byte for byte as JSON writes it; `None`: where it has none. False: it has
/// another one.
pub fn replace<T: Serialize>(
    key: &str,
    expected: Option<&T>,
    value: &T,
) -> Result<bool, HandlerError> {
    let expected = expected.map(serde_json::to_vec).transpose()?;
    Ok(compare_and_set(key, expected.as_deref(), &serde_json::to_vec(value)?)?)
}

/// The bytes of a key.
pub fn get_bytes(key: &str) -> Result<Option<Vec<u8>>, Error> {
    host::get_value(key)
}

/// Sets a key to bytes.
pub fn set_bytes(key: &str, value: &[u8]) -> Result<(), Error> {
    host::set_value(key, value)
}

/// Sets a key where its bytes are the expected ones; `None`: where it has none. False: it has other ones.
pub fn compare_and_set(key: &str, expected: Option<&[u8]>, value: &[u8]) -> Result<bool, Error> {
    host::compare_and_set_value(key, expected, value)
}

/// Deletes a key. False: it was not there.
pub fn delete(key: &str) -> Result<bool, Error> {
    host::delete_value(key)
}

/// Keys that begin with `prefix`, in the order of their bytes: those after `after`, at most `limit` and never more than 1,000.
pub fn list(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
    host::list_values(prefix, after, limit)
}
