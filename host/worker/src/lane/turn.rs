//! The rule applied: what an attempt ended in, what follows for its token, what is to be recorded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::limits::MAX_LOST;
use model::{
    Failure, FailureKind, Finish, GoOn, Join, Moves, Outcome, Position, Receipt, RunId, StepIndex,
    TaskKey, Wait,
};
use sandbox::Stop;
use store::{Attempted, Birth, Delta, FOREVER, Progress, TokenId, TokenMove, Written};

use super::Lane;
use crate::attempt::{Closed, Made, Try};
use crate::owned::{OwnedRun, Work};
use crate::quarantine::suspect;

/// Where a token goes, what was recorded with that, and the losses it takes along.
pub(super) struct Onward {
    pub(super) moves: Moves,
    pub(super) attempts: Vec<Attempted>,
    pub(super) consumed: Vec<i64>,
    pub(super) lost: u32,
}

/// What the rule decided of an attempt.
pub(super) struct Decided {
    pub(super) moves: Moves,
    pub(super) attempted: Attempted,
    /// Where its task goes on, if it does.
    pub(super) progress: Option<Progress>,
    /// The signals it made progress with.
    pub(super) consumed: Vec<i64>,
    /// The next attempt of the same task, if there is one.
    pub(super) next: Option<Next>,
}

/// The next attempt of a task.
pub(super) struct Next {
    pub(super) position: Position,
    /// The wait before it.
    pub(super) wake_in: Duration,
    /// How often its worker was lost in the same phase.
    pub(super) lost: u32,
    /// True: it begins at once, in the same hands.
    pub(super) at_once: bool,
}

impl Lane {
    /// Goes on at a token's position.
    pub(super) fn enter(&mut self, run_id: RunId, id: TokenId) {
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let Some(token) = run.tokens.get(&id) else {
            return;
        };
        let (position, lost) = (token.position, token.lost);
        let changes = match position {
            Position::Open(step) => run.state.open(step),
            Position::Close(step) => run.state.close_map(step),
            Position::Task { task, attempt, phase } => {
                return self.start_task(run_id, id, Try { task, attempt, phase });
            }
            Position::Range { step, lo, hi }
                if lost > 0 || run.version.plan.step(step).waits_for_admission() =>
            {
                return self.split_range(id, (step, lo, hi), lost, &[]);
            }
            Position::Range { step, lo, hi } => {
                return self.start_range(run_id, id, (step, lo, hi), Vec::new());
            }
        };
        let moves = Moves::of(&run.version.plan, &changes);
        let unopened = unopened(&moves);
        let charged = charge_lost(&moves, lost);
        let attempts = unopened.into_iter().chain(charged).collect();
        self.go_on(run_id, id, Onward { moves, attempts, consumed: Vec::new(), lost });
    }

    /// Moves a token on. Where nothing but its position changes and that follows from what is recorded, nothing is
    /// recorded again.
    pub(super) fn go_on(&mut self, run_id: RunId, id: TokenId, onward: Onward) {
        let Onward { moves, mut attempts, consumed, lost } = onward;
        attempts.extend(
            moves
                .skipped
                .iter()
                .map(|(step, reason)| unattempted(*step, Written::Skipped(*reason))),
        );
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let Some(token) = run.tokens.get_mut(&id) else {
            return;
        };
        token.work = Work::Resting;
        let facts = !attempts.is_empty() || !moves.arrivals.is_empty() || moves.finish.is_some();
        if let [only] = moves.continuations[..]
            && !facts
            && lost == 0
            && only.delay.is_zero()
        {
            token.position = only.position;
            return self.enter(run_id, id);
        }
        if !facts && moves.continuations.is_empty() {
            // Ending the token here would end its branch: whoever claims it next derives what follows.
            tracing::error!(run = %run_id, position = ?token.position, "nothing follows for a token");
            return self.shared.doubt.notify_one();
        }
        let mut continuations = moves.continuations.iter();
        let to = match continuations.next() {
            None => TokenMove::End,
            Some(first) if first.delay.is_zero() => {
                let position = at_attempt(first.position, lost);
                TokenMove::Keep { position, lost }
            }
            Some(first) => {
                let position = at_attempt(first.position, lost);
                TokenMove::Park { position, lost, wake_in: first.delay }
            }
        };
        let mut delta = Delta::of(&run.facts, token.held, to);
        delta.attempts = attempts;
        delta.consumed = consumed;
        let mut free = self.shared.seats.room(run.facts.tenant);
        for other in continuations {
            let keep = free > 0 && other.delay.is_zero() && !self.shared.seats.is_closed();
            free -= i64::from(keep);
            let (position, wake_in) = (other.position, other.delay);
            delta.births.push(Birth { position, lost: 0, keep, wake_in, departs: false });
        }
        for arrival in moves.arrivals {
            delta.arrive(&run.version.plan, arrival);
        }
        delta.swept = moves.swept;
        delta.finish = moves.finish;
        self.push(delta);
    }

