//! Built-in steps: waits, values and templates, through the same outcomes as handlers.

use serde_json::{Value, json};
use stepcell_tests::host::Host;

async fn register(host: &Host, steps: &str) -> stepcell_tests::client::Answer {
    let request = host.client.request(reqwest::Method::POST, "/v1/flows?activate=true");
    let text = format!("flow = \"f\"\n{steps}");
    stepcell_tests::client::send(request.header("content-type", "application/toml").body(text))
        .await
}

async fn run(host: &Host, steps: &str, input: Value) -> Value {
    register(host, steps).await.ok();
    host.client.run("f", &input).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_of_built_in_steps_needs_no_component() {
    let host = Host::start().await;
    let steps = r#"
        [[step]]
        name = "rates"
        builtin = { inject = { eur = 1.25, codes = ["a", "b"], none = [] } }
        [[step]]
        name = "pause"
        needs = ["rates"]
        builtin = { wait = "PT0.03S" }
        [[step]]
        name = "letter"
        needs = ["rates", "pause"]
        builtin = { set = { to = "${input.user}", text = "${input.user.name} has ${needs.rates.codes[1]}", pause = "${needs.pause}", all = "${needs.rates}" } }
    "#;
    let run = run(&host, steps, json!({ "user": { "name": "Ann" } })).await;
    let rates = json!({ "eur": 1.25, "codes": ["a", "b"], "none": [] });
    let letter =
        json!({ "to": { "name": "Ann" }, "text": "Ann has b", "pause": null, "all": rates });
    assert_eq!(run["output"], json!({ "letter": letter }), "{run:#}");
    let id = run["run_id"].as_str().unwrap();
    let events = host.client.events(id).await;
    assert!(events.contains(&"task_went_on pause 0".to_owned()), "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_holds_nothing_and_a_cancel_ends_it() {
    let host = Host::start().await;
    register(&host, "[[step]]\nname = \"w\"\nbuiltin = { wait = \"P1M\" }\n").await.ok();
    let id = host.client.start("f", &Value::Null).await;
    host.client.until_tasks(&id, "w", "sleeping", 1).await;
    let days = "select extract(day from wake_at - now())::int between 27 and 31 from token where worker_id is null";
    assert_eq!(host.database.run(&[days]).unwrap(), ["t"]);
    host.client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).await.ok();
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_maps_over_elements() {
    let host = Host::start().await;
    let steps = "[[step]]\nname = \"m\"\nmap = true\nbuiltin = { set = { id = \"${element.id}\", of = \"${input[0].id}\" } }\n";
    let input: Vec<Value> = (0..70).map(|id| json!({ "id": id })).collect();
    let run = run(&host, steps, json!(input)).await;
    assert_eq!(run["output"]["m"][69], json!({ "id": 69, "of": 0 }), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_to_what_is_not_there_fails_and_is_not_tried_again() {
    let host = Host::start().await;
    let steps = "[[step]]\nname = \"s\"\nbuiltin = { set = \"${input.nobody}\" }\n";
    let run = run(&host, steps, json!({})).await;
    assert_eq!(run["failure"]["kind"], "handler_error.validation", "{run:#}");
    assert_eq!(run["failure"]["message"], "`${input.nobody}` is not there");
    assert_eq!(run["attempts"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_built_in_step_can_do_is_refused_at_registration() {
    let host = Host::start().await;
    for (builtin, code) in [
        ("{ wait = \"2 seconds\" }", "manifest.wrong_type"),
        ("{ wait = \"P2Y\" }", "manifest.out_of_range"),
        ("{ wait = \"PT1S\", set = 1 }", "manifest.conflicting_fields"),
        ("{}", "manifest.conflicting_fields"),
        ("{ wiat = \"PT1S\" }", "manifest.unknown_field"),
        ("{ set = \"${input\" }", "manifest.bad_text"),
        ("{ set = \"${secrets.x}\" }", "manifest.bad_text"),
    ] {
        let answer =
            register(&host, &format!("[[step]]\nname = \"a\"\nbuiltin = {builtin}\n")).await;
        assert_eq!((answer.status, answer.code()), (422, code), "{answer:?}");
    }
    let both = "[[step]]\nname = \"a\"\ncomponent = \"x\"\nbuiltin = { wait = \"PT1S\" }\n";
    assert_eq!(register(&host, both).await.code(), "manifest.conflicting_fields");
}
