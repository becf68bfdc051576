//! What is wrong with a manifest, each thing at its place.

use std::fmt;

use serde::Serialize;

use crate::code::Code;

/// Problems that are listed; further ones are counted.
const MAX_PROBLEMS: usize = 50;

/// Where something is in a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// RFC 6901 pointer: `/step/0/timeout`.
    pub pointer: String,
    /// 1-based line, where the manifest is TOML.
    pub line: Option<usize>,
}

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its code, `manifest.…`.
    pub code: Code,
    /// RFC 6901 pointer to the field: `/step/0/timeout`; empty for the manifest as a whole.
    pub pointer: String,
    /// 1-based line, where the manifest is TOML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// The word that was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(code: Code, place: &Place, detail: impl Into<String>) -> Self {
        let Place { pointer, line } = place.clone();
        Self { code, pointer, line, detail: detail.into(), suggestion: None }
    }

    /// Adds what was probably meant, also to the detail.
    pub fn suggesting(mut self, suggestion: Option<&str>) -> Self {
        if let Some(word) = suggestion {
            self.detail.push_str(&format!("; did you mean `{word}`?"));
            self.suggestion = Some(word.to_owned());
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.pointer.as_str()) {
            (Some(line), _) => write!(f, "line {line}: {}", self.detail),
            (None, "") => f.write_str(&self.detail),
            (None, pointer) => write!(f, "`{pointer}`: {}", self.detail),
        }
    }
}

/// Everything that is wrong with a manifest; one line each when shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// The problems, in the order they were found; at most 50.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl Problems {
    /// One more thing that is wrong.
    pub fn push(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The code of the first problem.
    pub fn code(&self) -> Option<Code> {
        self.problems.first().map(|problem| problem.code)
    }

    /// The value, if nothing is wrong with it.
    pub(super) fn or<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            Some(_) | None => Err(self),
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem], more: 0 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let newline = if place == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Problems {}

/// Text from a manifest as a message may show it: cut, control characters escaped.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let cut = text.chars().nth(MOST).map_or("", |_| "…");
    let kept: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    kept.replace("\\'", "'").replace("\\\"", "\"") + cut
}
