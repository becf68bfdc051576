//! Walks through a text value by value, without recursion and without keeping what it read.

use super::keys::{Keys, Mark};
use super::number::number;
use super::text::{nul, string};
use super::{Gate, Refusal};
use crate::code::Code;

/// The longest pointer a refusal carries, in bytes.
const MAX_POINTER_BYTES: usize = 1_024;

/// One thing that is wrong, before its pointer is known.
pub(super) struct Fault {
    code: Code,
    at: usize,
    detail: String,
    /// The key that is meant, inside the value the walk is at.
    key: Option<String>,
}

impl Fault {
    pub(super) fn new(code: Code, at: usize, detail: impl Into<String>) -> Self {
        Self { code, at, detail: detail.into(), key: None }
    }

    /// The text ends where `wanted` should be.
    pub(super) fn end(at: usize, wanted: &str) -> Self {
        Self::new(Code::PayloadInvalidJson, at, format!("the text ends where {wanted} should be"))
    }

    /// Something else is where `wanted` should be.
    pub(super) fn unexpected(text: &[u8], at: usize, wanted: &str) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        let first = rest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
        match first {
            None => Self::end(at, wanted),
            Some('\0') => nul(at),
            Some('\u{feff}') => Self::new(
                Code::PayloadInvalidJson,
                at,
                "the text begins with a byte order mark; save it without one",
            ),
            Some(found) => {
                let found = found.escape_debug();
                Self::new(
                    Code::PayloadInvalidJson,
                    at,
                    format!("`{found}` is where {wanted} should be"),
                )
            }
        }
    }
}

/// An array or object that has begun and not ended.
#[derive(Clone, Copy)]
enum Level {
    Array {
        index: usize,
    },
    Object {
        mark: Mark,
        /// The walk is in a member's value, which the last key names.
        in_value: bool,
    },
}

/// The state of a walk: a place and the levels around it.
pub(super) struct Walk<'t> {
    gate: &'t Gate,
    text: &'t [u8],
    /// Whether `text` is all there is; else bytes that are not UTF-8 follow it.
    whole: bool,
    at: usize,
    nodes: usize,
    levels: Vec<Level>,
    keys: Keys<'t>,
}

impl<'t> Walk<'t> {
    pub(super) fn new(gate: &'t Gate, text: &'t str, whole: bool) -> Self {
        let text = text.as_bytes();
        Self { gate, text, whole, at: 0, nodes: 0, levels: Vec::new(), keys: Keys::new(text) }
    }

    /// Checks that the text is one document.
    pub(super) fn check(mut self) -> Result<(), Refusal> {
        let checked = self.document().and_then(|()| match self.peek() {
            None if self.whole => Ok(()),
            None => Err(Fault::end(self.at, "the end of the document")),
            Some(_) => Err(Fault::unexpected(self.text, self.at, "the end of the document")),
        });
        checked.map_err(|fault| self.refusal(fault))
    }

