//! Attempts that were not made: what they lack is waited for.

use std::time::Duration;

use store::{Delta, FOREVER, Progress, TokenMove};

use super::Lane;
use crate::attempt::{Closed, Try, Unmade};
use crate::owned::Work;

impl Lane {
    /// No attempt was made: the token waits in the store already, or parks again where it was.
    pub(super) fn close_unmade(&mut self, closed: &Closed, unmade: Unmade) {
        let (run_id, Try { task, phase, .. }) = (closed.run_id, closed.at);
        let go_on = match unmade {
            Unmade::WaitsOn(go_on) => Some(go_on),
            Unmade::NotHere => None,
            Unmade::GivenBack => {
                self.shared.gated.notify_one();
                let key = closed.made.key.clone();
                self.free(key.map(|key| (closed.held.id.tenant, key)).into_iter().collect());
                return self.let_go(closed.held);
            }
            Unmade::Departs(why) => return self.depart(closed, why),
        };
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let Some(token) = run.tokens.get_mut(&closed.held.id) else {
            return;
        };
        if token.held != closed.held || !matches!(token.work, Work::Task(_)) {
            return;
        }
        token.work = Work::Resting;
        token.blamed = None;
        token.key = closed.made.key.clone();
        let position = closed.at.position();
        let wake_in = match &go_on {
            Some(go_on) => go_on.wait.longest().unwrap_or(FOREVER),
            None => Duration::ZERO,
        };
        let to = TokenMove::Park { position, lost: token.lost, wake_in };
        let mut delta = Delta::of(&run.facts, token.held, to);
        delta.progress.extend(go_on.map(|go_on| Progress {
            task,
            phase,
            go_on,
            state: None,
            children: Vec::new(),
        }));
        self.push(delta);
    }
}
