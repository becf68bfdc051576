//! What is told to the outside: envelopes, telemetry, and nothing that is named like a secret.

use std::fs::File;

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, database};
use stepcell_tests::process::Process;

use crate::recovery::{deploy, key_for};

const TELLS: &str =
    "flow = \"f\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"tells\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn secret_named_fields_are_hidden_in_logs_failures_events_and_dead_letters() {
    let host = Host::start().await;
    host.deploy(TELLS).await;
    let run = host.client.run("f", &json!(1)).await;
    let id = run["run_id"].as_str().unwrap();
    let mut told = vec![run.clone()];
    for path in [
        format!("/v1/runs/{id}/logs"),
        format!("/v1/runs/{id}/events"),
        format!("/v1/runs/{id}/steps/only/tasks/0/attempts"),
        "/v1/dead-letters".to_owned(),
        format!("/v1/dead-letters/{id}/only/0"),
    ] {
        told.push(host.client.get(&path).await.ok());
    }
    for answer in &told {
        assert!(!answer.to_string().contains("hunter2"), "{answer:#}");
    }
    let request = json!({ "authorization": "[redacted]", "accept": "*/*" });
    assert_eq!(run["failure"]["details"]["request"], request, "{run:#}");
    let fields = &told[1]["logs"][0]["lines"][0]["fields"];
    assert_eq!(
        *fields,
        json!({ "user": "ann", "password": "[redacted]", "tokens": 12 }),
        "{:#}",
        told[1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_cloud_events_where_they_are_asked_for() {
    let host = Host::start().await;
    host.deploy(&TELLS.replace("tells", "echo")).await;
    let run = host.client.run("f", &json!(1)).await;
    let path = format!("/v1/runs/{}/events", run["run_id"].as_str().unwrap());
    let alone = host.client.get(&path).await.ok();
    let wrapped = host.client.get(&format!("{path}?envelope=cloudevents")).await.ok();
    let events = wrapped["events"].as_array().unwrap();
    assert_eq!(events.len(), alone["events"].as_array().unwrap().len());
    for (event, data) in events.iter().zip(alone["events"].as_array().unwrap()) {
        assert_eq!((&event["specversion"], &event["data"]), (&json!("1.0"), data));
        assert_eq!((&event["id"], &event["time"]), (&data["id"], &data["at"]));
        assert_eq!(event["source"].as_str().unwrap(), path.strip_suffix("/events").unwrap());
        assert_eq!(event["type"], format!("stepcell.{}", data["type"].as_str().unwrap()));
    }
    assert_eq!((&events[1]["subject"], &events[2]["subject"]), (&json!("only"), &json!("only/0")));
    let stream = host.client.request(reqwest::Method::GET, &format!("{path}?envelope=cloudevents"));
    let stream = stream.header("accept", "text/event-stream").send().await.unwrap();
    let text = stream.text().await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let streamed: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(streamed, *events);
    let answer = host.client.get(&format!("{path}?envelope=xml")).await;
    assert_eq!((answer.status, answer.code()), (400, "request.invalid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attempt_is_told_of_when_it_starts_and_when_it_stops_or_fails() {
    let database = database().await;
    let folder = tempfile::tempdir().unwrap();
    let key = key_for(&database.url()).await;
    let log = folder.path().join("log");
    let more = ["--log", "warn,stepcell::attempt=debug", "--log-format", "json"];
    let file = File::create(&log).unwrap();
    let host = Process::serve_with(&database.url(), folder.path(), &key, &more, |command| {
        command.stderr(file);
    });
    let flow = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"a\"\nhandler = \"flaky\"\n\
        [[step]]\nname = \"b\"\nhandler = \"tells\"\nneeds = [\"a\"]\n";
    deploy(&host.client, flow).await;
    let run = host.client.run("f", &json!({ "succeed_at": 2 })).await;
    let told = until("the last attempt is told of", async || {
        let lines = std::fs::read_to_string(&log).unwrap();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told: Vec<Value> = lines.filter(|line| line["target"] == "stepcell::attempt").collect();
        (told.len() >= 6).then_some(told)
    })
    .await;
    let line = |told: &Value| {
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let end = text("outcome") + &text("kind");
        format!("{} {}/{} {end}", text("event"), text("step"), told["attempt"]).trim().to_owned()
    };
    let lines: Vec<String> = told.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "start a/1",
            "exception a/1 handler_error.dependency",
            "start a/2",
            "stop a/2 complete",
            "start b/1",
            "exception b/1 handler_error.validation"
        ]
    );
    for told in &told {
        assert_eq!(
            (&told["run_id"], &told["tenant"]),
            (&run["run_id"], &json!("default")),
            "{told:#}"
        );
        assert!(told["event"] == "start" || told["duration_us"].is_u64(), "{told:#}");
    }
    assert!(!std::fs::read_to_string(&log).unwrap().contains("hunter2"));
}
