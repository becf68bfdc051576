//! Circuit breakers: calls to an origin that fails are held back, one is let through to see, and other tenants do not notice.

use std::time::Duration;

use serde_json::{Value, json};
use stepcell_tests::client::{Client, until};
use stepcell_tests::host::{Host, Settings, new_key};
use stepcell_tests::remote::Remote;
use store::{Admission, Claim, Outgoing, Scope};

use crate::command_line::{against, answer};
use crate::http_calls::{flow, register};

/// Deploys `f`, which makes one call to `path` and one attempt.
async fn deploy(client: &Client, remote: &Remote, path: &str) {
    let http = format!("{{ url = \"{}{path}\" }}", remote.url);
    register(client, flow("f", &http, "max_attempts = 1")).await.ok();
}

/// The kind of what so many runs of `f`, one after the other, failed with.
async fn runs(client: &Client, count: usize) -> Vec<String> {
    let mut kinds = Vec::new();
    for _ in 0..count {
        let run = client.run("f", &Value::Null).await;
        kinds.push(run["failure"]["kind"].as_str().unwrap_or("completed").to_owned());
    }
    kinds
}

/// The only breaker there is.
async fn breaker(client: &Client) -> Value {
    let page = client.get("/v1/breakers").await.ok();
    let breakers = page["breakers"].as_array().unwrap();
    assert_eq!(breakers.len(), 1, "{page:#}");
    breakers[0].clone()
}

/// Its recovery is over.
fn recover(host: &Host) {
    host.database.run(&["update breaker set retry_at = now() - interval '1 ms'"]).unwrap();
}

const DEPENDENCY: &str = "handler_error.dependency";
const HELD_BACK: &str = "dependency_unavailable";

