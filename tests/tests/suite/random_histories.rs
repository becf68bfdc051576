//! Durable flows of any shape, under crashes, stolen claims and lost connections: whatever happens, every run ends as its
//! scripts say, and what is recorded is one history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use devdb::TestDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use stepcell_tests::host::{Host, Settings, database};
use tokio::time::sleep;

/// What a task does at one of its phases before it goes on.
#[derive(Clone, Copy, Debug)]
enum Act {
    Next,
    Sleep(u64),
    /// Waits for a signal, or until the time is up.
    Await(u64),
    /// Starts so many children and waits for them.
    Spawn(usize),
    /// Fails once, then goes on.
    Stumble,
    /// Asks for another attempt once, then goes on.
    Again,
}

/// How a task ends after its last phase.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Last {
    Complete,
    Skip,
    Fail,
}

#[derive(Clone, Debug)]
enum Part {
    /// Goes through phases.
    Play(Vec<Act>, Last),
    /// Answers what it is given.
    Echo,
}

#[derive(Clone, Debug)]
struct Flow {
    steps: Vec<(Part, Vec<usize>)>,
}

fn flows() -> impl Strategy<Value = Flow> {
    let act = prop_oneof![
        Just(Act::Next),
        (1..20u64).prop_map(Act::Sleep),
        (5..40u64).prop_map(Act::Await),
        (0..3usize).prop_map(Act::Spawn),
        Just(Act::Stumble),
        Just(Act::Again),
    ];
    let last = prop_oneof![8 => Just(Last::Complete), 2 => Just(Last::Skip), 1 => Just(Last::Fail)];
    let play = (proptest::collection::vec(act, 0..8), last)
        .prop_map(|(acts, last)| Part::Play(acts, last));
    let part = prop_oneof![3 => play, 2 => Just(Part::Echo)];
    proptest::collection::vec((part, any::<u8>()), 1..6).prop_map(|drawn| {
        let steps = drawn.into_iter().enumerate().map(|(number, (part, mask))| {
            (part, (0..number).filter(|before| mask >> before & 1 == 1).collect())
        });
        Flow { steps: steps.collect() }
    })
}

fn name(number: usize) -> String {
    format!("s{number}")
}

/// The name of a task's phase.
fn phase(number: usize) -> String {
    if number == 0 { String::new() } else { format!("p{number}") }
}

impl Flow {
    fn definition(&self, flow: &str, actor: &str, player: &str) -> String {
        let mut text = format!(
            "flow = \"{flow}\"\n[defaults]\nbackoff = {{ strategy = \"fixed\", base = \"1ms\" }}\nmax_attempts = 10\n"
        );
        for (number, (part, needs)) in self.steps.iter().enumerate() {
            let (component, handler) = match part {
                Part::Play(..) => (player, "play"),
                Part::Echo => (actor, "echo"),
            };
            let needs: Vec<String> = needs.iter().map(|need| name(*need)).collect();
            text += &format!(
                "[[step]]\nname = \"{}\"\ncomponent = \"{component}\"\nhandler = \"{handler}\"\nneeds = {needs:?}\n",
                name(number)
            );
        }
        text
    }

    /// The script of each step, by its name: the player finds its own.
    fn input(&self) -> Value {
        let mut scripts = Map::new();
        for (number, (part, _)) in self.steps.iter().enumerate() {
            if let Part::Play(acts, last) = part {
                scripts.insert(name(number), script(acts, *last));
            }
        }
        Value::Object(scripts)
    }

    fn fails(&self) -> bool {
        self.steps.iter().any(|(part, _)| matches!(part, Part::Play(_, Last::Fail)))
    }
}

