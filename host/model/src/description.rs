//! What a component says of itself through `describe`: its handlers, what their attempts need, the flow it carries.

use serde::Deserialize;

use crate::id::Digest;
use crate::json::Json;
use crate::limits::{Limits, MIN_MEMORY_BYTES};
use crate::manifest::{Compensates, Settings};

/// A guest's word, as far as it can be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The handlers it carries; empty where it does not say.
    pub handlers: Vec<String>,
    /// Those that can undo what they did; absent: all of them, if it exports `compensate` at all.
    pub compensates: Option<Vec<String>>,
    /// What an attempt may use where its step does not say.
    pub settings: Settings,
    /// The manifest of the flow it carries, in which it need not name itself.
    pub flow: Option<Json>,
}

/// The members that mean something here. Others are for people.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Members {
    handlers: Vec<String>,
    compensates: Option<Vec<String>>,
    limits: Needs,
    flow: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Needs {
    memory_bytes: Option<u64>,
    fuel: Option<u64>,
}

impl Description {
    /// Reads what `describe` answered, and says what of it cannot be used.
    pub fn read(said: &Json) -> (Self, Option<String>) {
        // A list of its members in order would pass for it.
        let text = said.as_str().trim_start();
        let text = if text.starts_with('{') { text } else { "0" };
        let members: Members = match serde_json::from_str(text) {
            Ok(members) => members,
            Err(why) => {
                let note = format!("what `describe` answers is not a description: {why}");
                return (Self::default(), Some(note));
            }
        };
        let Members { handlers, compensates, limits, flow } = members;
        let most = Limits::CEILING;
        let outside = |what: &str, given: Option<u64>, least: u64, most: u64| {
            let given = given.filter(|given| !(least..=most).contains(given))?;
            Some(format!(
                "`describe` asks for {what} of {given}, which is not within {least} to {most}"
            ))
        };
        let note =
            outside("memory_bytes", limits.memory_bytes, MIN_MEMORY_BYTES, most.memory_bytes)
                .or_else(|| outside("fuel", limits.fuel, 1, most.fuel));
        let mut settings = Settings::default();
        if note.is_none() {
            settings.memory_bytes = limits.memory_bytes;
            settings.fuel = limits.fuel;
        }
        (Self { handlers, compensates, settings, flow }, note)
    }

    /// Which handlers can undo what they did, of a component that exports `compensate`.
    pub fn compensates(&self) -> Compensates {
        self.compensates.clone().map_or(Compensates::All, Compensates::Some)
    }
}

/// The manifest that a component carries, as it would be sent: steps that name no component call this one.
pub fn carried(flow: &Json, by: Digest) -> String {
    let Ok(mut manifest) = serde_json::from_str::<serde_json::Value>(flow.as_str()) else {
        return flow.as_str().to_owned();
    };
    if let Some(table) = manifest.as_object_mut() {
        let empty = || serde_json::Value::Object(serde_json::Map::new());
        let defaults = table.entry("defaults").or_insert_with(empty);
        if let Some(defaults) = defaults.as_object_mut() {
            defaults.entry("component").or_insert_with(|| by.to_string().into());
        }
    }
    manifest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_as_far_as_it_can_be_used() {
        let read = |text: &str| Description::read(&Json::trusted(text));
        let (said, note) = read(
            r#"{"handlers":["a"],"compensates":[],"limits":{"memory_bytes":134217728},"flow":{"flow":"f"},"more":1}"#,
        );
        assert_eq!((note, &said.handlers[..]), (None, &["a".to_owned()][..]));
        assert_eq!(said.settings.memory_bytes, Some(128 * 1024 * 1024));
        assert_eq!(said.flow.unwrap().as_str(), r#"{"flow":"f"}"#);
        assert_eq!(said.compensates, Some(Vec::new()));
        for wrong in [
            r#"[]"#,
            r#"{"handlers":1}"#,
            r#"{"limits":{"fuel":0}}"#,
            r#"{"limits":{"memory_bytes":1}}"#,
        ] {
            let (said, note) = read(wrong);
            assert!(note.is_some(), "{wrong}");
            assert_eq!(said.settings, Settings::default(), "{wrong}");
        }
    }

    #[test]
    fn a_carried_flow_calls_the_component_it_came_with() {
        let by = Digest::of(b"c");
        let read = |flow: &str| {
            let sent = carried(&Json::trusted(flow), by);
            crate::manifest::Manifest::from_json(sent.as_bytes())
        };
        let manifest =
            read(r#"{"flow":"f","step":[{"name":"a"},{"name":"b","needs":["a"]}]}"#).unwrap();
        assert_eq!(manifest.components().len(), 1);
        assert_eq!(manifest.components().iter().next().unwrap().digest(), Some(by));
        assert!(read("[]").is_err());
        assert!(read(r#"{"flow":"f","defaults":1,"step":[{"name":"a"}]}"#).is_err());
    }
}
