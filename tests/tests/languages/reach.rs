//! One set of guests in each language, which use everything of their SDKs: what a step is granted, children, every outcome, what
//! follows a failure, and a flow that the component carries; against a real host.

use std::path::Path;

use model::{Digest, Language};
use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::guests::root;
use stepcell_tests::host::{Host, Settings};
use stepcell_tests::remote::Remote;

use crate::build;
use crate::sources::{of, put};

/// A key for secrets.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const VALUE: &str = "sk_live_\"51}}H8x";
/// Each is deployed as a flow of its own, and may make so many attempts.
const HANDLERS: [(&str, u32); 10] = [
    ("fetches", 1),
    ("reveals", 1),
    ("keeps", 1),
    ("exceeds", 1),
    ("spawns", 1),
    ("skips", 1),
    ("nexts", 1),
    ("retries", 3),
    ("gives_up", 3),
    ("breaks", 1),
];
/// Failures in a row after which requests are held back.
const BREAKER: u32 = 3;

/// A host with the guest of a language.
struct Reach {
    host: Host,
    remote: Remote,
    component: Digest,
    language: &'static str,
}

impl Reach {
    /// A component.
    async fn of(language: &'static str) -> Self {
        let file = build(&root().join("tests/guests/reach").join(language));
        let (host, remote) = host().await;
        Self::with((host, remote), language, "application/wasm", std::fs::read(file).unwrap()).await
    }

    /// A source, which its runtime runs.
    async fn of_source(runtime: Language, language: &'static str, file: &str) -> Self {
        let (host, remote) = host().await;
        let done = of(&host, Path::new("/"), &["runtime", "install", runtime.as_str(), "--json"]);
        assert!(done.status.success(), "{}", crate::said(&done));
        let text = std::fs::read(root().join("tests/guests/reach").join(file)).unwrap();
        Self::with((host, remote), language, runtime.media_types()[0], text).await
    }

    async fn with(
        (host, remote): (Host, Remote),
        language: &'static str,
        kind: &str,
        bytes: Vec<u8>,
    ) -> Self {
        let kept = put(&host.client, kind, bytes).await.ok();
        let component = kept["digest"].as_str().unwrap().parse().unwrap();
        let reach = Self { host, remote, component, language };
        for (handler, attempts) in HANDLERS {
            let step = reach.step("only", handler);
            let defaults = format!("[defaults]\nmax_attempts = {attempts}\n");
            reach.deploy(handler, &(defaults + &step)).await;
        }
        reach
    }

    /// A step with a handler that is granted everything.
    fn step(&self, name: &str, handler: &str) -> String {
        let url = &self.remote.url;
        format!(
            "[[step]]\nname = \"{name}\"\ncomponent = \"@\"\nhandler = \"{handler}\"\n\
             grants = {{ fetch = [\"{url}\"], key_value = true, secrets = [{{ name = \"API_KEY\", to = [\"{url}\"] }}] }}\n"
        )
    }

    async fn deploy(&self, flow: &str, rest: &str) {
        let text = format!("flow = \"{flow}\"\n{rest}");
        self.host.client.deploy(&text, self.component).await.ok();
    }

    /// What a handler answered.
    async fn answers(&self, handler: &str, input: Value) -> Value {
        let run = self.host.client.run(handler, &input).await;
        assert_eq!(run["status"], "completed", "{handler}: {run:#}");
        run["output"]["only"].clone()
    }

    /// The kind of what a handler failed with, and its message.
    async fn fails(&self, handler: &str, input: Value) -> (String, String) {
        let run = self.host.client.run(handler, &input).await;
        let text = |member: &str| {
            let text = run["failure"][member].as_str();
            text.unwrap_or_else(|| panic!("{handler}: {run:#}")).to_owned()
        };
        (text("kind"), text("message"))
    }

