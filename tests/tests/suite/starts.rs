//! What a start can say: a key, a moment, a deadline, options; and many starts at once.

use serde_json::{Value, json};
use stepcell_tests::client::Answer;
use stepcell_tests::host::{Host, Settings};

const FLOW: &str =
    "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"only\"\nhandler = \"echo\"\n";
const PLAY: &str = "flow = \"play\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"only\"\nhandler = \"play\"\n";
const CHILD: &str = "flow = \"child\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"work\"\nhandler = \"play\"\n";

async fn start(host: &Host, flow: &str, body: Value) -> Answer {
    host.client.post(&format!("/v1/flows/{flow}/runs"), &body).await
}

async fn without_worker() -> Host {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.deploy(FLOW).await;
    host
}

fn id(answer: &Value) -> String {
    answer["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_names_one_live_run_of_a_flow() {
    let host = without_worker().await;
    let other = FLOW.replace("\"f\"", "\"g\"");
    host.deploy(&other).await;
    let first = start(&host, "f", json!({ "key": "order-7" })).await.ok();
    let second = start(&host, "f", json!({ "key": "order-7" })).await;
    assert_eq!((second.status, second.code()), (409, "run.duplicate"));
    assert_eq!(second.body["run_id"], first["run_id"], "{second:?}");
    // Another flow's run may have it, and once the first has ended so may another run.
    start(&host, "g", json!({ "key": "order-7" })).await.ok();
    host.client.post(&format!("/v1/runs/{}/cancel", id(&first)), &json!({})).await.ok();
    let third = start(&host, "f", json!({ "key": "order-7" })).await.ok();
    let shown = host.client.get(&format!("/v1/runs/{}", id(&third))).await.ok();
    assert_eq!(shown["key"], "order-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_starts_with_one_key_at_once_one_wins() {
    let host = without_worker().await;
    let starts = (0..20).map(|_| start(&host, "f", json!({ "key": "k" })));
    let answers = futures_util::future::join_all(starts).await;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1);
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((lost.code(), &lost.body["run_id"]), ("run.duplicate", &won[0].body["run_id"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_starts_at_a_moment_waits_for_it() {
    let host = without_worker().await;
    let later = start(&host, "f", json!({ "start_at": "2199-01-01T00:00:00+01:00" })).await;
    assert_eq!((later.status, later.code()), (400, "request.invalid"), "over a year is too long");
    let query =
        "select to_char(now() + interval '90 minutes', 'YYYY-MM-DD\"T\"HH24:MI:SSOF') || ':00'";
    let at = host.database.run(&[query]).unwrap().remove(0);
    start(&host, "f", json!({ "start_at": at })).await.ok();
    let left = "select round(extract(epoch from min(wake_at) - now()) / 60) from token";
    assert_eq!(host.database.run(&[left]).unwrap(), ["90"]);
    // A moment that is over is now.
    start(&host, "f", json!({ "start_at": "2020-01-01T00:00:00Z" })).await.ok();
    let ready = "select count(*) from token where wake_at is null";
    assert_eq!(host.database.run(&[ready]).unwrap(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_start_may_not_say_is_refused_with_its_place() {
    let host = without_worker().await;
    for (body, pointer) in [
        (json!({ "start_at": "tomorrow" }), "/start_at"),
        (json!({ "start_at": "2020-01-01T00:00:00Z", "delay_ms": 5 }), "/start_at"),
        (json!({ "key": "" }), "/key"),
        (json!({ "key": "k".repeat(256) }), "/key"),
        (json!({ "deadline_ms": 0 }), "/deadline_ms"),
        (json!({ "options": { "max_attempts": 101 } }), "/options/max_attempts"),
        (json!({ "options": { "backoff": { "jitter": 2 } } }), "/options/backoff/jitter"),
    ] {
        let answer = start(&host, "f", body).await;
        assert_eq!((answer.status, answer.code()), (400, "request.invalid"), "{answer:?}");
        assert_eq!(answer.body["pointer"], pointer);
    }
    let unknown = start(&host, "f", json!({ "options": { "max_attemps": 1 } })).await;
    assert!(unknown.body["detail"].as_str().unwrap().contains("max_attempts"), "{unknown:?}");
    assert_eq!(host.database.run(&["select count(*) from run"]).unwrap(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_of_a_run_hold_whatever_its_flow_says() {
    let host = Host::start().await;
    let flow = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\nmax_attempts = 2\nbackoff = { base = \"1m\" }\n\
        [[step]]\nname = \"only\"\nhandler = \"flaky\"\nmax_attempts = 3\n";
    host.deploy(flow).await;
    let body = |options: Value| json!({ "input": { "succeed_at": 4 }, "options": options });
    let five = json!({ "max_attempts": 5, "backoff": { "strategy": "fixed", "base_ms": 1 } });
    let run = start(&host, "f", body(five.clone())).await.ok();
    let run = host.client.ended(&id(&run)).await;
    assert_eq!((&run["output"]["only"], &run["options"]), (&json!(4), &five), "{run:#}");
    let run = start(&host, "f", body(json!({ "max_attempts": 1 }))).await.ok();
    let run = host.client.ended(&id(&run)).await;
    assert_eq!((&run["status"], &run["attempts"]), (&json!("failed"), &json!(1)));
    let busy = "flow = \"busy\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"only\"\nhandler = \"busy\"\n";
    host.deploy(busy).await;
    let body = json!({ "input": { "busy_ms": 60000 }, "options": { "timeout_ms": 40, "max_attempts": 1 } });
    let run = start(&host, "busy", body).await.ok();
    let run = host.client.ended(&id(&run)).await;
    assert_eq!(run["failure"]["message"], "task timed out after 40ms", "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_fails_at_its_deadline_whatever_it_does() {
    let host = Host::start().await;
    host.deploy_player(PLAY).await;
    host.deploy_player(CHILD).await;
    let waits = json!({ "only": { "": { "do": "await", "names": ["go"], "phase": "p" } } });
    let run = start(&host, "play", json!({ "input": waits, "deadline_ms": 100 })).await.ok();
    let run = host.client.ended(&id(&run)).await;
    assert_eq!(
        (&run["status"], &run["failure"]["kind"]),
        (&json!("failed"), &json!("deadline_exceeded"))
    );
    assert_eq!(run["steps"][0]["status"], "cancelled", "{run:#}");
    let events = host.client.events(&id(&run)).await;
    assert_eq!(events.last().unwrap(), "run_failed");
    // Children have their parent's, and are stopped with it.
    let waits = json!({ "work": { "": { "do": "await", "names": ["go"], "phase": "p" } } });
    let child = json!({ "flow": "child", "input": waits });
    let spawns = json!({ "only": { "": { "do": "spawn", "phase": "p", "children": [child] } } });
    let run = start(&host, "play", json!({ "input": spawns, "deadline_ms": 600 })).await.ok();
    host.client.until_tasks(&id(&run), "only", "awaiting_children", 1).await;
    let same =
        "select c.deadline_at = p.deadline_at from run c join run p on p.id = c.parent_run_id";
    assert_eq!(host.database.run(&[same]).unwrap(), ["t"]);
    let run = host.client.ended(&id(&run)).await;
    assert_eq!(run["failure"]["kind"], "deadline_exceeded");
    let left = "select count(*) from run where status in ('queued', 'running')";
    assert_eq!(host.database.run(&[left]).unwrap(), ["0"]);
    host.swept().await;
    assert_eq!(
        host.database
            .run(&["select count(*) from run_deadline where deadline_at < now() - interval '10 s'"])
            .unwrap(),
        ["0"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_may_have_a_deadline_and_a_run_that_ends_in_time_does_not_notice() {
    let host = Host::start().await;
    host.deploy(&FLOW.replace("[defaults]", "deadline = \"300ms\"\n[defaults]")).await;
    let run = host.client.run("f", &json!(1)).await;
    assert_eq!(run["status"], "completed");
    assert!(run["deadline_at"].is_string(), "{run:#}");
    let due = async || {
        let left = host.database.run(&["select count(*) from run_deadline"]).unwrap();
        (left == ["0"]).then_some(())
    };
    stepcell_tests::client::until("the deadline was looked at", due).await;
    let run = host.client.get(&format!("/v1/runs/{}", id(&run))).await.ok();
    assert_eq!(run["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_starts_all_of_its_runs_or_none() {
    let host = Host::start().await;
    host.deploy(FLOW).await;
    let batch =
        async |runs: Value| host.client.post("/v1/flows/f/batch", &json!({ "runs": runs })).await;
    let many: Vec<Value> = (0..200).map(|number| json!({ "input": number })).collect();
    let answer = batch(json!(many)).await;
    assert_eq!(answer.status, 201);
    let runs = answer.body["runs"].as_array().unwrap().clone();
    assert!(runs.iter().all(|run| run["status"] == "started"));
    let last = host.client.ended(&id(&runs[199])).await;
    assert_eq!(last["output"]["only"], 199);
    let counts = ["select count(*) from run"];
    let before = host.database.run(&counts).unwrap();
    for (runs, pointer) in [
        (json!([]), "/runs"),
        (json!([{}, { "delay_ms": -1 }]), "/runs/1"),
        (json!([{}, { "key": "a" }, { "key": "a" }]), "/runs/2/key"),
        (json!([{}, { "key": "" }]), "/runs/1/key"),
    ] {
        let answer = batch(runs).await;
        assert!(answer.status >= 400, "{answer:?}");
        assert_eq!(answer.body["pointer"], pointer, "{answer:?}");
    }
    let unknown = batch(json!([{}, { "version": 9 }])).await;
    assert_eq!(unknown.code(), "version.not_found");
    assert_eq!(host.database.run(&counts).unwrap(), before);
    // A live run with the same key is answered.
    let held = start(&host, "f", json!({ "key": "k", "delay_ms": 60000 })).await.ok();
    let answer = batch(json!([{ "input": 1 }, { "key": "k" }])).await.ok();
    assert_eq!(answer["runs"][1], json!({ "run_id": held["run_id"], "status": "duplicate" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_started_from_sql_is_there_when_the_callers_transaction_commits() {
    let host = Host::start().await;
    host.deploy(FLOW).await;
    let sql = |text: &str| host.database.run(&[text]);
    // The caller's own work and the run, together or not at all.
    sql("create table orders (id int primary key, run_id uuid)").unwrap();
    let started =
        sql("insert into orders values (1, start_run('f', '{\"order\": 1}')) returning run_id")
            .unwrap();
    let run = host.client.ended(&started[0]).await;
    assert_eq!(run["output"]["only"], json!({ "order": 1 }), "{run:#}");
    let failed = sql("insert into orders values (1, start_run('f', '2'))");
    assert!(failed.is_err());
    assert_eq!(sql("select count(*) from run").unwrap(), ["1"]);
    // A key answers the live run that has it.
    let first = sql("select start_run('f', key => 'k', delay => '1 hour')").unwrap();
    assert_eq!(sql("select start_run('f', key => 'k')").unwrap(), first);
    let over_http = start(&host, "f", json!({ "key": "k" })).await;
    assert_eq!(over_http.body["run_id"], json!(first[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sql_cannot_start_is_refused_with_a_reason() {
    let host = without_worker().await;
    let schema = FLOW
        .replace("\"f\"", "\"s\"")
        .replace("[defaults]", "input_schema = { type = \"object\" }\n[defaults]");
    host.deploy(&schema).await;
    host.deploy(
        &FLOW.replace("\"f\"", "\"m\"").replace("name = \"only\"", "name = \"only\"\nmap = true"),
    )
    .await;
    for (call, said) in [
        ("start_run('nobody')", "there is no flow"),
        ("start_run('f', tenant => 'nobody')", "there is no flow"),
        ("start_run('f', on_version => 9)", "has no version 9"),
        ("start_run('s')", "has a schema"),
        ("start_run('m', '{}')", "must be an array and is object"),
        ("start_run('f', key => '')", "1 to 255 bytes"),
        ("start_run('f', to_jsonb(repeat('x', 1100000)))", "may have 1048576"),
    ] {
        let why = host.database.run(&[&format!("select {call}")]).unwrap_err().to_string();
        assert!(why.contains(said), "{call}: {why}");
    }
    assert_eq!(host.database.run(&["select count(*) from run"]).unwrap(), ["0"]);
}
