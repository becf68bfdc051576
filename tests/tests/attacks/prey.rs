//! A host in a process of its own that is sent hostile requests, while a run of another tenant follows the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use devdb::TestDatabase;
use reqwest::Method;
use serde_json::Value;
use stepcell_tests::client::{Client, until};
use stepcell_tests::guests::hand_written;
use stepcell_tests::host::{database, new_key};
use stepcell_tests::process::Process;
use store::{Scope, Store};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A flow of one step that answers.
pub(crate) const FLOW: &str = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"@\"\n";

/// A host and what it is watched by. Dropping it ends both.
pub(crate) struct Prey {
    /// Speaks to it for the tenant that attacks.
    pub(crate) client: Client,
    // Before the host ends nobody may be talking to it any more.
    canary: Canary,
    process: Process,
    _database: TestDatabase,
    _folder: TempDir,
}

/// The runs of another tenant.
struct Canary {
    runs: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
    /// The longest run, in microseconds.
    longest: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Prey {
    /// Starts a host with a flow `f` of the attacker's, and a canary.
    pub(crate) async fn start() -> Self {
        let database = database().await;
        database.run(&["insert into tenant (name) values ('neighbour')"]).unwrap();
        let [attacker, neighbour] = keys(&database.url()).await;
        let folder = tempfile::tempdir().unwrap();
        let (url, data) = (database.url(), folder.path().to_owned());
        let process = tokio::task::spawn_blocking(move || {
            Process::serve(&url, &data, &attacker, &["--slots", "8"])
        });
        let process = process.await.unwrap();
        let client = process.client.clone();
        let canary = Canary::release(client.with_key(&neighbour)).await;
        deploy(&client).await;
        Self { client, process, canary, _database: database, _folder: folder }
    }

    /// The same process as before answers, and the canary flies on.
    pub(crate) async fn is_unharmed(&mut self, after: &str) {
        assert!(self.process.ended().is_none(), "the host died of `{after}`");
        assert_eq!(self.client.get("/healthz").await.status, 200, "after `{after}`");
        assert_eq!(self.canary.failures.load(Ordering::Relaxed), 0, "after `{after}`");
    }

    /// How long the canary's longest run took.
    pub(crate) fn longest(&self) -> Duration {
        Duration::from_micros(self.canary.longest.load(Ordering::Relaxed))
    }

    /// Waits until the canary has run once more.
    pub(crate) async fn canary_runs(&self) {
        let before = self.canary.runs.load(Ordering::Relaxed);
        let more = async || (self.canary.runs.load(Ordering::Relaxed) > before).then_some(());
        until("the canary has run once more", more).await;
    }

    /// What the process holds: resident KiB, descriptors, threads.
    pub(crate) fn gauges(&self) -> [u64; 3] {
        let id = self.process.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
        [number("VmRSS:"), descriptors as u64, number("Threads:")]
    }
}

impl Canary {
    async fn release(client: Client) -> Self {
        deploy(&client).await;
        let (runs, failures) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let longest = Arc::new(AtomicU64::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn({
            let (runs, failures) = (Arc::clone(&runs), Arc::clone(&failures));
            let (stopped, longest) = (Arc::clone(&stopped), Arc::clone(&longest));
            async move {
                while !stopped.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let count = if runs_once(&client).await { &runs } else { &failures };
                    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    longest.fetch_max(took, Ordering::Relaxed);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { runs, failures, longest, stopped, task }
    }
}

/// Whether one run completes.
async fn runs_once(client: &Client) -> bool {
    let request = client.request(Method::POST, "/v1/flows/f/runs?wait=30s");
    let Ok(response) = request.header("content-type", "application/json").body("{}").send().await
    else {
        return false;
    };
    let body = response.bytes().await.unwrap_or_default();
    serde_json::from_slice(&body).is_ok_and(|run: Value| run["status"] == "completed")
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

async fn deploy(client: &Client) {
    let uploaded: Value = client.upload(hand_written("good")).await.ok();
    let digest = uploaded["digest"].as_str().unwrap().parse().unwrap();
    client.deploy(FLOW, digest).await.ok();
}

/// A key of each of the two tenants.
async fn keys(url: &str) -> [String; 2] {
    let store = Store::connect(&store::Settings::new(url)).await.unwrap();
    let mut keys = Vec::new();
    for tenant in ["default", "neighbour"] {
        keys.push(new_key(&store, tenant, &Scope::ALL).await);
    }
    store.close().await;
    keys.try_into().unwrap()
}
