//! What runs that are parked cost those that are not: claims, throughput, wake-ups, disk, memory.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::Turns;

use crate::args::Bench;
use crate::bench::report::{Row, Spread, rate, thousands};
use crate::bench::rig::Rig;
use crate::bench::wake_ups::WakeUps;
use crate::host;
use crate::screen::size;

/// Claims that are measured, one after another.
const CLAIMS: u32 = 300;
/// Longer than they take.
const LEASE: Duration = Duration::from_secs(300);
/// Tenants a claim looks at, as a worker's does.
const TENANTS: i64 = 16;

/// Claims of one token each, and what a bare commit takes beside them.
#[derive(Clone, Copy)]
pub(super) struct Claims {
    claim: Spread,
    commit: Spread,
}

impl Claims {
    /// Where no worker is: it would be there first.
    pub(super) async fn measure(database_url: &str, rig: &Rig) -> anyhow::Result<Self> {
        let store = host::connect(database_url).await?;
        let rig = rig.over(&store);
        let worker = store.register_worker("bench", 0, LEASE).await?;
        for _ in 0..CLAIMS {
            rig.start().await?;
        }
        let (mut claims, mut commits) = (Vec::new(), Vec::new());
        for _ in 0..CLAIMS {
            let began = Instant::now();
            let claimed = store.claim(worker, &Turns::first(TENANTS, 1)).await?;
            claims.push(began.elapsed());
            anyhow::ensure!(
                claimed.len() == 1,
                "{} runs were claimed in place of one",
                claimed.len()
            );
            commits.push(store.commit_once().await?);
        }
        store.release(worker).await?;
        store.close().await;
        Ok(Self { claim: Spread::of(claims), commit: Spread::of(commits) })
    }

    fn in_commits(self) -> f64 {
        self.claim.ratio(self.commit)
    }

    fn json(self) -> Value {
        json!({ "claim_ms": self.claim.json(), "commit_ms": self.commit.json() })
    }
}

/// What was measured without and with parked runs.
pub(super) struct Parked {
    count: u32,
    claims: (Claims, Claims),
    rates: (f64, f64),
    wakes: (Spread, Spread),
    bytes_each: i64,
    /// `None`: this system does not say.
    memory: (Option<u64>, Option<u64>),
}

impl Parked {
    /// Measures, has runs parked in bulk, and measures again; `claims` has yet to be measured again. One run parks as any
    /// does, the others are copies of its rows.
    pub(super) async fn measure(
        linear: &Rig,
        parks: &Rig,
        args: &Bench,
        (claims, wake): (Claims, Spread),
    ) -> anyhow::Result<Self> {
        let store = &parks.store;
        // Room that others left would be filled before the disk grows.
        store.clear_runs().await?;
        let without = linear.best_rate(args.runs, args.rounds).await?;
        let first = parks.start().await?;
        parks.until_parked(first, 1).await?;
        store.vacuum_runs().await?;
        let (bytes, memory) = (store.measure_runs().await?, resident_bytes());
        store.copy_parked(parks.tenant, first, args.parked).await?;
        store.vacuum_runs().await?;
        let bytes_each = (store.measure_runs().await? - bytes) / i64::from(args.parked);
        let with = linear.best_rate(args.runs, args.rounds).await?;
        let memory = (memory, resident_bytes());
        // Copies wake like any run, or nothing was measured.
        let wake_among = WakeUps::of_parked(parks, args.wakes).await?;
        let (rates, wakes) = ((without, with), (wake, wake_among));
        Ok(Self { count: args.parked, claims: (claims, claims), rates, wakes, bytes_each, memory })
    }

    /// Once no worker is there any more.
    pub(super) fn claimed_again(self, claims: Claims) -> Self {
        Self { claims: (self.claims.0, claims), ..self }
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        let among = thousands(f64::from(self.count));
        let (claim_none, claim_with) = self.claims;
        let (none, with) = self.rates;
        let (wake_none, wake_with) = self.wakes;
        let claims =
            |claims: Claims| format!("{}, {:.1} commits", claims.claim.text(), claims.in_commits());
        let memory = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), size);
        vec![
            Row {
                what: format!(
                    "steps per second of runs of three steps while {among} others are parked"
                ),
                ours: format!("{}, {:.2} times", rate(with), with / none),
                beside: format!("{}: none is parked", rate(none)),
            },
            Row {
                what: format!("the claim of one run while {among} others are parked"),
                ours: format!(
                    "{}, {:.2} times",
                    claims(claim_with),
                    claim_with.in_commits() / claim_none.in_commits()
                ),
                beside: format!("{}: none is parked", claims(claim_none)),
            },
            Row {
                what: format!(
                    "a signal for one of {among} parked runs, to the start of the woken handler"
                ),
                ours: format!("{}, {:.2} times", wake_with.text(), wake_with.ratio(wake_none)),
                beside: format!("{}: no other is parked", wake_none.text()),
            },
            Row {
                what: "a parked run, and the host's memory while they are parked".into(),
                ours: format!("{} bytes on disk; {}", self.bytes_each, memory(self.memory.1)),
                beside: format!("{}: none is parked", memory(self.memory.0)),
            },
        ]
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "count": self.count,
            "steps_per_second": { "none": self.rates.0, "parked": self.rates.1, "ratio": self.rates.1 / self.rates.0 },
            "claims": { "none": self.claims.0.json(), "parked": self.claims.1.json() },
            "wake_ms": { "none": self.wakes.0.json(), "parked": self.wakes.1.json() },
            "bytes_each": self.bytes_each,
            "resident_bytes": { "none": self.memory.0, "parked": self.memory.1 },
        })
    }
}

/// Memory this process has in hand, where the system says so.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1_024)
}
