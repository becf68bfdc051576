//! Keys, rates and components: who waits, who goes on, and that nobody waits for nothing.

use std::sync::Arc;
use std::time::Duration;

use devdb::TestDatabase;
use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};

/// Computes for a while under a key from its input.
const KEYED: &str = r#"
    flow = "keyed"
    [[step]]
    name = "only"
    component = "@"
    handler = "busy"
    timeout = "15m"
    concurrency = { key = "account-${input.account}", limit = 2 }
"#;

/// When each attempt ran, in microseconds: what is recorded never begins before the attempt ended.
fn spans(database: &TestDatabase) -> Vec<(i64, i64)> {
    let rows = database
        .run(&["select (extract(epoch from recorded_at) * 1e6)::bigint || ' ' || wall_us from outcome order by recorded_at"])
        .unwrap();
    let span = |row: &String| {
        let (end, wall) = row.split_once(' ').unwrap();
        let (end, wall): (i64, i64) = (end.parse().unwrap(), wall.parse().unwrap());
        (end - wall, end)
    };
    rows.iter().map(span).collect()
}

/// The largest number of spans that share a moment.
fn most_at_once(spans: &[(i64, i64)]) -> usize {
    let at =
        |moment: i64| spans.iter().filter(|(from, to)| *from <= moment && moment < *to).count();
    spans.iter().map(|(from, _)| at(*from)).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn under_one_key_no_more_run_than_it_has_places_whichever_host_runs_them() {
    let (host, other) = Host::two(Duration::from_secs(3)).await;
    host.deploy(KEYED).await;
    let mut runs = Vec::new();
    for n in 0..14 {
        let client = if n % 2 == 0 { &host.client } else { &other.client };
        runs.push(client.start("keyed", &json!({ "account": 1, "busy_ms": 20 })).await);
    }
    for run in runs {
        assert_eq!(host.client.ended(&run).await["status"], "completed");
    }
    let spans = spans(&host.database);
    assert_eq!(spans.len(), 14);
    assert!(most_at_once(&spans) <= 2, "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_waits_for_nobody_and_who_waits_is_queued() {
    let host = Host::start().await;
    host.deploy(KEYED).await;
    let long = json!({ "account": 1, "busy_ms": 600_000 });
    let holders =
        [host.client.start("keyed", &long).await, host.client.start("keyed", &long).await];
    for holder in &holders {
        host.client.until_tasks(holder, "only", "running", 1).await;
    }
    let waits = host.client.start("keyed", &json!({ "account": 1, "busy_ms": 1 })).await;
    host.client.until_tasks(&waits, "only", "waiting_for_key", 1).await;
    let other = host.client.run("keyed", &json!({ "account": 2, "busy_ms": 1 })).await;
    assert_eq!(other["status"], "completed", "{other:#}");
    host.client.until_tasks(&waits, "only", "queued", 1).await;
    // A place is freed by whatever ends its attempt.
    host.client.post(&format!("/v1/runs/{}/cancel", holders[0]), &json!({})).await.ok();
    assert_eq!(host.client.ended(&waits).await["status"], "completed");
    host.client.post(&format!("/v1/runs/{}/cancel", holders[1]), &json!({})).await.ok();
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_parks_or_is_tried_again_leaves_its_place_to_others() {
    let host = Host::start().await;
    let flow = "flow = \"f\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"play\"\nconcurrency = \"all\"\n";
    host.deploy_player(flow).await;
    let wait = json!({ "do": "await", "names": ["go"], "phase": "b" });
    let parked = host.client.start("f", &json!({ "only": { "": wait } })).await;
    host.client.until_tasks(&parked, "only", "awaiting_signal", 1).await;
    let error =
        json!({ "do": "error", "until": 2, "after_ms": 600_000, "then": { "do": "complete" } });
    let failed = host.client.start("f", &json!({ "only": { "": error } })).await;
    host.client.until_tasks(&failed, "only", "sleeping", 1).await;
    let run = host.client.run("f", &json!({})).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    host.client.signal(&parked, "go", &json!(1)).await.ok();
    assert_eq!(host.client.ended(&parked).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_does_not_let_a_task_run_that_waits_for_its_place() {
    let host = Host::start().await;
    let flow = "flow = \"f\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"play\"\nconcurrency = \"all\"\n";
    host.deploy_player(flow).await;
    host.client
        .deploy("flow = \"hold\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"play\"\nconcurrency = \"all\"\ntimeout = \"15m\"\nfuel = 1_000_000_000_000\n", host.deploy_player(flow).await)
        .await
        .ok();
    let wait = json!({ "do": "await", "names": ["go"], "phase": "b" });
    let parked = host.client.start("f", &json!({ "only": { "": wait } })).await;
    host.client.until_tasks(&parked, "only", "awaiting_signal", 1).await;
    let spin = json!({ "do": "spin", "until": 9, "ms": 600_000, "then": { "do": "complete" } });
    let holder = host.client.start("hold", &json!({ "only": { "": spin } })).await;
    host.client.until_tasks(&holder, "only", "running", 1).await;
    for _ in 0..3 {
        host.client.signal(&parked, "go", &json!(1)).await.ok();
    }
    host.client.until_tasks(&parked, "only", "queued", 1).await;
    host.client.post(&format!("/v1/runs/{holder}/cancel"), &json!({})).await.ok();
    let run = host.client.ended(&parked).await;
    assert_eq!(run["output"]["only"][1]["awaited"], json!(["go=1", "go=1", "go=1"]), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_of_a_map_step_has_the_key_of_its_element() {
    let host = Host::start().await;
    let flow = r#"
        flow = "f"
        [[step]]
        name = "each"
        component = "@"
        handler = "echo"
        map = true
        concurrency = "${element.key}"
    "#;
    host.deploy(flow).await;
    let elements: Vec<Value> = (0..60).map(|n| json!({ "key": n % 7, "n": n })).collect();
    let run = host.client.run("f", &json!(elements)).await;
    assert_eq!(run["output"]["each"], json!(elements), "{run:#}");
    assert_eq!(run["attempts"], 60);
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_template_names_nothing_fails_its_task_and_says_so() {
    let host = Host::start().await;
    host.deploy(KEYED).await;
    let run = host.client.run("keyed", &json!({ "acount": 1 })).await;
    assert_eq!((&run["status"], &run["attempts"]), (&json!("failed"), &json!(1)), "{run:#}");
    let message = run["failure"]["message"].as_str().unwrap();
    assert!(message.contains("`concurrency`") && message.contains("input.account"), "{message}");
}

/// Attempts begin at most so fast as the rate lets them, `burst` of them at once.
const RATED: &str = r#"
    flow = "rated"
    [[rate_limit]]
    name = "api"
    limit = 20
    period = "1s"
    burst = 4
    [[step]]
    name = "only"
    component = "@"
    handler = "echo"
    rate_limit = { name = "api", weight = 2 }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_lets_its_burst_begin_at_once_and_the_rest_as_it_flows_in_over_all_hosts() {
    let (host, other) = Host::two(Duration::from_secs(3)).await;
    host.deploy(RATED).await;
    let mut runs = Vec::new();
    for n in 0..16 {
        let client = if n % 2 == 0 { &host.client } else { &other.client };
        runs.push(client.start("rated", &json!(n)).await);
    }
    for run in &runs {
        assert_eq!(host.client.ended(run).await["status"], "completed");
    }
    let starts: Vec<i64> = spans(&host.database).iter().map(|(from, _)| *from).collect();
    // Two begin at once; each of the others waits for two units at twenty a second.
    let took = starts.iter().max().unwrap() - starts.iter().min().unwrap();
    assert!(took > 14 * 100_000 - 300_000, "{took} us");
    let buckets = host.database.run(&["select rate || ' ' || burst from rate_bucket"]).unwrap();
    assert_eq!(buckets, ["api 4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_while_it_waits_for_a_rate_takes_nothing_from_it() {
    let host = Host::start().await;
    let slow = RATED.replace("period = \"1s\"", "period = \"10m\"");
    host.deploy(&slow).await;
    for _ in 0..2 {
        assert_eq!(host.client.run("rated", &json!(1)).await["status"], "completed");
    }
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(host.client.start("rated", &json!(1)).await);
    }
    for run in &waiting {
        host.client.until_tasks(run, "only", "queued", 1).await;
    }
    for run in &waiting[1..] {
        host.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
    }
    // The moment the bucket is full again is moved, in place of waiting for it.
    host.database.run(&["update rate_bucket set full_at = full_at - interval '1 minute'"]).unwrap();
    assert_eq!(host.client.ended(&waiting[0]).await["status"], "completed");
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_of_a_rate_has_a_bucket_of_its_own() {
    let host = Host::start().await;
    let flow = RATED
        .replace("period = \"1s\"", "period = \"10m\"")
        .replace("weight = 2", "weight = 4, key = \"${input}\"");
    host.deploy(&flow).await;
    for customer in ["a", "b", "c"] {
        assert_eq!(host.client.run("rated", &json!(customer)).await["status"], "completed");
    }
    let waits = host.client.start("rated", &json!("a")).await;
    host.client.until_tasks(&waits, "only", "waiting_for_rate", 1).await;
    let buckets = host.database.run(&["select rate from rate_bucket order by 1"]).unwrap();
    assert_eq!(buckets, ["api/a", "api/b", "api/c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_that_is_changed_holds_for_those_that_wait_already() {
    let host = Host::start().await;
    let rated = |limit: u32, period: &str, weight: u32| {
        RATED
            .replace("limit = 20", &format!("limit = {limit}"))
            .replace("burst = 4", &format!("burst = {limit}"))
            .replace("\"1s\"", &format!("\"{period}\""))
            .replace("weight = 2", &format!("weight = {weight}"))
    };
    host.deploy(&rated(10, "31d", 8)).await;
    assert_eq!(host.client.run("rated", &json!(1)).await["status"], "completed");
    let heavy = host.client.start("rated", &json!(1)).await;
    host.client.until_tasks(&heavy, "only", "waiting_for_rate", 1).await;
    // What the first one waits for is more than the bucket holds from now on.
    host.deploy(&rated(5, "31d", 1)).await;
    let light = host.client.start("rated", &json!(1)).await;
    host.client.until_tasks(&light, "only", "waiting_for_rate", 1).await;
    host.database.run(&["update rate_bucket set full_at = now()"]).unwrap();
    assert_eq!(host.client.ended(&heavy).await["status"], "completed");
    host.client.until_tasks(&light, "only", "waiting_for_rate", 1).await;
    // What was taken at the slow rate flows back in at the fast one.
    host.deploy(&rated(100, "1s", 1)).await;
    assert_eq!(host.client.run("rated", &json!(1)).await["status"], "completed");
    assert_eq!(host.client.ended(&light).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_stall_for_ever_is_refused_when_the_flow_is_registered() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let digest = host.upload(stepcell_tests::guests::hand_written("good")).await;
    let flow = |rates: &str, step: &str| {
        format!("flow = \"f\"\n{rates}\n[[step]]\nname = \"a\"\ncomponent = \"@\"\n{step}\n")
    };
    let api = "[[rate_limit]]\nname = \"api\"\nlimit = 2\nperiod = \"1s\"";
    for (text, code, says) in [
        (flow("", "rate_limit = \"api\""), "manifest.unknown_rate_limit", "[[rate_limit]]"),
        (flow(api, "rate_limit = \"apj\""), "manifest.unknown_rate_limit", "did you mean `api`"),
        (
            flow(api, "rate_limit = { name = \"api\", weight = 3 }"),
            "manifest.weight_above_burst",
            "never holds more than 2",
        ),
        (flow(&api.replace("limit = 2", "limit = 0"), ""), "manifest.out_of_range", "`limit`"),
        (flow(&api.replace("1s", "1000d"), ""), "manifest.out_of_range", "`period`"),
        (flow(&format!("{api}\nburst = 0"), ""), "manifest.out_of_range", "`burst`"),
        (flow("[[rate_limit]]\nname = \"api\"\nlimit = 2", ""), "manifest.missing_field", "period"),
        (flow(&format!("{api}\n{api}"), ""), "manifest.conflicting_fields", "`api`"),
        (flow(api, "concurrency = { key = \"k\", limit = 0 }"), "manifest.out_of_range", "`limit`"),
        (flow(api, "concurrency = { limit = 2 }"), "manifest.missing_field", "key"),
        (flow(api, "concurrency = \"${inptu.x}\""), "manifest.bad_text", "names nothing"),
        (
            flow(api, "concurrency = { key = \"k\", places = 2 }"),
            "manifest.unknown_field",
            "places",
        ),
    ] {
        let answer = host.client.deploy(&text, digest).await;
        let problem = &answer.body["reasons"][0];
        assert_eq!(
            (answer.status, problem["code"].as_str()),
            (422, Some(code)),
            "{text}: {answer:#?}"
        );
        assert!(problem.to_string().contains(says), "{says}: {problem:#}");
    }
}

/// A host without workers and another one that has not seen the component, which is gone.
async fn without_component(wait: Duration) -> (Host, Host, String) {
    let api = Host::with(Settings { works: false, ..Settings::default() }).await;
    let flow = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"list\"\nhandler = \"list\"\n\
        [[step]]\nname = \"each\"\nhandler = \"double\"\nneeds = [\"list\"]\nmap = true\n";
    api.deploy(flow).await;
    let run = api.client.start("f", &json!({ "count": 3 })).await;
    api.database.run(&["delete from flow_version_component", "delete from component"]).unwrap();
    let worker = worker::Settings { component_wait: wait, ..Settings::default().worker };
    let host =
        Host::over(Arc::clone(&api.database), Settings { worker, ..Settings::default() }).await;
    (api, host, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_component_is_gone_is_blocked_until_it_is_there_again() {
    let (_api, host, run) = without_component(Duration::from_secs(600)).await;
    host.client.until_tasks(&run, "list", "blocked", 1).await;
    let bytes = tokio::task::spawn_blocking(stepcell_tests::guests::actor).await.unwrap();
    host.upload(bytes).await;
    let run = host.client.ended(&run).await;
    assert_eq!(run["output"], json!({ "each": [0, 2, 4] }), "{run:#}");
    assert_eq!(run["attempts"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_component_does_not_come_fails_once_and_says_why() {
    let (_api, host, run) = without_component(Duration::from_millis(50)).await;
    let run = host.client.ended(&run).await;
    assert_eq!(run["failure"]["kind"], "component_unavailable", "{run:#}");
    assert_eq!((&run["status"], &run["attempts"]), (&json!("failed"), &json!(1)));
    until("the dead letter is listed", async || {
        let letters = host.client.get("/v1/dead-letters").await.ok();
        (letters["dead_letters"][0]["step"] == "list").then_some(())
    })
    .await;
}
