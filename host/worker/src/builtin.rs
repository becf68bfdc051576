//! Built-in steps: no component, the same outcomes.

use std::sync::Arc;
use std::time::Instant;

use model::builtin::{BadTemplate, fill};
use model::iso8601::IsoDuration;
use model::{
    Builtin, Failure, FailureKind, Gate, GoOn, HandlerErrorKind, Input, Json, Outcome, Receipt,
    Step, Version, Wait,
};
use sandbox::Stop;
use store::{Claim, Held, RunFacts};
use time::{Date, Duration, Month, OffsetDateTime};

use crate::attempt::{Made, Try, mismatch};
use crate::{Shared, http};

/// The phase a wait goes on at.
const WAITED: &str = "waited";

/// The task that a built-in step is made for.
pub(crate) struct Task<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) held: Held,
    pub(crate) run: &'a RunFacts,
    pub(crate) version: &'a Arc<Version>,
    pub(crate) at: Try,
    pub(crate) input: &'a Input,
    pub(crate) stop: &'a Stop,
}

/// Does what the step says.
pub(crate) async fn make(task: &Task<'_>, builtin: &Builtin) -> Made {
    let began = Instant::now();
    let outcome = match builtin {
        Builtin::Wait(wait) if task.at.phase == 0 => {
            let for_ms = milliseconds(wait, OffsetDateTime::now_utc());
            Some(Outcome::GoOn(GoOn { phase: WAITED.to_owned(), wait: Wait::Sleep { for_ms } }))
        }
        Builtin::Wait(_) => Some(Outcome::Complete(Json::null())),
        Builtin::Inject(value) => Some(Outcome::Complete(value.clone())),
        Builtin::Set(template) => Some(task.set(template)),
        Builtin::Http(call) => http::call(task, call).await,
    };
    let output_bytes = match &outcome {
        Some(Outcome::Complete(output)) => output.len() as u64,
        Some(Outcome::Fail(_) | Outcome::Skip(_) | Outcome::GoOn(_)) | None => 0,
    };
    let mut made = Made { outcome, ..Made::default() };
    made.extra.state = matches!(builtin, Builtin::Wait(_)).then(Json::null);
    made.receipt = Receipt {
        input_bytes: task.input.bytes() as u64,
        output_bytes,
        wall_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        ..Receipt::default()
    };
    made
}

impl Task<'_> {
    pub(crate) fn step(&self) -> &Step {
        self.version.plan.step(self.at.task.step)
    }

    /// What its attempt is made under.
    pub(crate) fn claim(&self) -> Claim {
        Claim::Token { held: self.held, worker: self.shared.recorder() }
    }

    /// Bytes an answer of the step may have.
    pub(crate) fn most(&self) -> usize {
        usize::try_from(self.step().options.limits.output_bytes).unwrap_or(usize::MAX)
    }

    fn set(&self, template: &Json) -> Outcome {
        match fill(template, &self.run.input, self.input, self.most()) {
            Ok(filled) => self.answer(filled.as_str()),
            Err(why @ BadTemplate::TooLarge(_)) => {
                Outcome::Fail(Failure::new(FailureKind::OutputTooLarge, why.to_string()))
            }
            Err(why) => Outcome::Fail(unfilled(&why)),
        }
    }

    /// What a built-in step answers passes the gate and the schema like the answer of any other.
    pub(crate) fn answer(&self, text: &str) -> Outcome {
        let step = self.step();
        let output = match Gate::of_bytes(self.most()).check(text.as_bytes()) {
            Ok(output) => output,
            Err(refusal) => {
                let message = format!("step `{}` answered what is not valid: {refusal}", step.name);
                return Outcome::Fail(Failure::new(FailureKind::OutputTooLarge, message));
            }
        };
        if let Some(schema) = self.version.output_schema(self.at.task.step)
            && let Err(refusal) = schema.check(&output)
        {
            let what = "answered what does not match its schema";
            return Outcome::Fail(mismatch(step, what, &refusal));
        }
        Outcome::Complete(output)
    }
}

/// A template that cannot be filled in with what the step was given.
pub(crate) fn unfilled(why: &BadTemplate) -> Failure {
    let kind = FailureKind::HandlerError(HandlerErrorKind::Validation);
    Failure::new(kind, why.to_string())
}

/// How long a wait is that begins now: months end at the same day of the month, or its last.
fn milliseconds(wait: &IsoDuration, now: OffsetDateTime) -> u64 {
    let later = months_later(now.date(), wait.months).unwrap_or(now.date());
    let days = u64::try_from((later - now.date()).whole_days()).unwrap_or(0);
    let of_months = days.saturating_mul(Duration::DAY.whole_seconds().unsigned_abs() * 1_000);
    of_months.saturating_add(wait.ms)
}

fn months_later(date: Date, months: u32) -> Option<Date> {
    let month = u32::from(u8::from(date.month())) - 1 + months;
    let year = date.year().checked_add(i32::try_from(month / 12).ok()?)?;
    let month = Month::try_from(u8::try_from(month % 12).ok()? + 1).ok()?;
    Date::from_calendar_date(year, month, date.day().min(month.length(year))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_at_the_same_day_or_the_last_of_the_month() {
        let at = |year, month, day| Date::from_calendar_date(year, month, day).ok();
        let january = at(2027, Month::January, 31);
        assert_eq!(january.and_then(|date| months_later(date, 1)), at(2027, Month::February, 28));
        assert_eq!(january.and_then(|date| months_later(date, 13)), at(2028, Month::February, 29));
        assert_eq!(january.and_then(|date| months_later(date, 12)), at(2028, Month::January, 31));
    }
}
