//! The start of an attempt: with what it is given, or after that was read.

use std::sync::Arc;

use model::limits::MAX_ANSWERS_BYTES;
use model::{Failure, FailureKind, Input, RunId};
use sandbox::Stop;
use store::{Claimed, Held, TokenId};

use super::Lane;
use crate::attempt::{Attempt, Closed, Made, Try, launch};
use crate::owned::{OwnedToken, Work};

impl Lane {
    /// A task is given more than it may be: its attempt fails, and its step says what follows.
    pub(super) fn refuse_task(&mut self, run_id: RunId, held: Held, at: Try) {
        let token = self.runs.get_mut(&run_id).and_then(|run| run.tokens.get_mut(&held.id));
        let Some(token) = token else { return };
        token.work = Work::Task(Stop::default());
        let message = format!("the step is given more than {MAX_ANSWERS_BYTES} bytes");
        let mut failure = Failure::new(FailureKind::SchemaMismatch, message);
        failure.retry.retry = Some(false);
        self.close(Closed { run_id, held, at, made: Made::failed(failure) });
    }

    pub(super) fn launch(&mut self, id: TokenId, at: Try, stop: Stop) {
        let Some(run) = self.runs.get_mut(&id.run_id) else {
            return;
        };
        match run.state.input_of(at.task) {
            Some(input) => self.launch_with(id, at, stop, input),
            None => self.read_again(id),
        }
    }

    /// Somebody else recorded a part of what the token stands on, or it was too much to keep: it is read first.
    pub(super) fn read_again(&mut self, id: TokenId) {
        let Some(run) = self.runs.get_mut(&id.run_id) else {
            return;
        };
        let facts = Arc::clone(&run.facts);
        if let Some(OwnedToken { held, position, lost, .. }) = run.tokens.remove(&id) {
            self.read_first(Claimed { held, position, lost, run: facts });
        }
    }

    pub(super) fn launch_with(&mut self, id: TokenId, at: Try, stop: Stop, input: Input) {
        let Some(run) = self.runs.get_mut(&id.run_id) else {
            return;
        };
        let Some(token) = run.tokens.get(&id) else {
            return;
        };
        let (held, alone) = (token.held, matches!(token.work, Work::Task(_)));
        let (facts, version) = (Arc::clone(&run.facts), Arc::clone(&run.version));
        let seat = self.shared.seats.sit(facts.tenant);
        self.running += 1;
        let attempt = Attempt { held, run: facts, version, at, alone, input, stop, seat };
        launch(&self.shared, attempt);
    }
}
