//! Workers that are told to end, softly and at once.

use std::sync::Arc;

use serde_json::json;
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings, database};
use stepcell_tests::process::Process;

use crate::recovery::{deploy, key_for};

const BUSY: &str = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\ntimeout = \"15m\"\nfuel = 1_000_000_000_000\n[[step]]\nname = \"a\"\nhandler = \"busy\"\n\
    [[step]]\nname = \"b\"\nhandler = \"echo\"\nneeds = [\"a\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecated_worker_finishes_what_it_has_and_takes_nothing_more() {
    let database = Arc::new(database().await);
    let old = Host::over(Arc::clone(&database), Settings::default()).await;
    old.deploy(BUSY).await;
    let started = old.client.start("f", &json!({ "busy_ms": 3_000 })).await;
    old.client.until_tasks(&started, "a", "running", 1).await;
    let id = old.worker.as_ref().unwrap().id().0;
    let answer = old.client.post(&format!("/v1/workers/{id}/deprecate"), &json!({})).await.ok();
    assert_eq!(answer["workers"][0]["status"], "deprecated", "{answer:#}");
    until("it takes nothing more", async || (old.worker.as_ref()?.id().0 == 0).then_some(())).await;
    let new = Host::over(Arc::clone(&database), Settings::default()).await;
    let other = new.worker.as_ref().unwrap().id().0;
    for _ in 0..10 {
        let run = old.client.run("f", &json!({ "busy_ms": 1 })).await;
        assert_eq!(run["status"], "completed");
    }
    let run = old.client.ended(&started).await;
    assert_eq!((&run["status"], &run["attempts"]), (&json!("completed"), &json!(2)), "{run:#}");
    let of = |worker: i32| {
        let count =
            format!("select count(distinct run_id) from outcome where worker_id = {worker}");
        database.run(&[&count]).unwrap()
    };
    assert_eq!((of(id), of(other)), (vec!["1".to_owned()], vec!["10".to_owned()]));
    let unknown = old.client.post("/v1/workers/4711/deprecate", &json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (404, "worker.not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_a_second_time_a_host_ends_at_once_and_others_go_on() {
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await;
    let mut first = Process::serve(&database.url(), folder.path(), &key, &["--lease", "2s"]);
    deploy(&first.client, BUSY).await;
    let run = first.client.start("f", &json!({ "busy_ms": 4_000 })).await;
    first.client.until_tasks(&run, "a", "running", 1).await;
    first.terminate();
    until("it listens no more", async || {
        std::net::TcpStream::connect(first.client.url().trim_start_matches("http://")).err()
    })
    .await;
    assert!(first.ended().is_none(), "what is in flight finishes first");
    first.terminate();
    let status = tokio::task::spawn_blocking(move || first.wait()).await.unwrap();
    assert_eq!(status.code(), Some(130));
    let second = Process::serve(&database.url(), folder.path(), &key, &["--lease", "2s"]);
    let run = second.client.ended(&run).await;
    assert_eq!((&run["status"], &run["attempts"]), (&json!("completed"), &json!(3)), "{run:#}");
}
