//! Built-in steps: what needs no component.

mod http;

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::iso8601::IsoDuration;
use crate::json::Json;
use crate::outcome::Input;

pub use http::{HttpCall, HttpMethod, HttpRequest};

/// What a built-in step does. Its task ends through the same outcomes as a handler's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builtin {
    /// Waits, holding nothing; answers null.
    Wait(IsoDuration),
    /// Answers this value.
    Inject(Json),
    /// Answers this template, each `${…}` in it replaced by what it names.
    Set(Json),
    /// Makes a call over HTTP; answers its status, headers and body.
    Http(HttpCall),
}

impl Builtin {
    /// What it is called in a manifest.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Wait(_) => "wait",
            Self::Inject(_) => "inject",
            Self::Set(_) => "set",
            Self::Http(_) => "http",
        }
    }
}

/// Why a template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A reference has no end.
    #[error("`{0}` has a `${{` without its `}}`")]
    Unclosed(String),
    /// A reference names nothing a step can see.
    #[error(
        "`${{{0}}}` names nothing: a reference begins with `input`, `needs.<step>` or `element`; in a header it may be \
         `secrets.<name>`"
    )]
    Unknown(String),
    /// What it becomes is larger than an output may be.
    #[error("what the template becomes is over {0} bytes")]
    TooLarge(usize),
    /// What a reference names is not there.
    #[error("`${{{0}}}` is not there")]
    Absent(String),
    /// A reference in a URL or a header names what is no text.
    #[error("`${{{0}}}` is {1}; a URL and a header take texts, numbers and booleans")]
    NoText(String, &'static str),
    /// A reference in the path of a URL is empty.
    #[error("`${{{0}}}` is empty, and would make another path of the URL")]
    EmptyInPath(String),
    /// What a URL becomes is none.
    #[error("`url` cannot be called: {0}")]
    BadUrl(String),
    /// What a header becomes cannot be sent.
    #[error("header `{0}` has characters that cannot be sent; visible ASCII can")]
    BadHeader(String),
}

/// The references of a template, each as a path.
pub fn references(template: &Json) -> Result<Vec<String>, BadTemplate> {
    let value: Value = serde_json::from_str(template.as_str()).unwrap_or_default();
    let mut found = Vec::new();
    collect(&value, &mut found)?;
    Ok(found)
}

