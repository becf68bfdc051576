//! Before an attempt: a place under its key, its share of a rate, its component. What is not there is waited for in the
//! store, where it holds nothing.

use std::sync::Arc;
use std::time::Duration;

use model::admission::{BadKey, key_of};
use model::{Digest, Failure, FailureKind, HandlerErrorKind, Json};
use store::{Granted, Held, Needed, Share, WaitingPlace};
use tokio::time::{Instant, sleep, timeout};

use crate::attempt::{Attempt, Made, Try, Unmade};
use crate::prepare::patiently;
use crate::{AGAIN, Shared};

/// How often places are looked for that an end freed without telling.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Pages of keys one look goes through; the next look goes on there.
const MOST_PAGES: usize = 128;
/// How often full buckets are thrown away.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Shares that become due within this time are granted together.
const TOGETHER: Duration = Duration::from_millis(10);

/// Admissions one worker asks for at a time.
pub(crate) const AT_A_TIME: usize = 3;

/// Whether an attempt may begin.
pub(crate) enum Admitted {
    /// It may, and has a place under this key.
    Now(Option<String>),
    /// Its token was given back, and waits.
    Later,
}

/// Asks for what the step says its attempts need.
pub(crate) async fn admit(shared: &Shared, attempt: &Attempt) -> Result<Admitted, Failure> {
    let step = attempt.version.plan.step(attempt.at.task.step);
    if !step.waits_for_admission() {
        return Ok(Admitted::Now(None));
    }
    let key_of = |field: &str, template: &Json| {
        key_of(template, &attempt.run.input, &attempt.input).map_err(|why: BadKey| {
            let message = format!("step `{}`: no key for `{field}`: {why}", step.name);
            Failure::new(FailureKind::HandlerError(HandlerErrorKind::Validation), message)
        })
    };
    let mut needed = Needed::default();
    if let Some(concurrency) = &step.concurrency {
        needed.place = Some((key_of("concurrency", &concurrency.key)?, concurrency.limit));
    }
    if let Some(taken) = &step.rate_limit {
        let rates = &attempt.version.plan.definition.rate_limits;
        let rate = rates.iter().find(|rate| rate.name == taken.name).ok_or_else(|| {
            let message = format!("step `{}` takes from an unknown rate", step.name);
            Failure::new(FailureKind::HostInternal, message)
        })?;
        let key = taken.key.as_ref().map(|key| key_of("rate_limit", key)).transpose()?;
        needed.share = Some(Share { rate: rate.clone(), key, weight: taken.weight });
    }
    let (store, worker) = (&shared.store, shared.recorder());
    let position = attempt.at.position();
    let _turn = shared.admissions.acquire().await.expect("it is never closed");
    let may = patiently(|| store.admit(worker, attempt.held, &position, &needed)).await?;
    Ok(match may {
        true => Admitted::Now(needed.place.map(|(key, _)| key)),
        false => Admitted::Later,
    })
}

/// The component is not there: the task waits for it, and fails once it has waited long enough.
pub(crate) async fn block(shared: &Shared, held: Held, at: Try, digest: Digest) -> Made {
    let (store, most) = (&shared.store, shared.settings.component_wait);
    let position = at.position();
    match patiently(|| store.block(shared.recorder(), held, &position, most)).await {
        Ok(true) => {
            tracing::warn!(component = %digest, run = %held.id.run_id, "a task waits for its component");
            Made::unmade(Unmade::GivenBack)
        }
        Ok(false) => {
            let message = format!(
                "component `{digest}` has not been there for {} s; upload it again and replay the task",
                most.as_secs()
            );
            let mut failure = Failure::new(FailureKind::ComponentUnavailable, message);
            failure.retry.retry = Some(false);
            Made::failed(failure)
        }
        Err(failure) => Made::failed(failure),
    }
}

/// The component is in quarantine: the task waits until it is released. `None`: it was, just now.
pub(crate) async fn block_until_released(
    shared: &Shared,
    held: Held,
    at: Try,
    digest: Digest,
) -> Option<Made> {
    let (store, position) = (&shared.store, at.position());
    let blocked =
        patiently(|| store.block_until_released(shared.recorder(), held, &position, digest));
    match blocked.await {
        Ok(true) => Some(Made::unmade(Unmade::GivenBack)),
        Ok(false) => None,
        Err(failure) => Some(Made::failed(failure)),
    }
}

/// Lets those run that wait for a place or a rate, as these become free.
pub(crate) async fn grant(shared: Arc<Shared>) {
    let mut sweep =
        Sweep { places: WaitingPlace::default(), at: Instant::now(), forget_at: Instant::now() };
    loop {
        let next = match shares(&shared).await {
            Ok(next) => next.min(SWEEP_EVERY),
            Err(error) => {
                tracing::debug!(%error, "could not grant shares of rates");
                AGAIN
            }
        };
        if let Err(error) = sweep.look(&shared).await {
            tracing::debug!(%error, "could not give free places");
        }
        sleep(TOGETHER).await;
        // Somebody began to wait: what it waits for may be sooner than what we wait for.
        let _ = timeout(next.saturating_sub(TOGETHER), shared.gated.notified()).await;
    }
}

/// Grants what rates have; answers how long it takes until there is more.
async fn shares(shared: &Shared) -> Result<Duration, store::Error> {
    let mut next = Duration::MAX;
    let mut place = WaitingPlace::default();
    loop {
        let (granted, after) = shared.store.grant_shares(&place).await?;
        tell(shared, granted);
        next = next.min(granted.next.unwrap_or(Duration::MAX));
        if after.is_start() {
            return Ok(next);
        }
        place = after;
    }
}

/// Says that tokens became ready.
pub(crate) fn tell(shared: &Shared, granted: Granted) {
    if granted.tokens > 0 {
        shared.seats.knock();
        shared.store.bell().ready();
    }
}

/// The rounds that find what nobody was told of.
struct Sweep {
    places: WaitingPlace,
    at: Instant,
    forget_at: Instant,
}

impl Sweep {
    async fn look(&mut self, shared: &Shared) -> Result<(), store::Error> {
        let now = Instant::now();
        if self.forget_at <= now {
            let buckets = shared.store.forget_buckets().await?;
            let breakers = shared.store.forget_breakers().await?;
            let more = buckets || breakers;
            self.forget_at = if more { now } else { now + FORGET_EVERY };
        }
        if self.at > now {
            return Ok(());
        }
        self.at = now + SWEEP_EVERY;
        for _ in 0..MOST_PAGES {
            let (granted, after) = shared.store.sweep_places(&self.places).await?;
            tell(shared, granted);
            self.places = after;
            if self.places.is_start() {
                break;
            }
        }
        Ok(())
    }
}