fn script(acts: &[Act], last: Last) -> Value {
    let mut script = Map::new();
    for (number, act) in acts.iter().enumerate() {
        let next = json!({ "do": "next", "phase": phase(number + 1) });
        let to = phase(number + 1);
        let twice = |how: &str| json!({ "do": how, "until": 2, "after_ms": 1, "then": next });
        let act = match act {
            Act::Next => next.clone(),
            Act::Sleep(ms) => json!({ "do": "sleep", "ms": ms, "phase": to }),
            Act::Await(ms) => {
                json!({ "do": "await", "names": ["go"], "timeout_ms": ms, "phase": to })
            }
            Act::Spawn(count) => {
                let children: Vec<Value> = (0..*count).map(|_| json!({ "flow": "kid" })).collect();
                json!({ "do": "spawn", "children": children, "phase": to })
            }
            Act::Stumble => twice("error"),
            Act::Again => twice("retry"),
        };
        script.insert(phase(number), act);
    }
    let last = match last {
        Last::Complete => json!({ "do": "complete" }),
        Last::Skip => json!({ "do": "skip", "reason": "as drawn" }),
        Last::Fail => json!({ "do": "fail" }),
    };
    script.insert(phase(acts.len()), last);
    Value::Object(script)
}

/// Takes claims away, cuts connections, and ends workers without a goodbye, until it is told to stop.
async fn chaos(database: Arc<TestDatabase>, stop: Arc<AtomicBool>, mut luck: u32) {
    let settings = || {
        let worker =
            worker::Settings { lease: Duration::from_secs(1), ..Settings::default().worker };
        Settings { worker, ..Settings::default() }
    };
    let mut victim = Host::over(Arc::clone(&database), settings()).await;
    while !stop.load(Ordering::Relaxed) {
        luck = luck.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match luck >> 24 & 15 {
            // What its holder records now is stale; whoever claims it does the work once more.
            0..=6 => {
                let steal = "update token set worker_id = null, epoch = epoch + 1 where worker_id is not null \
                             and ('x' || substr(md5(run_id::text || clock_timestamp()), 1, 2))::bit(8)::int < 150";
                run(&database, steal).await;
            }
            7..=8 => {
                let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
                           where datname = current_database() and application_name = 'stepcell' and random() < 0.5";
                run(&database, cut).await;
            }
            9 => victim = Host::over(Arc::clone(&database), settings()).await,
            _ => {}
        }
        sleep(Duration::from_millis(15)).await;
    }
    drop(victim);
}

/// Runs a statement, come of it what may.
async fn run(database: &Arc<TestDatabase>, statement: &'static str) {
    let database = Arc::clone(database);
    let done = tokio::task::spawn_blocking(move || database.run(&[statement]));
    drop(done.await);
}

/// What one step of a run left behind.
struct Left {
    output: Option<Value>,
    attempts: Vec<Value>,
}

async fn left(host: &Host, run: &str, step: usize) -> Left {
    let path = format!("/v1/runs/{run}/steps/{}/tasks/0/attempts", name(step));
    let answer = host.client.get(&path).await;
    let attempts = answer.body["attempts"].as_array().cloned().unwrap_or_default();
    let output = attempts.iter().find_map(|attempt| attempt.get("output").cloned());
    Left { output, attempts }
}

/// Attempts are consecutive in each phase, phases are consecutive, and each is left exactly once.
fn check_history(attempts: &[Value], context: &Value) {
    let mut by_phase: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for attempt in attempts {
        by_phase.entry(attempt["phase"].as_u64().unwrap()).or_default().push(attempt);
    }
    for (expected, (phase, attempts)) in by_phase.iter().enumerate() {
        assert_eq!(*phase, expected as u64, "{context:#}");
        let numbers: Vec<u64> = attempts.iter().map(|a| a["attempt"].as_u64().unwrap()).collect();
        let consecutive: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, consecutive, "{context:#}");
        let leaves = |attempt: &&&Value| {
            let went_on = attempt["went_on"]["outcome"].as_str();
            let is_last = attempt["failure"].is_null() && went_on.is_none();
            is_last
                || went_on.is_some_and(|outcome| outcome != "retry")
                || attempt["failure"]["kind"] == "skipped"
        };
        let left = attempts.iter().filter(leaves).count();
        assert_eq!(left, 1, "{context:#}");
    }
}

