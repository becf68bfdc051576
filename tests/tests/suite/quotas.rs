//! Quotas: what is beyond them is refused with the moment when it may go well, what was accepted is kept, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{Client, until};
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings, database};

const ECHO: &str = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\nhandler = \"echo\"\n";
const WAITS: &str = "flow = \"w\"\n[[step]]\nname = \"a\"\nbuiltin = { wait = \"P1D\" }\n";
const BUSY: &str = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\ntimeout = \"5m\"\nfuel = 1_000_000_000_000\n\
    [[step]]\nname = \"a\"\nhandler = \"busy\"\n";

/// Another tenant, which has deployed a flow, and what it may take.
async fn stranger(host: &Host, flow: &str, quota: &Value) -> Client {
    let stranger = host.stranger().await;
    let bytes = tokio::task::spawn_blocking(guests::actor).await.unwrap();
    let digest = stranger.upload(bytes).await.ok()["digest"].as_str().unwrap().parse().unwrap();
    stranger.deploy(flow, digest).await.ok();
    set(host, quota).await;
    stranger
}

async fn set(host: &Host, quota: &Value) {
    host.client.put("/v1/tenants/stranger/quota", quota).await.ok();
}

/// A start's status, the quota it names if it is refused, and the seconds it is told to wait.
async fn start(client: &Client, flow: &str) -> (u16, String, Option<u64>) {
    let request = client.request(Method::POST, &format!("/v1/flows/{flow}/runs"));
    let response = request.header("content-type", "application/json").body("{}").send().await;
    let response = response.unwrap();
    let wait = response.headers().get("retry-after");
    let wait = wait.map(|wait| wait.to_str().unwrap().parse().unwrap());
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(status == 201 || body["code"] == "quota.exceeded", "{body:#}");
    (status, body["detail"].as_str().unwrap_or_default().to_owned(), wait)
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_beyond_the_live_ones_are_refused_until_others_have_ended() {
    let host = Host::start().await;
    let stranger = stranger(&host, WAITS, &json!({ "live_runs": 3 })).await;
    let first = stranger.start("w", &json!({})).await;
    for _ in 0..2 {
        assert_eq!(start(&stranger, "w").await.0, 201);
    }
    let (status, detail, wait) = start(&stranger, "w").await;
    assert_eq!((status, wait), (429, Some(1)));
    assert!(detail.contains("`live_runs` of 3"), "{detail}");
    let batch = json!({ "runs": [{}, {}] });
    assert_eq!(stranger.post("/v1/flows/w/batch", &batch).await.code(), "quota.exceeded");
    // Nobody else notices.
    host.deploy(ECHO).await;
    assert_eq!(host.client.run("f", &json!(1)).await["status"], "completed");
    stranger.post(&format!("/v1/runs/{first}/cancel"), &json!({})).await.ok();
    until("one may start again", async || (start(&stranger, "w").await.0 == 201).then_some(()))
        .await;
    assert_eq!(start(&stranger, "w").await.0, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_beyond_those_of_a_second_are_refused_and_go_well_after_it() {
    let host = Host::start().await;
    let stranger = stranger(&host, ECHO, &json!({ "runs_per_second": 1 })).await;
    assert_eq!(start(&stranger, "f").await.0, 201);
    let (status, detail, wait) = start(&stranger, "f").await;
    assert_eq!((status, wait), (429, Some(1)), "{detail}");
    until("the second is over", async || (start(&stranger, "f").await.0 == 201).then_some(()))
        .await;
    // The same request again is no further start.
    let again = async || {
        let request = stranger.request(Method::POST, "/v1/flows/f/runs");
        let request =
            request.header("idempotency-key", "k").header("content-type", "application/json");
        request.body("{}").send().await.unwrap().status().as_u16()
    };
    until("it is started once", async || (again().await == 201).then_some(())).await;
    assert_eq!(again().await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_a_second_of_runs_is_in_the_way_of_stays_due_and_a_trigger_is_refused() {
    let host = Host::start().await;
    let stranger = stranger(&host, ECHO, &json!({ "runs_per_second": 1 })).await;
    for name in ["one", "two"] {
        let schedule = json!({ "flow": "f", "cron": "@yearly", "missed": "run_once" });
        stranger.put(&format!("/v1/schedules/{name}"), &schedule).await.ok();
    }
    host.database.run(&["update schedule set next_at = now() - interval '1 s'"]).unwrap();
    until("both moments are kept", async || {
        let kept = "select count(*) from schedule where last_outcome = 'started'";
        (host.database.run(&[kept]).unwrap() == ["2"]).then_some(())
    })
    .await;
    let problems = "select count(*) from schedule where last_problem is not null";
    assert_eq!(host.database.run(&[problems]).unwrap(), ["0"]);
    let codes = async || {
        let answer = stranger.post("/v1/schedules/one/trigger", &json!({})).await;
        (answer.status == 429).then(|| answer.code().to_owned())
    };
    assert_eq!(until("a trigger is refused", codes).await, "quota.exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_those_of_a_second_are_refused_without_anybody_else_noticing() {
    let host = Host::start().await;
    let stranger = stranger(&host, ECHO, &json!({ "requests_per_second": 5 })).await;
    let mut refused = 0;
    for _ in 0..40 {
        let answer = stranger.get("/v1/flows").await;
        assert!(answer.status == 200 || answer.code() == "quota.exceeded", "{answer:?}");
        refused += u32::from(answer.status == 429);
        assert_eq!(host.client.get("/v1/flows").await.status, 200);
    }
    assert!(refused > 0);
    until("one is answered again", async || {
        (stranger.get("/v1/flows").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn components_bytes_and_compile_time_have_a_quota_each() {
    let host = Host::start().await;
    let stranger = stranger(&host, ECHO, &json!({ "components": 1 })).await;
    let other = || guests::hand_written("good");
    let over = async |quota: Value, field: &str| {
        set(&host, &quota).await;
        let answer = stranger.upload(other()).await;
        assert_eq!((answer.status, answer.code()), (429, "quota.exceeded"));
        assert!(answer.body["detail"].as_str().unwrap().contains(field), "{answer:?}");
    };
    over(json!({ "components": 1 }), "`components` of 1").await;
    over(json!({ "stored_bytes": 10 }), "`stored_bytes` of 10").await;
    let closure = stranger.put("/v1/closures/c", &json!({ "flow": "f" })).await;
    assert_eq!((closure.status, closure.code()), (429, "quota.exceeded"));
    over(json!({ "compile_seconds_per_day": 0 }), "`compile_seconds_per_day` of 0").await;
    // What is there already takes nothing more.
    let bytes = tokio::task::spawn_blocking(guests::actor).await.unwrap();
    assert_eq!(stranger.upload(bytes).await.status, 200);
    set(&host, &json!({})).await;
    assert_eq!(stranger.upload(other()).await.status, 201);
    let usage = stranger.get("/v1/usage?by=day&count=1").await.ok();
    assert!(usage["usage"][0]["compile_ms"].as_u64().unwrap() > 0, "{usage:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_stores_is_counted_and_more_of_it_is_refused() {
    let host = Host::start().await;
    let stranger = stranger(&host, ECHO, &json!({})).await;
    stranger.run("f", &json!({ "value": "x".repeat(100_000) })).await;
    let wait = stranger.request(Method::POST, "/v1/flows?activate=true");
    let wait = wait.header("content-type", "application/toml").body(WAITS).send().await.unwrap();
    assert_eq!(wait.status(), 201);
    until("the stranger's bytes are counted", async || {
        host.database.run(&["update stored set counted_at = '-infinity'"]).unwrap();
        let mut counting = host.store.begin_count(Duration::from_secs(60)).await.unwrap();
        while let Some(page) = counting {
            counting = host.store.count_stored(page, 10).await.unwrap();
        }
        let quota = stranger.get("/v1/quota").await.ok();
        (quota["stored_bytes"].as_u64().unwrap() > 200_000).then_some(())
    })
    .await;
    let sleeper = stranger.start("w", &json!({})).await;
    stranger.until_tasks(&sleeper, "a", "sleeping", 1).await;
    set(&host, &json!({ "stored_bytes": 1_000 })).await;
    let (status, detail, _) = start(&stranger, "f").await;
    assert_eq!(status, 429);
    assert!(detail.contains("`stored_bytes` of 1000"), "{detail}");
    // What was started before waits until there is room again.
    let rests = async || {
        let shares = host.store.list_shares().await.unwrap();
        shares.iter().any(|share| !share.rests.is_zero()).then_some(())
    };
    until("the tenant rests", rests).await;
    set(&host, &json!({})).await;
    assert!(host.store.list_shares().await.unwrap().iter().all(|share| share.rests.is_zero()));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_attempts_of_a_tenant_run_at_a_time_than_it_may_on_all_hosts_together() {
    let (first, second) = Host::two(Duration::from_secs(3)).await;
    let stranger = stranger(&first, BUSY, &json!({ "running_attempts": 3 })).await;
    // Both hosts know by then.
    until("both workers beat", async || {
        let workers = first.client.get("/v1/workers").await.ok();
        (workers["workers"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    // Every worker learns its part while these run.
    for _ in 0..6 {
        stranger.start("f", &json!({ "busy_ms": 700 })).await;
    }
    first.swept().await;
    let mut runs = Vec::new();
    for _ in 0..12 {
        runs.push(stranger.start("f", &json!({ "busy_ms": 700 })).await);
    }
    let busy = |host: &Host| 16 - host.sandbox.free_slots();
    let most = AtomicUsize::new(0);
    until("all have ended", async || {
        most.fetch_max(busy(&first) + busy(&second), Ordering::Relaxed);
        let live = first.database.run(&["select count(*) from token"]).unwrap();
        (live == ["0"]).then_some(())
    })
    .await;
    for run in runs {
        assert_eq!(stranger.ended(&run).await["status"], "completed");
    }
    let most = most.into_inner();
    assert!((1..=3).contains(&most), "{most} ran at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_of_fuel_that_is_used_up_makes_the_next_attempts_wait_and_nobody_elses() {
    let host = Host::start().await;
    let stranger = stranger(&host, BUSY, &json!({ "fuel_per_minute": 1_000_000 })).await;
    until("a minute is used up", async || {
        stranger.start("f", &json!({ "busy_ms": 50 })).await;
        let rests = "select fuel_full_at > now() + interval '2 min' from quota";
        (host.database.run(&[rests]).unwrap() == ["t"]).then_some(())
    })
    .await;
    let resting = async || {
        let shares = host.store.list_shares().await.unwrap();
        shares.iter().any(|share| !share.rests.is_zero()).then_some(())
    };
    until("the tenant rests", resting).await;
    until("the worker knows", async || {
        let waits = stranger.start("f", &json!({ "busy_ms": 1 })).await;
        let path = format!("/v1/runs/{waits}/wait?timeout=300ms");
        let run = stranger.get(&path).await.ok();
        (run["status"] != "completed").then_some(())
    })
    .await;
    host.deploy(ECHO).await;
    assert_eq!(host.client.run("f", &json!(1)).await["status"], "completed");
    // More fuel: what waited goes on.
    set(&host, &json!({})).await;
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_live_runs_like_any_other() {
    let host = Host::start().await;
    let stranger = host.stranger().await;
    let bytes = tokio::task::spawn_blocking(guests::player).await.unwrap();
    let digest = stranger.upload(bytes).await.ok()["digest"].as_str().unwrap().parse().unwrap();
    let flow = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\nhandler = \"play\"\nmax_attempts = 1\n";
    stranger.deploy(flow, digest).await.ok();
    set(&host, &json!({ "live_runs": 5 })).await;
    let children: Vec<Value> = (0..10).map(|_| json!({ "flow": "f", "input": {} })).collect();
    let input = json!({ "a": { "": { "do": "spawn", "children": children, "phase": "done" } } });
    let run = stranger.run("f", &input).await;
    assert_eq!(run["failure"]["kind"], "quota_exceeded", "{run:#}");
    assert!(run["failure"]["message"].as_str().unwrap().contains("`live_runs` of 5"), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_makes_no_sense_is_refused_and_only_an_admin_sets_one() {
    let host = Host::start().await;
    let stranger = stranger(&host, ECHO, &json!({ "weight": 300, "live_runs": null })).await;
    let refused = async |quota: Value| {
        let answer = host.client.put("/v1/tenants/stranger/quota", &quota).await;
        (answer.status, answer.code().to_owned(), answer.body["pointer"].clone())
    };
    let invalid = |at: &str| (400, "request.invalid".to_owned(), json!(at));
    assert_eq!(refused(json!({ "weight": 0 })).await, invalid("/weight"));
    assert_eq!(refused(json!({ "running_attempts": 0 })).await, invalid("/running_attempts"));
    assert_eq!(refused(json!({ "wait": 1 })).await.0, 400);
    let answer = host.client.put("/v1/tenants/nobody/quota", &json!({})).await;
    assert_eq!((answer.status, answer.code()), (404, "tenant.not_found"));
    let quota = stranger.get("/v1/quota").await.ok()["quota"].clone();
    assert_eq!((&quota["weight"], &quota["live_runs"]), (&json!(300), &Value::Null));
    assert_eq!(quota["components"], 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_the_sum_of_the_receipts() {
    let host = Host::start().await;
    host.deploy(ECHO).await;
    for value in 0..5 {
        host.client.run("f", &json!(value)).await;
    }
    let receipts = "select count(*) || ' ' || sum(fuel) || ' ' || sum(output_bytes) from outcome";
    let receipts = host.database.run(&[receipts]).unwrap();
    for by in ["hour", "day"] {
        let usage = host.client.get(&format!("/v1/usage?by={by}")).await.ok();
        let sum = |field: &str| {
            let rows = usage["usage"].as_array().unwrap().iter();
            rows.map(|row| row[field].as_u64().unwrap()).sum::<u64>()
        };
        let used = format!("{} {} {}", sum("attempts"), sum("fuel"), sum("output_bytes"));
        assert_eq!([used], receipts[..]);
        assert_eq!(sum("failed_attempts"), 0);
    }
    let stranger = host.stranger().await;
    assert_eq!(stranger.get("/v1/usage").await.ok()["usage"], json!([]));
    assert_eq!(host.client.get("/v1/usage?by=year").await.status, 400);
    assert_eq!(host.client.get("/v1/tenants/stranger/usage").await.ok()["usage"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_that_is_days_old_becomes_one_row_an_hour_and_the_sums_stay() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let rows = "insert into usage (tenant_id, hour, worker_id, lane, attempts)
        select 1, date_trunc('hour', now(), 'UTC') - ago * interval '1 day', worker, lane, 1
        from unnest(array[0, 3]) as ago, generate_series(0, 3) as worker, generate_series(-1, 2) as lane";
    host.database.run(&[rows]).unwrap();
    assert_eq!(host.store.fold_usage(5).await.unwrap(), 5);
    assert_eq!(host.store.fold_usage(500).await.unwrap(), 7);
    assert_eq!(host.store.fold_usage(500).await.unwrap(), 0);
    let left = "select count(*) || ' ' || sum(attempts) from usage group by hour order by hour";
    assert_eq!(host.database.run(&[left]).unwrap(), ["4 16", "16 16"]);
    let days = host.client.get("/v1/usage?by=day&count=4").await.ok();
    assert_eq!(days["usage"].as_array().unwrap().len(), 2, "{days:#}");
}

/// A host with a stranger's endless loops in as many slots as they may have; `flow` has them, `body` starts them at `path`.
async fn flooded(flow: &str, path: &str, body: &Value) -> (Host, Client) {
    let database = Arc::new(database().await);
    let host = Host::over(database, Settings::default()).await;
    let stranger = stranger(&host, flow, &json!({})).await;
    host.deploy(ECHO).await;
    stranger.post(path, body).await.ok();
    until("the stranger has all the slots it may", async || {
        (host.sandbox.free_slots() <= 4).then_some(())
    })
    .await;
    (host, stranger)
}

async fn another_has_room(host: &Host) {
    for value in 0..20 {
        let run = host.client.run("f", &json!(value)).await;
        assert_eq!(run["status"], "completed");
    }
    assert!(host.sandbox.free_slots() > 0);
}

fn endless(count: usize) -> Vec<Value> {
    std::iter::repeat_n(json!({ "busy_ms": 60_000 }), count).collect()
}

fn many_runs(count: usize) -> Value {
    let runs: Vec<Value> =
        endless(count).into_iter().map(|input| json!({ "input": input })).collect();
    json!({ "runs": runs })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_tenant_with_a_flood_of_endless_loops_leaves_room_for_another() {
    let (host, _stranger) = flooded(BUSY, "/v1/flows/f/batch", &many_runs(200)).await;
    another_has_room(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_tenant_with_a_map_of_endless_loops_leaves_room_for_another() {
    let input = json!({ "input": endless(1_000) });
    let (host, _stranger) =
        flooded(&format!("{BUSY}map = true\n"), "/v1/flows/f/runs", &input).await;
    another_has_room(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn what_waits_for_a_slot_when_its_tenant_is_frozen_goes_back_and_holds_nothing() {
    let (host, stranger) = flooded(BUSY, "/v1/flows/f/batch", &many_runs(40)).await;
    let held = async || {
        let held = "select count(*) from token where worker_id is not null";
        host.database.run(&[held]).unwrap()[0].parse::<usize>().unwrap()
    };
    assert!(held().await > 16, "some wait");
    host.client.post("/v1/tenants/stranger/freeze", &json!({})).await.ok();
    until("only what runs is held", async || {
        (held().await <= 16 - host.sandbox.free_slots()).then_some(())
    })
    .await;
    another_has_room(&host).await;
    host.client.post("/v1/tenants/stranger/unfreeze", &json!({})).await.ok();
    until("what went back is claimed again", async || (held().await > 16).then_some(())).await;
    drop(stranger);
}
