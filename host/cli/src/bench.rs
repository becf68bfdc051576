//! `stepcell bench`: the published figures on this machine, each beside its baseline in the same run.

mod durable;
mod flood;
mod languages;
mod parked;
mod report;
mod rig;
mod tenants;
mod timers;
mod wake_ups;

use std::path::Path;
use std::time::{Duration, Instant};

use model::{Input, Json, Limits, Memory, RunId, TaskContext};
use sandbox::bench::Figures;
use sandbox::{Call, Ports, Stop};
use serde_json::json;

use crate::args::{Bench, Global};
pub(crate) use crate::bench::report::ms;
use crate::bench::rig::{Rig, Shape, Uploaded};
use crate::build;
use crate::data_dir::DataDir;
use crate::host::{self, Host, Plan};
use crate::inspect;
use crate::screen::Screen;

/// Calls behind each of the sandbox's figures.
const CALLS: u32 = 5_000;
/// Runs started one after another on an idle host.
const IDLE_RUNS: usize = 300;
/// Connections of the baseline at once.
const BASELINE_CONNECTIONS: u32 = 8;
const INPUT: &str = r#"{"order":1}"#;

/// Measures on a private, durable Postgres in a folder of its own.
pub(crate) async fn run(global: &Global, args: Bench, screen: &Screen) -> anyhow::Result<()> {
    if let Some(languages) = &args.languages {
        return languages::measure(languages, screen).await;
    }
    let data = DataDir::open(&global.data_dir.join("bench"))?;
    let cluster = host::postgres(&data.postgres()).await?;
    let measured = measure_in(&data, &cluster.url(), &args, screen).await;
    host::stop_postgres(cluster).await?;
    measured
}

/// Measures in a database without runs, and leaves none behind.
async fn measure_in(
    data: &DataDir,
    database_url: &str,
    args: &Bench,
    screen: &Screen,
) -> anyhow::Result<()> {
    let store = host::connect(database_url).await?;
    store.migrate().await?;
    store.clear_runs().await?;
    let measured = if args.durable {
        durable::measure(data, database_url, args, screen).await
    } else if args.tenants {
        tenants::measure(data, database_url, args, screen).await
    } else {
        let component = match &args.component {
            Some(path) => inspect::read(path)?,
            None => component("examples/hot-swap/v1/handlers", screen).await?,
        };
        measure(data, database_url, &component, args, screen).await
    };
    store.clear_runs().await?;
    store.close().await;
    measured
}

async fn component(folder: &str, screen: &Screen) -> anyhow::Result<Vec<u8>> {
    let folder = Path::new(folder);
    anyhow::ensure!(
        folder.is_dir(),
        "there is no folder `{}`; run the bench from Stepcell's own folder, or, without `--durable`, name a component \
         with `--component`",
        folder.display()
    );
    Ok(build::folder(folder, builder::Install::IfRoot, screen).await?.wasm)
}

/// A worker in this process.
async fn start_host(data: &DataDir, database_url: &str) -> anyhow::Result<Host> {
    Host::start(Plan {
        database_url,
        listen: None,
        slots: None,
        lease: None,
        retention: None,
        quarantine: None,
        outward: None,
        limits: api::Limits::default(),
        compiling: None,
        data,
    })
    .await
}

async fn measure(
    data: &DataDir,
    database_url: &str,
    component: &[u8],
    args: &Bench,
    screen: &Screen,
) -> anyhow::Result<()> {
    let host = start_host(data, database_url).await?;
    let sandbox = host::sandbox(data, 4)?;
    screen.note("measuring the sandbox");
    let cold = sandbox::bench::measure(&sandbox, component, &call(), CALLS).await?;
    say_sandbox(&cold, screen);
    let steps = ["first", "second", "third"].map(|name| (name.to_owned(), name)).to_vec();
    let shape = Shape { steps, input: INPUT.to_owned(), ..Shape::chain("bench", "first", 3) };
    let rig = Uploaded::new(&host.store, &sandbox, component).await?.register(shape).await?;
    screen.note("measuring an idle host");
    rig.run_many(200).await?;
    let idle = idle(&rig).await?;
    say_idle(&idle, screen);
    screen.note("measuring many runs at once, and the baseline");
    host.store.prepare_baseline().await?;
    let mut best = Load::default();
    for _ in 0..args.rounds.max(1) {
        let took = rig.run_many(args.runs).await?;
        let baseline = args.runs / 10;
        let load = Load {
            steps: per_second(args.runs * 3, took),
            baseline: per_second(
                baseline * 3,
                host.store.run_baseline(baseline, BASELINE_CONNECTIONS).await?,
            ),
            floor: per_second(args.runs * 3, host.store.run_floor(args.runs as usize * 3).await?),
        };
        say_load(&load, screen);
        host.store.prepare_baseline().await?;
        best = if load.steps > best.steps { load } else { best };
    }
    if screen.is_json() {
        screen.json(&json!({
            "sandbox_us": { "bare": us(cold.bare), "sandbox": us(cold.sandbox), "without_fuel": us(cold.without_fuel),
                "without_epoch": us(cold.without_epoch), "ratio": cold.ratio() },
            "idle_us": { "run_p50": us(idle.run_p50), "run_p99": us(idle.run_p99), "commit_p50": us(idle.commit_p50),
                "commit_p99": us(idle.commit_p99) },
            "steps_per_second": { "stepcell": best.steps, "baseline": best.baseline, "floor": best.floor },
        }));
    }
    host.stop().await;
    Ok(())
}

