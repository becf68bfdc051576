//! Plays a flow: reads what its attempts end in, and draws what happens.

use std::fmt::Write as _;
use std::sync::Arc;

use model::backoff::Draw;
use model::definition::MaxAttempts;
use model::{
    Change, ClosedAttempt, Condition, Counting, Definition, Digest, Failure, FailureKind, GoOn,
    Json, Options, Outcome, Plan, Policy, RunState, Step, StepIndex, TaskKey, Wait,
};

/// Reads `a`, `b <- a`, `*m <- a` (a map step), separated by commas. A name that ends in `?` is skipped when attempts are
/// exhausted, in `!` takes what is below along; `b=1` runs only when its first dependency answered 1.
pub(crate) fn plan(flow: &str) -> Arc<Plan> {
    let mut steps: Vec<Step> = Vec::new();
    for text in flow.split(',') {
        let (name, needs) = text.split_once("<-").unwrap_or((text, ""));
        let (name, answer) = name.trim().split_once('=').unwrap_or((name.trim(), ""));
        let find = |needed: &str| {
            let at = steps.iter().position(|step| step.name.as_str() == needed).unwrap();
            StepIndex(u16::try_from(at).unwrap())
        };
        let needs: Vec<StepIndex> = needs.split_whitespace().map(find).collect();
        let on_exhausted = match name.chars().last() {
            Some('?') => Policy::Skip,
            Some('!') => Policy::SkipCascade,
            _ => Policy::Fail,
        };
        let max_attempts = MaxAttempts(2);
        let options = Options { max_attempts, on_exhausted, ..Options::default() };
        let first = needs.first().map(|first| steps[first.at()].name.to_string());
        let when = (!answer.is_empty())
            .then(|| Json::trusted(format!("{{\"{}\":{answer}}}", first.unwrap_or_default())));
        steps.push(Step {
            name: name.trim_matches(['*', '?', '!']).parse().unwrap(),
            needs,
            map: name.starts_with('*'),
            component: Some(Digest([0; 32])),
            builtin: None,
            handler: String::new(),
            options,
            input_schema: None,
            output_schema: None,
            condition: Condition { when, ..Condition::default() },
            on_unmet: Policy::Skip,
            start_delay_ms: 0,
            concurrency: None,
            rate_limit: None,
            compensates: false,
            abandon_children: false,
            grants: model::Grants::default(),
        });
    }
    let flow = "drawn".parse().unwrap();
    Arc::new(Plan::new(Definition {
        flow,
        description: None,
        input_schema: None,
        deadline_ms: None,
        rate_limits: Vec::new(),
        steps,
    }))
}

pub(crate) fn task(plan: &Plan, text: &str) -> TaskKey {
    let (step, index) = text.split_once('#').unwrap();
    TaskKey { step: plan.find(step).unwrap(), index: index.parse().unwrap() }
}

/// Plays `a#0 completes {}`, `a#0 fails (attempt 1)`, `a#0 is lost 3 times` and `cancelled`, one a line.
pub(crate) fn play(flow: &str, input: &str, counting: Counting, events: &str) -> String {
    let plan = plan(flow);
    let mut state = RunState::new(Arc::clone(&plan), Json::trusted(input), counting);
    let mut drawing = draw("start", &state.start(), &plan);
    for event in events.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let changes =
            if event == "cancelled" { state.cancel() } else { state.advance(closed(&plan, event)) };
        drawing.push_str(&draw(event, &changes, &plan));
    }
    drawing
}

/// Reads `next`, `retry`, `sleep 20`, `await 20`, `await`, `spawn 2`.
pub(crate) fn wait(text: &str) -> Option<Wait> {
    let (word, number) = text.split_once(' ').unwrap_or((text, ""));
    let number: Option<u64> = number.parse().ok();
    Some(match word {
        "next" => Wait::Next,
        "retry" => Wait::Retry { after_ms: number },
        "sleep" => Wait::Sleep { for_ms: number.unwrap() },
        "await" => Wait::AwaitSignals { names: vec!["go".parse().unwrap()], timeout_ms: number },
        "spawn" => Wait::Spawn { children: u32::try_from(number.unwrap()).unwrap() },
        _ => return None,
    })
}

pub(crate) fn closed(plan: &Plan, event: &str) -> ClosedAttempt {
    let (key, what) = event.split_once(' ').unwrap();
    let (mut attempt, mut lost) = (1, 0);
    let (key, phase) = key.split_once('@').unwrap_or((key, "0"));
    let (phase, draw) = (phase.parse().unwrap(), Draw(0.5));
    let (what, number) = what.split_once(" (attempt ").unwrap_or((what, "1)"));
    if let Some(wait) = wait(what) {
        let attempt = number.trim_end_matches(')').parse().unwrap();
        let outcome = Outcome::GoOn(GoOn { phase: "p".to_owned(), wait });
        return ClosedAttempt { task: task(plan, key), attempt, phase, lost, outcome, draw };
    }
    let what = &event[event.find(' ').unwrap() + 1..];
    let outcome = if let Some(output) = what.strip_prefix("completes ") {
        Outcome::Complete(Json::trusted(output))
    } else if what == "skips" {
        Outcome::Skip("it said so".to_owned())
    } else if let Some(number) = what.strip_prefix("fails (attempt ") {
        attempt = number.trim_end_matches(')').parse().unwrap();
        Outcome::Fail(Failure::new(FailureKind::Trap, "unreachable"))
    } else {
        lost = what.strip_prefix("is lost ").unwrap().trim_end_matches(" times").parse().unwrap();
        attempt = lost;
        Outcome::Fail(Failure::new(FailureKind::WorkerLost, "gone"))
    };
    ClosedAttempt { task: task(plan, key), attempt, phase, lost, outcome, draw }
}

pub(crate) fn draw(event: &str, changes: &[Change], plan: &Plan) -> String {
    let mut drawing = format!("{event}\n");
    for change in changes {
        writeln!(drawing, "    {}", change.draw(plan)).unwrap();
    }
    drawing
}

#[track_caller]
pub(crate) fn assert_drawing(drawn: &str, expected: &str) {
    let tidy = |text: &str| {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(tidy(drawn), tidy(expected), "\n{drawn}");
}
