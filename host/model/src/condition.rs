//! Whether a step runs once everything it needs has ended, and what follows when it does not.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::change::SkipReason;
use crate::definition::StepIndex;
use crate::json::Json;
use crate::run::RunState;

/// What must hold for a step to run: everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Must be contained in what the step is about: the run's input for a root step, else the object of the outputs of
    /// its completed dependencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Json>,
    /// Must not be contained in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Json>,
    /// Dependencies that must have been skipped: one that answered `null` was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when_skipped: Vec<StepIndex>,
}

impl Condition {
    /// True when nothing is asked.
    pub fn is_always(&self) -> bool {
        self.when.is_none() && self.unless.is_none() && self.when_skipped.is_empty()
    }
}

/// What follows for a step that cannot run, or has no attempts left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is skipped; what depends on it goes on without its output.
    Skip,
    /// It is skipped, and so is everything that depends on it, near or far.
    SkipCascade,
    /// It fails, and the run with it.
    #[default]
    Fail,
}

impl Policy {
    /// Every policy and its name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("skip", Self::Skip), ("skip_cascade", Self::SkipCascade), ("fail", Self::Fail)];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::SkipCascade => "skip_cascade",
            Self::Fail => "fail",
        }
    }

    pub(crate) fn skip() -> Self {
        Self::Skip
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_skip(&self) -> bool {
        *self == Self::Skip
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_fail(&self) -> bool {
        *self == Self::Fail
    }
}

/// Whether a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Run,
    Skip(SkipReason),
    Fail,
}

impl RunState {
    /// Whether a step runs now that everything it needs has ended; `None` while a part of that is not known here.
    pub(crate) fn verdict(&self, step: StepIndex) -> Option<Verdict> {
        let definition = self.plan().step(step);
        if definition.needs.iter().any(|needed| self.cascades(*needed)) {
            return Some(Verdict::Skip(SkipReason::DependencySkipped));
        }
        let condition = &definition.condition;
        let holds = condition.is_always() || self.holds(step, condition)?;
        Some(match definition.on_unmet {
            _ if holds => Verdict::Run,
            Policy::Skip | Policy::SkipCascade => Verdict::Skip(SkipReason::ConditionUnmet),
            Policy::Fail => Verdict::Fail,
        })
    }

    /// True when a step was skipped and takes what depends on it along.
    fn cascades(&self, step: StepIndex) -> bool {
        let definition = self.plan().step(step);
        match self.skip_reason(step) {
            Some(SkipReason::DependencySkipped) => true,
            Some(SkipReason::ConditionUnmet) => definition.on_unmet == Policy::SkipCascade,
            Some(SkipReason::HandlerFailed) => {
                definition.options.on_exhausted == Policy::SkipCascade
            }
            Some(SkipReason::Handler | SkipReason::DependencyFailed) | None => false,
        }
    }

    fn holds(&self, step: StepIndex, condition: &Condition) -> Option<bool> {
        for needed in &condition.when_skipped {
            if !self.was_skipped(*needed)? {
                return Some(false);
            }
        }
        let met = |pattern: &Option<Json>, wanted: bool| match pattern {
            Some(pattern) => Some(self.contains(step, pattern)? == wanted),
            None => Some(true),
        };
        Some(met(&condition.when, true)? && met(&condition.unless, false)?)
    }

    /// Whether a dependency that ended was skipped.
    fn was_skipped(&self, step: StepIndex) -> Option<bool> {
        if self.skip_reason(step).is_some() {
            return Some(true);
        }
        self.has_completed(step).then_some(false)
    }

    fn contains(&self, step: StepIndex, pattern: &Json) -> Option<bool> {
        let pattern = value(pattern);
        let needs = &self.plan().step(step).needs;
        if needs.is_empty() {
            let input = value(self.input());
            return Some(contains(&input, &pattern) || has_scalar(&input, &pattern));
        }
        // Any other pattern names no dependency: registration refuses it.
        let Value::Object(wanted) = &pattern else {
            return Some(false);
        };
        for (name, part) in wanted {
            let named = |needed: &&StepIndex| self.plan().step(**needed).name.as_str() == name;
            let Some(needed) = needs.iter().find(named) else {
                return Some(false);
            };
            if self.was_skipped(*needed)? || !contains(&value(&self.output(*needed)?), part) {
                return Some(false);
            }
        }
        Some(true)
    }
}

fn value(json: &Json) -> Value {
    // What passed the gate can be read.
    serde_json::from_str(json.as_str()).unwrap_or_default()
}

/// True when `pattern` is contained in `value`, as Postgres's `@>` says: every member of an object, every element of an
/// array in any order, anything else equal.
fn contains(value: &Value, pattern: &Value) -> bool {
    match (value, pattern) {
        (Value::Object(value), Value::Object(pattern)) => pattern
            .iter()
            .all(|(name, part)| value.get(name).is_some_and(|value| contains(value, part))),
        (Value::Array(values), Value::Array(patterns)) => {
            patterns.iter().all(|pattern| values.iter().any(|value| contains(value, pattern)))
        }
        (Value::Number(value), Value::Number(pattern)) => is_equal(value, pattern),
        (value, pattern) => value == pattern,
    }
}

/// An array contains a scalar that is one of its elements; as in Postgres, only at the top.
fn has_scalar(value: &Value, pattern: &Value) -> bool {
    let Value::Array(values) = value else {
        return false;
    };
    !pattern.is_array()
        && !pattern.is_object()
        && values.iter().any(|value| contains(value, pattern))
}

fn is_equal(one: &Number, other: &Number) -> bool {
    let is_whole = |number: &Number| number.is_i64() || number.is_u64();
    one == other || (!(is_whole(one) && is_whole(other)) && one.as_f64() == other.as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containment_is_that_of_postgres() {
        let cases = [
            (r#"{"a": 1, "b": {"c": 2}}"#, r#"{"b": {"c": 2}}"#, true),
            (r#"{"a": 1}"#, r#"{"a": 1.0}"#, true),
            (r#"{"a": 1}"#, r#"{"a": 2}"#, false),
            (r#"{"a": null}"#, r#"{"a": null}"#, true),
            (r#"{}"#, r#"{"a": null}"#, false),
            (r#"[1, 2, [1, 3]]"#, r#"[1, 3]"#, false),
            (r#"[1, 2, [1, 3]]"#, r#"[[1, 3]]"#, true),
            (r#"[1, 2, 2]"#, r#"[2, 2, 1]"#, true),
            (r#"{"tags": ["x", "y"]}"#, r#"{"tags": ["y"]}"#, true),
            (r#"{"tags": ["x", "y"]}"#, r#"{"tags": "y"}"#, false),
            (r#"18446744073709551615"#, r#"18446744073709551614"#, false),
            (r#""a""#, r#""a""#, true),
            (r#"{"a": 1}"#, r#"{}"#, true),
            (r#"[]"#, r#"{}"#, false),
        ];
        for (text, pattern, expected) in cases {
            let read = |text: &str| value(&Json::trusted(text));
            assert_eq!(contains(&read(text), &read(pattern)), expected, "{text} @> {pattern}");
        }
        let read = |text: &str| value(&Json::trusted(text));
        assert!(has_scalar(&read(r#"["foo", "bar"]"#), &read(r#""bar""#)));
        assert!(!has_scalar(&read(r#""bar""#), &read(r#"["bar"]"#)));
    }
}
