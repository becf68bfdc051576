//! Finds steps whose output can never be what the next one takes; only the obvious.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::definition::{Definition, Step, StepIndex};

/// A step whose input schema excludes what it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The step that takes it.
    pub step: StepIndex,
    /// What excludes what, for people.
    pub detail: String,
}

/// Every obvious misfit of a definition: disjoint types, or a required property that is never there.
pub fn misfits(definition: &Definition) -> Vec<Misfit> {
    let flow_input = read(definition.input_schema.as_ref());
    let outputs: Vec<Option<Value>> = definition.steps.iter().map(output).collect();
    let mut found = Vec::new();
    for (step, index) in definition.steps.iter().zip(0..) {
        let takes = read(step.input_schema.as_ref());
        let gets = given(definition, step, flow_input.as_ref(), &outputs);
        let mut misfit = |detail: String| found.push(Misfit { step: StepIndex(index), detail });
        for (source, given, taken) in gets.fits(takes.as_ref()) {
            if let Some(why) = excludes(&given, &taken) {
                misfit(format!(
                    "step `{}` can never take {source}: {why}; correct one of the schemas",
                    step.name
                ));
            }
        }
        if let Some(why) = gets.unmet(step, takes.as_ref()) {
            misfit(why);
        }
    }
    found
}

fn read(schema: Option<&crate::json::Json>) -> Option<Value> {
    serde_json::from_str(schema?.as_str()).ok()
}

/// What a step's dependents see: an array of answers for a map step.
fn output(step: &Step) -> Option<Value> {
    let answer = read(step.output_schema.as_ref());
    if step.map {
        let items = answer.unwrap_or(Value::Bool(true));
        return Some(serde_json::json!({ "type": "array", "items": items }));
    }
    answer
}

/// What a step is given, as far as schemas say.
enum Given {
    /// One value: the flow's input, or an element of it or of the only dependency's output.
    Whole { source: String, schema: Option<Value>, element: bool },
    /// The outputs of its dependencies, by name.
    Deps(Vec<(String, Option<Value>)>),
}

fn given(
    definition: &Definition,
    step: &Step,
    flow_input: Option<&Value>,
    outputs: &[Option<Value>],
) -> Given {
    let output = |needed: &StepIndex| {
        let name = definition.steps.get(needed.at()).map(|step| step.name.to_string());
        (name.unwrap_or_default(), outputs.get(needed.at()).cloned().flatten())
    };
    match (step.needs.as_slice(), step.map) {
        ([], map) => Given::Whole {
            source: "the flow's input".to_owned(),
            schema: flow_input.cloned(),
            element: map,
        },
        ([needed], true) => {
            let (name, schema) = output(needed);
            Given::Whole { source: format!("what step `{name}` answers"), schema, element: true }
        }
        (needs, _) => Given::Deps(needs.iter().map(output).collect()),
    }
}

impl Given {
    /// Pairs of what is given and what is taken in its place.
    fn fits(&self, takes: Option<&Value>) -> Vec<(String, Value, Value)> {
        let mut pairs = Vec::new();
        match self {
            Self::Whole { source, schema: Some(schema), element } => {
                if *element {
                    pairs.push((
                        source.clone(),
                        schema.clone(),
                        serde_json::json!({ "type": "array" }),
                    ));
                    let items = schema.get("items").zip(takes);
                    pairs.extend(items.map(|(items, takes)| {
                        (format!("an element of {source}"), items.clone(), takes.clone())
                    }));
                } else if let Some(takes) = takes {
                    pairs.push((source.clone(), schema.clone(), takes.clone()));
                }
            }
            Self::Whole { schema: None, .. } => {}
            Self::Deps(deps) => {
                let properties = takes.and_then(|takes| takes.get("properties"));
                for (name, schema) in deps {
                    let taken = properties.and_then(|properties| properties.get(name));
                    if let (Some(schema), Some(taken)) = (schema, taken) {
                        pairs.push((
                            format!("what step `{name}` answers"),
                            schema.clone(),
                            taken.clone(),
                        ));
                    }
                }
            }
        }
        pairs
    }

    /// Whether a step with dependencies asks for something that is not an object of their outputs.
    fn unmet(&self, step: &Step, takes: Option<&Value>) -> Option<String> {
        let (Self::Deps(deps), Some(takes)) = (self, takes) else { return None };
        let given: Value = serde_json::json!({
            "type": "object",
            "properties": deps.iter().map(|(name, _)| (name.clone(), Value::Bool(true)))
                .collect::<serde_json::Map<_, _>>(),
            "additionalProperties": false,
        });
        let why = excludes(&given, takes)?;
        let name = &step.name;
        Some(format!(
            "step `{name}` can never take its input, an object with the output of each step in `needs`: {why}; correct \
             its `input_schema`"
        ))
    }
}

/// Why nothing that matches `given` can match `taken`, where that is obvious.
fn excludes(given: &Value, taken: &Value) -> Option<String> {
    if given == &Value::Bool(false) || taken == &Value::Bool(false) {
        return Some("one of the schemas is `false`".to_owned());
    }
    let (has, wants) = (types(given)?, types(taken));
    if let Some(wants) = &wants
        && !has.iter().any(|has| wants.iter().any(|wants| same_type(has, wants)))
    {
        return Some(format!("one is {}, the other {}", listed(&has), listed(wants)));
    }
    let only_object = has.len() == 1 && has.contains("object");
    let object_wanted = wants.is_some_and(|wants| wants.len() == 1 && wants.contains("object"));
    if !only_object || !object_wanted || !is_closed(given) {
        return None;
    }
    let known = given.get("properties").and_then(Value::as_object);
    let required = taken.get("required").and_then(Value::as_array)?;
    let absent = required.iter().filter_map(Value::as_str).find(|name| {
        let declared = known.and_then(|known| known.get(*name));
        declared.is_none_or(|declared| declared == &Value::Bool(false))
    })?;
    let absent: String = absent.chars().take(60).flat_map(char::escape_debug).collect();
    Some(format!("`{absent}` is required and never there"))
}

/// An object that has no properties but those it declares.
fn is_closed(schema: &Value) -> bool {
    schema.get("additionalProperties") == Some(&Value::Bool(false))
        && schema.get("patternProperties").is_none()
}

fn types(schema: &Value) -> Option<BTreeSet<&str>> {
    match schema.get("type")? {
        Value::String(name) => Some(BTreeSet::from([name.as_str()])),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// An integer is a number, and a number may be an integer.
fn same_type(a: &str, b: &str) -> bool {
    let plain = |name| if name == "integer" { "number" } else { name };
    plain(a) == plain(b)
}

fn listed(types: &BTreeSet<&str>) -> String {
    types.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}
