//! The start of an attempt: with what it is given, or after that was read.

use std::sync::Arc;

use model::Input;
use sandbox::Stop;
use store::{Claimed, TokenId};

use super::Lane;
use crate::attempt::{Attempt, Try, launch};
use crate::owned::{OwnedToken, Work};

impl Lane {
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
