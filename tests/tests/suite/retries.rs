//! Failures: told apart, tried again, given up.

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::guests;
use stepcell_tests::host::Host;

const ONE: &str = r#"
    flow = "one"
    [defaults]
    component = "@"
    backoff = { strategy = "fixed", base = "10ms" }
    [[step]]
    name = "only"
    handler = "HANDLER"
"#;

async fn attempts(host: &Host, run: &Value) -> Vec<Value> {
    let id = run["run_id"].as_str().unwrap();
    let path = format!("/v1/runs/{id}/steps/only/tasks/0/attempts");
    host.client.get(&path).await.ok()["attempts"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_first_is_tried_again_with_consecutive_attempts() {
    let host = Host::start().await;
    host.deploy(&ONE.replace("HANDLER", "flaky")).await;
    let run = host.client.run("one", &json!({"succeed_at": 3})).await;
    assert_eq!(run["output"], json!({"only": 3}), "{run:#}");
    let attempts = attempts(&host, &run).await;
    let numbers: Vec<u64> = attempts.iter().map(|a| a["attempt"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(attempts[0]["failure"]["kind"], "handler_error.dependency", "{attempts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_end_with_the_budget_and_the_last_error_is_the_runs() {
    let host = Host::start().await;
    host.deploy(&ONE.replace("HANDLER", "flaky")).await;
    let run = host.client.run("one", &json!({"succeed_at": 9})).await;
    assert_eq!(run["status"], "failed", "{run:#}");
    assert!(
        run["failure"]["message"].as_str().unwrap().contains("attempt 3 is too early"),
        "{run:#}"
    );
    assert_eq!(attempts(&host, &run).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_asks_to_wait_for_ever_waits_a_day() {
    let host = Host::start().await;
    host.deploy(&ONE.replace("HANDLER", "later")).await;
    let id = host.client.start("one", &json!(null)).await;
    let path = format!("/v1/runs/{id}/steps/only/tasks/0/attempts");
    let made = until("the attempt is recorded", || async {
        let answer = host.client.get(&path).await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    assert_eq!(made["attempts"][0]["retry_in_ms"], 24 * 60 * 60 * 1_000, "{made:#}");
    assert_eq!(made["attempts"][0]["failure"]["kind"], "handler_error.execution", "{made:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_attempt_used_before_its_run_was_cancelled_is_kept() {
    let host = Host::start().await;
    host.deploy(&format!("{}timeout = \"30s\"", ONE.replace("HANDLER", "busy"))).await;
    let id = host.client.start("one", &json!({"busy_ms": 20_000})).await;
    until("the attempt runs", || async { (host.sandbox.free_slots() < 16).then_some(()) }).await;
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    let path = format!("/v1/runs/{id}/steps/only/tasks/0/attempts");
    let made = until("the attempt is kept", || async {
        let answer = host.client.get(&path).await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    let attempt = &made["attempts"][0];
    assert_eq!(attempt["failure"]["kind"], "interrupted", "{made:#}");
    assert!(attempt["receipt"]["fuel"].as_u64().unwrap() > 0, "{made:#}");
    assert!(attempt["retry_in_ms"].is_null(), "{made:#}");
    let usage = host.client.get("/v1/usage").await.ok();
    let (used, receipt) = (&usage["usage"][0], &attempt["receipt"]);
    assert_eq!((&used["attempts"], &used["fuel"]), (&json!(1), &receipt["fuel"]), "{usage:#}");
    let run = host.client.get(&format!("/v1/runs/{id}")).await.ok();
    assert_eq!((&run["status"], &run["steps"][0]["attempts"]), (&json!("cancelled"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_says_it_cannot_work_is_not_tried_again() {
    let host = Host::start().await;
    host.deploy(&ONE.replace("HANDLER", "fail")).await;
    let run = host.client.run("one", &json!(null)).await;
    assert_eq!(run["failure"]["kind"], "handler_error.validation", "{run:#}");
    assert_eq!(attempts(&host, &run).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_a_guest_can_fail_has_its_own_kind_and_the_host_goes_on() {
    let host = Host::start().await;
    let cases = [
        ("loop_in_handle", "timeout"),
        ("loop_in_start", "timeout"),
        ("loop_in_realloc", "timeout"),
        ("loop_in_post_return", "timeout"),
        ("recursion", "stack_overflow"),
        ("memory_growth", "memory_exceeded"),
        ("trap_unreachable", "trap"),
        ("trap_division", "trap"),
        ("result_not_utf8", "abi_violation"),
        ("result_out_of_bounds", "abi_violation"),
        ("result_over_limit", "output_too_large"),
        ("result_not_json", "invalid_output"),
        ("handler_error", "handler_error.dependency"),
    ];
    let good = host.upload(guests::hand_written("good")).await;
    host.client.deploy(&flow_of("good"), good).await.ok();
    let mut runs = Vec::new();
    for (guest, kind) in cases {
        let digest = host.upload(guests::hand_written(guest)).await;
        let name = guest.replace('_', "-");
        host.client.deploy(&flow_of(&name), digest).await.ok();
        runs.push((guest, kind, host.client.start(&name, &json!({"n": 1})).await));
    }
    let canary = host.client.run("good", &json!(null)).await;
    assert_eq!(canary["status"], "completed", "{canary:#}");
    for (guest, kind, id) in runs {
        let run = host.client.ended(&id).await;
        let found = run["failure"]["kind"].as_str().unwrap_or("completed");
        assert_eq!(found, kind, "{guest}: {run:#}");
        assert_eq!(run["steps"][0]["attempts"], 1, "{run:#}");
    }
    assert_eq!(host.sandbox.free_slots(), 16);
}

fn flow_of(name: &str) -> String {
    format!(
        "flow = \"{name}\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\ntimeout = \"700ms\"\nmax_attempts = 1\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_and_the_fuel_of_a_step_are_its_own() {
    let host = Host::start().await;
    let slow = ONE.replace("HANDLER", "busy") + "timeout = \"100ms\"\nmax_attempts = 1\n";
    host.deploy(&slow).await;
    let run = host.client.run("one", &json!({"busy_ms": 20_000})).await;
    assert_eq!(run["failure"]["message"], "task timed out after 100ms", "{run:#}");
    let starved = ONE.replace("HANDLER", "busy") + "fuel = 1_000_000\nmax_attempts = 1\n";
    host.deploy(&starved).await;
    let run = host.client.run("one", &json!({"busy_ms": 20_000})).await;
    assert_eq!(run["failure"]["kind"], "out_of_fuel", "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_held_on_the_way_in_and_on_the_way_out() {
    let host = Host::start().await;
    let flow = ONE.replace("HANDLER", "echo").replace(
        "flow = \"one\"",
        "flow = \"one\"\ninput_schema = { type = \"object\", required = [\"n\"] }",
    ) + "output_schema = { type = \"object\", properties = { n = { type = \"integer\" } } }\n";
    host.deploy(&flow).await;
    let refused = host.client.post("/v1/flows/one/runs", &json!({"input": {}})).await;
    assert_eq!((refused.status, refused.code()), (422, "payload.schema"), "{refused:?}");
    let good = host.client.run("one", &json!({"n": 1})).await;
    assert_eq!(good["status"], "completed", "{good:#}");
    let bad = host.client.run("one", &json!({"n": "x"})).await;
    assert_eq!(bad["failure"]["kind"], "schema_mismatch", "{bad:#}");
}
