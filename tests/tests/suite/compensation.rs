//! What a run did is undone when it has failed for good or was cancelled: once, in reverse, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::TenantId;
use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings};

/// `a`, then `b`, then `c` book; `last` plays; `plain` beside them cannot be undone.
const FLOW: &str = r#"
    flow = "trip"
    [defaults]
    component = "@"
    max_attempts = 3
    backoff = { base = "10ms" }
    [[step]]
    name = "a"
    handler = "book"
    [[step]]
    name = "b"
    handler = "book"
    needs = ["a"]
    [[step]]
    name = "plain"
    handler = "play"
    needs = ["a"]
    [[step]]
    name = "c"
    handler = "book"
    needs = ["b", "plain"]
    [[step]]
    name = "last"
    handler = "play"
    needs = ["c"]
"#;

async fn host() -> Host {
    let host = Host::start().await;
    host.deploy_player(FLOW).await;
    host
}

async fn undone(host: &Host, id: &str) -> Value {
    let asked = async || {
        let run = host.client.get(&format!("/v1/runs/{id}")).await.ok();
        let status = run["compensation"]["status"].as_str()?.to_owned();
        (status != "pending").then_some(run)
    };
    until("the run is undone", asked).await
}

/// What was undone, in order.
fn order(host: &Host, id: &str) -> Vec<String> {
    let query = format!(
        "select step || '#' || index || '/' || attempt || case when failure is null then '' else ' failed' end
         from compensated where run_id = '{id}' order by recorded_at, attempt"
    );
    host.database.run(&[&query]).unwrap()
}

