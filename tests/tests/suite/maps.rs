//! Map steps: one task for each element.

use serde_json::{Value, json};
use stepcell_tests::host::{Host, Settings};

const MAP: &str = r#"
    flow = "map"
    [defaults]
    component = "@"
    [[step]]
    name = "list"
    handler = "list"
    [[step]]
    name = "each"
    handler = "double"
    needs = ["list"]
    map = true
    [[step]]
    name = "sum"
    handler = "sum"
    needs = ["each"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_map_of_any_width_adds_up() {
    let host = Host::start().await;
    host.deploy(MAP).await;
    for count in [0, 1, 2, 63, 64, 65, 128, 300] {
        let run = host.client.run("map", &json!({ "count": count })).await;
        let expected = json!({ "sum": f64::from(count * (count - 1)) });
        assert_eq!(run["output"], expected, "{count}: {run:#}");
        let each = &run["steps"][1];
        assert_eq!(
            (&each["tasks"]["total"], &each["attempts"]),
            (&json!(count), &json!(count)),
            "{each:#}"
        );
    }
    assert_nothing_twice(&host, 623 + 16);
}

/// Every attempt was made once and recorded; the worker never had to start over.
#[track_caller]
fn assert_nothing_twice(host: &Host, attempts: u64) {
    let counts = host.worker.as_ref().unwrap().counts();
    assert_eq!((counts.attempts, counts.stale, counts.renewals), (attempts, 0, 0), "{counts:?}");
    assert_eq!(host.database.run(&["select count(*) from token"]).unwrap(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wide_maps_at_once_make_every_attempt_once() {
    let host = Host::start().await;
    host.deploy(MAP).await;
    let mut runs = Vec::new();
    for count in [40, 64, 65, 200, 640].into_iter().cycle().take(25) {
        runs.push((count, host.client.start("map", &json!({ "count": count })).await));
    }
    for (count, id) in runs {
        let run = host.client.ended(&id).await;
        assert_eq!(run["output"], json!({ "sum": f64::from(count * (count - 1)) }), "{run:#}");
    }
    assert_nothing_twice(&host, 5 * (40 + 64 + 65 + 200 + 640) + 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_opened_before_a_step_failed_does_not_go_on() {
    let host = Host::start().await;
    let flow = r#"
        flow = "mixed"
        [defaults]
        component = "@"
        [[step]]
        name = "a"
        handler = "echo"
        [[step]]
        name = "b"
        handler = "echo"
        needs = ["a"]
        [[step]]
        name = "c"
        handler = "echo"
        needs = ["a"]
        [[step]]
        name = "m"
        handler = "echo"
        needs = ["a"]
        map = true
    "#;
    host.deploy(flow).await;
    let run = host.client.run("mixed", &json!({"not": "an array"})).await;
    assert_eq!((&run["status"], &run["failed_step"]), (&json!("failed"), &json!("m")), "{run:#}");
    assert_nothing_twice(&host, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wide_map_is_shared_by_two_workers() {
    let host = Host::start().await;
    host.deploy(MAP).await;
    let _other = Host::over(std::sync::Arc::clone(&host.database), Settings::default()).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(host.client.start("map", &json!({"count": 1_000})).await);
    }
    for id in runs {
        let run = host.client.ended(&id).await;
        assert_eq!(run["output"], json!({"sum": 999_000.0}), "{run:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_over_the_runs_input_keeps_order_and_nulls() {
    let host = Host::start().await;
    let flow = r#"
        flow = "root-map"
        [[step]]
        name = "each"
        component = "@"
        handler = "echo"
        map = true
    "#;
    host.deploy(flow).await;
    let input = json!([null, 0, "", {"a": [null]}, false, "\u{1F980}"]);
    let run = host.client.run("root-map", &input).await;
    assert_eq!(run["output"]["each"], input, "{run:#}");
    let refused = host.client.post("/v1/flows/root-map/runs", &json!({"input": {}})).await;
    assert_eq!((refused.status, refused.code()), (422, "run.not_an_array"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_over_a_map_takes_its_elements_one_by_one() {
    let host = Host::start().await;
    let flow = MAP.replace("needs = [\"each\"]", "needs = [\"again\"]")
        + r#"
        [[step]]
        name = "again"
        component = "@"
        handler = "double"
        needs = ["each"]
        map = true
    "#;
    host.deploy(&flow).await;
    for count in [0, 5, 200] {
        let run = host.client.run("map", &json!({ "count": count })).await;
        assert_eq!(run["output"], json!({"sum": f64::from(2 * count * (count - 1))}), "{run:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_map_are_tried_again_one_by_one() {
    let host = Host::start().await;
    host.deploy(&MAP.replace("handler = \"double\"", "handler = \"odd_twice\"")).await;
    for count in [7, 64, 150] {
        let run = host.client.run("map", &json!({ "count": count })).await;
        assert_eq!(run["output"], json!({"sum": f64::from(count * (count - 1))}), "{run:#}");
        let each = &run["steps"][1];
        assert_eq!(each["failed_attempts"], json!(count / 2), "{each:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_task_that_fails_for_good_decides_the_map_and_the_run() {
    let host = Host::start().await;
    host.deploy(&MAP.replace("handler = \"double\"", "handler = \"fail_at_three\"")).await;
    let run = host.client.run("map", &json!({"count": 100})).await;
    assert_eq!(
        (&run["status"], &run["failed_step"]),
        (&json!("failed"), &json!("each")),
        "{run:#}"
    );
    assert_eq!(run["failure"]["kind"], "handler_error.validation", "{run:#}");
    assert_eq!(run["steps"][2]["status"], "skipped", "{run:#}");
    let left = host.database.run(&["select count(*) from token"]).unwrap();
    assert_eq!(left, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_over_what_is_not_an_array_fails_the_run_and_keeps_the_output() {
    let host = Host::start().await;
    host.deploy(&MAP.replace("handler = \"list\"", "handler = \"echo\"")).await;
    let run = host.client.run("map", &json!({"not": "an array"})).await;
    assert_eq!(
        (&run["status"], &run["failed_step"]),
        (&json!("failed"), &json!("each")),
        "{run:#}"
    );
    let message = run["failure"]["message"].as_str().unwrap();
    assert!(message.contains("`each`") && message.contains("`list`"), "{message}");
    let id = run["run_id"].as_str().unwrap();
    let kept = host.client.get(&format!("/v1/runs/{id}/steps/list/tasks/0/attempts")).await.ok();
    assert_ne!(kept["attempts"][0]["output"], Value::Null, "{kept:#}");
}
