//! The JSON gate: the one check that every input, output and definition passes.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::Code;

/// JSON text that passed the gate, exactly as it was written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bytes of the text.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: the empty text is not JSON.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The literal `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// Text that Stepcell itself wrote or that passed the gate before it was stored.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The spans of an array's elements in the text, in order; `None` when the value is not an array.
    pub fn elements(&self) -> Option<Vec<Range<usize>>> {
        let parsed: Vec<&serde_json::value::RawValue> = serde_json::from_str(&self.0).ok()?;
        let start = self.0.as_ptr() as usize;
        let span = |raw: &serde_json::value::RawValue| {
            let at = raw.get().as_ptr() as usize - start;
            at..at + raw.get().len()
        };
        Some(parsed.into_iter().map(span).collect())
    }

    /// The part of the text at `span`, which came from [`Json::elements`].
    pub fn element(&self, span: &Range<usize>) -> Self {
        Self(self.0[span.clone()].into())
    }

    /// `object`, `array`, `string`, `number`, `boolean` or `null`.
    pub fn type_name(&self) -> &'static str {
        match self.0.trim_start().bytes().next() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => "null",
            _ => "number",
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    /// Writes the value itself, byte for byte, where the serializer is serde_json's.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue =
            serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Gate::default().check(raw.get().as_bytes()).map_err(serde::de::Error::custom)
    }
}

/// Why the gate refused a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} (at `{pointer}`, byte {offset})")]
pub struct Refusal {
    /// The problem's code, `payload.…`.
    pub code: Code,
    /// RFC 6901 pointer to the value; empty for the whole document.
    pub pointer: String,
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong, for people.
    pub detail: String,
}

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Most bytes.
    pub max_bytes: usize,
    /// Most levels of arrays and objects.
    pub max_depth: usize,
    /// Most values, keys not counted.
    pub max_nodes: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { max_bytes: 1024 * 1024, max_depth: 64, max_nodes: 100_000 }
    }
}

impl Gate {
    /// The default gate with another size limit.
    pub fn of_bytes(max_bytes: usize) -> Self {
        Self { max_bytes, ..Self::default() }
    }

    /// Checks one document and keeps its exact text.
    pub fn check(&self, text: &[u8]) -> Result<Json, Refusal> {
        let refuse = |detail: String| Refusal {
            code: Code::PayloadInvalidJson,
            pointer: String::new(),
            offset: 0,
            detail,
        };
        let text = std::str::from_utf8(text).map_err(|e| refuse(e.to_string()))?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| refuse(e.to_string()))?;
        Ok(Json(text.into()))
    }
}
