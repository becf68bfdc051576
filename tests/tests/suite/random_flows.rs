//! Flows of any shape end as a naive reading of their definition says, whatever the order of events was.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use stepcell_tests::host::Host;

/// What a step does; the actor plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Echo,
    Sum,
    /// Fails until the attempt that the run's input names; answers that number.
    Flaky,
    /// Answers a list from the run's input, as a root.
    List,
    /// Doubles each element of a list; an odd one at the second attempt.
    Each,
    /// Hands on each element of a list, and fails for good at 3.
    EachButThree,
    /// Fails for good.
    Fail,
}

/// A step and which of the steps before it it needs.
#[derive(Clone, Debug)]
struct Step {
    part: Part,
    needs: Vec<usize>,
    /// Runs only when this dependency, a flaky one, answered this.
    when: Option<(usize, u32)>,
    /// Runs only when this dependency was skipped.
    when_skipped: Option<usize>,
    on_unmet: &'static str,
    on_exhausted: &'static str,
}

#[derive(Clone, Debug)]
struct Flow {
    steps: Vec<Step>,
    count: u32,
    succeed_at: u32,
}

/// What a step ends in.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Completed(Value),
    Skipped { reason: &'static str, cascades: bool },
    Failed,
}

fn flows() -> impl Strategy<Value = Flow> {
    let part = prop_oneof![
        4 => Just(Part::Echo), 3 => Just(Part::Sum), 4 => Just(Part::Flaky), 3 => Just(Part::List),
        3 => Just(Part::Each), 2 => Just(Part::EachButThree), 1 => Just(Part::Fail),
    ];
    let policy = prop_oneof![
        3 => Just("skip"), 2 => Just("skip_cascade"), 1 => Just("fail"),
    ];
    let drawn = (part, any::<u8>(), any::<u8>(), policy.clone(), policy);
    let steps = proptest::collection::vec(drawn, 1..9);
    (steps, 0..70u32, 1..4u32).prop_map(|(drawn, count, succeed_at)| {
        let mut steps: Vec<Step> = Vec::new();
        for (number, (part, mask, luck, on_unmet, on_exhausted)) in drawn.into_iter().enumerate() {
            let is_list =
                |n: &usize| matches!(steps[*n].part, Part::List | Part::Each | Part::EachButThree);
            let list = (0..number).filter(is_list).nth(usize::from(mask) % 3);
            let (part, needs) = match (part, list) {
                (Part::List, _) | (Part::Each | Part::EachButThree, None) => (Part::List, vec![]),
                (Part::Each | Part::EachButThree, Some(list)) => (part, vec![list]),
                (Part::Echo | Part::Sum | Part::Flaky | Part::Fail, _) => {
                    (part, (0..number).filter(|n| mask >> n & 1 == 1).collect())
                }
            };
            let flaky = needs.iter().copied().find(|need| steps[*need].part == Part::Flaky);
            let asks = luck % 4 == 0;
            let when = flaky.filter(|_| asks).map(|need| (need, u32::from(luck / 4) % 3 + 1));
            let when_skipped = needs.first().copied().filter(|_| luck % 16 == 1);
            steps.push(Step { part, needs, when, when_skipped, on_unmet, on_exhausted });
        }
        Flow { steps, count, succeed_at }
    })
}

fn name(number: usize) -> String {
    format!("s{number}")
}

impl Step {
    fn definition(&self, number: usize) -> String {
        let handler = match self.part {
            Part::Echo => "echo",
            Part::Sum => "sum",
            Part::Flaky => "flaky",
            Part::List => "list",
            Part::Each => "odd_twice",
            Part::EachButThree => "fail_at_three",
            Part::Fail => "fail",
        };
        let needs: Vec<String> = self.needs.iter().map(|&need| name(need)).collect();
        let mut text = format!(
            "[[step]]\nname = \"{}\"\nhandler = \"{handler}\"\nneeds = {needs:?}\non_exhausted = \"{}\"\n",
            name(number),
            self.on_exhausted
        );
        if self.is_map() {
            text += "map = true\n";
        }
        if let Some((need, answer)) = self.when {
            text += &format!("when = {{ {} = {answer} }}\n", name(need));
        }
        if let Some(need) = self.when_skipped {
            text += &format!("when_skipped = [\"{}\"]\n", name(need));
        }
        if self.when.or(self.when_skipped.map(|need| (need, 0))).is_some() {
            text += &format!("on_unmet = \"{}\"\n", self.on_unmet);
        }
        text
    }

    fn is_map(&self) -> bool {
        matches!(self.part, Part::Each | Part::EachButThree)
    }

