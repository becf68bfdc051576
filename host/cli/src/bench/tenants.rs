//! The figures of tenants: how fair the claim is among many of them, and what one feels of another's flood.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use model::{Quota, TenantId};
use serde_json::{Value, json};
use store::{By, Store};

use crate::args::Bench;
use crate::bench::flood::Flood;
use crate::bench::report::{Row, rate, table, thousands};
use crate::bench::rig::Rig;
use crate::bench::{per_second, start_host};
use crate::data_dir::DataDir;
use crate::host;
use crate::screen::Screen;

/// Runs of each tenant of the crowd.
const EACH: u32 = 100;
/// Runs of the one tenant that has a long backlog for each tenant of the crowd, in commits of so many.
const BACKLOG: u32 = 20;
const TOGETHER: u32 = 1_000;
/// Every so many tenants one has a weight of its own.
const HEAVY_EVERY: u32 = 10;
const HEAVY: u32 = 300;
/// Between two looks at what was done.
const LOOK: Duration = Duration::from_millis(20);

/// Measures in a database that is migrated and has no runs.
pub(super) async fn measure(
    data: &DataDir,
    database_url: &str,
    args: &Bench,
    screen: &Screen,
) -> anyhow::Result<()> {
    screen.note("measuring the claim among many tenants");
    let crowd = Crowd::measure(data, database_url, args.crowd).await?;
    screen.note("measuring what one tenant feels of another's flood");
    let flood = Flood::measure(data, args, screen).await?;
    if screen.is_json() {
        screen.json(&json!({ "crowd": crowd.json(), "flood": flood.json() }));
        return Ok(());
    }
    let mut rows = crowd.rows();
    rows.extend(flood.rows());
    screen.line(&table(&rows));
    Ok(())
}

/// Starts so many runs that nobody is there to run yet.
async fn start(rig: &Rig, runs: u32) -> anyhow::Result<()> {
    let mut left = runs;
    while left > 0 {
        let together = left.min(TOGETHER);
        rig.start_together(together).await?;
        left -= together;
    }
    Ok(())
}

/// Has a host run what waits until so many steps are done: how many of each tenant, and how long that took.
async fn done_of_what_waits(
    store: &Store,
    (data, database_url): (&DataDir, &str),
    enough: u32,
) -> anyhow::Result<(HashMap<TenantId, i64>, Duration)> {
    store.vacuum_runs().await?;
    let host = start_host(data, database_url).await?;
    let began = Instant::now();
    let (done, took) = loop {
        tokio::time::sleep(LOOK).await;
        let done = store.count_outcomes().await?;
        if done.values().sum::<i64>() >= i64::from(enough) {
            break (done, began.elapsed());
        }
    };
    host.stop().await;
    Ok((done, took))
}

fn sum<'c>(counts: impl IntoIterator<Item = &'c i64>) -> u32 {
    u32::try_from(counts.into_iter().sum::<i64>()).unwrap_or(u32::MAX)
}

/// What tenants got done while all of them had more to do.
struct Crowd {
    tenants: u32,
    /// Steps per second of all of them, and of one that has as many runs waiting.
    together: f64,
    alone: f64,
    /// Of the usual weight: the fewest, the median, the most.
    usual: [i64; 3],
    /// The tenant with the long backlog.
    backlog: i64,
    /// The median of those with a larger weight.
    heavy: i64,
}

impl Crowd {
    async fn measure(data: &DataDir, database_url: &str, tenants: u32) -> anyhow::Result<Self> {
        let store = host::connect(database_url).await?;
        let mut rigs = Vec::new();
        for number in 0..tenants {
            let tenant = host::find_or_create(&store, &format!("bench-{number}")).await?;
            let quota = Quota { weight: weight(number), ..Quota::DEFAULT };
            store.put_quota(By::operator(tenant), &quota).await?;
            rigs.push(Rig::built_in(&store, tenant).await?);
        }
        let Some((first, others)) = rigs.split_first() else {
            anyhow::bail!("there is no tenant");
        };
        // Until then everybody has something left, whatever its weight.
        let enough = tenants * EACH / 5;
        start(first, tenants * EACH).await?;
        let (done, took) = done_of_what_waits(&store, (data, database_url), enough).await?;
        let alone = per_second(sum(done.values()), took);
        store.clear_runs().await?;
        start(first, BACKLOG * tenants).await?;
        for rig in others {
            rig.start_together(EACH).await?;
        }
        let (done, took) = done_of_what_waits(&store, (data, database_url), enough).await?;
        store.close().await;
        Ok(Self::of(&rigs, &done, (took, alone)))
    }

    fn of(rigs: &[Rig], done: &HashMap<TenantId, i64>, (took, alone): (Duration, f64)) -> Self {
        let counts: Vec<i64> =
            rigs.iter().map(|rig| done.get(&rig.tenant).copied().unwrap_or(0)).collect();
        let of_weight = |wanted: u32| {
            let counts = (0..).zip(&counts).skip(1).filter(|(number, _)| weight(*number) == wanted);
            let mut counts: Vec<i64> = counts.map(|(_, count)| *count).collect();
            counts.sort_unstable();
            counts
        };
        let (usual, heavy) = (of_weight(Quota::DEFAULT.weight), of_weight(HEAVY));
        let at = |counts: &[i64], part: usize| {
            counts.get(counts.len().saturating_sub(1) * part / 2).copied().unwrap_or(0)
        };
        Self {
            tenants: u32::try_from(rigs.len()).unwrap_or(u32::MAX),
            together: per_second(sum(&counts), took),
            alone,
            usual: [0, 1, 2].map(|part| at(&usual, part)),
            backlog: counts.first().copied().unwrap_or(0),
            heavy: at(&heavy, 1),
        }
    }

    fn to_usual(&self, count: i64) -> f64 {
        count as f64 / (self.usual[1].max(1) as f64)
    }

    fn json(&self) -> Value {
        json!({
            "tenants": self.tenants,
            "done": { "fewest": self.usual[0], "median": self.usual[1], "most": self.usual[2], "backlog": self.backlog, "heavy": self.heavy },
            "ratio": { "backlog": self.to_usual(self.backlog), "heavy": self.to_usual(self.heavy) },
            "steps_per_second": { "together": self.together, "alone": self.alone },
        })
    }

    fn rows(&self) -> Vec<Row> {
        let [fewest, median, most] = self.usual;
        let tenants = thousands(f64::from(self.tenants));
        let usual =
            format!("{median}: the median of those with {EACH} runs; fewest {fewest}, most {most}");
        vec![
            Row {
                what: format!(
                    "steps done of the tenant with {} runs waiting, among {tenants} tenants",
                    thousands(f64::from(BACKLOG * self.tenants))
                ),
                ours: format!("{}, {:.2} times", self.backlog, self.to_usual(self.backlog)),
                beside: usual.clone(),
            },
            Row {
                what: format!(
                    "the same of a tenant with weight {HEAVY} in place of {}",
                    Quota::DEFAULT.weight
                ),
                ours: format!("{}, {:.2} times", self.heavy, self.to_usual(self.heavy)),
                beside: usual,
            },
            Row {
                what: format!("steps per second while {tenants} tenants have a backlog"),
                ours: format!("{}, {:.2} times", rate(self.together), self.together / self.alone),
                beside: format!("{}: one tenant has as many waiting", rate(self.alone)),
            },
        ]
    }
}

fn weight(number: u32) -> u32 {
    if number > 0 && number.is_multiple_of(HEAVY_EVERY) { HEAVY } else { Quota::DEFAULT.weight }
}
