//! Tenants: frozen, exported, deleted with all they have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::TenantId;
use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{Client, send, until};
use stepcell_tests::guests::{actor, root};
use stepcell_tests::host::{Host, Settings, database};

const FLOW: &str =
    "flow = \"f\"\n[[step]]\nname = \"only\"\nhandler = \"HANDLER\"\ncomponent = \"@\"\n";

/// Uploads the actor as this client and deploys a flow of one step.
pub(crate) async fn deploy(client: &Client, handler: &str, more: &str) {
    let bytes = tokio::task::spawn_blocking(actor).await.unwrap();
    let digest = client.upload(bytes).await.ok();
    let digest = digest["digest"].as_str().unwrap().parse().unwrap();
    client.deploy(&(FLOW.replace("HANDLER", handler) + more), digest).await.ok();
}

/// The tables whose rows belong to tenants.
pub(crate) fn owned_tables(database: &devdb::TestDatabase) -> Vec<String> {
    let owned = "select table_name from information_schema.columns where column_name = 'tenant_id' and table_schema = 'public'
        order by table_name";
    database.run(&[owned]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_frozen_tenant_has_can_be_looked_at_and_not_be_changed() {
    let host = Host::start().await;
    let stranger = host.stranger().await;
    deploy(&stranger, "echo", "").await;
    let run = stranger.run("f", &json!(1)).await;
    let frozen = host.client.post("/v1/tenants/stranger/freeze", &json!({})).await.ok();
    assert_eq!(frozen["status"], "frozen");
    let seen = stranger.get(&format!("/v1/runs/{}", run["run_id"].as_str().unwrap())).await;
    assert_eq!(seen.ok()["output"], json!({ "only": 1 }));
    for (method, path) in [
        (Method::POST, "/v1/flows/f/runs"),
        (Method::POST, "/v1/flows/f/activate"),
        (Method::PUT, "/v1/closures/c"),
        (Method::DELETE, "/v1/schedules/s"),
        (Method::POST, "/v1/tenants/default/freeze"),
    ] {
        let refused = send(stranger.request(method, path)).await;
        assert_eq!((refused.status, refused.code()), (403, "tenant_frozen"), "{path}: {refused:?}");
    }
    let active = host.client.post("/v1/tenants/stranger/unfreeze", &json!({})).await.ok();
    assert_eq!((&active["status"], &active["frozen_at"]), (&json!("active"), &Value::Null));
    assert_eq!(stranger.run("f", &json!(2)).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_can_neither_freeze_nor_delete_the_tenant_of_its_own_key() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let frozen = host.client.post("/v1/tenants/default/freeze", &json!({})).await;
    assert_eq!((frozen.status, frozen.code()), (409, "tenant.own"), "{frozen:?}");
    let deleted = host.client.delete("/v1/tenants/default").await;
    assert_eq!((deleted.status, deleted.code()), (409, "tenant.own"), "{deleted:?}");
    let taken = host.client.post("/v1/tenants", &json!({ "name": "default" })).await;
    assert_eq!((taken.status, taken.code()), (409, "tenant.exists"), "{taken:?}");
    let unknown = host.client.get("/v1/tenants/nobody").await;
    assert_eq!((unknown.status, unknown.code()), (404, "tenant.not_found"), "{unknown:?}");
    let list = host.client.get("/v1/tenants").await.ok();
    assert_eq!(list["tenants"][0]["name"], "default");
}

/// Tokens of no run of these tenants, due since so long.
fn due(tenants: &str, count: u32, ago: &str) -> String {
    format!(
        "insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, wake_at)
         select tenant, gen_random_uuid(), 0, 0, 1, 0, 0, 1, now() - interval '{ago}'
         from generate_series({tenants}) tenant, generate_series(1, {count})"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn due_tokens_are_woken_by_their_moment_or_a_share_of_each_tenants() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let filled = [
        due("1, 1", 100, "1 hour"),
        due("2, 2", 100, "1 minute"),
        due("3, 3", 1, "1 second"),
        due("4, 4", 1, "-1 hour"),
    ];
    host.database.run(&filled.each_ref().map(String::as_str)).unwrap();
    let awake = || {
        let count = "select tenant_id || ': ' || count(*) from token where wake_at is null group by tenant_id order by 1";
        host.database.run(&[count]).unwrap()
    };
    assert_eq!(host.store.wake(10).await.unwrap().0, 10);
    assert_eq!(awake(), ["1: 10"], "those that have waited longest");
    assert_eq!(host.store.wake_shared(10, TenantId(0)).await.unwrap(), (7, TenantId(3)));
    assert_eq!(awake(), ["1: 13", "2: 3", "3: 1"], "three of each that has as many");
    assert_eq!(host.store.wake_shared(10, TenantId(1)).await.unwrap(), (10, TenantId(2)));
    assert_eq!(awake(), ["1: 13", "2: 13", "3: 1"]);
    assert_eq!(host.store.wake_shared(10, TenantId(3)).await.unwrap(), (0, TenantId(0)));
    host.database.run(&[&due("101, 130", 1, "1 second")]).unwrap();
    let next = host.store.wake_shared(1_000, TenantId(100)).await.unwrap();
    assert_eq!(next, (20, TenantId(120)), "so many tenants at a time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_due_tokens_is_not_in_front_of_those_of_another_tenant() {
    let idle = Host::with(Settings { works: false, ..Settings::default() }).await;
    let watch = "create table behind (waiting bigint not null);
        create function watch() returns trigger language plpgsql as $$ begin
            insert into behind select count(*) from token where tenant_id = 1 and wake_at is not null;
            return null;
        end $$;
        create trigger watch after update on token for each row
            when (new.tenant_id = 2 and old.wake_at is not null and new.wake_at is null) execute function watch()";
    let crowd = [watch, &due("1, 1", 20_000, "1 hour"), &due("2, 2", 1, "1 second")];
    idle.database.run(&crowd).unwrap();
    let _working = Host::over(Arc::clone(&idle.database), Settings::default()).await;
    let seen = async || {
        let seen = idle.database.run(&["select waiting from behind"]).unwrap();
        seen.first().map(|waiting| waiting.parse::<u64>().unwrap())
    };
    let waiting = until("the other tenant's token is woken", seen).await;
    assert!(waiting > 10_000, "{waiting} of 20,000 were asleep");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedules_of_a_frozen_tenant_keep_no_moment() {
    let host = Host::start().await;
    let stranger = host.stranger().await;
    for client in [&stranger, &host.client] {
        deploy(client, "echo", "").await;
        let schedule = json!({ "flow": "f", "cron": "0 0 1 1 *" });
        client.put("/v1/schedules/s", &schedule).await.ok();
    }
    host.client.post("/v1/tenants/stranger/freeze", &json!({})).await.ok();
    let due = "update schedule set next_at = now() - interval '1 second'";
    let fired = "select count(*) from schedule where last_at is not null";
    for _ in 0..2 {
        host.database.run(&["update schedule set last_at = null", due]).unwrap();
        let kept = async || (host.database.run(&[fired]).unwrap() == ["1"]).then_some(());
        until("the other tenant's moment was kept", kept).await;
    }
    assert_eq!(stranger.get("/v1/runs").await.ok()["runs"], json!([]));
    host.client.post("/v1/tenants/stranger/unfreeze", &json!({})).await.ok();
    let runs = async || {
        let runs = stranger.get("/v1/runs").await.ok();
        (!runs["runs"].as_array().unwrap().is_empty()).then_some(())
    };
    until("the schedule goes on", runs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tenant_is_gone_at_once_and_all_it_had_a_moment_later() {
    let host = Host::start().await;
    let stranger = host.stranger().await;
    deploy(&stranger, "busy", "timeout = \"10m\"\n").await;
    let live = stranger.start("f", &json!({ "busy_ms": 600_000 })).await;
    stranger.until_tasks(&live, "only", "running", 1).await;
    stranger.run("f", &json!({ "busy_ms": 1 })).await;
    stranger.signal(&live, "go", &json!(1)).await.ok();
    let start = json!({ "key": "k", "deadline_ms": 86_400_000, "delay_ms": 3_600_000 });
    stranger.post("/v1/flows/f/runs", &start).await.ok();
    stranger.put("/v1/closures/c", &json!({ "flow": "f" })).await.ok();
    let schedule = json!({ "closure": "c", "cron": "0 0 1 1 *" });
    stranger.put("/v1/schedules/s", &schedule).await.ok();
    let kept = host.client.get("/v1/audit?tenant=stranger").await.ok();
    assert_eq!(host.client.delete("/v1/tenants/stranger").await.status, 202);
    assert_eq!(stranger.get("/v1/runs").await.code(), "unauthorized");
    for path in ["", "/keys", "/export"] {
        let gone = host.client.get(&format!("/v1/tenants/stranger{path}")).await;
        assert_eq!(gone.code(), "tenant.not_found", "{path}");
    }
    let name = json!({ "name": "stranger" });
    assert_eq!(host.client.post("/v1/tenants", &name).await.code(), "tenant.exists");
    let id = "select id from tenant where name = 'stranger'";
    let id = host.database.run(&[id]).unwrap().concat();
    let later =
        "update tenant set deleting_at = now() - interval '1 minute' where name = 'stranger'";
    host.database.run(&[later]).unwrap();
    let made = async || (host.client.post("/v1/tenants", &name).await.status == 201).then_some(());
    until("its name is free", made).await;
    for table in owned_tables(&host.database) {
        let left = format!("select count(*) from {table} where tenant_id = {id}");
        let left = host.database.run(&[&left]).unwrap().concat();
        assert!(left == "0" || table == "audit", "{left} rows of {table} are left");
    }
    let stopped = async || (host.sandbox.free_slots() == 16).then_some(());
    until("its attempt was stopped", stopped).await;
    // What was done to it stays in the log, under a number no other tenant has.
    let entries = kept["entries"].as_array().unwrap().len() + 1;
    let log = format!("select count(*) from audit where tenant_id = {id}");
    assert_eq!(host.database.run(&[&log]).unwrap(), [entries.to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_every_row_of_the_tenant_none_of_another_and_no_hash_of_a_key() {
    let host = Host::start().await;
    let stranger = host.stranger().await;
    deploy(&stranger, "chatty", "").await;
    deploy(&host.client, "chatty", "").await;
    stranger.run("f", &json!({ "mine": "\u{1b}" })).await;
    host.client.run("f", &json!({ "mine": "not yours" })).await;
    stranger.put("/v1/closures/c", &json!({ "flow": "f" })).await.ok();
    let ask = host.client.request(Method::GET, "/v1/tenants/stranger/export?components=false");
    let answer = ask.send().await.unwrap();
    let named = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(named, "attachment; filename=\"stranger.ndjson\"");
    let text = answer.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (end, rows) = lines.split_last().unwrap();
    assert_eq!(end, &json!({ "kind": "end", "rows": rows.len() }));
    let mut kinds: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        kinds.entry(row["kind"].as_str().unwrap()).or_default().push(&row["row"]);
    }
    for kind in [
        "tenant",
        "key",
        "component",
        "flow",
        "flow_version",
        "run",
        "outcome",
        "attempt_log",
        "closure",
        "audit",
    ] {
        assert!(kinds.contains_key(kind), "{kind}: {kinds:#?}");
    }
    let tenants: BTreeSet<String> = rows
        .iter()
        .map(|row| row["row"]["tenant_id"].to_string())
        .filter(|id| id != "null")
        .collect();
    assert_eq!(tenants.len(), 1, "{tenants:?}");
    assert!(!text.contains("not yours"));
    assert!(kinds["key"].iter().all(|key| key.get("secret_sha256").is_none()), "{kinds:#?}");
    assert_eq!(kinds["component"][0]["bytes"], Value::Null);
    let whole = host.client.request(Method::GET, "/v1/tenants/stranger/export");
    let whole = whole.send().await.unwrap().text().await.unwrap();
    let component = whole.lines().find(|line| line.contains("\"kind\":\"component\"")).unwrap();
    let component: Value = serde_json::from_str(component).unwrap();
    let bytes = component["row"]["bytes"].as_str().unwrap();
    assert!(bytes.starts_with("AGFzb"), "wasm in base64: {}", &bytes[..20]);
}

#[tokio::test]
async fn every_table_of_tenants_is_exported_and_cleared_away() {
    // Of these nothing is told that no other row tells.
    const NOT_TOLD: [&str; 4] = ["key_value_use", "rate_bucket", "run_deadline", "stored"];
    // Kept on purpose.
    const STAYS: [&str; 1] = ["audit"];
    let database = database().await;
    let read = |name: &str| {
        let file = root().join("host/store/queries/tenant").join(name);
        std::fs::read_to_string(file).unwrap()
    };
    let export = read("export.sql");
    let cleared =
        ["remove_runs.sql", "remove_components.sql", "remove_rest.sql"].map(read).concat();
    for table in owned_tables(&database) {
        let exports =
            ["api_key"].contains(&table.as_str()) || export.contains(&format!("select '{table}'"));
        assert!(exports || NOT_TOLD.contains(&table.as_str()), "`{table}` is not in export.sql");
        let clears = cleared.contains(&format!("delete from {table} x"));
        assert!(clears || STAYS.contains(&table.as_str()), "`{table}` is not cleared away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_of_a_component_that_is_gone_is_forgotten_on_every_host() {
    let (host, other) = Host::two(Duration::from_secs(3)).await;
    deploy(&host.client, "echo", "").await;
    host.client.run("f", &json!(1)).await;
    let kept = |host: &Host| -> usize {
        host.sandbox.kept().iter().map(|(_, digests)| digests.len()).sum()
    };
    let before = kept(&host) + kept(&other);
    assert!(before > 0);
    for host in [&host, &other] {
        worker::forget_gone(&host.store, &host.sandbox).await.unwrap();
    }
    assert_eq!(kept(&host) + kept(&other), before, "what is there is kept");
    let gone = ["delete from flow_version_component", "delete from component"];
    host.database.run(&gone).unwrap();
    for host in [&host, &other] {
        worker::forget_gone(&host.store, &host.sandbox).await.unwrap();
    }
    assert_eq!(kept(&host) + kept(&other), 0);
}
