//! JSON Schemas: compiled once, checked in bounded time, compared where one step feeds another.

mod counted;
mod lint;
mod misfit;

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use crate::code::Code;
use crate::json::{Json, Refusal};
use counted::{Budget, Counted, Seen};

pub use misfit::{Misfit, misfits};

/// Largest schema, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// Steps that finding out whether a value matches may take; some tenths of a second.
const CHECK_STEPS: u64 = 10_000_000;

/// Steps that finding out why it does not match may take.
const EXPLAIN_STEPS: u64 = 100_000;

/// Memory that the compiled patterns of one schema may take together, in bytes.
const PATTERN_BYTES: usize = 16 * 1024 * 1024;

/// Characters of a rule's message that are shown.
const MAX_DETAIL: usize = 300;

/// A compiled JSON Schema. Cheap to clone.
///
/// Draft 2020-12 unless `$schema` names an older one. Nothing is ever fetched, patterns run in linear time, and a
/// check takes a bounded number of steps whatever the schema and the value are.
#[derive(Clone)]
pub struct Schema(Arc<Validator<Counted>>);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// Why a text is not a usable JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSchema {
    /// RFC 6901 pointer into the schema; empty for the schema as a whole.
    pub pointer: String,
    /// What is wrong, for people.
    pub detail: String,
}

impl fmt::Display for BadSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "the schema cannot be used: {}", self.detail),
            pointer => write!(f, "the schema cannot be used: {} (at `{pointer}`)", self.detail),
        }
    }
}

impl std::error::Error for BadSchema {}

impl Schema {
    /// Compiles a schema, or says why it cannot be used.
    pub fn compile(schema: &Json) -> Result<Self, BadSchema> {
        let bad = |detail: String| BadSchema { pointer: String::new(), detail };
        if schema.len() > MAX_SCHEMA_BYTES {
            let bytes = schema.len();
            return Err(bad(format!("it has {bytes} bytes and may have {MAX_SCHEMA_BYTES}")));
        }
        let value: Value =
            serde_json::from_str(schema.as_str()).map_err(|error| bad(error.to_string()))?;
        let draft = draft(&value)?;
        lint::check(&value)?;
        let size =
            (PATTERN_BYTES / lint::patterns(&value).max(1)).clamp(16 * 1024, 4 * 1024 * 1024);
        jsonschema::options_for::<Counted>()
            .with_draft(draft)
            .with_pattern_options(PatternOptions::regex().size_limit(size).dfa_size_limit(size))
            .offline()
            .build(&value)
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|error| BadSchema {
                pointer: cut(error.instance_path().as_str()),
                detail: cut(&explained(&error.masked().to_string())),
            })
    }

    /// Checks a value; the refusal's `pointer` names the part that does not match, its offset is always 0.
    pub fn check(&self, json: &Json) -> Result<(), Refusal> {
        let refuse = |pointer: &str, detail: &str| Refusal {
            code: Code::PayloadSchema,
            pointer: cut(pointer),
            offset: 0,
            detail: cut(detail),
        };
        let value: Value =
            serde_json::from_str(json.as_str()).map_err(|error| refuse("", &error.to_string()))?;
        let budget = Budget::new(CHECK_STEPS);
        let matches = self.0.is_valid(Seen::new(&value, &budget));
        if budget.is_spent() {
            return Err(refuse(
                "",
                "checking the value against its schema takes too long; use a simpler schema",
            ));
        }
        if matches {
            return Ok(());
        }
        let budget = Budget::new(EXPLAIN_STEPS);
        match self.0.validate(Seen::new(&value, &budget)) {
            Err(error) if !budget.is_spent() => {
                let detail = error.masked_with("the value").to_string();
                Err(refuse(error.instance_path().as_str(), &detail))
            }
            Err(_) | Ok(()) => Err(refuse("", "the value does not match its schema")),
        }
    }
}

fn draft(schema: &Value) -> Result<Draft, BadSchema> {
    const DRAFTS: [(&str, Draft); 5] = [
        ("json-schema.org/draft/2020-12/schema", Draft::Draft202012),
        ("json-schema.org/draft/2019-09/schema", Draft::Draft201909),
        ("json-schema.org/draft-07/schema", Draft::Draft7),
        ("json-schema.org/draft-06/schema", Draft::Draft6),
        ("json-schema.org/draft-04/schema", Draft::Draft4),
    ];
    let Some(named) = schema.get("$schema") else {
        return Ok(Draft::Draft202012);
    };
    let uri = named.as_str().unwrap_or_default().trim_end_matches('#');
    let uri = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://")).unwrap_or(uri);
    let found = DRAFTS.iter().find(|(known, _)| *known == uri).map(|(_, draft)| *draft);
    found.ok_or_else(|| BadSchema {
        pointer: "/$schema".to_owned(),
        detail: "`$schema` is not a draft that is known here; leave it out for draft 2020-12"
            .to_owned(),
    })
}

/// Adds why a pattern that other engines take can be refused here.
fn explained(detail: &str) -> String {
    let why = if detail.contains("regex") {
        "; patterns run in linear time: without look-around, back-references or very large repetitions"
    } else {
        ""
    };
    format!("{detail}{why}")
}

/// Text that may be long or hold control characters, as a message may show it.
fn cut(text: &str) -> String {
    let mut kept: String =
        text.chars().take(MAX_DETAIL).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_DETAIL).is_some() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests;
