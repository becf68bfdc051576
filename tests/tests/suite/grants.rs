//! Grants: what a component asks for is granted to its step or refused, before anything runs.

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings};
use stepcell_tests::remote::Remote;

use crate::command_line::{against, answer};

/// A key for secrets.
pub(crate) const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Settings of a host whose steps may call a service, and that keeps secrets.
pub(crate) fn settings(remote: &Remote) -> Settings {
    Settings { keyring: Some(KEY.parse().unwrap()), ..remote.settings() }
}

/// Everything the reacher asks for.
pub(crate) fn all(remote: &Remote) -> String {
    let url = &remote.url;
    format!(
        "fetch = [\"{url}\"], key_value = true, secrets = [{{ name = \"API_KEY\", to = [\"{url}\"] }}]"
    )
}

/// A flow of one step, `call`, with the reacher's handler and these grants.
pub(crate) fn flow(name: &str, grants: &str, more: &str) -> String {
    format!(
        "flow = \"{name}\"\n[defaults]\nbackoff = {{ strategy = \"fixed\", base = \"10ms\" }}\n[[step]]\nname = \"call\"\n\
         component = \"@\"\nhandler = \"reach\"\ngrants = {{ {grants} }}\n{more}\n"
    )
}

/// What the acts of a run of `f` came to.
pub(crate) async fn reach(host: &Host, acts: Value) -> Value {
    let run = host.client.run("f", &acts).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    run["output"]["call"].clone()
}

async fn reacher(host: &Host) -> model::Digest {
    host.upload(tokio::task::spawn_blocking(guests::reacher).await.unwrap()).await
}