    /// A request without a body.
    fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.remote.url);
        json!({ "url": url, "method": "GET", "header": ["x-one", "1"], "body": null })
    }

    async fn holds(&self) {
        self.sends().await;
        self.is_told_why_nothing_came().await;
        self.reveals_no_secret().await;
        self.keeps_values().await;
        self.has_children().await;
        self.ends_in_every_outcome().await;
        self.is_undone().await;
        self.carries_a_flow().await;
        self.is_held_back().await;
    }

    async fn sends(&self) {
        let url = format!("{}/items?q=1", self.remote.url);
        let post =
            json!({ "url": url, "method": "POST", "header": ["X-One", "a b"], "body": "grüße" });
        let answer = self.answers("fetches", post).await;
        assert_eq!(
            (&answer["status"], &answer["type"]),
            (&json!(200), &json!("application/json")),
            "{answer:#}"
        );
        let sent: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            (&sent["method"], &sent["path"], &sent["query"], &sent["body"]),
            (&json!("POST"), &json!("/items"), &json!("q=1"), &json!("grüße"))
        );
        assert_eq!(sent["headers"]["x-one"], "a b", "{sent:#}");
        let text = json!({ "status": 200, "type": "text/plain", "body": "grüße" });
        assert_eq!(self.answers("fetches", self.get("/text")).await, text);
        let nothing = json!({ "status": 200, "type": null, "body": "" });
        assert_eq!(self.answers("fetches", self.get("/switched")).await, nothing);
        let large = self.answers("fetches", self.get("/big/60000")).await;
        assert_eq!(large["body"].as_str().unwrap().len(), 60_000);
    }

    async fn is_told_why_nothing_came(&self) {
        let mut denied = self.get("");
        denied["url"] = json!("https://not-granted.net/x");
        let mut invalid = self.get("/text");
        invalid["body"] = json!("a GET has none");
        let mut late = self.get("/never");
        late["timeout_ms"] = json!(100);
        for (request, told) in [
            (denied, "may not call `https://not-granted.net`"),
            (invalid, "`GET` sends no body"),
            (late, "the request took too long"),
            (self.get("/endless"), "a body has more than 4194304 bytes"),
        ] {
            let (kind, message) = self.fails("fetches", request).await;
            assert_eq!(kind, "handler_error.dependency", "{message}");
            assert!(message.contains(told), "{message}");
        }
        let url = format!("{}/text", self.remote.url);
        let told = json!({
            "value": "a value has at most 262144 bytes",
            "request": "an attempt sends at most 50 requests",
        });
        assert_eq!(self.answers("exceeds", json!({ "url": url })).await, told);
    }

    async fn reveals_no_secret(&self) {
        self.host.client.put("/v1/secrets/API_KEY", &json!({ "value": VALUE })).await.ok();
        let url = format!("{}/keyed", self.remote.url);
        let answer = self.answers("reveals", json!({ "url": url, "secret": "API_KEY" })).await;
        assert_eq!(answer, json!({ "status": 200, "names": ["API_KEY"] }));
        let sent = self.remote.seen().pop().unwrap();
        assert_eq!(
            (sent.path.as_str(), &sent.whole["headers"]["authorization"]),
            ("/keyed", &json!(format!("Bearer {VALUE}")))
        );
        let (kind, message) = self.fails("reveals", json!({ "url": url, "secret": "OTHER" })).await;
        assert_eq!(kind, "handler_error.configuration", "{message}");
    }

    async fn keeps_values(&self) {
        let key = "schlüssel/1";
        let kept = json!({
            "before": null, "swapped": [true, false], "value": "two", "keys": [key], "deleted": true, "after": null,
        });
        assert_eq!(self.answers("keeps", json!({ "key": key })).await, kept);
        let (kind, message) = self.fails("keeps", json!({ "key": "" })).await;
        assert_eq!(kind, "handler_error.validation", "{message}");
    }

    async fn has_children(&self) {
        let child = "[[step]]\nname = \"work\"\nbuiltin = ";
        self.deploy("child", &format!("{child}{{ set = \"${{input}}\" }}\n")).await;
        let answered = json!([
            { "key": "a", "status": "completed", "output": { "work": 1 } },
            { "key": "b", "status": "completed", "output": { "work": 2 } },
        ]);
        assert_eq!(self.answers("spawns", Value::Null).await, answered);
        self.deploy("child", &format!("{child}{{ set = \"${{input.nobody}}\" }}\n")).await;
        let failed = json!([
            { "key": "a", "status": "failed", "output": null },
            { "key": "b", "status": "failed", "output": null },
        ]);
        assert_eq!(self.answers("spawns", Value::Null).await, failed);
    }

    async fn ends_in_every_outcome(&self) {
        let run = self.host.client.run("skips", &Value::Null).await;
        let step = &run["steps"][0];
        assert_eq!((&step["status"], &step["reason"]), (&json!("skipped"), &json!("handler")));
        assert_eq!(step["last_failure"]["message"], "nothing to do", "{run:#}");
        assert_eq!(self.answers("nexts", Value::Null).await, 3);
        let second = json!({ "attempt": 2, "state": { "tries": 1 } });
        assert_eq!(self.answers("retries", Value::Null).await, second);
        let run = self.host.client.run("gives_up", &Value::Null).await;
        assert_eq!(run["failure"]["kind"], "handler_error.validation", "{run:#}");
        assert_eq!(run["failure"]["message"], "it gives up", "{run:#}");
        assert_eq!(
            (&run["failure"]["details"], &run["attempts"]),
            (&json!({ "why": "no" }), &json!(1)),
            "{run:#}"
        );
        let mended = "mended: handler_error.execution: broken";
        assert_eq!(self.answers("breaks", Value::Null).await, mended);
    }

    async fn is_undone(&self) {
        let fails = "[[step]]\nname = \"last\"\nneeds = [\"books\"]\nbuiltin = { set = \"${input.nobody}\" }\n";
        self.deploy("trip", &(self.step("books", "books") + fails)).await;
        let run = self.host.client.run("trip", &json!({ "seat": "12A" })).await;
        assert_eq!(run["failed_step"], "last", "{run:#}");
        let id = run["run_id"].as_str().unwrap();
        let undone = async || {
            let run = self.host.client.get(&format!("/v1/runs/{id}")).await.ok();
            (run["compensation"]["status"] != "pending").then_some(run)
        };
        let run = until("the run is undone", undone).await;
        assert_eq!(run["compensation"]["status"], "completed", "{run:#}");
        let lines = format!("select lines from compensated where run_id = '{id}'");
        let lines = self.host.database.run(&[&lines]).unwrap();
        assert!(lines.len() == 1 && lines[0].contains("gave back 12A"), "{lines:#?}");
    }

    async fn carries_a_flow(&self) {
        let flow = format!("carried-{}", self.language);
        let run = self.host.client.run(&flow, &json!({ "seat": "12A" })).await;
        assert_eq!(run["output"]["books"], json!({ "seat": "12A" }), "{run:#}");
    }

    /// The last of all: it is for an hour.
    async fn is_held_back(&self) {
        self.remote.switch(500);
        for _ in 0..BREAKER {
            assert_eq!(self.answers("fetches", self.get("/switched")).await["status"], 500);
        }
        let (kind, message) = self.fails("fetches", self.get("/switched")).await;
        assert_eq!(kind, "handler_error.dependency", "{message}");
        let wait = message
            .strip_prefix("requests are held back after failures in a row; the next one in ");
        let wait =
            wait.and_then(|rest| rest.strip_suffix(" ms")).and_then(|ms| ms.parse::<u64>().ok());
        assert!(wait.is_some_and(|ms| (1..=3_600_000).contains(&ms)), "{message}");
    }
}

/// A host that keeps secrets, and a service that its steps may call.
async fn host() -> (Host, Remote) {
    let remote = Remote::start().await;
    let keyring = Some(KEY.parse().unwrap());
    let settings = Settings { keyring, ..remote.settings_with_breaker(BREAKER) };
    (Host::with(settings).await, remote)
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_in_javascript_reach_what_all_do() {
    Reach::of("js").await.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_in_python_reach_what_all_do() {
    Reach::of("python").await.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_in_c_reach_what_all_do() {
    Reach::of("c").await.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_in_go_reach_what_all_do() {
    Reach::of("go").await.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_in_javascript_reach_what_all_do() {
    Reach::of_source(Language::Javascript, "js", "js/handler.js").await.holds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_in_python_reach_what_all_do() {
    Reach::of_source(Language::Python, "python", "python/handler.py").await.holds().await;
}
