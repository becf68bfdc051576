//! A guest that plays any part a test needs.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use stepcell_guest::{Context, Error, info};

/// Answers what it is given.
fn echo(input: Value) -> Result<Value, Error> {
    Ok(input)
}

/// Answers `[0, 1, … count - 1]`.
#[derive(Deserialize)]
struct Count {
    count: u32,
}

fn list(input: Count) -> Result<Vec<u32>, Error> {
    Ok((0..input.count).collect())
}

fn double(element: i64) -> Result<i64, Error> {
    Ok(element * 2)
}

/// Adds up every number it finds.
fn sum(input: Value) -> Result<f64, Error> {
    Ok(total(&input))
}

fn total(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or(0.0),
        Value::Array(values) => values.iter().map(total).sum(),
        Value::Object(members) => members.values().map(total).sum(),
        Value::Null | Value::Bool(_) | Value::String(_) => 0.0,
    }
}

/// Fails until the attempt the run's input names as `succeed_at`; answers the attempt's number.
fn flaky(context: Context, _input: Value) -> Result<u32, Error> {
    let wanted: Value = context.flow_input()?;
    let succeed_at = wanted["succeed_at"].as_u64().unwrap_or(2);
    let attempt = context.attempt();
    if u64::from(attempt) < succeed_at {
        return Err(Error::dependency(format!("attempt {attempt} is too early"))
            .retry_after(Duration::from_millis(20)));
    }
    Ok(attempt)
}

/// Doubles an even element at once, an odd one at the second attempt.
fn odd_twice(context: Context, element: i64) -> Result<i64, Error> {
    if element % 2 != 0 && context.attempt() == 1 {
        return Err(Error::execution("odd").retry_after(Duration::from_millis(10)));
    }
    Ok(element * 2)
}

/// Asks to be tried again at the end of time.
fn later(_input: Value) -> Result<Value, Error> {
    Err(Error::execution("later").retry_after(Duration::MAX))
}

/// Fails for good.
fn fail(_input: Value) -> Result<Value, Error> {
    Err(Error::validation("this cannot work")
        .details(serde_json::json!({"why": "it was asked to"})))
}

/// An error of this kind, and what it says about another attempt.
#[derive(Deserialize)]
struct Wanted {
    kind: String,
    retry: Option<bool>,
    after_ms: Option<u64>,
}

/// Fails as the run's input says.
fn errs(wanted: Wanted) -> Result<Value, Error> {
    let mut error = match wanted.kind.as_str() {
        "configuration" => Error::configuration("it was asked to"),
        "dependency" => Error::dependency("it was asked to"),
        "execution" => Error::execution("it was asked to"),
        _ => Error::validation("it was asked to"),
    };
    if let Some(retry) = wanted.retry {
        error = error.retry(retry);
    }
    if let Some(ms) = wanted.after_ms {
        error = error.retry_after(Duration::from_millis(ms));
    }
    Err(error)
}

/// Fails for good at element 3.
fn fail_at_three(element: i64) -> Result<i64, Error> {
    if element == 3 {
        return Err(Error::validation("three is refused"));
    }
    Ok(element)
}

/// Computes for `busy_ms` of the run's input, then answers `"done"`.
fn busy(context: Context, _input: Value) -> Result<&'static str, Error> {
    let wanted: Value = context.flow_input()?;
    let busy = Duration::from_millis(wanted["busy_ms"].as_u64().unwrap_or(100));
    let begun = context.remaining();
    // Past the deadline nothing remains to be compared: it goes on until it is stopped.
    while begun.saturating_sub(context.remaining()) < busy || context.remaining().is_zero() {
        std::hint::black_box(total(&wanted));
    }
    Ok("done")
}

/// Writes to its log.
fn chatty(context: Context, _input: Value) -> Result<u32, Error> {
    info!(attempt = context.attempt(), "working on it");
    stepcell_guest::warn!("\u{1b}[31mred\u{1b}[0m");
    Ok(context.attempt())
}

/// Tells of secrets in its log and in the details of its error.
fn tells(_input: Value) -> Result<Value, Error> {
    info!(user = "ann", password = "hunter2", tokens = 12, "calling");
    let request = serde_json::json!({"authorization": "Bearer hunter2", "accept": "*/*"});
    Err(Error::validation("refused").details(serde_json::json!({"request": request})))
}

/// Answers what its context says.
fn who(context: Context, _input: Value) -> Result<Value, Error> {
    let task = context.task();
    Ok(serde_json::json!({
        "tenant": task.tenant, "flow": task.flow, "version": task.flow_version, "step": task.step,
        "handler": task.handler, "index": task.index, "attempt": task.attempt,
        "max_attempts": task.max_attempts, "key": task.idempotency_key,
    }))
}

stepcell_guest::handlers! {
    echo, list, double, sum, flaky, odd_twice, later, fail, errs, fail_at_three, busy, chatty, who,
    tells,
}
