//! Children: runs a task spawns and waits for, whatever they end in, and what becomes of them when their parent is stopped.

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};

const PARENT: &str = "flow = \"parent\"\n[defaults]\ncomponent = \"@\"\nbackoff = { base = \"10ms\" }\n\
    [[step]]\nname = \"only\"\nhandler = \"play\"\n";
const ABANDONS: &str = "flow = \"abandons\"\n[defaults]\ncomponent = \"@\"\n\
    [[step]]\nname = \"only\"\nhandler = \"play\"\nabandon_children = true\n";
const CHILD: &str = "flow = \"child\"\n[defaults]\ncomponent = \"@\"\nmax_attempts = 1\n\
    [[step]]\nname = \"work\"\nhandler = \"play\"\n";
/// Another branch of the run fails when it is told so.
const FORKED: &str = "flow = \"forked\"\n[defaults]\ncomponent = \"@\"\nmax_attempts = 1\n\
    [[step]]\nname = \"only\"\nhandler = \"play\"\n[[step]]\nname = \"other\"\nhandler = \"play\"\n";

async fn host() -> Host {
    let host = Host::start().await;
    for flow in [PARENT, ABANDONS, CHILD, FORKED] {
        host.deploy_player(flow).await;
    }
    host
}

/// A child that plays this script.
fn child(key: Option<&str>, script: Value) -> Value {
    json!({ "flow": "child", "input": { "work": script }, "key": key })
}

fn spawning(children: &[Value]) -> Value {
    json!({ "only": { "": { "do": "spawn", "phase": "joined", "children": children } } })
}

fn waits() -> Value {
    json!({ "": { "do": "await", "names": ["go"], "phase": "woken" } })
}

