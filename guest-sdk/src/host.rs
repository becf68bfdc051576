//! The calls into the host: the real ones in a component, the fakes of `testing` in a native test.

#[cfg(target_arch = "wasm32")]
mod calls {
    use crate::bindings::stepcell::handler::context;
    pub(crate) use crate::bindings::stepcell::handler::context::{
        awaited, cancelled, children, flow_input, inbox, remaining_ms, state,
    };
    use crate::bindings::stepcell::handler::log;
    pub(crate) use crate::bindings::stepcell::handler::system::{now_ms, random_bytes};
    use crate::bindings::stepcell::handler::types::Task;
    use crate::log::Level;

    pub(crate) fn task() -> Task {
        context::task()
    }

    pub(crate) fn write(level: Level, message: &str, fields: Option<&str>) {
        log::write(level, message, fields);
    }

    pub(crate) use super::granted::*;
}

/// What a component asks for by calling it.
#[cfg(target_arch = "wasm32")]
mod granted {
    use std::time::Duration;

    use crate::bindings::stepcell::handler::fetch::{self, FetchError};
    use crate::bindings::stepcell::handler::key_value::{self, StoreError};
    use crate::bindings::stepcell::handler::secrets::{self, SecretError};
    use crate::fetch::{Error, Request, Response};
    use crate::key_value::Error as ValueError;

    pub(crate) fn send(request: Request) -> Result<Response, Error> {
        let Request { method, url, headers, body, timeout } = request;
        let timeout_ms =
            timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        let method = method.to_owned();
        let request = fetch::Request { method, url, headers, body, timeout_ms };
        let answer = fetch::send(&request).map_err(|error| match error {
            FetchError::Invalid(why) => Error::Invalid(why),
            FetchError::Denied(why) => Error::Denied(why),
            FetchError::RefusedAddress(why) => Error::RefusedAddress(why),
            FetchError::Dns(why) => Error::Dns(why),
            FetchError::Connect(why) => Error::Connect(why),
            FetchError::Tls(why) => Error::Tls(why),
            FetchError::Timeout => Error::Timeout,
            FetchError::TooLarge(most) => Error::TooLarge(most),
            FetchError::TooMany(most) => Error::TooMany(most),
            FetchError::DependencyUnavailable(ms) => {
                Error::DependencyUnavailable(Duration::from_millis(ms))
            }
            FetchError::LostClaim => Error::LostClaim,
            FetchError::Other(why) => Error::Other(why),
        })?;
        let fetch::Response { status, headers, body } = answer;
        Ok(Response { status, headers, body })
    }

    fn refused(error: StoreError) -> ValueError {
        match error {
            StoreError::Denied(why) => ValueError::Denied(why),
            StoreError::Invalid(why) => ValueError::Invalid(why),
            StoreError::TooLarge(most) => ValueError::TooLarge(most),
            StoreError::TooMany(most) => ValueError::TooMany(most),
            StoreError::Full(most) => ValueError::Full(most),
            StoreError::LostClaim => ValueError::LostClaim,
            StoreError::Other(why) => ValueError::Other(why),
        }
    }

    pub(crate) fn get_value(key: &str) -> Result<Option<Vec<u8>>, ValueError> {
        key_value::get(key).map_err(refused)
    }

    pub(crate) fn set_value(key: &str, value: &[u8]) -> Result<(), ValueError> {
        key_value::set(key, value).map_err(refused)
    }

    pub(crate) fn compare_and_set_value(
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool, ValueError> {
        key_value::compare_and_set(key, expected, value).map_err(refused)
    }

    pub(crate) fn delete_value(key: &str) -> Result<bool, ValueError> {
        key_value::delete(key).map_err(refused)
    }

    pub(crate) fn list_values(
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, ValueError> {
        key_value::list_keys(prefix, after, limit).map_err(refused)
    }

    pub(crate) fn secret_names() -> Vec<String> {
        secrets::names()
    }

    pub(crate) fn secret_placeholder(name: &str) -> Result<String, String> {
        secrets::placeholder(name).map_err(|SecretError::Denied(why)| why)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod calls {
    pub(crate) use crate::testing::{
        awaited, cancelled, children, compare_and_set_value, delete_value, flow_input, get_value,
        inbox, list_values, now_ms, random_bytes, remaining_ms, secret_names, secret_placeholder,
        send, set_value, state, task, write,
    };
}

pub(crate) use calls::*;
