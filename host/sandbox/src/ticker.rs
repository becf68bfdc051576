//! The clock that preempts guests: a plain thread that advances the engine's epoch every 10 ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often a running guest can be interrupted.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Keeps the epoch of one engine advancing for as long as the engine lives.
pub(crate) struct Ticker {
    engine: EngineWeak,
    beating: Arc<AtomicBool>,
}

impl Ticker {
    /// Starts the thread. It ends by itself when the engine is dropped.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let ticker = Self { engine: engine.weak(), beating: Arc::new(AtomicBool::new(false)) };
        ticker.ensure()?;
        Ok(ticker)
    }

    /// Starts the thread again if it ended: without it no guest could be interrupted.
    pub(crate) fn ensure(&self) -> std::io::Result<()> {
        if self.beating.load(Ordering::Relaxed) || self.beating.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let pulse = Pulse(self.beating.clone());
        let engine = self.engine.clone();
        std::thread::Builder::new().name("sandbox-epoch".into()).spawn(move || {
            let _pulse = pulse;
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
        Ok(())
    }
}

/// Says that the thread ended, however it ended.
struct Pulse(Arc<AtomicBool>);

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
