//! Quarantine: a component that hurts again and again is not called any more; nothing of it fails, and one command releases it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings, database};
use stepcell_tests::process::Process;
use worker::QuarantineRule;

use crate::recovery::{deploy, key_for};

const TRAPS: &str = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\nhandler = \"play\"\nmax_attempts = 1\n";
const MAPS: &str =
    "flow = \"m\"\n[[step]]\nname = \"all\"\ncomponent = \"@\"\nhandler = \"echo\"\nmap = true\n";
const BUSY: &str = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\ntimeout = \"15m\"\nfuel = 1_000_000_000_000\n\
    [[step]]\nname = \"a\"\nhandler = \"busy\"\n";

async fn strict() -> Host {
    let quarantine = QuarantineRule { failures: 5, window: Duration::from_secs(600) };
    let worker = worker::Settings { quarantine, ..Settings::default().worker };
    Host::with(Settings { worker, ..Settings::default() }).await
}

fn trap() -> Value {
    json!({ "a": { "": { "do": "trap" } } })
}

async fn until_blocked(host: &Host, run: &str, step: &str, count: u64) {
    host.client.until_tasks(run, step, "blocked", count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_traps_again_and_again_is_not_called_until_it_is_released() {
    let host = strict().await;
    let digest = host.deploy_player(TRAPS).await;
    for _ in 0..5 {
        let run = host.client.run("f", &trap()).await;
        assert_eq!(run["failure"]["kind"], "trap");
    }
    let waits = host.client.start("f", &json!({})).await;
    until_blocked(&host, &waits, "a", 1).await;
    let run = host.client.get(&format!("/v1/runs/{waits}")).await.ok();
    assert_eq!(run["status"], "running");
    let why = run["steps"][0]["quarantine"]["reason"].as_str().unwrap();
    assert!(why.contains("5 attempts within 600 s") && why.contains("`trap`"), "{why}");
    let component = host.client.get(&format!("/v1/components/{digest}")).await.ok();
    assert_eq!(component["quarantine"], run["steps"][0]["quarantine"]);
    let released = host.client.post(&format!("/v1/components/{digest}/release"), &json!({})).await;
    assert_eq!(released.ok()["quarantine"], Value::Null);
    assert_eq!(host.client.ended(&waits).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_outlives_the_host_and_so_do_the_tasks_that_wait() {
    let host = strict().await;
    let digest = host.deploy_player(TRAPS).await;
    for _ in 0..5 {
        host.client.run("f", &trap()).await;
    }
    let waits = host.client.start("f", &json!({})).await;
    until_blocked(&host, &waits, "a", 1).await;
    let database = Arc::clone(&host.database);
    drop(host);
    let host = Host::over(database, Settings::default()).await;
    let next = host.client.start("f", &json!({})).await;
    until_blocked(&host, &next, "a", 1).await;
    until_blocked(&host, &waits, "a", 1).await;
    host.client.post(&format!("/v1/components/{digest}/release"), &json!({})).await.ok();
    for run in [waits, next] {
        assert_eq!(host.client.ended(&run).await["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_component_of_another_tenant_is_called() {
    let host = strict().await;
    let digest = host.deploy_player(TRAPS).await;
    let stranger = host.stranger().await;
    let bytes = tokio::task::spawn_blocking(guests::player).await.unwrap();
    stranger.upload(bytes).await.ok();
    stranger.deploy(TRAPS, digest).await.ok();
    for _ in 0..5 {
        host.client.run("f", &trap()).await;
    }
    let waits = host.client.start("f", &json!({})).await;
    until_blocked(&host, &waits, "a", 1).await;
    assert_eq!(stranger.run("f", &json!({})).await["status"], "completed");
    let own = stranger.get(&format!("/v1/components/{digest}")).await.ok();
    assert_eq!(own["quarantine"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_deploy_quarantines_and_releases_by_hand_and_every_task_of_a_map_waits() {
    let (host, other) = Host::two(Duration::from_secs(3)).await;
    let digest = host.deploy(MAPS).await;
    let path = format!("/v1/components/{digest}/quarantine");
    let reason = json!({ "reason": "\u{1b}[31mlooks odd" });
    let held = host.client.post(&path, &reason).await.ok();
    assert_eq!(held["quarantine"]["reason"], "\u{1b}[31mlooks odd");
    for client in [&host.client, &other.client] {
        until("its host knows", async || {
            let run = client.start("m", &json!([1, 2, 3])).await;
            let path = format!("/v1/runs/{run}/wait?timeout=200ms");
            (client.get(&path).await.ok()["status"] == "running").then_some(())
        })
        .await;
    }
    let run = host.client.start("m", &json!([1, 2, 3])).await;
    until_blocked(&host, &run, "all", 3).await;
    let again = host.client.post(&path, &json!({ "reason": "twice" })).await.ok();
    assert_eq!(again["quarantine"], held["quarantine"]);
    host.client.post(&format!("/v1/components/{digest}/release"), &json!({})).await.ok();
    let run = host.client.ended(&run).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("completed"), &json!({ "all": [1, 2, 3] }))
    );
    host.swept().await;
    let long = json!({ "reason": "x".repeat(501) });
    assert_eq!(host.client.post(&path, &long).await.status, 400);
    let unknown = format!("/v1/components/{}/release", "0".repeat(64));
    assert_eq!(host.client.post(&unknown, &json!({})).await.code(), "component.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_whose_task_ends_its_worker_again_and_again_is_suspected_and_the_api_goes_on() {
    let database = Arc::new(database().await);
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await.to_string();
    let api = Process::serve(&database.url(), folder.path(), &key, &["--roles", "api"]);
    deploy(&api.client, BUSY).await;
    let worker = || {
        let (url, key) = (database.url(), key.clone());
        let folder = folder.path().to_owned();
        move || Process::serve(&url, &folder, &key, &["--roles", "worker", "--lease", "1s"])
    };
    let run = api.client.start("f", &json!({ "busy_ms": 600_000 })).await;
    for _ in 0..3 {
        let executor = tokio::task::spawn_blocking(worker()).await.unwrap();
        until("the newest worker has the task", async || {
            let has = "select worker_id = (select max(id) from worker) from token where worker_id is not null";
            (database.run(&[has]).unwrap() == ["t"]).then_some(())
        })
        .await;
        tokio::task::spawn_blocking(move || executor.kill()).await.unwrap();
        assert_eq!(api.client.get("/v1/flows").await.status, 200);
    }
    let _executor = tokio::task::spawn_blocking(worker()).await.unwrap();
    let ended = api.client.ended(&run).await;
    assert_eq!(ended["failure"]["kind"], "worker_lost", "{ended:#}");
    let next = api.client.start("f", &json!({ "busy_ms": 1 })).await;
    api.client.until_tasks(&next, "a", "blocked", 1).await;
    let shown = api.client.get(&format!("/v1/runs/{next}")).await.ok();
    let why = shown["steps"][0]["quarantine"]["reason"].as_str().unwrap();
    assert!(why.contains("step `a`") && why.contains(&run), "{why}");
}
