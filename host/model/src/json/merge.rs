//! Merges two JSON texts: objects member by member, anything else is replaced. Every value keeps its spelling.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object, in order.
struct Members<'t>(Vec<(String, &'t str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// `near` over `far`; both passed the gate, so they are as deep as it lets them be.
pub(super) fn merge(near: &str, far: &str) -> String {
    let read = |text| serde_json::from_str::<Members<'_>>(text).ok();
    let (Some(Members(near)), Some(Members(far))) = (read(near), read(far)) else {
        return near.to_owned();
    };
    let mut nearer: HashMap<&str, &str> =
        near.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let mut members = Vec::with_capacity(near.len() + far.len());
    for (name, far) in &far {
        let value = match nearer.remove(name.as_str()) {
            Some(near) => merge(near, far),
            None => (*far).to_owned(),
        };
        members.push(member(name, &value));
    }
    let is_new = |(name, _): &&(String, &str)| nearer.contains_key(name.as_str());
    members.extend(near.iter().filter(is_new).map(|(name, value)| member(name, value)));
    format!("{{{}}}", members.join(","))
}

fn member(name: &str, value: &str) -> String {
    let name = serde_json::to_string(name).expect("a text is always JSON");
    format!("{name}:{value}")
}
