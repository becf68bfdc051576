//! What a run says about its steps' attempts, in place of what its flow says.

use serde::{Deserialize, Serialize};

use crate::backoff::BackoffStrategy;
use crate::definition::{MaxAttempts, Options};
use crate::limits::{Limits, MAX_ATTEMPTS, MAX_BACKOFF_MS, MIN_MEMORY_BYTES};

/// Options of one run: what is given holds for every step, whatever the flow or the step says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunOptions {
    /// Wall clock of one attempt, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// CPU budget of one attempt, in wasmtime fuel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// All memories of one attempt together, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Attempts in all, the first included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u16>,
    /// The wait between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<RunBackoff>,
}

/// The wait between attempts, as far as a run says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunBackoff {
    /// How the delay grows: `fixed`, `linear` or `exponential`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<BackoffStrategy>,
    /// Delay after the first attempt, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ms: Option<u64>,
    /// Growth of the exponential strategy, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// The longest delay, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
    /// Share of the delay it may differ by, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

/// An option that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` takes {range}")]
pub struct BadOption {
    /// Where it is: `backoff/base_ms`.
    pub field: &'static str,
    /// What it takes.
    pub range: String,
}

impl RunOptions {
    /// True when nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The same bounds a manifest is held to.
    pub fn check(&self) -> Result<(), BadOption> {
        let most = Limits::CEILING;
        let backoff = self.backoff.clone().unwrap_or_default();
        whole("timeout_ms", self.timeout_ms, 1, most.timeout_ms)?;
        whole("fuel", self.fuel, 1, most.fuel)?;
        whole("memory_bytes", self.memory_bytes, MIN_MEMORY_BYTES, most.memory_bytes)?;
        whole("max_attempts", self.max_attempts.map(u64::from), 1, u64::from(MAX_ATTEMPTS))?;
        whole("backoff/base_ms", backoff.base_ms, 0, MAX_BACKOFF_MS)?;
        whole("backoff/max_ms", backoff.max_ms, 0, MAX_BACKOFF_MS)?;
        real("backoff/factor", backoff.factor, 1.0, 100.0)?;
        real("backoff/jitter", backoff.jitter, 0.0, 1.0)
    }

    /// These options over those of something further away, option by option.
    #[must_use]
    pub fn or(self, further: Self) -> Self {
        let backoff = match (self.backoff, further.backoff) {
            (Some(near), Some(far)) => Some(RunBackoff {
                strategy: near.strategy.or(far.strategy),
                base_ms: near.base_ms.or(far.base_ms),
                factor: near.factor.or(far.factor),
                max_ms: near.max_ms.or(far.max_ms),
                jitter: near.jitter.or(far.jitter),
            }),
            (near, far) => near.or(far),
        };
        Self {
            timeout_ms: self.timeout_ms.or(further.timeout_ms),
            fuel: self.fuel.or(further.fuel),
            memory_bytes: self.memory_bytes.or(further.memory_bytes),
            max_attempts: self.max_attempts.or(further.max_attempts),
            backoff,
        }
    }

    /// These options over a step's.
    #[must_use]
    pub fn over(&self, step: Options) -> Options {
        let mut options = step;
        let limits = &mut options.limits;
        limits.timeout_ms = self.timeout_ms.unwrap_or(limits.timeout_ms);
        limits.fuel = self.fuel.unwrap_or(limits.fuel);
        limits.memory_bytes = self.memory_bytes.unwrap_or(limits.memory_bytes);
        options.max_attempts = self.max_attempts.map_or(options.max_attempts, MaxAttempts);
        if let Some(said) = &self.backoff {
            let backoff = &mut options.backoff;
            backoff.strategy = said.strategy.unwrap_or(backoff.strategy);
            backoff.base_ms = said.base_ms.unwrap_or(backoff.base_ms);
            backoff.factor = said.factor.unwrap_or(backoff.factor);
            backoff.max_ms = said.max_ms.unwrap_or(backoff.max_ms);
            backoff.jitter = said.jitter.unwrap_or(backoff.jitter);
        }
        options
    }
}

fn whole(field: &'static str, value: Option<u64>, least: u64, most: u64) -> Result<(), BadOption> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(BadOption { field, range: format!("{least} to {most}") })
        }
        Some(_) | None => Ok(()),
    }
}

fn real(field: &'static str, value: Option<f64>, least: f64, most: f64) -> Result<(), BadOption> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(BadOption { field, range: format!("{least} to {most}") })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_says_holds_and_the_rest_is_the_steps() {
        let said = r#"{"timeout_ms":5,"max_attempts":9,"backoff":{"base_ms":7}}"#;
        let said: RunOptions = serde_json::from_str(said).unwrap();
        said.check().unwrap();
        let options = said.over(Options::default());
        assert_eq!((options.limits.timeout_ms, options.max_attempts.0), (5, 9));
        assert_eq!((options.backoff.base_ms, options.backoff.max_ms), (7, 300_000));
        assert_eq!(options.limits.fuel, Limits::default().fuel);
    }

    #[test]
    fn what_no_manifest_could_say_is_refused() {
        for (text, field) in [
            (r#"{"timeout_ms":0}"#, "timeout_ms"),
            (r#"{"fuel":1000000000001}"#, "fuel"),
            (r#"{"memory_bytes":1}"#, "memory_bytes"),
            (r#"{"max_attempts":101}"#, "max_attempts"),
            (r#"{"backoff":{"jitter":1.5}}"#, "backoff/jitter"),
            (r#"{"backoff":{"factor":0.5}}"#, "backoff/factor"),
        ] {
            let options: RunOptions = serde_json::from_str(text).unwrap();
            assert_eq!(options.check().unwrap_err().field, field);
        }
        assert!(serde_json::from_str::<RunOptions>(r#"{"timout_ms":1}"#).is_err());
    }
}
