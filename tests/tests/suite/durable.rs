//! Durable handlers: phases, sleeps, retries, their failures; what survives.

use serde_json::{Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::{Host, Settings};

/// A flow of one step that plays the script in the run's input.
pub(crate) const PLAY: &str = "flow = \"play\"\n[defaults]\ncomponent = \"@\"\nbackoff = { base = \"10ms\", jitter = 0.0 }\n\
    [[step]]\nname = \"only\"\nhandler = \"play\"\n";

pub(crate) async fn host() -> Host {
    let host = Host::start().await;
    host.deploy_player(PLAY).await;
    host
}

pub(crate) async fn play(host: &Host, script: Value) -> Value {
    host.client.run("play", &json!({ "only": script })).await
}

/// What the step answered: the trace of what it saw, unless the script says otherwise.
pub(crate) fn trace(run: &Value) -> &Value {
    assert_eq!(run["status"], "completed", "{run:#}");
    &run["output"]["only"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_through_phases_with_nothing_but_its_state() {
    let host = host().await;
    let script = json!({
        "": { "do": "next", "phase": "a" },
        "a": { "do": "sleep", "ms": 20, "phase": "b" },
        "b": { "do": "next", "phase": "c" },
    });
    let run = play(&host, script).await;
    let seen: Vec<&str> =
        trace(&run).as_array().unwrap().iter().map(|at| at["phase"].as_str().unwrap()).collect();
    assert_eq!(seen, ["", "a", "b", "c"]);
    let id = run["run_id"].as_str().unwrap();
    assert_eq!(
        host.client.events(id).await,
        [
            "run_started",
            "step_started only",
            "task_went_on only 0",
            "task_went_on only 0",
            "task_went_on only 0",
            "task_completed only 0",
            "step_completed only",
            "run_completed"
        ]
    );
    let path = format!("/v1/runs/{id}/steps/only/tasks/0/attempts");
    let attempts = host.client.get(&path).await.ok();
    let line =
        |at: &Value| format!("{}/{} {}", at["phase"], at["attempt"], at["went_on"]["outcome"]);
    let lines: Vec<String> = attempts["attempts"].as_array().unwrap().iter().map(line).collect();
    assert_eq!(lines, ["0/1 \"next\"", "1/1 \"sleep\"", "2/1 \"next\"", "3/1 null"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_anew_in_each_phase_and_a_retry_keeps_or_changes_the_state() {
    let host = host().await;
    let twice = |then: Value| json!({ "do": "error", "until": 3, "after_ms": 5, "then": then });
    let script = json!({
        "": twice(json!({ "do": "next", "phase": "a" })),
        "a": { "do": "retry", "until": 3, "after_ms": 5, "then": { "do": "complete" } },
    });
    let run = play(&host, script).await;
    let seen = |at: &Value| format!("{}{}", at["phase"].as_str().unwrap(), at["attempt"]);
    let seen: Vec<String> = trace(&run).as_array().unwrap().iter().map(seen).collect();
    // What failed left no state; what asked for a retry did.
    assert_eq!(seen, ["3", "a1", "a2", "a3"]);
    assert_eq!((&run["attempts"], &run["steps"][0]["failed_attempts"]), (&json!(6), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_never_exceeds_the_attempts_of_its_phase() {
    let host = host().await;
    let script =
        json!({ "": { "do": "retry", "until": 9, "after_ms": 1, "then": { "do": "complete" } } });
    let run = play(&host, script).await;
    assert_eq!(run["status"], "failed");
    let message = run["failure"]["message"].as_str().unwrap();
    assert!(message.contains("none is left"), "{message}");
    assert_eq!(run["attempts"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_can_skip_its_step_and_what_depends_on_it_goes_on() {
    let host = Host::start().await;
    let flow = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"a\"\nhandler = \"play\"\n\
        [[step]]\nname = \"b\"\nhandler = \"play\"\nneeds = [\"a\"]\n";
    host.deploy_player(flow).await;
    let input = json!({ "a": { "": { "do": "skip", "reason": "done before" } } });
    let run = host.client.run("f", &input).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    let step = &run["steps"][0];
    assert_eq!((&step["status"], &step["reason"]), (&json!("skipped"), &json!("handler")));
    assert_eq!(step["last_failure"]["message"], "done before");
    assert_eq!(run["output"], json!({ "b": [{ "phase": "", "attempt": 1 }] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_gives_up_has_no_more_attempts() {
    let host = host().await;
    let run = play(&host, json!({ "": { "do": "fail" } })).await;
    assert_eq!((&run["status"], &run["attempts"]), (&json!("failed"), &json!(1)));
    assert_eq!(run["failure"]["message"], "it gives up");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_error_decides_what_follows_from_an_error_or_a_trap() {
    let host = host().await;
    let with = |on_error: &str, act: Value| json!({ "on_error": on_error, "only": { "": act } });
    let error = json!({ "do": "error", "until": 9, "then": { "do": "complete" } });
    let run = host.client.run("play", &with("rescue", error.clone())).await;
    assert_eq!(trace(&run)[0], json!({ "caught": "handler_error.execution" }));
    let run = host.client.run("play", &with("rescue", json!({ "do": "trap" }))).await;
    assert_eq!(trace(&run)[0], json!({ "caught": "trap" }));
    // It may ask for a retry, within the attempts there are.
    let run = host.client.run("play", &with("retry", error.clone())).await;
    assert_eq!((&run["status"], &run["attempts"]), (&json!("failed"), &json!(3)));
    // When it traps itself, the failure carries its message.
    let run = host.client.run("play", &with("trap", error)).await;
    let message = run["failure"]["message"].as_str().unwrap();
    assert!(message.contains("attempt 3 fails; its `on-error` failed too: trap"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phase_loop_without_an_end_ends_at_its_limit() {
    let host = host().await;
    let script = json!({ "": { "do": "forever" }, "again": { "do": "forever" } });
    let run = play(&host, script).await;
    assert_eq!(run["failure"]["kind"], "too_many_phases", "{run:#}");
    assert_eq!(run["attempts"], 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn map_tasks_park_one_by_one_and_their_answers_keep_their_order() {
    let host = Host::start().await;
    let flow = "flow = \"f\"\n[defaults]\ncomponent = \"@\"\n[[step]]\nname = \"each\"\nhandler = \"play\"\nmap = true\n";
    host.deploy_player(flow).await;
    let element = |number: usize| match number % 3 {
        0 => json!({ "script": {} }),
        1 => json!({ "script": { "": { "do": "sleep", "ms": 10, "phase": "s" } } }),
        _ => json!({ "script": { "": { "do": "await", "names": ["go"], "phase": "w" } } }),
    };
    let input: Vec<Value> = (0..90).map(element).collect();
    let id = host.client.start("f", &json!(input)).await;
    host.client.until_tasks(&id, "each", "awaiting_signal", 30).await;
    host.client.until_tasks(&id, "each", "completed", 60).await;
    // Who takes a signal consumes it: a task that looks later waits for the next one.
    until("every task took a signal", async || {
        let sent = host.client.signal(&id, "go", &json!(1)).await;
        (sent.code() == "run.not_found").then_some(())
    })
    .await;
    let run = host.client.ended(&id).await;
    let phases = run["output"]["each"].as_array().expect("an array").iter().map(|trace| {
        trace.as_array().unwrap().last().unwrap()["phase"].as_str().unwrap().to_owned()
    });
    let expected = (0..90).map(|number| ["", "s", "w"][number % 3].to_owned());
    assert!(phases.eq(expected), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gate_refuses_in_a_state_or_a_child_fails_the_attempt() {
    let host = host().await;
    let run = play(&host, json!({ "": { "do": "large", "bytes": 300_000 } })).await;
    assert_eq!(run["failure"]["kind"], "output_too_large", "{run:#}");
    let spawn =
        |flow: &str| json!({ "": { "do": "spawn", "phase": "p", "children": [{ "flow": flow }] } });
    let run = play(&host, spawn("nobody")).await;
    assert_eq!(run["failure"]["kind"], "invalid_output", "{run:#}");
    let message = run["failure"]["message"].as_str().unwrap();
    assert!(message.contains("child 0 of `spawn`: there is no flow `nobody`"), "{message}");
    let run = play(&host, json!({ "": { "do": "await", "names": [], "phase": "p" } })).await;
    assert!(run["failure"]["message"].as_str().unwrap().contains("names 0 signals"), "{run:#}");
    let run = play(&host, json!({ "": { "do": "next", "phase": "no name" } })).await;
    assert_eq!(run["failure"]["kind"], "invalid_output", "{run:#}");
    let year = json!({ "": { "do": "sleep", "ms": 1_u64 << 50, "phase": "p" } });
    assert!(play(&host, year).await["failure"]["message"].as_str().unwrap().contains("a year"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_worker_is_lost_goes_on_at_its_phase_with_its_state_and_its_signals() {
    let mut settings = Settings::default();
    settings.worker.lease = std::time::Duration::from_secs(1);
    let first = Host::with(settings).await;
    first.deploy_player(PLAY).await;
    let script = json!({
        "": { "do": "await", "names": ["go"], "phase": "woken" },
        "woken": { "do": "spin", "until": 2, "ms": 20000, "then": { "do": "complete" } },
    });
    let id = first.client.start("play", &json!({ "only": script })).await;
    first.client.until_tasks(&id, "only", "awaiting_signal", 1).await;
    first.client.signal(&id, "go", &json!("once")).await.ok();
    first.client.until_tasks(&id, "only", "running", 1).await;
    let database = std::sync::Arc::clone(&first.database);
    drop(first);
    let second = Host::over(database, Settings::default()).await;
    let run = second.client.ended(&id).await;
    let seen = json!({ "phase": "woken", "attempt": 2, "awaited": ["go=\"once\""], "inbox": ["go=\"once\""] });
    assert_eq!(trace(&run)[1], seen);
    let path = format!("/v1/runs/{id}/steps/only/tasks/0/attempts");
    let attempts = second.client.get(&path).await.ok();
    let kinds: Vec<String> = attempts["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|at| format!("{}/{} {}", at["phase"], at["attempt"], at["failure"]["kind"]))
        .collect();
    assert_eq!(kinds, ["0/1 null", "1/1 \"worker_lost\"", "1/2 null"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_functions_is_one_durable_task_and_nothing_before_a_failure_runs_twice() {
    let host = Host::start().await;
    host.deploy_player(
        "flow = \"f\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"chain\"\n",
    )
    .await;
    for (input, output, attempts) in
        [(" abc ", json!(6), 3), ("  ", json!(""), 1), ("flaky", json!(10), 4)]
    {
        let run = host.client.run("f", &json!(input)).await;
        assert_eq!((trace(&run), &run["attempts"]), (&output, &json!(attempts)), "{run:#}");
    }
    let run = host.client.run("f", &json!(" bad ")).await;
    assert_eq!(
        (&run["failure"]["message"], &run["failure"]["details"]),
        (
            &json!("it is bad"),
            &json!({ "failed": "count", "completed": [{ "step": "trim", "output": "bad" }], "details": ["bad"] })
        ),
        "{run:#}"
    );
    assert_eq!(run["attempts"], 2);
}
