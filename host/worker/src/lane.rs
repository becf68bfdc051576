//! A lane: the runs it owns, the rule applied to them, and one batch in flight while the next gathers.

mod blamed;
mod flush;
mod interrupted;
mod launch;
mod range;
mod settle;
mod turn;
mod unmade;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use model::{Failure, FailureKind, Finish, Position, RunId, StepIndex};
use store::{Claimed, Delta, Held, Interrupted, Seat, TokenId, TokenMove, Written};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::Shared;
use crate::attempt::{Closed, Try};
use crate::lane::flush::Flushed;
use crate::owned::{OwnedRun, OwnedToken};
use crate::prepare::{Prepared, needs, prepare};

/// What a lane is told.
pub(crate) enum Message {
    /// A token was claimed.
    Claimed(Claimed),
    /// A claimed token's facts are here; its seat until its attempts have theirs.
    Prepared(Box<Prepared>, Seat),
    /// A claimed token's facts cannot be read, now or later.
    Unpreparable(Box<Claimed>),
    /// An attempt ended.
    Closed(Box<Closed>),
    /// A run was stopped.
    Stopped(RunId),
    /// Finish what is in flight, begin nothing; answer when done.
    Drain(oneshot::Sender<()>),
    /// Forget everything; answer when done.
    Abandon(oneshot::Sender<()>),
}

/// Messages taken at once before a batch is sent off.
const MESSAGES: usize = 512;

/// Deltas in one batch; nearly everything a batch can win is won by then.
const MOST_IN_BATCH: usize = 256;

/// How often a lane looks whether its runs were ended elsewhere, should a bell be lost.
const LOOK: Duration = Duration::from_secs(2);

/// One lane. All completions of a run go through the same one, in order.
pub(crate) struct Lane {
    shared: Arc<Shared>,
    /// Which one of the worker's.
    number: i16,
    runs: HashMap<RunId, OwnedRun>,
    pending: Vec<Delta>,
    /// Ranges with attempts that ended and are not in a delta yet.
    dirty: HashSet<(RunId, TokenId)>,
    /// Map steps whose end, decided by one of their tasks, is not recorded yet.
    sweeping: HashSet<(RunId, StepIndex)>,
    /// Attempts that have not answered.
    running: usize,
    /// Begins nothing any more.
    draining: bool,
    drained: Option<oneshot::Sender<()>>,
    /// Attempts that ended after their run had.
    interrupted: Vec<Interrupted>,
}

