//! A handler that parks once, and is done when it is woken: what is measured around it is Stepcell.

use std::time::Duration;

use serde::Deserialize;
use stepcell_guest::{Context, Error, Outcome};

/// Longer than any measurement: whoever measures says when it is over.
const SLEEP: Duration = Duration::from_secs(86_400);

/// What to wait for.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Park {
    Signal,
    Sleep,
    Nothing,
}

fn park(context: Context, input: Park) -> Result<Outcome, Error> {
    if !context.phase().is_empty() {
        return Ok(Outcome::complete(&()));
    }
    Ok(match input {
        Park::Signal => Outcome::await_signals(["go"], "woken", &()),
        Park::Sleep => Outcome::sleep(SLEEP, "woken", &()),
        Park::Nothing => Outcome::complete(&()),
    })
}

stepcell_guest::durable! { park }
