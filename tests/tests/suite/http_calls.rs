//! The built-in step `http`: what it sends, what its answer becomes, when it is tried again.

use std::process::Command;

use serde_json::{Value, json};
use stepcell_tests::client::{Answer, Client, send, until};
use stepcell_tests::host::{Host, database};
use stepcell_tests::process::Process;
use stepcell_tests::remote::Remote;

use crate::command_line::behind_tls;
use crate::recovery::key_for;

/// A flow of one http step, `call`.
pub(crate) fn flow(name: &str, http: &str, more: &str) -> String {
    format!(
        "flow = \"{name}\"\n[defaults]\nbackoff = {{ strategy = \"fixed\", base = \"10ms\" }}\n[[step]]\nname = \"call\"\n\
         builtin = {{ http = {http} }}\n{more}\n"
    )
}

pub(crate) async fn register(client: &Client, flow: String) -> Answer {
    let request = client.request(reqwest::Method::POST, "/v1/flows?activate=true");
    send(request.header("content-type", "application/toml").body(flow)).await
}

async fn run(host: &Host, http: &str, more: &str, input: Value) -> Value {
    register(&host.client, flow("f", http, more)).await.ok();
    host.client.run("f", &input).await
}

async fn attempts(host: &Host, run: &Value) -> Vec<Value> {
    let id = run["run_id"].as_str().unwrap();
    let path = format!("/v1/runs/{id}/steps/call/tasks/0/attempts");
    host.client.get(&path).await.ok()["attempts"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_made_of_templates_and_its_answer_is_the_output() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let http = format!(
        r#"{{ method = "POST", url = "{}/items/${{input.id}}?q=${{input.q}}", headers = {{ "X-Of" = "n ${{input.n}}" }}, body = {{ user = "${{input.user}}", hi = "for ${{input.id}}" }} }}"#,
        remote.url
    );
    let input = json!({ "id": "a/b?c#d@e", "q": "x&y=z", "n": 7, "user": { "name": "Ann" } });
    let run = run(&host, &http, "", input).await;
    let output = &run["output"]["call"];
    assert_eq!(
        (&output["status"], &output["headers"]["content-type"]),
        (&json!(200), &json!("application/json")),
        "{run:#}"
    );
    let sent = &output["body"];
    assert_eq!(sent["method"], "POST");
    assert_eq!(
        (&sent["path"], &sent["query"]),
        (&json!("/items/a%2Fb%3Fc%23d%40e"), &json!("q=x%26y%3Dz"))
    );
    assert_eq!(
        (&sent["headers"]["x-of"], &sent["headers"]["content-type"]),
        (&json!("n 7"), &json!("application/json"))
    );
    let body: Value = serde_json::from_str(sent["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({ "user": { "name": "Ann" }, "hi": "for a/b?c#d@e" }));
    let agent = sent["headers"]["user-agent"].as_str().unwrap();
    assert!(agent.starts_with("stepcell/"), "{agent}");
    assert!(sent["headers"]["accept-encoding"].is_null(), "{sent:#}");
    assert_eq!(
        host.database.run(&["select count(*) from breaker"]).unwrap(),
        ["0"],
        "nothing failed, nothing is written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json_text_or_bytes() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    for (path, body) in [
        ("text", json!("grüße")),
        ("binary", json!({ "base64": "iVAA/w==" })),
        ("json", json!({ "b": 1.5, "a": [] })),
        ("twice", json!("{\"a\":1,\"a\":2}")),
        ("status/204", json!("")),
    ] {
        let http = format!("{{ url = \"{}/{path}\" }}", remote.url);
        let run = run(&host, &http, "", Value::Null).await;
        assert_eq!(run["output"]["call"]["body"], body, "{path}: {run:#}");
    }
    let stored = "select output from outcome where output like '%1.50%'";
    let stored = host.database.run(&[stored]).unwrap();
    assert!(stored[0].contains("\"body\":{\"b\": 1.50, \"a\": [ ]}"), "{stored:?}");
    assert!(stored[0].contains("\"x-answer\":\"A b\""), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_calls_once_for_each_element_and_the_schema_is_held() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let http = format!("{{ url = \"{}/of/${{element}}\" }}", remote.url);
    let run_of = run(&host, &http, "map = true", json!([1, 2, 3, 4])).await;
    let answers = run_of["output"]["call"].as_array().unwrap();
    let paths: Vec<&str> =
        answers.iter().map(|answer| answer["body"]["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/of/1", "/of/2", "/of/3", "/of/4"]);
    let strict = "output_schema = { properties = { status = { const = 201 } } }";
    let http = format!("{{ url = \"{}/text\" }}", remote.url);
    let misfit = run(&host, &http, strict, Value::Null).await;
    assert_eq!(misfit["failure"]["kind"], "schema_mismatch", "{misfit:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_follow_each_other_in_the_same_hands() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let step = |name: &str, needs: &str, path: &str| {
        let url = format!("{}/{path}", remote.url);
        format!(
            "[[step]]\nname = \"{name}\"\nneeds = [{needs}]\nbuiltin = {{ http = {{ url = \"{url}\" }} }}\nmax_attempts = 1\n"
        )
    };
    let flow = [
        "flow = \"f\"\n".to_owned(),
        step("first", "", "1"),
        step("left", "\"first\"", "2${needs.first.body.path}"),
        step("right", "\"first\"", "3${needs.first.body.path}"),
        step("last", "\"left\", \"right\"", "${needs.left.status}/${needs.right.status}"),
    ];
    register(&host.client, flow.concat()).await.ok();
    let run = host.client.run("f", &Value::Null).await;
    assert_eq!(run["output"]["last"]["body"]["path"], "/200/200", "{run:#}");
    let mut paths: Vec<String> = remote.seen().into_iter().map(|seen| seen.path).collect();
    paths.sort();
    assert_eq!(paths, ["/1", "/2%2F1", "/200/200", "/3%2F1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_mistake_is_not_tried_again_and_one_of_a_fault_is() {
    let remote = Remote::start().await;
    // Far from opening.
    let host = Host::with(remote.settings_with_breaker(100)).await;
    for (path, tries) in [
        ("status/404?key=secret", 1),
        ("status/400", 1),
        ("status/304", 1),
        ("status/503", 3),
        ("status/500", 3),
        ("status/429", 3),
        ("status/408", 3),
        ("status/425", 3),
    ] {
        let http = format!("{{ url = \"{}/{path}\" }}", remote.url);
        let run = run(&host, &http, "max_attempts = 3", Value::Null).await;
        let failure = &run["failure"];
        assert_eq!(failure["kind"], "handler_error.dependency", "{path}: {run:#}");
        let (path, status) = (path.split('?').next().unwrap(), &path[7..10]);
        let message = format!("`GET {}/{path}` answered {status}", remote.url);
        assert_eq!(failure["message"], message, "{run:#}");
        assert_eq!(attempts(&host, &run).await.len(), tries, "{path}: {run:#}");
        if status == "404" {
            assert_eq!(failure["details"]["status"], 404, "{run:#}");
            assert_eq!(failure["details"]["body"], "no, said the server", "{run:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_try_has_the_same_key_and_waits_as_long_as_it_was_asked_to() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    register(
        &host.client,
        flow(
            "f",
            &format!("{{ method = \"PUT\", url = \"{}/later\", body = \"text\" }}", remote.url),
            "",
        ),
    )
    .await
    .ok();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request =
        host.client.request(reqwest::Method::POST, "/v1/flows/f/runs").header("traceparent", trace);
    let started = send(request.header("content-type", "application/json").body("{\"input\":null}"))
        .await
        .ok();
    let id = started["run_id"].as_str().unwrap();
    let run = host.client.ended(id).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    let attempts = attempts(&host, &run).await;
    assert_eq!(attempts[0]["retry_in_ms"], 1_000, "{attempts:#?}");
    let seen = remote.seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        let headers = &seen.whole["headers"];
        assert_eq!(headers["idempotency-key"], format!("{id}/call/0/0"), "{seen:?}");
        assert_eq!(headers["traceparent"], trace, "{seen:?}");
        assert_eq!(
            (&seen.whole["body"], &headers["content-type"]),
            (&json!("text"), &json!("text/plain; charset=utf-8"))
        );
    }
    let own = format!(
        "{{ url = \"{}/x\", headers = {{ idempotency-key = \"mine\", user-agent = \"me\" }} }}",
        remote.url
    );
    let run = self::run(&host, &own, "", Value::Null).await;
    let headers = &run["output"]["call"]["body"]["headers"];
    assert_eq!(
        (&headers["idempotency-key"], &headers["user-agent"]),
        (&json!("mine"), &json!("me"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let run = run(&host, &format!("{{ url = \"{}/moved\" }}", remote.url), "", Value::Null).await;
    assert_eq!(run["failure"]["details"]["headers"]["location"], "/echo", "{run:#}");
    let paths: Vec<String> = remote.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/moved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_the_limit_is_not_held_and_not_tried_again() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    for path in ["big/5000", "endless", "big/1000"] {
        let http = format!("{{ url = \"{}/{path}\" }}", remote.url);
        let run = run(&host, &http, "output = \"1KiB\"", Value::Null).await;
        assert_eq!(run["failure"]["kind"], "output_too_large", "{path}: {run:#}");
        assert_eq!(attempts(&host, &run).await.len(), 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_with_its_attempts_time() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let http = format!("{{ url = \"{}/never\" }}", remote.url);
    let run = run(&host, &http, "timeout = \"200ms\"\nmax_attempts = 2", Value::Null).await;
    assert_eq!(run["failure"]["kind"], "timeout", "{run:#}");
    assert_eq!(run["failure"]["message"], "task timed out after 200ms");
    assert_eq!(attempts(&host, &run).await.len(), 2);
    until("nobody waits", || async { (remote.waiting() == 0).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_hangs_up() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let http = format!("{{ url = \"{}/never\" }}", remote.url);
    register(&host.client, flow("f", &http, "timeout = \"15m\"")).await.ok();
    let id = host.client.start("f", &Value::Null).await;
    until("it hangs", || async { (remote.waiting() == 1).then_some(()) }).await;
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    until("nobody waits", || async { (remote.waiting() == 0).then_some(()) }).await;
    assert_eq!(host.client.ended(&id).await["status"], "cancelled");
    assert_eq!(remote.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_hang_hold_no_connection_to_postgres() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let http = format!("{{ url = \"{}/never\" }}", remote.url);
    register(&host.client, flow("f", &http, "map = true\ntimeout = \"15m\"")).await.ok();
    let calls: Vec<u32> = (0..20).collect();
    let id = host.client.start("f", &json!(calls)).await;
    until("all of them hang", || async { (remote.waiting() == 20).then_some(()) }).await;
    let other = "flow = \"other\"\n[[step]]\nname = \"s\"\nbuiltin = { set = \"${input}\" }\n";
    register(&host.client, other.to_owned()).await.ok();
    assert_eq!(host.client.run("other", &json!(7)).await["output"], json!({ "s": 7 }));
    let held = "select count(*) from pg_stat_activity
        where application_name = 'stepcell' and datname = current_database() and state like 'idle in transaction%'";
    assert_eq!(host.database.run(&[held]).unwrap(), ["0"]);
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    until("nobody waits", || async { (remote.waiting() == 0).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_other_end_is_a_failure_of_the_dependency() {
    let remote = Remote::start().await;
    let mut settings = remote.settings();
    // Bound, so that nobody else gets the port, and never listening.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = closed.local_addr().unwrap();
    // A service that speaks no TLS.
    let no_tls = remote.url.replace("http://", "");
    for pattern in
        [format!("http://{nobody}"), no_tls.clone(), "http://does-not-exist.invalid".to_owned()]
    {
        settings.worker.outbound.allowed.push(pattern.parse().unwrap());
    }
    let host = Host::with(settings).await;
    for url in [
        format!("http://{nobody}/x"),
        format!("https://{no_tls}/x"),
        "http://does-not-exist.invalid/x".to_owned(),
    ] {
        let run =
            run(&host, &format!("{{ url = \"{url}\" }}"), "max_attempts = 2", Value::Null).await;
        assert_eq!(run["failure"]["kind"], "handler_error.dependency", "{run:#}");
        let message = run["failure"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("`GET {url}` was not answered: ")), "{message}");
        assert_eq!(attempts(&host, &run).await.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_behind_tls_is_called_when_its_certificate_is_trusted() {
    let remote = Remote::start().await;
    let (url, certificate) = behind_tls(&remote.url).await;
    let (_, stranger) = behind_tls(&remote.url).await;
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await;
    let flags = ["--allow-fetch", "localhost:*", "--allow-fetch-network", "127.0.0.0/8,::1"];
    let roots = folder.path().join("roots.pem");
    for (certificate, status) in [(certificate, "completed"), (stranger, "failed")] {
        std::fs::write(&roots, certificate).unwrap();
        let trust = |command: &mut Command| {
            command.env("SSL_CERT_FILE", &roots);
        };
        let process = Process::serve_with(&database.url(), folder.path(), &key, &flags, trust);
        let flow = flow("f", &format!("{{ url = \"{url}/text\" }}"), "max_attempts = 1");
        register(&process.client, flow).await.ok();
        let run = process.client.run("f", &Value::Null).await;
        assert_eq!(run["status"], status, "{run:#}");
        if status == "failed" {
            assert_eq!(run["failure"]["kind"], "handler_error.dependency", "{run:#}");
            let message = run["failure"]["message"].as_str().unwrap();
            assert!(message.contains("certificate"), "{message}");
        }
        process.kill();
    }
    assert_eq!(remote.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_says_on_the_command_line_where_steps_may_call() {
    let remote = Remote::start().await;
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await;
    let allowed = format!("api.example.com,{}", remote.url);
    let flags = ["--allow-fetch", &allowed, "--allow-fetch-network", "127.0.0.0/8"];
    let process = Process::serve(&database.url(), folder.path(), &key, &flags);
    let flow = flow("f", &format!("{{ url = \"{}/text\" }}", remote.url), "");
    register(&process.client, flow).await.ok();
    let run = process.client.run("f", &Value::Null).await;
    assert_eq!(run["output"]["call"]["body"], "grüße", "{run:#}");
}
