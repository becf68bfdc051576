//! Runs that are run again: from the beginning or a step, on the same version or another, one or many.

use serde_json::{Value, json};
use stepcell_tests::host::Host;

/// `list` and `right` are roots; `each` maps over `list`; `sum` joins `each` and `right`; `last` follows it; `side` is a
/// second leaf.
const FLOW: &str = r#"
    flow = "f"
    [defaults]
    component = "@"
    max_attempts = 1
    [[step]]
    name = "list"
    handler = "list"
    [[step]]
    name = "right"
    handler = "chatty"
    [[step]]
    name = "each"
    handler = "double"
    needs = ["list"]
    map = true
    [[step]]
    name = "sum"
    handler = "sum"
    needs = ["each", "right"]
    [[step]]
    name = "last"
    handler = "SECOND"
    needs = ["sum"]
    [[step]]
    name = "side"
    handler = "echo"
    needs = ["right"]
"#;

fn flow(last: &str) -> String {
    FLOW.replace("SECOND", last)
}

async fn rerun(host: &Host, id: &str, body: Value) -> Value {
    host.client.post(&format!("/v1/runs/{id}/rerun"), &body).await.ok()
}

fn id(run: &Value) -> String {
    run["run_id"].as_str().unwrap().to_owned()
}

fn attempts(run: &Value) -> Vec<String> {
    let step = |step: &Value| {
        format!(
            "{} {} {}",
            step["name"].as_str().unwrap(),
            step["status"].as_str().unwrap(),
            step["receipt"]["fuel"] != 0
        )
    };
    run["steps"].as_array().unwrap().iter().map(step).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_goes_on_from_the_failed_step_on_a_newer_version_and_keeps_the_rest() {
    let host = Host::start().await;
    host.deploy(&flow("fail")).await;
    let run = host.client.run("f", &json!({ "count": 100 })).await;
    assert_eq!(
        (&run["status"], &run["failed_step"]),
        (&json!("failed"), &json!("last")),
        "{run:#}"
    );
    host.deploy(&flow("echo")).await;
    let answer = rerun(&host, &id(&run), json!({ "from": "last", "version": "active" })).await;
    assert_eq!(answer["version"], 2);
    let mut kept: Vec<&str> =
        answer["kept"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    // Whether `side` had ended when the run failed is luck.
    kept.retain(|name| *name != "side");
    assert_eq!(kept, ["list", "right", "each", "sum"]);
    let again = host.client.ended(answer["rerun_id"].as_str().unwrap()).await;
    assert_eq!(again["status"], "completed", "{again:#}");
    assert_eq!(again["output"]["last"], json!({ "sum": 9901.0 }));
    assert_eq!((&again["rerun_of"], &again["input"]), (&run["run_id"], &run["input"]));
    // What was kept used nothing anew.
    assert_eq!(
        attempts(&again)[..5],
        [
            "list completed false",
            "right completed false",
            "each completed false",
            "sum completed false",
            "last completed true"
        ]
    );
    let events = host.client.events(&id(&again)).await;
    assert_eq!(events.last().unwrap(), "run_completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_from_the_middle_and_joins_count_what_was_kept() {
    let host = Host::start().await;
    host.deploy(&flow("echo")).await;
    for count in [0, 3, 130] {
        let run = host.client.run("f", &json!({ "count": count })).await;
        for from in ["list", "right", "each", "sum", "last", "side"] {
            let answer = rerun(&host, &id(&run), json!({ "from": from })).await;
            let again = host.client.ended(answer["rerun_id"].as_str().unwrap()).await;
            assert_eq!(again["output"], run["output"], "from `{from}` with {count}: {again:#}");
        }
        let answer = rerun(&host, &id(&run), json!({})).await;
        assert_eq!(answer["kept"], json!([]));
        let again = host.client.ended(answer["rerun_id"].as_str().unwrap()).await;
        assert_eq!(again["output"], run["output"]);
    }
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_are_run_again_after_a_look() {
    let host = Host::start().await;
    host.deploy(&flow("fail")).await;
    let failed = host.client.run("f", &json!({ "count": 1 })).await;
    host.client.run("f", &json!({ "count": 2 })).await;
    host.deploy(&flow("echo")).await;
    let body = |dry_run: bool| json!({ "flow": "f", "from": "last", "version": "active", "dry_run": dry_run });
    let looked = host.client.post("/v1/reruns", &body(true)).await.ok();
    assert_eq!(looked["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&looked["dry_run"], &looked["runs"][1]["run_id"]),
        (&json!(true), &failed["run_id"])
    );
    assert_eq!(host.database.run(&["select count(*) from run"]).unwrap(), ["2"]);
    let done = host.client.post("/v1/reruns", &body(false)).await.ok();
    for rerun in done["runs"].as_array().unwrap() {
        let again = host.client.ended(rerun["rerun_id"].as_str().unwrap()).await;
        assert_eq!(again["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_again_is_refused() {
    let host = Host::start().await;
    host.deploy(&flow("echo")).await;
    let live = host.client.post("/v1/flows/f/runs", &json!({ "delay_ms": 60000 })).await.ok();
    let path = format!("/v1/runs/{}/rerun", id(&live));
    assert_eq!(host.client.post(&path, &json!({})).await.code(), "run.not_ended");
    let run = host.client.run("f", &json!({ "count": 1 })).await;
    let path = format!("/v1/runs/{}/rerun", id(&run));
    for (body, code) in [
        (json!({ "from": "nobody" }), "step.not_found"),
        (json!({ "version": 9 }), "version.not_found"),
        (json!({ "version": "next" }), "request.invalid"),
        (json!({ "form": "last" }), "request.invalid"),
    ] {
        assert_eq!(host.client.post(&path, &body).await.code(), code, "{body}");
    }
    let unknown = "/v1/runs/01900000-0000-7000-8000-000000000000/rerun";
    assert_eq!(host.client.post(unknown, &json!({})).await.code(), "run.not_found");
    for body in
        [json!({}), json!({ "flow": "f", "limit": 0 }), json!({ "flow": "f", "status": "running" })]
    {
        assert_eq!(host.client.post("/v1/reruns", &body).await.code(), "request.invalid", "{body}");
    }
}
