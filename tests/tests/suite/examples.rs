//! The examples do what their READMEs say.

use std::path::Path;

use model::manifest::Manifest;
use serde_json::{Value, json};
use stepcell_tests::guests::{build, root};
use stepcell_tests::host::Host;

/// Builds, uploads and deploys the flow in `folder`.
async fn deploy(host: &Host, folder: &str) {
    let folder = root().join(folder);
    let text = std::fs::read_to_string(folder.join("flow.toml")).unwrap();
    let manifest = Manifest::from_toml(&text).unwrap();
    let mut flow = text;
    for component in manifest.components() {
        let source: std::path::PathBuf = folder.join(component.as_str());
        let bytes = tokio::task::spawn_blocking(move || build(Path::new(&source))).await.unwrap();
        let digest = host.upload(bytes).await;
        flow = flow.replace(
            &format!("component = \"{}\"", component.as_str()),
            &format!("component = \"{digest}\""),
        );
    }
    host.client.deploy(&flow, model::Digest([0; 32])).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn hello_greets() {
    let host = Host::start().await;
    deploy(&host, "examples/hello").await;
    let run = host.client.run("hello", &json!({"name": "Ada"})).await;
    assert!(run["output"].to_string().contains("Ada"), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dependency_report_reads_this_projects_own_lock_file() {
    let host = Host::start().await;
    deploy(&host, "examples/dependency-report").await;
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = lock.matches("[[package]]").count();
    let run = host.client.run("dependency-report", &json!({ "lock": lock })).await;
    assert_eq!(run["status"], "completed", "{:#}", run["failure"]);
    let tasks: Vec<&Value> =
        run["steps"].as_array().unwrap().iter().map(|step| &step["tasks"]["total"]).collect();
    assert_eq!(tasks, [&json!(1), &json!(packages), &json!(1)]);
    assert!(run["output"].to_string().contains("wasmtime"), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_diamond_succeeds_at_its_second_attempt() {
    let host = Host::start().await;
    deploy(&host, "examples/diamond").await;
    let run = host.client.run("diamond", &json!({"number": 7})).await;
    let expected = json!({"d": {"doubled": 14, "squared": 49, "sum": 63, "attempts_of_c": 2}});
    assert_eq!(run["output"], expected, "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_runs_in_flight_do_not_notice_a_new_version() {
    let host = Host::start().await;
    deploy(&host, "examples/hot-swap/v1").await;
    let mut runs = Vec::new();
    for order in 0..200 {
        runs.push(host.client.start("hot-swap", &json!({ "order": order })).await);
    }
    deploy(&host, "examples/hot-swap/v2").await;
    let after = host.client.run("hot-swap", &json!({"order": 200})).await;
    assert_eq!(after["output"]["third"]["versions"], json!(["v2", "v2", "v2"]), "{after:#}");
    for id in runs {
        let run = host.client.ended(&id).await;
        assert_eq!(run["output"]["third"]["versions"], json!(["v1", "v1", "v1"]), "{run:#}");
    }
}