type InFlight = Pin<Box<dyn Future<Output = Flushed> + Send>>;

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>, number: i16) -> Self {
        Self {
            shared,
            number,
            runs: HashMap::new(),
            pending: Vec::new(),
            dirty: HashSet::new(),
            sweeping: HashSet::new(),
            running: 0,
            draining: false,
            drained: None,
            interrupted: Vec::new(),
        }
    }

    /// Works until the worker ends.
    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut messages = Vec::with_capacity(MESSAGES);
        let mut in_flight: Option<InFlight> = None;
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                count = inbox.recv_many(&mut messages, MESSAGES) => {
                    if count == 0 {
                        return;
                    }
                    for message in messages.drain(..) {
                        if let Message::Abandon(answer) = message {
                            // What is in flight ends first: its outcome is unknown only while it runs.
                            if let Some(flushing) = in_flight.take() {
                                drop(flushing.await);
                            }
                            self.abandon();
                            // Whoever asked may have gone away.
                            let _ = answer.send(());
                        } else {
                            self.take(message);
                        }
                    }
                }
                flushed = landed(&mut in_flight) => {
                    in_flight = None;
                    self.settle(flushed);
                }
                _ = look.tick() => self.look(),
            }
            if in_flight.is_none() {
                in_flight = self.take_off();
            }
            self.keep_interrupted();
            if in_flight.is_none() && self.running == 0 {
                // Whoever asked may have gone away.
                self.drained.take().map(|answer| answer.send(()));
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Claimed(claimed) => {
                let tenant = claimed.run.tenant;
                self.accept(claimed);
                // Only now: who looks for room meanwhile finds the seat taken.
                self.shared.seats.give_back(tenant, 1);
            }
            Message::Prepared(prepared, seat) => {
                self.begin(*prepared);
                drop(seat);
            }
            Message::Unpreparable(claimed) => self.give_up(&claimed),
            Message::Closed(closed) => {
                self.running -= 1;
                self.close(*closed);
            }
            Message::Stopped(run_id) => self.forget(run_id),
            Message::Drain(answer) => {
                self.draining = true;
                self.drained = Some(answer);
            }
            Message::Abandon(_) => unreachable!("the loop handles it"),
        }
    }

    /// Begins at once when everything is known, else has it read first.
    fn accept(&mut self, claimed: Claimed) {
        let Some(version) = self.shared.store.kept_version(claimed.run.version_key()) else {
            return self.read_first(claimed);
        };
        let needs = needs(&version.plan, &claimed.position);
        let fresh_range = !matches!(claimed.position, Position::Range { .. });
        let run = self.runs.get(&claimed.run.run_id);
        let known = needs.iter().all(|need| run.is_some_and(|run| run.state.is_known(need.step)));
        if known && fresh_range && (needs.is_empty() || run.is_some()) {
            self.begin(Prepared::bare(claimed, version));
        } else {
            self.read_first(claimed);
        }
    }

    pub(super) fn read_first(&self, claimed: Claimed) {
        let shared = Arc::clone(&self.shared);
        // What is being read is in hand like anything else.
        let seat = shared.seats.sit(claimed.run.tenant);
        tokio::spawn(async move {
            let run_id = claimed.run.run_id;
            let message = match prepare(&shared, claimed).await {
                Ok(prepared) => Message::Prepared(Box::new(prepared), seat),
                Err(claimed) => Message::Unpreparable(Box::new(claimed)),
            };
            shared.send(run_id, message);
        });
    }

    /// A run that cannot go on fails: held and silent it would run forever.
    fn give_up(&mut self, claimed: &Claimed) {
        let mut delta = Delta::of(&claimed.run, claimed.held, TokenMove::End);
        let failure = Failure::new(FailureKind::HostInternal, "the run cannot be read");
        let step = claimed.position.step();
        delta.attempts.push(turn::unattempted(step, Written::Failed(failure.clone())));
        delta.finish = Some(Finish::Failed { step, failure });
        self.push(delta);
    }

    /// Takes a token in hand.
    fn begin(&mut self, mut prepared: Prepared) {
        if self.draining {
            return;
        }
        let run_id = prepared.claimed.run.run_id;
        let Claimed { held, position, lost, .. } = prepared.claimed;
        let run = self.runs.get(&run_id);
        if run.and_then(|run| run.tokens.get(&held.id)).is_some_and(|t| t.held.epoch >= held.epoch)
        {
            // Read for a claim that was given back since.
            return;
        }
        if self.sweeping.contains(&(run_id, position.step())) {
            // Claimed while the end of its map step is on its way to the store. Should that come to nothing, it is needed.
            let to = TokenMove::Park { position, lost, wake_in: Duration::ZERO };
            let delta = Delta::of(&prepared.claimed.run, held, to);
            return self.push(delta);
        }
        let known = run.is_some();
        let run = self.runs.entry(run_id).or_insert_with(|| OwnedRun::new(&prepared));
        if known && held.epoch > 1 {
            run.state.rewind(position.step());
        }
        run.learn(&mut prepared);
        let token = OwnedToken::new(held, position, lost);
        if let Some(taken_away) = run.tokens.insert(held.id, token) {
            taken_away.stop();
        }
        match position {
            Position::Range { step, lo, hi } => {
                self.begin_range(run_id, held.id, (step, lo, hi), &prepared);
            }
            Position::Task { task, attempt, phase } if prepared.is_too_large => {
                self.refuse_task(run_id, held, Try { task, attempt, phase });
            }
            Position::Open(_) | Position::Close(_) | Position::Task { .. } => {
                if prepared.is_too_large {
                    // The rule says what that means for the steps that are given it.
                    run.mark_too_large(position);
                }
                self.enter(run_id, held.id);
            }
        }
    }

    fn drop_if_idle(&mut self, run_id: RunId) {
        if self.runs.get(&run_id).is_some_and(|run| run.tokens.is_empty()) {
            self.runs.remove(&run_id);
        }
    }

    /// A token is not ours any more.
    fn let_go(&mut self, held: Held) {
        if let Some(run) = self.runs.get_mut(&held.id.run_id) {
            run.let_go(held);
        }
        self.drop_if_idle(held.id.run_id);
    }

    /// A run ended elsewhere: what runs for it is interrupted, what was not recorded is dropped.
    fn forget(&mut self, run_id: RunId) {
        if let Some(run) = self.runs.remove(&run_id) {
            run.stop();
        }
        self.dirty.retain(|(dirty, _)| *dirty != run_id);
        self.sweeping.retain(|(sweeping, _)| *sweeping != run_id);
        self.pending.retain(|delta| delta.run_id != run_id || delta.finish.is_some());
    }

    /// A map step was skipped: what else of it is in hand goes; `keep` is the token that goes on after it.
    fn sweep(&mut self, run_id: RunId, step: StepIndex, keep: TokenId) {
        self.sweeping.insert((run_id, step));
        let Some(run) = self.runs.get_mut(&run_id) else {
            return;
        };
        let others =
            run.tokens.iter().filter(|(id, token)| **id != keep && token.position.step() == step);
        let others: Vec<TokenId> = others.map(|(id, _)| *id).collect();
        for id in others {
            if let Some(token) = run.tokens.remove(&id) {
                token.stop();
            }
            self.dirty.remove(&(run_id, id));
            self.pending.retain(|delta| delta.token.0.id != id);
        }
    }

    fn abandon(&mut self) {
        for run in self.runs.values() {
            run.stop();
        }
        self.runs.clear();
        self.dirty.clear();
        self.sweeping.clear();
        self.pending.clear();
    }

    /// Looks whether runs were ended elsewhere.
    fn look(&self) {
        if self.runs.is_empty() {
            return;
        }
        let held: Vec<_> =
            self.runs.values().map(|run| (run.facts.tenant, run.facts.run_id)).collect();
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            match shared.store.find_ended_runs(&held).await {
                Ok(ended) => {
                    // Born in the moment their run ended, some tokens outlived it.
                    if !ended.is_empty()
                        && let Err(error) = shared.store.sweep_ended_runs(&held).await
                    {
                        tracing::debug!(%error, "could not sweep ended runs");
                    }
                    for run_id in ended {
                        shared.send(run_id, Message::Stopped(run_id));
                    }
                }
                Err(error) => tracing::debug!(%error, "could not look for ended runs"),
            }
        });
    }
}

/// What is in flight, when it has landed; never when nothing is.
async fn landed(in_flight: &mut Option<InFlight>) -> Flushed {
    match in_flight {
        Some(flushing) => flushing.await,
        None => std::future::pending().await,
    }
}