    fn document(&mut self) -> Result<(), Fault> {
        self.space();
        loop {
            let opened = self.value()?;
            if !opened && !self.next_value()? {
                return Ok(());
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Reads a value; true when it opened an array or object whose first value comes next.
    fn value(&mut self) -> Result<bool, Fault> {
        self.nodes += 1;
        if self.nodes > self.gate.max_nodes {
            let detail =
                format!("the text has more than {} values; send it in parts", self.gate.max_nodes);
            return Err(Fault::new(Code::PayloadTooComplex, self.at, detail));
        }
        match self.peek() {
            Some(b'"') => self.at = string(self.text, self.at)?.to + 1,
            Some(b'-' | b'0'..=b'9') => self.at = number(self.text, self.at)?,
            Some(b'{') => return self.open_object(),
            Some(b'[') => return self.open_array(),
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            Some(_) | None => return Err(Fault::unexpected(self.text, self.at, "a value")),
        }
        Ok(false)
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            let same = rest.iter().zip(word.bytes()).take_while(|(a, b)| **a == *b).count();
            return Err(Fault::unexpected(self.text, self.at + same, &format!("`{word}`")));
        }
        self.at += word.len();
        Ok(())
    }

    fn open_array(&mut self) -> Result<bool, Fault> {
        self.enter(Level::Array { index: 0 })?;
        if self.peek() == Some(b']') {
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }

    fn open_object(&mut self) -> Result<bool, Fault> {
        self.enter(Level::Object { mark: self.keys.open(), in_value: false })?;
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(false);
        }
        self.key()?;
        Ok(true)
    }

    fn enter(&mut self, level: Level) -> Result<(), Fault> {
        if self.levels.len() >= self.gate.max_depth {
            let most = self.gate.max_depth;
            let detail = format!(
                "arrays and objects are more than {most} levels deep; make the value flatter"
            );
            return Err(Fault::new(Code::PayloadTooComplex, self.at, detail));
        }
        self.levels.push(level);
        self.at += 1;
        self.space();
        Ok(())
    }

    fn leave(&mut self) {
        self.levels.pop();
        self.at += 1;
    }

    /// Reads `"key":` and the space around it.
    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(Fault::unexpected(self.text, self.at, "a key in `\"`"));
        }
        let span = string(self.text, self.at)?;
        self.keys.push(span);
        if let Some(Level::Object { in_value, .. }) = self.levels.last_mut() {
            *in_value = true;
        }
        self.at = span.to + 1;
        self.space();
        if self.peek() != Some(b':') {
            return Err(Fault::unexpected(self.text, self.at, "`:`"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// After a value: ends the levels that end here; true when another value comes next.
    fn next_value(&mut self) -> Result<bool, Fault> {
        loop {
            self.space();
            match (self.levels.last_mut(), self.text.get(self.at)) {
                (None, _) => return Ok(false),
                (Some(Level::Array { index }), Some(b',')) => {
                    *index += 1;
                    self.at += 1;
                    self.space();
                    return Ok(true);
                }
                (Some(Level::Array { .. }), Some(b']')) => self.leave(),
                (Some(Level::Object { in_value, .. }), Some(b',')) => {
                    *in_value = false;
                    self.at += 1;
                    self.space();
                    self.key()?;
                    return Ok(true);
                }
                (Some(Level::Object { mark, in_value }), Some(b'}')) => {
                    *in_value = false;
                    if let Some((at, key)) = self.keys.close(*mark) {
                        let detail = "an object has the same key twice; keep one of them";
                        let fault = Fault::new(Code::PayloadDuplicateKey, at, detail);
                        return Err(Fault { key: Some(key), ..fault });
                    }
                    self.leave();
                }
                (Some(Level::Array { .. }), _) => {
                    return Err(Fault::unexpected(self.text, self.at, "`,` or `]`"));
                }
                (Some(Level::Object { .. }), _) => {
                    return Err(Fault::unexpected(self.text, self.at, "`,` or `}`"));
                }
            }
        }
    }

    fn refusal(&self, fault: Fault) -> Refusal {
        let pointer = self.pointer(fault.key);
        // Where the walk ran out of text before bytes that are not UTF-8, those bytes are what is wrong.
        if !self.whole && fault.at >= self.text.len() {
            return Refusal {
                code: Code::PayloadInvalidUnicode,
                pointer,
                offset: self.text.len(),
                detail: "the text is not UTF-8 here; save or send it as UTF-8".to_owned(),
            };
        }
        Refusal { code: fault.code, pointer, offset: fault.at, detail: fault.detail }
    }

    /// Names the value the walk is at, as far as [`MAX_POINTER_BYTES`] go.
    fn pointer(&self, key: Option<String>) -> String {
        let marks: Vec<Option<Mark>> = self.levels.iter().map(Level::mark).collect();
        let names = self.levels.iter().enumerate().map_while(|(place, level)| match level {
            Level::Array { index } => Some(index.to_string()),
            Level::Object { in_value: false, .. } => None,
            Level::Object { mark, in_value: true } => {
                let next = marks.get(place + 1..).unwrap_or_default().iter().find_map(|mark| *mark);
                self.keys.last(*mark, next)
            }
        });
        let mut pointer = String::new();
        for name in names.chain(key) {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            if pointer.len() + 1 + escaped.len() > MAX_POINTER_BYTES {
                break;
            }
            pointer.push('/');
            pointer.push_str(&escaped);
        }
        pointer
    }
}

impl Level {
    fn mark(&self) -> Option<Mark> {
        match self {
            Self::Array { .. } => None,
            Self::Object { mark, .. } => Some(*mark),
        }
    }
}
