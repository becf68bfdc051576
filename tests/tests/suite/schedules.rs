//! Schedules: saved, refused, paused, triggered. What happens at their moments is in `schedule_moments`.

use serde_json::{Value, json};
use stepcell_tests::client::Answer;
use stepcell_tests::host::{Host, Settings};

use crate::command_line::{against, answer, stepcell};

/// A flow that answers its input.
pub(crate) const FLOW: &str =
    "flow = \"order\"\n[[step]]\nname = \"only\"\nbuiltin = { set = \"${input}\" }\n";

async fn host() -> Host {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    host.client.deploy(FLOW, model::Digest([0; 32])).await.ok();
    host
}

async fn put(host: &Host, body: Value) -> Answer {
    host.client.put("/v1/schedules/nightly", &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_saved_replaced_listed_and_deleted() {
    let host = host().await;
    let body = json!({ "cron": "0 3 * * *", "timezone": "Europe/Berlin", "flow": "order", "input": { "n": 1.0 } });
    let first = put(&host, body).await;
    assert_eq!(first.status, 201, "{first:?}");
    let defaults = [&first.body["overlap"], &first.body["missed"], &first.body["paused"]];
    assert_eq!(defaults, [&json!("allow"), &json!("run_once"), &json!(false)]);
    let at_three =
        "select to_char(next_at at time zone 'Europe/Berlin', 'HH24:MI:SS') from schedule
        where next_at between now() and now() + interval '25 hours'";
    assert_eq!(host.database.run(&[at_three]).unwrap(), ["03:00:00"]);
    let second = put(&host, json!({ "cron": "@hourly", "flow": "order", "overlap": "skip" })).await;
    assert_eq!((second.status, &second.body["timezone"]), (200, &json!("UTC")), "{second:?}");
    assert_eq!(second.body.get("input"), None);
    host.client
        .put("/v1/schedules/other", &json!({ "cron": "@daily", "flow": "order" }))
        .await
        .ok();
    let page = host.client.get("/v1/schedules?limit=1").await.ok();
    assert_eq!(page["schedules"][0]["cron"], "@hourly", "{page:#}");
    let next = page["next"].as_str().unwrap();
    let page = host.client.get(&format!("/v1/schedules?cursor={next}")).await.ok();
    assert_eq!(page["schedules"][0]["name"], "other");
    assert_eq!(host.client.delete("/v1/schedules/nightly").await.status, 204);
    assert_eq!(host.client.get("/v1/schedules/nightly").await.code(), "schedule.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_never_start_is_refused_with_its_reason() {
    let host = host().await;
    let strict = FLOW
        .replace("order", "strict")
        .replace("[[step]]", "input_schema = { type = \"object\" }\n[[step]]");
    host.client.deploy(&strict, model::Digest([0; 32])).await.ok();
    host.client.put("/v1/closures/text", &json!({ "flow": "strict", "input": "text" })).await.ok();
    for (body, code, pointer, said) in [
        (
            json!({ "cron": "0 25 * * *", "flow": "order" }),
            "schedule.bad_cron",
            "/cron",
            "the hour is `25`",
        ),
        (
            json!({ "cron": "* * * * FRY", "flow": "order" }),
            "schedule.bad_cron",
            "/cron",
            "the day of week is",
        ),
        (json!({ "cron": "often", "flow": "order" }), "schedule.bad_cron", "/cron", "has 1 fields"),
        (
            json!({ "cron": "0 0 30 2 *", "flow": "order" }),
            "schedule.never_fires",
            "/cron",
            "never comes",
        ),
        (
            json!({ "cron": "@daily", "timezone": "Europe/Berln", "flow": "order" }),
            "schedule.unknown_timezone",
            "/timezone",
            "did you mean `Europe/Berlin`?",
        ),
        (
            json!({ "cron": "@daily", "flow": "oder" }),
            "flow.not_found",
            "/flow",
            "did you mean `order`?",
        ),
        (
            json!({ "cron": "@daily", "closure": "txt" }),
            "closure.not_found",
            "/closure",
            "did you mean `text`?",
        ),
        (
            json!({ "cron": "@daily", "flow": "strict", "input": 1 }),
            "payload.schema",
            "/input",
            "object",
        ),
        (json!({ "cron": "@daily", "closure": "text" }), "payload.schema", "/input", "object"),
        (
            json!({ "cron": "@daily", "flow": "order", "options": { "fuel": 0 } }),
            "request.invalid",
            "/options/fuel",
            "fuel",
        ),
    ] {
        let refused = put(&host, body.clone()).await;
        assert_eq!(
            (refused.code(), &refused.body["pointer"]),
            (code, &json!(pointer)),
            "{body}: {refused:?}"
        );
        assert!(refused.body["detail"].as_str().unwrap().contains(said), "{refused:?}");
    }
    let version = put(&host, json!({ "cron": "@daily", "flow": "order", "version": 9 })).await;
    assert_eq!(version.code(), "version.not_found");
    assert_eq!(host.database.run(&["select count(*) from schedule"]).unwrap(), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_too_little_or_too_much_is_refused() {
    let host = host().await;
    for (body, said) in [
        (json!({ "flow": "order" }), "cron"),
        (json!({ "cron": "@daily" }), "`flow` or `closure`"),
        (json!({ "cron": "@daily", "flow": "order", "overlap": "queue" }), "queue"),
        (json!({ "cron": "@daily", "flow": "order", "key": "k" }), "unknown field `key`"),
    ] {
        let refused = put(&host, body).await;
        assert_eq!((refused.status, refused.code()), (400, "request.invalid"), "{refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains(said), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_schedule_stays_so_until_it_is_resumed() {
    let host = host().await;
    put(&host, json!({ "cron": "@hourly", "flow": "order" })).await.ok();
    let paused = host.client.post("/v1/schedules/nightly/pause", &json!({})).await.ok();
    assert_eq!((&paused["paused"], paused.get("next_at")), (&json!(true), None), "{paused:#}");
    // Also when it is saved anew.
    let saved = put(&host, json!({ "cron": "@daily", "flow": "order" })).await.ok();
    assert_eq!((&saved["paused"], &saved["cron"]), (&json!(true), &json!("@daily")));
    let resumed = host.client.post("/v1/schedules/nightly/resume", &json!({})).await.ok();
    assert_eq!(resumed["paused"], false);
    assert!(resumed["next_at"].as_str().unwrap().ends_with("T00:00:00.000000Z"), "{resumed:#}");
    let again = host.client.post("/v1/schedules/nightly/resume", &json!({})).await.ok();
    assert_eq!(again["next_at"], resumed["next_at"]);
    for verb in ["pause", "resume", "trigger"] {
        let missing = host.client.post(&format!("/v1/schedules/nobody/{verb}"), &json!({})).await;
        assert_eq!((missing.status, missing.code()), (404, "schedule.not_found"), "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_triggered_out_of_turn_and_its_moments_stay() {
    let host = Host::start().await;
    host.client.deploy(FLOW, model::Digest([0; 32])).await.ok();
    host.client
        .put("/v1/closures/base", &json!({ "flow": "order", "input": { "a": 1 }, "priority": 4 }))
        .await
        .ok();
    let saved =
        put(&host, json!({ "cron": "@yearly", "closure": "base", "input": { "b": 2 } })).await.ok();
    let ended = host.client.post("/v1/schedules/nightly/trigger?wait=20s", &json!({})).await;
    assert_eq!(
        (ended.status, &ended.body["output"]["only"]),
        (200, &json!({ "a": 1, "b": 2 })),
        "{ended:?}"
    );
    let run =
        host.client.get(&format!("/v1/runs/{}", ended.body["run_id"].as_str().unwrap())).await.ok();
    assert_eq!((&run["schedule"], &run["priority"]), (&json!("nightly"), &json!(4)), "{run:#}");
    let shown = host.client.get("/v1/schedules/nightly").await.ok();
    assert_eq!((&shown["last_run_id"], &shown["next_at"]), (&run["run_id"], &saved["next_at"]));
    let send = async || {
        let request = host.client.request(reqwest::Method::POST, "/v1/schedules/nightly/trigger");
        stepcell_tests::client::send(request.header("idempotency-key", "k")).await
    };
    let first = send().await;
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(send().await.ok()["run_id"], first.body["run_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_skips_overlaps_is_not_triggered_while_its_run_is_live() {
    let host = host().await;
    put(&host, json!({ "cron": "@yearly", "flow": "order", "overlap": "skip" })).await.ok();
    let triggers = (0..10).map(|_| host.client.post_text("/v1/schedules/nightly/trigger", ""));
    let answers = futures_util::future::join_all(triggers).await;
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(
            (lost.code(), &lost.body["run_id"]),
            ("schedule.overlap", &won[0].body["run_id"])
        );
    }
    let run = won[0].body["run_id"].as_str().unwrap();
    host.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await.ok();
    host.client.post_text("/v1/schedules/nightly/trigger", "").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_set_shown_paused_and_triggered_from_the_command_line() {
    let host = host().await;
    let set = [
        "schedule",
        "set",
        "nightly",
        "--cron",
        "0 3 * * *",
        "--timezone",
        "Europe/Berlin",
        "--flow",
        "order",
        "--overlap",
        "skip",
        "--missed",
        "skip",
        "--input",
        "[1]",
    ];
    let set = answer(&against(&host, &set).await);
    assert_eq!((&set["overlap"], &set["missed"]), (&json!("skip"), &json!("skip")), "{set:#}");
    let listed = answer(&against(&host, &["schedule", "list"]).await);
    assert_eq!(listed["schedules"][0]["name"], "nightly");
    let paused = answer(&against(&host, &["schedule", "pause", "nightly"]).await);
    assert_eq!(paused["paused"], true);
    let resumed = answer(&against(&host, &["schedule", "resume", "nightly"]).await);
    assert_eq!(resumed["paused"], false);
    let started = answer(&against(&host, &["schedule", "trigger", "nightly"]).await);
    let shown = answer(&against(&host, &["schedule", "show", "nightly"]).await);
    assert_eq!(shown["last_run_id"], started["run_id"], "{shown:#}");
    let (url, key) = (host.client.url().to_owned(), host.client.key().to_owned());
    let for_people = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let said = |more: [&str; 2]| {
            let arguments =
                [["--url", &url].as_slice(), &["--key", &key, "schedule"], &more].concat();
            String::from_utf8(stepcell(folder.path(), &arguments).stdout).unwrap()
        };
        (said(["show", "nightly"]), said(["pause", "nightly"]))
    });
    let (shown, paused) = for_people.await.unwrap();
    assert!(shown.contains("when      0 3 * * * (Europe/Berlin)"), "{shown}");
    assert!(paused.contains("next      paused"), "{paused}");
    let nothing = against(&host, &["schedule", "set", "x", "--cron", "@daily"]).await;
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    let gone = against(&host, &["schedule", "delete", "nightly"]).await;
    assert!(gone.status.success(), "{gone:?}");
}
