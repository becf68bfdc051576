//! The moments of schedules: each is kept once, by whichever host is there, and none holds up another.

use std::sync::Arc;

use model::{Digest, TenantId};
use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};

use crate::schedules::FLOW;

/// A flow whose runs do not end by themselves.
const WAITS: &str = "flow = \"waits\"\n[[step]]\nname = \"only\"\nbuiltin = { wait = \"PT1H\" }\n";

async fn host() -> Host {
    let host = Host::start().await;
    for flow in [FLOW, WAITS] {
        host.client.deploy(flow, Digest([0; 32])).await.ok();
    }
    host
}

async fn put(host: &Host, name: &str, body: Value) {
    host.client.put(&format!("/v1/schedules/{name}"), &body).await.ok();
}

/// Makes a moment of every schedule one that came so long ago.
fn come(host: &Host, ago: &str) {
    host.database
        .run(&[&format!("update schedule set next_at = now() - interval '{ago}'")])
        .unwrap();
}

/// The schedule, once it has dealt with a moment with this outcome.
async fn dealt(host: &Host, name: &str, outcome: &str) -> Value {
    let asked = async || {
        let shown = host.client.get(&format!("/v1/schedules/{name}")).await.ok();
        let now = host.database.run(&["select coalesce(min(next_at) > now(), true) from schedule"]);
        (shown["last_outcome"] == outcome && now.unwrap() == ["t"]).then_some(shown)
    };
    until(&format!("`{name}` says `{outcome}`"), asked).await
}

