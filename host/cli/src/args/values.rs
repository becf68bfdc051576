//! Values of the command line that are read before anything is done, each within its range.

use std::ops::RangeInclusive;
use std::time::Duration;

use model::Limits;
use model::duration::{Ms, parse_ms};
use model::limits::MIN_MEMORY_BYTES;
use model::size::{Bytes, parse_bytes};

/// Leases a worker can hold, in milliseconds: it beats several times in one, and a day is as good as for ever.
const LEASES_MS: RangeInclusive<u64> = 1_000..=24 * 60 * 60 * 1_000;

/// CPU time a compilation can have, in milliseconds: the kernel counts whole seconds, and an hour compiles anything.
const COMPILE_CPU_MS: RangeInclusive<u64> = 1_000..=60 * 60 * 1_000;

/// Memory a compilation can have, in bytes: the compiler itself fits in the least of it, and no component needs the most.
const COMPILE_MEMORY_BYTES: RangeInclusive<u64> = 128 << 20..=64 << 30;

/// How long calls can be held back, in milliseconds.
const RECOVERIES_MS: RangeInclusive<u64> = 100..=24 * 60 * 60 * 1_000;

/// How long to wait for something to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowLong {
    /// Until it has ended.
    Forever,
    /// No longer than this.
    AtMost(Duration),
}

/// `forever`, or a duration.
pub(super) fn how_long(text: &str) -> Result<HowLong, String> {
    match text {
        FOREVER => Ok(HowLong::Forever),
        text => duration(text).map(HowLong::AtMost),
    }
}

/// What stands for a wait without an end.
pub(super) const FOREVER: &str = "forever";

/// A duration: `500ms`, `5s`, `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_ms(text).map(Duration::from_millis).map_err(|why| why.to_string())
}

/// The lease of a worker.
pub(super) fn lease(text: &str) -> Result<Duration, String> {
    ms_within(text, LEASES_MS).map(Duration::from_millis)
}

/// How long calls to an origin that fails are held back.
pub(super) fn recovery(text: &str) -> Result<Duration, String> {
    ms_within(text, RECOVERIES_MS).map(Duration::from_millis)
}

/// The CPU time of one compilation.
pub(super) fn compile_cpu(text: &str) -> Result<Duration, String> {
    ms_within(text, COMPILE_CPU_MS).map(Duration::from_millis)
}

/// The memory of one compilation, in bytes.
pub(super) fn compile_memory(text: &str) -> Result<u64, String> {
    bytes_within(text, COMPILE_MEMORY_BYTES)
}

/// The wall clock of one attempt, in milliseconds.
pub(super) fn timeout_ms(text: &str) -> Result<u64, String> {
    ms_within(text, 1..=Limits::CEILING.timeout_ms)
}

/// The memory of one attempt, in bytes.
pub(super) fn memory_bytes(text: &str) -> Result<u64, String> {
    bytes_within(text, MIN_MEMORY_BYTES..=Limits::CEILING.memory_bytes)
}

fn bytes_within(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let bytes = parse_bytes(text).map_err(|why| why.to_string())?;
    let words = format!("from `{}` to `{}`", Bytes(*range.start()), Bytes(*range.end()));
    if range.contains(&bytes) { Ok(bytes) } else { Err(out_of_range(&words)) }
}

/// The fuel of one attempt.
pub(super) fn fuel(text: &str) -> Result<u64, String> {
    let range = 1..=Limits::CEILING.fuel;
    let words = format!("a whole number from `{}` to `{}`", range.start(), range.end());
    let fuel = text.parse().ok().filter(|fuel| range.contains(fuel));
    fuel.ok_or_else(|| out_of_range(&words))
}

fn ms_within(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let ms = parse_ms(text).map_err(|why| why.to_string())?;
    let words = format!("from `{}` to `{}`", Ms(*range.start()), Ms(*range.end()));
    if range.contains(&ms) { Ok(ms) } else { Err(out_of_range(&words)) }
}

fn out_of_range(words: &str) -> String {
    format!("it may be {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_for_ever_or_a_duration() {
        assert_eq!(how_long("forever"), Ok(HowLong::Forever));
        assert_eq!(how_long("2s"), Ok(HowLong::AtMost(Duration::from_secs(2))));
        assert!(how_long("zz").is_err());
    }

    #[test]
    fn what_an_attempt_may_have_ends_where_the_limits_say() {
        assert_eq!(["1ms", "15m"].map(timeout_ms), [Ok(1), Ok(900_000)]);
        assert_eq!(["1", "1000000000000"].map(fuel), [Ok(1), Ok(1_000_000_000_000)]);
        assert_eq!(["64KiB", "512MiB"].map(memory_bytes), [Ok(65_536), Ok(536_870_912)]);
        assert!(["0ms", "16m", "x"].map(timeout_ms).iter().all(Result::is_err));
        assert!(["0", "1000000000001", "-1"].map(fuel).iter().all(Result::is_err));
        assert!(["1KiB", "513MiB", "64"].map(memory_bytes).iter().all(Result::is_err));
    }

    #[test]
    fn what_a_compilation_may_have_ends_where_the_ranges_say() {
        assert_eq!(compile_cpu("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(["128MiB", "64GiB"].map(compile_memory), [Ok(128 << 20), Ok(64 << 30)]);
        assert_eq!(compile_memory("127MiB"), Err("it may be from `128MiB` to `64GiB`".to_owned()));
        assert!(["65GiB", "2"].map(compile_memory).iter().all(Result::is_err));
    }

    #[test]
    fn a_lease_below_a_second_is_refused_with_its_range() {
        assert_eq!(lease("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(lease("999ms"), Err("it may be from `1s` to `1d`".to_owned()));
    }
}