fn id(run: &Value) -> String {
    run["run_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_undone_in_reverse_order_of_completion() {
    let host = host().await;
    let input = json!({ "last": { "": { "do": "fail" } }, "undo": { "b": 3 } });
    let run = host.client.run("trip", &input).await;
    assert_eq!(run["status"], "failed");
    let run = undone(&host, &id(&run)).await;
    // Steps by number: a 0, b 1, plain 2, c 3, last 4.
    assert_eq!(
        order(&host, &id(&run)),
        ["3#0/1", "1#0/1 failed", "1#0/2 failed", "1#0/3", "0#0/1"]
    );
    assert_eq!(run["compensation"]["status"], "completed", "{run:#}");
    let lines = format!("select lines from compensated where run_id = '{}' and step = 0", id(&run));
    let lines = host.database.run(&[&lines]).unwrap().remove(0);
    assert!(lines.contains(&format!("of {}/a/0/compensate", id(&run))), "{lines}");
    let undoing = "select count(*), sum(fuel) = (select sum(fuel) from compensated) from usage where lane = -1";
    let used = "select sum(attempts) || ' ' || sum(failed_attempts) from usage where lane = -1";
    assert!(host.database.run(&[undoing]).unwrap()[0].ends_with('t'));
    assert_eq!(host.database.run(&[used]).unwrap(), ["5 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_is_undone_and_one_that_completed_is_not() {
    let host = host().await;
    let waits = json!({ "last": { "": { "do": "await", "names": ["go"], "phase": "p" } } });
    let run = host.client.start("trip", &waits).await;
    host.client.until_tasks(&run, "last", "awaiting_signal", 1).await;
    host.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
    undone(&host, &run).await;
    assert_eq!(order(&host, &run), ["3#0/1", "1#0/1", "0#0/1"]);
    let completed = host.client.run("trip", &json!({})).await;
    assert_eq!(
        (&completed["status"], &completed["compensation"]),
        (&json!("completed"), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_is_told_and_the_rest_is_undone() {
    let host = host().await;
    let input = json!({ "last": { "": { "do": "fail" } }, "undo": { "b": 9 } });
    let run = host.client.run("trip", &input).await;
    let run = undone(&host, &id(&run)).await;
    assert_eq!(run["compensation"]["status"], "failed", "{run:#}");
    let steps = run["compensation"]["steps"].as_array().unwrap();
    assert_eq!((&steps[1]["name"], &steps[1]["failed"]), (&json!("b"), &json!(1)));
    assert!(steps[1]["failure"]["message"].as_str().unwrap().contains("cannot undo"));
    assert_eq!(order(&host, &id(&run)).last().unwrap(), "0#0/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_of_a_map_step_that_completed_is_undone_once_though_two_hosts_look() {
    let host = Host::start().await;
    let flow = "flow = \"m\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"each\"\nhandler = \"book\"\nmap = true\n\
        [[step]]\nname = \"last\"\nhandler = \"play\"\nneeds = [\"each\"]\n";
    host.deploy_player(&flow.replace(
        "\"last\"\nhandler = \"play\"",
        "\"last\"\nbuiltin = { set = \"${input[99].x}\" }",
    ))
    .await;
    let second = Host::over(Arc::clone(&host.database), Settings::default()).await;
    let input = json!([{}, {}, {}, {}, {}]);
    let runs = (0..4).map(|_| host.client.run("m", &input));
    for run in futures_util::future::join_all(runs).await {
        assert_eq!(run["status"], "failed", "{run:#}");
        let run = undone(&host, &id(&run)).await;
        assert_eq!(run["compensation"]["steps"][0]["compensated"], 5, "{run:#}");
        assert_eq!(order(&host, &id(&run)).len(), 5);
    }
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_undone_by_the_next_worker_when_there_was_none() {
    let host = host().await;
    let waits = json!({ "last": { "": { "do": "await", "names": ["go"], "phase": "p" } } });
    let run = host.client.start("trip", &waits).await;
    host.client.until_tasks(&run, "last", "awaiting_signal", 1).await;
    let database = Arc::clone(&host.database);
    drop(host);
    let idle =
        Host::over(Arc::clone(&database), Settings { works: false, ..Settings::default() }).await;
    idle.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
    let pending = idle.client.get(&format!("/v1/runs/{run}")).await.ok();
    assert_eq!(pending["compensation"]["status"], "pending", "{pending:#}");
    let _works = Host::over(database, Settings::default()).await;
    undone(&idle, &run).await;
    assert_eq!(order(&idle, &run), ["3#0/1", "1#0/1", "0#0/1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_with_its_worker_every_time_it_is_undone_ends_and_is_suspected() {
    let host = host().await;
    let waits = json!({ "last": { "": { "do": "await", "names": ["go"], "phase": "p" } } });
    let run = host.client.start("trip", &waits).await;
    host.client.until_tasks(&run, "last", "awaiting_signal", 1).await;
    let database = Arc::clone(&host.database);
    drop(host);
    let idle =
        Host::over(Arc::clone(&database), Settings { works: false, ..Settings::default() }).await;
    idle.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
    for lost in 0..4 {
        // A worker that takes the run and is never heard of again.
        let dead = idle.store.register_worker("dead", 1, Duration::from_secs(3)).await.unwrap();
        let turns = store::Turns::first(1, 1);
        let taken = idle.store.claim_compensations(dead, &turns, Duration::ZERO).await.unwrap();
        assert_eq!(taken.iter().map(|of| of.lost).collect::<Vec<_>>(), [lost]);
        if lost == 1 {
            // One that leaves in order is no loss.
            idle.store.rest_compensation(&taken[0], Duration::ZERO).await.unwrap();
            let again = idle.store.claim_compensations(dead, &turns, Duration::ZERO).await.unwrap();
            assert_eq!(again[0].lost, lost);
        }
    }
    let worker = Host::over(database, Settings::default()).await;
    let suspected = async || {
        let list = worker.client.get("/v1/components").await.ok();
        let component = &list["components"][0];
        let digest = component["digest"].as_str().unwrap().to_owned();
        component["quarantine"].is_object().then_some(digest)
    };
    let digest = until("the component is in quarantine", suspected).await;
    let rests = async || {
        let run = worker.client.get(&format!("/v1/runs/{run}")).await.ok();
        let why = run["compensation"]["quarantine"]["reason"].as_str()?.to_owned();
        (run["compensation"]["status"] == "pending").then_some(why)
    };
    let why = until("the rest of it waits", rests).await;
    assert!(why.contains("step `c`"), "{why}");
    worker.client.post(&format!("/v1/components/{digest}/release"), &json!({})).await.ok();
    // The rest is undone.
    let ended = undone(&worker, &run).await;
    assert_eq!(ended["compensation"]["status"], "failed", "{ended:#}");
    let steps = ended["compensation"]["steps"].as_array().unwrap();
    let lost = steps.iter().filter(|step| step["failure"]["kind"] == "worker_lost").count();
    assert_eq!(lost, 1, "{ended:#}");
    assert_eq!(order(&worker, &run), ["3#0/1 failed", "1#0/1", "0#0/1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_to_undo_are_shared_out_between_tenants() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let digest = host.deploy_player(FLOW).await;
    let stranger = host.stranger().await;
    stranger.upload(tokio::task::spawn_blocking(guests::player).await.unwrap()).await.ok();
    stranger.deploy(FLOW, digest).await.ok();
    for (client, runs) in [(&host.client, 20), (&stranger, 1)] {
        for _ in 0..runs {
            let run = client.start("trip", &json!({})).await;
            client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
        }
    }
    let worker = host.store.register_worker("w", 1, Duration::from_secs(60)).await.unwrap();
    let seats = store::Seats::new(16);
    let turns = store::Turns::next(TenantId(0), 16, seats.free(), &seats);
    let hold = Duration::from_secs(60);
    let taken = host.store.claim_compensations(worker, &turns, hold).await.unwrap();
    let of = |tenant| taken.iter().filter(|of| of.run.tenant == tenant).count();
    let tenants: BTreeSet<TenantId> = taken.iter().map(|of| of.run.tenant).collect();
    assert_eq!(tenants.into_iter().map(of).collect::<Vec<_>>(), [8, 1]);
    // What nobody has any more is taken by the next, and nothing counts as lost.
    host.store.release_compensations(worker).await.unwrap();
    let again = host.store.claim_compensations(worker, &turns, hold).await.unwrap();
    assert!(again.len() == taken.len() && again.iter().all(|of| of.lost == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_does_again_what_was_undone() {
    let host = host().await;
    let run = host.client.run("trip", &json!({ "last": { "": { "do": "fail" } } })).await;
    undone(&host, &id(&run)).await;
    let path = format!("/v1/runs/{}/rerun", id(&run));
    let answer = host.client.post(&path, &json!({ "from": "last" })).await.ok();
    // `plain` comes after `a`, which was undone.
    assert_eq!(answer["kept"], json!([]), "{answer:#}");
}
