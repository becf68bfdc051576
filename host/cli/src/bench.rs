//! `stepcell bench`: the published figures on this machine, each beside its baseline in the same run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use model::definition::MaxAttempts;
use model::{
    Definition, Input, Json, Limits, Memory, Options, Plan as Graph, RunId, Step, StepIndex,
    TaskContext, TenantId,
};
use sandbox::bench::Figures;
use sandbox::{Call, Stop};
use serde_json::json;
use store::{StartAnswer, StartRun, Store};
use tokio::task::JoinSet;

use crate::args::{Bench, Global};
use crate::build;
use crate::data_dir::DataDir;
use crate::host::{self, Host, Plan};
use crate::inspect;
use crate::screen::Screen;

/// Calls behind each of the sandbox's figures.
const CALLS: u32 = 5_000;
/// Runs started one after another on an idle host.
const IDLE_RUNS: usize = 300;
/// Starters at once, when many runs are started.
const STARTERS: usize = 64;
/// Connections of the baseline at once.
const BASELINE_CONNECTIONS: u32 = 8;
/// Between two looks whether the runs have ended.
const LOOK: Duration = Duration::from_millis(10);
const INPUT: &str = r#"{"order":1}"#;

/// Measures on a private, durable Postgres in a folder of its own.
pub(crate) async fn run(global: &Global, args: Bench, screen: &Screen) -> anyhow::Result<()> {
    let data = DataDir::open(&global.data_dir.join("bench"))?;
    let component = component(&args, screen).await?;
    let cluster = host::postgres(&data.postgres()).await?;
    let measured = measure(&data, &cluster.url(), &component, &args, screen).await;
    host::stop_postgres(cluster).await?;
    measured
}

async fn component(args: &Bench, screen: &Screen) -> anyhow::Result<Vec<u8>> {
    if let Some(path) = &args.component {
        return inspect::read(path);
    }
    let folder = PathBuf::from("examples/hot-swap/v1/handlers");
    let missing =
        "run the bench from Stepcell's own folder, or name a component with `--component`";
    anyhow::ensure!(folder.is_dir(), "there is no folder `{}`; {missing}", folder.display());
    Ok(build::folder(&folder, builder::Install::IfRoot, screen).await?.wasm)
}

async fn measure(
    data: &DataDir,
    database_url: &str,
    component: &[u8],
    args: &Bench,
    screen: &Screen,
) -> anyhow::Result<()> {
    let host = Host::start(Plan {
        database_url,
        listen: None,
        slots: None,
        lease: None,
        retention: None,
        outward: None,
        data,
    })
    .await?;
    let sandbox = host::sandbox(data, 4)?;
    screen.note("measuring the sandbox");
    let cold = sandbox::bench::measure(&sandbox, component, &call(), CALLS).await?;
    say_sandbox(&cold, screen);
    let rig = Rig::prepare(&host.store, &sandbox, component).await?;
    screen.note("measuring an idle host");
    rig.run_many(200).await?;
    let idle = rig.idle().await?;
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

/// A flow of three steps in its database.
struct Rig {
    store: Store,
    tenant: TenantId,
    flow_id: model::FlowId,
    version: u32,
    roots: Arc<[StepIndex]>,
}

impl Rig {
    async fn prepare(
        store: &Store,
        sandbox: &sandbox::Sandbox,
        component: &[u8],
    ) -> anyhow::Result<Self> {
        let tenant =
            store.find_tenant(host::DEFAULT_TENANT).await?.context("there is no tenant")?;
        let inspection = sandbox.inspect(component).map_err(|reasons| {
            anyhow::anyhow!(
                "the component was refused: {}",
                reasons.first().map_or(String::new(), ToString::to_string)
            )
        })?;
        let digest = inspection.digest;
        store.put_component(tenant, digest, component, "{}").await?;
        let step = |name: &str, needs: Vec<StepIndex>| {
            let options = Options { max_attempts: MaxAttempts(1), ..Options::default() };
            Ok::<_, anyhow::Error>(Step {
                name: name.parse()?,
                needs,
                map: false,
                component: Some(digest),
                builtin: None,
                handler: name.to_owned(),
                options,
                input_schema: None,
                output_schema: None,
                condition: model::Condition::default(),
                on_unmet: model::Policy::Skip,
                start_delay_ms: 0,
                concurrency: None,
                rate_limit: None,
                compensates: false,
                abandon_children: false,
                grants: model::Grants::default(),
            })
        };
        let steps = vec![
            step("first", vec![])?,
            step("second", vec![StepIndex(0)])?,
            step("third", vec![StepIndex(1)])?,
        ];
        let flow = "bench".parse()?;
        let definition = Definition {
            flow,
            description: None,
            input_schema: None,
            deadline_ms: None,
            rate_limits: Vec::new(),
            steps,
        };
        let roots = [StepIndex(0)];
        let registered = store.register_version(tenant, &Graph::new(definition)).await?;
        store.activate(tenant, registered.flow_id, registered.version).await?;
        let (store, flow_id, version) = (store.clone(), registered.flow_id, registered.version);
        Ok(Self { store, tenant, flow_id, version, roots: Arc::new(roots) })
    }

    async fn start(&self) -> anyhow::Result<RunId> {
        let run_id = RunId(uuid::Uuid::now_v7());
        let start = StartRun {
            tenant: self.tenant,
            tenant_name: host::DEFAULT_TENANT.to_owned(),
            run_id,
            flow_id: self.flow_id,
            version: self.version,
            pinned: true,
            roots: Arc::clone(&self.roots),
            input: Json::trusted(INPUT),
            priority: 0,
            traceparent: None,
            delay_ms: 0,
            options: None,
            deadline_ms: None,
            key: None,
        };
        let answer = self.store.start_run(start).await?;
        anyhow::ensure!(answer == StartAnswer::Started, "a run was not started: {answer:?}");
        Ok(run_id)
    }

    /// Runs one after another on an idle host, a commit between them.
    async fn idle(&self) -> anyhow::Result<Idle> {
        self.store.prepare_baseline().await?;
        let (mut runs, mut commits) = (Vec::new(), Vec::new());
        for _ in 0..IDLE_RUNS {
            let mut ended = self.store.ended();
            let started = Instant::now();
            let run_id = self.start().await?;
            while ended.recv().await? != run_id {}
            runs.push(started.elapsed());
            commits.push(self.store.commit_once().await?);
        }
        let (run_p50, run_p99) = percentiles(runs);
        let (commit_p50, commit_p99) = percentiles(commits);
        Ok(Idle { run_p50, run_p99, commit_p50, commit_p99 })
    }

    /// Starts this many runs and waits until the last has ended; how long that took.
    async fn run_many(&self, runs: u32) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let left = Arc::new(std::sync::atomic::AtomicI64::new(i64::from(runs)));
        let mut starters = JoinSet::new();
        for _ in 0..STARTERS {
            let (rig, left) = (self.again(), Arc::clone(&left));
            starters.spawn(async move {
                while left.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) > 0 {
                    rig.start().await?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(done) = starters.join_next().await {
            done??;
        }
        while self.store.count_live_runs(self.tenant).await? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok(started.elapsed())
    }

    fn again(&self) -> Self {
        Self { store: self.store.clone(), roots: Arc::clone(&self.roots), ..*self }
    }
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
    Call { input, context, flow_input: None, limits: Limits::default(), stop: Stop::new() }
}

fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
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
