//! The scratch folder of an attempt: its own, bounded, and gone with it.

use model::Digest;
use serde_json::{Value, json};
use stepcell_tests::client::Client;
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings};

const MIB: u64 = 1024 * 1024;

async fn scribe(host: &Host) -> Digest {
    host.upload(tokio::task::spawn_blocking(guests::scribe).await.unwrap()).await
}

/// A flow of one step, `call`, with the scribe's handler and these grants.
fn flow(name: &str, grants: &str, more: &str) -> String {
    format!(
        "flow = \"{name}\"\n[defaults]\nbackoff = {{ strategy = \"fixed\", base = \"10ms\" }}\n[[step]]\nname = \"call\"\n\
         component = \"@\"\ngrants = {{ {grants} }}\n{more}\n"
    )
}

/// What the acts of a run of a flow came to.
async fn written(client: &Client, flow: &str, acts: Value) -> Value {
    let run = client.run(flow, &acts).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    run["output"]["call"].clone()
}

fn refused(code: &str) -> Value {
    json!({ "error": code })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_attempt_writes_it_reads_and_the_next_one_begins_with_nothing() {
    let host = Host::start().await;
    let digest = scribe(&host).await;
    host.client.deploy(&flow("f", "scratch = \"1MiB\"", ""), digest).await.ok();
    let acts = json!([
        "roots",
        { "list": "." },
        { "make_folder": "a" },
        { "write": ["a/b", "hello"] },
        { "append": ["a/b", " world"] },
        { "rename": ["a/b", "c"] },
        { "read": "c" },
        { "size": "c" },
        { "list": "." },
        { "delete_folder": "a" },
        { "read_deleted": "c" },
        { "write": ["left", "behind"] },
        { "list": "./" },
        "fail_once",
    ]);
    let expected = json!([
        ["/scratch"],
        [],
        null,
        5,
        null,
        null,
        "hello world",
        11,
        ["a", "c"],
        null,
        "hello world",
        6,
        ["left"],
        null,
    ]);
    for _ in 0..2 {
        let run = host.client.run("f", &acts).await;
        assert_eq!(run["output"]["call"], expected, "{run:#}");
        assert_eq!(run["steps"][0]["attempts"], 2, "{run:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_and_the_attempt_goes_on() {
    let host = Host::start().await;
    let digest = scribe(&host).await;
    host.client.deploy(&flow("f", "scratch = \"1MiB\"", ""), digest).await.ok();
    let full = refused("insufficient-space");
    let acts = json!([
        { "stretch": ["a", 1_u64 << 40] },
        { "fill": ["a", 2 * MIB] },
        { "write": ["b", "more"] },
        { "size": "b" },
        { "delete": "a" },
        { "write": ["b", "more"] },
        { "crowd": 1_200 },
        { "make_folder": "d" },
    ]);
    let said = written(&host.client, "f", acts).await;
    let expected = json!([full, [MIB, "insufficient-space"], full, 0, null, 4, 999, full]);
    assert_eq!(said, expected);
    assert_eq!(written(&host.client, "f", json!([{ "nest": 2_000 }])).await, json!([1_000]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_counts_as_memory_of_the_attempt() {
    let host = Host::start().await;
    let digest = scribe(&host).await;
    let small = flow("f", "scratch = \"16MiB\"", "memory = \"16MiB\"");
    host.client.deploy(&small, digest).await.ok();
    let run = host.client.run("f", &json!([{ "fill": ["a", 16 * MIB] }])).await;
    let said = &run["output"]["call"][0];
    assert_eq!(said[1], "insufficient-space", "{run:#}");
    let written = said[0].as_u64().unwrap();
    assert!((12 * MIB..16 * MIB).contains(&written), "{written}");
    let peak = run["steps"][0]["receipt"]["peak_memory_bytes"].as_u64().unwrap();
    assert!((written..=16 * MIB).contains(&peak), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_and_no_link_leads_out_of_the_folder() {
    let host = Host::start().await;
    let digest = scribe(&host).await;
    host.client.deploy(&flow("f", "scratch = true", ""), digest).await.ok();
    let acts = json!([
        { "make_folder": "d" },
        { "write": ["f", "x"] },
        { "read": "../etc/passwd" },
        { "read": "/etc/passwd" },
        { "read": "d/../../f" },
        { "beyond": ["d", ".."] },
        { "beyond": ["d", "../f"] },
        { "rename": ["f", "../f"] },
        { "symlink": ["/etc/passwd", "s"] },
        { "symlink": ["f", "s"] },
        { "link": ["f", "l"] },
        { "read": "d/../f" },
        { "list": "." },
    ]);
    let no = refused("not-permitted");
    let expected = json!([null, 1, no, no, no, no, no, no, no, no, no, "x", ["d", "f"]]);
    assert_eq!(written(&host.client, "f", acts).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_at_once_see_their_own_files_alone() {
    let host = Host::start().await;
    let stranger = host.stranger().await;
    let digest = scribe(&host).await;
    let component = tokio::task::spawn_blocking(guests::scribe).await.unwrap();
    stranger.upload(component).await.ok();
    let text = flow("f", "scratch = true", "");
    host.client.deploy(&text, digest).await.ok();
    stranger.deploy(&text, digest).await.ok();
    let acts = |name: &str| {
        let mut acts = vec![json!({ "write": [name, name] })];
        acts.extend((0..200).map(|_| json!({ "list": "." })));
        Value::Array(acts)
    };
    let (ours, theirs) = tokio::join!(
        written(&host.client, "f", acts("ours")),
        written(&stranger, "f", acts("theirs"))
    );
    for (said, name) in [(ours, "ours"), (theirs, "theirs")] {
        let lists = &said.as_array().unwrap()[1..];
        assert!(lists.iter().all(|list| *list == json!([name])), "{said:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_grant_there_is_no_folder() {
    let host = Host::start().await;
    let digest = scribe(&host).await;
    let report = host.client.get(&format!("/v1/components/{digest}")).await.ok();
    assert!(report["capabilities"].is_null(), "importing files asks for nothing: {report:#}");
    host.client.deploy(&flow("f", "", ""), digest).await.ok();
    let acts = json!(["roots", { "write": ["a", "x"] }]);
    assert_eq!(written(&host.client, "f", acts).await, json!([[], { "error": "bad-descriptor" }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_without_files_cannot_be_granted_a_folder_and_the_operator_may_forbid_it() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let actor = host.upload(tokio::task::spawn_blocking(guests::actor).await.unwrap()).await;
    let text = flow("f", "scratch = true", "handler = \"echo\"");
    let refused = host.client.deploy(&text, actor).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.unused_grant"), "{refused:?}");
    let digest = scribe(&host).await;
    let text = flow("f", "scratch = \"2MiB\"", "");
    let registered = host.client.deploy(&text, digest).await.ok();
    assert!(registered["version"].is_number(), "{registered:#}");
    let forbidden = Settings { forbidden: vec!["scratch".parse().unwrap()], ..Settings::default() };
    let strict = Host::over(std::sync::Arc::clone(&host.database), forbidden).await;
    let refused = strict.client.deploy(&flow("g", "scratch = true", ""), digest).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.forbidden"), "{refused:?}");
    let run = strict.client.run("f", &json!([])).await;
    assert_eq!(run["failure"]["kind"], "capability_denied", "{run:#}");
}
