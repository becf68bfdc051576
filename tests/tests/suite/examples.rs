//! The examples do what their READMEs say.

use std::path::Path;

use model::manifest::Manifest;
use serde_json::{Value, json};
use stepcell_tests::guests::{build, root};
use stepcell_tests::host::Host;

/// Builds, uploads and deploys the flow in `folder`.
async fn deploy(host: &Host, folder: &str) {
    deploy_file(host, folder, "flow.toml").await;
}

async fn deploy_file(host: &Host, folder: &str, file: &str) {
    let folder = root().join(folder);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_waits_for_a_person_and_goes_on_without_one_in_time() {
    let host = Host::start().await;
    deploy(&host, "examples/approval").await;
    let order = json!({ "order": "o-1", "amount": 250 });
    for (signal, output) in [
        ("approve", json!({ "ship": { "ship": "o-1", "approved_by": "Ann" } })),
        ("reject", json!({ "refuse": { "refuse": "o-1" } })),
    ] {
        let id = host.client.start("approval", &order).await;
        host.client.until_tasks(&id, "decision", "awaiting_signal", 1).await;
        host.client.signal(&id, signal, &json!({ "by": "Ann" })).await.ok();
        assert_eq!(host.client.ended(&id).await["output"], output);
    }
    let hasty = json!({ "order": "o-1", "amount": 250, "patience_ms": 20 });
    let run = host.client.run("approval", &hasty).await;
    assert_eq!(run["output"], json!({ "refuse": { "refuse": "o-1" } }), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sums_up_every_reading_once() {
    let host = Host::start().await;
    deploy(&host, "examples/collector").await;
    let id = host.client.start("collector", &json!({ "count": 20 })).await;
    for number in 0..20 {
        host.client.signal(&id, "reading", &json!(f64::from(number))).await.ok();
    }
    let run = host.client.ended(&id).await;
    let readings: Vec<f64> =
        serde_json::from_value(run["output"]["collect"]["readings"].clone()).unwrap();
    assert_eq!(readings, (0..20).map(f64::from).collect::<Vec<_>>(), "{run:#}");
    let packs = run["output"]["collect"]["packs"].as_u64().unwrap();
    assert!((1..=20).contains(&packs), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_joins_its_children_whatever_they_end_in() {
    let host = Host::start().await;
    deploy_file(&host, "examples/fan-out", "region.toml").await;
    deploy(&host, "examples/fan-out").await;
    let input = json!({ "regions": ["north", "south", "atlantis"] });
    let run = host.client.run("fan-out", &input).await;
    assert_eq!(run["output"]["report"], json!({ "total": 10, "failed": ["atlantis"] }), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_gives_back_what_it_booked() {
    let host = Host::start().await;
    deploy(&host, "examples/saga").await;
    let run = host.client.run("saga", &json!({ "traveller": "Ann" })).await;
    assert_eq!(run["output"]["car"]["what"], "car", "{run:#}");
    let input = json!({ "traveller": "Ann", "sold_out": "car" });
    let run = host.client.run("saga", &input).await;
    assert_eq!(run["failure"]["message"], "no car is left");
    let path = format!("/v1/runs/{}", run["run_id"].as_str().unwrap());
    let undone = async || {
        let run = host.client.get(&path).await.ok();
        (run["compensation"]["status"] == "completed").then_some(run)
    };
    let run = stepcell_tests::client::until("the trip is given back", undone).await;
    let names = run["compensation"]["steps"].as_array().unwrap().iter();
    let names: Vec<&Value> = names.map(|step| &step["name"]).collect();
    assert_eq!(names, ["flight", "hotel"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nightly_run_starts_by_itself_and_asks_every_shop() {
    let host = Host::start().await;
    deploy(&host, "examples/nightly").await;
    let schedule = json!({
        "cron": "0 3 * * *", "timezone": "Europe/Berlin", "flow": "nightly", "overlap": "skip",
        "input": { "shops": ["north", "south", "harbour"] },
    });
    host.client.put("/v1/schedules/nightly", &schedule).await.ok();
    host.database.run(&["update schedule set next_at = now()"]).unwrap();
    let started = async || {
        let shown = host.client.get("/v1/schedules/nightly").await.ok();
        shown["last_run_id"].as_str().map(str::to_owned)
    };
    let run = stepcell_tests::client::until("the night has come", started).await;
    let run = host.client.ended(&run).await;
    let expected = json!({ "shops": 3, "cents": 187_300, "best": "harbour" });
    assert_eq!(
        (&run["output"]["report"], &run["schedule"]),
        (&expected, &json!("nightly")),
        "{run:#}"
    );
}