    /// What it ends in, given what the steps before it ended in.
    fn end(&self, flow: &Flow, ends: &[End]) -> End {
        let is_skipped = |need: usize| matches!(ends[need], End::Skipped { .. });
        if self.needs.iter().any(|&need| matches!(ends[need], End::Skipped { cascades: true, .. }))
        {
            return End::Skipped { reason: "dependency_skipped", cascades: true };
        }
        let answered = |(need, answer): (usize, u32)| ends[need] == End::Completed(json!(answer));
        if self.when.is_some_and(|when| !answered(when))
            || self.when_skipped.is_some_and(|need| !is_skipped(need))
        {
            return ended_badly(self.on_unmet, "condition_unmet");
        }
        let output = |need: &usize| match &ends[*need] {
            End::Completed(output) => Some(output.clone()),
            End::Skipped { .. } | End::Failed => None,
        };
        let given = match self.needs.is_empty() {
            true => flow.input(),
            false => {
                let member = |need: &usize| Some((name(*need), output(need)?));
                Value::Object(self.needs.iter().filter_map(member).collect::<Map<_, _>>())
            }
        };
        let elements = || self.needs.first().and_then(output).unwrap_or_else(|| json!([]));
        let completed = match self.part {
            Part::Echo => given,
            Part::Sum => json!(total(&given)),
            Part::Flaky => json!(flow.succeed_at),
            Part::List => (0..flow.count).collect(),
            Part::Each => numbers(&elements()).map(|n| n * 2).collect(),
            Part::EachButThree if numbers(&elements()).any(|n| n == 3) => {
                return ended_badly(self.on_exhausted, "handler_failed");
            }
            Part::EachButThree => elements(),
            Part::Fail => return ended_badly(self.on_exhausted, "handler_failed"),
        };
        End::Completed(completed)
    }
}

fn ended_badly(policy: &str, reason: &'static str) -> End {
    match policy {
        "skip" => End::Skipped { reason, cascades: false },
        "skip_cascade" => End::Skipped { reason, cascades: true },
        _ => End::Failed,
    }
}

impl Flow {
    fn definition(&self) -> String {
        let head = "flow = \"random\"\n[defaults]\ncomponent = \"@\"\n\
            backoff = { strategy = \"fixed\", base = \"1ms\" }\n";
        let steps = self.steps.iter().enumerate().map(|(number, step)| step.definition(number));
        [head.to_owned()].into_iter().chain(steps).collect()
    }

    fn input(&self) -> Value {
        json!({ "count": self.count, "succeed_at": self.succeed_at })
    }

    /// What every step ends in. Past one that fails nothing is sure.
    fn ends(&self) -> Vec<End> {
        let mut ends: Vec<End> = Vec::new();
        for step in &self.steps {
            ends.push(step.end(self, &ends));
        }
        ends
    }

    fn check(&self, run: &Value, events: &[String]) {
        let ends = self.ends();
        // A step after one that failed does not fail the run a second time.
        if ends.contains(&End::Failed) {
            assert_eq!(run["status"], "failed", "{run:#}");
        } else {
            assert_eq!(run["status"], "completed", "{run:#}");
            self.check_outputs(run, &ends);
        }
        let mut at: BTreeMap<&str, usize> = BTreeMap::new();
        for (place, event) in
            events.iter().enumerate().filter(|(_, event)| event.starts_with("step_"))
        {
            assert!(at.insert(event, place).is_none(), "`{event}` once: {events:#?}");
        }
        for (number, step) in self.steps.iter().enumerate() {
            let Some(started) = at.get(format!("step_started {}", name(number)).as_str()) else {
                continue;
            };
            for &need in &step.needs {
                let ended = |how: &str| at.get(format!("step_{how} {}", name(need)).as_str());
                let done = ended("completed").or_else(|| ended("skipped")).unwrap();
                assert!(done < started, "`{need}` before `{number}`: {events:#?}");
            }
        }
    }

    fn check_outputs(&self, run: &Value, ends: &[End]) {
        let needed: BTreeSet<usize> =
            self.steps.iter().flat_map(|step| step.needs.clone()).collect();
        let output = |(number, end): (usize, &End)| match end {
            End::Completed(output) if !needed.contains(&number) => {
                Some((name(number), output.clone()))
            }
            End::Completed(_) | End::Skipped { .. } | End::Failed => None,
        };
        let leaves: Map<_, _> = ends.iter().enumerate().filter_map(output).collect();
        let expected = if leaves.is_empty() { Value::Null } else { Value::Object(leaves) };
        assert_eq!(run["output"], expected, "{run:#}");
        for (number, (end, step)) in ends.iter().zip(&self.steps).enumerate() {
            let seen = &run["steps"][number];
            match end {
                End::Completed(output) => {
                    assert_eq!(seen["status"], "completed", "{run:#}");
                    let attempts = match step.part {
                        Part::Flaky => u64::from(self.succeed_at),
                        Part::Each => numbers(output).map(|n| 1 + n.unsigned_abs() / 2 % 2).sum(),
                        Part::EachButThree => numbers(output).count() as u64,
                        Part::Echo | Part::Sum | Part::List | Part::Fail => 1,
                    };
                    assert_eq!(seen["attempts"], attempts, "{run:#}");
                }
                End::Skipped { reason, .. } => {
                    assert_eq!(
                        (&seen["status"], &seen["reason"]),
                        (&json!("skipped"), &json!(reason)),
                        "{run:#}"
                    );
                }
                End::Failed => panic!("the run would have failed"),
            }
        }
    }
}

fn numbers(list: &Value) -> impl Iterator<Item = i64> {
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
        TestRunner::new(Config { cases: 250, failure_persistence: None, ..Config::default() });
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
    runtime.block_on(host.swept());
    assert_eq!(host.worker.as_ref().unwrap().counts().renewals, 0);
}
