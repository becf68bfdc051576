//! Recording a lane's batch, whatever Postgres answers.

use std::sync::Arc;

use model::{Failure, FailureKind, Finish, RunId, StepIndex};
use store::{Attempted, Delta, Error, Held, Joined, TokenId, TokenMove, Written};

use super::turn::unattempted;
use super::{InFlight, Lane, MOST_IN_BATCH};
use crate::Shared;
use crate::owned::Work;

/// Bytes of answers and logs in one batch, the first delta not counted.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Collisions with other workers before a batch gives up.
const MOST_COLLISIONS: u32 = 20;

/// What became of a batch.
#[derive(Default)]
pub(super) struct Flushed {
    /// Durable.
    pub(super) recorded: Vec<Delta>,
    /// Joins that became complete with it.
    pub(super) joined: Vec<Joined>,
    /// Dropped: their tokens are not ours any more, nor was the map step ended that they would have ended.
    pub(super) stale: Vec<(Held, Option<StepIndex>)>,
    /// Nobody knows whether the rest was committed.
    pub(super) doubt: bool,
}

impl Lane {
    /// Sends off what has gathered, if anything has.
    pub(super) fn take_off(&mut self) -> Option<InFlight> {
        let mut bytes = 0;
        let fits = |delta: &&Delta| {
            bytes += delta.bytes();
            bytes <= MOST_BYTES
        };
        let most = self.pending.iter().take(MOST_IN_BATCH).take_while(fits).count();
        let rest = self.pending.split_off(most.max(1).min(self.pending.len()));
        let mut batch = std::mem::replace(&mut self.pending, rest);
        // Straight into this batch: a statement can touch a token once, and the range may end before the next one.
        while batch.len() < MOST_IN_BATCH
            && let Some(key) = self.dirty.iter().next().copied()
        {
            self.dirty.remove(&key);
            batch.extend(self.gather(key));
        }
        if batch.is_empty() {
            return None;
        }
        let shared = Arc::clone(&self.shared);
        let lane = self.number;
        Some(Box::pin(async move { flush(&shared, lane, batch).await }))
    }

    /// What the tasks of a range have ended in since it was recorded last.
    fn gather(&mut self, (run_id, token_id): (RunId, TokenId)) -> Option<Delta> {
        let run = self.runs.get_mut(&run_id)?;
        let token = run.tokens.get_mut(&token_id)?;
        let Work::Range(range) = &mut token.work else {
            return None;
        };
        let to = TokenMove::Keep { position: token.position, lost: token.lost };
        let mut delta = Delta::of(&run.facts, token.held, to);
        delta.interim = true;
        range.give(&mut delta);
        Some(delta)
    }
}

async fn flush(shared: &Shared, lane: i16, mut batch: Vec<Delta>) -> Flushed {
    let mut flushed = Flushed::default();
    let mut collisions = 0;
    let worker = shared.recorder();
    while !batch.is_empty() {
        match shared.store.record((worker, lane), &batch).await {
            Ok(joined) => {
                shared.burnt.add(&batch);
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
            Err(Error::Refused(code) | Error::Statement { code, .. })
                if batch.len() == 1 && !is_substitute(&batch[0]) =>
            {
                tracing::error!(%code, run = %batch[0].run_id, "Postgres refused an outcome");
                substitute(&mut batch[0]);
            }
            Err(Error::Refused(_) | Error::Statement { .. }) if batch.len() > 1 => {
                // One of them; the others are not to suffer for it.
                for delta in std::mem::take(&mut batch) {
                    let alone = Box::pin(flush(shared, lane, vec![delta])).await;
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
    let held = shared.store.find_held(shared.recorder(), &tokens).await?;
    let before = batch.len();
    let mut held = held.into_iter();
    batch.retain(|delta| {
        let holds = held.next().unwrap_or(false);
        if !holds {
            flushed.stale.push((delta.token.0, delta.swept));
        }
        holds
    });
    Ok(before - batch.len())
}

/// Replaces what Postgres refused by the run's failure without any of the guest's bytes, so that no guest can keep a
/// run running by what it answers.
fn substitute(delta: &mut Delta) {
    let failure = Failure::new(FailureKind::HostInternal, "the outcome could not be recorded");
    let first = delta.attempts.drain(..).next();
    let attempted = match first {
        Some(refused) => {
            Attempted { written: Written::Failed(failure.clone()), log: Vec::new(), ..refused }
        }
        None => unattempted(delta.token.0.id.born_step, Written::Failed(failure.clone())),
    };
    let step = attempted.step;
    delta.token.1 = TokenMove::End;
    delta.attempts = vec![attempted];
    delta.arrivals.clear();
    delta.births.clear();
    delta.progress.clear();
    delta.interim = false;
    delta.swept = None;
    delta.finish = Some(Finish::Failed { step, failure });
}

fn is_substitute(delta: &Delta) -> bool {
    let by_host = |failure: &Failure| failure.kind == FailureKind::HostInternal;
    matches!(&delta.finish, Some(Finish::Failed { failure, .. }) if by_host(failure))
        && matches!(&delta.attempts[..], [Attempted { written: Written::Failed(failure), .. }] if by_host(failure))
}