    /// Hands a delta to the next batch. A run that fails takes everything else of it out of the lane's hands.
    pub(super) fn push(&mut self, mut delta: Delta) {
        let token = self.runs.get_mut(&delta.run_id);
        let token = token.and_then(|run| run.tokens.get_mut(&delta.token.0.id));
        delta.frees = token.and_then(|token| token.key.take());
        if let Some(Finish::Failed { .. }) = delta.finish {
            self.forget(delta.run_id);
        }
        if let Some(step) = delta.swept {
            self.sweep(delta.run_id, step, delta.token.0.id);
        }
        self.pending.push(delta);
    }

    fn start_task(&mut self, run_id: RunId, id: TokenId, at: Try) {
        if self.draining {
            return;
        }
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        know_width(run, at.task.step);
        let stop = Stop::default();
        let Some(token) = run.tokens.get_mut(&id) else {
            return;
        };
        token.work = Work::Task(stop.clone());
        let held = token.held;
        if token.lost >= u32::from(MAX_LOST) {
            suspect(&self.shared, &run.facts, run.version.plan.step(at.task.step));
            let message = format!("the worker was lost {} times with this task", token.lost);
            let failure = Failure::new(FailureKind::WorkerLost, message);
            return self.close_task(Closed { held, run_id, at, made: Made::failed(failure) });
        }
        if token.lost + 1 == u32::from(MAX_LOST) && !self.take_blame(id, at) {
            return;
        }
        self.launch(id, at, stop);
    }

    /// An attempt ended.
    pub(super) fn close(&mut self, mut closed: Closed) {
        if let Some(unmade) = closed.made.unmade.take() {
            return self.close_unmade(&closed, unmade);
        }
        self.shared.counters.attempts.fetch_add(1, Ordering::Relaxed);
        let run = self.runs.get_mut(&closed.run_id);
        let token = run.and_then(|run| run.tokens.get_mut(&closed.held.id));
        let Some(token) = token.filter(|token| token.held == closed.held) else {
            self.shared.counters.stale.fetch_add(1, Ordering::Relaxed);
            return self.interrupt(closed);
        };
        if closed.made.outcome.is_none() {
            // It was stopped, and what stopped it has been recorded.
            return self.interrupt(closed);
        }
        token.key = closed.made.key.take();
        token.blamed = None;
        match token.work {
            Work::Task(_) => self.close_task(closed),
            Work::Range(_) => self.close_element(closed),
            // An attempt that was stopped answers after its token has moved on.
            Work::Resting => self.interrupt(closed),
        }
    }

    fn close_task(&mut self, closed: Closed) {
        let (run_id, id) = (closed.run_id, closed.held.id);
        let Some(decided) = self.decide(closed) else {
            return;
        };
        let Decided { moves, attempted, progress, consumed, next } = decided;
        let Some(next) = next else {
            let attempts = vec![attempted];
            return self.go_on(run_id, id, Onward { moves, attempts, consumed, lost: 0 });
        };
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let Some(token) = run.tokens.get_mut(&id) else {
            return;
        };
        token.work = Work::Resting;
        let Next { position, wake_in, lost, at_once } = next;
        let to = match at_once {
            true => TokenMove::Keep { position, lost },
            false => TokenMove::Park { position, lost, wake_in },
        };
        let mut delta = Delta::of(&run.facts, token.held, to);
        delta.attempts.push(attempted);
        delta.progress.extend(progress);
        delta.consumed = consumed;
        self.push(delta);
    }

    /// Asks the rule. `None`: the attempt was stopped, or its run is not here any more.
    pub(super) fn decide(&mut self, mut closed: Closed) -> Option<Decided> {
        let outcome = closed.made.outcome.take()?;
        let run = self.runs.get_mut(&closed.run_id)?;
        let lost = run.tokens.get(&closed.held.id)?.lost;
        let kept = outcome.clone();
        let changes = run.state.advance(closed.for_rule(outcome, lost));
        let mut moves = Moves::of(&run.version.plan, &changes);
        if let Some(Position::Range { step, .. }) =
            run.tokens.get(&closed.held.id).map(|token| token.position)
        {
            // A range arrives as a whole.
            moves.arrivals.retain(|arrival| arrival.join != Join::Step(step));
        }
        let Closed { at, made, .. } = closed;
        let Try { task, attempt, phase } = at;
        let consumed = match kept {
            Outcome::Fail(_) | Outcome::GoOn(GoOn { wait: Wait::Retry { .. }, .. }) => Vec::new(),
            Outcome::Complete(_) | Outcome::Skip(_) | Outcome::GoOn(_) => made.extra.awaited,
        };
        let written = written(kept, &moves);
        let index = Some(task.index);
        let (step, receipt, log) = (task.step, made.receipt, made.log);
        let attempted = Attempted { step, index, attempt, phase, written, receipt, log };
        let next = next(at, &moves, lost);
        let (state, children) = (made.extra.state, made.extra.children);
        let progress = moves.go_on.take().map(|onward| {
            let model::Onward { phase, go_on, .. } = onward;
            Progress { task, phase, go_on, state, children }
        });
        Some(Decided { moves, attempted, progress, consumed, next })
    }
}

