//! The columns of a batch, as the one statement that records it takes them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Failure, Finish, Join, RunId, WorkerId};
use uuid::Uuid;

use super::columns::{Arrivals, Arriving, Births, Keys, MovedTo, Rows, Tokens, Usage};
use super::{Arrives, Attempted, Birth, Delta, Joined, TokenMove, Written};
use crate::Error;
use crate::flow::step_number;
use crate::token::{Held, encode, join_lo};

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
    attempt_failures: Vec<Option<String>>,
    went_on: Vec<Option<String>>,
    logs: Keys,
    lines: Vec<String>,
    arrivals: BTreeMap<(i32, Uuid, i16), Arriving>,
    births: Births,
    completed: (Vec<i32>, Vec<Uuid>),
    failed: (Vec<i32>, Vec<Uuid>, Vec<i16>, Vec<String>),
    usage: Usage,
    ord: i32,
}

pub(super) fn small(number: u32) -> i16 {
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
        let place = encode(position);
        self.moved_to.steps.push(place.step);
        self.moved_to.los.push(place.lo);
        self.moved_to.his.push(place.hi);
        self.moved_to.attempts.push(place.attempt);
        self.moved_to.phases.push(place.phase);
        self.moved_to.lost.push(small(*lost));
        self.moved_to.keep.push(keep);
        self.moved_to.wake_in_ms.push(milliseconds(wake_in));
    }

    fn add_attempt(&mut self, delta: &Delta, attempted: &Attempted) {
        self.ord += 1;
        self.usage.add(delta, attempted);
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
                self.attempt_failures.push(Some(text(failure)));
                self.went_on.push(None);
            }
            Written::WentOn { go_on, retry_in } => {
                self.attempts.push(delta, attempted, self.ord);
                self.retry_in_ms.push(milliseconds(*retry_in));
                self.attempt_failures.push(None);
                let go_on = serde_json::to_string(go_on).expect("where to go on is always JSON");
                self.went_on.push(Some(go_on));
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
        let place = encode(&birth.position);
        births.tenants.push(delta.tenant.0);
        births.runs.push(delta.run_id.0);
        births.steps.push(place.step);
        births.born_indexes.push(place.lo);
        births.los.push(place.lo);
        births.his.push(place.hi);
        births.attempts.push(place.attempt);
        births.born_attempts.push(birth.born_attempt());
        births.phases.push(place.phase);
        births.lost.push(small(birth.lost));
        births.priorities.push(delta.priority);
        births.keep.push(birth.keep && birth.wake_in.is_zero());
        births.wake_in_ms.push(milliseconds(birth.wake_in));
    }

    #[expect(clippy::too_many_lines, reason = "one statement, one argument a column")]
    pub(super) async fn execute(
        self,
        (worker, lane): (WorkerId, i16),
        connection: impl sqlx::PgExecutor<'_>,
    ) -> Result<Vec<Joined>, Error> {
        let mut arrivals = Arrivals::default();
        for ((tenant, run, step), arriving) in self.arrivals {
            arrivals.push(tenant, run, step, &arriving);
        }
        let (moved, to, ended) = (self.moved, self.moved_to, self.ended);
        let used = self.usage.columns();
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
            &self.attempt_failures as &[Option<String>],
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
            &to.phases,
            &o.keys.phases,
            &a.keys.phases,
            &self.went_on as &[Option<String>],
            &self.logs.phases,
            &b.phases,
            &b.born_attempts,
            lane,
            &used.tenants,
            &used.attempts,
            &used.failed,
            &used.fuel,
            &used.wall_us,
            &used.host_calls,
            &used.input_bytes,
            &used.output_bytes,
            &used.log_bytes,
        )
        .fetch_all(connection)
        .await?;
        let joined = rows.into_iter().filter_map(|row| {
            Joined::read(row.tenant_id?, RunId(row.run_id?), row.step?, row.lo?).transpose()
        });
        joined.collect()
    }
}
