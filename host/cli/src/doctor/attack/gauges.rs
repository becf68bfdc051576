//! What the attacked process holds, as the system says it: memory, descriptors, threads.

use anyhow::Context;

/// Memory that may stay: code of what was compiled, and pages that slots keep to be fast.
const KEPT_BYTES: i64 = 64 * 1024 * 1024;
/// Memory that may be held meanwhile: what an attempt may have, an upload and what is known of it.
const MAX_PEAK_BYTES: i64 = 256 * 1024 * 1024;
/// Descriptors that may stay: connections to Postgres and of the attacker.
const KEPT_DESCRIPTORS: i64 = 32;
/// Threads that may stay a while: those that did what blocks.
const KEPT_THREADS: i64 = 16;

/// What a process holds, or how much more it holds than before.
#[derive(Clone, Debug)]
pub(super) struct Gauges {
    pub(super) resident_bytes: i64,
    /// The most memory since the mark was set.
    pub(super) peak_bytes: i64,
    pub(super) descriptors: i64,
    pub(super) threads: i64,
}

impl Gauges {
    /// What it holds now.
    pub(super) fn read(pid: u32) -> anyhow::Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        let status = status.context("attacks are measured through /proc, which is not here")?;
        let number = |name: &str| -> anyhow::Result<i64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let line = line.context("/proc says nothing of a process")?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        Ok(Self {
            resident_bytes: number("VmRSS:")?.saturating_mul(1_024),
            peak_bytes: number("VmHWM:")?.saturating_mul(1_024),
            descriptors: i64::try_from(descriptors)?,
            threads: number("Threads:")?,
        })
    }

    /// Sets the mark of the most memory to what there is now.
    pub(super) fn mark(pid: u32) -> anyhow::Result<()> {
        const PEAK: &str = "5";
        Ok(std::fs::write(format!("/proc/{pid}/clear_refs"), PEAK)?)
    }

    /// Whether more memory was held meanwhile than may be.
    pub(super) fn is_too_high(&self) -> bool {
        self.peak_bytes > MAX_PEAK_BYTES
    }

    /// How much more it is than before.
    pub(super) fn over(&self, before: &Self) -> Self {
        Self {
            resident_bytes: self.resident_bytes - before.resident_bytes,
            peak_bytes: self.peak_bytes - before.resident_bytes,
            descriptors: self.descriptors - before.descriptors,
            threads: self.threads - before.threads,
        }
    }

    /// Whether no more is held than may stay.
    pub(super) fn is_back(&self) -> bool {
        let Self { resident_bytes, peak_bytes: _, descriptors, threads } = self;
        *resident_bytes <= KEPT_BYTES
            && *descriptors <= KEPT_DESCRIPTORS
            && *threads <= KEPT_THREADS
    }
}
