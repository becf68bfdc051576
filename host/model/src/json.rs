//! The JSON gate: the one check that every input, output and definition passes.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::Code;
use crate::name::Name;

mod keys;
mod merge;
mod number;
mod spans;
mod text;
mod walk;

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

    /// The object with these members. A name has no character that JSON would escape; each name comes once.
    pub fn object<'a>(members: impl IntoIterator<Item = (&'a Name, Self)>) -> Self {
        let member = |(name, value): (&Name, Self)| format!("\"{name}\":{value}");
        let members: Vec<String> = members.into_iter().map(member).collect();
        Self(format!("{{{}}}", members.join(",")).into())
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
        spans::elements(self.0.as_bytes())
    }

    /// The part of the text at `span`, which came from [`Json::elements`].
    pub fn element(&self, span: &Range<usize>) -> Self {
        Self(self.0[span.clone()].into())
    }

    /// This over another one: objects are merged member by member, where this one's win; anything else is replaced. The
    /// result has not passed the gate.
    #[must_use]
    pub fn over(&self, further: &Self) -> Self {
        Self(merge::merge(&self.0, &further.0).into())
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The problem's code, `payload.…`.
    pub code: Code,
    /// RFC 6901 pointer to the value; empty for the whole document. At most 1,024 bytes: past that it names an
    /// enclosing value.
    pub pointer: String,
    /// Byte offset in the text.
    pub offset: usize,
    /// What is wrong, for people.
    pub detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "{} (byte {})", self.detail, self.offset),
            pointer => write!(f, "{} (at `{pointer}`, byte {})", self.detail, self.offset),
        }
    }
}

impl std::error::Error for Refusal {}

/// What a text may be: one JSON document (RFC 8259) in UTF-8 with unique keys, without NUL, with numbers that fit an
/// i64, a u64 or a finite f64, within these bounds. Whatever passes casts to Postgres' `jsonb` and can be read back.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Most bytes. Defaults to 1 MiB. Past it: `payload.too_large`.
    pub max_bytes: usize,
    /// Most levels of arrays and objects. Defaults to 64. Past it: `payload.too_complex`.
    pub max_depth: usize,
    /// Most values, keys not counted. Defaults to 100,000. Past it: `payload.too_complex`.
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

    /// Checks one document and keeps its exact text. Builds no tree; the time is linear in the text, apart from a
    /// logarithm for objects with many keys.
    pub fn check(&self, text: &[u8]) -> Result<Json, Refusal> {
        if text.len() > self.max_bytes {
            return Err(self.too_large(text.len()));
        }
        let (valid, whole) = match std::str::from_utf8(text) {
            Ok(valid) => (valid, true),
            Err(error) => {
                let valid = text.get(..error.valid_up_to()).unwrap_or_default();
                (std::str::from_utf8(valid).unwrap_or_default(), false)
            }
        };
        walk::Walk::new(self, valid, whole).check()?;
        Ok(Json(valid.into()))
    }

    fn too_large(&self, bytes: usize) -> Refusal {
        let most = self.max_bytes;
        Refusal {
            code: Code::PayloadTooLarge,
            pointer: String::new(),
            offset: most,
            detail: format!("the text has {bytes} bytes and may have {most}; send less of it"),
        }
    }
}

#[cfg(test)]
mod tests;
