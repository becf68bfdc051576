//! Hostile requests, each to a running host: it is refused as it has to be, and nobody else notices.

pub(crate) mod bodies;
pub(crate) mod definitions;
pub(crate) mod lines;
pub(crate) mod paths;
pub(crate) mod uploads;

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use stepcell_tests::client::{Answer, send, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::prey::Prey;

/// What a host may hold more than before, once all is over: resident KiB, descriptors, threads.
/// The longest a run of the canary may take on a machine that does something else too: that it is not held up at all is measured where
/// nothing else runs.
const MAX_CANARY: Duration = Duration::from_secs(5);

const KEPT: [u64; 3] = [256 * 1024, 48, 32];
/// How long an answer may take on a machine that does something else too.
const PATIENCE: Duration = Duration::from_secs(20);

/// A hostile request.
pub(crate) struct Case {
    /// What it is called in the list of attacks.
    pub(crate) name: &'static str,
    /// What is sent.
    sent: Sent,
    /// How it has to be answered: a code, or a status where HTTP itself is broken.
    pub(crate) expected: &'static str,
}

/// What is sent.
enum Sent {
    /// Method, path, type of the body, body.
    Request(Method, String, &'static str, Vec<u8>),
    /// A start of the flow `f` with this header.
    Header(&'static str, String),
    /// These bytes; `@` in them stands for the key. True: the connection is then closed for writing.
    Line(Vec<u8>, bool),
}

impl Case {
    /// A POST of something that claims to be JSON.
    fn post(name: &'static str, path: &str, body: impl Into<Vec<u8>>, code: &'static str) -> Self {
        Self::typed(name, Method::POST, path, ("application/json", body.into()), code)
    }

    /// A start of the flow `f`.
    fn start(name: &'static str, body: impl Into<Vec<u8>>, code: &'static str) -> Self {
        Self::post(name, "/v1/flows/f/runs", body, code)
    }

    /// A request with a body of some type.
    fn typed(
        name: &'static str,
        method: Method,
        path: &str,
        (kind, body): (&'static str, Vec<u8>),
        expected: &'static str,
    ) -> Self {
        Self { name, sent: Sent::Request(method, path.to_owned(), kind, body), expected }
    }

    /// A GET.
    fn get(name: &'static str, path: impl Into<String>, expected: &'static str) -> Self {
        Self { name, sent: Sent::Request(Method::GET, path.into(), "", Vec::new()), expected }
    }

    /// A start of the flow `f` with this header.
    fn header(
        name: &'static str,
        header: &'static str,
        value: impl Into<String>,
        expected: &'static str,
    ) -> Self {
        Self { name, sent: Sent::Header(header, value.into()), expected }
    }

    /// Bytes on a connection.
    fn line(name: &'static str, bytes: impl Into<Vec<u8>>, expected: &'static str) -> Self {
        Self { name, sent: Sent::Line(bytes.into(), false), expected }
    }

    /// The same, and nothing can follow.
    fn cut(name: &'static str, bytes: impl Into<Vec<u8>>, expected: &'static str) -> Self {
        Self { name, sent: Sent::Line(bytes.into(), true), expected }
    }

    /// Every case.
    pub(crate) fn all() -> Vec<Self> {
        let parts = [
            bodies::cases(),
            paths::cases(),
            lines::cases(),
            uploads::cases(),
            definitions::cases(),
        ];
        parts.into_iter().flatten().collect()
    }

    /// The answer, in the words of what is expected.
    async fn answer(&self, prey: &Prey) -> String {
        let client = &prey.client;
        let answer = match &self.sent {
            Sent::Request(method, path, kind, body) => {
                let request = client.request(method.clone(), path);
                let request =
                    if kind.is_empty() { request } else { request.header("content-type", *kind) };
                send(request.body(body.clone())).await
            }
            Sent::Header(name, value) => {
                let request = client.request(Method::POST, "/v1/flows/f/runs");
                let request = request.header("content-type", "application/json");
                send(request.header(*name, value).body("{}")).await
            }
            Sent::Line(bytes, closes) => return line(prey, bytes, *closes).await,
        };
        said(&answer)
    }
}

fn said(answer: &Answer) -> String {
    match answer.code() {
        "" => answer.status.to_string(),
        code => code.to_owned(),
    }
}

/// What is answered to bytes: a code, a status, or `closed`.
async fn line(prey: &Prey, bytes: &[u8], closes: bool) -> String {
    let address = prey.client.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = bytes.iter().flat_map(|byte| match byte {
        b'@' => prey.client.key().as_bytes().to_vec(),
        byte => vec![*byte],
    });
    // Who has heard enough answers and closes before everything was sent.
    let _ = stream.write_all(&text.collect::<Vec<u8>>()).await;
    if closes {
        let _ = stream.shutdown().await;
    }
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    let heard = String::from_utf8_lossy(&heard);
    let status = heard.split(' ').nth(1).unwrap_or("closed").to_owned();
    let body = heard.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let code = serde_json::from_str::<Value>(body).ok();
    code.and_then(|body| Some(body["code"].as_str()?.to_owned())).unwrap_or(status)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_request_is_answered_as_it_has_to_be_and_nobody_else_notices() {
    let mut prey = Prey::start().await;
    prey.canary_runs().await;
    let before = prey.gauges();
    let mut wrong = Vec::new();
    let cases = Case::all();
    for case in &cases {
        let answer = tokio::time::timeout(PATIENCE, case.answer(&prey)).await;
        let answer = answer.unwrap_or_else(|_| "no answer".to_owned());
        if answer != case.expected {
            wrong.push(format!("{}: {} and not {answer}", case.name, case.expected));
        }
        prey.is_unharmed(case.name).await;
        prey.canary_runs().await;
        let back = async || {
            let live = prey.client.get("/v1/runs?status=running").await.ok();
            let now = prey.gauges();
            let mut gauges = std::iter::zip(now, before).zip(KEPT);
            let is_back = gauges.all(|((now, before), kept)| now <= before + kept);
            (is_back && live["runs"].as_array().unwrap().is_empty()).then_some(())
        };
        let what = format!(
            "nothing runs after `{}`, and memory, descriptors and threads are back",
            case.name
        );
        until(&what, back).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(prey.longest() < MAX_CANARY, "a canary took {:?}", prey.longest());
}