fn count(host: &Host, table: &str) -> u32 {
    host.database.run(&[&format!("select count(*) from {table}")]).unwrap()[0].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_at_its_moments_by_itself() {
    let host = host().await;
    put(&host, "often", json!({ "cron": "* * * * * *", "flow": "order", "input": { "n": 1 } }))
        .await;
    until("three moments were kept", async || (count(&host, "run") >= 3).then_some(())).await;
    host.client.post("/v1/schedules/often/pause", &json!({})).await.ok();
    let shown = host.client.get("/v1/schedules/often").await.ok();
    let run = host.client.ended(shown["last_run_id"].as_str().unwrap()).await;
    assert_eq!((&run["output"]["only"], &run["schedule"]), (&json!({ "n": 1 }), &json!("often")));
    // Each is about a moment of its own.
    let own = "select count(*) = count(distinct date_trunc('second', created_at)) from run";
    assert_eq!(host.database.run(&[own]).unwrap(), ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_hosts_one_keeps_a_moment() {
    let first = host().await;
    let second = Host::over(Arc::clone(&first.database), Settings::default()).await;
    let third = Host::over(Arc::clone(&first.database), Settings::default()).await;
    for number in 0..20 {
        put(&first, &format!("s{number}"), json!({ "cron": "@yearly", "flow": "order" })).await;
    }
    for round in 1..=10 {
        come(&first, "1 second");
        let kept = "select count(*) from schedule where next_at <= now()";
        until("all moments are kept", async || {
            (first.database.run(&[kept]).unwrap() == ["0"]).then_some(())
        })
        .await;
        let each =
            "select count(*) || ' ' || count(distinct schedule) || ' ' || min(n) || ' ' || max(n)
            from (select schedule, count(*) as n from run group by schedule) as runs";
        let runs = first.database.run(&[each]).unwrap();
        assert_eq!(runs, [format!("20 20 {round} {round}")]);
    }
    drop((second, third));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_at_which_the_run_before_is_live_is_skipped_where_it_says_so() {
    let host = host().await;
    put(&host, "waits", json!({ "cron": "@yearly", "flow": "waits", "overlap": "skip" })).await;
    come(&host, "1 second");
    let first = dealt(&host, "waits", "started").await;
    come(&host, "1 second");
    let second = dealt(&host, "waits", "overlap").await;
    assert_eq!(second["last_run_id"], first["last_run_id"], "{second:#}");
    assert!(second["next_at"].as_str() >= first["next_at"].as_str(), "{second:#}");
    let run = first["last_run_id"].as_str().unwrap();
    host.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
    come(&host, "1 second");
    let third = dealt(&host, "waits", "started").await;
    assert_ne!(third["last_run_id"], first["last_run_id"]);
    // Without it, one more is started beside the live one.
    put(&host, "waits", json!({ "cron": "@yearly", "flow": "waits" })).await;
    come(&host, "1 second");
    until("a second run is live", async || {
        (count(&host, "run where ended_at is null") == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moments_that_were_missed_are_one_run_or_none() {
    let host = host().await;
    put(&host, "once", json!({ "cron": "@hourly", "flow": "order" })).await;
    put(&host, "never", json!({ "cron": "@hourly", "flow": "order", "missed": "skip" })).await;
    // Many hours passed while nobody was there.
    come(&host, "9 hours");
    dealt(&host, "once", "started").await;
    let never = dealt(&host, "never", "missed").await;
    assert_eq!(never.get("last_run_id"), None, "{never:#}");
    let soon = "select bool_and(next_at between now() and now() + interval '1 hour') from schedule";
    assert_eq!(host.database.run(&[soon]).unwrap(), ["t"]);
    assert_eq!(count(&host, "run"), 1);
    // One that is only late is not missed.
    come(&host, "2 seconds");
    dealt(&host, "never", "started").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_start_shows_why_and_others_go_on() {
    let host = host().await;
    put(&host, "broken", json!({ "cron": "@yearly", "flow": "waits", "input": 1 })).await;
    put(&host, "whole", json!({ "cron": "@yearly", "flow": "order" })).await;
    let strict =
        format!("{}input_schema = {{ type = \"object\" }}\n{}", &WAITS[..15], &WAITS[15..]);
    host.client.deploy(&strict, Digest([0; 32])).await.ok();
    come(&host, "1 second");
    let broken = dealt(&host, "broken", "problem").await;
    assert_eq!(broken["last_problem"]["code"], "payload.schema", "{broken:#}");
    assert_eq!((&broken["paused"], broken.get("last_run_id")), (&json!(false), None));
    dealt(&host, "whole", "started").await;
    // When it can again, the problem is over.
    host.client.post("/v1/flows/waits/rollback", &json!({})).await.ok();
    come(&host, "1 second");
    let mended = dealt(&host, "broken", "started").await;
    assert_eq!(mended.get("last_problem"), None, "{mended:#}");
    // A flow without an active version, and a live run that has the closure's key.
    host.client.put("/v1/closures/keyed", &json!({ "flow": "waits", "key": "k" })).await.ok();
    put(&host, "broken", json!({ "cron": "@yearly", "closure": "keyed" })).await;
    come(&host, "1 second");
    dealt(&host, "broken", "started").await;
    come(&host, "1 second");
    let broken = dealt(&host, "broken", "problem").await;
    assert_eq!(broken["last_problem"]["code"], "run.duplicate", "{broken:#}");
    let pointer =
        "update flow set current_version = null, current_activation = null where name = 'waits'";
    host.database.run(&[pointer, "update schedule set last_outcome = null"]).unwrap();
    come(&host, "1 second");
    let broken = dealt(&host, "broken", "problem").await;
    assert_eq!(broken["last_problem"]["code"], "flow.no_active_version", "{broken:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_rests_and_others_go_on() {
    let host = host().await;
    put(&host, "torn", json!({ "cron": "@yearly", "flow": "order" })).await;
    put(&host, "gone", json!({ "cron": "@yearly", "flow": "order" })).await;
    put(&host, "whole", json!({ "cron": "@yearly", "flow": "order" })).await;
    let tear = "update schedule set definition = '{}' where name = 'torn'";
    let lose = "update schedule set definition = replace(definition, 'UTC', 'Mars/Olympus') where name = 'gone'";
    host.database.run(&[tear, lose]).unwrap();
    come(&host, "1 second");
    dealt(&host, "whole", "started").await;
    let gone = dealt(&host, "gone", "problem").await;
    assert_eq!(
        (&gone["paused"], &gone["last_problem"]["code"]),
        (&json!(true), &json!("schedule.unknown_timezone"))
    );
    let rests = "select next_at is null and last_problem like '%internal%' from schedule where name = 'torn'";
    until("`torn` rests", async || (host.database.run(&[rests]).unwrap() == ["t"]).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_behind_another_tenants_thousand_schedules() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.client.deploy(FLOW, Digest([0; 32])).await.ok();
    let stranger = host.stranger().await;
    stranger.deploy(FLOW, Digest([0; 32])).await.ok();
    put(&host, "model", json!({ "cron": "@yearly", "flow": "order" })).await;
    stranger.put("/v1/schedules/one", &json!({ "cron": "@yearly", "flow": "order" })).await.ok();
    let thousand = "insert into schedule (tenant_id, name, flow_id, definition, next_at)
        select tenant_id, 's' || n, flow_id, definition, now() - interval '1 day' from schedule, generate_series(1, 1000) n
        where name = 'model'";
    host.database.run(&[thousand]).unwrap();
    host.database.run(&["update schedule set next_at = now() where name = 'one'"]).unwrap();
    let due = host.store.list_due_schedules(TenantId(0), 64, 8).await.unwrap();
    let of_other = due.iter().filter(|(tenant, _)| tenant.0 > 1).count();
    assert_eq!((due.len(), of_other), (9, 1), "{due:?}");
    let after = host.store.list_due_schedules(TenantId(1), 64, 8).await.unwrap();
    assert_eq!(after.len(), 1);
    let next = host.store.next_schedule().await.unwrap();
    assert_eq!(next, Some(std::time::Duration::ZERO));
}
