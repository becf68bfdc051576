//! A trip that is booked step by step, and undone when a step fails for good.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepcell_guest::{Context, Error, Outcome, info};

#[derive(Deserialize)]
struct Trip {
    traveller: String,
    /// The step that finds nothing.
    sold_out: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Booking {
    what: String,
    /// The same for every attempt, so that a booking that is sent again is the same one.
    number: String,
}

/// Books what the step is called, unless it is sold out.
fn book(context: Context) -> Result<Outcome, Error> {
    let trip: Trip = context.flow_input()?;
    let task = context.task();
    if trip.sold_out.as_ref() == Some(&task.step) {
        return Ok(Outcome::fail(Error::execution(format!("no {} is left", task.step))));
    }
    info!("{} books a {}", trip.traveller, task.step);
    Ok(Outcome::complete(&Booking { what: task.step, number: task.idempotency_key }))
}

/// Gives a booking back.
fn give_back(_context: Context, _input: Value, booking: Booking) -> Result<(), Error> {
    info!("the {} under {} is given back", booking.what, booking.number);
    Ok(())
}

stepcell_guest::durable! { compensate = { book => give_back }; book }
