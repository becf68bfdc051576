//! Quarantine: a component that hurts again and again is not called any more, until its owner releases it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::limits::MAX_LOST;
use model::{Digest, FailureKind, Step, TenantId};
use sandbox::Ended;
use store::{Actor, By, RunFacts};

use crate::Shared;

/// When a component is put in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineRule {
    /// After so many attempts in a window that trapped, timed out or wanted more than they may have, with no more good
    /// ones beside them; 0: never. Defaults to 50.
    pub failures: u32,
    /// The window. Defaults to a minute.
    pub window: Duration,
}

impl Default for QuarantineRule {
    fn default() -> Self {
        Self { failures: 50, window: Duration::from_secs(60) }
    }
}

/// Components whose windows are remembered before those that are over are looked for.
const MANY: usize = 1_000;

type Component = (TenantId, Digest);

/// What this worker knows of components.
#[derive(Default)]
pub(crate) struct Watch(Mutex<State>);

#[derive(Default)]
struct State {
    quarantined: HashSet<Component>,
    windows: HashMap<Component, Window>,
}

struct Window {
    since: Instant,
    bad: u32,
    good: u32,
}

impl Watch {
    /// True: the component is not to be called.
    pub(crate) fn holds(&self, component: Component) -> bool {
        self.lock().quarantined.contains(&component)
    }

    /// Learns what is in quarantine now.
    pub(crate) fn learn(&self, quarantined: HashSet<Component>) {
        self.lock().quarantined = quarantined;
    }

    /// Counts an attempt; true: it was one too many.
    fn count(&self, component: Component, is_bad: bool, rule: QuarantineRule) -> bool {
        let mut state = self.lock();
        let is_over = |window: &Window| window.since.elapsed() >= rule.window;
        if state.windows.len() >= MANY {
            state.windows.retain(|_, window| !is_over(window));
        }
        if !is_bad {
            if let Some(window) = state.windows.get_mut(&component) {
                window.good = window.good.saturating_add(1);
            }
            return false;
        }
        let fresh = || Window { since: Instant::now(), bad: 0, good: 0 };
        let window = state.windows.entry(component).or_insert_with(fresh);
        if is_over(window) {
            *window = fresh();
        }
        window.bad = window.bad.saturating_add(1);
        let is_enough =
            rule.failures > 0 && window.bad >= rule.failures && window.bad >= window.good;
        if is_enough {
            state.windows.remove(&component);
        }
        is_enough
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an attempt that ended so may have hurt the host or its neighbours. What is narrower than its step says is soon used
/// up, and that says nothing of the component.
fn hurts(kind: FailureKind, is_narrowed: bool) -> bool {
    match kind {
        FailureKind::Timeout | FailureKind::OutOfFuel | FailureKind::MemoryExceeded => !is_narrowed,
        FailureKind::StackOverflow | FailureKind::Trap | FailureKind::AbiViolation => true,
        FailureKind::InvalidOutput
        | FailureKind::OutputTooLarge
        | FailureKind::SchemaMismatch
        | FailureKind::ConditionUnmet
        | FailureKind::CapabilityDenied
        | FailureKind::DependencyUnavailable
        | FailureKind::QuotaExceeded
        | FailureKind::DeadlineExceeded
        | FailureKind::WorkerLost
        | FailureKind::Interrupted
        | FailureKind::Skipped
        | FailureKind::TooManyPhases
        | FailureKind::HostInternal
        | FailureKind::ComponentUnavailable
        | FailureKind::HandlerError(_) => false,
    }
}

/// Takes note of how a call of a component ended; narrowed: it may have used less than its step says.
pub(crate) async fn note(shared: &Shared, component: Component, is_narrowed: bool, ended: &Ended) {
    let bad = match ended {
        Ended::Failed(failure) => Some(failure.kind).filter(|kind| hurts(*kind, is_narrowed)),
        Ended::Answered(_)
        | Ended::Skipped(_)
        | Ended::GoesOn(_)
        | Ended::GaveUp(_)
        | Ended::Undecided => None,
        Ended::Cancelled | Ended::NoRoom => return,
    };
    let rule = shared.settings.quarantine;
    if shared.watch.count(component, bad.is_some(), rule)
        && let Some(kind) = bad
    {
        let QuarantineRule { failures, window } = rule;
        let reason = format!(
            "{failures} attempts within {} s trapped, timed out or wanted more than they may have; the last one: `{kind}`",
            window.as_secs()
        );
        put(shared, component, &reason).await;
    }
}

/// A task of the step was lost with its worker as often as a task may be.
pub(crate) fn suspect(shared: &Arc<Shared>, run: &RunFacts, step: &Step) {
    let Some(digest) = step.component else {
        return;
    };
    let (shared, component) = (Arc::clone(shared), (run.tenant, digest));
    let reason = format!(
        "a task of step `{}` in run {} was lost with its worker {MAX_LOST} times: it is suspected of ending the host",
        step.name, run.run_id
    );
    tokio::spawn(async move { put(&shared, component, &reason).await });
}

async fn put(shared: &Shared, (tenant, digest): Component, reason: &str) {
    match shared.store.quarantine(By { tenant, actor: Actor::Host }, digest, reason).await {
        Ok(true) => {
            shared.watch.lock().quarantined.insert((tenant, digest));
            tracing::warn!(tenant = tenant.0, %digest, reason, "a component is in quarantine");
        }
        Ok(false) => {}
        // It is called again once what is in quarantine is looked at; it will be counted again.
        Err(error) => tracing::warn!(%error, %digest, "could not put a component in quarantine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: Component = (TenantId(1), Digest([7; 32]));
    const RULE: QuarantineRule = QuarantineRule { failures: 3, window: Duration::from_secs(60) };

    #[test]
    fn a_component_that_hurts_again_and_again_is_held() {
        let watch = Watch::default();
        let bad = || watch.count(COMPONENT, true, RULE);
        assert_eq!([bad(), bad(), bad()], [false, false, true]);
        assert!(!bad());
        watch.learn(HashSet::from([COMPONENT]));
        assert!(watch.holds(COMPONENT));
        watch.learn(HashSet::new());
        assert!(!watch.holds(COMPONENT));
    }

    #[test]
    fn one_that_mostly_answers_is_not() {
        let watch = Watch::default();
        watch.count(COMPONENT, true, RULE);
        for _ in 0..9 {
            watch.count(COMPONENT, false, RULE);
        }
        assert!((0..7).all(|_| !watch.count(COMPONENT, true, RULE)));
    }

    #[test]
    fn none_is_where_the_rule_says_never() {
        let watch = Watch::default();
        let never = QuarantineRule { failures: 0, ..RULE };
        assert!((0..1_000).all(|_| !watch.count(COMPONENT, true, never)));
    }
}
