//! Closures: starts that were saved under a name, merged from near to far.

use serde_json::{Value, json};
use stepcell_tests::client::Answer;
use stepcell_tests::host::{Host, Settings};

use crate::command_line::{against, answer};

/// A flow that answers its input.
const FLOW: &str =
    "flow = \"order\"\n[[step]]\nname = \"only\"\nbuiltin = { set = \"${input}\" }\n";

async fn host_with(flow: &str) -> Host {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.client.deploy(flow, model::Digest([0; 32])).await.ok();
    host
}

async fn put(host: &Host, name: &str, body: Value) -> Answer {
    host.client.put(&format!("/v1/closures/{name}"), &body).await
}

/// The run that starting a closure makes.
async fn started(host: &Host, name: &str, body: Value) -> Value {
    let started = host.client.post(&format!("/v1/closures/{name}/runs"), &body).await.ok();
    host.client.get(&format!("/v1/runs/{}", started["run_id"].as_str().unwrap())).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_is_saved_replaced_listed_and_deleted() {
    let host = host_with(FLOW).await;
    let first =
        put(&host, "eu", json!({ "flow": "order", "input": { "vat": 1.50 }, "priority": 3 })).await;
    assert_eq!((first.status, &first.body["input"]["vat"]), (201, &json!(1.50)), "{first:?}");
    let second = put(&host, "eu", json!({ "flow": "order", "input": null })).await;
    assert_eq!((second.status, &second.body["created_at"]), (200, &first.body["created_at"]));
    let shown = host.client.get("/v1/closures/eu").await.ok();
    assert_eq!((&shown["flow"], shown.get("priority")), (&json!("order"), None), "{shown:#}");
    // Null is an input, and is shown as one.
    assert_eq!(shown.get("input"), Some(&Value::Null), "{shown:#}");
    put(&host, "us", json!({ "closure": "eu" })).await.ok();
    let page = host.client.get("/v1/closures?limit=1").await.ok();
    assert_eq!(page["closures"][0]["name"], "eu");
    let next = page["next"].as_str().unwrap();
    let page = host.client.get(&format!("/v1/closures?cursor={next}")).await.ok();
    assert_eq!(page["closures"][0]["closure"], "eu", "{page:#}");
    assert_eq!(host.client.delete("/v1/closures/us").await.status, 204);
    assert_eq!(host.client.delete("/v1/closures/us").await.code(), "closure.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_caller_says_goes_over_what_the_closure_and_its_bases_say() {
    let host = host_with(FLOW).await;
    let far = json!({
        "flow": "order", "priority": 7, "deadline_ms": 60000, "key": "far",
        "input": { "address": { "city": "Ulm", "zip": 89073 }, "tags": ["a", "b"], "note": "x" },
        "options": { "max_attempts": 5, "timeout_ms": 900 },
    });
    put(&host, "far", far).await.ok();
    let near = json!({
        "closure": "far", "key": "near", "options": { "max_attempts": 2 },
        "input": { "address": { "city": "Bonn" }, "tags": ["c"] },
    });
    put(&host, "near", near).await.ok();
    let run =
        started(&host, "near", json!({ "input": { "note": null, "more": 1 }, "priority": 0 }))
            .await;
    let input = json!({ "address": { "city": "Bonn", "zip": 89073 }, "tags": ["c"], "note": null, "more": 1 });
    assert_eq!(run["input"], input, "{run:#}");
    let said = [&run["flow"], &run["priority"], &run["key"]];
    assert_eq!(said, [&json!("order"), &json!(0), &json!("near")]);
    assert_eq!(run["options"], json!({ "max_attempts": 2, "timeout_ms": 900 }));
    assert!(run["deadline_at"].is_string(), "{run:#}");
    // What is no object replaces, and what is not said is as it was saved.
    let run = started(&host, "near", json!({ "input": [1], "key": "a" })).await;
    assert_eq!((&run["input"], &run["priority"]), (&json!([1]), &json!(7)));
    let run = started(&host, "far", json!({ "input": null, "key": "b" })).await;
    assert_eq!(run["input"], Value::Null);
    // A closure that changes changes what stands on it.
    put(&host, "far", json!({ "flow": "order", "input": "new" })).await.ok();
    put(&host, "near", json!({ "closure": "far" })).await.ok();
    assert_eq!(started(&host, "near", json!({})).await["input"], "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_is_started_as_any_flow_is() {
    let host = Host::start().await;
    host.client.deploy(FLOW, model::Digest([0; 32])).await.ok();
    put(&host, "eu", json!({ "flow": "order", "input": { "a": 1 } })).await.ok();
    let ended =
        host.client.post("/v1/closures/eu/runs?wait=20s", &json!({ "input": { "b": 2 } })).await;
    assert_eq!((ended.status, &ended.body["output"]["only"]), (200, &json!({ "a": 1, "b": 2 })));
    let send = async |path: &str, body: &str| {
        let request = host.client.request(reqwest::Method::POST, path);
        let request =
            request.header("content-type", "application/json").header("idempotency-key", "k");
        stepcell_tests::client::send(request.body(body.to_owned())).await
    };
    let first = send("/v1/closures/eu/runs", "{}").await.ok();
    // The same request is answered as it was, whatever the closure says by now.
    put(&host, "eu", json!({ "flow": "order", "version": 1, "input": 5 })).await.ok();
    assert_eq!(send("/v1/closures/eu/runs", "{}").await.ok()["run_id"], first["run_id"]);
    for (path, body) in
        [("/v1/closures/eu/runs", "{\"priority\":1}"), ("/v1/flows/order/runs", "{}")]
    {
        assert_eq!(send(path, body).await.code(), "request.idempotency_mismatch", "{path}");
    }
    let refused = host.client.post("/v1/closures/eu/runs", &json!({ "version": 9 })).await;
    assert_eq!(refused.code(), "version.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_merged_input_has_to_fit_the_flow() {
    let flow = FLOW.replace(
        "[[step]]",
        "[input_schema]\ntype = \"object\"\nrequired = [\"a\", \"b\"]\n[[step]]",
    );
    let host = host_with(&flow).await;
    put(&host, "half", json!({ "flow": "order", "input": { "a": 1 } })).await.ok();
    let refused = host.client.post("/v1/closures/half/runs", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (422, "payload.schema"), "{refused:?}");
    assert_eq!(
        started(&host, "half", json!({ "input": { "b": 2 } })).await["input"],
        json!({ "a": 1, "b": 2 })
    );
    let large = json!({ "input": { "b": "x".repeat(600 * 1024) } });
    put(&host, "half", json!({ "flow": "order", "input": { "a": "y".repeat(600 * 1024) } }))
        .await
        .ok();
    let refused = host.client.post("/v1/closures/half/runs", &large).await;
    assert_eq!((refused.status, refused.code()), (413, "payload.too_large"));
    assert_eq!(refused.body["pointer"], "/input");
    assert_eq!(host.database.run(&["select count(*) from run"]).unwrap(), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn closures_that_would_stand_on_themselves_or_too_many_are_refused() {
    let host = host_with(FLOW).await;
    let refused = put(&host, "a", json!({ "closure": "a" })).await;
    assert_eq!((refused.code(), &refused.body["detail"]), ("closure.cycle", &json!("`a -> a`")));
    put(&host, "a", json!({ "flow": "order" })).await.ok();
    put(&host, "b", json!({ "closure": "a" })).await.ok();
    put(&host, "c", json!({ "closure": "b" })).await.ok();
    let refused = put(&host, "a", json!({ "closure": "c" })).await;
    assert_eq!((refused.status, refused.code()), (422, "closure.cycle"));
    assert_eq!(refused.body["detail"], "`a -> c -> b -> a`");
    let mut below = "a".to_owned();
    for number in 2..=16 {
        let name = format!("n{number}");
        put(&host, &name, json!({ "closure": below })).await.ok();
        below = name;
    }
    let refused = put(&host, "n17", json!({ "closure": "n16" })).await;
    assert_eq!((refused.code(), &refused.body["limit"]), ("closure.too_deep", &json!(16)));
    // Nor from below: sixteen stand on `a`.
    put(&host, "ground", json!({ "flow": "order" })).await.ok();
    assert_eq!(put(&host, "a", json!({ "closure": "ground" })).await.code(), "closure.too_deep");
    assert_eq!(started(&host, "n16", json!({})).await["flow"], "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_closures_that_are_saved_at_once_never_close_a_circle() {
    let host = host_with(FLOW).await;
    for _ in 0..10 {
        for name in ["x", "y"] {
            put(&host, name, json!({ "flow": "order" })).await.ok();
        }
        let (x, y) = tokio::join!(
            put(&host, "x", json!({ "closure": "y" })),
            put(&host, "y", json!({ "closure": "x" })),
        );
        let won = [&x, &y].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "{x:?} {y:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_saved_is_refused_with_what_was_probably_meant() {
    let host = host_with(FLOW).await;
    put(&host, "nightly", json!({ "flow": "order" })).await.ok();
    for (body, code, said) in [
        (json!({ "flow": "oder" }), "flow.not_found", "did you mean `order`?"),
        (json!({ "closure": "nigthly" }), "closure.not_found", "did you mean `nightly`?"),
        (json!({ "flow": "order", "closure": "nightly" }), "request.invalid", "send one of them"),
        (json!({}), "request.invalid", "send `flow` or `closure`"),
        (json!({ "flow": "order", "run_id": "x" }), "request.invalid", "unknown field `run_id`"),
        (json!({ "flow": "order", "key": "" }), "request.invalid", "`key`"),
        (json!({ "flow": "order", "deadline_ms": 0 }), "request.invalid", "`deadline_ms`"),
        (json!({ "flow": "order", "options": { "fuel": 0 } }), "request.invalid", "`fuel`"),
    ] {
        let refused = put(&host, "new", body.clone()).await;
        assert_eq!(refused.code(), code, "{body}: {refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains(said), "{refused:?}");
    }
    assert_eq!(put(&host, "no%20name", json!({ "flow": "order" })).await.code(), "request.invalid");
    let missing = host.client.post("/v1/closures/nightli/runs", &json!({})).await;
    assert_eq!((missing.status, missing.code()), (404, "closure.not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_that_something_names_is_not_deleted() {
    let host = host_with(FLOW).await;
    put(&host, "base", json!({ "flow": "order" })).await.ok();
    put(&host, "over", json!({ "closure": "base" })).await.ok();
    let schedule = json!({ "cron": "@daily", "closure": "base" });
    host.client.put("/v1/schedules/nightly", &schedule).await.ok();
    let refused = host.client.delete("/v1/closures/base").await;
    assert_eq!((refused.status, refused.code()), (409, "closure.in_use"));
    let detail = "the closure is named by `closure over`, `schedule nightly`";
    assert_eq!(refused.body["detail"], detail);
    assert_eq!(host.client.delete("/v1/schedules/nightly").await.status, 204);
    assert_eq!(host.client.delete("/v1/closures/over").await.status, 204);
    assert_eq!(host.client.delete("/v1/closures/base").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn closures_and_schedules_of_another_tenant_are_not_there() {
    let host = host_with(FLOW).await;
    put(&host, "mine", json!({ "flow": "order" })).await.ok();
    host.client.put("/v1/schedules/mine", &json!({ "cron": "@daily", "flow": "order" })).await.ok();
    let stranger = host.stranger().await;
    for (path, code) in
        [("/v1/closures/mine", "closure.not_found"), ("/v1/schedules/mine", "schedule.not_found")]
    {
        for foreign in [stranger.get(path).await, stranger.delete(path).await] {
            assert_eq!((foreign.status, foreign.code()), (404, code), "{foreign:?}");
        }
    }
    for path in [
        "/v1/closures/mine/runs",
        "/v1/schedules/mine/pause",
        "/v1/schedules/mine/resume",
        "/v1/schedules/mine/trigger",
    ] {
        assert_eq!(stranger.post(path, &json!({})).await.status, 404, "{path}");
    }
    for body in [json!({ "flow": "order" }), json!({ "closure": "mine" })] {
        assert_eq!(stranger.put("/v1/closures/its", &body).await.status, 404);
        let schedule =
            json!({ "cron": "@daily", "flow": body["flow"], "closure": body["closure"] });
        assert_eq!(stranger.put("/v1/schedules/its", &schedule).await.status, 404);
    }
    assert_eq!(stranger.get("/v1/closures").await.ok()["closures"], json!([]));
    assert_eq!(stranger.get("/v1/schedules").await.ok()["schedules"], json!([]));
    assert_eq!(host.database.run(&["select count(*) from run"]).unwrap(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_is_set_shown_and_started_from_the_command_line() {
    let host = Host::start().await;
    host.client.deploy(FLOW, model::Digest([0; 32])).await.ok();
    let set =
        ["closure", "set", "eu", "--flow", "order", "--input", "{\"vat\":19}", "--priority", "-2"];
    let set = answer(&against(&host, &set).await);
    assert_eq!((&set["flow"], &set["priority"]), (&json!("order"), &json!(-2)), "{set:#}");
    let run = ["run", "--closure", "eu", "--input", "{\"net\":1}", "--wait"];
    let run = answer(&against(&host, &run).await);
    assert_eq!(run["output"]["only"], json!({ "vat": 19, "net": 1 }), "{run:#}");
    let listed = answer(&against(&host, &["closure", "list"]).await);
    assert_eq!(listed["closures"][0]["name"], "eu");
    let both = against(&host, &["run", "order", "--closure", "eu"]).await;
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let gone = against(&host, &["closure", "delete", "eu"]).await;
    assert!(gone.status.success(), "{gone:?}");
    let missing = against(&host, &["closure", "show", "eu"]).await;
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
}
