//! Readings that are summed up in packs.

use serde::{Deserialize, Serialize};
use stepcell_guest::{Context, Error, Outcome};

#[derive(Deserialize)]
struct Wanted {
    /// Readings in all.
    count: usize,
}

#[derive(Default, Deserialize, Serialize)]
struct Sum {
    readings: Vec<f64>,
    /// How often the handler was woken: several readings at once are one pack.
    packs: u32,
}

/// Awaits `reading` again and again until there are enough; each wake takes whatever has come meanwhile.
fn collect(context: Context, wanted: Wanted) -> Result<Outcome, Error> {
    let mut sum: Sum = context.state()?.unwrap_or_default();
    let pack = context.awaited();
    sum.packs += u32::from(!pack.is_empty());
    for reading in &pack {
        sum.readings.push(reading.payload()?);
    }
    if sum.readings.len() < wanted.count {
        return Ok(Outcome::await_signals(["reading"], "more", &sum));
    }
    Ok(Outcome::complete(&sum))
}

stepcell_guest::durable! { collect }
