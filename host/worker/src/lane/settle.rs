//! After a batch was recorded: where its tokens go on, and what a run that ended leaves behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{Position, RunId, TenantId};
use store::{Claimed, Delta, Held, Joined, TokenMove};

use super::Lane;
use super::flush::Flushed;
use crate::owned::OwnedToken;
use crate::{AGAIN, admission};

impl Lane {
    /// What was recorded goes on.
    pub(super) fn settle(&mut self, flushed: Flushed) {
        self.shared.counters.batches.fetch_add(1, Ordering::Relaxed);
        self.shared.counters.stale.fetch_add(flushed.stale.len() as u64, Ordering::Relaxed);
        if flushed.doubt {
            // Nothing may follow what nobody knows to be recorded.
            self.abandon();
            self.shared.doubt.notify_one();
            return;
        }
        for (held, swept) in flushed.stale {
            if let Some(step) = swept {
                self.sweeping.remove(&(held.id.run_id, step));
                if let Some(run) = self.runs.get_mut(&held.id.run_id) {
                    run.state.rewind(step);
                }
            }
            self.let_go(held);
        }
        // Joins first: the delta that completed one may carry the run's last token here, and following it lets the run go.
        let mut ended = Vec::new();
        // Runs that failed in the same moment: the tokens that moved or were born in it outlived them.
        let mut orphaned = Vec::new();
        for joined in flushed.joined {
            match joined {
                Joined::Run(run_id) => ended.push(run_id),
                Joined::Token { held, position } if !self.join(held, position) => {
                    orphaned.push((held.id.tenant, held.id.run_id));
                }
                Joined::Token { .. } => {}
            }
        }
        let frees = |delta: &Delta| Some((delta.tenant, delta.frees.clone()?));
        self.free(flushed.recorded.iter().filter_map(frees).collect());
        for delta in flushed.recorded {
            let leaves_tokens = delta.token.1 != TokenMove::End || !delta.births.is_empty();
            if !self.follow(&delta) && leaves_tokens {
                orphaned.push((delta.tenant, delta.run_id));
            }
        }
        self.sweep_ended(orphaned);
        for run_id in ended {
            self.runs.remove(&run_id);
            self.shared.store.tell_ended(run_id);
        }
    }

    /// Deletes tokens of runs that have ended, beside the batches.
    fn sweep_ended(&self, runs: Vec<(TenantId, RunId)>) {
        if runs.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            while let Err(error) = shared.store.sweep_ended_runs(&runs).await {
                tracing::debug!(%error, "could not sweep ended runs yet");
                tokio::time::sleep(AGAIN).await;
            }
        });
    }

    /// Places under these keys are free: they go to those that wait for one, beside the batches. One that is not given
    /// here is given a little later.
    pub(super) fn free(&self, keys: Vec<(TenantId, String)>) {
        if keys.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            match shared.store.grant_places(&keys).await {
                Ok(granted) => admission::tell(&shared, granted),
                Err(error) => tracing::debug!(%error, "could not give places yet"),
            }
        });
    }

    /// Goes on after a delta was recorded. False: its run is not here any more.
    fn follow(&mut self, delta: &Delta) -> bool {
        let run_id = delta.run_id;
        if let Some(step) = delta.swept {
            self.sweeping.remove(&(run_id, step));
        }
        if delta.finish.is_some() {
            self.shared.store.tell_ended(run_id);
            self.runs.remove(&run_id);
            return true;
        }
        let (held, to) = delta.token;
        let mut go_on = Vec::new();
        let Some(run) = self.runs.get_mut(&run_id) else {
            return false;
        };
        match to {
            TokenMove::End => run.let_go(held),
            TokenMove::Park { wake_in, .. } => {
                run.let_go(held);
                self.offered(wake_in);
            }
            TokenMove::Keep { position, lost } => {
                if let Some(token) = run.tokens.get_mut(&held.id)
                    && token.held == held
                    && !delta.interim
                {
                    token.position = position;
                    token.lost = lost;
                    go_on.push(held.id);
                }
            }
        }
        for birth in &delta.births {
            if !birth.keep || !birth.wake_in.is_zero() {
                self.offered(birth.wake_in);
                continue;
            }
            let id = birth.id(delta.tenant, run_id);
            let held = Held { id, epoch: 1 };
            if let Some(run) = self.runs.get_mut(&run_id) {
                let token = OwnedToken::new(held, birth.position, birth.lost);
                run.tokens.insert(id, token);
                go_on.push(id);
            }
        }
        for id in go_on {
            self.enter(run_id, id);
        }
        self.drop_if_idle(run_id);
        true
    }

    /// A token is in the store for anybody: now, or when its moment has come.
    fn offered(&self, wake_in: Duration) {
        if wake_in.is_zero() {
            self.shared.seats.knock();
            self.shared.store.bell().ready();
        } else {
            self.shared.parked.notify_one();
        }
    }

    /// A join completed with one of our deltas: its token is ours. False: its run has ended meanwhile.
    fn join(&mut self, held: Held, position: Position) -> bool {
        let Some(run) = self.runs.get(&held.id.run_id) else {
            return false;
        };
        let claimed = Claimed { held, position, lost: 0, run: Arc::clone(&run.facts) };
        self.accept(claimed);
        true
    }
}
