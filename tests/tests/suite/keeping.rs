//! What is kept and what is thrown away: dead letters, and ended runs that were kept long enough.

use std::time::Duration;

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};

const MAP: &str = "flow = \"m\"\n[defaults]\ncomponent = \"@\"\nmax_attempts = 1\n[[step]]\nname = \"list\"\nhandler = \"list\"\n\
    [[step]]\nname = \"each\"\nhandler = \"fail_at_three\"\nneeds = [\"list\"]\nmap = true\non_exhausted = \"skip\"\n";
const FAILS: &str = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"first\"\nhandler = \"echo\"\n\
    [[step]]\nname = \"only\"\nhandler = \"fail\"\nneeds = [\"first\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_task_that_failed_for_good_is_a_dead_letter_with_its_input_and_can_be_replayed() {
    let host = Host::start().await;
    host.deploy(MAP).await;
    host.deploy(FAILS).await;
    let mapped = host.client.run("m", &json!({ "count": 5 })).await;
    // Its policy was to skip: the run completed, and the letter is there all the same.
    assert_eq!(mapped["status"], "completed");
    let failed = host.client.run("f", &json!({ "x": 1 })).await;
    let page = host.client.get("/v1/dead-letters?limit=1").await.ok();
    let letter = &page["dead_letters"][0];
    assert_eq!((&letter["run_id"], &letter["step"]), (&failed["run_id"], &json!("only")));
    assert_eq!(
        (&letter["failure"]["kind"], &letter["attempts"]),
        (&json!("handler_error.validation"), &json!(1))
    );
    let next = page["next"].as_str().unwrap();
    let page = host.client.get(&format!("/v1/dead-letters?limit=1&cursor={next}")).await.ok();
    let letter = &page["dead_letters"][0];
    assert_eq!((&letter["run_id"], &letter["index"]), (&mapped["run_id"], &json!(3)));
    let of_flow = host.client.get("/v1/dead-letters?flow=m").await.ok();
    assert_eq!(of_flow["dead_letters"].as_array().map(Vec::len), Some(1));
    let one = |run: &Value, place: &str| {
        format!("/v1/dead-letters/{}/{place}", run["run_id"].as_str().unwrap())
    };
    let letter = host.client.get(&one(&mapped, "each/3")).await.ok();
    assert_eq!(letter["input"], 3);
    let letter = host.client.get(&one(&failed, "only/0")).await.ok();
    assert_eq!(letter["input"], json!({ "first": { "x": 1 } }));
    assert_eq!(host.client.get(&one(&mapped, "each/2")).await.code(), "attempt.not_found");
    host.deploy(
        "flow = \"one\"\n[[step]]\nname = \"only\"\nhandler = \"fail\"\ncomponent = \"@\"\n",
    )
    .await;
    let single = host.client.run("one", &json!(7)).await;
    assert_eq!(host.client.get(&one(&single, "only/0")).await.ok()["input"], 7);
    // On a version that does not fail it ends well.
    host.deploy(&FAILS.replace("\"fail\"", "\"echo\"")).await;
    let path = one(&failed, "only/replay");
    let replayed = host.client.post(&path, &json!({ "version": "active" })).await.ok();
    assert_eq!(replayed["kept"], json!(["first"]));
    let run = host.client.ended(replayed["rerun_id"].as_str().unwrap()).await;
    assert_eq!(run["output"]["only"], json!({ "first": { "x": 1 } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_runs_are_thrown_away_with_all_they_own_and_live_ones_never() {
    let mut settings = Settings::default();
    settings.worker.retention = Some(Duration::from_secs(1));
    let host = Host::with(settings).await;
    host.deploy(FAILS).await;
    host.deploy(MAP).await;
    for _ in 0..3 {
        host.client.run("f", &json!({})).await;
        host.client.run("m", &json!({ "count": 100 })).await;
    }
    let kept = json!({ "key": "k" });
    host.client.post("/v1/flows/m/runs", &kept).await.ok();
    let live = host.client.post("/v1/flows/f/runs", &json!({ "delay_ms": 600000 })).await.ok();
    let gone = async || {
        let left = host.database.run(&["select string_agg(id::text, ',') from run"]).unwrap();
        (left == [live["run_id"].as_str().unwrap()]).then_some(())
    };
    until("only the live run is left", gone).await;
    let tables = [
        "outcome",
        "attempt",
        "attempt_log",
        "arrival",
        "task",
        "signal",
        "idempotency",
        "run_key",
    ];
    for table in tables {
        let left = format!("select count(*) from {table}");
        assert_eq!(host.database.run(&[&left]).unwrap(), ["0"], "{table}");
    }
    let shown =
        host.client.get(&format!("/v1/runs/{}", live["run_id"].as_str().unwrap())).await.ok();
    assert_eq!(shown["status"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_kept_while_its_parent_is_live() {
    let mut settings = Settings::default();
    settings.worker.retention = Some(Duration::from_millis(500));
    let host = Host::with(settings).await;
    let flow = |name: &str| {
        format!(
            "flow = \"{name}\"\n[[step]]\nname = \"only\"\nhandler = \"play\"\ncomponent = \"@\"\n"
        )
    };
    host.deploy_player(&flow("parent")).await;
    host.deploy_player(&flow("child")).await;
    let waits = json!({ "only": { "": { "do": "sleep", "ms": 3000, "phase": "p" } } });
    let children = json!([{ "flow": "child", "input": {}, "key": "quick" }, { "flow": "child", "input": waits }]);
    let input =
        json!({ "only": { "": { "do": "spawn", "phase": "joined", "children": children } } });
    let id = host.client.start("parent", &input).await;
    let path = format!("/v1/runs/{id}/wait?timeout=30s");
    let run = host.client.get(&path).await.ok();
    assert_eq!(run["output"]["only"][1]["children"][0][0], "quick", "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_run_is_thrown_away_when_it_is_its_turn() {
    let host = Host::start().await;
    let orphan = "insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, priority)
        values (1, '01900000-0000-7000-8000-000000000000', 0, -1, 1, 0, -1, 0, 1, 9)";
    host.database.run(&[orphan]).unwrap();
    host.swept().await;
}
