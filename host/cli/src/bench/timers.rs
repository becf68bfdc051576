//! How late handlers begin whose sleeps end in the same second, beside the same handler in runs that are just started.

use std::time::Duration;

use serde_json::{Value, json};
use store::Lateness;

use crate::bench::per_second;
use crate::bench::report::{Row, rate, thousands};
use crate::bench::rig::Rig;

/// The least time before the second in which everything is due.
const LEAD: Duration = Duration::from_secs(2);
/// The time it takes to say so of one sleep, generously.
const LEAD_EACH: Duration = Duration::from_micros(100);

/// Sleeps that were due in the same second.
pub(super) struct Timers {
    count: u32,
    late: Lateness,
    baseline: f64,
}

impl Timers {
    /// All go to sleep as any handler does. When the last one sleeps, one statement moves their moments.
    pub(super) async fn measure(parks: &Rig, count: u32) -> anyhow::Result<Self> {
        let since = parks.with_input("\"sleep\"").start_many(count).await?;
        parks.until_parked(since, count).await?;
        let due = parks.store.make_due(parks.tenant, since, LEAD + LEAD_EACH * count).await?;
        anyhow::ensure!(due == u64::from(count), "{due} sleeps are due in place of {count}");
        parks.store.vacuum_runs().await?;
        parks.until_ended(since).await?;
        parks.ensure_completed(since).await?;
        let late = parks.store.measure_lateness().await?;
        let baseline = per_second(count, parks.with_input("\"nothing\"").run_many(count).await?);
        Ok(Self { count, late, baseline })
    }

    fn rate(&self) -> f64 {
        per_second(self.count, self.late.took)
    }

    pub(super) fn row(&self) -> Row {
        let Lateness { p50_ms, p99_ms, max_ms, took } = self.late;
        let (seconds, each) = (took.as_secs_f64(), rate(self.rate()));
        let ratio = self.rate() / self.baseline;
        Row {
            what: format!(
                "{} sleeps that are due in the same second",
                thousands(f64::from(self.count))
            ),
            ours: format!(
                "late p50 {p50_ms:.0} ms, p99 {p99_ms:.0} ms, at most {max_ms:.0} ms; all done after {seconds:.1} s, \
                 {each}, {ratio:.2} times"
            ),
            beside: format!(
                "{}: as many runs of the same handler that are just started",
                rate(self.baseline)
            ),
        }
    }

    pub(super) fn json(&self) -> Value {
        let Lateness { p50_ms, p99_ms, max_ms, took } = self.late;
        json!({
            "count": self.count,
            "late_ms": { "p50": p50_ms, "p99": p99_ms, "max": max_ms },
            "took_s": took.as_secs_f64(),
            "steps_per_second": self.rate(),
            "baseline_steps_per_second": self.baseline,
        })
    }
}
