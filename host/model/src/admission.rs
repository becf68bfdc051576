//! What a task waits for before each of its attempts: a place under a key, and its share of a rate.

use serde::{Deserialize, Serialize};

use crate::builtin::{BadTemplate, fill};
use crate::json::Json;
use crate::limits::MAX_KEY_BYTES;
use crate::name::Name;
use crate::outcome::Input;

/// At most so many attempts with the same key run at a time, whichever flows of the tenant they belong to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// A template; each task has the key that it becomes.
    pub key: Json,
    /// How many. Defaults to 1.
    pub limit: u16,
}

/// So many attempts in a period, as a token bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// What steps call it; one of this name is the same for all flows of the tenant.
    pub name: Name,
    /// How much flows into the bucket in a period.
    pub limit: u32,
    /// How long a period is, in milliseconds.
    pub period_ms: u64,
    /// How much the bucket holds. Defaults to `limit`.
    pub burst: u32,
}

impl RateLimit {
    /// The time in which one unit flows in, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "a period is far below 2^52 microseconds")]
    pub fn interval_us(&self) -> f64 {
        (self.period_ms * 1_000) as f64 / f64::from(self.limit)
    }
}

/// What one attempt of a step takes from a rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateUse {
    /// Which rate.
    pub name: Name,
    /// A template; each key has a bucket of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Json>,
    /// How much it takes. Defaults to 1; at most the rate's burst.
    pub weight: u32,
}

/// Why a key's template became no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// It names what is not there.
    #[error(transparent)]
    Template(#[from] BadTemplate),
    /// It became what cannot be a key.
    #[error("it became a text of {0} bytes, {MAX_KEY_BYTES} are the most")]
    TooLong(usize),
    /// It has a character Postgres cannot keep.
    #[error("it became a text with a NUL character")]
    Nul,
}

/// The key that a task's template becomes.
pub fn key_of(template: &Json, flow_input: &Json, given: &Input) -> Result<String, BadKey> {
    let filled = fill(template, flow_input, given, MAX_KEY_BYTES * 2)?;
    let key = serde_json::from_str::<String>(filled.as_str());
    let key = key.unwrap_or_else(|_| filled.as_str().to_owned());
    if key.len() > MAX_KEY_BYTES {
        return Err(BadKey::TooLong(key.len()));
    }
    if key.contains('\0') {
        return Err(BadKey::Nul);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_text_its_template_becomes() {
        let input = Json::trusted(r#"{"id":7,"name":"Ann","long":"x"}"#);
        let key = |template: &str| {
            let template = Json::trusted(format!("{template:?}"));
            key_of(&template, &input, &Input::Flow(input.clone()))
        };
        assert_eq!(key("account-${input.id}").unwrap(), "account-7");
        assert_eq!(key("${input.id}").unwrap(), "7");
        assert_eq!(key("${input.name}").unwrap(), "Ann");
        assert_eq!(key("all").unwrap(), "all");
        assert_eq!(
            key("${input.nobody}"),
            Err(BadKey::Template(BadTemplate::Absent("input.nobody".to_owned())))
        );
        assert_eq!(key(&"x".repeat(256)), Err(BadKey::TooLong(256)));
    }

    #[test]
    fn a_rate_fills_one_unit_in_its_share_of_the_period() {
        let name = "api".parse().unwrap();
        let rate = RateLimit { name, limit: 4, period_ms: 1_000, burst: 4 };
        assert!((rate.interval_us() - 250_000.0).abs() < 1e-6);
    }
}
