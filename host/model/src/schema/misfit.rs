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

#[cfg(test)]
mod tests {
    use crate::id::Digest;
    use crate::manifest::{ComponentRef, Manifest, Sources, no_files};

    /// What is said about step `b`, which needs step `a` (or nothing) and has these lines.
    fn said(head: &str, a: &str, b: &str) -> Vec<String> {
        let text = format!(
            "flow = \"f\"\n{head}\n[defaults]\ncomponent = \"c\"\n[[step]]\nname = \"a\"\n{a}\n[[step]]\nname = \"b\"\n{b}\n"
        );
        let component = &mut |_: &ComponentRef| Ok(Digest::of(b"c").into());
        let sources = Sources { component, schema: &mut no_files };
        match Manifest::from_toml(&text).unwrap().resolve(sources) {
            Ok(_) => Vec::new(),
            Err(found) => found.problems.into_iter().map(|problem| problem.detail).collect(),
        }
    }

    #[test]
    fn disjoint_types_are_found_between_a_step_and_what_it_needs() {
        let takes = |schema: &str| {
            format!("needs = [\"a\"]\ninput_schema = {{ properties = {{ a = {schema} }} }}")
        };
        let found =
            said("", "output_schema = { type = \"string\" }", &takes("{ type = \"object\" }"));
        assert_eq!(
            found,
            [
                "step `b` can never take what step `a` answers: one is `string`, the other `object`; correct one of the \
             schemas"
            ]
        );
        assert!(
            said(
                "",
                "output_schema = { type = \"integer\" }",
                &takes("{ type = [\"number\", \"null\"] }")
            )
            .is_empty()
        );
        assert!(
            said("", "output_schema = { minimum = 1 }", &takes("{ type = \"object\" }")).is_empty()
        );
        assert!(said("", "", &takes("{ type = \"object\" }")).is_empty());
    }

    #[test]
    fn a_required_property_that_is_never_there_is_found() {
        let gives = "output_schema = { type = \"object\", properties = { x = true }, additionalProperties = false }";
        let takes = |name: &str| {
            format!(
                "needs = [\"a\"]\ninput_schema = {{ properties = {{ a = {{ type = \"object\", required = [\"{name}\"] }} }} }}"
            )
        };
        assert!(said("", gives, &takes("y"))[0].contains("`y` is required and never there"));
        assert!(said("", gives, &takes("x")).is_empty());
        assert!(said("", &gives.replace("false", "true"), &takes("y")).is_empty());
    }

    #[test]
    fn a_map_step_needs_an_array_and_gives_one() {
        let map = "needs = [\"a\"]\nmap = true\n";
        assert!(
            said("", "output_schema = { type = \"object\" }", map)[0]
                .contains("one is `object`, the other `array`")
        );
        let numbers = "output_schema = { type = \"array\", items = { type = \"number\" } }";
        assert!(
            said("", numbers, &format!("{map}input_schema = {{ type = \"string\" }}"))[0]
                .contains("an element of")
        );
        assert!(
            said("", numbers, &format!("{map}input_schema = {{ type = \"integer\" }}")).is_empty()
        );
        let mapped = "map = true\noutput_schema = { type = \"number\" }";
        let takes =
            "needs = [\"a\"]\ninput_schema = { properties = { a = { type = \"number\" } } }";
        assert!(said("", mapped, takes)[0].contains("one is `array`, the other `number`"));
    }

    #[test]
    fn the_flows_input_and_the_object_of_dependencies_are_looked_at_too() {
        let head = "input_schema = { type = \"object\" }";
        assert!(said(head, "map = true", "")[0].contains("the flow's input"));
        assert!(
            said(head, "input_schema = { type = \"string\" }", "")[0].contains("the flow's input")
        );
        let array = said("", "", "needs = [\"a\"]\ninput_schema = { type = \"array\" }");
        assert!(array[0].contains("an object with the output of each step in `needs`"));
        let other = said(
            "",
            "",
            "needs = [\"a\"]\ninput_schema = { type = \"object\", required = [\"z\"] }",
        );
        assert!(other[0].contains("`z` is required and never there"));
        assert!(
            said(
                "",
                "",
                "needs = [\"a\"]\ninput_schema = { type = \"object\", required = [\"a\"] }"
            )
            .is_empty()
        );
    }
}
