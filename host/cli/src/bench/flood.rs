//! What one tenant feels while another floods a host with everything it may send.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use attacks::{Attack, module};
use devdb::{Cluster, Options};
use model::Digest;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::args::Bench;
use crate::bench::report::{Row, Spread, thousands};
use crate::client::{Ask, Client};
use crate::data_dir::DataDir;
use crate::doctor::attack::canary::Canary;
use crate::doctor::attack::prey::Prey;
use crate::exit::Refused;
use crate::host;
use crate::screen::Screen;

/// Runs of the neighbour before the flood: the quiet moment.
const QUIET_RUNS: usize = 500;
/// Loops started with one request.
const TOGETHER: u32 = 1_000;
/// Tasks that read lists without a rest.
const SCRAPERS: usize = 4;
/// Bytes of the large outputs; a step answers 256 KiB at most unless it says otherwise.
const OUTPUT_BYTES: usize = 1_000_000;
/// What compiles for as long as it may.
const BOMB: &str = "compile_blocks";
/// What the flooding tenant may burn in a minute of the second flood: half a processor.
const FUEL_PER_MINUTE: u64 = 30_000_000_000;
/// How long it takes until a quota holds.
const KNOWN: Duration = Duration::from_secs(2);

const FLOWS: [(&str, &str, &str); 3] = [
    ("loops", "loop_in_handle", "max_attempts = 1\nfuel = 1_000_000_000_000\ntimeout = \"30s\"\n"),
    ("logs", "log_flood", "max_attempts = 1\nfuel = 5_000_000_000\ntimeout = \"30s\"\n"),
    ("outputs", "", "builtin = { set = \"${input}\" }\noutput = \"1MiB\"\n"),
];

/// What came out.
pub(super) struct Flood {
    quiet: Spread,
    flooded: Spread,
    runs: usize,
    failures: usize,
    /// Requests of the flooding tenant that were answered, and refused.
    answered: u64,
    refused: u64,
    loops: u64,
    /// Fuel it burnt in a minute while it had a quota.
    burnt: f64,
}

impl Flood {
    /// Floods hosts in processes of their own: one without a quota, and one with.
    pub(super) async fn measure(
        data: &DataDir,
        args: &Bench,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        let trial = Trial::begin(data).await?;
        let measured = trial.neighbour(args).await;
        trial.end().await?;
        let measured = measured?;
        screen.note("measuring a flood that has a quota");
        let trial = Trial::begin(data).await?;
        let burnt = trial.burnt(args).await;
        trial.end().await?;
        Ok(Self { burnt: burnt?, ..measured })
    }

    fn times_slower(&self) -> f64 {
        self.flooded.p99.as_secs_f64() / self.quiet.p99.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn of_quota(&self) -> f64 {
        self.burnt / FUEL_PER_MINUTE as f64
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "neighbour_ms": { "quiet": self.quiet.json(), "flooded": self.flooded.json() },
            "p99_ratio": self.times_slower(),
            "neighbour_runs": self.runs,
            "neighbour_failures": self.failures,
            "flood": { "answered": self.answered, "refused": self.refused, "loops": self.loops },
            "fuel_per_minute": { "burnt": self.burnt, "quota": FUEL_PER_MINUTE, "ratio": self.of_quota() },
        })
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let billions = |fuel: f64| format!("{:.1} billion fuel", fuel / 1e9);
        vec![
            Row {
                what: format!(
                    "a small run of another tenant while one floods the host: {} endless loops, outputs of 1 MB, compile bombs, \
                     floods of logs, lists read without a rest",
                    thousands(self.loops as f64)
                ),
                ours: format!(
                    "{}, {:.1} times at the p99; {} of {} failed",
                    self.flooded.text(),
                    self.times_slower(),
                    self.failures,
                    thousands(self.runs as f64)
                ),
                beside: format!("{}: nobody floods", self.quiet.text()),
            },
            Row {
                what: "what a flooding tenant burns in a minute".to_owned(),
                ours: format!("{}, {:.2} times", billions(self.burnt), self.of_quota()),
                beside: format!(
                    "{}: its quota, half a processor",
                    billions(FUEL_PER_MINUTE as f64)
                ),
            },
        ]
    }
}

/// A Postgres and a folder for one host that is flooded.
struct Trial {
    cluster: Cluster,
    folder: PathBuf,
}

