//! Names of flows, steps, handlers and signals: parsed once at the edge, never empty, never hostile.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name, in characters (all of them ASCII).
pub const MAX_NAME_LENGTH: usize = 128;

/// Reserved: the word that stands for the run as a whole.
pub const RESERVED: &str = "run";

/// A name of the form `^[a-zA-Z_][a-zA-Z0-9_-]*$`, at most [`MAX_NAME_LENGTH`] characters, not `run`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It has no characters.
    #[error("a name cannot be empty")]
    Empty,
    /// It has more than [`MAX_NAME_LENGTH`] characters.
    #[error("a name has at most 128 characters, this one has {0}")]
    TooLong(usize),
    /// It means the run as a whole.
    #[error("`run` is reserved: it means the run as a whole; choose another name")]
    Reserved,
    /// It has a character a name cannot have.
    #[error(
        "`{0}` is not a name: start with a letter or `_`, go on with letters, digits, `_` or `-`"
    )]
    Characters(String),
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut characters = text.chars();
        let Some(first) = characters.next() else {
            return Err(BadName::Empty);
        };
        let starts = first.is_ascii_alphabetic() || first == '_';
        if !starts || !characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            let shown = text.chars().take(60).flat_map(char::escape_debug);
            return Err(BadName::Characters(shown.collect()));
        }
        if text.len() > MAX_NAME_LENGTH {
            return Err(BadName::TooLong(text.len()));
        }
        if text == RESERVED {
            return Err(BadName::Reserved);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_of_a_name() {
        for text in ["a", "_", "send-mail", "A1_b-2", "runs", &"x".repeat(128)] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        for text in ["", "2nd", "-a", "a b", "é", "run", "a\0", "a.b", &"x".repeat(129)] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_refused_name_is_shown_without_control_characters() {
        let refused = "a\u{1b}[31m".parse::<Name>().unwrap_err().to_string();
        assert!(refused.starts_with("`a\\u{1b}[31m` is not a name"), "{refused}");
    }
}
