//! HTTP as a program speaks it: a status and JSON.

use std::time::Duration;

use model::Digest;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// How long a test waits for something that should happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Speaks to one host with one key.
#[derive(Clone)]
pub struct Client {
    url: String,
    key: String,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; null when it was not JSON.
    pub body: Value,
}

impl Answer {
    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body, which must be of a success.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {:#}", self.status, self.body);
        self.body
    }
}

impl Client {
    /// A client of the host at `url`.
    pub fn new(url: &str, key: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().tls_certs_only([]).build().expect("a client");
        Self { url: url.to_owned(), key: key.to_owned(), http }
    }

    /// The same host with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The host's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A request to a path, with the key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// A GET.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// A DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// A POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    /// A PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::PUT, path).header("content-type", "application/json");
        send(request.body(body.to_string())).await
    }

    /// A POST of text that claims to be JSON.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        send(request.body(body.to_owned())).await
    }

    /// Uploads a component.
    pub async fn upload(&self, bytes: Vec<u8>) -> Answer {
        let request = self.request(Method::PUT, "/v1/components");
        send(request.header("content-type", "application/wasm").body(bytes)).await
    }

    /// Registers and activates a flow written as TOML; `@` stands for the component.
    pub async fn deploy(&self, flow: &str, component: Digest) -> Answer {
        let text = flow.replace('@', &component.to_string());
        let request = self.request(Method::POST, "/v1/flows?activate=true");
        send(request.header("content-type", "application/toml").body(text)).await
    }

    /// Starts a run and answers its id.
    pub async fn start(&self, flow: &str, input: &Value) -> String {
        let path = format!("/v1/flows/{flow}/runs");
        let started = self.post(&path, &json!({ "input": input })).await.ok();
        started["run_id"].as_str().expect("a started run has an id").to_owned()
    }

    /// Sends a signal to a run.
    pub async fn signal(&self, run_id: &str, name: &str, payload: &Value) -> Answer {
        let body = json!({ "name": name, "payload": payload });
        self.post(&format!("/v1/runs/{run_id}/signals"), &body).await
    }

    /// Waits until a number in a step's task counts is this.
    ///
    /// # Panics
    /// When it does not become so.
    pub async fn until_tasks(&self, run_id: &str, step: &str, status: &str, count: u64) {
        let asked = async || {
            let run = self.get(&format!("/v1/runs/{run_id}")).await.ok();
            let steps = run["steps"].as_array().expect("a run has steps").clone();
            let step = steps.into_iter().find(|of_run| of_run["name"] == step)?;
            (step["tasks"][status].as_u64() == Some(count)).then_some(())
        };
        until(&format!("{count} tasks of `{step}` are {status}"), asked).await;
    }

    /// Starts a run, waits until it ended, and answers it whole.
    pub async fn run(&self, flow: &str, input: &Value) -> Value {
        let id = self.start(flow, input).await;
        self.ended(&id).await
    }

    /// Waits until a run ended, and answers it whole.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&self, run_id: &str) -> Value {
        let path = format!("/v1/runs/{run_id}/wait?timeout={}s", PATIENCE.as_secs());
        let waited = self.get(&path).await.ok();
        let whole = self.get(&format!("/v1/runs/{run_id}")).await.ok();
        let status = waited["status"].as_str().unwrap_or_default();
        assert!(["completed", "failed", "cancelled"].contains(&status), "{whole:#}");
        whole
    }

    /// The types of a run's events, each with its step and index.
    pub async fn events(&self, run_id: &str) -> Vec<String> {
        let mut events: Vec<Value> = Vec::new();
        let mut path = format!("/v1/runs/{run_id}/events?limit=500");
        loop {
            let page = self.get(&path).await.ok();
            let more = page["events"].as_array().expect("a page has events");
            events.extend(more.iter().cloned());
            match page["next"].as_str() {
                Some(next) if !more.is_empty() => {
                    path = format!("/v1/runs/{run_id}/events?limit=500&since={next}");
                }
                _ => break,
            }
        }
        let line = |event: &Value| {
            let part = |name: &str| {
                let value = &event[name];
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if value.is_null() { String::new() } else { format!(" {text}") }
            };
            let kind = event["type"].as_str().unwrap_or_default();
            format!("{kind}{}{}", part("step"), part("index"))
        };
        events.iter().map(line).collect()
    }
}

/// Sends a request.
///
/// # Panics
/// When there is no answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let response: Response = request.send().await.expect("the host answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("the answer is complete");
    Answer { status, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}

/// Asks again until the answer is there.
///
/// # Panics
/// When it is not there in time.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
