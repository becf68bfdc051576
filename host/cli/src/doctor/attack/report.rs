//! What came of an attack, judged and said.

use std::time::Duration;

use attacks::Attack;
use serde_json::json;

use super::canary::Flight;
use super::gauges::Gauges;
use crate::bench::ms;
use crate::escape::escape_line;
use crate::screen::Screen;

/// Attempts of the attacked host at a time.
pub(super) const SLOTS: u32 = 8;
/// CPU time its compilations have: as much is lost to a bomb in any case.
pub(super) const COMPILE_CPU: &str = "5s";
/// Memory its compilations have: a bomb that wants more is to reach that before its CPU time is over, on a slow machine too.
pub(super) const COMPILE_MEMORY: &str = "384MiB";
/// What came of an attack.
#[derive(Default)]
pub(super) struct Row {
    /// How it ended.
    pub(super) got: String,
    /// The longest it took to be stopped.
    pub(super) worst: Duration,
    /// What the canary did meanwhile.
    pub(super) flight: Flight,
    /// Runs that had not ended a while after it.
    pub(super) left: usize,
    /// What the process holds more than before; `None`: it is dead.
    pub(super) after: Option<Gauges>,
    pub(super) verdict: Verdict,
}

/// Whether everything was as it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was.
    #[default]
    Good,
    /// The process that was attacked is dead.
    HostDied,
    /// It ended in another way.
    EndedOtherwise,
    /// A run of another tenant failed.
    CanaryFailed,
    /// Runs of it go on.
    LeftRunning,
    /// It had the process hold more memory than it may.
    TookMemory,
    /// Memory, descriptors or threads did not come back.
    Leaked,
    /// Runs of another tenant were held up.
    CanarySlow,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::HostDied => "host_died",
            Self::EndedOtherwise => "ended_otherwise",
            Self::CanaryFailed => "canary_failed",
            Self::LeftRunning => "left_running",
            Self::TookMemory => "took_memory",
            Self::Leaked => "leaked",
            Self::CanarySlow => "canary_slow",
        }
    }
}

impl Row {
    /// Whether it ended as it has to.
    pub(super) fn is_as_expected(&self, attack: &Attack) -> bool {
        attack.expected.is(&self.got)
    }

    /// The worst of what is wrong.
    pub(super) fn judge(&self, attack: &Attack) -> Verdict {
        match &self.after {
            None => Verdict::HostDied,
            Some(_) if !self.is_as_expected(attack) => Verdict::EndedOtherwise,
            Some(_) if !self.flight.failures.is_empty() => Verdict::CanaryFailed,
            Some(_) if self.left > 0 => Verdict::LeftRunning,
            Some(after) if after.is_too_high() => Verdict::TookMemory,
            Some(after) if !after.is_back() => Verdict::Leaked,
            Some(_) if self.flight.is_slow() => Verdict::CanarySlow,
            Some(_) => Verdict::Good,
        }
    }
}

/// Which machine and settings, and the heading.
pub(super) fn begin(postgres: u32, attacks: usize, runs: usize, screen: &Screen) {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = kernel.trim();
    if screen.is_json() {
        screen.json(&json!({
            "kernel": kernel, "cores": cores, "postgres": postgres, "slots": SLOTS, "compile_cpu": COMPILE_CPU,
            "compile_memory": COMPILE_MEMORY, "attacks": attacks, "canary_runs": runs,
        }));
        return;
    }
    screen.line(&format!(
        "Linux {kernel}, {cores} cores, a private Postgres {postgres}; a host of {SLOTS} attempts at a time and \
         {COMPILE_CPU} and {COMPILE_MEMORY} for a compilation; {attacks} attacks, {runs} runs of another tenant beside each"
    ));
    screen.line(&columns(["attack", "limit", "expected", "got", "ms", "peak", "p99", "verdict"]));
}

/// One attack.
pub(super) fn say(attack: &Attack, row: &Row, screen: &Screen) {
    let grown = row.after.as_ref().map_or(0, |after| after.peak_bytes);
    let ratio = (row.flight.ratio() * 100.0).round() / 100.0;
    if screen.is_json() {
        let gauge = |of: fn(&Gauges) -> i64| row.after.as_ref().map(of);
        screen.json(&json!({
            "attack": attack.name, "tries": attack.tries(), "limit": attack.limit,
            "expected": attack.expected.to_string(), "got": row.got, "stopped_ms": ms(row.worst),
            "peak_bytes": grown, "kept_bytes": gauge(|more| more.resident_bytes), "descriptors": gauge(|more| more.descriptors), "threads": gauge(|more| more.threads),
            "left_running": row.left, "canary": { "runs": row.flight.runs(), "failures": row.flight.failures,
                "p99_ms": ms(row.flight.p99()), "quiet_p99_ms": ms(row.flight.quiet_p99), "ratio": ratio },
            "verdict": row.verdict.as_str(),
        }));
        return;
    }
    let expected = attack.expected.to_string();
    let got = escape_line(&row.got);
    let memory = format!("{:+.1} MiB", grown as f64 / (1024.0 * 1024.0));
    let (took, ratio) = (format!("{:.0}", ms(row.worst)), format!("{ratio:.2} x"));
    let verdict = row.verdict.as_str();
    screen.line(&columns([
        attack.name,
        attack.limit,
        &expected,
        &got,
        &took,
        &memory,
        &ratio,
        verdict,
    ]));
    row.flight
        .failures
        .iter()
        .take(3)
        .for_each(|why| screen.line(&format!("    {}", escape_line(why))));
}

/// The last line.
pub(super) fn end(all_good: bool, screen: &Screen) {
    if !screen.is_json() {
        let text = if all_good {
            "every attack ended as it has to, and the host lives"
        } else {
            "not every attack ended as it has to; `--only NAME` makes one of them again"
        };
        screen.line(text);
    }
}

/// A row while the others are not known yet.
fn columns(cells: [&str; 8]) -> String {
    let [attack, limit, expected, got, ms, memory, ratio, verdict] = cells;
    format!(
        "{attack:<32} {limit:<32} {expected:<30} {got:<30} {ms:>6} {memory:>10} {ratio:>7}  {verdict}"
    )
}
