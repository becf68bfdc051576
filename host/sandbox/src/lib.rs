//! The wasmtime floor: checks uploads, compiles them in a child process, and runs attempts within their limits.
//!
//! Guests fail, hosts err: whatever a guest does becomes a [`Report`], a [`Reason`] or a [`model::Failure`];
//! [`Error`] is only for faults of the host.

mod artifact;
mod attempt;
pub mod bench;
mod call;
pub mod compiler;
mod describe;
mod engine;
mod fair;
mod fault;
mod inspect;
mod interfaces;
mod limiter;
mod load;
mod logbook;
mod ports;
mod reason;
mod said;
mod scratch;
mod settings;
mod source;
mod stop;
mod ticker;

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::{Capability, Digest, Failure, FailureKind, Json, Receipt, Share, TenantId};

use tokio::sync::Semaphore;

pub use call::{Call, Ended, Report};
pub use compiler::{CompileLimits, CompilerCommand, Confinement};
pub use inspect::{ComponentReport, Import, Inspection, World};
pub use interfaces::filesystem::PREFIX as FILES;
pub use load::{Compiled, LoadError};
pub use ports::{
    Doing, Expected, Fetch, FetchAnswer, FetchError, FetchRequest, KeyValue, Ports, Secrets,
    StoreError,
};
pub use reason::Reason;
pub use said::{SaidChild, SaidGoOn, SaidWait};
pub use settings::Settings;
pub use source::{Executable, Prepared, Source, SourceProblem, Unprepared, read_source};
pub use stop::Stop;

/// Runs guests. Clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

pub(crate) struct Inner {
    settings: Settings,
    engine: wasmtime::Engine,
    linkers: interfaces::Linkers,
    artifacts: artifact::Artifacts,
    contract: inspect::Contract,
    shelf: load::Shelf,
    shares: fair::Shares,
    slots: fair::Slots,
    cpu: fair::Cpu,
    compilers: fair::Slots,
    describes: Semaphore,
    compiled_count: AtomicU64,
    confinement: OnceLock<Confinement>,
    ticker: ticker::Ticker,
}

/// A fault of the host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("could not {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Wasmtime refused.
    #[error("could not {what}: {source:#}")]
    Wasmtime {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: wasmtime::Error,
    },
    /// A bug of the host.
    #[error("could not {what}: the host failed")]
    Panicked {
        /// What was tried.
        what: &'static str,
        /// The panic.
        source: tokio::task::JoinError,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }
}

