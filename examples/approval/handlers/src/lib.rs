//! An order that waits for a person.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stepcell_guest::{Context, Error, Outcome, info};

#[derive(Deserialize, Serialize)]
struct Order {
    order: String,
    amount: u64,
    /// How long somebody has to decide, in milliseconds.
    patience_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Decision {
    by: String,
}

#[derive(Serialize)]
struct Decided {
    order: String,
    approved: bool,
    by: Option<String>,
}

/// Waits for `approve` or `reject`; whoever says nothing in time has rejected.
fn decide(context: Context, order: Order) -> Result<Outcome, Error> {
    match context.phase().as_str() {
        "" => {
            info!("order {} over {} waits for a decision", order.order, order.amount);
            let patience = Duration::from_millis(order.patience_ms.unwrap_or(86_400_000));
            Ok(Outcome::await_signals(["approve", "reject"], "decided", &()).timeout(patience))
        }
        _ => {
            let order = order.order;
            let Some(signal) = context.awaited().into_iter().next() else {
                return Ok(Outcome::complete(&Decided { order, approved: false, by: None }));
            };
            let approved = signal.name() == "approve";
            let by = Some(signal.payload::<Decision>()?.by);
            Ok(Outcome::complete(&Decided { order, approved, by }))
        }
    }
}

stepcell_guest::durable! { decide }
