//! Built-in steps: no component, the same outcomes.

use std::time::Instant;

use model::builtin::{BadTemplate, fill};
use model::iso8601::IsoDuration;
use model::{
    Builtin, Failure, FailureKind, Gate, GoOn, HandlerErrorKind, Input, Json, Outcome, Receipt,
    Version, Wait,
};
use store::RunFacts;
use time::{Date, Duration, Month, OffsetDateTime};

use crate::attempt::{Made, Try, mismatch};

/// The phase a wait goes on at.
const WAITED: &str = "waited";

/// Does what the step says.
pub(crate) fn make(
    run: &RunFacts,
    version: &Version,
    at: Try,
    builtin: &Builtin,
    input: &Input,
) -> Made {
    let began = Instant::now();
    let outcome = match builtin {
        Builtin::Wait(wait) if at.phase == 0 => {
            let for_ms = milliseconds(wait, OffsetDateTime::now_utc());
            Outcome::GoOn(GoOn { phase: WAITED.to_owned(), wait: Wait::Sleep { for_ms } })
        }
        Builtin::Wait(_) => Outcome::Complete(Json::null()),
        Builtin::Inject(value) => Outcome::Complete(value.clone()),
        Builtin::Set(template) => match fill(template, &run.input, input, most(version, at)) {
            Ok(filled) => check(version, at, &filled),
            Err(why @ BadTemplate::TooLarge(_)) => {
                Outcome::Fail(Failure::new(FailureKind::OutputTooLarge, why.to_string()))
            }
            Err(why) => {
                let kind = FailureKind::HandlerError(HandlerErrorKind::Validation);
                Outcome::Fail(Failure::new(kind, why.to_string()))
            }
        },
    };
    let output_bytes = match &outcome {
        Outcome::Complete(output) => output.len() as u64,
        Outcome::Fail(_) | Outcome::Skip(_) | Outcome::GoOn(_) => 0,
    };
    let mut made = Made { outcome: Some(outcome), ..Made::default() };
    made.extra.state = matches!(builtin, Builtin::Wait(_)).then(Json::null);
    made.receipt = Receipt {
        input_bytes: input.bytes() as u64,
        output_bytes,
        wall_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        ..Receipt::default()
    };
    made
}

/// Bytes an answer of the step may have.
fn most(version: &Version, at: Try) -> usize {
    let limits = &version.plan.step(at.task.step).options.limits;
    usize::try_from(limits.output_bytes).unwrap_or(usize::MAX)
}

/// What a template became is an answer like any other.
fn check(version: &Version, at: Try, filled: &Json) -> Outcome {
    let step = version.plan.step(at.task.step);
    let output = match Gate::of_bytes(most(version, at)).check(filled.as_str().as_bytes()) {
        Ok(output) => output,
        Err(refusal) => {
            let message = format!("step `{}` became what is not valid: {refusal}", step.name);
            return Outcome::Fail(Failure::new(FailureKind::OutputTooLarge, message));
        }
    };
    if let Some(schema) = version.output_schema(at.task.step)
        && let Err(refusal) = schema.check(&output)
    {
        let what = "became what does not match its schema";
        return Outcome::Fail(mismatch(step, what, &refusal));
    }
    Outcome::Complete(output)
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
