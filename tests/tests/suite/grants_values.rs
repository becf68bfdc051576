//! Values that outlive runs: kept for a tenant and a flow, within their sizes, and counted.

use serde_json::{Value, json};
use stepcell_tests::client::Client;
use stepcell_tests::host::Host;
use stepcell_tests::remote::Remote;

use crate::grants::{all, flow, reach, settings};

async fn host(remote: &Remote) -> Host {
    let host = Host::with(settings(remote)).await;
    host.deploy_reacher(&flow("f", &all(remote), "")).await;
    host
}

async fn reach_as(client: &Client, flow: &str, acts: Value) -> Value {
    let run = client.run(flow, &acts).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    run["output"]["call"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_there_for_the_next_run_until_it_is_deleted() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let did = reach(&host, json!([{ "get": "a" }, { "set": ["a", 1] }, { "set": ["b/1", [2]] }, { "set": ["b/2", 3] }])).await;
    assert_eq!(did, json!([null, null, null, null]));
    let did = reach(
        &host,
        json!([
            { "get": "a" }, { "list": ["b/", null, 10] }, { "list": ["", null, 2] }, { "list": ["", "b/1", 10] },
            { "replace": ["a", 2, 9] }, { "replace": ["a", null, 9] }, { "replace": ["a", 1, 5] },
            { "replace": ["c", null, 7] }, { "get": "a" }, { "delete": "a" }, { "delete": "a" }, { "get": "a" },
        ]),
    )
    .await;
    assert_eq!(
        did,
        json!([
            "1",
            ["b/1", "b/2"],
            ["a", "b/1"],
            ["b/2"],
            false,
            false,
            true,
            true,
            "5",
            true,
            false,
            null
        ])
    );
    let counted = "select coalesce(sum(byte_count), 0) = (select sum(octet_length(key) + octet_length(value) + 100) from key_value) \
                   from key_value_use";
    assert_eq!(host.database.run(&[counted]).unwrap(), ["t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_values_of_one_flow_and_tenant_are_nowhere_else() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let digest = host.deploy_reacher(&flow("g", &all(&remote), "")).await;
    let stranger = host.stranger().await;
    let bytes = tokio::task::spawn_blocking(stepcell_tests::guests::reacher).await.unwrap();
    stranger.upload(bytes).await.ok();
    stranger.deploy(&flow("f", &all(&remote), ""), digest).await.ok();
    reach(&host, json!([{ "set": ["a", "of f"] }])).await;
    for (client, flow) in [(&host.client, "g"), (&stranger, "f")] {
        let acts = json!([{ "get": "a" }, { "list": ["", null, 10] }, { "set": ["a", "mine"] }, { "delete": "a" }]);
        assert_eq!(reach_as(client, flow, acts).await, json!([null, [], null, true]), "{flow}");
    }
    assert_eq!(reach(&host, json!([{ "get": "a" }])).await, json!(["\"of f\""]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_cannot_write() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    reach(&host, json!([{ "set": ["a", 1] }])).await;
    let looking = all(&remote).replace("key_value = true", "key_value = \"read\"");
    host.deploy_reacher(&flow("f", &looking, "")).await;
    let did = reach(&host, json!([{ "get": "a" }, { "set": ["a", 2] }, { "replace": ["a", 1, 2] }, { "delete": "a" }, { "get": "a" }])).await;
    assert_eq!((&did[0], &did[4]), (&json!("1"), &json!("1")));
    for at in 1..4 {
        assert_eq!(did[at]["error"], "Denied", "{did:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_values_and_calls_have_limits() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let long = "k".repeat(513);
    let did = reach(
        &host,
        json!([
            { "fill": ["big", 256 * 1024] }, { "fill": ["big", 256 * 1024 + 1] }, { "fill": ["big", 1_000_000] },
            { "get": "" }, { "get": long }, { "list": ["", long, 9] }, { "list": ["", null, 4_000_000] },
        ]),
    )
    .await;
    assert_eq!(did[0], Value::Null);
    let errors: Vec<&Value> = (1..6).map(|at| &did[at]["error"]).collect();
    assert_eq!(errors, ["TooLarge", "TooLarge", "Invalid", "Invalid", "Invalid"], "{did:#}");
    assert_eq!(did[6], json!(["big"]));
    let many: Vec<Value> = (0..1_001).map(|_| json!({ "get": "a" })).collect();
    let did = reach(&host, json!(many)).await;
    assert_eq!((&did[999], &did[1_000]["error"]), (&Value::Null, &json!("TooMany")));
    host.database.run(&["update key_value_use set byte_count = 1024 * 1024 * 1024 - 2"]).unwrap();
    let did =
        reach(&host, json!([{ "set": ["new", 1] }, { "set": ["big", 1] }, { "set": ["new", 1] }]))
            .await;
    assert_eq!(
        (&did[0]["error"], &did[1], &did[2]),
        (&json!("Full"), &Value::Null, &Value::Null),
        "what shrinks is always kept: {did:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_count_at_a_time_none_is_forgotten() {
    let remote = Remote::start().await;
    let host = Host::with(settings(&remote)).await;
    host.deploy_reacher(&flow("f", &all(&remote), "map = true")).await;
    // Each sets a key of its own, and all of them the same one where it has no value.
    let element =
        |n: u32| json!([{ "set": [format!("of/{n}"), n] }, { "replace": ["first", null, n] }]);
    let elements: Vec<Value> = (0..30).map(element).collect();
    let run = host.client.run("f", &json!(elements)).await;
    let did = run["output"]["call"].as_array().unwrap_or_else(|| panic!("{run:#}"));
    assert_eq!(did.iter().filter(|did| did[1] == true).count(), 1, "{did:#?}");
    let counted = "select (select count(*) from key_value) || ' ' || (byte_count = (select sum(octet_length(key) + \
                   octet_length(value) + 100) from key_value)) from key_value_use";
    assert_eq!(host.database.run(&[counted]).unwrap(), ["31 true"]);
}
