//! Refuses schemas that ask for something from elsewhere or that would be applied to one value without an end.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::BadSchema;

/// Subschemas that may be applied to one and the same value, counted with every repetition.
const MAX_IN_PLACE: u64 = 1_000;

/// References that may follow each other, each inside what the one before it names.
const MAX_CHAIN: usize = 200;

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];
const ONE_SCHEMA: [&str; 4] = ["not", "if", "then", "else"];
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Keywords whose values are data, whatever they look like.
const DATA: [&str; 4] = ["const", "enum", "default", "examples"];

/// Checks a schema before it is compiled.
pub(super) fn check(root: &Value) -> Result<(), BadSchema> {
    let mut found = Found { anchors: BTreeMap::new(), pointer: Vec::new() };
    found.visit(root)?;
    let mut costs =
        Costs { root, anchors: found.anchors, known: BTreeMap::new(), open: Vec::new() };
    costs.visit(root)
}

/// How many patterns a schema has.
pub(super) fn patterns(part: &Value) -> usize {
    match part {
        Value::Object(members) => {
            let own = usize::from(members.get("pattern").is_some_and(Value::is_string));
            let keys =
                members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
            own + keys + members.values().map(patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn bad(pointer: &[String], detail: impl Into<String>) -> BadSchema {
    let escaped = pointer.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
    BadSchema { pointer: escaped.map(|name| format!("/{name}")).collect(), detail: detail.into() }
}

/// Looks at every part once: references that leave the schema, names that can be referred to.
struct Found<'s> {
    anchors: BTreeMap<&'s str, Vec<&'s Value>>,
    pointer: Vec<String>,
}

impl<'s> Found<'s> {
    fn visit(&mut self, part: &'s Value) -> Result<(), BadSchema> {
        match part {
            Value::Object(members) => {
                self.references(members)?;
                for name in ["$anchor", "$dynamicAnchor"] {
                    if let Some(anchor) = members.get(name).and_then(Value::as_str) {
                        self.anchors.entry(anchor).or_default().push(part);
                    }
                }
                for (name, value) in
                    members.iter().filter(|(name, _)| !DATA.contains(&name.as_str()))
                {
                    self.inside(name.clone(), value)?;
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.inside(index.to_string(), item)?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn inside(&mut self, name: String, value: &'s Value) -> Result<(), BadSchema> {
        self.pointer.push(name);
        self.visit(value)?;
        self.pointer.pop();
        Ok(())
    }

    fn references(&self, members: &Map<String, Value>) -> Result<(), BadSchema> {
        for name in REFERENCES {
            let Some(target) = members.get(name).and_then(Value::as_str) else { continue };
            if !target.starts_with('#') {
                let target: String = target.chars().take(80).flat_map(char::escape_debug).collect();
                let detail = format!(
                    "`{name}` leads to `{target}`, and nothing is fetched; put that schema under `$defs` and refer to \
                     it as `#/$defs/...`"
                );
                return Err(bad(&self.pointer, detail));
            }
        }
        if !self.pointer.is_empty() && members.get("$id").is_some_and(Value::is_string) {
            let detail = "`$id` inside a schema gives its references another meaning; remove it";
            return Err(bad(&self.pointer, detail));
        }
        Ok(())
    }
}

/// Counts how many subschemas apply to one value, following references.
struct Costs<'s> {
    root: &'s Value,
    anchors: BTreeMap<&'s str, Vec<&'s Value>>,
    /// By address: the schema outlives the count.
    known: BTreeMap<usize, u64>,
    open: Vec<usize>,
}

impl<'s> Costs<'s> {
    /// Counts every part that could be a schema.
    fn visit(&mut self, part: &'s Value) -> Result<(), BadSchema> {
        match part {
            Value::Object(members) => {
                self.cost(part)?;
                members.values().try_for_each(|value| self.visit(value))
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.visit(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn cost(&mut self, schema: &'s Value) -> Result<u64, BadSchema> {
        let Value::Object(members) = schema else { return Ok(1) };
        let address = std::ptr::from_ref(schema).addr();
        if let Some(known) = self.known.get(&address) {
            return Ok(*known);
        }
        if self.open.contains(&address) {
            return Err(bad(
                &[],
                "a `$ref` leads back to itself without going into the value; remove the circle",
            ));
        }
        if self.open.len() >= MAX_CHAIN {
            let detail = format!(
                "more than {MAX_CHAIN} subschemas lead from one to the next; make it flatter"
            );
            return Err(bad(&[], detail));
        }
        self.open.push(address);
        let mut cost: u64 = 1;
        for inner in self.in_place(members) {
            cost = cost.saturating_add(self.cost(inner)?);
        }
        self.open.pop();
        self.known.insert(address, cost);
        if cost > MAX_IN_PLACE {
            let detail = format!(
                "more than {MAX_IN_PLACE} subschemas would be applied to one value; use fewer `anyOf`, `oneOf`, \
                 `allOf` and `$ref`"
            );
            return Err(bad(&[], detail));
        }
        Ok(cost)
    }

    /// The subschemas that apply to the same value as the one with these members.
    fn in_place(&self, members: &'s Map<String, Value>) -> Vec<&'s Value> {
        let mut found: Vec<&'s Value> =
            ONE_SCHEMA.iter().filter_map(|name| members.get(*name)).collect();
        for name in LISTS {
            found.extend(members.get(name).and_then(Value::as_array).into_iter().flatten());
        }
        for name in MAPS {
            let map = members.get(name).and_then(Value::as_object);
            found.extend(map.into_iter().flat_map(Map::values));
        }
        for name in REFERENCES {
            if let Some(target) = members.get(name).and_then(Value::as_str) {
                found.extend(self.targets(target));
            }
        }
        found
    }

    fn targets(&self, reference: &str) -> Vec<&'s Value> {
        let fragment = percent_decoded(reference.trim_start_matches('#'));
        if fragment.is_empty() || fragment.starts_with('/') {
            return self.root.pointer(&fragment).into_iter().collect();
        }
        self.anchors.get(fragment.as_str()).cloned().unwrap_or_default()
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            Some(_) | None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
