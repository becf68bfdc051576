//! Requests sent again, of the wrong shape, or for what is not there.

use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{Answer, send};
use stepcell_tests::host::{Host, Settings};

async fn post_once(host: &Host, path: &str, key: &str, body: &Value) -> Answer {
    let request = host.client.request(Method::POST, path).header("idempotency-key", key);
    send(request.header("content-type", "application/json").body(body.to_string())).await
}

/// A flow whose input must have this member.
fn wanting(member: &str) -> String {
    format!(
        r#"
        flow = "f"
        [input_schema]
        required = ["{member}"]
        [[step]]
        name = "only"
        component = "@"
        handler = "echo"
        "#
    )
}

async fn without_worker() -> Host {
    Host::with(Settings { works: false, ..Settings::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_sent_again_is_answered_though_the_active_version_would_refuse_it() {
    let host = without_worker().await;
    host.deploy(&wanting("a")).await;
    let body = json!({ "input": { "a": 1 } });
    let first = post_once(&host, "/v1/flows/f/runs", "k", &body).await.ok();
    host.deploy(&wanting("b")).await;
    let again = post_once(&host, "/v1/flows/f/runs", "k", &body).await;
    assert_eq!((again.status, &again.body["run_id"]), (200, &first["run_id"]), "{again:?}");
    assert_eq!(again.body["version"], 1);
    let other = post_once(&host, "/v1/flows/f/runs", "k2", &body).await;
    assert_eq!((other.status, other.code()), (422, "payload.schema"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_sent_again_goes_back_once() {
    let host = without_worker().await;
    for member in ["a", "b", "c"] {
        host.deploy(&wanting(member)).await;
    }
    for _ in 0..2 {
        let back = post_once(&host, "/v1/flows/f/rollback", "k", &json!({})).await.ok();
        assert_eq!(
            (&back["active_version"], &back["previous_version"]),
            (&json!(2), &json!(3)),
            "{back:#}"
        );
    }
    let further = post_once(&host, "/v1/flows/f/rollback", "k2", &json!({})).await.ok();
    assert_eq!(further["active_version"], 1, "{further:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_object_is_refused() {
    let host = without_worker().await;
    host.deploy(&wanting("a")).await;
    for path in ["/v1/flows/f/runs", "/v1/flows/f/activate", "/v1/flows/f/rollback"] {
        for body in ["[1]", "[]", "1", "null"] {
            let refused = host.client.post_text(path, body).await;
            assert_eq!((refused.status, refused.code()), (400, "request.invalid"), "{path} {body}");
        }
    }
    assert_eq!(host.client.get("/v1/runs").await.ok()["runs"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_does_not_have_is_told_apart_from_a_run_that_is_not_there() {
    let host = without_worker().await;
    host.deploy(&wanting("a")).await;
    let id = host.client.start("f", &json!({ "a": 1 })).await;
    let output = host.client.get(&format!("/v1/runs/{id}/output")).await;
    assert_eq!((output.status, output.code()), (409, "run.no_output"), "{output:?}");
    let step = host.client.get(&format!("/v1/runs/{id}/steps/other/tasks/0/attempts")).await;
    assert_eq!((step.status, step.code()), (404, "step.not_found"), "{step:?}");
    assert!(step.body["fix"].as_str().unwrap().ends_with('.'), "a whole sentence: {step:?}");
}
