//! A flow in its database, started as often as a figure asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use model::definition::MaxAttempts;
use model::{
    Builtin, Definition, Digest, FlowId, Json, Options, Plan as Graph, RunId, Step, StepIndex,
    TenantId,
};
use sandbox::Sandbox;
use store::{By, NewComponent, StartAnswer, StartRun, Store};
use tokio::task::JoinSet;

use crate::bench::per_second;
use crate::host;

/// Starters at once, when many runs are started.
const STARTERS: usize = 64;
/// Between two looks at what runs do, unless a look takes longer.
const LOOK: Duration = Duration::from_millis(10);

/// A component in the database.
pub(super) struct Uploaded {
    store: Store,
    tenant: TenantId,
    digest: Digest,
}

/// Steps one after another.
pub(super) struct Shape {
    /// The flow's name.
    pub(super) flow: &'static str,
    /// What each step is called, and its handler.
    pub(super) steps: Vec<(String, &'static str)>,
    /// True: the first step has a task for each element of the input.
    pub(super) map: bool,
    /// What runs start with.
    pub(super) input: String,
    /// Tasks of one run.
    pub(super) tasks: u32,
}

impl Shape {
    /// So many steps with the same handler.
    pub(super) fn chain(flow: &'static str, handler: &'static str, steps: u16) -> Self {
        let tasks = u32::from(steps);
        let steps = (0..steps).map(|number| (format!("step{number}"), handler)).collect();
        Self { flow, steps, map: false, input: "null".to_owned(), tasks }
    }

    /// One step with so many tasks.
    pub(super) fn map(flow: &'static str, handler: &'static str, tasks: u16) -> Self {
        let input = format!("[{}]", vec!["null"; usize::from(tasks)].join(","));
        let tasks = u32::from(tasks);
        Self { map: true, input, tasks, ..Self::chain(flow, handler, 1) }
    }
}

impl Uploaded {
    pub(super) async fn new(
        store: &Store,
        sandbox: &Sandbox,
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
        let new = NewComponent { digest, bytes: component, report: "{}", source: None };
        store.put_component(By::operator(tenant), new).await?;
        Ok(Self { store: store.clone(), tenant, digest })
    }

