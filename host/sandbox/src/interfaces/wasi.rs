//! WASI 0.2 with nothing granted, for the languages whose toolchains import it.
//!
//! No folders but a scratch folder that was granted, no environment, no arguments, no input; sockets refuse; random is capped, clocks are coarse, and
//! what is written to the standard streams goes to the attempt's log.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use model::log::LogSource;
use tokio::io::AsyncWrite;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::filesystem;
use crate::attempt::{Attempt, BYTES_PER_FUEL, HOST_CALL_FUEL};
use crate::logbook::SharedLog;
use crate::scratch::SharedScratch;

/// The prefix of every interface of WASI.
pub(crate) const PREFIX: &str = "wasi:";
/// The most random bytes one call answers.
const MAX_RANDOM_BYTES: u64 = 64 * 1024;
/// Resources of WASI an attempt can hold at once.
const MAX_RESOURCES: usize = 256;
/// What the clocks are rounded down to.
const CLOCK_STEP: Duration = Duration::from_millis(1);
/// How much a guest may write to a stream in one call, in bytes.
pub(crate) const MAX_WRITE: usize = 64 * 1024;

/// What an import of a WASI interface means to a person.
pub(crate) fn meaning(interface: &str) -> &'static str {
    match interface.split('/').next().unwrap_or_default() {
        "wasi:cli" => {
            "standard streams go to the attempt's log; environment and arguments are empty"
        }
        "wasi:clocks" => "reads clocks, rounded to a millisecond",
        "wasi:filesystem" => {
            "sees no files but those of its own folder `/scratch`, where its step is granted `scratch`"
        }
        "wasi:io" => "streams and polling for the other WASI interfaces",
        "wasi:random" => "reads random bytes, at most 64 KiB a call",
        "wasi:sockets" => "has no network: every address is refused",
        _ => "part of WASI",
    }
}

/// True for an interface whose calls could cause an effect outside the attempt if it were granted anything.
pub(crate) fn effectful(interface: &str) -> bool {
    interface.starts_with("wasi:sockets/")
}

/// Defines the interfaces.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    filesystem::link(linker)
}

/// WASI's state of one attempt.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    pub(super) table: ResourceTable,
    /// Its folder, if it was granted one.
    pub(super) scratch: Option<SharedScratch>,
}

impl Wasi {
    /// Prepares it for one attempt.
    pub(crate) fn prepare(log: &SharedLog, scratch: Option<SharedScratch>) -> Box<Self> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let ctx = WasiCtx::builder()
            .stdout(Console { log: log.clone(), source: LogSource::Stdout })
            .stderr(Console { log: log.clone(), source: LogSource::Stderr })
            .max_random_size(MAX_RANDOM_BYTES)
            .wall_clock(CoarseWall)
            .monotonic_clock(CoarseMonotonic(Instant::now()))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Box::new(Self { ctx, table, scratch })
    }
}

impl WasiView for Attempt {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi_called();
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

impl Attempt {
    /// Counts a call of WASI, and what the calls before it read and wrote.
    pub(super) fn wasi_called(&mut self) -> &mut Wasi {
        self.host_calls += 1;
        let wasi = self.wasi.as_mut().expect("only components prepared with WASI are linked to it");
        let moved = wasi.scratch.as_ref().map_or(0, |scratch| scratch.lock().take_moved());
        // There is no store here to take the price from: the next call looks whether the guest can pay for it.
        self.unpaid_fuel += HOST_CALL_FUEL + moved / BYTES_PER_FUEL;
        wasi
    }
}

/// The time since 1970, as coarse as guests see it.
pub(crate) fn now() -> Duration {
    coarse(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn coarse(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

struct CoarseWall;

impl HostWallClock for CoarseWall {
    fn resolution(&self) -> Duration {
        CLOCK_STEP
    }

    fn now(&self) -> Duration {
        now()
    }
}

struct CoarseMonotonic(Instant);

impl HostMonotonicClock for CoarseMonotonic {
    fn resolution(&self) -> u64 {
        nanoseconds(CLOCK_STEP)
    }

    fn now(&self) -> u64 {
        // A clock that stands at nothing is a broken one to some runtimes.
        nanoseconds(CLOCK_STEP + coarse(self.0.elapsed()))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A standard stream that ends in the attempt's log.
#[derive(Clone)]
struct Console {
    log: SharedLog,
    source: LogSource,
}

impl IsTerminal for Console {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Console {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Console {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.lock().console(self.source, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Console {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Console {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.log.lock().console(self.source, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
