//! A flow of another tenant that runs all the time, one run after another, and is timed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use attacks::module;
use model::Digest;
use tokio::task::JoinHandle;

use super::LOOK;
use crate::answers::{Component, Run};
use crate::client::{Ask, Client};

const FLOW: &str = "canary";
/// The most a run may take before it counts as failed.
const PATIENCE: &str = "30s";
/// Between two runs: a canary is not a load.
const BREATH: Duration = Duration::from_millis(2);

/// How many times slower the 99th percentile may be than in quiet moments.
const MAX_RATIO: f64 = 1.5;
/// By how much it may be slower in any case: a guest that never yields holds a core for up to one tick of 10 ms, and its
/// canary meets it at the start, in the attempt and at the end.
const MAX_LATE: Duration = Duration::from_millis(30);

/// A canary in the air. Dropping it ends it.
pub(crate) struct Canary {
    task: JoinHandle<()>,
    flight: Arc<Mutex<Flight>>,
    /// Times of quiet moments, all of them.
    quiet: Vec<Duration>,
}

/// What the canary did since it was looked at.
#[derive(Clone, Default)]
pub(crate) struct Flight {
    times: Vec<Duration>,
    /// Why runs of it failed.
    pub(crate) failures: Vec<String>,
    /// The 99th percentile of the quiet moments.
    pub(crate) quiet_p99: Duration,
}

impl Flight {
    /// Runs that ended.
    pub(crate) fn runs(&self) -> usize {
        self.times.len()
    }

    /// How long they took.
    pub(crate) fn times(&self) -> &[Duration] {
        &self.times
    }

    /// The 99th percentile.
    pub(crate) fn p99(&self) -> Duration {
        crate::bench::percentiles(self.times.clone()).1
    }

    /// Whether it was held up.
    pub(crate) fn is_slow(&self) -> bool {
        self.ratio() > MAX_RATIO && self.p99().saturating_sub(self.quiet_p99) > MAX_LATE
    }

    /// How many times the 99th percentile of the quiet moments it is.
    pub(crate) fn ratio(&self) -> f64 {
        self.p99().as_secs_f64() / self.quiet_p99.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Canary {
    /// Deploys its flow and lets it run.
    pub(crate) async fn release(client: Client) -> anyhow::Result<Self> {
        let bytes = module("good");
        let digest = Digest::of(&bytes);
        client.read::<Component>(Ask::put_wasm("/v1/components", bytes)).await?;
        let manifest =
            format!("flow = \"{FLOW}\"\n[[step]]\nname = \"only\"\ncomponent = \"{digest}\"\n");
        client.text(Ask::post_toml("/v1/flows?activate=true", manifest)).await?;
        let flight = Arc::new(Mutex::new(Flight::default()));
        let task = tokio::spawn(fly(client, Arc::clone(&flight)));
        Ok(Self { task, flight, quiet: Vec::new() })
    }

    /// Waits until it has run so often.
    pub(crate) async fn fly(&self, runs: usize) {
        while self.flown() < runs {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How often it has run since it was looked at, failures included.
    pub(crate) fn flown(&self) -> usize {
        let flight = self.flight();
        flight.runs() + flight.failures.len()
    }

    /// Begins anew, but for what failed.
    pub(crate) fn forget_times(&self) {
        self.lock().times.clear();
    }

    /// What it did since it was looked at belongs to the quiet moments.
    pub(crate) fn keep_as_quiet(&mut self) {
        let times = std::mem::take(&mut self.lock().times);
        self.quiet.extend(times);
        let (_, quiet_p99) = crate::bench::percentiles(self.quiet.clone());
        *self.lock() = Flight { quiet_p99, ..Flight::default() };
    }

    /// What it did since it was looked at.
    pub(crate) fn flight(&self) -> Flight {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn fly(client: Client, flight: Arc<Mutex<Flight>>) {
    let path = format!("/v1/flows/{FLOW}/runs?wait={PATIENCE}");
    loop {
        let began = Instant::now();
        let run = client.read::<Run>(Ask::post(&path, "{}")).await;
        let took = began.elapsed();
        let failure = match run {
            Ok(run) if run.status == "completed" => None,
            Ok(run) => Some(run.failure.map_or(run.status, |failure| failure.message)),
            Err(error) => Some(format!("{error:#}")),
        };
        {
            let mut flight = flight.lock().unwrap_or_else(PoisonError::into_inner);
            match failure {
                None => flight.times.push(took),
                Some(why) => flight.failures.push(why),
            }
        }
        tokio::time::sleep(BREATH).await;
    }
}