    /// Registers a flow of this component, and activates it.
    pub(super) async fn register(&self, shape: Shape) -> anyhow::Result<Rig> {
        let Self { store, tenant, digest } = self;
        let mut steps: Vec<Step> = Vec::with_capacity(shape.steps.len());
        for (name, handler) in &shape.steps {
            let number = u16::try_from(steps.len()).context("a flow has too many steps")?;
            steps.push(Step {
                needs: number.checked_sub(1).map(StepIndex).into_iter().collect(),
                map: shape.map && number == 0,
                component: Some(*digest),
                handler: (*handler).to_owned(),
                ..step(name)?
            });
        }
        let rig = Rig::register(store, *tenant, shape.flow, steps).await?;
        Ok(Rig { input: Json::trusted(shape.input), tasks: shape.tasks, ..rig })
    }
}

/// A step with nothing to do yet.
fn step(name: &str) -> anyhow::Result<Step> {
    Ok(Step {
        name: name.parse()?,
        needs: Vec::new(),
        map: false,
        component: None,
        builtin: None,
        handler: name.to_owned(),
        options: Options { max_attempts: MaxAttempts(1), ..Options::default() },
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
}

/// A flow in its database, and what its runs start with.
#[derive(Clone)]
pub(super) struct Rig {
    pub(super) store: Store,
    pub(super) tenant: TenantId,
    /// Tasks of one run.
    pub(super) tasks: u32,
    flow_id: FlowId,
    version: u32,
    roots: Arc<[StepIndex]>,
    input: Json,
}

impl Rig {
    /// A flow of one built-in step, of this tenant.
    pub(super) async fn built_in(store: &Store, tenant: TenantId) -> anyhow::Result<Self> {
        let builtin = Some(Builtin::Inject(Json::null()));
        let steps = vec![Step { builtin, ..step("inject")? }];
        Self::register(store, tenant, "inject", steps).await
    }

    async fn register(
        store: &Store,
        tenant: TenantId,
        flow: &str,
        steps: Vec<Step>,
    ) -> anyhow::Result<Self> {
        let definition = Definition {
            flow: flow.parse()?,
            description: None,
            input_schema: None,
            deadline_ms: None,
            rate_limits: Vec::new(),
            steps,
        };
        let by = By::operator(tenant);
        let registered = store.register_version(by, &Graph::new(definition)).await?;
        store.activate(by, registered.flow_id, registered.version).await?;
        Ok(Self {
            store: store.clone(),
            tenant,
            flow_id: registered.flow_id,
            version: registered.version,
            roots: Arc::new([StepIndex(0)]),
            input: Json::null(),
            tasks: 1,
        })
    }

    /// The same flow started with another input.
    pub(super) fn with_input(&self, input: &str) -> Self {
        Self { input: Json::trusted(input), ..self.clone() }
    }

    /// The same flow through another connection to its database.
    pub(super) fn over(&self, store: &Store) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    fn one_run(&self) -> StartRun {
        StartRun {
            tenant: self.tenant,
            tenant_name: host::DEFAULT_TENANT.to_owned(),
            run_id: RunId(uuid::Uuid::now_v7()),
            flow_id: self.flow_id,
            version: self.version,
            pinned: true,
            roots: Arc::clone(&self.roots),
            input: self.input.clone(),
            priority: 0,
            traceparent: None,
            delay_ms: 0,
            options: None,
            deadline_ms: None,
            key: None,
        }
    }

    /// Starts runs in one commit.
    pub(super) async fn start_together(&self, runs: u32) -> anyhow::Result<()> {
        let starts: Vec<StartRun> = (0..runs).map(|_| self.one_run()).collect();
        let answers = self.store.start_runs(&starts).await?;
        let all = answers.iter().all(|answer| *answer == StartAnswer::Started);
        anyhow::ensure!(all, "some runs were not started");
        Ok(())
    }

    pub(super) async fn start(&self) -> anyhow::Result<RunId> {
        let start = self.one_run();
        let run_id = start.run_id;
        let answer = self.store.start_run(start).await?;
        anyhow::ensure!(answer == StartAnswer::Started, "a run was not started: {answer:?}");
        Ok(run_id)
    }

    /// Starts this many runs, many at once; an id that is older than all of theirs.
    pub(super) async fn start_many(&self, runs: u32) -> anyhow::Result<RunId> {
        let since = RunId(uuid::Uuid::now_v7());
        let left = Arc::new(AtomicI64::new(i64::from(runs)));
        let mut starters = JoinSet::new();
        for _ in 0..STARTERS {
            let (rig, left) = (self.clone(), Arc::clone(&left));
            starters.spawn(async move {
                while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                    rig.start().await?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(done) = starters.join_next().await {
            done??;
        }
        Ok(since)
    }

    /// Starts this many runs and waits until the last has ended; how long that took.
    pub(super) async fn run_many(&self, runs: u32) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let since = self.start_many(runs).await?;
        self.until_ended(since).await?;
        let took = started.elapsed();
        self.ensure_completed(since).await?;
        Ok(took)
    }

    /// Steps per second of so many runs.
    pub(super) async fn rate(&self, runs: u32) -> anyhow::Result<f64> {
        Ok(per_second(runs * self.tasks, self.run_many(runs).await?))
    }

    /// The same, in the best of so many rounds.
    pub(super) async fn best_rate(&self, runs: u32, rounds: u32) -> anyhow::Result<f64> {
        let mut best = 0.0_f64;
        for _ in 0..rounds.max(1) {
            best = best.max(self.rate(runs).await?);
        }
        Ok(best)
    }

    /// Waits until no run since this one is live.
    pub(super) async fn until_ended(&self, since: RunId) -> anyhow::Result<()> {
        while self.store.is_any_live(self.tenant, since).await? {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until all runs since this one are parked, so many.
    pub(super) async fn until_parked(&self, since: RunId, runs: u32) -> anyhow::Result<()> {
        loop {
            let began = Instant::now();
            let (moving, waiting) = self.store.count_waiting(self.tenant, since).await?;
            if moving == 0 {
                anyhow::ensure!(
                    waiting == i64::from(runs),
                    "{waiting} runs parked in place of {runs}"
                );
                return Ok(());
            }
            // What is looked for must not be slowed down by looking.
            tokio::time::sleep(LOOK.max(began.elapsed() * 10)).await;
        }
    }

    /// What failed was not measured.
    pub(super) async fn ensure_completed(&self, since: RunId) -> anyhow::Result<()> {
        let others = self.store.count_uncompleted(self.tenant, since).await?;
        anyhow::ensure!(others == 0, "{others} runs did not complete, so nothing was measured");
        Ok(())
    }
}
