//! A service somewhere else, as a step would call it: it remembers every call and answers as it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use store::BreakerRule;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::host::Settings;

/// A call that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The path, as it was sent.
    pub path: String,
    /// Everything of it, as `/echo` answers it.
    pub whole: Value,
}

/// A running service. It ends with its test.
pub struct Remote {
    /// `http://127.0.0.1:<port>`.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// What `/switched` answers.
    status: AtomicU16,
    /// Calls that wait for an answer.
    waiting: AtomicUsize,
    /// Calls of `/held` that may be answered.
    released: Semaphore,
}

/// Counts a call for as long as somebody waits for its answer.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Remote {
    /// A service at a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            status: AtomicU16::new(200),
            waiting: AtomicUsize::new(0),
            released: Semaphore::new(0),
        });
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Settings of a host whose steps may call it.
    pub fn settings(&self) -> Settings {
        let outbound = outbound::Settings {
            allowed: vec![self.url.parse().expect("a pattern")],
            networks: vec!["127.0.0.0/8".parse().expect("a network")],
        };
        Settings {
            worker: worker::Settings { outbound, ..Settings::default().worker },
            ..Settings::default()
        }
    }

    /// The same, with a breaker that opens after so many failures, for an hour.
    pub fn settings_with_breaker(&self, failures: u32) -> Settings {
        let breaker = BreakerRule { failures, recovery: Duration::from_secs(3_600) };
        let settings = self.settings();
        Settings { worker: worker::Settings { breaker, ..settings.worker }, ..settings }
    }

    /// The calls that arrived, in order.
    ///
    /// # Panics
    /// When a call panicked.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("no call panics").clone()
    }

    /// Calls that wait for an answer.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::SeqCst)
    }

    /// From now on `/switched` and `/held` answer this.
    pub fn switch(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Lets so many calls of `/held` be answered.
    pub fn release(&self, calls: usize) {
        self.shared.released.add_permits(calls);
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let named: BTreeMap<&str, String> =
        headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
    let whole = json!({
        "method": method.as_str(),
        "path": path,
        "query": uri.query(),
        "headers": named,
        "body": String::from_utf8_lossy(&body),
    });
    let times = {
        let mut seen = shared.seen.lock().expect("no call panics");
        seen.push(Seen { path: path.clone(), whole: whole.clone() });
        seen.iter().filter(|seen| seen.path == path).count()
    };
    let _waiting = Waiting::of(&shared.waiting);
    let switched = || status(shared.status.load(Ordering::SeqCst));
    let number = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.parse::<u16>().ok());
    match path.as_str() {
        "/text" => ([("content-type", "text/plain")], "grüße").into_response(),
        "/binary" => ([("content-type", "image/png")], vec![0x89, 0x50, 0, 0xff]).into_response(),
        "/json" => (
            [("content-type", "application/json"), ("x-answer", "A b")],
            "{\"b\": 1.50, \"a\": [ ]}",
        )
            .into_response(),
        "/twice" => ([("content-type", "application/json")], "{\"a\":1,\"a\":2}").into_response(),
        "/endless" => {
            Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 512])))
                .into_response()
        }
        "/moved" => (status(302), [("location", "/echo")]).into_response(),
        "/later" if times == 1 => (status(503), [("retry-after", "1")]).into_response(),
        "/switched" => switched().into_response(),
        "/held" => {
            let released = shared.released.acquire().await.expect("it stays open");
            released.forget();
            switched().into_response()
        }
        "/never" => std::future::pending().await,
        _ => match (number("/status/"), number("/big/")) {
            (Some(code), _) => (status(code), "no, said the server").into_response(),
            (None, Some(bytes)) => "x".repeat(usize::from(bytes)).into_response(),
            (None, None) => axum::Json(whole).into_response(),
        },
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}
