//! The runs and tokens a lane has in hand.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{Counting, Input, Position, RunState, StepIndex, Version};
use sandbox::Stop;
use store::{Attempted, Birth, Delta, Held, Progress, RunFacts, TokenId};

use tokio::sync::OwnedSemaphorePermit;

use crate::prepare::Prepared;

/// A run this lane has tokens of.
pub(crate) struct OwnedRun {
    pub(crate) facts: Arc<RunFacts>,
    pub(crate) version: Arc<Version>,
    pub(crate) state: RunState,
    pub(crate) tokens: HashMap<TokenId, OwnedToken>,
}

/// A token in hand. Its position may be ahead of the stored one: what follows from recorded facts alone is not
/// recorded again.
pub(crate) struct OwnedToken {
    pub(crate) held: Held,
    pub(crate) position: Position,
    pub(crate) lost: u32,
    pub(crate) work: Work,
    /// The key under which its attempt had a place, until that is recorded to be free.
    pub(crate) key: Option<String>,
    /// Held while the last try of a task is made whose worker was lost each time before.
    pub(crate) blamed: Option<OwnedSemaphorePermit>,
}

/// What is going on at a token.
pub(crate) enum Work {
    /// Nothing yet, or it is being recorded.
    Resting,
    /// One attempt.
    Task(Stop),
    /// The attempts of a range.
    Range(RangeWork),
}

/// A range of map tasks at work.
pub(crate) struct RangeWork {
    pub(crate) stop: Stop,
    pub(crate) step: StepIndex,
    pub(crate) lo: u32,
    pub(crate) hi: u32,
    /// Tasks whose attempt has not begun, with what they are given: they wait until the tenant has room for it.
    pub(crate) left: VecDeque<(u32, Input)>,
    /// Attempts that have not ended.
    pub(crate) running: u32,
    /// Tasks that have a token of their own.
    pub(crate) departed: u32,
    /// Attempts that ended and are not recorded yet.
    pub(crate) finished: Vec<Attempted>,
    /// Tokens for tasks that will be tried again, or go on.
    pub(crate) births: Vec<Birth>,
    /// Where tasks go on, and is not recorded yet.
    pub(crate) progress: Vec<Progress>,
    /// Signals that were consumed, and is not recorded yet.
    pub(crate) consumed: Vec<i64>,
}

impl RangeWork {
    /// Hands what is not recorded yet to a delta.
    pub(crate) fn give(&mut self, delta: &mut Delta) {
        delta.attempts = std::mem::take(&mut self.finished);
        delta.births = std::mem::take(&mut self.births);
        delta.progress = std::mem::take(&mut self.progress);
        delta.consumed = std::mem::take(&mut self.consumed);
    }

    /// A task gets a token of its own, ready after this wait.
    pub(crate) fn depart(&mut self, position: Position, wake_in: Duration) {
        self.births.push(Birth { position, lost: 0, keep: false, wake_in, departs: true });
        self.departed += 1;
    }

    /// Tasks that arrive under this token.
    pub(crate) fn arriving(&self) -> u32 {
        self.hi - self.lo - self.departed
    }
}

impl OwnedRun {
    /// A run of which only what was prepared is known.
    pub(crate) fn new(prepared: &Prepared) -> Self {
        let facts = Arc::clone(&prepared.claimed.run);
        let version = Arc::clone(&prepared.version);
        let state = RunState::new(Arc::clone(&version.plan), facts.input.clone(), Counting::Store)
            .with_options(facts.options.clone());
        Self { facts, version, state, tokens: HashMap::new() }
    }

    /// Takes note of what was read for a token.
    pub(crate) fn learn(&mut self, prepared: &mut Prepared) {
        for (step, width) in prepared.widths.drain(..) {
            self.state.learn_width(step, width);
        }
        self.state.make_room(&prepared.loaded.outputs);
        for (task, output) in prepared.loaded.outputs.drain(..) {
            self.state.learn(task, output);
        }
        for (step, reason) in prepared.loaded.skipped.drain(..) {
            self.state.learn_skipped(step, reason);
        }
    }

    /// What the token stands on is more than anybody may be given.
    pub(crate) fn mark_too_large(&mut self, position: Position) {
        let steps = match position {
            Position::Close(step) => vec![step],
            Position::Open(step) => self.version.plan.step(step).needs.clone(),
            Position::Task { .. } | Position::Range { .. } => Vec::new(),
        };
        self.state.mark_too_large(&steps);
    }

    /// A claim is over. A later claim of the same token stays.
    pub(crate) fn let_go(&mut self, held: Held) {
        if self.tokens.get(&held.id).is_some_and(|token| token.held == held) {
            self.tokens.remove(&held.id);
        }
    }

    /// Interrupts everything that runs for this run, within one tick.
    pub(crate) fn stop(&self) {
        self.tokens.values().for_each(OwnedToken::stop);
    }
}

impl OwnedToken {
    /// A token that was just taken in hand.
    pub(crate) fn new(held: Held, position: Position, lost: u32) -> Self {
        Self { held, position, lost, work: Work::Resting, key: None, blamed: None }
    }

    /// Interrupts what runs under this token, within one tick.
    pub(crate) fn stop(&self) {
        match &self.work {
            Work::Resting => {}
            Work::Task(stop) => stop.cancel(),
            Work::Range(range) => range.stop.cancel(),
        }
    }
}
