//! Attempts whose run ended before they did: nothing follows from them, but what they used is kept.

use std::sync::Arc;

use store::Interrupted;

use super::Lane;
use crate::attempt::{Closed, Try};
use crate::{AGAIN, Shared};

/// How often the end of a run is waited for: it may be in a batch that is being recorded.
const TRIES: u32 = 5;

impl Lane {
    /// Takes note of an attempt that decides nothing any more.
    pub(super) fn interrupt(&mut self, closed: Closed) {
        let Closed { held, run_id, at, made } = closed;
        let Try { task, attempt, phase } = at;
        let (tenant, receipt, log) = (held.id.tenant, made.receipt, made.log);
        self.shared.burnt.add_one(tenant, &receipt);
        self.free(made.key.map(|key| (tenant, key)).into_iter().collect());
        self.interrupted.push(Interrupted { tenant, run_id, task, attempt, phase, receipt, log });
    }

    /// Sends off what has gathered, beside the batches: nobody waits for it.
    pub(super) fn keep_interrupted(&mut self) {
        if !self.interrupted.is_empty() {
            let attempts = std::mem::take(&mut self.interrupted);
            tokio::spawn(keep(Arc::clone(&self.shared), attempts));
        }
    }
}

/// Keeps what belongs to runs that have ended. What is left belongs to tokens that somebody else took.
async fn keep(shared: Arc<Shared>, mut attempts: Vec<Interrupted>) {
    for _ in 0..TRIES {
        match shared.store.keep_interrupted(shared.recorder(), &attempts).await {
            Ok(ended) => attempts.retain(|attempt| !ended.contains(&attempt.run_id)),
            Err(error) => tracing::debug!(%error, "could not keep interrupted attempts yet"),
        }
        if attempts.is_empty() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}
