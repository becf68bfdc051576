//! Tasks whose worker was lost each time they were tried: the last try of one is made beside no other such one.

use std::sync::Arc;
use std::time::Duration;

use store::{Delta, TokenId, TokenMove};

use super::Lane;
use crate::attempt::Try;
use crate::owned::Work;

/// How long a task waits whose last try has to be made alone, while another's is.
const BLAMED_AGAIN: Duration = Duration::from_millis(100);

impl Lane {
    /// The last try of a task whose worker was lost each time before is made beside no other such one, so that no innocent one is
    /// lost with it. False: another one is at work, and this one waits elsewhere.
    pub(super) fn take_blame(&mut self, id: TokenId, at: Try) -> bool {
        let Some(run) = self.runs.get_mut(&id.run_id) else {
            return false;
        };
        let Some(token) = run.tokens.get_mut(&id) else {
            return false;
        };
        if let Ok(blamed) = Arc::clone(&self.shared.blamed).try_acquire_owned() {
            token.blamed = Some(blamed);
            return true;
        }
        token.work = Work::Resting;
        let (position, lost, wake_in) = (at.position(), token.lost, BLAMED_AGAIN);
        let delta = Delta::of(&run.facts, token.held, TokenMove::Park { position, lost, wake_in });
        self.push(delta);
        false
    }
}
