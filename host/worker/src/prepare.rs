//! What a lane must know before it can go on with a token: the version, the answers it stands on.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use model::{Failure, FailureKind, Plan, Position, StepIndex, Version};
use store::{Claimed, Loaded, Need};

use crate::{AGAIN, Shared};

/// A token with everything its lane needs to go on.
pub(crate) struct Prepared {
    pub(crate) claimed: Claimed,
    pub(crate) version: Arc<Version>,
    pub(crate) loaded: Loaded,
    pub(crate) widths: Vec<(StepIndex, u32)>,
    /// Of a range: the tasks that have an outcome.
    pub(crate) done: HashSet<u32>,
    /// Of a range: the tasks that have a token of their own.
    pub(crate) departed: HashSet<u32>,
    /// What it stands on is more than may be in one hand.
    pub(crate) is_too_large: bool,
}

impl Prepared {
    /// A token that needs nothing but its version.
    pub(crate) fn bare(claimed: Claimed, version: Arc<Version>) -> Self {
        Self {
            claimed,
            version,
            loaded: Loaded::default(),
            widths: Vec::new(),
            done: HashSet::new(),
            departed: HashSet::new(),
            is_too_large: false,
        }
    }
}

/// The answers a position stands on.
pub(crate) fn needs(plan: &Plan, position: &Position) -> Vec<Need> {
    let step = position.step();
    let deps = &plan.step(step).needs;
    // A map over a map takes its elements one by one; how many there are is said apart.
    let element_wise = deps.first().is_some_and(|dep| plan.step(step).map && plan.step(*dep).map);
    match position {
        Position::Close(step) => {
            let by_itself = |after: &StepIndex| plan.takes_elements(*after);
            match plan.dependents(*step).iter().all(by_itself) {
                true => vec![Need::none_of(*step)],
                false => vec![Need::all(*step)],
            }
        }
        Position::Open(step) if plan.takes_elements(*step) => vec![Need::none_of(deps[0])],
        Position::Task { task, .. } if element_wise => {
            vec![Need { step: deps[0], lo: task.index, hi: task.index + 1 }]
        }
        Position::Range { lo, hi, .. } if element_wise => {
            vec![Need { step: deps[0], lo: *lo, hi: *hi }]
        }
        Position::Open(_) | Position::Task { .. } | Position::Range { .. } => {
            deps.iter().copied().map(Need::all).collect()
        }
    }
}

/// Reads that Postgres may refuse before what they are for counts as unreadable.
const MOST_REFUSED: u32 = 5;

/// Reads what a token needs, however long Postgres is away. An error gives the claim back: it cannot be read.
pub(crate) async fn prepare(shared: &Shared, claimed: Claimed) -> Result<Prepared, Claimed> {
    let prepared = patiently(|| try_prepare(shared, &claimed)).await;
    prepared.map_err(|_| {
        tracing::error!(run = %claimed.run.run_id, "a run cannot go on");
        claimed
    })
}

/// Asks the store again while Postgres is away.
pub(crate) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, store::Error>>,
{
    let mut refused = 0;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !matches!(error, store::Error::Unavailable(_) | store::Error::Collision) {
            refused += 1;
        }
        if refused >= MOST_REFUSED {
            tracing::error!(%error, "what an attempt needs cannot be read");
            let message = "what the attempt goes on with cannot be read";
            return Err(Failure::new(FailureKind::HostInternal, message));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn try_prepare(shared: &Shared, claimed: &Claimed) -> Result<Prepared, store::Error> {
    let store = &shared.store;
    let run = &claimed.run;
    let version = store.find_version(run.version_key()).await?;
    let version = version.ok_or_else(|| store::Error::Unreadable {
        what: format!("version {} of flow {}", run.version, run.flow_id.0),
        why: "it is gone".to_owned(),
    })?;
    let plan = Arc::clone(&version.plan);
    let mut prepared = Prepared::bare(claimed.clone(), version);
    let mut needs = needs(&plan, &claimed.position);
    if let Position::Range { step, lo, hi } = claimed.position
        && claimed.held.epoch > 1
    {
        // What was recorded of it may be what the next step is given.
        needs.push(Need { step, lo, hi });
    }
    if !needs.is_empty() {
        match store.load_outcomes(run, &needs).await? {
            Some(loaded) => prepared.loaded = loaded,
            None => prepared.is_too_large = true,
        }
    }
    let step = claimed.position.step();
    let maps = needs.iter().map(|need| need.step).chain([step]).filter(|step| plan.step(*step).map);
    let mut maps: Vec<StepIndex> = maps.collect();
    maps.dedup();
    if !maps.is_empty() {
        prepared.widths = store.load_widths(run, &maps).await?;
    }
    if let Position::Range { step, lo, hi } = claimed.position
        && claimed.held.epoch > 1
    {
        for gone in store.load_departed(run, Need { step, lo, hi }).await? {
            let set = if gone.ended { &mut prepared.done } else { &mut prepared.departed };
            set.insert(gone.index);
        }
        // A task that was split off ends under its own token.
        prepared.done.retain(|index| !prepared.departed.contains(index));
    }
    Ok(prepared)
}
