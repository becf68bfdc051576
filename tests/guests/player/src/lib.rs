//! A durable guest that plays the script it is given: what to answer at each phase. Its state is the trace of what it saw.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stepcell_guest::{Chain, Child, Context, Error, Failure, Outcome};

/// What to do at a phase.
#[derive(Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Act {
    Complete,
    Next {
        phase: String,
    },
    Sleep {
        ms: u64,
        phase: String,
    },
    Await {
        names: Vec<String>,
        timeout_ms: Option<u64>,
        phase: String,
    },
    Spawn {
        children: Vec<Start>,
        phase: String,
    },
    /// Starts a run of its own flow with its own input.
    SpawnSelf {
        phase: String,
    },
    /// Asks for another attempt until this one, then does the other thing.
    Retry {
        until: u32,
        after_ms: Option<u64>,
        then: Box<Act>,
    },
    /// Fails until this attempt, then does the other thing.
    Error {
        until: u32,
        after_ms: Option<u64>,
        then: Box<Act>,
    },
    Skip {
        reason: String,
    },
    Fail,
    Trap,
    /// Does the one when something was awaited, else the other.
    Choose {
        some: Box<Act>,
        none: Box<Act>,
    },
    /// Awaits again until so many were seen in all.
    Collect {
        name: String,
        count: usize,
    },
    /// Answers a state of so many bytes.
    Large {
        bytes: usize,
    },
    /// Computes for a while before this attempt, then does the other thing.
    Spin {
        until: u32,
        ms: u64,
        then: Box<Act>,
    },
    /// Loops through its one phase.
    Forever,
}

#[derive(Clone, Deserialize)]
struct Start {
    flow: String,
    #[serde(default)]
    input: Value,
    key: Option<String>,
}

fn play(context: Context, input: Value) -> Result<Outcome, Error> {
    let script = script(context, &input)?;
    let phase = context.phase();
    let act = script.get(&phase).cloned().unwrap_or_else(|| json!({ "do": "complete" }));
    let act: Act = serde_json::from_value(act)?;
    let mut trace: Vec<Value> = context.state()?.unwrap_or_default();
    trace.push(seen(context, phase)?);
    perform(context, act, &trace)
}

/// By step in the run's input, else in the element a map task gets, else the input itself.
fn script(context: Context, input: &Value) -> Result<Map<String, Value>, Error> {
    let whole: Value = context.flow_input()?;
    let own = whole.get(context.task().step).or(input.get("script")).cloned();
    Ok(own.and_then(|own| own.as_object().cloned()).unwrap_or_default())
}

fn seen(context: Context, phase: String) -> Result<Value, Error> {
    let signals = |signals: Vec<stepcell_guest::Signal>| {
        let shown = signals
            .iter()
            .map(|signal| Ok(format!("{}={}", signal.name(), signal.payload::<Value>()?)));
        shown.collect::<Result<Vec<_>, Error>>()
    };
    let children = context.children();
    let child = |child: &stepcell_guest::EndedChild| match child.is_completed() {
        true => json!([child.key(), child.output::<Value>().ok()]),
        false => json!([child.key(), child.error().unwrap_or("cancelled")]),
    };
    let mut seen = json!({ "phase": phase, "attempt": context.attempt() });
    for (name, list) in [
        ("awaited", json!(signals(context.awaited())?)),
        ("inbox", json!(signals(context.inbox())?)),
        ("children", json!(children.iter().map(child).collect::<Vec<_>>())),
    ] {
        if list != json!([]) {
            seen[name] = list;
        }
    }
    Ok(seen)
}