impl Trial {
    async fn begin(data: &DataDir) -> anyhow::Result<Self> {
        let folder = data.postgres().with_file_name(format!("flood-{}", std::process::id()));
        let options = Options::durable(DataDir::open(&folder)?.postgres());
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(options)).await??;
        Ok(Self { cluster, folder })
    }

    async fn end(self) -> anyhow::Result<()> {
        let lives_in = self.cluster.folder().to_owned();
        host::stop_postgres(self.cluster).await?;
        // What is left of the trial is of no use.
        [self.folder, lives_in].iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
        Ok(())
    }

    async fn prey(&self) -> anyhow::Result<Prey> {
        // What hurts is called for as long as the flood lasts.
        let prey =
            Prey::start(&self.cluster.url(), &self.folder, &["--quarantine-after", "0"]).await?;
        deploy(&prey.attacker).await?;
        Ok(prey)
    }

    /// What a neighbour feels of a flood without a quota.
    async fn neighbour(&self, args: &Bench) -> anyhow::Result<Flood> {
        let prey = self.prey().await?;
        let mut canary = Canary::release(prey.neighbour.clone()).await?;
        canary.fly(QUIET_RUNS).await;
        let quiet = Spread::of(canary.flight().times().to_vec());
        canary.keep_as_quiet();
        let tally = Arc::new(Tally::default());
        let mut flood = pour(&prey.attacker, &tally, args.loops);
        tokio::time::sleep(args.flood).await;
        let flight = canary.flight();
        flood.shutdown().await;
        prey.stop().await;
        Ok(Flood {
            quiet,
            flooded: Spread::of(flight.times().to_vec()),
            runs: flight.runs(),
            failures: flight.failures.len(),
            answered: tally.answered.load(Ordering::Relaxed),
            refused: tally.refused.load(Ordering::Relaxed),
            loops: tally.loops.load(Ordering::Relaxed),
            burnt: 0.0,
        })
    }

    /// The fuel that a flood with a quota burns in a minute.
    async fn burnt(&self, args: &Bench) -> anyhow::Result<f64> {
        let prey = self.prey().await?;
        let quota = json!({ "fuel_per_minute": FUEL_PER_MINUTE }).to_string();
        let path = format!("/v1/tenants/{}/quota", host::DEFAULT_TENANT);
        prey.neighbour.text(Ask::put(path, quota)).await?;
        tokio::time::sleep(KNOWN).await;
        let began = Instant::now();
        let mut flood = pour(&prey.attacker, &Arc::new(Tally::default()), args.loops);
        // Fuel is in the receipts of attempts that have ended; a loop goes on for 30 s.
        tokio::time::sleep(args.flood).await;
        let burnt = fuel(&prey.attacker).await?;
        let minutes = began.elapsed().as_secs_f64() / 60.0;
        flood.shutdown().await;
        prey.stop().await;
        Ok(burnt as f64 / minutes)
    }
}

/// What became of the flood's requests.
#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    refused: AtomicU64,
    loops: AtomicU64,
}

impl Tally {
    /// Sends a request; true when it was done. One that is refused is tried again a moment later by whoever sent it.
    async fn send(&self, client: &Client, ask: Ask) -> bool {
        match client.text(ask).await {
            Ok(_) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                if error.downcast_ref::<Refused>().is_some() {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                false
            }
        }
    }
}

async fn deploy(client: &Client) -> anyhow::Result<()> {
    for (flow, guest, more) in FLOWS {
        let mut manifest = format!("flow = \"{flow}\"\n[[step]]\nname = \"only\"\n{more}");
        if !guest.is_empty() {
            let bytes = module(guest);
            manifest.push_str(&format!("component = \"{}\"\n", Digest::of(&bytes)));
            client.text(Ask::put_wasm("/v1/components", bytes)).await?;
        }
        client.text(Ask::post_toml("/v1/flows?activate=true", manifest)).await?;
    }
    Ok(())
}

/// Everything at once, until it is dropped.
fn pour(client: &Client, tally: &Arc<Tally>, loops: u32) -> JoinSet<()> {
    let mut flood = JoinSet::new();
    let with = || (client.clone(), Arc::clone(tally));
    let (to, told) = with();
    flood.spawn(async move {
        let runs = vec!["{}"; TOGETHER as usize].join(",");
        let batch = format!("{{\"runs\":[{runs}]}}");
        let mut left = loops.div_ceil(TOGETHER);
        while left > 0 {
            if told.send(&to, Ask::post("/v1/flows/loops/batch", batch.clone())).await {
                told.loops.fetch_add(u64::from(TOGETHER), Ordering::Relaxed);
                left -= 1;
            }
        }
    });
    let (to, told) = with();
    flood.spawn(async move {
        let large = format!("{{\"input\":\"{}\"}}", "x".repeat(OUTPUT_BYTES));
        loop {
            told.send(&to, Ask::post("/v1/flows/outputs/runs", large.clone())).await;
        }
    });
    let (to, told) = with();
    flood.spawn(async move {
        loop {
            told.send(&to, Ask::post("/v1/flows/logs/runs", "{}")).await;
        }
    });
    let (to, told) = with();
    flood.spawn(async move {
        let bomb = Attack::all().find(|attack| attack.name == BOMB).map(Attack::bytes);
        let bomb = bomb.unwrap_or_default();
        loop {
            told.send(&to, Ask::put_wasm("/v1/components", bomb.clone())).await;
        }
    });
    for _ in 0..SCRAPERS {
        let (to, told) = with();
        flood.spawn(async move {
            loop {
                told.send(&to, Ask::get("/v1/runs?limit=500")).await;
            }
        });
    }
    flood
}

async fn fuel(client: &Client) -> anyhow::Result<u64> {
    let usage: Value = client.read(Ask::get("/v1/usage?by=hour&count=2")).await?;
    let hours = usage["usage"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(hours.iter().filter_map(|hour| hour["fuel"].as_u64()).sum())
}
