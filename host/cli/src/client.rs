//! Talks to a host over HTTP.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use api::Key;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::Global;
use crate::data_dir::{read_api_key, read_url};
use crate::exit::{Refused, Unreachable, Usage};

/// Where a host is when nothing says otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:7377";
/// How long to try to connect.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// A host to talk to.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    /// The file the host's address was read from.
    kept_in: Option<PathBuf>,
    key: String,
    http: reqwest::Client,
}

/// A request to send.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Ask {
    /// Reads something.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: Vec::new() }
    }

    /// Sends JSON.
    pub(crate) fn post(path: impl Into<String>, json: impl Into<String>) -> Self {
        let ask = Self { method: Method::POST, body: json.into().into_bytes(), ..Self::get(path) };
        ask.with(CONTENT_TYPE, "application/json")
    }

    /// Sends TOML.
    pub(crate) fn post_toml(path: impl Into<String>, toml: impl Into<String>) -> Self {
        Self::post(path, toml).with(CONTENT_TYPE, "application/toml")
    }

    /// Puts JSON somewhere.
    pub(crate) fn put(path: impl Into<String>, json: impl Into<String>) -> Self {
        Self { method: Method::PUT, ..Self::post(path, json) }
    }

    /// Deletes something.
    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path) }
    }

    /// Uploads a component.
    pub(crate) fn put_wasm(path: impl Into<String>, wasm: Vec<u8>) -> Self {
        Self::put_bytes(path, "application/wasm", wasm)
    }

    /// Uploads something of a media type.
    pub(crate) fn put_bytes(path: impl Into<String>, kind: &str, body: Vec<u8>) -> Self {
        let ask = Self { method: Method::PUT, body, ..Self::get(path) };
        ask.with(CONTENT_TYPE, kind)
    }

    /// With one more header; a value that cannot be one is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// As a stream of events.
    pub(crate) fn streamed(self) -> Self {
        self.with(ACCEPT, "text/event-stream")
    }
}

impl Client {
    /// The host and key of the command line.
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        let key = match &global.key {
            Some(key) => key.parse().map_err(|why| Usage(format!("`--key`: {why}")))?,
            None => match read_api_key(&global.data_dir)? {
                Some(key) => key,
                None => {
                    let place = global.data_dir.join("key");
                    let text = format!(
                        "there is no API key; give one with `--key` or `STEPCELL_KEY`, or run `stepcell dev` here, \
                         which keeps one in `{}`",
                        place.display()
                    );
                    return Err(Usage(text).into());
                }
            },
        };
        if let Some(url) = &global.url {
            return Self::to(url, &key);
        }
        match read_url(&global.data_dir) {
            Some((url, file)) => Ok(Self { kept_in: Some(file), ..Self::to(&url, &key)? }),
            None => Self::to(DEFAULT_URL, &key),
        }
    }

    /// A host and a key.
    pub(crate) fn to(url: &str, key: &Key) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        // The provider that the connection to Postgres uses too. Another call has installed it already: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().connect_timeout(CONNECT_TIME).no_proxy();
        let url = Url::parse(&base).ok();
        let client = match url.as_ref().map(Url::scheme) {
            Some("https") => client,
            // Reading the system's certificates takes longer than most commands.
            Some("http") => client.tls_certs_only([]),
            Some(_) | None => {
                let text = format!(
                    "`{base}` is not a host; write `http://<address>:<port>` or `https://<name>`"
                );
                return Err(Usage(text).into());
            }
        };
        Ok(Self { base, kept_in: None, key: key.to_string(), http: client.build()? })
    }

    /// Sends a request; a problem is an error.
    pub(crate) async fn send(&self, ask: Ask) -> anyhow::Result<Response> {
        let Ask { method, path, headers, body } = ask;
        let request = self.http.request(method, format!("{}{path}", self.base));
        let sent = request.bearer_auth(&self.key).headers(headers).body(body).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.map_err(|error| self.unreachable(&error))?;
        match serde_json::from_str::<Value>(&text) {
            Ok(problem) if problem["code"].is_string() => Err(Refused::new(problem).into()),
            Ok(_) | Err(_) => {
                anyhow::bail!("`{}` answered {status}, and not as Stepcell does", self.base)
            }
        }
    }

    /// The text of an answer.
    pub(crate) async fn text(&self, ask: Ask) -> anyhow::Result<String> {
        let response = self.send(ask).await?;
        Ok(response.text().await.map_err(|error| self.unreachable(&error))?)
    }

    /// An answer, read.
    pub(crate) async fn read<T: DeserializeOwned>(&self, ask: Ask) -> anyhow::Result<T> {
        let text = self.text(ask).await?;
        serde_json::from_str(&text)
            .context("the host's answer is not what this version of the CLI expects")
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Unreachable {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            why = cause.to_string();
            source = cause.source();
        }
        let (url, kept_in) = (self.base.clone(), self.kept_in.clone());
        Unreachable { url, kept_in, found_nobody: error.is_connect(), why }
    }
}

/// A part of a path or query, percent-encoded.
pub(crate) fn part(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A query of the parameters that have a value.
pub(crate) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        if let Some(value) = value {
            let mark = if text.is_empty() { '?' } else { '&' };
            text.push_str(&format!("{mark}{name}={}", part(value)));
        }
    }
    text
}
