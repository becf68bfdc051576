//! Every bad input has an answer: a code, what, where, and what to do.

use serde_json::json;
use stepcell_tests::client::{Answer, send};
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings};

async fn api() -> Host {
    Host::with(Settings { works: false, ..Settings::default() }).await
}

/// A problem has everything a person needs.
#[track_caller]
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code()), (status, code), "{:#}", answer.body);
    for field in ["type", "title", "detail", "fix", "request_id"] {
        assert!(answer.body[field].is_string(), "`{field}`: {:#}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_component_is_refused_and_the_answer_says_what_it_looks_like() {
    let host = api().await;
    let module = guests::bare("good");
    let good = guests::hand_written("good");
    let cases: &[(&[u8], &str)] = &[
        (b"", "component.not_wasm"),
        (b"(component)", "component.not_wasm"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "component.not_wasm"),
        (b"\0asm", "component.truncated"),
        (&module, "component.core_module"),
        (&good[..good.len() / 2], "component.truncated"),
    ];
    for (bytes, code) in cases {
        let answer = host.client.upload(bytes.to_vec()).await;
        assert!(answer.status >= 400 && answer.status < 500, "{answer:?}");
        assert_problem(&answer, answer.status, code);
    }
    assert_eq!(host.client.upload(good).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_larger_than_the_limits_is_refused_before_anything_is_compiled() {
    let host = api().await;
    for guest in ["memory_declared_huge", "table_declared_huge"] {
        let answer = host.client.upload(guests::hand_written(guest)).await;
        assert!((400..500).contains(&answer.status), "{guest}: {answer:?}");
        assert!(answer.code().starts_with("component."), "{guest}: {answer:?}");
    }
    assert_eq!(host.sandbox.compiled_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_cannot_be_is_refused_with_its_own_code() {
    let host = api().await;
    let digest = host.upload(guests::hand_written("good")).await;
    let step =
        |rest: &str| format!("flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\n{rest}\n");
    let cases = [
        ("flow = ".to_owned(), "manifest.invalid_syntax"),
        (step("need = [\"b\"]"), "manifest.unknown_field"),
        (step("needs = [\"b\"]"), "manifest.unknown_dependency"),
        (step("needs = [\"a\"]"), "manifest.cycle"),
        (step("timeout = \"2h\""), "manifest.out_of_range"),
        (step("max_attempts = 0"), "manifest.out_of_range"),
        (step("max_attempts = \"three\""), "manifest.wrong_type"),
        (step("\n[[step]]\nname = \"a\"\ncomponent = \"@\""), "manifest.duplicate_step"),
        (step("").replace("name = \"a\"", "name = \"1a\""), "manifest.bad_name"),
        (step("").replace("name = \"a\"", "name = \"run\""), "manifest.bad_name"),
        (step("grants = { fetch = [\"x.example\"] }"), "manifest.unused_grant"),
        (step("").replace('@', &"0".repeat(64)), "manifest.unknown_component"),
        (step("input_schema = { type = \"thing\" }"), "manifest.bad_schema"),
    ];
    for (flow, code) in cases {
        let answer = host.client.deploy(&flow, digest).await;
        assert!((400..500).contains(&answer.status), "{flow}: {answer:?}");
        assert_problem(&answer, answer.status, code);
    }
    assert_eq!(host.client.get("/v1/flows").await.ok()["flows"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_the_gate_refuses_starts_nothing_and_says_where() {
    let host = api().await;
    let digest = host.upload(guests::hand_written("good")).await;
    let flow = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\n";
    host.client.deploy(flow, digest).await.ok();
    let deep = "[".repeat(100) + &"]".repeat(100);
    let cases = [
        ("{\"input\":", "payload.invalid_json"),
        ("{\"input\":1e400}", "payload.number_out_of_range"),
        ("{\"input\":1e131071}", "payload.number_out_of_range"),
        ("{\"input\":{\"a\":1,\"\\u0061\":2}}", "payload.duplicate_key"),
        ("{\"input\":\"\\ud800\"}", "payload.invalid_unicode"),
        ("{\"input\":\"a\\u0000\"}", "payload.nul_not_allowed"),
        (&format!("{{\"input\":{deep}}}"), "payload.too_complex"),
    ];
    for (body, code) in cases {
        let answer = host.client.post_text("/v1/flows/f/runs", body).await;
        assert!((400..500).contains(&answer.status), "{body}: {answer:?}");
        assert_problem(&answer, answer.status, code);
    }
    let large = format!("{{\"input\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let answer = host.client.post_text("/v1/flows/f/runs", &large).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(host.client.get("/v1/runs").await.ok()["runs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found_and_says_which() {
    let host = api().await;
    let digest = host.upload(guests::hand_written("good")).await;
    let flow = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\n";
    host.client.deploy(flow, digest).await.ok();
    let nobody = "01890000-0000-7000-8000-000000000000";
    let zeros = "0".repeat(64);
    for (path, code) in [
        (format!("/v1/runs/{nobody}"), "run.not_found"),
        (format!("/v1/runs/{nobody}/events"), "run.not_found"),
        (format!("/v1/components/{zeros}"), "component.not_found"),
        ("/v1/flows/nothing".to_owned(), "flow.not_found"),
        ("/v1/flows/f/versions/9".to_owned(), "version.not_found"),
        ("/v1/nothing".to_owned(), "not_found"),
    ] {
        assert_problem(&host.client.get(&path).await, 404, code);
    }
    let start = host.client.post("/v1/flows/nothing/runs", &json!({})).await;
    assert_problem(&start, 404, "flow.not_found");
    let start = host.client.post("/v1/flows/f/runs", &json!({"version": 9})).await;
    assert_problem(&start, 404, "version.not_found");
    let activate = host.client.post("/v1/flows/f/activate", &json!({"version": 9})).await;
    assert_problem(&activate, 404, "version.not_found");
    let delete = host.client.delete(&format!("/v1/components/{digest}")).await;
    assert_problem(&delete, 409, "component.in_use");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_a_key_can_be_wrong_looks_the_same() {
    let host = api().await;
    let mut answers = Vec::new();
    for key in ["", "nonsense", "sc_0000000000000000_00", &api::Key::generate().to_string()] {
        let answer = host.client.with_key(key).get("/v1/flows").await;
        assert_problem(&answer, 401, "unauthorized");
        answers.push((answer.body["detail"].clone(), answer.body["fix"].clone()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_content_type_and_a_wrong_method_are_said() {
    let host = api().await;
    let request = host.client.request(reqwest::Method::PUT, "/v1/components");
    let answer = send(request.header("content-type", "text/plain").body("x")).await;
    assert_problem(&answer, 415, "request.content_type");
    let answer = host.client.post("/v1/runs", &json!({})).await;
    assert_problem(&answer, 405, "method_not_allowed");
    let answer = host.client.get("/v1/runs?status=flying").await;
    assert_problem(&answer, 400, "request.invalid");
    let answer = host.client.get("/v1/runs?cursor=made-up").await;
    assert_problem(&answer, 400, "request.bad_cursor");
}