async fn actor(host: &Host) -> model::Digest {
    host.upload(tokio::task::spawn_blocking(guests::actor).await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_asks_for_is_in_its_report_in_words() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let digest = reacher(&host).await;
    let report = host.client.get(&format!("/v1/components/{digest}")).await.ok();
    let names: Vec<&str> = report["capabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|asked| asked["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["fetch", "key_value", "secrets"], "{report:#}");
    assert_eq!(report["pure"], false);
    let meaning = report["capabilities"][0]["meaning"].as_str().unwrap();
    assert!(meaning.contains("HTTP"), "{meaning}");
    // A handler that calls none of them imports none of them.
    let digest = actor(&host).await;
    let report = host.client.get(&format!("/v1/components/{digest}")).await.ok();
    assert!(report["capabilities"].is_null() && report["pure"] == true, "{report:#}");
    let folder = tempfile::tempdir().unwrap();
    let wasm = folder.path().join("reacher.wasm");
    std::fs::write(&wasm, guests::reacher()).unwrap();
    let inspected = against(&host, &["inspect", wasm.to_str().unwrap()]).await;
    let report = answer(&inspected);
    assert_eq!(report["report"]["capabilities"], json!(names), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_grant_that_is_missing_is_listed_with_the_line_to_add() {
    let remote = Remote::start().await;
    let host = Host::with(Settings { works: false, ..settings(&remote) }).await;
    let digest = reacher(&host).await;
    let step = |name: &str, grants: &str| {
        format!("[[step]]\nname = \"{name}\"\ncomponent = \"@\"\nhandler = \"reach\"\n{grants}\n")
    };
    let flow = [
        "flow = \"f\"\n".to_owned(),
        step("none", ""),
        step("some", "grants = { fetch = [\"a.net\"], secrets = [\"A\"] }"),
        step("all", &format!("grants = {{ {} }}", all(&remote))),
    ];
    let refused = host.client.deploy(&flow.concat(), digest).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.missing_grant"), "{refused:?}");
    let reasons = refused.body["reasons"].as_array().unwrap();
    let told: Vec<(&str, &str)> = reasons
        .iter()
        .map(|reason| (reason["pointer"].as_str().unwrap(), reason["detail"].as_str().unwrap()))
        .collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!((told[0].0, told[1].0), ("/step/0/grants", "/step/1/grants"));
    let line =
        "grants = { fetch = [\"api.example.com\"], key_value = true, secrets = [\"API_KEY\"] }";
    assert!(told[0].1.contains(line), "{told:#?}");
    assert!(told[1].1.contains("asks for `key_value`"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_component_does_not_ask_for_cannot_be_granted() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let digest = actor(&host).await;
    let flow = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\nhandler = \"echo\"\ngrants = { key_value = true }\n";
    let refused = host.client.deploy(flow, digest).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.unused_grant"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_difference_of_two_versions_says_what_a_step_newly_asks_for() {
    let remote = Remote::start().await;
    let host = Host::with(Settings { works: false, ..settings(&remote) }).await;
    let plain = "flow = \"f\"\n[[step]]\nname = \"call\"\ncomponent = \"@\"\nhandler = \"echo\"\n";
    host.client.deploy(plain, actor(&host).await).await.ok();
    let asking = flow("f", &all(&remote), "");
    let registered = host.client.deploy(&asking, reacher(&host).await).await.ok();
    let texts = |differences: &Value| -> Vec<String> {
        let differences = differences.as_array().unwrap().iter();
        differences.map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    };
    let told = texts(&registered["differences"]);
    for said in ["`call` newly asks for fetch", "`call` newly asks for key_value", "grants none ->"]
    {
        assert!(told.iter().any(|line| line.contains(said)), "{told:#?}");
    }
    let shown = answer(&against(&host, &["diff", "f", "--from", "2", "--to", "1"]).await);
    let told = texts(&shown["differences"]);
    assert!(told.contains(&"`call` no longer asks for secrets".to_owned()), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_forbids_is_refused_at_registration_and_where_it_was_registered_before() {
    let remote = Remote::start().await;
    let lax = Host::with(Settings { works: false, ..settings(&remote) }).await;
    let digest = lax.deploy_reacher(&flow("f", &all(&remote), "")).await;
    let http = format!(
        "flow = \"h\"\n[[step]]\nname = \"call\"\nbuiltin = {{ http = {{ url = \"{}/text\" }} }}\n",
        remote.url
    );
    lax.client.deploy(&http, digest).await.ok();
    let forbidden = vec!["key-value".parse().unwrap(), model::Capability::Fetch];
    let strict = Settings { forbidden, ..settings(&remote) };
    let strict = Host::over(std::sync::Arc::clone(&lax.database), strict).await;
    let refused = strict.client.deploy(&flow("g", &all(&remote), ""), digest).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.forbidden"), "{refused:?}");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("`fetch` of step `call`, `key_value` of step `call`"), "{detail}");
    for (flow, input) in [("f", json!([])), ("h", Value::Null)] {
        let run = strict.client.run(flow, &input).await;
        assert_eq!(run["failure"]["kind"], "capability_denied", "{run:#}");
        let message = run["failure"]["message"].as_str().unwrap();
        assert!(message.contains("--forbid") && message.contains("`fetch`"), "{message}");
    }
    assert!(remote.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_undoes_a_task_may_do_what_the_task_may() {
    let remote = Remote::start().await;
    let host = Host::with(settings(&remote)).await;
    let flow = format!(
        "flow = \"f\"\n[[step]]\nname = \"book\"\ncomponent = \"@\"\nhandler = \"book\"\ngrants = {{ {} }}\n[[step]]\n\
         name = \"fails\"\nneeds = [\"book\"]\nmax_attempts = 1\nbuiltin = {{ http = {{ url = \"{}/status/404\" }} }}\n",
        all(&remote),
        remote.url
    );
    host.deploy_reacher(&flow).await;
    let run = host.client.run("f", &json!(format!("{}/undo", remote.url))).await;
    let id = run["run_id"].as_str().unwrap();
    let undone = until("it is undone", async || {
        let run = host.client.get(&format!("/v1/runs/{id}")).await.ok();
        (run["compensation"]["status"] != "pending").then_some(run)
    })
    .await;
    assert_eq!(undone["compensation"]["status"], "completed", "{undone:#}");
    let paths: Vec<String> = remote.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/status/404", "/undo"]);
}