/// Runs one after another on an idle host, a commit between them.
async fn idle(rig: &Rig) -> anyhow::Result<Idle> {
    rig.store.prepare_baseline().await?;
    let (mut runs, mut commits) = (Vec::new(), Vec::new());
    for _ in 0..IDLE_RUNS {
        let mut ended = rig.store.ended();
        let started = Instant::now();
        let run_id = rig.start().await?;
        while ended.recv().await? != run_id {}
        runs.push(started.elapsed());
        commits.push(rig.store.commit_once().await?);
    }
    let (run_p50, run_p99) = percentiles(runs);
    let (commit_p50, commit_p99) = percentiles(commits);
    Ok(Idle { run_p50, run_p99, commit_p50, commit_p99 })
}

struct Idle {
    run_p50: Duration,
    run_p99: Duration,
    commit_p50: Duration,
    commit_p99: Duration,
}

#[derive(Clone, Copy, Default)]
struct Load {
    steps: f64,
    baseline: f64,
    floor: f64,
}

fn call() -> Call {
    let name = |text: &str| text.parse().expect("a constant name is a name");
    let context = TaskContext {
        tenant: host::DEFAULT_TENANT.to_owned(),
        run_id: RunId(uuid::Uuid::now_v7()),
        flow: name("bench"),
        flow_version: 1,
        step: name("first"),
        handler: "first".to_owned(),
        index: 0,
        attempt: 1,
        max_attempts: 1,
        phase: String::new(),
        phase_number: 0,
        compensates: false,
        traceparent: None,
        memory: Memory::default(),
    };
    let input = Input::Flow(Json::trusted(INPUT));
    let (stop, ports) = (Stop::new(), Ports::default());
    Call { input, context, flow_input: None, limits: Limits::default(), stop, ports }
}

/// The median and the 99th percentile.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

fn per_second(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}

fn us(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e7).round() / 10.0
}

fn say_sandbox(figures: &Figures, screen: &Screen) {
    if screen.is_json() {
        return;
    }
    screen.line("sandbox: store + instantiate + call + drop, median");
    let row = |what: &str, took: Duration| {
        let ratio = took.as_secs_f64() / figures.bare.as_secs_f64();
        vec![what.to_owned(), format!("{:.1} us", us(took)), format!("{ratio:.2} x bare")]
    };
    screen.table(&[
        row("bare wasmtime", figures.bare),
        row("sandbox, every limit", figures.sandbox),
        row("  without fuel", figures.without_fuel),
        row("  without epoch", figures.without_epoch),
        row("  without either", figures.without_both),
    ]);
}

fn say_idle(idle: &Idle, screen: &Screen) {
    if screen.is_json() {
        return;
    }
    screen.line("\none run of three steps on an idle host, start to completed");
    let row = |what: &str, p50: Duration, p99: Duration| {
        vec![
            what.to_owned(),
            format!("p50 {:.2} ms", us(p50) / 1e3),
            format!("p99 {:.2} ms", us(p99) / 1e3),
        ]
    };
    screen.table(&[
        row("run (4 commits)", idle.run_p50, idle.run_p99),
        row("one bare commit", idle.commit_p50, idle.commit_p99),
    ]);
}

fn say_load(load: &Load, screen: &Screen) {
    if screen.is_json() {
        return;
    }
    screen.line("\nmany runs of three steps, everything durable, a fresh sandbox for each step");
    let row = |what: &str, rate: f64| {
        vec![
            what.to_owned(),
            format!("{rate:.0} steps/s"),
            format!("{:.1} x baseline", rate / load.baseline),
        ]
    };
    screen.table(&[
        row("stepcell", load.steps),
        row("baseline: claim one, complete one, no sandbox", load.baseline),
        row("floor: insert outcomes only", load.floor),
    ]);
    screen.line(&format!("share of the floor: {:.0} %", load.steps / load.floor * 100.0));
}
