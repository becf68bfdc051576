//! The columns that name and count, as the recording statement takes them.

use std::collections::BTreeMap;

use model::Receipt;
use uuid::Uuid;

use super::batch::small;
use super::{Attempted, Delta, Written};
use crate::flow::step_number;
use crate::token::Held;

#[derive(Default)]
pub(super) struct Tokens {
    pub(super) tenants: Vec<i32>,
    pub(super) runs: Vec<Uuid>,
    pub(super) steps: Vec<i16>,
    pub(super) indexes: Vec<i32>,
    pub(super) attempts: Vec<i16>,
    pub(super) epochs: Vec<i32>,
}

impl Tokens {
    pub(super) fn push(&mut self, held: &Held) {
        self.tenants.push(held.id.tenant.0);
        self.runs.push(held.id.run_id.0);
        self.steps.push(step_number(held.id.born_step));
        self.indexes.push(held.id.born_index);
        self.attempts.push(held.id.born_attempt);
        self.epochs.push(held.epoch);
    }
}

#[derive(Default)]
pub(super) struct MovedTo {
    pub(super) steps: Vec<i16>,
    pub(super) los: Vec<i32>,
    pub(super) his: Vec<i32>,
    pub(super) attempts: Vec<i16>,
    pub(super) phases: Vec<i16>,
    pub(super) lost: Vec<i16>,
    pub(super) keep: Vec<bool>,
    pub(super) wake_in_ms: Vec<i64>,
}

#[derive(Default)]
pub(super) struct Keys {
    pub(super) tenants: Vec<i32>,
    pub(super) runs: Vec<Uuid>,
    pub(super) steps: Vec<i16>,
    pub(super) indexes: Vec<i32>,
    pub(super) attempts: Vec<i16>,
    pub(super) phases: Vec<i16>,
}

impl Keys {
    pub(super) fn push(&mut self, delta: &Delta, attempted: &Attempted) {
        self.tenants.push(delta.tenant.0);
        self.runs.push(delta.run_id.0);
        self.steps.push(step_number(attempted.step));
        self.indexes
            .push(attempted.index.map_or(-1, |index| i32::try_from(index).unwrap_or(i32::MAX)));
        self.attempts.push(small(attempted.attempt));
        self.phases.push(small(attempted.phase));
    }
}

#[derive(Default)]
pub(super) struct Rows {
    pub(super) keys: Keys,
    pub(super) ords: Vec<i32>,
    pub(super) fuel: Vec<i64>,
    pub(super) wall_us: Vec<i64>,
    pub(super) instantiate_us: Vec<i32>,
    pub(super) peak_memory_bytes: Vec<i64>,
    pub(super) input_bytes: Vec<i32>,
    pub(super) output_bytes: Vec<i32>,
    pub(super) host_calls: Vec<i32>,
    pub(super) log_bytes: Vec<i32>,
}

impl Rows {
    pub(super) fn push(&mut self, delta: &Delta, attempted: &Attempted, ord: i32) {
        let receipt = &attempted.receipt;
        let long = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let int = |n: u64| i32::try_from(n).unwrap_or(i32::MAX);
        self.keys.push(delta, attempted);
        self.ords.push(ord);
        self.fuel.push(long(receipt.fuel));
        self.wall_us.push(long(receipt.wall_us));
        self.instantiate_us.push(int(receipt.instantiate_us));
        self.peak_memory_bytes.push(long(receipt.peak_memory_bytes));
        self.input_bytes.push(int(receipt.input_bytes));
        self.output_bytes.push(int(receipt.output_bytes));
        self.host_calls.push(int(receipt.host_calls));
        self.log_bytes.push(int(receipt.log_bytes));
    }
}

/// Arrivals of one batch at one join, added up: a statement can touch a row once.
pub(super) struct Arriving {
    pub(super) arrived: i32,
    pub(super) of: i32,
    pub(super) lo: i32,
    pub(super) priority: i16,
}

#[derive(Default)]
pub(super) struct Births {
    pub(super) tenants: Vec<i32>,
    pub(super) runs: Vec<Uuid>,
    pub(super) steps: Vec<i16>,
    pub(super) born_indexes: Vec<i32>,
    pub(super) los: Vec<i32>,
    pub(super) his: Vec<i32>,
    pub(super) attempts: Vec<i16>,
    pub(super) born_attempts: Vec<i16>,
    pub(super) phases: Vec<i16>,
    pub(super) lost: Vec<i16>,
    pub(super) priorities: Vec<i16>,
    pub(super) keep: Vec<bool>,
    pub(super) wake_in_ms: Vec<i64>,
}

#[derive(Default)]
pub(super) struct Arrivals {
    pub(super) tenants: Vec<i32>,
    pub(super) runs: Vec<Uuid>,
    pub(super) steps: Vec<i16>,
    pub(super) arrived: Vec<i32>,
    pub(super) of: Vec<i32>,
    pub(super) los: Vec<i32>,
    pub(super) priorities: Vec<i16>,
}

impl Arrivals {
    pub(super) fn push(&mut self, tenant: i32, run: Uuid, step: i16, arriving: &Arriving) {
        self.tenants.push(tenant);
        self.runs.push(run);
        self.steps.push(step);
        self.arrived.push(arriving.arrived);
        self.of.push(arriving.of);
        self.los.push(arriving.lo);
        self.priorities.push(arriving.priority);
    }
}

/// What attempts used, added up for each tenant: a statement can touch a row once.
#[derive(Default)]
pub(super) struct Usage(BTreeMap<i32, Used>);

/// What attempts of one tenant used.
#[derive(Default)]
struct Used {
    attempts: i64,
    failed: i64,
    of: Receipt,
}

impl Usage {
    pub(super) fn add(&mut self, delta: &Delta, attempted: &Attempted) {
        let failed = match attempted.written {
            // Nobody tried anything.
            Written::Skipped(_) if attempted.index.is_none() => return,
            Written::Failed(_) | Written::Retried { .. } => 1,
            Written::Completed(_) | Written::Skipped(_) | Written::WentOn { .. } => 0,
        };
        let used = self.0.entry(delta.tenant.0).or_default();
        used.attempts += 1;
        used.failed += failed;
        used.of.add(&attempted.receipt);
    }

    pub(super) fn columns(&self) -> UsageColumns {
        let long = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let of =
            |part: fn(&Receipt) -> u64| self.0.values().map(|used| long(part(&used.of))).collect();
        UsageColumns {
            tenants: self.0.keys().copied().collect(),
            attempts: self.0.values().map(|used| used.attempts).collect(),
            failed: self.0.values().map(|used| used.failed).collect(),
            fuel: of(|used| used.fuel),
            wall_us: of(|used| used.wall_us),
            host_calls: of(|used| used.host_calls),
            input_bytes: of(|used| used.input_bytes),
            output_bytes: of(|used| used.output_bytes),
            log_bytes: of(|used| used.log_bytes),
        }
    }
}

pub(super) struct UsageColumns {
    pub(super) tenants: Vec<i32>,
    pub(super) attempts: Vec<i64>,
    pub(super) failed: Vec<i64>,
    pub(super) fuel: Vec<i64>,
    pub(super) wall_us: Vec<i64>,
    pub(super) host_calls: Vec<i64>,
    pub(super) input_bytes: Vec<i64>,
    pub(super) output_bytes: Vec<i64>,
    pub(super) log_bytes: Vec<i64>,
}
