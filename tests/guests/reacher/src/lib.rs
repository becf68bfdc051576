//! A guest that asks for everything a host offers, and does with it what its input says.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use stepcell_guest::fetch::{Error as FetchError, Request};
use stepcell_guest::{Context, Error, key_value, secrets};

/// One thing to do.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Fetch(Fetch),
    Get(String),
    Set(String, Value),
    /// Sets so many bytes.
    Fill(String, usize),
    Replace(String, Option<Value>, Value),
    Delete(String),
    List(String, Option<String>, u32),
    Names,
    Placeholder(String),
    /// Fails with this message.
    Fail(String),
    /// Logs this.
    Log(String),
}

/// A request. `${NAME}` in its texts is the placeholder of a secret.
#[derive(Clone, Deserialize)]
struct Fetch {
    #[serde(default)]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// In place of a body: so many bytes.
    bytes: Option<usize>,
    timeout_ms: Option<u64>,
    /// Sends it so often.
    #[serde(default = "once")]
    times: u32,
}

fn once() -> u32 {
    1
}

fn reach(acts: Vec<Act>) -> Result<Vec<Value>, Error> {
    acts.into_iter().map(act).collect()
}

/// Fetches what its input names and ends as the request did.
fn strict(url: String) -> Result<String, Error> {
    Ok(stepcell_guest::fetch::get(url)?.ok()?.text()?.to_owned())
}

fn act(act: Act) -> Result<Value, Error> {
    Ok(match act {
        Act::Fetch(fetch) => {
            let mut last = Value::Null;
            for _ in 0..fetch.times {
                last = send(fetch.clone())?;
            }
            last
        }
        Act::Get(key) => said(key_value::get_bytes(&key).map(|bytes| bytes.map(text))),
        Act::Set(key, value) => said(key_value::set_bytes(&key, &serde_json::to_vec(&value)?)),
        Act::Fill(key, bytes) => said(key_value::set_bytes(&key, &vec![7; bytes])),
        Act::Replace(key, expected, value) => {
            let expected = expected.map(|value| value.to_string().into_bytes());
            let value = value.to_string().into_bytes();
            said(key_value::compare_and_set(&key, expected.as_deref(), &value))
        }
        Act::Delete(key) => said(key_value::delete(&key)),
        Act::List(prefix, after, limit) => said(key_value::list(&prefix, after.as_deref(), limit)),
        Act::Names => json!(secrets::names()),
        Act::Placeholder(name) => match secrets::placeholder(&name) {
            Ok(placeholder) => json!(placeholder),
            Err(error) => json!({ "error": error.message() }),
        },
        Act::Fail(message) => return Err(Error::execution(filled(message)?)),
        Act::Log(message) => {
            stepcell_guest::info!("{}", filled(message)?);
            Value::Null
        }
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn said<T: serde::Serialize>(done: Result<T, key_value::Error>) -> Value {
    match done {
        Ok(value) => json!(value),
        Err(error) => json!({ "error": kind(&error), "why": error.to_string() }),
    }
}

/// The name of an error's case.
fn kind(error: &impl std::fmt::Debug) -> String {
    format!("{error:?}").split('(').next().unwrap_or_default().to_owned()
}

fn filled(mut text: String) -> Result<String, Error> {
    for name in secrets::names() {
        let placeholder = secrets::placeholder(&name)?;
        text = text.replace(&format!("${{{name}}}"), &placeholder);
    }
    Ok(text)
}

fn send(fetch: Fetch) -> Result<Value, Error> {
    let Fetch { method, url, headers, body, bytes, timeout_ms, times: _ } = fetch;
    let url = filled(url)?;
    let mut request = match method.as_str() {
        "POST" => Request::post(url),
        "PUT" => Request::put(url),
        "HEAD" => Request::head(url),
        _ => Request::get(url),
    };
    for (name, value) in headers {
        request = request.header(filled(name)?, filled(value)?);
    }
    if let Some(body) = body {
        request = request.body(filled(body)?);
    }
    if let Some(bytes) = bytes {
        request = request.body(vec![b'x'; bytes]);
    }
    if let Some(ms) = timeout_ms {
        request = request.timeout(Duration::from_millis(ms));
    }
    Ok(match request.send() {
        Ok(answer) => {
            let bytes = answer.body.len();
            let mut body = text(answer.body);
            body.truncate(body.floor_char_boundary(8 * 1024));
            json!({ "status": answer.status, "headers": answer.headers, "bytes": bytes, "body": body })
        }
        Err(error) => {
            let wait = match &error {
                FetchError::DependencyUnavailable(wait) => Some(wait.as_millis() as u64),
                _ => None,
            };
            json!({ "error": kind(&error), "why": error.to_string(), "wait": wait })
        }
    })
}

/// Fetches the URL that its output is, and so undoes it.
fn undo(_context: Context, _input: Value, output: String) -> Result<(), Error> {
    Request::post(output).body("undo").send()?.ok()?;
    Ok(())
}

fn book(url: String) -> Result<stepcell_guest::Outcome, Error> {
    Ok(stepcell_guest::Outcome::complete(&url))
}

fn reach_durably(acts: Vec<Act>) -> Result<stepcell_guest::Outcome, Error> {
    Ok(stepcell_guest::Outcome::complete(&reach(acts)?))
}

fn strictly(url: String) -> Result<stepcell_guest::Outcome, Error> {
    Ok(stepcell_guest::Outcome::complete(&strict(url)?))
}

fn recover(
    _: Context,
    _: stepcell_guest::Failure,
) -> Result<Option<stepcell_guest::Outcome>, Error> {
    Ok(None)
}

stepcell_guest::durable! {
    on_error = recover; compensate = { book => undo };
    "reach" => reach_durably, "strict" => strictly, book
}
