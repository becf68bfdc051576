//! The audit log: it tells what changes what may run, by whom, and shows when somebody changed it.

use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::send;
use stepcell_tests::host::{Host, Settings, new_key};
use store::Scope;

use crate::command_line::{against, answer};
use crate::tenants::deploy;

async fn without_worker() -> Host {
    Host::with(Settings { works: false, ..Settings::default() }).await
}

/// The actions of a page, the first first.
fn actions(page: &Value) -> Vec<&str> {
    let entries = page["entries"].as_array().unwrap().iter().rev();
    entries.map(|entry| entry["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_what_may_run_or_who_may_do_what_is_told_with_who_did_it() {
    let host = without_worker().await;
    let operator = &host.client;
    operator.post("/v1/tenants", &json!({ "name": "acme" })).await.ok();
    let wanted = json!({ "scopes": ["read", "run", "deploy"], "label": "ci" });
    let made = operator.post("/v1/tenants/acme/keys", &wanted).await.ok();
    let client = operator.with_key(made["key"].as_str().unwrap());
    deploy(&client, "echo", "").await;
    deploy(&client, "list", "").await;
    // What changes nothing is not told.
    client.post("/v1/flows/f/activate", &json!({ "version": 2 })).await.ok();
    client.post("/v1/flows/f/rollback", &json!({})).await.ok();
    let schedule = json!({ "closure": "c", "cron": "0 0 1 1 *" });
    for status in [201, 200] {
        let put = client.put("/v1/closures/c", &json!({ "flow": "f" })).await;
        assert_eq!(put.status, status);
    }
    for status in [201, 200] {
        assert_eq!(client.put("/v1/schedules/s", &schedule).await.status, status);
    }
    for weight in [7, 7, 8] {
        operator.put("/v1/tenants/acme/quota", &json!({ "weight": weight })).await.ok();
    }
    for path in ["/v1/schedules/s", "/v1/closures/c", "/v1/closures/c"] {
        client.delete(path).await;
    }
    client.start("f", &json!(1)).await;
    operator.post("/v1/tenants/acme/freeze", &json!({})).await.ok();
    operator.post("/v1/tenants/acme/freeze", &json!({})).await.ok();
    operator.post("/v1/tenants/acme/unfreeze", &json!({})).await.ok();
    let page = client.get("/v1/audit").await.ok();
    let told = [
        "tenant.create",
        "key.create",
        "component.put",
        "flow.register",
        "flow.activate",
        "flow.register",
        "flow.activate",
        "flow.rollback",
        "closure.put",
        "schedule.put",
        "quota.put",
        "quota.put",
        "schedule.delete",
        "closure.delete",
        "tenant.freeze",
        "tenant.unfreeze",
    ];
    assert_eq!(actions(&page), told);
    let entries = page["entries"].as_array().unwrap();
    let of = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap();
    assert_eq!(of("flow.rollback")["actor"], made["id"]);
    assert_eq!(of("flow.rollback")["detail"], json!({ "version": 1, "previous_version": 2 }));
    let operators = operator.key().split('_').nth(1).unwrap();
    assert_eq!(of("key.create")["actor"], operators);
    assert_eq!(of("key.create")["subject"], made["id"]);
    assert_eq!(of("key.create")["detail"]["scopes"], json!(["read", "run", "deploy"]));
    let secret = client.key().rsplit('_').next().unwrap();
    assert!(!page.to_string().contains(secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_entries_and_an_operator_all_of_them() {
    let host = without_worker().await;
    let stranger = host.stranger().await;
    let reader = host.client.with_key(&new_key(&host.store, "stranger", &[Scope::Read]).await);
    let tenants = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["tenant"].as_str().unwrap().to_owned()).collect()
    };
    let own = reader.get("/v1/audit").await.ok();
    assert_eq!(tenants(&own), ["stranger", "stranger"]);
    assert_eq!(own["entries"][0]["actor"], "operator at the database");
    for name in ["default", "nobody"] {
        let unknown = reader.get(&format!("/v1/audit?tenant={name}")).await;
        assert_eq!((unknown.status, unknown.code()), (404, "tenant.not_found"), "{unknown:?}");
    }
    assert_eq!(reader.get("/v1/audit?tenant=stranger").await.status, 200);
    let first = stranger.get("/v1/audit?limit=2").await.ok();
    let next = first["next"].as_str().unwrap();
    let rest = stranger.get(&format!("/v1/audit?limit=2&cursor={next}")).await.ok();
    assert_eq!([tenants(&first), tenants(&rest)].concat(), ["stranger", "stranger", "default"]);
    let mixed = reader.get(&format!("/v1/audit?cursor={next}")).await;
    assert_eq!(mixed.code(), "request.bad_cursor", "{mixed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_an_entry_and_where_somebody_did_the_chain_is_broken() {
    let host = without_worker().await;
    for name in ["a", "b", "c", "d"] {
        host.client.post("/v1/tenants", &json!({ "name": name })).await.ok();
    }
    let check = async || host.client.get("/v1/audit/verify").await.ok();
    let whole = check().await;
    assert_eq!((&whole["intact"], &whole["entries"]), (&json!(true), &json!(5)), "{whole:#}");
    for change in [
        "update audit set detail = '{}'",
        "delete from audit",
        "delete from audit where false",
        "truncate audit",
        "set session_replication_role = replica; delete from audit",
    ] {
        let refused = host.database.run(&[change]).unwrap_err().to_string();
        assert!(refused.contains("only appended to"), "{change}: {refused}");
    }
    let as_superuser = |change: &str| {
        let lift = "alter table audit disable trigger all";
        host.database.run(&[lift, change]).unwrap();
    };
    as_superuser("update audit set subject = 'x' where number = 4");
    let changed = check().await;
    assert_eq!(
        (&changed["intact"], &changed["broken_at"]),
        (&json!(false), &json!(4)),
        "{changed:#}"
    );
    assert_eq!(changed["entries"], 3);
    as_superuser("delete from audit where number = 4");
    let cut = check().await;
    assert_eq!((&cut["broken_at"], &cut["entries"]), (&json!(5), &json!(3)), "{cut:#}");
    let shown = against(&host, &["audit", "verify"]).await;
    assert_eq!(shown.status.code(), Some(3), "{shown:?}");
    as_superuser("delete from audit where number = 5");
    let shortened = check().await;
    assert_eq!(shortened["intact"], true, "what the chain alone cannot show");
    assert_ne!(shortened["head"], whole["head"], "the head that was kept elsewhere does");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_written_at_the_same_time_are_one_chain() {
    let host = without_worker().await;
    let names = 0..40;
    let made = futures_util::future::join_all(names.map(|n| {
        let body = json!({ "name": format!("t{n}") }).to_string();
        let request = host.client.request(Method::POST, "/v1/tenants");
        send(request.header("content-type", "application/json").body(body))
    }));
    assert!(made.await.iter().all(|made| made.status == 201));
    let whole = host.client.get("/v1/audit/verify").await.ok();
    assert_eq!((&whole["intact"], &whole["entries"]), (&json!(true), &json!(41)), "{whole:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_administers_tenants_from_the_command_line() {
    let host = without_worker().await;
    let run = async |arguments: &[&str]| {
        let done = against(&host, arguments).await;
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        done
    };
    run(&["tenant", "create", "acme"]).await;
    let made = run(&[
        "key",
        "create",
        "--tenant",
        "acme",
        "--scopes",
        "read",
        "--label",
        "l",
        "--expires-in",
        "1h",
    ])
    .await;
    let made = answer(&made);
    let client = host.client.with_key(made["key"].as_str().unwrap());
    assert_eq!(client.get("/v1/runs").await.status, 200);
    let keys = answer(&run(&["key", "list", "--tenant", "acme"]).await);
    assert_eq!((&keys["keys"][0]["label"], &keys["keys"][0]["id"]), (&json!("l"), &made["id"]));
    assert_eq!(answer(&run(&["tenant", "freeze", "acme"]).await)["status"], "frozen");
    assert_eq!(answer(&run(&["tenant", "unfreeze", "acme"]).await)["status"], "active");
    assert_eq!(answer(&run(&["tenant", "show", "acme"]).await)["name"], "acme");
    assert_eq!(answer(&run(&["tenant", "list"]).await)["tenants"][0]["name"], "acme");
    let export = run(&["tenant", "export", "acme", "--no-components"]).await;
    assert_eq!(answer(&export)["kind"], "end");
    run(&["key", "revoke", made["id"].as_str().unwrap(), "--tenant", "acme"]).await;
    assert_eq!(client.get("/v1/runs").await.status, 401);
    run(&["tenant", "delete", "acme"]).await;
    assert_eq!(answer(&run(&["audit", "verify"]).await)["intact"], true);
    let log = answer(&run(&["audit", "list", "--limit", "1"]).await);
    assert_eq!(log["entries"][0]["action"], "tenant.delete");
    let unknown = against(&host, &["tenant", "show", "acme"]).await;
    assert_eq!(unknown.status.code(), Some(3), "{unknown:?}");
}
