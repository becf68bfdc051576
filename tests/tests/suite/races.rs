//! Things that happen in the same moment: whichever comes first, what is recorded is one story.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stepcell_tests::host::Host;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Runs that race in one test.
const RUNS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_and_the_last_outcome_that_race_leave_one_end() {
    let (host, other) = Host::two(Duration::from_secs(3)).await;
    host.deploy("flow = \"f\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"busy\"\n")
        .await;
    let barrier = Arc::new(Barrier::new(RUNS));
    let mut races = JoinSet::new();
    for n in 0..RUNS {
        let (client, stopper) = (host.client.clone(), other.client.clone());
        let barrier = Arc::clone(&barrier);
        races.spawn(async move {
            barrier.wait().await;
            let run = client.start("f", &json!({ "busy_ms": n % 7 })).await;
            let stopped = stopper.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
            (run, stopped)
        });
    }
    while let Some(race) = races.join_next().await {
        let (id, stopped) = race.unwrap();
        let run = host.client.ended(&id).await;
        let events = host.client.events(&id).await;
        let last = events.last().unwrap().as_str();
        match stopped.status {
            200 => assert_eq!(
                (&run["status"], last),
                (&json!("cancelled"), "run_cancelled"),
                "{run:#}"
            ),
            _ => {
                assert_eq!(stopped.code(), "run.ended");
                assert_eq!(
                    (&run["status"], last),
                    (&json!("completed"), "run_completed"),
                    "{run:#}"
                );
            }
        }
        let is_cancelled = run["status"] == "cancelled";
        assert_eq!(run["output"].is_null(), is_cancelled, "{run:#}");
        let ends =
            events.iter().filter(|event| event.starts_with("run_") && *event != "run_started");
        assert_eq!(ends.count(), 1, "{events:?}");
    }
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_comes_while_its_token_is_taken_away_counts_once_or_not_at_all() {
    let (host, _other) = Host::two(Duration::from_secs(1)).await;
    host.deploy("flow = \"f\"\nchain = [\"busy\", \"echo\"]\n[defaults]\ncomponent = \"@\"\nmax_attempts = 50\n").await;
    let mut runs = Vec::new();
    for n in 0..RUNS {
        runs.push(host.client.start("f", &json!({ "busy_ms": 5 * (n % 20) })).await);
    }
    // Every look of the other host takes this one for dead, in the middle of what it does.
    for _ in 0..20 {
        let database = Arc::clone(&host.database);
        let silence = "update worker set beat_at = now() - interval '1 hour' where id % 2 = 1";
        tokio::task::spawn_blocking(move || database.run(&[silence])).await.unwrap().unwrap();
    }
    for id in runs {
        let run = host.client.ended(&id).await;
        // A task that was lost three times ends in that.
        let is_lost = run["failure"]["kind"] == "worker_lost";
        assert!(run["status"] == "completed" || is_lost, "{run:#}");
    }
    let gaps = "select count(*) from (
            select run_id, step from (
                select run_id, step, attempt from attempt where failure not like '%\"interrupted\"%'
                union all select run_id, step, attempt from outcome
            ) as a
            group by run_id, step
            having count(*) <> max(attempt) or min(attempt) <> 1 or count(distinct attempt) <> count(*)
        ) as gap";
    assert_eq!(host.database.run(&[gaps]).unwrap(), ["0"]);
    host.swept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_child_and_the_park_of_its_parent_that_race_never_lose_the_wake_up() {
    let (host, other) = Host::two(Duration::from_secs(3)).await;
    let flow = |name: &str| {
        format!(
            "flow = \"{name}\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"play\"\n"
        )
    };
    host.deploy_player(&flow("parent")).await;
    host.deploy_player(&flow("kid")).await;
    let mut races = JoinSet::new();
    for n in 0..RUNS {
        let client = if n % 2 == 0 { host.client.clone() } else { other.client.clone() };
        races.spawn(async move {
            // Children that end at once: the last one may end before its parent is parked.
            let children: Vec<Value> = (0..n % 4).map(|_| json!({ "flow": "kid" })).collect();
            let spawn =
                |phase: &str| json!({ "do": "spawn", "children": children, "phase": phase });
            let script = json!({ "": spawn("again"), "again": spawn("done") });
            (n, client.run("parent", &json!({ "only": script })).await)
        });
    }
    while let Some(race) = races.join_next().await {
        let (n, run) = race.unwrap();
        assert_eq!(run["status"], "completed", "{run:#}");
        let seen = run["output"]["only"].as_array().unwrap();
        assert_eq!(seen.len(), 3, "{run:#}");
        let ended = |at: usize| seen[at]["children"].as_array().map_or(0, Vec::len);
        assert_eq!((ended(1), ended(2)), (n % 4, 2 * (n % 4)), "{run:#}");
    }
    host.swept().await;
}
