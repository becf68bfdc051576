//! What an operator asks at night: which runs are where, what was active before, what is it writing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stepcell_tests::host::Host;

fn flow(name: &str, handler: &str, more: &str) -> String {
    format!(
        "flow = \"{name}\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"{handler}\"\n{more}"
    )
}

/// Every run a list answers, page by page.
async fn listed(host: &Host, query: &str) -> Vec<(String, String)> {
    let mut runs = Vec::new();
    let mut path = format!("/v1/runs?limit=2{query}");
    loop {
        let page = host.client.get(&path).await.ok();
        for run in page["runs"].as_array().unwrap() {
            let member = |name: &str| run[name].as_str().unwrap().to_owned();
            runs.push((member("run_id"), member("status")));
        }
        let Some(next) = page["next"].as_str() else { return runs };
        path = format!("/v1/runs?limit=2{query}&cursor={next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_a_status_has_every_run_in_it_and_no_other() {
    let host = Host::start().await;
    for (name, handler, more) in
        [("works", "echo", ""), ("fails", "fail", ""), ("waits", "echo", "start_delay = \"1h\"")]
    {
        host.deploy(&flow(name, handler, more)).await;
    }
    let mut started = Vec::new();
    for _ in 0..3 {
        for name in ["works", "fails", "waits", "waits"] {
            started.push((name, host.client.start(name, &json!(1)).await));
        }
    }
    let mut live = BTreeSet::new();
    let mut cancelled = BTreeSet::new();
    for (n, (name, id)) in started.iter().enumerate() {
        if *name != "waits" {
            host.client.ended(id).await;
        } else if n % 4 == 2 {
            host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
            cancelled.insert(id.clone());
        } else {
            live.insert(id.clone());
        }
    }
    let of = |wanted: &str| -> BTreeSet<String> {
        started.iter().filter(|(name, _)| *name == wanted).map(|(_, id)| id.clone()).collect()
    };
    let mut waiting = listed(&host, "&status=queued").await;
    waiting.extend(listed(&host, "&status=running").await);
    let cases = [
        ("completed", listed(&host, "&status=completed").await, of("works")),
        ("failed", listed(&host, "&status=failed").await, of("fails")),
        ("cancelled", listed(&host, "&status=cancelled").await, cancelled),
        ("live", waiting, live),
        ("all", listed(&host, "").await, started.iter().map(|(_, id)| id.clone()).collect()),
        ("of one flow", listed(&host, "&flow=fails&status=failed").await, of("fails")),
        ("of another flow", listed(&host, "&flow=works&status=failed").await, BTreeSet::new()),
    ];
    for (what, runs, expected) in cases {
        let ids: BTreeSet<String> = runs.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(ids, expected, "{what}");
        assert_eq!(ids.len(), runs.len(), "{what}: each once: {runs:?}");
        if ["completed", "failed", "cancelled"].contains(&what) {
            assert!(runs.iter().all(|(_, status)| status == what), "{what}: {runs:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_followed_shows_each_attempt_once() {
    let host = Host::start().await;
    let text = r#"
        flow = "talk"
        [defaults]
        component = "@"
        [[step]]
        name = "each"
        handler = "chatty"
        map = true
        [[step]]
        name = "last"
        handler = "chatty"
        needs = ["each"]
    "#;
    host.deploy(text).await;
    let elements: Vec<u32> = (0..150).collect();
    let id = host.client.start("talk", &json!(elements)).await;
    let logs = async |query: &str| -> (Vec<String>, Option<String>) {
        let page = host.client.get(&format!("/v1/runs/{id}/logs?{query}")).await.ok();
        let place = |log: &Value| format!("{} {} {}", log["step"], log["index"], log["attempt"]);
        let places = page["logs"].as_array().unwrap().iter().map(place).collect();
        (places, page["next"].as_str().map(str::to_owned))
    };
    let mut followed = Vec::new();
    let mut query = "order=recorded&limit=7".to_owned();
    loop {
        let run = host.client.get(&format!("/v1/runs/{id}")).await.ok();
        let ended = run["status"] == "completed";
        loop {
            let (places, next) = logs(&query).await;
            if let Some(next) = next {
                query = format!("order=recorded&limit=7&after={next}");
            }
            if places.is_empty() {
                break;
            }
            followed.extend(places);
        }
        if ended {
            break;
        }
    }
    let (all, _) = logs("limit=500").await;
    assert_eq!(all.len(), 151);
    assert_eq!(followed.len(), all.len(), "each once");
    assert_eq!(BTreeSet::from_iter(followed), BTreeSet::from_iter(all));
    let mixed = query.replace("order=recorded&", "");
    let refused = host.client.get(&format!("/v1/runs/{id}/logs?{mixed}")).await;
    assert_eq!((refused.status, refused.code()), (400, "request.bad_cursor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_the_component_does_not_list_is_refused_with_the_nearest() {
    let host = Host::start().await;
    let digest = host.upload(stepcell_tests::guests::actor()).await;
    let refused = host.client.deploy(&flow("typo", "ecoh", ""), digest).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.unknown_handler"), "{refused:?}");
    assert!(refused.body.to_string().contains("`echo`"), "{refused:?}");
    assert_eq!(host.client.get("/v1/flows/typo").await.status, 404);
}