impl Sandbox {
    /// Reserves address space for the slots, makes the artifact folder, starts the clock that preempts guests.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let wasmtime = |what| move |source| Error::Wasmtime { what, source };
        let engine = engine::running(settings.slots.saturating_add(DESCRIBES), engine::Checks::ALL)
            .map_err(wasmtime("set up the engine"))?;
        let linkers =
            interfaces::Linkers::new(&engine).map_err(wasmtime("define the host's interfaces"))?;
        let artifacts = artifact::Artifacts::open(&settings.artifacts, settings.key, &engine)
            .map_err(|source| {
                Error::io(format!("open `{}`", settings.artifacts.display()), source)
            })?;
        let ticker = ticker::Ticker::start(&engine)
            .map_err(|source| Error::io("start the clock that preempts guests", source))?;
        let shares = fair::Shares::default();
        Ok(Self(Arc::new(Inner {
            slots: fair::Slots::new(settings.slots, shares.clone()),
            cpu: fair::Cpu::new(shares.clone()),
            shares,
            compilers: fair::Slots::one_each(settings.compilers),
            describes: Semaphore::new(DESCRIBES as usize),
            engine,
            linkers,
            artifacts,
            contract: inspect::Contract::new(),
            shelf: load::Shelf::default(),
            compiled_count: AtomicU64::new(0),
            confinement: OnceLock::new(),
            ticker,
            settings,
        })))
    }

    /// Checks an upload without compiling it and lists every problem. Takes milliseconds for each megabyte.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, Vec<Reason>> {
        let most = self.0.settings.max_component_bytes;
        inspect::inspect(&self.0.contract, bytes, most, inspect::Role::Component)
    }

    /// Makes a component callable: from memory, else from disk, else compiled; one compilation at a time for each
    /// component. `code` is only asked when neither cache has it; of a component it may answer the upload or what
    /// [`Inspection::component`] completed it to.
    pub async fn load<C: Into<Executable>, F, Found>(
        &self,
        tenant: TenantId,
        digest: Digest,
        code: F,
    ) -> Result<Arc<Compiled>, LoadError>
    where
        F: FnOnce() -> Found,
        Found: Future<Output = Option<C>>,
    {
        load::load(&self.0, (tenant, digest), code, &mut Duration::default()).await
    }

    /// The same, and how long this call compiled, whatever came of it: no wait for a turn is in it.
    pub async fn load_timed<C: Into<Executable>, F, Found>(
        &self,
        tenant: TenantId,
        digest: Digest,
        code: F,
    ) -> (Result<Arc<Compiled>, LoadError>, Duration)
    where
        F: FnOnce() -> Found,
        Found: Future<Output = Option<C>>,
    {
        let mut took = Duration::ZERO;
        let loaded = load::load(&self.0, (tenant, digest), code, &mut took).await;
        (loaded, took)
    }

    /// The components whose code is on disk, by tenant.
    pub fn kept(&self) -> Vec<(TenantId, Vec<Digest>)> {
        self.0.artifacts.list()
    }

    /// Forgets a component: its code in memory, once no attempt uses it, and on disk.
    pub fn forget(&self, tenant: TenantId, digest: Digest) {
        self.0.shelf.forget((tenant, digest));
        self.0.artifacts.remove(tenant, digest);
    }

    /// Says which tenants' shares of slots and processors differ from the usual one; replaces what was said before.
    pub fn share_out(&self, shares: HashMap<TenantId, Share>) {
        self.0.shares.set(shares);
        self.0.slots.look_again();
    }

    /// Runs one attempt in a fresh instance, after waiting for a slot of its tenant's. Never errs and never panics: whatever
    /// happens becomes a report. Dropping the future ends the guest.
    pub async fn call(&self, compiled: &Compiled, call: Call) -> Report {
        let _slot = match self.0.slot(compiled.tenant, &call).await {
            Ok(slot) => slot,
            Err(ended) => return Report::never_ran(ended),
        };
        if let Err(error) = self.0.ticker.ensure() {
            let message = format!("the clock that preempts guests does not run: {error}");
            let failure = Failure::new(FailureKind::HostInternal, message);
            return Report::never_ran(Ended::Failed(failure));
        }
        call::run(self.0.runner(), compiled, call::Export::Handle, call).await
    }

    /// Asks the handler's `on-error` what is to follow from a failed attempt, in a fresh instance with a small budget
    /// and nothing granted; `None` when it has none.
    pub async fn call_on_error(
        &self,
        compiled: &Compiled,
        call: Call,
        failure: &Failure,
    ) -> Option<Report> {
        let index = compiled.on_error?;
        let _slot = match self.0.slot(compiled.tenant, &call).await {
            Ok(slot) => slot,
            Err(ended) => return Some(Report::never_ran(ended)),
        };
        // It decides, it does not work.
        let (limits, ports) = (call::on_error_limits(&call.limits), Ports::default());
        let export = call::Export::OnError(index, failure);
        Some(call::run(self.0.runner(), compiled, export, Call { limits, ports, ..call }).await)
    }

    /// Asks the handler to undo what a task did, in a fresh instance; `None` when it cannot.
    pub async fn call_compensate(
        &self,
        compiled: &Compiled,
        call: Call,
        output: &Json,
    ) -> Option<Report> {
        let index = compiled.compensate?;
        let _slot = match self.0.slot(compiled.tenant, &call).await {
            Ok(slot) => slot,
            Err(ended) => return Some(Report::never_ran(ended)),
        };
        let export = call::Export::Compensate(index, output);
        Some(call::run(self.0.runner(), compiled, export, call).await)
    }

    /// What the component says about itself through its optional export `describe`, within a small budget; `None`
    /// when it has none. The text has not passed the JSON gate.
    pub async fn describe(&self, compiled: &Compiled) -> Result<Option<String>, Failure> {
        // Beside the tenant's slots: whoever may run nothing now can still upload.
        let _place = self.0.describes.acquire().await.expect("the semaphore is never closed");
        describe::describe(self.0.runner(), compiled).await
    }

    /// Checks what is to be a runtime, like [`Self::inspect`]; it may import `source`, and has to export `prepare`.
    pub fn inspect_runtime(&self, bytes: &[u8]) -> Result<Inspection, Vec<Reason>> {
        let most = self.0.settings.max_component_bytes;
        inspect::inspect(&self.0.contract, bytes, most, inspect::Role::Runtime)
    }

    /// Has a runtime make a tenant's source ready, within a budget, with nothing granted; its top-level code is run once. Also
    /// answers how much of a processor that took, whatever came of it.
    pub async fn prepare(
        &self,
        runtime: &Arc<Compiled>,
        (tenant, digest): (TenantId, Digest),
        text: &str,
    ) -> (Result<Prepared, Unprepared>, Duration) {
        let _place = self.0.describes.acquire().await.expect("the semaphore is never closed");
        let (runtime, program) = (Arc::clone(runtime), Arc::from(""));
        let source = Source { runtime, program, on_error: false, compensate: false };
        source::prepare(self.0.runner(), &source.bind((tenant, digest)), text).await
    }

    /// Whether the operator forbids a capability to everybody.
    pub fn forbids(&self, capability: Capability) -> bool {
        self.0.settings.forbidden.contains(&capability)
    }

    /// How many compilations this process has started.
    pub fn compiled_count(&self) -> u64 {
        self.0.compiled_count.load(Ordering::Relaxed)
    }

    /// Compiles next to nothing, to see whether compilation works here and what confines it.
    pub async fn try_compiler(&self) -> Result<Confinement, LoadError> {
        let Settings { compiler, compile_limits, .. } = &self.0.settings;
        Ok(compiler::compile(compiler, compile_limits, EMPTY_COMPONENT).await?.confinement)
    }

    /// What confined the first compilation of this process; `None`: there was none.
    pub fn confinement(&self) -> Option<Confinement> {
        self.0.confinement.get().copied()
    }

    /// How many attempts could start right now.
    pub fn free_slots(&self) -> usize {
        self.0.slots.free()
    }
}

/// Uploads that are asked at a time what they carry, or made ready.
const DESCRIBES: u32 = 8;

/// A component with nothing in it.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

impl Inner {
    /// Waits for a slot of a tenant's; else how an attempt ends that never began.
    async fn slot(&self, tenant: TenantId, call: &Call) -> Result<fair::Slot, Ended> {
        tokio::select! {
            biased;
            slot = self.slots.acquire(tenant, call.limits.fuel) => slot.ok_or(Ended::NoRoom),
            () = call.stop.cancelled() => Err(Ended::Cancelled),
        }
    }

    fn confined_by(&self, confinement: Confinement) {
        if self.confinement.set(confinement).is_ok() && confinement == Confinement::LimitsOnly {
            tracing::warn!(
                "the kernel does not let the compile child be confined by seccomp: it has its resource limits alone"
            );
        }
    }

    fn runner(&self) -> call::Runner<'_> {
        call::Runner { engine: &self.engine, cpu: &self.cpu }
    }
}

impl Report {
    fn never_ran(ended: Ended) -> Self {
        Self { ended, receipt: Receipt::default(), log: Vec::new() }
    }
}