/// The children of a run: id and status, in the order they were spawned.
fn children(host: &Host, parent: &str) -> Vec<(String, String)> {
    let query = format!(
        "select id || ' ' || status::text from run where parent_run_id = '{parent}' order by id"
    );
    let rows = host.database.run(&[&query]).unwrap();
    let pair = |row: &String| {
        let (id, status) = row.split_once(' ').unwrap();
        (id.to_owned(), status.to_owned())
    };
    rows.iter().map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_goes_on_once_when_all_its_children_ended_well_or_not() {
    let host = host().await;
    let sleeps = json!({ "": { "do": "sleep", "ms": 40, "phase": "s" } });
    let script = spawning(&[
        child(Some("slow"), sleeps),
        child(None, json!({})),
        child(Some("bad"), json!({ "": { "do": "fail" } })),
    ]);
    let run = host.client.run("parent", &script).await;
    let seen = &run["output"]["only"][1];
    assert_eq!(seen["phase"], "joined", "{run:#}");
    let slow = json!({ "work": [{ "phase": "", "attempt": 1 }, { "phase": "s", "attempt": 1 }] });
    let expected = json!([
        ["slow", slow],
        [null, { "work": [{ "phase": "", "attempt": 1 }] }],
        ["bad", "handler_error.execution: it gives up"],
    ]);
    assert_eq!(seen["children"], expected);
    assert_eq!(run["attempts"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_waits_for_children_holds_nothing() {
    let host = host().await;
    let id = host.client.start("parent", &spawning(&[child(None, waits())])).await;
    host.client.until_tasks(&id, "only", "awaiting_children", 1).await;
    let (only, _) = children(&host, &id).remove(0);
    host.client.until_tasks(&only, "work", "awaiting_signal", 1).await;
    let held = host.database.run(&["select count(*) from token where worker_id is not null"]);
    assert_eq!(held.unwrap(), ["0"]);
    host.client.signal(&only, "go", &Value::Null).await.ok();
    assert_eq!(host.client.ended(&id).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_children_wake_at_once_and_the_same_key_twice_is_one_child() {
    let host = host().await;
    let run = host.client.run("parent", &spawning(&[])).await;
    assert_eq!(run["output"]["only"][1], json!({ "phase": "joined", "attempt": 1 }), "{run:#}");
    let twice = [child(Some("k"), json!({})), child(Some("k"), json!({}))];
    let script = json!({ "only": {
        "": { "do": "spawn", "phase": "one", "children": twice },
        "one": { "do": "spawn", "phase": "two", "children": [twice[0], child(Some("new"), json!({}))] },
    } });
    let run = host.client.run("parent", &script).await;
    let keys = |at: usize| {
        let list = run["output"]["only"][at]["children"].as_array().expect("children").clone();
        list.iter().map(|child| child[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((keys(1), keys(2)), (vec!["k".to_owned()], vec!["k".to_owned(), "new".to_owned()]));
    // One that is there already is not waited for.
    let again = json!({ "only": {
        "": { "do": "spawn", "phase": "one", "children": [twice[0]] },
        "one": { "do": "spawn", "phase": "two", "children": [twice[0]] },
    } });
    assert_eq!(host.client.run("parent", &again).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn children_have_children() {
    let host = host().await;
    let leaf = json!({ "flow": "child", "input": { "work": {} } });
    let middle = json!({ "flow": "parent", "input": spawning(&[leaf.clone(), leaf]) });
    let run = host.client.run("parent", &spawning(&[middle.clone(), middle])).await;
    let seen = &run["output"]["only"][1]["children"];
    assert_eq!(seen.as_array().map(Vec::len), Some(2), "{run:#}");
    assert_eq!(seen[1][1]["only"][1]["children"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_parent_cancels_its_children_and_theirs() {
    let host = host().await;
    let middle = json!({ "flow": "parent", "input": spawning(&[child(None, waits())]) });
    let id = host.client.start("parent", &spawning(&[middle, child(None, waits())])).await;
    let deepest = async || {
        let (first, _) = children(&host, &id).first().cloned()?;
        children(&host, &first).first().map(|(id, _)| id.clone())
    };
    let deepest = until("the grandchild is there", deepest).await;
    host.client.until_tasks(&deepest, "work", "awaiting_signal", 1).await;
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    for (child, status) in children(&host, &id) {
        assert_eq!(status, "cancelled", "{child}");
    }
    assert_eq!(host.client.ended(&deepest).await["status"], "cancelled");
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_children_go_on_without_their_parent() {
    let host = host().await;
    let id = host.client.start("abandons", &spawning(&[child(None, waits())])).await;
    host.client.until_tasks(&id, "only", "awaiting_children", 1).await;
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    let (only, status) = children(&host, &id).remove(0);
    assert!(["queued", "running"].contains(&status.as_str()), "{status}");
    host.client.signal(&only, "go", &Value::Null).await.ok();
    assert_eq!(host.client.ended(&only).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_that_fails_elsewhere_stops_its_children() {
    let host = host().await;
    let mut script = spawning(&[child(None, waits())]);
    script["other"] = json!({
        "": { "do": "await", "names": ["fail"], "phase": "f" }, "f": { "do": "fail" }
    });
    let id = host.client.start("forked", &script).await;
    host.client.until_tasks(&id, "only", "awaiting_children", 1).await;
    host.client.signal(&id, "fail", &Value::Null).await.ok();
    assert_eq!(host.client.ended(&id).await["status"], "failed");
    let (only, _) = children(&host, &id).remove(0);
    assert_eq!(host.client.ended(&only).await["status"], "cancelled");
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_child_wakes_its_parent() {
    let host = host().await;
    let id = host.client.start("parent", &spawning(&[child(Some("k"), waits())])).await;
    host.client.until_tasks(&id, "only", "awaiting_children", 1).await;
    let (only, _) = children(&host, &id).remove(0);
    host.client.post(&format!("/v1/runs/{only}/cancel"), &json!({})).await.ok();
    let run = host.client.ended(&id).await;
    assert_eq!(run["output"]["only"][1]["children"], json!([["k", "cancelled"]]), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_children_that_end_at_once_on_two_hosts_wake_their_parent_once() {
    let host = host().await;
    let second = Host::over(std::sync::Arc::clone(&host.database), Settings::default()).await;
    let many: Vec<Value> = (0..100).map(|_| child(None, json!({}))).collect();
    let script = spawning(&many);
    let runs = (0..5).map(|_| host.client.run("parent", &script));
    for run in futures_util::future::join_all(runs).await {
        let seen = &run["output"]["only"];
        assert_eq!(seen.as_array().map(Vec::len), Some(2), "{run:#}");
        assert_eq!(seen[1]["children"].as_array().map(Vec::len), Some(100));
        assert_eq!(run["attempts"], 2);
    }
    drop(second);
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_not_nested_without_end() {
    let host = host().await;
    let forever = json!({ "only": { "": { "do": "spawn_self", "phase": "joined" } } });
    let run = host.client.run("parent", &forever).await;
    assert_eq!(run["status"], "completed", "{:#}", run["failure"]);
    let deepest = "select depth || ' ' || (failure::json ->> 'message') from run
        where failure is not null order by depth desc limit 1";
    let deepest = host.database.run(&[deepest]).unwrap().remove(0);
    assert!(deepest.starts_with("32 ") && deepest.contains("32 is the most"), "{deepest}");
}
