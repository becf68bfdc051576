//! What a component says of itself through `describe`: its handlers, what their attempts need, the flow it carries.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

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

/// What an attempt needs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Needs {
    memory_bytes: Option<u64>,
    fuel: Option<u64>,
}

impl Description {
    /// Reads what `describe` answered, and says what of it cannot be used. Members that are not known here are for people.
    pub fn read(said: &Json) -> (Self, Vec<String>) {
        let mut notes = Vec::new();
        let members: BTreeMap<String, Json> =
            serde_json::from_str(said.as_str()).unwrap_or_else(|_| {
                notes.push("what `describe` answers is no object".to_owned());
                BTreeMap::new()
            });
        let mut reader = Reader { members, notes };
        // As if it were not there: languages write what they have nothing for.
        reader.members.retain(|_, member| member.as_str().trim() != "null");
        let handlers = reader.member("handlers").unwrap_or_default();
        let compensates = reader.member("compensates");
        let Needs { memory_bytes, fuel } = reader.member("limits").unwrap_or_default();
        let most = Limits::CEILING;
        let settings = Settings {
            memory_bytes: reader.within(
                "memory_bytes",
                memory_bytes,
                MIN_MEMORY_BYTES,
                most.memory_bytes,
            ),
            fuel: reader.within("fuel", fuel, 1, most.fuel),
            ..Settings::default()
        };
        let flow = reader.members.remove("flow");
        (Self { handlers, compensates, settings, flow }, reader.notes)
    }

    /// Which handlers can undo what they did, of a component that exports `compensate`.
    pub fn compensates(&self) -> Compensates {
        self.compensates.clone().map_or(Compensates::All, Compensates::Some)
    }
}

/// The members of a description, one by one: what is wrong with one takes nothing from the others.
struct Reader {
    members: BTreeMap<String, Json>,
    notes: Vec<String>,
}

impl Reader {
    fn member<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let member = self.members.get(name)?;
        let read = serde_json::from_str(member.as_str());
        read.map_err(|why| self.notes.push(format!("`{name}` of what `describe` answers: {why}")))
            .ok()
    }

    fn within(&mut self, name: &str, given: Option<u64>, least: u64, most: u64) -> Option<u64> {
        let given = given?;
        if (least..=most).contains(&given) {
            return Some(given);
        }
        self.notes.push(format!(
            "`describe` asks for {name} of {given}, which is not within {least} to {most}"
        ));
        None
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
        assert!(note.is_empty(), "{note:?}");
        assert_eq!(said.handlers, ["a"]);
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
            assert_eq!(note.len(), 1, "{wrong}");
            assert_eq!(said.settings, Settings::default(), "{wrong}");
        }
        let (said, note) = read(r#"{"handlers":["a"],"limits":"much","flow":{"flow":"f"}}"#);
        assert_eq!(
            (note.len(), said.handlers.len()),
            (1, 1),
            "one that is wrong takes nothing from the others"
        );
        assert!(said.flow.is_some());
        let (said, note) =
            read(r#"{"handlers":null,"compensates":null,"limits":null,"flow": null }"#);
        assert_eq!((said, note), (Description::default(), Vec::new()));
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
