//! What one attempt carries in its store: limits, clocks, log, context and what it used so far.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::limits::MAX_REQUEST_BYTES;
use model::{Json, Limits, TaskContext};
use wasmtime::{AsContext, CallHook, Store, StoreContextMut, Trap, UpdateDeadline};

use crate::engine::Checks;
use crate::interfaces::wasi::Wasi;
use crate::limiter::Limiter;
use crate::logbook::SharedLog;
use crate::ports::Ports;
use crate::scratch::SharedScratch;
use crate::stop::Stop;

/// Fuel each call from the guest into the host costs.
pub(crate) const HOST_CALL_FUEL: u64 = 200;
/// Bytes that cross the line in a host call for one more unit of fuel.
pub(crate) const BYTES_PER_FUEL: u64 = 16;
/// What the canonical ABI may copy from the guest in one call, in bytes: the largest output, twice, for what
/// surrounds it. Who may send requests has room for a body besides.
const COPIED_BYTES: usize = 2 * 1024 * 1024;
/// Resource handles of one attempt.
const MAX_HANDLES: usize = 1_024;

/// Why the host interrupted a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Interrupted {
    /// The deadline passed.
    #[error("the deadline passed")]
    Deadline,
    /// The attempt was cancelled.
    #[error("the attempt was cancelled")]
    Stopped,
}

/// The store's data.
pub(crate) struct Attempt {
    pub(crate) started: Instant,
    pub(crate) timeout: Duration,
    pub(crate) limiter: Limiter,
    pub(crate) log: SharedLog,
    pub(crate) context: TaskContext,
    pub(crate) flow_input: Option<Json>,
    pub(crate) stop: Stop,
    pub(crate) host_calls: u64,
    /// What those among them cost that cannot take their price from the guest's fuel; see [`is_overdrawn`].
    pub(crate) unpaid_fuel: u64,
    /// What it was granted.
    pub(crate) ports: Ports,
    /// Requests it sent.
    pub(crate) fetches: u32,
    /// Calls it made to the key-value store.
    pub(crate) key_value_calls: u64,
    /// Bytes it moved to and from there.
    pub(crate) key_value_bytes: u64,
    /// What a runtime runs in it.
    pub(crate) program: Option<Arc<str>>,
    /// Present when the component imports WASI.
    pub(crate) wasi: Option<Box<Wasi>>,
}

impl Attempt {
    /// An attempt that begins now.
    pub(crate) fn new(
        limits: &Limits,
        context: TaskContext,
        flow_input: Option<Json>,
        stop: Stop,
    ) -> Self {
        let started = Instant::now();
        Self {
            started,
            timeout: limits.timeout(),
            limiter: Limiter::new(limits),
            log: SharedLog::new(limits, started),
            context,
            flow_input,
            stop,
            host_calls: 0,
            unpaid_fuel: 0,
            ports: Ports::default(),
            fetches: 0,
            key_value_calls: 0,
            key_value_bytes: 0,
            program: None,
            wasi: None,
        }
    }

    /// The same attempt, prepared for a component that imports WASI.
    pub(crate) fn with_wasi(mut self) -> Self {
        let folder = |most| SharedScratch::new(most, self.limiter.memory());
        let scratch = self.ports.scratch_bytes.map(folder);
        self.wasi = Some(Wasi::prepare(&self.log, scratch));
        self
    }

    /// The same attempt, with what it was granted.
    pub(crate) fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// The same attempt, of a source.
    pub(crate) fn with_program(mut self, program: Option<Arc<str>>) -> Self {
        self.program = program;
        self
    }

    /// Time until the deadline; zero once it passed.
    pub(crate) fn remaining(&self) -> Duration {
        self.timeout.saturating_sub(self.started.elapsed())
    }

    /// Why the guest must not go on, if it must not.
    pub(crate) fn interrupted(&self) -> Option<Interrupted> {
        if self.stop.is_cancelled() {
            Some(Interrupted::Stopped)
        } else if self.remaining().is_zero() {
            Some(Interrupted::Deadline)
        } else {
            None
        }
    }
}

/// Sets every bound of a fresh store. Comes before instantiation: a `start` function is guest code too.
pub(crate) fn bound(
    store: &mut Store<Attempt>,
    limits: &Limits,
    checks: Checks,
) -> wasmtime::Result<()> {
    store.limiter(|attempt| &mut attempt.limiter);
    let bodies = if store.data().ports.fetch.is_some() { MAX_REQUEST_BYTES } else { 0 };
    store.set_hostcall_fuel(COPIED_BYTES + bodies);
    store.set_max_component_handles(MAX_HANDLES);
    if checks.epoch {
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| match store.data().interrupted() {
            Some(reason) => Err(wasmtime::Error::new(reason)),
            None => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
        });
    }
    if checks.fuel {
        store.set_fuel(limits.fuel.min(Limits::CEILING.fuel))?;
    }
    if store.data().wasi.is_some() {
        store.call_hook(|store, hook| match hook {
            CallHook::CallingHost if is_overdrawn(&store) => Err(Trap::OutOfFuel.into()),
            CallHook::CallingHost
            | CallHook::ReturningFromHost
            | CallHook::CallingWasm
            | CallHook::ReturningFromWasm => Ok(()),
        });
    }
    Ok(())
}

/// True when the host calls that could not take their price cost more than the guest has left.
pub(crate) fn is_overdrawn(store: impl AsContext<Data = Attempt>) -> bool {
    let store = store.as_context();
    // Only a measurement without fuel has no counter.
    store.get_fuel().is_ok_and(|left| left < store.data().unpaid_fuel)
}

/// Counts a host call that moves `bytes` and takes its price from the guest's fuel.
pub(crate) fn charge(
    store: &mut StoreContextMut<'_, Attempt>,
    bytes: usize,
) -> wasmtime::Result<()> {
    store.data_mut().host_calls += 1;
    take(store, HOST_CALL_FUEL + bytes as u64 / BYTES_PER_FUEL)
}

/// Takes the price of `bytes` more that a host call moves.
pub(crate) fn pay(store: &mut StoreContextMut<'_, Attempt>, bytes: usize) -> wasmtime::Result<()> {
    take(store, bytes as u64 / BYTES_PER_FUEL)
}

fn take(store: &mut StoreContextMut<'_, Attempt>, price: u64) -> wasmtime::Result<()> {
    // Only a measurement without fuel has no counter.
    let Ok(left) = store.get_fuel() else {
        return Ok(());
    };
    store.set_fuel(left.saturating_sub(price))?;
    if left < price {
        return Err(Trap::OutOfFuel.into());
    }
    Ok(())
}
