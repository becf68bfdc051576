//! One run from the outside in: upload, deploy, start, look.

use serde_json::json;
use stepcell_tests::client::{send, until};
use stepcell_tests::guests;
use stepcell_tests::host::{Host, Settings};

const ECHO: &str = r#"
    flow = "echo"
    [[step]]
    name = "only"
    component = "@"
    handler = "echo"
"#;

const DIAMOND: &str = r#"
    flow = "diamond"
    [defaults]
    component = "@"
    [[step]]
    name = "a"
    handler = "echo"
    [[step]]
    name = "b"
    handler = "sum"
    needs = ["a"]
    [[step]]
    name = "c"
    handler = "sum"
    needs = ["a"]
    [[step]]
    name = "d"
    handler = "echo"
    needs = ["b", "c"]
"#;

const CHAIN: &str = r#"
    flow = "chain"
    [defaults]
    component = "@"
    [[step]]
    name = "first"
    handler = "echo"
    [[step]]
    name = "second"
    handler = "echo"
    needs = ["first"]
    [[step]]
    name = "third"
    handler = "echo"
    needs = ["second"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_one_step_answers_what_its_handler_answered() {
    let host = Host::start().await;
    host.deploy(ECHO).await;
    let run = host.client.run("echo", &json!({"a": [1, null, ""]})).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!(run["output"], json!({"only": {"a": [1, null, ""]}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_hands_each_output_to_the_next_step() {
    let host = Host::start().await;
    host.deploy(CHAIN).await;
    let run = host.client.run("chain", &json!(7)).await;
    assert_eq!(run["output"], json!({"third": {"second": {"first": 7}}}), "{run:#}");
    for step in run["steps"].as_array().unwrap() {
        assert_eq!(step["status"], "completed", "{step:#}");
        assert_eq!(step["attempts"], 1, "{step:#}");
        assert!(step["receipt"]["fuel"].as_u64().unwrap() > 0, "{step:#}");
        assert!(step["receipt"]["peak_memory_bytes"].as_u64().unwrap() > 0, "{step:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sides_of_a_diamond_meet_and_falsy_values_arrive_unchanged() {
    let host = Host::start().await;
    host.deploy(DIAMOND).await;
    let run = host.client.run("diamond", &json!({"n": 4})).await;
    assert_eq!(run["output"], json!({"d": {"b": 4.0, "c": 4.0}}), "{run:#}");
    host.deploy(CHAIN).await;
    for falsy in [json!(0), json!(false), json!(""), json!(null), json!([]), json!({})] {
        let run = host.client.run("chain", &falsy).await;
        assert_eq!(run["output"]["third"]["second"]["first"], falsy, "{run:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_diamonds_at_once_all_complete() {
    let host = Host::start().await;
    host.deploy(DIAMOND).await;
    let mut runs = Vec::new();
    for n in 0..200 {
        runs.push((n, host.client.start("diamond", &json!(n)).await));
    }
    for (n, id) in runs {
        let run = host.client.ended(&id).await;
        let side = json!(f64::from(n));
        assert_eq!(run["output"], json!({"d": {"b": side, "c": side}}), "{run:#}");
    }
    let counts = host.worker.as_ref().unwrap().counts();
    assert_eq!((counts.attempts, counts.stale), (800, 0), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_says_who_is_called_and_what_for() {
    let host = Host::start().await;
    let flow = ECHO.replace("\"echo\"\n", "\"who\"\n").replace("flow = \"who\"", "flow = \"me\"");
    host.deploy(&flow).await;
    let run = host.client.run("me", &json!(null)).await;
    let who = &run["output"]["only"];
    assert_eq!(
        (&who["tenant"], &who["flow"], &who["step"], &who["handler"], &who["attempt"]),
        (&json!("default"), &json!("me"), &json!("only"), &json!("who"), &json!(1)),
        "{run:#}"
    );
    assert!(who["key"].as_str().unwrap().contains(run["run_id"].as_str().unwrap()), "{who:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_the_run_in_order_and_resume_where_a_reader_stopped() {
    let host = Host::start().await;
    host.deploy(CHAIN).await;
    let run = host.client.run("chain", &json!(1)).await;
    let id = run["run_id"].as_str().unwrap();
    let events = until("every event can be read", || async {
        let events = host.client.events(id).await;
        events.last().is_some_and(|last| last.starts_with("run_completed")).then_some(events)
    })
    .await;
    let place = |event: &str| {
        events
            .iter()
            .position(|line| line == event)
            .unwrap_or_else(|| panic!("{event} in {events:?}"))
    };
    assert!(events[0].starts_with("run_started"), "{events:?}");
    assert!(place("step_completed first") < place("step_started second"), "{events:?}");
    let page = host.client.get(&format!("/v1/runs/{id}/events?limit=3")).await.ok();
    let after = page["events"][2]["id"].as_str().unwrap();
    let rest = host.client.get(&format!("/v1/runs/{id}/events?since={after}&limit=500")).await.ok();
    assert_eq!(rest["events"].as_array().unwrap().len(), events.len() - 3, "{rest:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stream_while_the_run_goes_on_and_end_with_it() {
    let host = Host::start().await;
    host.deploy(&CHAIN.replace("\"third\"", "\"third\"\nstart_delay = \"300ms\"")).await;
    let id = host.client.start("chain", &json!(1)).await;
    let request = host.client.request(reqwest::Method::GET, &format!("/v1/runs/{id}/events"));
    let response = request.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let text = response.text().await.unwrap();
    assert!(text.contains("event: step_completed"), "{text}");
    assert!(text.contains("event: run_completed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_logs_can_be_read_with_its_receipt() {
    let host = Host::start().await;
    let flow = ECHO.replace("handler = \"echo\"", "handler = \"chatty\"");
    host.deploy(&flow).await;
    let run = host.client.run("echo", &json!(null)).await;
    let id = run["run_id"].as_str().unwrap();
    let logs = host.client.get(&format!("/v1/runs/{id}/logs")).await.ok();
    let text = logs.to_string();
    assert!(text.contains("working on it") && text.contains("red"), "{logs:#}");
    let attempts =
        host.client.get(&format!("/v1/runs/{id}/steps/only/tasks/0/attempts")).await.ok();
    let first = &attempts["attempts"][0];
    assert!(first["receipt"]["log_bytes"].as_u64().unwrap() > 0, "{attempts:#}");
    assert!(first["receipt"]["wall_us"].as_u64().unwrap() > 0, "{attempts:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_wait_answers_the_output() {
    let host = Host::start().await;
    host.deploy(ECHO).await;
    let answer = host.client.post("/v1/flows/echo/runs?wait=20s", &json!({"input": "x"})).await;
    assert_eq!((answer.status, &answer.body["output"]), (200, &json!({"only": "x"})), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_idempotency_key_starts_one_run() {
    let host = Host::start().await;
    host.deploy(ECHO).await;
    let ask = |input: &str| {
        let request = host.client.request(reqwest::Method::POST, "/v1/flows/echo/runs");
        let request =
            request.header("idempotency-key", "order-1").header("content-type", "application/json");
        send(request.body(format!("{{\"input\":{input}}}")))
    };
    let (first, second, other) = (ask("1").await, ask("1").await, ask("2").await);
    assert_eq!(first.body["run_id"], second.body["run_id"], "{second:?}");
    assert_eq!((other.status, other.code()), (422, "request.idempotency_mismatch"), "{other:?}");
    let run = host.client.ended(first.body["run_id"].as_str().unwrap()).await;
    assert_eq!(run["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_interrupts_a_running_handler_and_a_second_time_conflicts() {
    let host = Host::start().await;
    let flow = ECHO.replace("handler = \"echo\"", "handler = \"busy\"");
    host.deploy(&flow).await;
    let id = host.client.start("echo", &json!({"busy_ms": 25_000})).await;
    until("the handler runs", || async { (host.sandbox.free_slots() < 16).then_some(()) }).await;
    let cancelled = host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    assert_eq!(cancelled["status"], "cancelled");
    until("the slot is free again", || async { (host.sandbox.free_slots() == 16).then_some(()) })
        .await;
    let again = host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await;
    assert_eq!((again.status, again.code()), (409, "run.ended"), "{again:?}");
    assert_eq!(host.client.ended(&id).await["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_that_nobody_took_never_starts() {
    let api_only = Settings { works: false, ..Settings::default() };
    let host = Host::with(api_only).await;
    host.deploy(ECHO).await;
    let id = host.client.start("echo", &json!(1)).await;
    assert_eq!(host.client.get(&format!("/v1/runs/{id}")).await.ok()["status"], "queued");
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    let tokens = host.database.run(&["select count(*) from token"]).unwrap();
    assert_eq!(tokens, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_queued_before_any_worker_is_taken_by_the_first_that_comes() {
    let api_only = Host::with(Settings { works: false, ..Settings::default() }).await;
    api_only.deploy(DIAMOND).await;
    let mut runs = Vec::new();
    for n in 0..20 {
        runs.push(api_only.client.start("diamond", &json!(n)).await);
    }
    let database = std::sync::Arc::clone(&api_only.database);
    let _worker = Host::over(database, Settings::default()).await;
    for id in runs {
        assert_eq!(api_only.client.ended(&id).await["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_of_the_host_compiles_nothing() {
    let host = Host::start().await;
    let bytes = guests::hand_written("good");
    let digest = host.upload(bytes.clone()).await;
    assert_eq!(host.sandbox.compiled_count(), 1);
    assert_eq!(host.upload(bytes).await, digest);
    assert_eq!(host.sandbox.compiled_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_start_waits_and_then_runs() {
    let host = Host::start().await;
    host.deploy(ECHO).await;
    let body = json!({"input": 1, "delay_ms": 400});
    let id = host.client.post("/v1/flows/echo/runs", &body).await.ok()["run_id"].clone();
    let id = id.as_str().unwrap();
    let early = host.client.get(&format!("/v1/runs/{id}")).await.ok();
    assert_eq!(early["status"], "queued", "{early:#}");
    assert_eq!(host.client.ended(id).await["status"], "completed");
}
