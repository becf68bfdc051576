//! The columns of a batch, as the one statement that records it takes them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Failure, Finish, Join, RunId, WorkerId};
use uuid::Uuid;

use super::{Arrives, Attempted, Birth, Delta, Joined, TokenMove, Written};
use crate::flow::step_number;
use crate::token::{Held, encode, join_lo};
use crate::{Error, Store};

/// The columns of a batch, as the statement takes them.
#[derive(Default)]
pub(super) struct Batch {
    moved: Tokens,
    moved_to: MovedTo,
    ended: Tokens,
    outcomes: Rows,
    outputs: Vec<Option<String>>,
    outcome_failures: Vec<Option<String>>,
    attempts: Rows,
    retry_in_ms: Vec<i64>,
    attempt_failures: Vec<String>,
    logs: Keys,
    lines: Vec<String>,
    arrivals: BTreeMap<(i32, Uuid, i16), Arriving>,
    births: Births,
    completed: (Vec<i32>, Vec<Uuid>),
    failed: (Vec<i32>, Vec<Uuid>, Vec<i16>, Vec<String>),
    swept: (Vec<i32>, Vec<Uuid>, Vec<i16>),
    ord: i32,
}

#[derive(Default)]
struct Tokens {
    tenants: Vec<i32>,
    runs: Vec<Uuid>,
    steps: Vec<i16>,
    indexes: Vec<i32>,
    attempts: Vec<i16>,
    epochs: Vec<i32>,
}

impl Tokens {
    fn push(&mut self, held: &Held) {
        self.tenants.push(held.id.tenant.0);
        self.runs.push(held.id.run_id.0);
        self.steps.push(step_number(held.id.born_step));
        self.indexes.push(held.id.born_index);
        self.attempts.push(held.id.born_attempt);
        self.epochs.push(held.epoch);
    }
}

#[derive(Default)]
struct MovedTo {
    steps: Vec<i16>,
    los: Vec<i32>,
    his: Vec<i32>,
    attempts: Vec<i16>,
    lost: Vec<i16>,
    keep: Vec<bool>,
    wake_in_ms: Vec<i64>,
}

#[derive(Default)]
struct Keys {
    tenants: Vec<i32>,
    runs: Vec<Uuid>,
    steps: Vec<i16>,
    indexes: Vec<i32>,
    attempts: Vec<i16>,
}

impl Keys {
    fn push(&mut self, delta: &Delta, attempted: &Attempted) {
        self.tenants.push(delta.tenant.0);
        self.runs.push(delta.run_id.0);
        self.steps.push(step_number(attempted.step));
        self.indexes
            .push(attempted.index.map_or(-1, |index| i32::try_from(index).unwrap_or(i32::MAX)));
        self.attempts.push(small(attempted.attempt));
    }
}

#[derive(Default)]
struct Rows {
    keys: Keys,
    ords: Vec<i32>,
    fuel: Vec<i64>,
    wall_us: Vec<i64>,
    instantiate_us: Vec<i32>,
    peak_memory_bytes: Vec<i64>,
    input_bytes: Vec<i32>,
    output_bytes: Vec<i32>,
    host_calls: Vec<i32>,
    log_bytes: Vec<i32>,
}

