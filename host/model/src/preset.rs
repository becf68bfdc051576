//! What a start says about its run, as far as it says anything: the nearer one wins, inputs are merged.

use serde::{Deserialize, Deserializer, Serialize};

use crate::json::{Gate, Json, Refusal};
use crate::options::RunOptions;

/// What is said about a run to start. What is not said is as something further away says, or else as the flow does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The input. Null is one.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// Larger goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// The version to run on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The wait before the first steps, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How long the run may take in all, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Its name among the live runs of the flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What holds for the attempts of every step.
    #[serde(default, skip_serializing_if = "RunOptions::is_empty")]
    pub options: RunOptions,
}

/// A field that is there was said, also where it is null.
pub fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Preset {
    /// This over something further away. Refused: the merged input is more than the gate lets through.
    pub fn over(self, further: Self) -> Result<Self, Refusal> {
        let input = match (self.input, further.input) {
            (Some(near), Some(far)) => {
                Some(Gate::default().check(near.over(&far).as_str().as_bytes())?)
            }
            (near, far) => near.or(far),
        };
        Ok(Self {
            input,
            priority: self.priority.or(further.priority),
            version: self.version.or(further.version),
            delay_ms: self.delay_ms.or(further.delay_ms),
            deadline_ms: self.deadline_ms.or(further.deadline_ms),
            key: self.key.or(further.key),
            options: self.options.or(further.options),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn preset(text: &str) -> Preset {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_nearer_wins_and_what_is_not_said_is_as_further_away() {
        let near = preset(r#"{"priority":0,"options":{"max_attempts":1}}"#);
        let far = preset(
            r#"{"priority":7,"version":2,"key":"k","deadline_ms":9,"options":{"max_attempts":5,"fuel":6,"backoff":{"base_ms":1}}}"#,
        );
        let merged = near.over(far).unwrap();
        let expected = r#"{"priority":0,"version":2,"deadline_ms":9,"key":"k","options":{"fuel":6,"max_attempts":1,"backoff":{"base_ms":1}}}"#;
        assert_eq!(serde_json::to_string(&merged).unwrap(), expected);
    }

    #[test]
    fn an_input_of_null_is_said_and_none_is_not() {
        let far = || preset(r#"{"input":{"a":1}}"#);
        assert_eq!(preset(r#"{"input":null}"#).over(far()).unwrap().input, Some(Json::null()));
        assert_eq!(preset("{}").over(far()).unwrap(), far());
    }

    #[test]
    fn inputs_are_merged_as_objects_and_replaced_as_anything_else() {
        for (far, near, merged) in [
            (r#"{"a":1,"b":2}"#, r#"{"b":3,"c":4}"#, r#"{"a":1,"b":3,"c":4}"#),
            (r#"{"a":{"x":1,"y":[1,2]}}"#, r#"{"a":{"y":[3]}}"#, r#"{"a":{"x":1,"y":[3]}}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":null}"#, r#"{"a":null}"#),
            (r#"{"a":1}"#, r#"{}"#, r#"{"a":1}"#),
            (r#"{"a":1}"#, "[1]", "[1]"),
            ("[1,2]", r#"{"a":1}"#, r#"{"a":1}"#),
            // Numbers keep their spelling, names that are spelled differently are the same.
            (r#"{"n":1.50,"\u0061":1}"#, r#"{"a":2e0,"m":1.0}"#, r#"{"n":1.50,"a":2e0,"m":1.0}"#),
        ] {
            let merged_now = Json::trusted(near).over(&Json::trusted(far));
            assert_eq!(merged_now.as_str(), merged, "{near} over {far}");
        }
    }

    #[test]
    fn a_merged_input_that_is_too_large_is_refused() {
        let input = |name: &str| {
            let text = format!(r#"{{"{name}":"{}"}}"#, "x".repeat(600 * 1024));
            Preset { input: Some(Json::trusted(text)), ..Preset::default() }
        };
        let refused = input("a").over(input("b")).unwrap_err();
        assert_eq!(refused.code, crate::Code::PayloadTooLarge);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i8>().prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab\"é]{0,2}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect::<Value>()),
            ]
        })
    }

    fn over(near: &Value, far: &Value) -> Value {
        let (Value::Object(near), Value::Object(far)) = (near, far) else {
            return near.clone();
        };
        let mut merged = far.clone();
        for (name, value) in near {
            let value = far.get(name).map_or(value.clone(), |far| over(value, far));
            merged.insert(name.clone(), value);
        }
        Value::Object(merged)
    }

    proptest! {
        #[test]
        fn merged_texts_are_the_merged_values(near in value(), far in value()) {
            let merged = Json::trusted(near.to_string()).over(&Json::trusted(far.to_string()));
            let merged: Value = serde_json::from_str(merged.as_str()).unwrap();
            prop_assert_eq!(merged, over(&near, &far));
        }
    }
}
