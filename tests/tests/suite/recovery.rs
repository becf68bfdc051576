//! Hosts that are killed, Postgres that goes away: nothing is lost, nothing is stuck.

use std::sync::Arc;
use std::time::Duration;

use devdb::{Cluster, Halt, Options};
use model::Digest;
use serde_json::json;
use stepcell_tests::client::{Client, until};
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings, database, new_key};
use stepcell_tests::process::Process;
use store::{Scope, Store};

const MIXED: &str = r#"
    flow = "mixed"
    [defaults]
    component = "@"
    [[step]]
    name = "list"
    handler = "list"
    [[step]]
    name = "each"
    handler = "double"
    needs = ["list"]
    map = true
    [[step]]
    name = "late"
    handler = "busy"
    needs = ["list"]
    [[step]]
    name = "all"
    handler = "sum"
    needs = ["each", "late"]
"#;

/// A key of the default tenant with every scope.
pub(crate) async fn key_for(url: &str) -> String {
    let store = Store::connect(&store::Settings::new(url)).await.unwrap();
    let key = new_key(&store, "default", &Scope::ALL).await;
    store.close().await;
    key
}

pub(crate) async fn deploy(client: &Client, flow: &str) {
    let bytes = tokio::task::spawn_blocking(guests::actor).await.unwrap();
    let answer = client.upload(bytes).await.ok();
    let digest: Digest = answer["digest"].as_str().unwrap().parse().unwrap();
    client.deploy(flow, digest).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_under_a_key_is_not_lost_with_the_host_that_had_it() {
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await;
    let first = Process::serve(&database.url(), folder.path(), &key, &["--lease", "2s"]);
    let flow = "flow = \"f\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"busy\"\nconcurrency = \"all\"\n";
    deploy(&first.client, flow).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(first.client.start("f", &json!({ "busy_ms": 700 })).await);
    }
    until("one of them runs", || async {
        let held = "select count(*) from token where gate = 'open' and worker_id is not null";
        (database.run(&[held]).unwrap() == ["1"]).then_some(())
    })
    .await;
    first.kill();
    let second = Process::serve(&database.url(), folder.path(), &key, &["--lease", "2s"]);
    for id in runs {
        assert_eq!(second.client.ended(&id).await["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_in_the_middle_of_steps_loses_no_run() {
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await;
    let first = Process::serve(&database.url(), folder.path(), &key, &["--lease", "2s"]);
    deploy(&first.client, MIXED).await;
    let mut runs = Vec::new();
    for n in 0..30 {
        let input = json!({"count": 100 + n, "busy_ms": 1_500});
        runs.push((100 + n, first.client.start("mixed", &input).await));
    }
    until("some steps were recorded", || async {
        let rows = database.run(&["select count(*) from outcome"]).unwrap();
        (rows[0].parse::<u32>().unwrap() > 50).then_some(())
    })
    .await;
    first.kill();
    let second = Process::serve(&database.url(), folder.path(), &key, &["--lease", "2s"]);
    for (count, id) in runs {
        let run = second.client.ended(&id).await;
        assert_eq!(run["output"], json!({"all": f64::from(count * (count - 1))}), "{run:#}");
    }
    let left = database.run(&["select count(*) from token"]).unwrap();
    assert_eq!(left, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_worker_is_lost_every_time_ends_as_worker_lost() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.deploy(
        "flow = \"one\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"echo\"\n",
    )
    .await;
    let id = host.client.start("one", &json!(1)).await;
    for _ in 0..3 {
        // A worker that takes the token and is never heard of again.
        let dead = host.store.register_worker("dead", 1, Duration::from_secs(3)).await.unwrap();
        let claimed = host.store.claim(dead, &store::Turns::first(1, 1)).await.unwrap();
        assert_eq!(claimed.len(), 1);
        let lost =
            format!("update worker set beat_at = now() - interval '1 hour' where id = {}", dead.0);
        host.database.run(&[&lost]).unwrap();
        let freed = host.store.reap().await.unwrap();
        assert_eq!(freed.tokens, 1);
    }
    let _worker = Host::over(Arc::clone(&host.database), Settings::default()).await;
    let run = host.client.ended(&id).await;
    assert_eq!(run["failure"]["kind"], "worker_lost", "{run:#}");
    let path = format!("/v1/runs/{id}/steps/only/tasks/0/attempts");
    let attempts = host.client.get(&path).await.ok();
    let numbers: Vec<u64> = attempts["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["attempt"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3], "{attempts:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_taken_for_dead_by_its_own_lease() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.deploy(
        "flow = \"one\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"echo\"\n",
    )
    .await;
    host.client.start("one", &json!(1)).await;
    let slow = host.store.register_worker("slow", 1, Duration::from_secs(60)).await.unwrap();
    assert_eq!(host.store.claim(slow, &store::Turns::first(1, 1)).await.unwrap().len(), 1);
    for (silent, taken) in [("59 seconds", 0), ("61 seconds", 1)] {
        let silence = format!("update worker set beat_at = now() - interval '{silent}'");
        host.database.run(&[&silence]).unwrap();
        assert_eq!(host.store.reap().await.unwrap().tokens, taken, "{silent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_keeps_what_is_in_flight_however_long_it_takes() {
    let short = || {
        let worker =
            worker::Settings { lease: Duration::from_secs(3), ..Settings::default().worker };
        Settings { worker, ..Settings::default() }
    };
    let mut host = Host::with(short()).await;
    host.deploy(
        "flow = \"one\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"busy\"\nfuel = 50_000_000_000\n",
    )
    .await;
    let id = host.client.start("one", &json!({"busy_ms": 5_000})).await;
    until("the attempt runs", || async { (host.sandbox.free_slots() < 16).then_some(()) }).await;
    let _other = Host::over(Arc::clone(&host.database), short()).await;
    host.worker.take().unwrap().drain().await;
    let run = host.client.ended(&id).await;
    assert_eq!(run["output"], json!({"only": "done"}), "{run:#}");
    assert_eq!(run["steps"][0]["attempts"], 1, "it was made once: {run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_whose_worker_is_lost_goes_on_task_by_task() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let flow = "flow = \"m\"\n[[step]]\nname = \"each\"\ncomponent = \"@\"\nhandler = \"double\"\nmap = true\n";
    host.deploy(flow).await;
    let id = host.client.start("m", &json!([1, 2, 3])).await;
    let dead = host.store.register_worker("dead", 1, Duration::from_secs(3)).await.unwrap();
    assert_eq!(host.store.claim(dead, &store::Turns::first(1, 1)).await.unwrap().len(), 1);
    host.database.run(&["update worker set beat_at = now() - interval '1 hour'"]).unwrap();
    host.store.reap().await.unwrap();
    let _worker = Host::over(Arc::clone(&host.database), Settings::default()).await;
    let run = host.client.ended(&id).await;
    assert_eq!(run["output"], json!({"each": [2, 4, 6]}), "{run:#}");
    assert_eq!(run["steps"][0]["failed_attempts"], 3, "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_records_after_it_was_taken_for_dead_is_stale() {
    let host = Host::start().await;
    host.deploy(
        "flow = \"one\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"busy\"\n",
    )
    .await;
    let id = host.client.start("one", &json!({"busy_ms": 700})).await;
    until("the handler runs", || async { (host.sandbox.free_slots() < 16).then_some(()) }).await;
    // Somebody else takes the token while its handler runs.
    host.database.run(&["update token set epoch = epoch + 1, worker_id = null"]).unwrap();
    let run = host.client.ended(&id).await;
    assert_eq!(run["output"], json!({"only": "done"}), "{run:#}");
    let counts = host.worker.as_ref().unwrap().counts();
    assert!(counts.stale >= 1, "{counts:?}");
    assert_eq!(run["steps"][0]["attempts"], 1, "one outcome is recorded: {run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_stopped_and_started_under_load_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // The data folder belongs to whoever runs Postgres, not to whoever runs the test.
    let data = folder.path().join("postgres");
    let cluster = Cluster::start(Options::durable(&data)).unwrap();
    let url = cluster.url();
    let store = Store::connect(&store::Settings::new(url.clone())).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let key = key_for(&url).await;
    let data = tempfile::tempdir().unwrap();
    let host = Process::serve(&url, data.path(), &key, &["--lease", "5s"]);
    deploy(&host.client, MIXED).await;
    let mut runs = Vec::new();
    for _ in 0..20 {
        let input = json!({"count": 60, "busy_ms": 300});
        runs.push(host.client.start("mixed", &input).await);
    }
    cluster.halt(Halt::Immediate).unwrap();
    let answer = host.client.post("/v1/flows/mixed/runs", &json!({"input": {"count": 1}})).await;
    assert_eq!((answer.status, answer.code()), (503, "store.unavailable"), "{answer:?}");
    cluster.resume().unwrap();
    until("the host answers again", || async {
        (host.client.get("/v1/flows").await.status == 200).then_some(())
    })
    .await;
    for id in runs {
        let run = host.client.ended(&id).await;
        assert_eq!(run["output"], json!({"all": 3_540.0}), "{run:#}");
    }
    drop(host);
    cluster.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_drains_finishes_what_is_in_flight_and_frees_the_rest() {
    let mut host = Host::start().await;
    host.deploy(
        "flow = \"one\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"busy\"\n",
    )
    .await;
    let mut runs = Vec::new();
    for _ in 0..40 {
        runs.push(host.client.start("one", &json!({"busy_ms": 300})).await);
    }
    until("handlers run", || async { (host.sandbox.free_slots() < 16).then_some(()) }).await;
    host.worker.take().unwrap().drain().await;
    let held =
        host.database.run(&["select count(*) from token where worker_id is not null"]).unwrap();
    assert_eq!(held, ["0"]);
    let lost = host.database.run(&["select count(*) from attempt"]).unwrap();
    assert_eq!(lost, ["0"], "a drain charges nobody");
    let recorded = host.database.run(&["select count(*) > 0 from outcome"]).unwrap();
    assert_eq!(recorded, ["t"], "what was in flight is recorded");
    let _next = Host::over(Arc::clone(&host.database), Settings::default()).await;
    for id in runs {
        assert_eq!(host.client.ended(&id).await["status"], "completed");
    }
}
