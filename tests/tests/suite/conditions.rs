//! Steps that do not run, and what follows: conditions, policies, reasons, absent against null.

use serde_json::{Value, json};
use stepcell_tests::host::Host;

/// A flow of one component; each step is its table's text.
fn flow(steps: &[&str]) -> String {
    let steps: Vec<String> = steps.iter().map(|step| format!("[[step]]\n{step}\n")).collect();
    format!("flow = \"f\"\n[defaults]\ncomponent = \"@\"\n{}", steps.join(""))
}

async fn run(host: &Host, steps: &[&str], input: Value) -> Value {
    host.deploy(&flow(steps)).await;
    host.client.run("f", &input).await
}

/// The status of each step, with its reason.
fn statuses(run: &Value) -> Vec<String> {
    let step = |step: &Value| {
        let part = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}", part("name"), part("status"), part("reason")).trim_end().to_owned()
    };
    run["steps"].as_array().unwrap().iter().map(step).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_step_is_asked_about_the_runs_input() {
    let host = Host::start().await;
    let steps = [
        "name = \"paid\"\nhandler = \"echo\"\nwhen = { order = { paid = true } }",
        "name = \"open\"\nhandler = \"echo\"\nunless = { order = { paid = true } }",
        "name = \"both\"\nhandler = \"echo\"\nwhen = { tags = [\"x\"] }\nunless = { order = { paid = true } }",
    ];
    let input = json!({ "order": { "paid": true, "id": 7 }, "tags": ["y", "x"] });
    let run = run(&host, &steps, input.clone()).await;
    assert_eq!(
        statuses(&run),
        ["paid completed", "open skipped condition_unmet", "both skipped condition_unmet"]
    );
    assert_eq!(run["output"], json!({ "paid": input }), "{run:#}");
    let other = json!({ "order": { "paid": false }, "tags": ["x"] });
    let run = host.client.run("f", &other).await;
    assert_eq!(
        statuses(&run),
        ["paid skipped condition_unmet", "open completed", "both completed"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_dependency_is_absent_and_one_that_answered_null_is_not() {
    let host = Host::start().await;
    let steps = [
        "name = \"null\"\nhandler = \"echo\"",
        "name = \"gone\"\nhandler = \"echo\"\nwhen = { never = true }",
        "name = \"after\"\nhandler = \"echo\"\nneeds = [\"null\", \"gone\"]",
        "name = \"nulled\"\nhandler = \"echo\"\nneeds = [\"null\"]\nwhen = { null = { } }\non_unmet = \"skip\"",
        "name = \"instead\"\nhandler = \"echo\"\nneeds = [\"gone\"]\nwhen_skipped = [\"gone\"]",
        "name = \"not_this\"\nhandler = \"echo\"\nneeds = [\"null\"]\nwhen_skipped = [\"null\"]",
    ];
    let run = run(&host, &steps, json!(null)).await;
    assert_eq!(
        statuses(&run)[2..],
        [
            "after completed",
            "nulled skipped condition_unmet",
            "instead completed",
            "not_this skipped condition_unmet"
        ]
    );
    assert_eq!(run["output"], json!({ "after": { "null": null }, "instead": {} }), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skip_that_cascades_takes_everything_below_along_and_nothing_else() {
    let host = Host::start().await;
    let steps = [
        "name = \"root\"\nhandler = \"echo\"",
        "name = \"cut\"\nhandler = \"echo\"\nneeds = [\"root\"]\nwhen = { root = 2 }\non_unmet = \"skip_cascade\"",
        "name = \"below\"\nhandler = \"echo\"\nneeds = [\"cut\", \"root\"]",
        "name = \"far\"\nhandler = \"echo\"\nneeds = [\"below\"]",
        "name = \"beside\"\nhandler = \"echo\"\nneeds = [\"root\"]",
    ];
    let run = run(&host, &steps, json!(1)).await;
    assert_eq!(
        statuses(&run),
        [
            "root completed",
            "cut skipped condition_unmet",
            "below skipped dependency_skipped",
            "far skipped dependency_skipped",
            "beside completed"
        ]
    );
    assert_eq!(run["output"], json!({ "beside": { "root": 1 } }), "{run:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmet_condition_can_fail_the_run() {
    let host = Host::start().await;
    let steps = [
        "name = \"root\"\nhandler = \"echo\"",
        "name = \"must\"\nhandler = \"echo\"\nneeds = [\"root\"]\nwhen = { root = 2 }\non_unmet = \"fail\"",
    ];
    let run = run(&host, &steps, json!(1)).await;
    assert_eq!((&run["status"], &run["failed_step"]), (&json!("failed"), &json!("must")));
    assert_eq!(run["failure"]["kind"], "condition_unmet", "{run:#}");
    assert_eq!(statuses(&run), ["root completed", "must failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn exhausted_attempts_can_skip_the_step_and_its_error_is_kept() {
    let host = Host::start().await;
    let steps = [
        "name = \"bad\"\nhandler = \"fail\"\non_exhausted = \"skip\"",
        "name = \"worse\"\nhandler = \"fail\"\non_exhausted = \"skip_cascade\"",
        "name = \"after\"\nhandler = \"echo\"\nneeds = [\"bad\"]",
        "name = \"under\"\nhandler = \"echo\"\nneeds = [\"worse\"]",
    ];
    let run = run(&host, &steps, json!(1)).await;
    assert_eq!(
        statuses(&run),
        [
            "bad skipped handler_failed",
            "worse skipped handler_failed",
            "after completed",
            "under skipped dependency_skipped"
        ]
    );
    assert_eq!(run["output"], json!({ "after": {} }), "{run:#}");
    assert_eq!(run["steps"][0]["last_failure"]["kind"], "handler_error.validation", "{run:#}");
    let events = host.client.events(run["run_id"].as_str().unwrap()).await;
    let places = ["attempt_failed bad 0", "step_skipped bad", "step_started after"]
        .map(|wanted| events.iter().position(|event| event == wanted));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{events:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_exhausted_task_decides_a_map_of_any_width() {
    let host = Host::start().await;
    let steps = [
        "name = \"list\"\nhandler = \"list\"",
        "name = \"each\"\nhandler = \"fail_at_three\"\nneeds = [\"list\"]\nmap = true\non_exhausted = \"skip\"",
        "name = \"over\"\nhandler = \"double\"\nneeds = [\"each\"]\nmap = true",
        "name = \"last\"\nhandler = \"echo\"\nneeds = [\"over\", \"list\"]",
    ];
    host.deploy(&flow(&steps)).await;
    for count in [3, 4, 63, 64, 65, 130, 640] {
        let run = host.client.run("f", &json!({ "count": count })).await;
        let list: Vec<u32> = (0..count).collect();
        let doubled: Vec<u32> =
            if count > 3 { vec![] } else { list.iter().map(|n| n * 2).collect() };
        assert_eq!(run["output"], json!({ "last": { "over": doubled, "list": list } }), "{run:#}");
        let each = if count > 3 { "each skipped handler_failed" } else { "each completed" };
        assert_eq!(statuses(&run)[1], each, "{count}");
    }
    host.swept().await;
    assert_eq!(host.worker.as_ref().unwrap().counts().renewals, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_which_every_leaf_was_skipped_completes_with_null() {
    let host = Host::start().await;
    let steps = ["name = \"only\"\nhandler = \"echo\"\nwhen = { a = 1 }"];
    let run = run(&host, &steps, json!({ "a": 2 })).await;
    assert_eq!((&run["status"], &run["output"]), (&json!("completed"), &json!(null)), "{run:#}");
    assert_eq!(host.worker.as_ref().unwrap().counts().attempts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_can_never_hold_is_refused_at_registration() {
    let host = Host::start().await;
    let digest = host.upload(stepcell_tests::guests::actor()).await;
    let root = "name = \"root\"\nhandler = \"echo\"";
    let cases = [
        ("needs = [\"root\"]\nwhen = { rooot = 1 }", "manifest.unknown_dependency", "`root`"),
        ("needs = [\"root\"]\nwhen = 1", "manifest.wrong_type", "when = { root"),
        ("needs = [\"root\"]\nwhen_skipped = [\"other\"]", "manifest.unknown_dependency", "needs"),
        ("on_unmet = \"skip\"", "manifest.conflicting_fields", "when"),
        ("when = { a = 1 }\non_unmet = \"skp\"", "manifest.wrong_type", "`skip`"),
        ("on_exhausted = \"retry\"", "manifest.wrong_type", "skip_cascade"),
    ];
    for (more, code, says) in cases {
        let step = format!("name = \"step\"\nhandler = \"echo\"\n{more}");
        let refused = host.client.deploy(&flow(&[root, &step]), digest).await;
        assert_eq!((refused.status, refused.code()), (422, code), "{more}: {:#}", refused.body);
        assert!(refused.body.to_string().contains(says), "{more}: {:#}", refused.body);
    }
}
