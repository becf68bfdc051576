//! Ranges of map tasks: many attempts under one token, recorded as they end, arriving as a whole.

use std::collections::VecDeque;
use std::time::Duration;

use model::limits::MAX_ANSWERS_BYTES;
use model::{
    Arrival, Failure, FailureKind, Join, Moves, Position, Receipt, RunId, StepIndex, TaskKey,
};
use sandbox::Stop;
use store::{Arrives, Attempted, Birth, Delta, TokenId, TokenMove, Written};

use super::Lane;
use super::turn::{Decided, Next, Onward, know_width, lost_attempt, next_attempt};
use crate::attempt::{Closed, Try};
use crate::owned::{RangeWork, Work};
use crate::prepare::Prepared;

impl Lane {
    /// Takes over a range: tasks that ended or departed are not its own any more.
    pub(super) fn begin_range(
        &mut self,
        run_id: RunId,
        id: TokenId,
        range: (StepIndex, u32, u32),
        prepared: &Prepared,
    ) {
        let (step, lo, hi) = range;
        let lost = prepared.claimed.lost;
        let gone: Vec<(u32, bool)> = (lo..hi)
            .filter_map(|index| {
                match (prepared.done.contains(&index), prepared.departed.contains(&index)) {
                    (_, true) => Some((index, false)),
                    (true, false) => Some((index, true)),
                    (false, false) => None,
                }
            })
            .collect();
        let waits = prepared.version.plan.step(step).waits_for_admission();
        if lost > 0 || waits || prepared.is_too_large {
            self.split_range(id, (step, lo, hi), lost, &gone);
        } else {
            self.start_range(run_id, id, range, gone);
        }
    }

    /// Starts the tasks of a range that are not `gone`: ended (true) or with a token of their own (false).
    pub(super) fn start_range(
        &mut self,
        run_id: RunId,
        id: TokenId,
        (step, lo, hi): (StepIndex, u32, u32),
        gone: Vec<(u32, bool)>,
    ) {
        if self.draining {
            return;
        }
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        know_width(run, step);
        let stop = Stop::default();
        let departed = gone.iter().filter(|(_, ended)| !ended).count();
        let departed = u32::try_from(departed).unwrap_or(u32::MAX);
        let left = (lo..hi).filter(|index| !gone.iter().any(|(gone, _)| gone == index));
        let given = |index| Some((index, run.state.input_of(TaskKey { step, index })?));
        let Some(left) = left.map(given).collect::<Option<VecDeque<_>>>() else {
            return self.read_again(id);
        };
        let bytes: usize = left.iter().map(|(_, input)| input.bytes()).sum();
        if bytes > MAX_ANSWERS_BYTES {
            return self.split_range(id, (step, lo, hi), 0, &gone);
        }
        let work = RangeWork {
            stop,
            step,
            lo,
            hi,
            left,
            running: 0,
            departed,
            finished: Vec::new(),
            births: Vec::new(),
            progress: Vec::new(),
            consumed: Vec::new(),
        };
        if let Some(token) = run.tokens.get_mut(&id) {
            token.work = Work::Range(work);
        }
        self.fill_range(run_id, id);
    }

    /// Begins as many tasks of a range as there is room for, one at least; a range with none left and none at work ends.
    fn fill_range(&mut self, run_id: RunId, id: TokenId) {
        let mut room = self.shared.seats.room(id.tenant);
        loop {
            let token = self.runs.get_mut(&run_id).and_then(|run| run.tokens.get_mut(&id));
            let Some(Work::Range(range)) = token.map(|token| &mut token.work) else {
                return;
            };
            if range.left.is_empty() && range.running == 0 {
                self.dirty.remove(&(run_id, id));
                return self.end_range(run_id, id);
            }
            if self.draining || (range.running > 0 && room <= 0) {
                return;
            }
            let Some((index, input)) = range.left.pop_front() else {
                return;
            };
            range.running += 1;
            room -= 1;
            let (task, stop) = (TaskKey { step: range.step, index }, range.stop.clone());
            self.launch_with(id, Try { task, attempt: 1, phase: 0 }, stop, input);
        }
    }

    /// Each task left goes on alone: where the worker was lost, so that one that ends the process ends by itself; where
    /// tasks wait for admission, because each waits for its own.
    pub(super) fn split_range(
        &mut self,
        id: TokenId,
        (step, lo, hi): (StepIndex, u32, u32),
        lost: u32,
        gone: &[(u32, bool)],
    ) {
        let run_id = id.run_id;
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let Some(width) = know_width(run, step) else {
            return self.shared.doubt.notify_one();
        };
        let Some(token) = run.tokens.get(&id) else {
            return;
        };
        let mut delta = Delta::of(&run.facts, token.held, TokenMove::End);
        let attempt = next_attempt(lost);
        for index in (lo..hi).filter(|index| !gone.iter().any(|(gone, _)| gone == index)) {
            let task = TaskKey { step, index };
            delta.attempts.extend((1..attempt).map(|number| lost_attempt(task, number)));
            let position = Position::Task { task, attempt, phase: 0 };
            let (keep, wake_in) = (false, Duration::ZERO);
            delta.births.push(Birth { position, lost, keep, wake_in, departs: true });
        }
        let ended = gone.iter().filter(|(_, ended)| *ended).count();
        let count = u32::try_from(ended).unwrap_or(u32::MAX);
        delta.arrive(&run.version.plan, Arrival { join: Join::Step(step), count, of: width });
        self.push(delta);
    }

