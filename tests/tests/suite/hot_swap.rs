//! Versions change under live runs, and nobody notices.

use serde_json::json;
use stepcell_tests::host::Host;

fn flow(handler: &str) -> String {
    format!(
        r#"
        flow = "swap"
        [defaults]
        component = "@"
        [[step]]
        name = "first"
        handler = "echo"
        [[step]]
        name = "last"
        handler = "{handler}"
        needs = ["first"]
        start_delay = "200ms"
        "#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn live_runs_finish_on_the_version_they_started_on() {
    let host = Host::start().await;
    host.deploy(&flow("echo")).await;
    let mut runs = Vec::new();
    let swapping = async {
        let digest = host.deploy(&flow("sum")).await;
        host.client.deploy(&flow("echo"), digest).await.ok();
        host.client.deploy(&flow("sum"), digest).await.ok();
    };
    let starting = async {
        for n in 0..200 {
            let answer = host.client.post("/v1/flows/swap/runs", &json!({"input": n})).await;
            assert_eq!(answer.status, 201, "no start fails: {answer:?}");
            runs.push((
                n,
                answer.body["run_id"].as_str().unwrap().to_owned(),
                answer.body["version"].clone(),
            ));
        }
    };
    tokio::join!(swapping, starting);
    let mut versions = std::collections::BTreeSet::new();
    for (n, id, version) in runs {
        let run = host.client.ended(&id).await;
        assert_eq!(run["version"], version, "{run:#}");
        let expected = match version.as_u64().unwrap() {
            1 => json!({"last": {"first": n}}),
            _ => json!({"last": f64::from(n)}),
        };
        assert_eq!(run["output"], expected, "{run:#}");
        versions.insert(version.to_string());
    }
    assert_eq!(versions.len(), 2, "both versions ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_definition_again_is_unchanged_and_another_lists_its_differences() {
    let host = Host::start().await;
    let digest = host.deploy(&flow("echo")).await;
    let again = host.client.deploy(&flow("echo"), digest).await.ok();
    assert_eq!(
        (&again["status"], &again["version"]),
        (&json!("unchanged"), &json!(1)),
        "{again:#}"
    );
    let other = host.client.deploy(&flow("sum"), digest).await.ok();
    assert_eq!((&other["status"], &other["version"]), (&json!("created"), &json!(2)), "{other:#}");
    assert!(other["differences"].to_string().contains("sum"), "{other:#}");
    let back = host.client.post("/v1/flows/swap/rollback", &json!({})).await.ok();
    assert_eq!(back["active_version"], 1, "{back:#}");
    let run = host.client.run("swap", &json!(5)).await;
    assert_eq!(
        (&run["version"], &run["output"]),
        (&json!(1), &json!({"last": {"first": 5}})),
        "{run:#}"
    );
    let versions = host.client.get("/v1/flows/swap/versions").await.ok();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2, "{versions:#}");
}
