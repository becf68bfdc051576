//! Requests of handlers: what they send and read, what is refused, how they end, and that the same guard holds as for http steps.

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};
use stepcell_tests::remote::Remote;

use crate::grants::{all, flow, reach, settings};
use crate::http_calls::register;

fn fetch(url: impl Into<String>) -> Value {
    json!({ "fetch": { "url": url.into() } })
}

async fn host(remote: &Remote) -> Host {
    let host = Host::with(settings(remote)).await;
    host.deploy_reacher(&flow("f", &all(remote), "")).await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_sends_a_request_and_reads_its_answer() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let headers = json!([
        ["X-Of", "one"],
        ["x-of", "two"],
        ["Host", "evil.example"],
        ["Content-Length", "1"],
        ["Transfer-Encoding", "chunked"],
        ["Connection", "close"],
        ["user-agent", "me"],
    ]);
    let url = format!("{}/items?q=1", remote.url);
    let post =
        json!({ "fetch": { "method": "POST", "url": url, "headers": headers, "body": "hello" } });
    let head = json!({ "fetch": { "method": "HEAD", "url": format!("{}/big/5000", remote.url) } });
    let acts = json!([
        post,
        fetch(format!("{}/json", remote.url)),
        head,
        fetch(format!("{}/moved", remote.url))
    ]);
    let did = reach(&host, acts).await;
    let sent: Value = serde_json::from_str(did[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&sent["method"], &sent["path"], &sent["query"], &sent["body"]),
        (&json!("POST"), &json!("/items"), &json!("q=1"), &json!("hello"))
    );
    let seen = &sent["headers"];
    let own = remote.url.trim_start_matches("http://");
    assert_eq!((&seen["host"], &seen["content-length"]), (&json!(own), &json!("5")), "{sent:#}");
    assert!(seen["transfer-encoding"].is_null() && seen["connection"].is_null(), "{sent:#}");
    assert_eq!(seen["user-agent"], "me");
    assert_eq!(
        (&did[1]["status"], &did[1]["body"]),
        (&json!(200), &json!("{\"b\": 1.50, \"a\": [ ]}"))
    );
    assert!(did[1]["headers"].as_array().unwrap().contains(&json!(["x-answer", "A b"])), "{did:#}");
    assert_eq!((&did[2]["status"], &did[2]["bytes"]), (&json!(200), &json!(0)));
    // A redirect is an answer.
    assert_eq!(did[3]["status"], 302);
    assert_eq!(remote.seen().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_or_is_not_allowed_is_an_error_that_says_so() {
    let remote = Remote::start().await;
    let mut settings = settings(&remote);
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = closed.local_addr().unwrap();
    let no_tls = remote.url.replace("http://", "");
    let more = [format!("http://{nobody}"), no_tls.clone(), "http://not-there.invalid".to_owned()];
    settings.worker.outbound.allowed.extend(more.iter().map(|one| one.parse().unwrap()));
    let host = Host::with(settings).await;
    let listed: Vec<String> = more.iter().map(|one| format!("\"{one}\"")).collect();
    let grants = all(&remote)
        .replace("fetch = [", &format!("fetch = [\"http://granted.net\", {}, ", listed.join(", ")));
    host.deploy_reacher(&flow("f", &grants, "")).await;
    let cases = [
        (fetch("ftp://a.net"), "Invalid"),
        (fetch("https://user:pass@a.net"), "Invalid"),
        (fetch(format!("{}/../x", remote.url)), "Invalid"),
        (fetch(format!("{}/a b#c", remote.url)), "Invalid"),
        (json!({ "fetch": { "url": remote.url, "body": "a GET has none" } }), "Invalid"),
        (json!({ "fetch": { "url": remote.url, "headers": [["a b", "c"]] } }), "Invalid"),
        (json!({ "fetch": { "url": remote.url, "headers": [["a", "b\r\nc: d"]] } }), "Invalid"),
        (json!({ "fetch": { "url": remote.url, "headers": vec![["a", "b"]; 65] } }), "Invalid"),
        (fetch("https://not-granted.net"), "Denied"),
        (fetch("http://granted.net"), "Denied"),
        (fetch(format!("http://{nobody}/x")), "Connect"),
        (fetch(format!("https://{no_tls}/x")), "Tls"),
        (fetch("http://not-there.invalid/x"), "Dns"),
        (
            json!({ "fetch": { "method": "POST", "url": remote.url, "bytes": 4 * 1024 * 1024 + 1 } }),
            "TooLarge",
        ),
        (fetch(format!("{}/endless", remote.url)), "TooLarge"),
        (
            json!({ "fetch": { "url": format!("{}/never", remote.url), "timeout_ms": 100 } }),
            "Timeout",
        ),
    ];
    let acts: Vec<Value> = cases.iter().map(|(act, _)| act.clone()).collect();
    let did = reach(&host, json!(acts)).await;
    for (at, (act, expected)) in cases.iter().enumerate() {
        assert_eq!(did[at]["error"], *expected, "{act}: {:#}", did[at]);
    }
    let paths: Vec<String> = remote.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/endless", "/never"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_megabytes_goes_out_and_an_attempt_sends_fifty_requests() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let big = json!({ "fetch": { "method": "PUT", "url": format!("{}/big/9", remote.url), "bytes": 1_900_000 } });
    let many = json!({ "fetch": { "url": format!("{}/text", remote.url), "times": 50 } });
    let did = reach(&host, json!([big, many])).await;
    assert_eq!((&did[0]["status"], &did[1]["error"]), (&json!(200), &json!("TooMany")), "{did:#}");
    assert_eq!(remote.seen().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_an_address_that_is_not_public_is_reached() {
    let remote = Remote::start().await;
    let port = remote.url.rsplit(':').next().unwrap().to_owned();
    let mut settings = settings(&remote);
    settings.worker.outbound = outbound::Settings {
        allowed: vec!["*:*".parse().unwrap(), "http://*:*".parse().unwrap()],
        networks: Vec::new(),
    };
    let host = Host::with(settings).await;
    let grants = "fetch = [\"*:*\", \"http://*:*\"], key_value = true, secrets = [{ name = \"API_KEY\", to = [\"a.net\"] }]";
    host.deploy_reacher(&flow("f", grants, "")).await;
    let named = [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
    ];
    let acts: Vec<Value> =
        named.iter().map(|name| fetch(format!("http://{name}:{port}/x"))).collect();
    let did = reach(&host, json!(acts)).await;
    for (at, name) in named.iter().enumerate() {
        assert_eq!(did[at]["error"], "RefusedAddress", "{name}: {:#}", did[at]);
    }
    assert!(remote.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_ends_with_its_attempt_and_the_breaker_hears_of_it() {
    let remote = Remote::start().await;
    let settings =
        Settings { keyring: settings(&remote).keyring, ..remote.settings_with_breaker(1) };
    let host = Host::with(settings).await;
    let more = "timeout = \"300ms\"\nmax_attempts = 1";
    let digest = host.deploy_reacher(&flow("f", &all(&remote), more)).await;
    let run = host.client.run("f", &json!([fetch(format!("{}/never", remote.url))])).await;
    assert_eq!(run["failure"]["kind"], "timeout", "{run:#}");
    until("nobody waits", || async { (remote.waiting() == 0).then_some(()) }).await;
    until("the breaker is open", || async {
        let breakers = host.client.get("/v1/breakers").await.ok();
        (breakers["breakers"][0]["state"] == "open").then_some(())
    })
    .await;
    host.database.run(&["delete from breaker"]).unwrap();
    host.client.deploy(&flow("f", &all(&remote), "timeout = \"15m\""), digest).await.ok();
    let id = host.client.start("f", &json!([fetch(format!("{}/never", remote.url))])).await;
    until("it hangs", || async { (remote.waiting() == 1).then_some(()) }).await;
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    until("it hung up", || async { (remote.waiting() == 0).then_some(()) }).await;
    assert_eq!(host.client.get("/v1/breakers").await.ok()["breakers"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_handlers_opened_holds_http_steps_back_too() {
    let remote = Remote::start().await;
    let settings =
        Settings { keyring: settings(&remote).keyring, ..remote.settings_with_breaker(3) };
    let host = Host::with(settings).await;
    host.deploy_reacher(&flow("f", &all(&remote), "")).await;
    remote.switch(500);
    let failing = json!({ "fetch": { "url": format!("{}/switched", remote.url), "times": 4 } });
    let did = reach(&host, json!([failing])).await;
    assert_eq!(did[0]["error"], "DependencyUnavailable", "{did:#}");
    assert!(did[0]["wait"].as_u64().unwrap() > 3_500_000, "{did:#}");
    let http = format!(
        "flow = \"h\"\n[[step]]\nname = \"call\"\nmax_attempts = 1\nbuiltin = {{ http = {{ url = \"{}/text\" }} }}\n",
        remote.url
    );
    register(&host.client, http).await.ok();
    let run = host.client.run("h", &Value::Null).await;
    assert_eq!(run["failure"]["kind"], "dependency_unavailable", "{run:#}");
    assert_eq!(remote.seen().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_mark_ends_the_attempt_as_the_request_did() {
    let remote = Remote::start().await;
    let host = Host::with(settings(&remote)).await;
    let strict = flow("f", &all(&remote), "max_attempts = 2").replace("\"reach\"", "\"strict\"");
    host.deploy_reacher(&strict).await;
    for (url, kind, tries) in [
        (format!("{}/status/503", remote.url), "handler_error.dependency", 2),
        (format!("{}/status/404", remote.url), "handler_error.dependency", 1),
        ("https://not-granted.net".to_owned(), "handler_error.configuration", 1),
    ] {
        let run = host.client.run("f", &json!(url)).await;
        assert_eq!(run["failure"]["kind"], kind, "{url}: {run:#}");
        let id = run["run_id"].as_str().unwrap();
        let path = format!("/v1/runs/{id}/steps/call/tasks/0/attempts");
        let attempts = host.client.get(&path).await.ok();
        assert_eq!(attempts["attempts"].as_array().unwrap().len(), tries, "{url}");
    }
    let run = host.client.run("f", &json!(format!("{}/text", remote.url))).await;
    assert_eq!(run["output"]["call"], "grüße", "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_claim_was_lost_sends_and_writes_nothing_more() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let acts = json!([
        fetch(format!("{}/held", remote.url)),
        fetch(format!("{}/after", remote.url)),
        { "set": ["key", 1] },
        { "delete": "key" },
    ]);
    host.client.start("f", &acts).await;
    until("it hangs", || async { (remote.waiting() == 1).then_some(()) }).await;
    host.database.run(&["update token set epoch = epoch + 1"]).unwrap();
    remote.release(1);
    until("the attempt is stale", || async {
        (host.worker.as_ref().unwrap().counts().stale > 0).then_some(())
    })
    .await;
    let paths: Vec<String> = remote.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/held"]);
    assert_eq!(host.database.run(&["select count(*) from key_value"]).unwrap(), ["0"]);
}
