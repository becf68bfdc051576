//! The API over a real Postgres, without a worker: who may do what, how things are refused, how pages go on.

#[path = "http/host.rs"]
mod host;

use axum::http::StatusCode;
use host::{Answer, Host};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_lack_a_key_gets_the_same_answer() {
    let host = Host::start().await;
    let other = api::Key::generate();
    let (id, _) = host.key.rsplit_once('_').unwrap();
    let wrong = [
        None,
        Some("".to_owned()),
        Some("Bearer".to_owned()),
        Some("Bearer x".to_owned()),
        Some(format!("Basic {}", host.key)),
        Some(format!("Bearer {other}")),
        Some(format!("Bearer {id}_{}", "0".repeat(64))),
    ];
    let mut bodies = Vec::new();
    for header in wrong {
        let answer = host.ask("GET", "/v1/runs", header.as_deref(), None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let mut body = answer.body;
        body["request_id"] = Value::Null;
        bodies.push(body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_there_and_all_but_the_hosts_own_need_a_key() {
    let host = Host::start().await;
    let document = host.get("/openapi.json").await.body;
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.replace("{code}", "internal").replace(['{', '}'], "");
            let answer = host.ask(&method.to_uppercase(), &path, None, None).await;
            let is_open = operation["tags"][0] == "host";
            let expected = if is_open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            assert_eq!(answer.status, expected, "{method} {path}: {}", answer.body);
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_scope_is_forbidden() {
    let host = Host::start().await;
    let key = host.key_with(&[store::Scope::Read]).await;
    let answer =
        host.ask("POST", "/v1/flows/f/runs", Some(&format!("Bearer {key}")), Some("{}")).await;
    assert_refused(&answer, StatusCode::FORBIDDEN, "forbidden");
    let answer = host.ask("GET", "/v1/runs", Some(&format!("Bearer {key}")), None).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_addresses_and_methods_are_problems_with_a_page() {
    let host = Host::start().await;
    let answer = host.get("/v1/nothing").await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "not_found");
    let page = host.get(answer.body["type"].as_str().unwrap()).await;
    assert_eq!(page.status, StatusCode::OK);
    let answer = host.ask("PATCH", "/v1/runs", None, None).await;
    assert_refused(&answer, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    assert!(answer.headers.contains_key("allow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_a_harmless_id_and_loses_any_other() {
    let host = Host::start().await;
    let kept = host.get_with("/healthz", "x-request-id", "mine-1").await;
    assert_eq!(kept.headers["x-request-id"], "mine-1");
    let lost = host.get_with("/healthz", "x-request-id", "no spaces").await;
    assert_ne!(lost.headers["x-request-id"], "no spaces");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_refused_with_its_reason() {
    let host = Host::start().await;
    let answer = host.put("application/wasm", b"hello there, this is text").await;
    assert_refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "component.not_wasm");
    assert_eq!(answer.body["reasons"][0]["code"], "component.not_wasm");
    let answer = host.put("text/plain", b"\0asm").await;
    assert_refused(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.content_type");
    let answer =
        host.put("application/wasm", &vec![0; model::limits::MAX_COMPONENT_BYTES + 1]).await;
    assert_refused(&answer, StatusCode::PAYLOAD_TOO_LARGE, "component.too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_component_is_not_deleted() {
    let host = Host::start().await;
    let digest = host.flow("f", &["a"], &[]).await;
    let answer =
        host.ask("DELETE", &format!("/v1/components/{digest}"), Some(&host.bearer()), None).await;
    assert_refused(&answer, StatusCode::CONFLICT, "component.in_use");
    assert!(answer.body["detail"].as_str().unwrap().contains("f@1"));
    let unknown = format!("/v1/components/{}", "0".repeat(64));
    let answer = host.ask("DELETE", &unknown, Some(&host.bearer()), None).await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "component.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_registered_once_and_its_problems_are_all_listed() {
    let host = Host::start().await;
    let digest = host.component().await;
    let manifest = json!({ "flow": "f", "step": [{ "name": "a", "component": digest }] });
    let first = host.post("/v1/flows?activate=true", &manifest).await;
    assert_eq!((first.status, &first.body["status"]), (StatusCode::CREATED, &json!("created")));
    assert_eq!(first.body["active_version"], 1);
    let again = host.post("/v1/flows", &manifest).await;
    assert_eq!((again.status, &again.body["status"]), (StatusCode::OK, &json!("unchanged")));
    let bad = json!({ "flow": "f", "step": [{ "name": "a b", "component": digest, "neds": [] }] });
    let answer = host.post("/v1/flows", &bad).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body["reasons"].as_array().unwrap().len(), 2, "{}", answer.body);
    let unknown = json!({ "flow": "f", "step": [{ "name": "a", "component": "0".repeat(64) }] });
    let answer = host.post("/v1/flows", &unknown).await;
    assert_refused(&answer, StatusCode::UNPROCESSABLE_ENTITY, "manifest.unknown_component");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_activated_compared_and_rolled_back() {
    let host = Host::start().await;
    let digest = host.component().await;
    for timeout in ["5s", "6s"] {
        let step = json!({ "name": "a", "component": digest, "timeout": timeout });
        let answer =
            host.post("/v1/flows?activate=true", &json!({ "flow": "f", "step": [step] })).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    let diff = host.get("/v1/flows/f/diff").await.body;
    assert_eq!((&diff["from"], &diff["to"]), (&json!(1), &json!(2)));
    assert_eq!(diff["differences"][0]["text"], "step `a`: timeout 5s -> 6s");
    let answer = host.post("/v1/flows/f/activate", &json!({ "version": 9 })).await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "version.not_found");
    let versions = host.get("/v1/flows/f/versions").await.body;
    assert_eq!(versions["versions"][0]["active"], true);
    assert!(versions["versions"][0]["activated_at"].is_string(), "{versions:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_to_what_was_active_before_and_then_further() {
    let host = Host::start().await;
    let digest = host.component().await;
    let roll_back = async || {
        let answer = host.post("/v1/flows/f/rollback", &json!({})).await;
        (answer.status.is_success(), answer.body["active_version"].as_u64())
    };
    for timeout in ["5s", "6s", "7s"] {
        let step = json!({ "name": "a", "component": digest, "timeout": timeout });
        host.post("/v1/flows", &json!({ "flow": "f", "step": [step] })).await;
    }
    for version in [1, 3, 3, 2] {
        host.post("/v1/flows/f/activate", &json!({ "version": version })).await;
    }
    // Version 2 was tried and taken back; version 3 was activated twice, which is once.
    assert_eq!(roll_back().await, (true, Some(3)));
    assert_eq!(roll_back().await, (true, Some(1)));
    let none = host.post("/v1/flows/f/rollback", &json!({})).await;
    assert_refused(&none, StatusCode::NOT_FOUND, "version.not_found");
    for version in [2, 3, 2] {
        host.post("/v1/flows/f/activate", &json!({ "version": version })).await;
    }
    let three = tokio::join!(roll_back(), roll_back(), roll_back(), roll_back());
    let mut reached = [three.0, three.1, three.2, three.3];
    reached.sort();
    // Each of them took one step: none was lost, none was taken twice.
    assert_eq!(reached, [(false, None), (true, Some(1)), (true, Some(2)), (true, Some(3))]);
    assert_eq!(host.get("/v1/flows/f").await.body["active_version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_be_leaves_no_run() {
    let host = Host::start().await;
    host.flow("mapped", &["a"], &["a"]).await;
    let cases = [
        ("/v1/flows/mapped/runs", r#"{"input": {"a": 1}}"#, 422, "run.not_an_array", "/input"),
        (
            "/v1/flows/mapped/runs",
            r#"{"input": {"a": 1, "a": 2}}"#,
            422,
            "payload.duplicate_key",
            "/input/a",
        ),
        (
            "/v1/flows/mapped/runs",
            r#"{"input": [1e400]}"#,
            422,
            "payload.number_out_of_range",
            "/input/0",
        ),
        ("/v1/flows/mapped/runs", r#"{"input": ["#, 400, "payload.invalid_json", ""),
        ("/v1/flows/mapped/runs", r#"{"inptu": []}"#, 400, "request.invalid", ""),
        ("/v1/flows/mapped/runs", r#"{"input": [], "run_id": "x"}"#, 400, "request.invalid", ""),
        ("/v1/flows/mapped/runs", r#"{"input": [], "version": 7}"#, 404, "version.not_found", ""),
        ("/v1/flows/mapped/runs?wait=2h", r#"{"input": []}"#, 400, "request.invalid", ""),
        ("/v1/flows/nothing/runs", r#"{"input": []}"#, 404, "flow.not_found", ""),
    ];
    for (path, body, status, code, pointer) in cases {
        let answer = host.ask("POST", path, Some(&host.bearer()), Some(body)).await;
        assert_refused(&answer, StatusCode::from_u16(status).unwrap(), code);
        if !pointer.is_empty() {
            assert_eq!(answer.body["pointer"], pointer, "{body}");
        }
    }
    let large = format!("{{\"input\": \"{}\"}}", "x".repeat(1024 * 1024));
    let answer =
        host.ask("POST", "/v1/flows/mapped/runs", Some(&host.bearer()), Some(&large)).await;
    assert_refused(&answer, StatusCode::PAYLOAD_TOO_LARGE, "payload.too_large");
    assert_eq!(host.get("/v1/runs").await.body["runs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_starts_one_run() {
    let host = Host::start().await;
    host.flow("f", &["a"], &[]).await;
    let ask = |body| host.post_with("/v1/flows/f/runs", "idempotency-key", "k1", body);
    let first = ask(json!({ "input": 1 })).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = ask(json!({ "input": 1 })).await;
    assert_eq!((again.status, &again.body["run_id"]), (StatusCode::OK, &first.body["run_id"]));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = ask(json!({ "input": 2 })).await;
    assert_refused(&other, StatusCode::UNPROCESSABLE_ENTITY, "request.idempotency_mismatch");
    assert_eq!(host.get("/v1/runs").await.body["runs"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_runs_go_on_where_they_ended() {
    let host = Host::start().await;
    host.flow("f", &["a"], &[]).await;
    for _ in 0..5 {
        host.post("/v1/flows/f/runs", &json!({})).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/runs?limit=2".to_owned();
    loop {
        let page = host.get(&path).await.body;
        seen.extend(page["runs"].as_array().unwrap().iter().map(|run| run["run_id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/runs?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first: {seen:?}");
    let cursor = path.rsplit_once('=').unwrap().1;
    let misused = host.get(&format!("/v1/runs?status=queued&cursor={cursor}")).await;
    assert_refused(&misused, StatusCode::BAD_REQUEST, "request.bad_cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_says_so_everywhere_and_stays_cancelled() {
    let host = Host::start().await;
    host.flow("f", &["a", "b"], &[]).await;
    let run =
        host.post("/v1/flows/f/runs", &json!({})).await.body["run_id"].as_str().unwrap().to_owned();
    let waiting = host.get(&format!("/v1/runs/{run}/wait?timeout=1ms")).await;
    assert_eq!(waiting.body["status"], "queued");
    let cancelled = host.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(
        (cancelled.status, &cancelled.body["status"]),
        (StatusCode::OK, &json!("cancelled"))
    );
    let again = host.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
    assert_refused(&again, StatusCode::CONFLICT, "run.ended");
    let events = host.get(&format!("/v1/runs/{run}/events")).await.body;
    let types: Vec<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "run_started",
            "step_started",
            "step_started",
            "step_cancelled",
            "step_cancelled",
            "run_cancelled"
        ]
    );
    assert_eq!(events["ended"], true);
    let since = events["events"][3]["id"].as_str().unwrap();
    let rest = host.get(&format!("/v1/runs/{run}/events?since={since}")).await.body;
    assert_eq!(rest["events"].as_array().unwrap().len(), 2);
    let whole = host.get(&format!("/v1/runs/{run}")).await.body;
    assert_eq!(whole["steps"][0]["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_events_ends_with_the_run() {
    let host = Host::start().await;
    host.flow("f", &["a"], &[]).await;
    let run =
        host.post("/v1/flows/f/runs", &json!({})).await.body["run_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/runs/{run}/events");
    let (cancel, nothing) = (format!("/v1/runs/{run}/cancel"), json!({}));
    let (stream, _) = tokio::join!(host.stream(&path), host.post(&cancel, &nothing));
    let events: Vec<&str> =
        stream.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(events, ["run_started", "step_started", "step_cancelled", "run_cancelled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_another_tenant_is_not_there() {
    let host = Host::start().await;
    host.flow("f", &["a"], &[]).await;
    let run =
        host.post("/v1/flows/f/runs", &json!({})).await.body["run_id"].as_str().unwrap().to_owned();
    let other = format!("Bearer {}", host.key_of("other").await);
    let unknown = "00000000-0000-7000-8000-000000000000";
    for path in ["", "/events", "/logs", "/output", "/wait", "/steps/a/tasks/0/attempts"] {
        let foreign = host.ask("GET", &format!("/v1/runs/{run}{path}"), Some(&other), None).await;
        let nobodys =
            host.ask("GET", &format!("/v1/runs/{unknown}{path}"), Some(&other), None).await;
        assert_refused(&foreign, StatusCode::NOT_FOUND, "run.not_found");
        assert_eq!(foreign.body["detail"], nobodys.body["detail"], "{path}");
    }
    let answer = host.ask("POST", &format!("/v1/runs/{run}/cancel"), Some(&other), None).await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "run.not_found");
    let answer = host.ask("POST", "/v1/flows/f/runs", Some(&other), Some("{}")).await;
    assert_refused(&answer, StatusCode::NOT_FOUND, "flow.not_found");
}

#[track_caller]
fn assert_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(
        (answer.status, answer.body["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.body
    );
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    for part in ["type", "title", "detail", "fix", "request_id"] {
        assert!(
            answer.body[part].as_str().is_some_and(|text| !text.is_empty()),
            "{part}: {}",
            answer.body
        );
    }
}
