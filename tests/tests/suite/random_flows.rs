//! Flows of any shape end as a naive reading of their definition says, whatever the order of events was.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use stepcell_tests::client::until;
use stepcell_tests::host::Host;

/// What a step does; the actor plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Echo,
    Sum,
    /// Fails until the attempt that the run's input names.
    Flaky,
    /// Answers a list from the run's input, as a root.
    List,
    /// Doubles each element of a list; an odd one at the second attempt.
    Each,
    /// Fails for good.
    Fail,
}

/// A step and which of the steps before it it needs.
#[derive(Clone, Debug)]
struct Step {
    part: Part,
    needs: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Flow {
    steps: Vec<Step>,
    count: u32,
    succeed_at: u32,
}

fn flows() -> impl Strategy<Value = Flow> {
    let part = prop_oneof![
        4 => Just(Part::Echo), 3 => Just(Part::Sum), 2 => Just(Part::Flaky), 3 => Just(Part::List),
        4 => Just(Part::Each), 1 => prop_oneof![4 => Just(Part::Echo), 1 => Just(Part::Fail)],
    ];
    let steps = proptest::collection::vec((part, any::<u8>()), 1..8);
    (steps, 0..70u32, 1..4u32).prop_map(|(drawn, count, succeed_at)| {
        let mut steps: Vec<Step> = Vec::new();
        for (number, (part, mask)) in drawn.into_iter().enumerate() {
            let listing = |step: &Step| matches!(step.part, Part::List | Part::Each);
            let list = (0..number).filter(|&n| listing(&steps[n])).nth(usize::from(mask) % 3);
            let step = match (part, list) {
                (Part::List, _) | (Part::Each, None) => Step { part: Part::List, needs: vec![] },
                (Part::Each, Some(list)) => Step { part, needs: vec![list] },
                (Part::Echo | Part::Sum | Part::Flaky | Part::Fail, _) => {
                    Step { part, needs: (0..number).filter(|n| mask >> n & 1 == 1).collect() }
                }
            };
            steps.push(step);
        }
        Flow { steps, count, succeed_at }
    })
}

fn name(number: usize) -> String {
    format!("s{number}")
}

impl Flow {
    fn definition(&self) -> String {
        let mut text = "flow = \"random\"\n[defaults]\ncomponent = \"@\"\n\
            backoff = { strategy = \"fixed\", base = \"1ms\" }\n"
            .to_owned();
        for (number, step) in self.steps.iter().enumerate() {
            let handler = match step.part {
                Part::Echo => "echo",
                Part::Sum => "sum",
                Part::Flaky => "flaky",
                Part::List => "list",
                Part::Each => "odd_twice",
                Part::Fail => "fail",
            };
            let needs: Vec<String> = step.needs.iter().map(|&need| name(need)).collect();
            text += &format!(
                "[[step]]\nname = \"{}\"\nhandler = \"{handler}\"\nneeds = {needs:?}\n",
                name(number)
            );
            text += if step.part == Part::Each { "map = true\n" } else { "" };
        }
        text
    }

    fn input(&self) -> Value {
        json!({ "count": self.count, "succeed_at": self.succeed_at })
    }

    /// What every step answers, were nothing ever to fail for good.
    fn outputs(&self) -> Vec<Value> {
        let mut outputs: Vec<Value> = Vec::new();
        for step in &self.steps {
            let taken = |&need: &usize| (name(need), outputs[need].clone());
            let given = match step.needs.is_empty() {
                true => self.input(),
                false => Value::Object(step.needs.iter().map(taken).collect::<Map<_, _>>()),
            };
            outputs.push(match step.part {
                Part::Echo | Part::Fail => given,
                Part::Sum => json!(total(&given)),
                Part::Flaky => json!(self.succeed_at),
                Part::List => (0..self.count).collect(),
                Part::Each => elements(&outputs[step.needs[0]]).map(|n| n * 2).collect(),
            });
        }
        outputs
    }

    /// How many attempts a step takes.
    fn attempts(&self, number: usize, outputs: &[Value]) -> u64 {
        let step = &self.steps[number];
        match step.part {
            Part::Flaky => u64::from(self.succeed_at),
            Part::Each => elements(&outputs[step.needs[0]]).map(|n| 1 + n.unsigned_abs() % 2).sum(),
            Part::Echo | Part::Sum | Part::List | Part::Fail => 1,
        }
    }

    fn check(&self, run: &Value, events: &[String]) {
        let outputs = self.outputs();
        if self.steps.iter().any(|step| step.part == Part::Fail) {
            assert_eq!(run["status"], "failed", "{run:#}");
            assert_eq!(run["failure"]["kind"], "handler_error.validation", "{run:#}");
        } else {
            assert_eq!(run["status"], "completed", "{run:#}");
            let needed: BTreeSet<usize> =
                self.steps.iter().flat_map(|step| step.needs.clone()).collect();
            let leaves = (0..self.steps.len()).filter(|number| !needed.contains(number));
            let expected: Map<_, _> =
                leaves.map(|leaf| (name(leaf), outputs[leaf].clone())).collect();
            assert_eq!(run["output"], Value::Object(expected), "{run:#}");
            for number in 0..self.steps.len() {
                let step = &run["steps"][number];
                assert_eq!(step["status"], "completed", "{run:#}");
                assert_eq!(step["attempts"], self.attempts(number, &outputs), "{run:#}");
            }
        }
        let mut at: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        events
            .iter()
            .enumerate()
            .for_each(|(place, event)| at.entry(event).or_default().push(place));
        for (event, places) in &at {
            assert!(
                !event.starts_with("step_") || places.len() == 1,
                "`{event}` once: {events:#?}"
            );
        }
        for (number, step) in self.steps.iter().enumerate() {
            let Some(started) = at.get(format!("step_started {}", name(number)).as_str()) else {
                continue;
            };
            for &need in &step.needs {
                let done = &at[format!("step_completed {}", name(need)).as_str()];
                assert!(done[0] < started[0], "`{need}` before `{number}`: {events:#?}");
            }
        }
    }
}

fn elements(list: &Value) -> impl Iterator<Item = i64> {
    list.as_array().unwrap().iter().map(|element| element.as_i64().unwrap())
}

fn total(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap(),
        Value::Array(values) => values.iter().map(total).sum(),
        Value::Object(members) => members.values().map(total).sum(),
        Value::Null | Value::Bool(_) | Value::String(_) => 0.0,
    }
}

#[test]
fn a_flow_of_any_shape_ends_as_its_definition_says() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let host = runtime.block_on(Host::start());
    let digest = runtime.block_on(host.upload(stepcell_tests::guests::actor()));
    let mut runner =
        TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    runner
        .run(&flows(), |flow| {
            runtime.block_on(async {
                host.client.deploy(&flow.definition(), digest).await.ok();
                let run = host.client.run("random", &flow.input()).await;
                let events = host.client.events(run["run_id"].as_str().unwrap()).await;
                flow.check(&run, &events);
            });
            Ok(())
        })
        .unwrap();
    // Those of a run that failed are swept a moment later.
    let swept = async || {
        let left = host.database.run(&["select count(*) from token"]).unwrap();
        (left == ["0"]).then_some(())
    };
    runtime.block_on(until("no token is left", swept));
    assert_eq!(host.worker.as_ref().unwrap().counts().renewals, 0);
}