fn perform(context: Context, act: Act, trace: &Vec<Value>) -> Result<Outcome, Error> {
    Ok(match act {
        Act::Complete => Outcome::complete(trace),
        Act::Next { phase } => Outcome::next(phase, trace),
        Act::Sleep { ms, phase } => Outcome::sleep(Duration::from_millis(ms), phase, trace),
        Act::Await { names, timeout_ms, phase } => {
            let outcome = Outcome::await_signals(names, phase, trace);
            match timeout_ms {
                Some(ms) => outcome.timeout(Duration::from_millis(ms)),
                None => outcome,
            }
        }
        Act::Spawn { children, phase } => {
            let child = |start: Start| {
                let child = Child::new(start.flow, &start.input);
                match start.key {
                    Some(key) => child.key(key),
                    None => child,
                }
            };
            Outcome::spawn(children.into_iter().map(child), phase, trace)
        }
        Act::SpawnSelf { phase } => {
            let own = Child::new(context.task().flow, &context.flow_input::<Value>()?);
            Outcome::spawn([own], phase, trace)
        }
        Act::Retry { until, after_ms, then } => {
            if context.attempt() >= until {
                return perform(context, *then, trace);
            }
            let retry = Outcome::retry().state(trace);
            match after_ms {
                Some(ms) => retry.after(Duration::from_millis(ms)),
                None => retry,
            }
        }
        Act::Error { until, after_ms, then } => {
            if context.attempt() >= until {
                return perform(context, *then, trace);
            }
            let error = Error::execution(format!("attempt {} fails", context.attempt()));
            return Err(match after_ms {
                Some(ms) => error.retry_after(Duration::from_millis(ms)),
                None => error,
            });
        }
        Act::Skip { reason } => Outcome::skip(reason),
        Act::Fail => Outcome::fail(Error::execution("it gives up")),
        Act::Trap => panic!("the script says so"),
        Act::Choose { some, none } => {
            let chosen = if context.awaited().is_empty() { none } else { some };
            return perform(context, *chosen, trace);
        }
        Act::Collect { name, count } => {
            let seen: usize =
                trace.iter().filter_map(|seen| seen["awaited"].as_array()).map(Vec::len).sum();
            if seen >= count {
                return Ok(Outcome::complete(&seen));
            }
            Outcome::await_signals([name], context.phase(), trace)
        }
        Act::Large { bytes } => Outcome::next("large", &"x".repeat(bytes)),
        Act::Spin { until, ms, then } => {
            let begun = context.remaining();
            while context.attempt() < until
                && begun.saturating_sub(context.remaining()) < Duration::from_millis(ms)
            {
            }
            return perform(context, *then, trace);
        }
        Act::Forever => Outcome::next("again", &json!([])),
    })
}

/// What the run's input says about failures: nothing, `trap`, `retry`, or the phase to go on at.
fn recover(context: Context, failure: Failure) -> Result<Option<Outcome>, Error> {
    let whole: Value = context.flow_input()?;
    let on_error = whole["on_error"].as_str().unwrap_or_default().to_owned();
    Ok(match on_error.as_str() {
        "" => None,
        "trap" => panic!("on-error traps too"),
        "retry" => Some(Outcome::retry().after(Duration::from_millis(10))),
        phase => Some(Outcome::next(phase, &json!([{ "caught": failure.kind }]))),
    })
}

/// Undoes `book`: fails until the attempt that the run's input names for the step, and says so in its log.
fn unbook(context: Context, _input: Value, output: Value) -> Result<(), Error> {
    let whole: Value = context.flow_input()?;
    let task = context.task();
    let until = whole["undo"][&task.step].as_u64().unwrap_or(1);
    if u64::from(task.attempt) < until {
        return Err(Error::execution(format!("attempt {} cannot undo", task.attempt))
            .retry_after(Duration::from_millis(5)));
    }
    stepcell_guest::info!("undone {} of {}", output, task.idempotency_key);
    Ok(())
}

/// Trims a text, counts its letters, doubles the number; fails at `bad`, stops where nothing is left.
fn chain(context: Context, text: String) -> Result<Outcome, Error> {
    let count = |text: String| match text.as_str() {
        "bad" => Err(Error::validation("it is bad").details(["bad"])),
        "flaky" if context.attempt() == 1 => {
            Err(Error::execution("not yet").retry_after(Duration::from_millis(5)))
        }
        _ => Ok(text.len()),
    };
    Chain::of(&text)
        .then("trim", |text: String| Ok(text.trim().to_owned()))
        .stop_if(String::is_empty)
        .then("count", count)
        .then("double", |count: usize| Ok(count * 2))
        .run(context)
}

stepcell_guest::durable! { on_error = recover; compensate = { book => unbook }; play, "book" => play, chain }