    /// One task of a range ended.
    pub(super) fn close_element(&mut self, closed: Closed) {
        let (run_id, id) = (closed.run_id, closed.held.id);
        let Some(decided) = self.decide(closed) else {
            return;
        };
        if decided.moves.finish.is_some() || decided.moves.swept.is_some() {
            // The task decided the map step; what the range's other tasks ended in goes with it.
            return self.cut_range(run_id, id, decided);
        }
        let Decided { attempted, progress, consumed, next, .. } = decided;
        self.leave_range(run_id, id, |range| {
            if let Some(Next { position, wake_in, .. }) = next {
                range.depart(position, wake_in);
            }
            range.finished.push(attempted);
            range.progress.extend(progress);
            range.consumed.extend(consumed);
        });
    }

    /// One task of a range has to wait: it goes on with a token of its own. What is recorded of this try
    /// tells whoever takes the range over that the task is not of it any more.
    pub(super) fn depart(&mut self, closed: &Closed, why: FailureKind) {
        let token = self.runs.get(&closed.run_id).and_then(|run| run.tokens.get(&closed.held.id));
        if token.is_none_or(|token| token.held != closed.held) {
            return;
        }
        let Try { task, attempt, phase } = closed.at;
        let (step, index) = (task.step, Some(task.index));
        let failure = Failure::new(why, "the task could not begin now; it goes on by itself");
        let written = Written::Retried { failure, retry_in: Duration::ZERO };
        let (receipt, log) = (Receipt::default(), Vec::new());
        self.leave_range(closed.run_id, closed.held.id, |range| {
            range.depart(closed.at.following().position(), Duration::ZERO);
            range.finished.push(Attempted { step, index, attempt, phase, written, receipt, log });
        });
    }

    /// One task less runs under a range: what is left of it waits for the next batch, the range for its other tasks.
    fn leave_range(&mut self, run_id: RunId, id: TokenId, leave: impl FnOnce(&mut RangeWork)) {
        let token = self.runs.get_mut(&run_id).and_then(|run| run.tokens.get_mut(&id));
        let Some(Work::Range(range)) = token.map(|token| &mut token.work) else {
            return;
        };
        leave(range);
        range.running -= 1;
        self.dirty.insert((run_id, id));
        self.fill_range(run_id, id);
    }

    fn cut_range(&mut self, run_id: RunId, id: TokenId, decided: Decided) {
        let Decided { moves, attempted, consumed, .. } = decided;
        let Some(token) = self.runs.get_mut(&run_id).and_then(|run| run.tokens.get_mut(&id)) else {
            return;
        };
        let mut attempts = match &mut token.work {
            Work::Range(range) => std::mem::take(&mut range.finished),
            Work::Resting | Work::Task(_) => Vec::new(),
        };
        attempts.push(attempted);
        // Going on lets the token rest, and what rests is not interrupted.
        token.stop();
        self.dirty.remove(&(run_id, id));
        if moves.finish.is_some()
            && let Some(run) = self.runs.get(&run_id)
        {
            run.stop();
        }
        self.go_on(run_id, id, Onward { moves, attempts, consumed, lost: 0 });
    }

    /// Every task of a range ended or departed.
    fn end_range(&mut self, run_id: RunId, id: TokenId) {
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let Some(token) = run.tokens.get_mut(&id) else {
            return;
        };
        let Work::Range(mut range) = std::mem::replace(&mut token.work, Work::Resting) else {
            return;
        };
        let step = range.step;
        let Some(width) = know_width(run, step) else {
            return self.shared.doubt.notify_one();
        };
        let arrival = Arrival { join: Join::Step(step), count: range.arriving(), of: width };
        if range.arriving() < width || !range.births.is_empty() {
            let Some(token) = run.tokens.get(&id) else {
                return;
            };
            let mut delta = Delta::of(&run.facts, token.held, TokenMove::End);
            range.give(&mut delta);
            delta.arrive(&run.version.plan, arrival);
            return self.push(delta);
        }
        // This token carried the whole map step: nobody else can complete it, so it goes on by itself.
        let changes = run.state.close_map(step);
        let moves = Moves::of(&run.version.plan, &changes);
        let before = self.pending.len();
        let (attempts, consumed) = (range.finished, range.consumed);
        self.go_on(run_id, id, Onward { moves, attempts, consumed, lost: 0 });
        for delta in &mut self.pending[before..] {
            delta.arrivals.push(Arrives { arrival, map: true, bears: false });
        }
    }
}