#[tokio::test(flavor = "multi_thread")]
async fn failures_in_a_row_open_a_breaker_and_calls_are_refused_without_being_made() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(3)).await;
    deploy(&host.client, &remote, "/switched").await;
    remote.switch(500);
    assert_eq!(runs(&host.client, 4).await, [DEPENDENCY, DEPENDENCY, DEPENDENCY, HELD_BACK]);
    assert_eq!(remote.seen().len(), 3);
    let breaker = breaker(&host.client).await;
    assert_eq!(
        (&breaker["origin"], &breaker["state"]),
        (&json!(remote.url), &json!("open")),
        "{breaker:#}"
    );
    assert_eq!(
        (&breaker["failures"], &breaker["times_opened"], &breaker["calls_refused"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert!(breaker["opened_at"].is_string() && breaker["retry_at"].is_string(), "{breaker:#}");
    let metrics = host
        .client
        .request(reqwest::Method::GET, "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("\nstepcell_breakers_open 1\n"), "{metrics}");
    let told = answer(&against(&host, &["breakers"]).await);
    assert_eq!(told["breakers"][0]["state"], "open", "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_attempt_waits_for_what_is_left_of_the_recovery() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(1)).await;
    let http = format!("{{ url = \"{}/switched\" }}", remote.url);
    register(&host.client, flow("f", &http, "max_attempts = 3")).await.ok();
    remote.switch(503);
    let id = host.client.start("f", &Value::Null).await;
    let path = format!("/v1/runs/{id}/steps/call/tasks/0/attempts");
    let attempts = until("two attempts are recorded", || async {
        let answer = host.client.get(&path).await;
        let attempts = answer.body["attempts"].as_array().cloned().unwrap_or_default();
        (attempts.len() == 2).then_some(attempts)
    })
    .await;
    assert_eq!(attempts[1]["failure"]["kind"], HELD_BACK, "{attempts:#?}");
    let wait = attempts[1]["retry_in_ms"].as_u64().unwrap();
    assert!((3_500_000..=3_600_000).contains(&wait), "{attempts:#?}");
    assert_eq!(remote.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_recovery_exactly_one_call_is_let_through_and_decides() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(2)).await;
    deploy(&host.client, &remote, "/switched").await;
    remote.switch(500);
    assert_eq!(runs(&host.client, 2).await, [DEPENDENCY; 2]);
    deploy(&host.client, &remote, "/held").await;
    for (status, state, opened) in [(500, "open", 2), (200, "closed", 2)] {
        remote.switch(status);
        recover(&host);
        let before = remote.seen().len();
        let mut started = Vec::new();
        for _ in 0..6 {
            started.push(host.client.start("f", &Value::Null).await);
        }
        let refused = "select count(*) from run where failure like '%dependency_unavailable%'";
        let refused_before: usize = if status == 500 { 0 } else { 5 };
        until("the others are refused", || async {
            let rows = host.database.run(&[refused]).unwrap();
            (rows == [(refused_before + 5).to_string()]).then_some(())
        })
        .await;
        assert_eq!(breaker(&host.client).await["state"], "half_open");
        assert_eq!(remote.seen().len(), before + 1, "one probe");
        remote.release(1);
        let mut others = 0;
        for id in started {
            let run = host.client.ended(&id).await;
            others += usize::from(run["failure"]["kind"] == HELD_BACK);
        }
        assert_eq!(others, 5);
        let breaker = breaker(&host.client).await;
        assert_eq!(
            (&breaker["state"], &breaker["times_opened"]),
            (&json!(state), &json!(opened)),
            "{breaker:#}"
        );
    }
    assert_eq!(breaker(&host.client).await["failures"], 0);
    remote.release(1);
    assert_eq!(runs(&host.client, 1).await, ["completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_failures_in_a_row_count_and_a_mistake_of_the_caller_is_none() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(3)).await;
    deploy(&host.client, &remote, "/switched").await;
    for status in [500, 500, 200, 500, 500, 404, 500, 500] {
        remote.switch(status);
        runs(&host.client, 1).await;
    }
    let breaker = breaker(&host.client).await;
    assert_eq!(
        (&breaker["state"], &breaker["failures"]),
        (&json!("closed"), &json!(2)),
        "{breaker:#}"
    );
    assert_eq!(remote.seen().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_counts_and_a_cancel_does_not() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(1)).await;
    deploy(&host.client, &remote, "/held").await;
    let cancel = async || {
        let id = host.client.start("f", &Value::Null).await;
        until("it hangs", || async { (remote.waiting() == 1).then_some(()) }).await;
        host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
        until("it hung up", || async { (remote.waiting() == 0).then_some(()) }).await;
    };
    cancel().await;
    assert_eq!(host.database.run(&["select count(*) from breaker"]).unwrap(), ["0"]);
    let http = format!("{{ url = \"{}/never\" }}", remote.url);
    register(&host.client, flow("f", &http, "max_attempts = 1\ntimeout = \"100ms\"")).await.ok();
    assert_eq!(runs(&host.client, 2).await, ["timeout", HELD_BACK]);
    // A probe that came to nothing gives its turn back.
    recover(&host);
    deploy(&host.client, &remote, "/held").await;
    cancel().await;
    until("the turn is given back", || async {
        let rows = host
            .database
            .run(&["select probe is null and retry_at <= now() from breaker"])
            .unwrap();
        (rows == ["t"]).then_some(())
    })
    .await;
    remote.release(1);
    assert_eq!(runs(&host.client, 1).await, ["completed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_whose_worker_died_does_not_hold_calls_back_for_ever() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(1)).await;
    deploy(&host.client, &remote, "/switched").await;
    remote.switch(500);
    assert_eq!(runs(&host.client, 1).await, [DEPENDENCY]);
    host.database
        .run(&["update breaker set probe = 7, retry_at = now() + interval '1 hour'"])
        .unwrap();
    remote.switch(200);
    assert_eq!(runs(&host.client, 1).await, [HELD_BACK]);
    recover(&host);
    assert_eq!(runs(&host.client, 1).await, ["completed"]);
    assert_eq!(breaker(&host.client).await["state"], "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_of_one_tenant_holds_no_other_back() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings_with_breaker(2)).await;
    host.database.run(&["insert into tenant (name) values ('other')"]).unwrap();
    let other = host.client.with_key(&new_key(&host.store, "other", &Scope::ALL).await);
    deploy(&host.client, &remote, "/switched").await;
    deploy(&other, &remote, "/switched").await;
    remote.switch(500);
    assert_eq!(runs(&host.client, 3).await, [DEPENDENCY, DEPENDENCY, HELD_BACK]);
    assert_eq!(other.get("/v1/breakers").await.ok()["breakers"], json!([]));
    assert_eq!(runs(&other, 1).await, [DEPENDENCY]);
    remote.switch(200);
    assert_eq!(runs(&other, 1).await, ["completed"]);
    assert_eq!(breaker(&other).await["failures"], 0);
    assert_eq!(breaker(&host.client).await["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_goes_out_under_a_claim_that_no_longer_holds() {
    let remote = Remote::start().await;
    let host = Host::with(Settings { works: false, ..remote.settings() }).await;
    deploy(&host.client, &remote, "/switched").await;
    host.client.start("f", &Value::Null).await;
    let worker = host.store.register_worker("zombie", 1, Duration::from_secs(3)).await.unwrap();
    let claimed = host.store.claim(worker, &store::Turns::first(1, 1)).await.unwrap();
    let held = claimed[0].held;
    let origin = model::Origin::of(&reqwest::Url::parse(&remote.url).unwrap()).unwrap();
    let lost_after = Duration::from_secs(1);
    let claim = Claim::Token { held, worker };
    let call = Outgoing { claim, origin: &origin, lost_after, number: 1 };
    assert!(matches!(host.store.admit_call(&call).await.unwrap(), Admission::Go(_)));
    host.database.run(&["update worker set beat_at = now() - interval '1 hour'"]).unwrap();
    host.store.reap().await.unwrap();
    assert_eq!(host.store.admit_call(&call).await.unwrap(), Admission::NotHeld);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_that_rested_for_an_hour_is_forgotten() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.database
        .run(&["insert into breaker (tenant_id, origin, failure_count, opened_at, retry_at, failed_at)
             select t.id, b.* from (select id from tenant where name = 'default') as t,
                 (values ('rested', 1, null::timestamptz, null::timestamptz, now() - interval '61 minutes'),
                     ('failed', 1, null, null, now()),
                     ('open', 5, now(), now() + interval '1 day', now() - interval '61 minutes'),
                     ('nobody asks', 5, now(), now() - interval '61 minutes', now() - interval '61 minutes')) as b"])
        .unwrap();
    assert!(!host.store.forget_breakers().await.unwrap());
    let left = host.database.run(&["select origin from breaker order by origin"]).unwrap();
    assert_eq!(left, ["failed", "open"]);
}
