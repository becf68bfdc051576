//! The figures of durable flows: wake-ups, timers, wide and deep flows, what parked runs cost.

use model::RunId;
use serde_json::json;
use store::Store;

use crate::args::Bench;
use crate::bench::parked::{Claims, Parked};
use crate::bench::report::{Row, rate, table, thousands};
use crate::bench::rig::{Rig, Shape, Uploaded};
use crate::bench::timers::Timers;
use crate::bench::wake_ups::WakeUps;
use crate::bench::{component, start_host};
use crate::data_dir::DataDir;
use crate::host;
use crate::screen::Screen;

/// Steps of the flow that the others are held against.
const LINEAR: u16 = 3;
/// The fewest deep runs at once: one has one step at a time, and a batch is made of what ends together.
const DEEP_RUNS: u32 = 64;

/// Measures in a database that is migrated and has no runs.
pub(super) async fn measure(
    data: &DataDir,
    database_url: &str,
    args: &Bench,
    screen: &Screen,
) -> anyhow::Result<()> {
    let store = host::connect(database_url).await?;
    store.prepare_baseline().await?;
    let flows = Flows::register(&store, data, args.width, screen).await?;
    store.close().await;
    screen.note("measuring claims");
    let claims = Claims::measure(database_url, &flows.linear).await?;
    let host = start_host(data, database_url).await?;
    let flows = flows.over(&host.store);
    // What was claimed is still there.
    flows.linear.until_ended(RunId(uuid::Uuid::nil())).await?;
    flows.linear.run_many(200).await?;
    screen.note("measuring wake-ups on an idle host");
    let wake_ups = WakeUps::measure(&flows.parks, args.wakes).await?;
    screen.note("measuring timers");
    let timers = Timers::measure(&flows.parks, args.timers).await?;
    screen.note("measuring wide and deep flows");
    let shapes = Shapes::measure(&flows, args).await?;
    screen.note("measuring without and with parked runs");
    let before = (claims, wake_ups.wake());
    let parked = Parked::measure(&flows.linear, &flows.parks, args, before).await?;
    host.stop().await;
    screen.note("measuring claims again");
    let parked = parked.claimed_again(Claims::measure(database_url, &flows.linear).await?);
    if screen.is_json() {
        screen.json(&json!({
            "wake_ups": wake_ups.json(),
            "timers": timers.json(),
            "shapes": {
                "width": shapes.width,
                "runs": { "map": shapes.wide_runs, "chain": shapes.deep_runs },
                "steps_per_second": { "linear": shapes.linear, "map": shapes.map, "chain": shapes.chain },
                "ratio": { "map": shapes.map / shapes.linear, "chain": shapes.chain / shapes.linear },
            },
            "parked": parked.json(),
        }));
        return Ok(());
    }
    let mut rows = vec![wake_ups.row(), timers.row()];
    rows.extend(shapes.rows());
    rows.extend(parked.rows());
    screen.line(&table(&rows));
    Ok(())
}

/// The flows that are measured.
struct Flows {
    /// Parks as its input says.
    parks: Rig,
    /// A few steps.
    linear: Rig,
    /// One step with many tasks.
    map: Rig,
    /// Many steps.
    chain: Rig,
}

impl Flows {
    async fn register(
        store: &Store,
        data: &DataDir,
        width: u16,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        let sandbox = host::sandbox(data, 1)?;
        let plain = component("examples/bench/plain", screen).await?;
        let plain = Uploaded::new(store, &sandbox, &plain).await?;
        let durable = component("examples/bench/durable", screen).await?;
        let durable = Uploaded::new(store, &sandbox, &durable).await?;
        let signal = "\"signal\"".to_owned();
        Ok(Self {
            parks: durable
                .register(Shape { input: signal, ..Shape::chain("bench-parks", "park", 1) })
                .await?,
            linear: plain.register(Shape::chain("bench-linear", "work", LINEAR)).await?,
            map: plain.register(Shape::map("bench-map", "work", width)).await?,
            chain: plain.register(Shape::chain("bench-chain", "work", width)).await?,
        })
    }

    fn over(&self, store: &Store) -> Self {
        Self {
            parks: self.parks.over(store),
            linear: self.linear.over(store),
            map: self.map.over(store),
            chain: self.chain.over(store),
        }
    }
}

/// Steps per second of wide and of deep runs, beside short ones: about as many steps of each.
struct Shapes {
    width: u16,
    /// Runs at once of each.
    wide_runs: u32,
    deep_runs: u32,
    linear: f64,
    map: f64,
    chain: f64,
}

impl Shapes {
    async fn measure(flows: &Flows, args: &Bench) -> anyhow::Result<Self> {
        let width = u32::from(args.width);
        let wide_runs = (args.runs * u32::from(LINEAR) / width).max(1);
        let deep_runs = wide_runs.max(DEEP_RUNS);
        let (linear, map, chain) = (0.0_f64, 0.0_f64, 0.0_f64);
        let mut best = Self { width: args.width, wide_runs, deep_runs, linear, map, chain };
        // In turn, so that a busy minute of the machine is a busy minute for all of them.
        for _ in 0..args.rounds.max(1) {
            best.linear = best.linear.max(flows.linear.rate(args.runs).await?);
            best.map = best.map.max(flows.map.rate(wide_runs).await?);
            best.chain = best.chain.max(flows.chain.rate(deep_runs).await?);
        }
        Ok(best)
    }

    fn rows(&self) -> [Row; 2] {
        let width = thousands(f64::from(self.width));
        let row = |what: String, shape: f64| Row {
            what,
            ours: format!("{}, {:.2} times", rate(shape), shape / self.linear),
            beside: format!("{}: runs of three steps", rate(self.linear)),
        };
        [
            row(
                format!("steps per second, {} runs of one step with {width} tasks", self.wide_runs),
                self.map,
            ),
            row(
                format!(
                    "steps per second, {} runs of {width} steps one after another",
                    self.deep_runs
                ),
                self.chain,
            ),
        ]
    }
}