fn collect(value: &Value, found: &mut Vec<String>) -> Result<(), BadTemplate> {
    match value {
        Value::String(text) => {
            for part in parts(text)? {
                if let Part::Reference(path) = part {
                    check(path)?;
                    found.push(path.to_owned());
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().try_for_each(|member| collect(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check(path: &str) -> Result<(), BadTemplate> {
    let root = path.split(['.', '[']).next().unwrap_or_default();
    let known = matches!(root, "input" | "element" | "needs");
    let closed = path.matches('[').count() == path.matches(']').count();
    if known && closed { Ok(()) } else { Err(BadTemplate::Unknown(path.to_owned())) }
}

/// A template with every reference replaced: a text that is one reference by the value itself, others by its text.
/// At most `most` bytes are copied, so that no template makes much of little.
pub fn fill(
    template: &Json,
    flow_input: &Json,
    given: &Input,
    most: usize,
) -> Result<Json, BadTemplate> {
    let value: Value = serde_json::from_str(template.as_str()).unwrap_or_default();
    let view = View { most, copied: Cell::new(0), ..View::of(flow_input, given) };
    let filled = view.fill(&value)?;
    Ok(Json::trusted(filled.to_string()))
}

/// What a template can name.
struct View {
    /// Bytes that may be copied, and were.
    most: usize,
    copied: Cell<usize>,
    input: Value,
    needs: Value,
    element: Option<Value>,
}

impl View {
    fn of(flow_input: &Json, given: &Input) -> Self {
        let read = |json: &Json| serde_json::from_str(json.as_str()).unwrap_or_default();
        let mut view = Self {
            most: 0,
            copied: Cell::new(0),
            input: read(flow_input),
            needs: Value::Null,
            element: None,
        };
        match given {
            Input::Flow(_) => {}
            Input::Deps(deps) => {
                let member = |(name, json): &(crate::Name, Json)| (name.to_string(), read(json));
                view.needs = Value::Object(deps.iter().map(member).collect());
            }
            Input::Element(json) => view.element = Some(read(json)),
        }
        view
    }

    fn fill(&self, value: &Value) -> Result<Value, BadTemplate> {
        Ok(match value {
            Value::String(text) => self.fill_text(text)?,
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let filled =
                    members.iter().map(|(name, member)| Ok((name.clone(), self.fill(member)?)));
                Value::Object(filled.collect::<Result<_, BadTemplate>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn fill_text(&self, text: &str) -> Result<Value, BadTemplate> {
        let parts = parts(text)?;
        if let [Part::Reference(path)] = parts[..] {
            let value = self.find(path)?;
            self.pay(value)?;
            return Ok(value.clone());
        }
        let mut filled = String::new();
        for part in parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Reference(path) => {
                    let value = self.find(path)?;
                    self.pay(value)?;
                    match value.as_str() {
                        Some(text) => filled.push_str(text),
                        None => filled.push_str(&value.to_string()),
                    }
                }
            }
        }
        Ok(Value::String(filled))
    }

    /// Counts what is about to be copied.
    fn pay(&self, value: &Value) -> Result<(), BadTemplate> {
        self.copied.set(self.copied.get().saturating_add(weight(value)));
        if self.copied.get() > self.most { Err(BadTemplate::TooLarge(self.most)) } else { Ok(()) }
    }

    fn find(&self, path: &str) -> Result<&Value, BadTemplate> {
        check(path)?;
        let absent = || BadTemplate::Absent(path.to_owned());
        let mut steps = path.split('.').flat_map(|part| {
            let mut pieces = part.split('[');
            let name = pieces.next().filter(|name| !name.is_empty());
            name.into_iter().chain(pieces)
        });
        let mut value = match steps.next() {
            Some("input") => &self.input,
            Some("needs") => &self.needs,
            Some("element") => self.element.as_ref().ok_or_else(absent)?,
            Some(_) | None => return Err(absent()),
        };
        for step in steps {
            let next = match step.strip_suffix(']') {
                Some(index) => index.parse::<usize>().ok().and_then(|index| value.get(index)),
                None => value.get(step),
            };
            value = next.ok_or_else(absent)?;
        }
        Ok(value)
    }
}

/// Bytes of a value's JSON, nearly.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| weight(item) + 1).sum::<usize>(),
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| name.len() + 4 + weight(member);
            2 + members.iter().map(member).sum::<usize>()
        }
    }
}

/// A piece of a template's text.
enum Part<'t> {
    Text(&'t str),
    Reference(&'t str),
}

/// `$${` stands for `${` itself.
fn parts(text: &str) -> Result<Vec<Part<'_>>, BadTemplate> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if at > 0 && rest.as_bytes()[at - 1] == b'$' {
            found.push(Part::Text(&rest[..at - 1]));
            found.push(Part::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        if at > 0 {
            found.push(Part::Text(&rest[..at]));
        }
        let inner = &rest[at + 2..];
        let end = inner
            .find('}')
            .ok_or_else(|| BadTemplate::Unclosed(text.chars().take(40).collect()))?;
        found.push(Part::Reference(inner[..end].trim()));
        rest = &inner[end + 1..];
    }
    if !rest.is_empty() || found.is_empty() {
        found.push(Part::Text(rest));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, BadTemplate> {
        let input =
            Json::trusted(r#"{"user":{"name":"Ann","tags":["a","b"]},"zero":0,"none":null}"#);
        let deps = vec![("fetch".parse().unwrap(), Json::trusted(r#"{"body":[1,{"x":true}]}"#))];
        fill(&Json::trusted(template), &input, &Input::Deps(deps), 300)
            .map(|json| json.as_str().to_owned())
    }

    #[test]
    fn a_text_that_is_one_reference_becomes_the_value_and_others_its_text() {
        let template = r#"{"who":"${input.user.name}","tags":"${ input.user.tags }","hi":"hello ${input.user.name}, ${input.zero}","b":"${needs.fetch.body[1].x}","n":"${input.none}","raw":"$${x}","k":7}"#;
        assert_eq!(
            filled(template).unwrap(),
            r#"{"b":true,"hi":"hello Ann, 0","k":7,"n":null,"raw":"${x}","tags":["a","b"],"who":"Ann"}"#
        );
    }

    #[test]
    fn what_is_not_there_or_not_a_reference_is_an_error_that_names_it() {
        assert_eq!(
            filled(r#""${input.nobody}""#),
            Err(BadTemplate::Absent("input.nobody".to_owned()))
        );
        assert_eq!(filled(r#""${element.x}""#), Err(BadTemplate::Absent("element.x".to_owned())));
        assert_eq!(filled(r#""${secrets.x}""#), Err(BadTemplate::Unknown("secrets.x".to_owned())));
        assert_eq!(filled(r#""${input.x""#), Err(BadTemplate::Unclosed("${input.x".to_owned())));
        let much = format!("[{}]", [r#""${input}""#; 9].join(","));
        assert_eq!(filled(&much), Err(BadTemplate::TooLarge(300)));
        let found =
            references(&Json::trusted(r#"["${input.a} ${needs.b.c}", {"x":"${element}"}]"#));
        assert_eq!(found.unwrap(), ["input.a", "needs.b.c", "element"]);
    }
}
