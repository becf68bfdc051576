//! Who decides a retry: the outcome, then the hint in the error, then the failure's kind, then the budget.

use std::time::Duration;

use crate::backoff::Draw;
use crate::change::TaskKey;
use crate::definition::{Options, StepIndex};
use crate::failure::{Failure, FailureKind};
use crate::limits::{MAX_BACKOFF_MS, MAX_LOST};
use crate::outcome::{GoOn, Outcome, Wait};
use crate::rule::ClosedAttempt;

/// The wait before the next attempt to undo a task, `attempt` of which failed; `None` when there is none.
pub fn compensation_retry(
    options: &Options,
    attempt: u32,
    failure: &Failure,
    draw: Draw,
) -> Option<Duration> {
    let task = TaskKey { step: StepIndex(0), index: 0 };
    let outcome = Outcome::Fail(failure.clone());
    retry_in(options, &ClosedAttempt { task, attempt, phase: 0, lost: 0, outcome, draw })
}

/// The wait before the next attempt; `None` when there is none.
///
/// The handler's hint decides first, then the failure kind's default, then the budget. Losing the worker has a
/// limit of its own and does not use up the budget.
pub(crate) fn retry_in(options: &Options, closed: &ClosedAttempt) -> Option<Duration> {
    let used = closed.attempt.saturating_sub(closed.lost);
    let is_last = used >= u32::from(options.max_attempts.0);
    let at_most = |ms: u64| Duration::from_millis(ms.min(MAX_BACKOFF_MS));
    let failure = match &closed.outcome {
        Outcome::Fail(failure) => failure,
        Outcome::GoOn(GoOn { wait: Wait::Retry { after_ms }, .. }) if !is_last => {
            let asked = after_ms.map(at_most);
            return Some(asked.unwrap_or_else(|| options.backoff.delay(used, closed.draw)));
        }
        Outcome::GoOn(_) | Outcome::Complete(_) | Outcome::Skip(_) => return None,
    };
    if failure.kind == FailureKind::WorkerLost {
        return (closed.lost < u32::from(MAX_LOST)).then_some(Duration::ZERO);
    }
    let wanted = failure.retry.retry.unwrap_or(failure.kind.retried_by_default());
    if !wanted || is_last {
        return None;
    }
    let hinted = failure.retry.retry_after_ms.map(at_most);
    Some(hinted.unwrap_or_else(|| options.backoff.delay(used, closed.draw)))
}
