//! Recording a lane's batch, whatever Postgres answers.

use std::sync::Arc;

use model::{Failure, FailureKind, Finish, Receipt, RunId, StepIndex};
use store::{Attempted, Delta, Error, Joined, TokenId, TokenMove, Written};

use super::{InFlight, Lane, MOST_IN_BATCH};
use crate::Shared;
use crate::owned::Work;

/// Collisions with other workers before a batch gives up.
const MOST_COLLISIONS: u32 = 20;

/// What became of a batch.
#[derive(Default)]
pub(super) struct Flushed {
    /// Durable.
    pub(super) recorded: Vec<Delta>,
    /// Joins that became complete with it.
    pub(super) joined: Vec<Joined>,
    /// Dropped: their tokens are not ours any more.
    pub(super) stale: Vec<(RunId, TokenId)>,
    /// Nobody knows whether the rest was committed.
    pub(super) doubt: bool,
}

impl Lane {
    /// Sends off what has gathered, if anything has.
    pub(super) fn take_off(&mut self) -> Option<InFlight> {
        self.gather_ranges();
        if self.pending.is_empty() {
            return None;
        }
        let rest = self.pending.split_off(self.pending.len().min(MOST_IN_BATCH));
        let batch = std::mem::replace(&mut self.pending, rest);
        let shared = Arc::clone(&self.shared);
        Some(Box::pin(async move { flush(&shared, batch).await }))
    }

    /// One delta for each range with attempts that ended: a statement can touch a token once.
    fn gather_ranges(&mut self) {
        for (run_id, token_id) in std::mem::take(&mut self.dirty) {
            let Some(run) = self.runs.get_mut(&run_id) else {
                continue;
            };
            let Some(token) = run.tokens.get_mut(&token_id) else {
                continue;
            };
            let Work::Range(range) = &mut token.work else {
                continue;
            };
            let to = TokenMove::Keep { position: token.position, lost: token.lost };
            let mut delta = Delta::of(&run.facts, token.held, to);
            delta.attempts = std::mem::take(&mut range.finished);
            delta.births = std::mem::take(&mut range.births);
            self.pending.push(delta);
        }
    }
}

async fn flush(shared: &Shared, mut batch: Vec<Delta>) -> Flushed {
    let mut flushed = Flushed::default();
    let mut collisions = 0;
    let worker = shared.id();
    while !batch.is_empty() {
        match shared.store.record(worker, &batch).await {
            Ok(joined) => {
                flushed.joined.extend(joined);
                flushed.recorded.append(&mut batch);
            }
            Err(Error::Stale) => {
                let Ok(lost) = drop_stale(shared, &mut batch, &mut flushed).await else {
                    flushed.doubt = true;
                    return flushed;
                };
                if lost == 0 {
                    tracing::error!("a batch was refused though every claim in it holds");
                    flushed.doubt = true;
                    return flushed;
                }
            }
            Err(Error::Collision) if collisions < MOST_COLLISIONS => collisions += 1,
            Err(Error::Refused(code)) if batch.len() == 1 && !is_substitute(&batch[0]) => {
                tracing::error!(%code, run = %batch[0].run_id, "Postgres refused an outcome");
                substitute(&mut batch[0]);
            }
            Err(Error::Refused(_)) if batch.len() > 1 => {
                // One of them; the others are not to suffer for it.
                for delta in std::mem::take(&mut batch) {
                    let alone = Box::pin(flush(shared, vec![delta])).await;
                    flushed.recorded.extend(alone.recorded);
                    flushed.joined.extend(alone.joined);
                    flushed.stale.extend(alone.stale);
                    flushed.doubt |= alone.doubt;
                }
            }
            Err(
                error @ (Error::Collision
                | Error::Refused(_)
                | Error::Unavailable(_)
                | Error::Migration(_)
                | Error::Unreadable { .. }
                | Error::Statement { .. }),
            ) => {
                tracing::warn!(%error, deltas = batch.len(), "could not record");
                flushed.doubt = true;
                return flushed;
            }
        }
    }
    flushed
}

/// Takes the deltas out whose tokens are not ours any more; how many these were.
async fn drop_stale(
    shared: &Shared,
    batch: &mut Vec<Delta>,
    flushed: &mut Flushed,
) -> Result<usize, Error> {
    let tokens: Vec<_> = batch.iter().map(|delta| delta.token.0).collect();
    let held = shared.store.find_held(shared.id(), &tokens).await?;
    let before = batch.len();
    let mut held = held.into_iter();
    batch.retain(|delta| {
        let holds = held.next().unwrap_or(false);
        if !holds {
            flushed.stale.push((delta.run_id, delta.token.0.id));
        }
        holds
    });
    Ok(before - batch.len())
}

/// Replaces what Postgres refused by a failure without any of the guest's bytes, so that no guest can keep a run
/// running by what it answers.
fn substitute(delta: &mut Delta) {
    let failure = Failure::new(FailureKind::HostInternal, "the outcome could not be recorded");
    let (step, index, attempt) = delta
        .attempts
        .first()
        .map_or((StepIndex(0), None, 1), |first| (first.step, first.index, first.attempt));
    delta.token.1 = TokenMove::End;
    delta.attempts = vec![Attempted {
        step,
        index,
        attempt,
        written: Written::Failed(failure.clone()),
        receipt: Receipt::default(),
        log: Vec::new(),
    }];
    delta.arrivals.clear();
    delta.births.clear();
    delta.finish = Some(Finish::Failed { step, failure });
}

fn is_substitute(delta: &Delta) -> bool {
    matches!(&delta.finish, Some(Finish::Failed { failure, .. }) if failure.kind == FailureKind::HostInternal)
        && delta.births.is_empty()
        && delta.arrivals.is_empty()
}
