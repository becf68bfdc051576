//! How long a task waits before its next attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the delay grows from attempt to attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackoffStrategy {
    /// Always `base`.
    Fixed,
    /// `base` times the number of the attempt that failed.
    Linear,
    /// `base * factor^(n-1)` after attempt n.
    #[default]
    Exponential,
}

/// The delay before attempt n + 1: `min(base * factor^(n-1), max)`, then plus or minus `jitter`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// How the delay grows. Defaults to exponential.
    pub strategy: BackoffStrategy,
    /// Delay after the first attempt, in milliseconds. Defaults to 1,000.
    pub base_ms: u64,
    /// Growth of the exponential strategy. Defaults to 2.
    pub factor: f64,
    /// The longest delay before jitter, in milliseconds. Defaults to 300,000.
    pub max_ms: u64,
    /// Share of the delay it may differ by, 0 to 1. Defaults to 0.1.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            strategy: BackoffStrategy::Exponential,
            base_ms: 1_000,
            factor: 2.0,
            max_ms: 300_000,
            jitter: 0.1,
        }
    }
}

/// A number in `0.0..1.0` that the caller drew, so that the rule stays pure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw(pub f64);

impl Backoff {
    /// The delay after attempt `failed` (1-based) failed.
    pub fn delay(&self, failed: u32, draw: Draw) -> Duration {
        let n = f64::from(failed.max(1));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a delay, far below 2^53")]
        let (base, max) = (self.base_ms as f64, self.max_ms as f64);
        let grown = match self.strategy {
            BackoffStrategy::Fixed => base,
            BackoffStrategy::Linear => base * n,
            BackoffStrategy::Exponential => base * self.factor.powf(n - 1.0),
        };
        let delay = grown.min(max);
        let jittered = delay + delay * self.jitter * (draw.0 * 2.0 - 1.0);
        Duration::try_from_secs_f64(jittered.max(0.0) / 1_000.0).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: Draw = Draw(0.5);

    #[test]
    fn the_delay_doubles_until_the_maximum() {
        let backoff = Backoff { max_ms: 5_000, ..Backoff::default() };
        let delays: Vec<u128> = (1..=5).map(|n| backoff.delay(n, MIDDLE).as_millis()).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 5_000, 5_000]);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(1, Draw(0.0)).as_millis(), 900);
        assert!(backoff.delay(1, Draw(0.999_999)).as_millis() <= 1_100);
    }

    #[test]
    fn no_attempt_number_overflows_the_delay() {
        let backoff = Backoff { factor: 1e6, ..Backoff::default() };
        assert_eq!(backoff.delay(u32::MAX, MIDDLE).as_millis(), 300_000);
    }
}
