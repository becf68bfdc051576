//! Signals: a run's inbox, the tasks that wait for what comes in, and the races between the two.

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};

use crate::durable::{PLAY, host, play, trace};

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_wakes_a_parked_task_which_holds_nothing_meanwhile() {
    let host = host().await;
    let script = json!({ "": { "do": "await", "names": ["go", "stop"], "phase": "woken" } });
    let id = host.client.start("play", &json!({ "only": script })).await;
    host.client.until_tasks(&id, "only", "awaiting_signal", 1).await;
    let held = host.database.run(&["select count(*) from token where worker_id is not null"]);
    assert_eq!(held.unwrap(), ["0"]);
    let sent = host.client.signal(&id, "other", &json!(0)).await.ok();
    assert_eq!(sent["duplicate"], false);
    host.client.signal(&id, "stop", &json!({ "why": "enough" })).await.ok();
    let run = host.client.ended(&id).await;
    let woken = &trace(&run)[1];
    assert_eq!(woken["awaited"], json!(["stop={\"why\":\"enough\"}"]));
    // The whole inbox is seen, what was not waited for too.
    assert_eq!(woken["inbox"], json!(["other=0", "stop={\"why\":\"enough\"}"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_took_a_signal_hears_of_it_without_postgres() {
    let host = host().await;
    let script = json!({ "": { "do": "await", "names": ["go"], "phase": "woken" } });
    let id = host.client.start("play", &json!({ "only": script })).await;
    host.client.until_tasks(&id, "only", "awaiting_signal", 1).await;
    // Nothing in it listens to Postgres.
    let api_only = Settings { works: false, ..Settings::default() };
    let beside = Host::over(std::sync::Arc::clone(&host.database), api_only).await;
    let mut rings = beside.store.bell().hear();
    beside.client.signal(&id, "go", &json!(1)).await.ok();
    assert_eq!(rings.try_recv().unwrap(), store::Ring::Ready);
    assert_eq!(trace(&host.client.ended(&id).await)[1]["awaited"], json!(["go=1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_came_before_it_was_awaited_wakes_at_once() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.deploy_player(PLAY).await;
    let script = json!({ "": { "do": "await", "names": ["go"], "phase": "woken" } });
    let id = host.client.start("play", &json!({ "only": script })).await;
    host.client.signal(&id, "go", &json!(1)).await.ok();
    let _works = Host::over(std::sync::Arc::clone(&host.database), Settings::default()).await;
    let run = host.client.ended(&id).await;
    assert_eq!(trace(&run)[1]["awaited"], json!(["go=1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_times_out_is_a_wake_without_signals() {
    let host = host().await;
    let script = json!({
        "": { "do": "await", "names": ["go"], "timeout_ms": 30, "phase": "woken" },
        "woken": { "do": "choose", "some": { "do": "fail" }, "none": { "do": "complete" } },
    });
    let run = play(&host, script).await;
    assert_eq!(trace(&run)[1], json!({ "phase": "woken", "attempt": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_consumes_exactly_the_signals_it_was_given() {
    let host = host().await;
    let script = json!({
        "": { "do": "await", "names": ["a"], "phase": "one" },
        "one": { "do": "await", "names": ["b"], "phase": "two" },
        "two": { "do": "sleep", "ms": 1, "phase": "three" },
    });
    let id = host.client.start("play", &json!({ "only": script })).await;
    host.client.until_tasks(&id, "only", "awaiting_signal", 1).await;
    host.client.signal(&id, "b", &json!("early")).await.ok();
    host.client.signal(&id, "a", &json!(1)).await.ok();
    let run = host.client.ended(&id).await;
    let seen = trace(&run);
    assert_eq!(
        (&seen[1]["awaited"], &seen[1]["inbox"]),
        (&json!(["a=1"]), &json!(["b=\"early\"", "a=1"]))
    );
    assert_eq!(
        (&seen[2]["awaited"], &seen[2]["inbox"]),
        (&json!(["b=\"early\""]), &json!(["b=\"early\""]))
    );
    assert_eq!((&seen[3]["awaited"], &seen[3]["inbox"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_keeps_the_signals_it_was_woken_for() {
    let host = host().await;
    let script = json!({
        "": { "do": "await", "names": ["go"], "phase": "woken" },
        "woken": { "do": "error", "until": 2, "after_ms": 5, "then":
            { "do": "retry", "until": 3, "after_ms": 5, "then": { "do": "complete" } } },
    });
    let id = host.client.start("play", &json!({ "only": script })).await;
    host.client.signal(&id, "go", &json!(7)).await.ok();
    let run = host.client.ended(&id).await;
    let last = trace(&run).as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["attempt"], &last["awaited"]), (&json!(3), &json!(["go=7"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_dedup_key_twice_is_one_signal_even_after_it_was_consumed() {
    let host = host().await;
    let script = json!({
        "": { "do": "await", "names": ["go"], "phase": "woken" },
        "woken": { "do": "await", "names": ["end"], "phase": "over" },
    });
    let id = host.client.start("play", &json!({ "only": script })).await;
    let send = async |name: &str| {
        let body = json!({ "name": name, "dedup_key": "k-1" });
        host.client.post(&format!("/v1/runs/{id}/signals"), &body).await
    };
    let first = send("go").await;
    assert_eq!((first.status, &first.body["duplicate"]), (201, &json!(false)));
    let inbox = async || {
        let inbox = host.client.get(&format!("/v1/runs/{id}/signals")).await.ok();
        (inbox["signals"] == json!([])).then_some(())
    };
    until("the signal is consumed", inbox).await;
    let second = send("go").await;
    assert_eq!((second.status, &second.body["duplicate"]), (200, &json!(true)));
    assert_eq!(second.body["id"], first.body["id"]);
    host.client.signal(&id, "end", &Value::Null).await.ok();
    let run = host.client.ended(&id).await;
    assert_eq!(trace(&run)[2]["inbox"], json!(["end=null"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_collects_signals_by_awaiting_again() {
    let host = host().await;
    let script = json!({
        "": { "do": "next", "phase": "pack" },
        "pack": { "do": "collect", "name": "item", "count": 5 },
    });
    let id = host.client.start("play", &json!({ "only": script })).await;
    for number in 0..5 {
        host.client.signal(&id, "item", &json!(number)).await.ok();
    }
    let run = host.client.ended(&id).await;
    assert_eq!(trace(&run), &json!(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_cannot_be_taken_is_refused_with_a_code() {
    let host = host().await;
    let waits = json!({ "": { "do": "await", "names": ["go"], "phase": "p" } });
    let id = host.client.start("play", &json!({ "only": waits })).await;
    let refused = async |body: Value| {
        let answer = host.client.post(&format!("/v1/runs/{id}/signals"), &body).await;
        (answer.status, answer.code().to_owned())
    };
    assert_eq!(refused(json!({})).await, (400, "request.invalid".to_owned()));
    assert_eq!(refused(json!({ "name": "a b" })).await, (400, "request.invalid".to_owned()));
    assert_eq!(
        refused(json!({ "name": "a", "nme": 1 })).await,
        (400, "request.invalid".to_owned())
    );
    let large = json!({ "name": "go", "payload": "x".repeat(70_000) });
    assert_eq!(refused(large).await, (413, "payload.too_large".to_owned()));
    assert_eq!(refused(json!({ "name": "go", "dedup_key": "" })).await.0, 400);
    let unknown = "01900000-0000-7000-8000-000000000000";
    let answer = host.client.signal(unknown, "go", &Value::Null).await;
    assert_eq!((answer.status, answer.code()), (404, "run.not_found"));
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    let answer = host.client.signal(&id, "go", &Value::Null).await;
    assert_eq!((answer.status, answer.code()), (404, "run.not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_has_room_for_a_thousand_signals() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.deploy_player(PLAY).await;
    let id = host.client.start("play", &json!({})).await;
    let fill = format!(
        "insert into signal (tenant_id, run_id, name, payload) select 1, '{id}', 'x', '1' from generate_series(1, 999)"
    );
    host.database.run(&[&fill]).unwrap();
    host.client.signal(&id, "last", &Value::Null).await.ok();
    let answer = host.client.signal(&id, "one_more", &Value::Null).await;
    assert_eq!((answer.status, answer.code()), (409, "signal.inbox_full"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_and_a_park_that_race_never_lose_the_wake_up() {
    let host = host().await;
    let script = json!({
        "": { "do": "await", "names": ["go"], "phase": "a" },
        "a": { "do": "await", "names": ["go"], "phase": "b" },
        "b": { "do": "await", "names": ["go"], "phase": "c" },
    });
    let race = async |_: usize| {
        let id = host.client.start("play", &json!({ "only": script })).await;
        for number in 0..3 {
            host.client.signal(&id, "go", &json!(number)).await.ok();
            // The next one is sent when this one was taken, that is in the moment of the next park.
            let taken = async || {
                let inbox = host.client.get(&format!("/v1/runs/{id}/signals")).await.ok();
                (inbox["signals"] == json!([])).then_some(())
            };
            until("the signal is taken", taken).await;
        }
        let run = host.client.ended(&id).await;
        assert_eq!(trace(&run)[3]["awaited"], json!(["go=2"]));
    };
    futures_util::future::join_all((0..40).map(race)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_and_a_signal_that_race_leave_nothing_behind() {
    let host = host().await;
    let script = json!({
        "": { "do": "await", "names": ["go"], "phase": "a" },
        "a": { "do": "await", "names": ["go"], "phase": "b" },
    });
    let race = async |number: usize| {
        let id = host.client.start("play", &json!({ "only": script })).await;
        if number.is_multiple_of(2) {
            host.client.until_tasks(&id, "only", "awaiting_signal", 1).await;
        }
        let path = format!("/v1/runs/{id}/cancel");
        let (cancelled, signalled) = tokio::join!(
            host.client.post(&path, &Value::Null),
            host.client.signal(&id, "go", &Value::Null)
        );
        assert_eq!(cancelled.status, 200, "{cancelled:?}");
        assert!([201, 404].contains(&signalled.status), "{signalled:?}");
        assert_eq!(host.client.ended(&id).await["status"], "cancelled");
    };
    futures_util::future::join_all((0..40).map(race)).await;
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_wait_for_one_signal_wait_on_when_another_took_it() {
    let host = Host::start().await;
    let flow = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"each\"\nhandler = \"play\"\nmap = true\n";
    host.deploy_player(flow).await;
    let waits = json!({ "script": { "": { "do": "await", "names": ["go"], "phase": "woken" } } });
    let count: u64 = 6;
    let input: Vec<Value> = (0..count).map(|_| waits.clone()).collect();
    let id = host.client.start("f", &json!(input)).await;
    host.client.until_tasks(&id, "each", "awaiting_signal", count).await;
    // Whoever comes too late for a signal waits for the next one: it did not time out.
    let more = async || {
        let run = host.client.get(&format!("/v1/runs/{id}")).await.ok();
        if run["status"] == "running" {
            host.client.signal(&id, "go", &json!("more")).await;
            return None;
        }
        Some(run)
    };
    let run = until("every task had its signal", more).await;
    for trace in run["output"]["each"].as_array().unwrap() {
        let had = trace[1]["awaited"].as_array().map(|signals| !signals.is_empty());
        assert_eq!(had, Some(true), "{run:#}");
    }
}