/// What is kept of an attempt. The rule may have made a failure of what the handler said.
fn written(outcome: Outcome, moves: &Moves) -> Written {
    match (outcome, moves.failure.clone()) {
        (Outcome::Complete(output), _) => Written::Completed(output),
        (Outcome::Skip(reason), _) => Written::Failed(Failure::new(FailureKind::Skipped, reason)),
        (Outcome::Fail(failure), _) | (Outcome::GoOn(_), Some(failure)) => match moves.retry_in {
            Some(retry_in) => Written::Retried { failure, retry_in },
            None => Written::Failed(failure),
        },
        (Outcome::GoOn(go_on), None) => {
            let asked = matches!(go_on.wait, Wait::Retry { .. });
            let wait = moves.go_on.as_ref().and_then(|onward| onward.wake_in);
            Written::WentOn { go_on, retry_in: wait.filter(|_| asked).unwrap_or_default() }
        }
    }
}

/// The next attempt of the same task, if there is one.
fn next(at: Try, moves: &Moves, lost: u32) -> Option<Next> {
    if let Some(wake_in) = moves.retry_in {
        let position = at.following().position();
        return Some(Next { position, wake_in, lost, at_once: false });
    }
    let onward = moves.go_on.as_ref()?;
    let position = Position::Task { task: at.task, attempt: onward.attempt, phase: onward.phase };
    let wake_in = onward.wake_in.unwrap_or(FOREVER);
    Some(match onward.go_on.wait {
        Wait::Retry { .. } => Next { position, wake_in, lost, at_once: false },
        // Losses are counted anew in each phase.
        Wait::Next | Wait::Sleep { .. } | Wait::AwaitSignals { .. } | Wait::Spawn { .. } => {
            Next { position, wake_in, lost: 0, at_once: wake_in.is_zero() }
        }
    })
}

/// How many tasks a map step has, remembered; `None` for any other step, or when its source is not known here.
pub(super) fn know_width(run: &mut OwnedRun, step: StepIndex) -> Option<u32> {
    if !run.version.plan.step(step).map {
        return None;
    }
    let width = run.state.map_width(step)?;
    run.state.learn_width(step, width);
    Some(width)
}

/// The outcome of a step that failed without a task.
fn unopened(moves: &Moves) -> Option<Attempted> {
    let Some(Finish::Failed { step, failure }) = &moves.finish else {
        return None;
    };
    Some(unattempted(*step, Written::Failed(failure.clone())))
}

/// The end of a step that never had an attempt.
pub(super) fn unattempted(step: StepIndex, written: Written) -> Attempted {
    let (receipt, log) = (Receipt::default(), Vec::new());
    Attempted { step, index: None, attempt: 1, phase: 0, written, receipt, log }
}

/// The attempts that were lost at a token whose task had not been recorded as open.
fn charge_lost(moves: &Moves, lost: u32) -> Vec<Attempted> {
    let task = match moves.continuations.first().map(|first| first.position) {
        Some(Position::Task { task, .. }) if lost > 0 && moves.finish.is_none() => task,
        Some(
            Position::Task { .. } | Position::Open(_) | Position::Close(_) | Position::Range { .. },
        )
        | None => return Vec::new(),
    };
    (1..next_attempt(lost)).map(|number| lost_attempt(task, number)).collect()
}

/// The attempt after `lost` losses; the last loss is not followed by another attempt, it is what the task ends in.
pub(super) fn next_attempt(lost: u32) -> u32 {
    if lost >= u32::from(MAX_LOST) { lost } else { lost + 1 }
}

fn at_attempt(position: Position, lost: u32) -> Position {
    match position {
        Position::Task { task, phase, .. } if lost > 0 => {
            Position::Task { task, attempt: next_attempt(lost), phase }
        }
        Position::Task { .. } | Position::Open(_) | Position::Close(_) | Position::Range { .. } => {
            position
        }
    }
}

pub(super) fn lost_attempt(task: TaskKey, attempt: u32) -> Attempted {
    let failure =
        Failure::new(FailureKind::WorkerLost, "the worker that held the task stopped beating");
    let written = Written::Retried { failure, retry_in: Duration::ZERO };
    let (receipt, log) = (Receipt::default(), Vec::new());
    let (step, index, phase) = (task.step, Some(task.index), 0);
    Attempted { step, index, attempt, phase, written, receipt, log }
}