impl Rows {
    fn push(&mut self, delta: &Delta, attempted: &Attempted, ord: i32) {
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
struct Arriving {
    arrived: i32,
    of: i32,
    lo: i32,
    priority: i16,
}

#[derive(Default)]
struct Births {
    tenants: Vec<i32>,
    runs: Vec<Uuid>,
    steps: Vec<i16>,
    born_indexes: Vec<i32>,
    los: Vec<i32>,
    his: Vec<i32>,
    attempts: Vec<i16>,
    lost: Vec<i16>,
    priorities: Vec<i16>,
    keep: Vec<bool>,
    wake_in_ms: Vec<i64>,
}

fn small(number: u32) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn text(failure: &Failure) -> String {
    serde_json::to_string(failure).expect("a failure is always JSON")
}

impl Batch {
    pub(super) fn add(&mut self, delta: &Delta) {
        self.add_token(&delta.token);
        for attempted in &delta.attempts {
            self.add_attempt(delta, attempted);
        }
        for arrives in &delta.arrivals {
            self.add_arrival(delta, arrives);
        }
        for birth in &delta.births {
            self.add_birth(delta, birth);
        }
        if let Some(step) = delta.swept {
            self.swept.0.push(delta.tenant.0);
            self.swept.1.push(delta.run_id.0);
            self.swept.2.push(step_number(step));
        }
        match &delta.finish {
            None => {}
            Some(Finish::Completed) => {
                self.completed.0.push(delta.tenant.0);
                self.completed.1.push(delta.run_id.0);
            }
            Some(Finish::Failed { step, failure }) => {
                self.failed.0.push(delta.tenant.0);
                self.failed.1.push(delta.run_id.0);
                self.failed.2.push(step_number(*step));
                self.failed.3.push(text(failure));
            }
        }
    }

    fn add_token(&mut self, (held, to): &(Held, TokenMove)) {
        let (position, lost, keep, wake_in) = match to {
            TokenMove::End => return self.ended.push(held),
            TokenMove::Keep { position, lost } => (position, lost, true, Duration::ZERO),
            TokenMove::Park { position, lost, wake_in } => (position, lost, false, *wake_in),
        };
        self.moved.push(held);
        let (step, lo, hi, attempt) = encode(position);
        self.moved_to.steps.push(step);
        self.moved_to.los.push(lo);
        self.moved_to.his.push(hi);
        self.moved_to.attempts.push(attempt);
        self.moved_to.lost.push(small(*lost));
        self.moved_to.keep.push(keep);
        self.moved_to.wake_in_ms.push(milliseconds(wake_in));
    }

    fn add_attempt(&mut self, delta: &Delta, attempted: &Attempted) {
        self.ord += 1;
        match &attempted.written {
            Written::Completed(output) => {
                self.outcomes.push(delta, attempted, self.ord);
                self.outputs.push(Some(output.as_str().to_owned()));
                self.outcome_failures.push(None);
            }
            Written::Failed(failure) => {
                self.outcomes.push(delta, attempted, self.ord);
                self.outputs.push(None);
                self.outcome_failures.push(Some(text(failure)));
            }
            Written::Skipped(reason) => {
                self.outcomes.push(delta, attempted, self.ord);
                let reason = serde_json::to_string(reason).expect("a reason is always JSON");
                self.outputs.push(Some(reason));
                self.outcome_failures.push(None);
            }
            Written::Retried { failure, retry_in } => {
                self.attempts.push(delta, attempted, self.ord);
                self.retry_in_ms.push(milliseconds(*retry_in));
                self.attempt_failures.push(text(failure));
            }
        }
        if !attempted.log.is_empty() {
            self.logs.push(delta, attempted);
            let lines = serde_json::to_string(&attempted.log).expect("a log is always JSON");
            self.lines.push(lines);
        }
    }

    fn add_arrival(&mut self, delta: &Delta, arrives: &Arrives) {
        let (step, lo) = match arrives.arrival.join {
            Join::Run => (-1, 0),
            Join::Step(step) if arrives.bears => (step_number(step), join_lo(arrives.map)),
            Join::Step(step) => (step_number(step), 0),
        };
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let arriving =
            self.arrivals.entry((delta.tenant.0, delta.run_id.0, step)).or_insert(Arriving {
                arrived: 0,
                of: number(arrives.arrival.of),
                lo,
                priority: delta.priority,
            });
        arriving.arrived += number(arrives.arrival.count);
        arriving.lo = arriving.lo.min(lo);
    }

    fn add_birth(&mut self, delta: &Delta, birth: &Birth) {
        let births = &mut self.births;
        let (step, lo, hi, attempt) = encode(&birth.position);
        births.tenants.push(delta.tenant.0);
        births.runs.push(delta.run_id.0);
        births.steps.push(step);
        births.born_indexes.push(lo);
        births.los.push(lo);
        births.his.push(hi);
        births.attempts.push(attempt);
        births.lost.push(small(birth.lost));
        births.priorities.push(delta.priority);
        births.keep.push(birth.keep && birth.wake_in.is_zero());
        births.wake_in_ms.push(milliseconds(birth.wake_in));
    }

    #[expect(clippy::too_many_lines, reason = "one statement, one argument a column")]
    pub(super) async fn execute(
        self,
        worker: WorkerId,
        store: &Store,
    ) -> Result<Vec<Joined>, Error> {
        let mut arrivals = Arrivals::default();
        for ((tenant, run, step), arriving) in self.arrivals {
            arrivals.push(tenant, run, step, &arriving);
        }
        let (moved, to, ended) = (self.moved, self.moved_to, self.ended);
        let (o, a, b) = (self.outcomes, self.attempts, self.births);
        let rows = sqlx::query_file!(
            "queries/token/record.sql",
            worker.0,
            &moved.tenants,
            &moved.runs,
            &moved.steps,
            &moved.indexes,
            &moved.attempts,
            &moved.epochs,
            &to.steps,
            &to.los,
            &to.his,
            &to.attempts,
            &to.lost,
            &to.keep,
            &to.wake_in_ms,
            &ended.tenants,
            &ended.runs,
            &ended.steps,
            &ended.indexes,
            &ended.attempts,
            &ended.epochs,
            &o.keys.tenants,
            &o.keys.runs,
            &o.keys.steps,
            &o.keys.indexes,
            &o.keys.attempts,
            &o.ords,
            &self.outputs as &[Option<String>],
            &self.outcome_failures as &[Option<String>],
            &o.fuel,
            &o.wall_us,
            &o.instantiate_us,
            &o.peak_memory_bytes,
            &o.input_bytes,
            &o.output_bytes,
            &o.host_calls,
            &o.log_bytes,
            &a.keys.tenants,
            &a.keys.runs,
            &a.keys.steps,
            &a.keys.indexes,
            &a.keys.attempts,
            &a.ords,
            &self.retry_in_ms,
            &self.attempt_failures,
            &a.fuel,
            &a.wall_us,
            &a.instantiate_us,
            &a.peak_memory_bytes,
            &a.input_bytes,
            &a.output_bytes,
            &a.host_calls,
            &a.log_bytes,
            &self.logs.tenants,
            &self.logs.runs,
            &self.logs.steps,
            &self.logs.indexes,
            &self.logs.attempts,
            &self.lines,
            &arrivals.tenants,
            &arrivals.runs,
            &arrivals.steps,
            &arrivals.arrived,
            &arrivals.of,
            &arrivals.los,
            &arrivals.priorities,
            &b.tenants,
            &b.runs,
            &b.steps,
            &b.born_indexes,
            &b.los,
            &b.his,
            &b.attempts,
            &b.lost,
            &b.priorities,
            &b.keep,
            &b.wake_in_ms,
            &self.completed.0,
            &self.completed.1,
            &self.failed.0,
            &self.failed.1,
            &self.failed.2,
            &self.failed.3,
            &self.swept.0,
            &self.swept.1,
            &self.swept.2,
        )
        .fetch_all(store.hot())
        .await?;
        let joined = rows.into_iter().filter_map(|row| {
            Joined::read(row.tenant_id?, RunId(row.run_id?), row.step?, row.lo?).transpose()
        });
        joined.collect()
    }
}

#[derive(Default)]
struct Arrivals {
    tenants: Vec<i32>,
    runs: Vec<Uuid>,
    steps: Vec<i16>,
    arrived: Vec<i32>,
    of: Vec<i32>,
    los: Vec<i32>,
    priorities: Vec<i16>,
}

impl Arrivals {
    fn push(&mut self, tenant: i32, run: Uuid, step: i16, arriving: &Arriving) {
        self.tenants.push(tenant);
        self.runs.push(run);
        self.steps.push(step);
        self.arrived.push(arriving.arrived);
        self.of.push(arriving.of);
        self.los.push(arriving.lo);
        self.priorities.push(arriving.priority);
    }
}