async fn check(host: &Host, flow: &Flow, id: &str) {
    let run = host.client.ended(id).await;
    // Three crashes with one task are what it may have; then it fails, and says so.
    let is_lost = run["failure"]["kind"] == "worker_lost";
    let expected = if flow.fails() || is_lost { "failed" } else { "completed" };
    assert_eq!(run["status"], expected, "{run:#}");
    let mut parts = Vec::new();
    for number in 0..flow.steps.len() {
        parts.push(left(host, id, number).await);
    }
    let events = host.client.events(id).await;
    let place = |event: &str| events.iter().position(|known| known == event);
    for (number, (part, needs)) in flow.steps.iter().enumerate() {
        let context = json!({ "run": run, "step": number, "attempts": parts[number].attempts });
        if let Some(started) = place(&format!("step_started {}", name(number))) {
            for need in needs {
                let ended = |how: &str| place(&format!("step_{how} {}", name(*need)));
                let ended = ended("completed").or_else(|| ended("skipped"));
                assert!(ended.is_some_and(|ended| ended < started), "{context:#}");
            }
        }
        if run["status"] != "completed" {
            continue;
        }
        check_history(&parts[number].attempts, &context);
        match part {
            Part::Echo if needs.is_empty() => {
                assert_eq!(parts[number].output, Some(flow.input()), "{context:#}");
            }
            Part::Echo => {
                let given = needs
                    .iter()
                    .filter_map(|need| Some((name(*need), parts[*need].output.clone()?)));
                assert_eq!(
                    parts[number].output,
                    Some(Value::Object(given.collect())),
                    "{context:#}"
                );
            }
            Part::Play(_, Last::Skip) => {
                assert_eq!(run["steps"][number]["reason"], "handler", "{context:#}");
            }
            Part::Play(acts, _) => {
                let trace = parts[number].output.clone().unwrap();
                let mut seen: Vec<&str> = trace
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|at| at["phase"].as_str().unwrap())
                    .collect();
                seen.dedup();
                let phases: Vec<String> = (0..=acts.len()).map(phase).collect();
                assert_eq!(seen, phases, "{context:#}");
            }
        }
    }
}

#[test]
fn whatever_is_lost_on_the_way_every_run_ends_as_its_scripts_say_with_one_history() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let database = Arc::new(runtime.block_on(database()));
    let host = runtime.block_on(Host::over(Arc::clone(&database), Settings::default()));
    let kid = "flow = \"kid\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"play\"\n";
    let player = runtime.block_on(host.deploy_player(kid)).to_string();
    let actor = runtime.block_on(host.upload(stepcell_tests::guests::actor())).to_string();
    let config =
        Config { cases: 4, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let drawn = (proptest::collection::vec(flows(), 20), any::<u32>());
    runner
        .run(&drawn, |(flows, luck)| {
            runtime.block_on(async {
                let mut runs = Vec::new();
                for (number, flow) in flows.iter().enumerate() {
                    let flow_name = format!("random{number}");
                    let text = flow.definition(&flow_name, &actor, &player);
                    let digest = actor.parse().unwrap();
                    host.client.deploy(&text, digest).await.ok();
                    // They begin when all is in motion.
                    let body = json!({ "input": flow.input(), "delay_ms": 300 });
                    let path = format!("/v1/flows/{flow_name}/runs");
                    let started = host.client.post(&path, &body).await.ok();
                    runs.push((flow, started["run_id"].as_str().unwrap().to_owned()));
                }
                let stop = Arc::new(AtomicBool::new(false));
                let chaos = tokio::spawn(chaos(Arc::clone(&database), Arc::clone(&stop), luck));
                sleep(Duration::from_millis(1_500)).await;
                stop.store(true, Ordering::Relaxed);
                chaos.await.unwrap();
                for (flow, run) in &runs {
                    check(&host, flow, run).await;
                }
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(host.swept());
    let counts = host.worker.as_ref().unwrap().counts();
    assert!(counts.stale + counts.renewals > 5, "what was to go wrong did not: {counts:?}");
}
