//! Measures what the limits cost: the same component called bare and called within them, side by side.

use std::time::{Duration, Instant};

use model::Digest;
use wasmtime::component::Component;
use wasmtime::{Engine, Store};

use crate::attempt::Attempt;
use crate::call::{Call, Ended, Export, Runner, run};
use crate::engine::{self, Checks};
use crate::fair::{Cpu, Shares};
use crate::interfaces::Linkers;
use crate::interfaces::types::{Answer, WireInput};
use crate::load::{Compiled, LoadError, connect};
use crate::reason::Reason;
use crate::{Error, Sandbox, TenantId, ticker};

/// Calls of one kind in a row, before the next kind takes its turn: noise of the machine hits all kinds alike.
const IN_A_ROW: u32 = 50;
/// Calls at once; the measurement makes one at a time.
const SLOTS: u32 = 4;

/// Medians of making a store and an instance, calling it, and dropping both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Wasmtime alone: pooled, no fuel, no epoch, no limiter, no deadline; what `sandbox` is compared with.
    pub bare: Duration,
    /// [`Sandbox::call`]: everything.
    pub sandbox: Duration,
    /// The same without counting fuel.
    pub without_fuel: Duration,
    /// The same without the epoch.
    pub without_epoch: Duration,
    /// The same without either.
    pub without_both: Duration,
    /// Calls behind each figure.
    pub calls: u32,
}

impl Figures {
    /// What a sandboxed call costs in bare calls.
    pub fn ratio(&self) -> f64 {
        self.sandbox.as_secs_f64() / self.bare.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The component cannot be called.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The host failed.
    #[error(transparent)]
    Host(#[from] Error),
    /// The handler did not answer, so its time means nothing.
    #[error("the handler must answer to be measured, but {0}")]
    NoAnswer(String),
}

/// Calls the component `calls` times in each way, one call at a time. Compiles it in this process several times:
/// only for components the operator trusts.
pub async fn measure(
    sandbox: &Sandbox,
    component: &[u8],
    call: &Call,
    calls: u32,
) -> Result<Figures, BenchError> {
    let bytes = component.to_vec();
    let digest = Digest::of(&bytes);
    let loaded = sandbox.load(TenantId::NOBODY, digest, || async { Some(bytes) }).await?;
    let component = crate::inspect::completed(component).map_err(LoadError::Refused)?;
    let bare = Rig::new(&component, Checks { fuel: false, epoch: false })?;
    let without_fuel = Rig::new(&component, Checks { fuel: false, epoch: true })?;
    let without_epoch = Rig::new(&component, Checks { fuel: true, epoch: false })?;
    let mut times: [Vec<Duration>; 5] = Default::default();
    let turns = calls.div_ceil(IN_A_ROW).max(1);
    // The first turn warms the pools and is not counted.
    for turn in 0..=turns {
        let mut row: [Vec<Duration>; 5] = Default::default();
        for _ in 0..IN_A_ROW {
            row[0].push(bare.bare(call).await?);
        }
        for _ in 0..IN_A_ROW {
            let call = call.clone();
            let started = Instant::now();
            let report = sandbox.call(&loaded, call).await;
            row[1].push(started.elapsed());
            answered(&report.ended)?;
        }
        for (at, rig) in [(2, &without_fuel), (3, &without_epoch), (4, &bare)] {
            for _ in 0..IN_A_ROW {
                row[at].push(rig.limited(call).await?);
            }
        }
        if turn > 0 {
            times.iter_mut().zip(row).for_each(|(all, row)| all.extend(row));
        }
    }
    let [bare, sandbox, without_fuel, without_epoch, without_both] = times.map(median);
    let calls = turns * IN_A_ROW;
    Ok(Figures { bare, sandbox, without_fuel, without_epoch, without_both, calls })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn answered(ended: &Ended) -> Result<(), BenchError> {
    match ended {
        Ended::Answered(_)
        | Ended::Skipped(_)
        | Ended::GoesOn(_)
        | Ended::GaveUp(_)
        | Ended::Undecided => Ok(()),
        Ended::Failed(failure) => Err(BenchError::NoAnswer(format!("it failed: {failure}"))),
        Ended::Cancelled | Ended::NoRoom => Err(BenchError::NoAnswer("it was cancelled".into())),
    }
}

/// An engine with some of the checks, and the component compiled for it.
struct Rig {
    engine: Engine,
    cpu: Cpu,
    compiled: Compiled,
    _ticker: ticker::Ticker,
}

impl Rig {
    fn new(component: &[u8], checks: Checks) -> Result<Self, BenchError> {
        let wasmtime = |what| move |source| Error::Wasmtime { what, source };
        let engine = engine::running(SLOTS, checks).map_err(wasmtime("set up the engine"))?;
        let linkers = Linkers::new(&engine).map_err(wasmtime("define the host's interfaces"))?;
        let component = Component::from_binary(&engine, component).map_err(|error| {
            LoadError::Refused(Reason::new(model::Code::ComponentInvalid, format!("{error:#}")))
        })?;
        let compiled = connect(&linkers, (TenantId::NOBODY, Digest([0; 32])), &component, checks)?;
        let ticker = ticker::Ticker::start(&engine)
            .map_err(|source| Error::io("start the clock that preempts guests", source))?;
        Ok(Self { engine, cpu: Cpu::new(Shares::default()), compiled, _ticker: ticker })
    }

    /// As the sandbox calls it, with this rig's checks.
    async fn limited(&self, call: &Call) -> Result<Duration, BenchError> {
        let call = call.clone();
        let started = Instant::now();
        let runner = Runner { engine: &self.engine, cpu: &self.cpu };
        let report = run(runner, &self.compiled, Export::Handle, call).await;
        let took = started.elapsed();
        answered(&report.ended).map(|()| took)
    }

    /// As wasmtime's own documentation calls it.
    async fn bare(&self, call: &Call) -> Result<Duration, BenchError> {
        // What the host's interfaces read; none of it limits anything here.
        let (context, stop) = (call.context.clone(), call.stop.clone());
        let attempt = Attempt::new(&call.limits, context, call.flow_input.clone(), stop);
        let attempt = if self.compiled.wants_wasi { attempt.with_wasi() } else { attempt };
        let started = Instant::now();
        let mut store = Store::new(&self.engine, attempt);
        let answer = self.bare_answer(&mut store, call).await;
        drop(store);
        let took = started.elapsed();
        match answer {
            Ok(Ok(_)) => Ok(took),
            Ok(Err(error)) => {
                Err(BenchError::NoAnswer(format!("it failed: {}", error.into_failure())))
            }
            Err(error) => Err(BenchError::NoAnswer(format!("it failed: {error:#}"))),
        }
    }

    async fn bare_answer(
        &self,
        store: &mut Store<Attempt>,
        call: &Call,
    ) -> wasmtime::Result<Answer> {
        let compiled = &self.compiled;
        let input = (WireInput::from(&call.input),);
        // The interfaces of WASI are async, and only those.
        if compiled.wants_wasi {
            let instance = compiled.pre.instantiate_async(&mut *store).await?;
            let handle = instance
                .get_typed_func::<(WireInput<'_>,), (Answer,)>(&mut *store, &compiled.handle)?;
            return Ok(handle.call_async(&mut *store, input).await?.0);
        }
        let instance = compiled.pre.instantiate(&mut *store)?;
        let handle = instance
            .get_typed_func::<(WireInput<'_>,), (Answer,)>(&mut *store, &compiled.handle)?;
        Ok(handle.call(&mut *store, input)?.0)
    }
}
