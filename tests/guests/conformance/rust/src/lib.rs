//! What every SDK must do alike, in Rust.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Serialize as Writes};
use serde_json::Value;
use stepcell_guest::{Context, Error, Outcome, debug, error, info, system, trace, warn};

type Answer = Result<Outcome, Error>;

fn echo(input: Value) -> Answer {
    Ok(Outcome::complete(&input))
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

fn fails(Message { message }: Message) -> Answer {
    Err(std::io::Error::other(message).into())
}

fn invalid() -> Answer {
    Err(Error::validation("`x` is wrong").details(serde_json::json!({ "field": "x" })))
}

fn hint() -> Answer {
    Err(Error::dependency("not there yet").retry_after(Duration::from_millis(1_234)))
}

fn logs() -> Answer {
    trace!("a trace line");
    debug!("a debug line");
    info!(n = 1, "an info line");
    warn!("a warn line");
    error!("an error line");
    info!("its own line: {}", 42);
    Ok(Outcome::complete(&()))
}

fn spins() -> Answer {
    #[expect(clippy::empty_loop, reason = "it never ends")]
    loop {}
}

#[derive(Deserialize)]
struct Wrong {
    what: String,
}

/// JSON has no such keys.
struct Odd(String);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0.as_str() {
            "nan" => map.serialize_entry(&f64::NAN, &1)?,
            "bytes" => map.serialize_entry(&[1_u8, 2], &1)?,
            _ => map.serialize_entry(&BTreeMap::from([("a", 1)]), &1)?,
        }
        map.end()
    }
}

fn wrong(Wrong { what }: Wrong) -> Answer {
    Ok(Outcome::complete(&Odd(what)))
}

#[derive(Deserialize, Writes)]
struct Kept {
    n: u32,
}

fn phases(context: Context) -> Answer {
    match context.phase().as_str() {
        "second" => Ok(Outcome::complete(&(context.state::<Kept>()?.map_or(0, |kept| kept.n) + 1))),
        _ => Ok(Outcome::sleep(Duration::from_millis(5), "second", &Kept { n: 1 })),
    }
}

fn waits(context: Context) -> Answer {
    match context.awaited().first() {
        Some(signal) => Ok(Outcome::complete(&signal.payload::<Value>()?)),
        None => Ok(Outcome::await_signals(["go"], "woken", &())),
    }
}

fn sums(deps: BTreeMap<String, f64>) -> Answer {
    Ok(Outcome::complete(&deps.values().sum::<f64>()))
}

#[derive(Writes)]
struct Told {
    step: String,
    attempt: u32,
    idempotency_key: String,
}

fn context(context: Context) -> Answer {
    let task = context.task();
    let (step, attempt, idempotency_key) = (task.step, task.attempt, task.idempotency_key);
    Ok(Outcome::complete(&Told { step, attempt, idempotency_key }))
}

#[derive(Writes)]
struct Clock {
    now: u128,
    random: String,
}

fn clock() -> Answer {
    let since = system::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let random = system::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Outcome::complete(&Clock { now: since.as_millis(), random }))
}

stepcell_guest::durable! {
    echo, fails, invalid, hint, logs, spins, wrong, phases, waits, sums, context, clock
}
