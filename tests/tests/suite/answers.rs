//! Large answers: nobody keeps, reads or sends more of them at a time than somebody may be given.

use serde_json::{Value, json};
use stepcell_tests::client::Client;
use stepcell_tests::host::{Host, Settings};

use crate::escaping::shown;

/// Tasks of the map step, and what each of them answers: 12 MB together.
const TASKS: usize = 60;
const BYTES: usize = 200_000;

/// A map step with large answers, and `after` it.
fn flow(after: &str) -> String {
    format!(
        "flow = \"f\"\n[[step]]\nname = \"m\"\nmap = true\nbuiltin = {{ set = \"${{input[0].blob}}\" }}\n{after}"
    )
}

fn input() -> Value {
    let mut elements = vec![json!({ "blob": "x".repeat(BYTES) })];
    elements.extend((1..TASKS).map(|number| json!(number)));
    Value::Array(elements)
}

async fn deploy(client: &Client, after: &str) {
    let request = client.request(reqwest::Method::POST, "/v1/flows?activate=true");
    let request = request.header("content-type", "application/toml").body(flow(after));
    assert!(request.send().await.unwrap().status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_would_be_given_more_than_any_may_fails_and_nothing_else_does() {
    let host = Host::start().await;
    let join = "[[step]]\nname = \"j\"\nneeds = [\"m\"]\nbuiltin = { set = 1 }\n";
    deploy(&host.client, join).await;
    let run = host.client.run("f", &input()).await;
    assert_eq!(run["failure"]["kind"], "schema_mismatch", "{run:#}");
    assert_eq!(run["failed_step"], "j");
    assert_eq!(run["steps"][0]["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_skipped_does_not_mind_how_much_it_would_be_given() {
    let host = Host::start().await;
    let after = "[[step]]\nname = \"n\"\nneeds = [\"m\"]\nmap = true\nbuiltin = { set = 1 }\n\
        [[step]]\nname = \"fallback\"\nneeds = [\"m\"]\nwhen_skipped = [\"m\"]\non_unmet = \"skip\"\nbuiltin = { set = 2 }\n";
    deploy(&host.client, after).await;
    // More than one range has: the map step is closed from what is recorded.
    let mut elements = input();
    elements.as_array_mut().unwrap().extend((0..20).map(Value::from));
    let run = host.client.run("f", &elements).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!(run["output"]["n"].as_array().unwrap().len(), TASKS + 20);
    assert_eq!(run["output"].get("fallback"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_over_large_answers_is_given_them_one_by_one_and_all_are_sent() {
    let host = Host::start().await;
    let each =
        "[[step]]\nname = \"n\"\nneeds = [\"m\"]\nmap = true\nbuiltin = { set = \"${element}\" }\n";
    deploy(&host.client, each).await;
    let run = host.client.run("f", &input()).await;
    assert_eq!((&run["status"], &run["output_omitted"]), (&json!("completed"), &json!(true)));
    assert_eq!(run["output"], Value::Null);
    let text = shown(&host, &["show", run["run_id"].as_str().unwrap()]).await;
    assert!(text.contains("output   is large: `GET /v1/runs/"), "{text}");
    let path = format!("/v1/runs/{}/output", run["run_id"].as_str().unwrap());
    let output = host.client.get(&path).await.ok();
    let answers = output["n"].as_array().unwrap();
    assert_eq!(answers.len(), TASKS);
    assert!(answers.iter().all(|answer| answer.as_str().unwrap().len() == BYTES));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_with_the_beginning_of_a_long_output_and_all_of_a_short_one() {
    let host = Host::start().await;
    deploy(&host.client, "").await;
    for (bytes, is_whole) in [(1_000, true), (BYTES, false)] {
        let run = host.client.run("f", &json!([{ "blob": "é".repeat(bytes / 2) }])).await;
        let text = shown(&host, &["show", run["run_id"].as_str().unwrap()]).await;
        assert!(text.contains("output   {\"m\":[\"éé") && text.contains("\nall "), "{text}");
        assert_eq!(text.contains("é\"]}"), is_whole, "{text}");
        assert_eq!(text.contains("KiB; `stepcell wait"), !is_whole, "{text}");
        assert!(text.len() < 5_000, "{} bytes", text.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_none_of_many_large_answers_is_refused_more_of_them() {
    let limits = api::Limits { answer_bytes_per_tenant: 20_000_000, ..api::Limits::default() };
    let host = Host::with(Settings { limits, ..Settings::default() }).await;
    deploy(&host.client, "").await;
    let run = host.client.run("f", &input()).await;
    let path = format!("/v1/runs/{}/output", run["run_id"].as_str().unwrap());
    let ask = || host.client.request(reqwest::Method::GET, &path).send();
    let unread = ask().await.unwrap();
    assert_eq!(unread.status(), 200);
    let refused = ask().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    // Small answers are not concerned.
    assert_eq!(host.client.get("/v1/flows").await.status, 200);
    assert!(unread.bytes().await.unwrap().len() > TASKS * BYTES);
    assert_eq!(ask().await.unwrap().status(), 200);
}
