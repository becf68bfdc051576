//! The languages that a host runs from source: a handler is uploaded as text and bound to the runtime of its language.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// A language with a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// ECMAScript modules.
    Javascript,
    /// Python 3.
    Python,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Javascript, Self::Python];

    /// What it is called: in reports, addresses and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Python => "python",
        }
    }

    /// The media types its sources come as, the usual one first.
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Javascript => &["text/javascript", "application/javascript"],
            Self::Python => &["text/x-python", "application/x-python"],
        }
    }

    /// The language of a media type.
    pub fn of_media_type(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.media_types().contains(&name))
    }

    /// The language of a file, by how its name ends.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "js" | "mjs" => Some(Self::Javascript),
            "py" => Some(Self::Python),
            _ => None,
        }
    }

    /// The name of a source as a component: the same text under another runtime is another one.
    pub fn digest(self, runtime: Digest, text: &str) -> Digest {
        Digest::of(format!("stepcell source\n{self}\n{runtime}\n{text}").as_bytes())
    }

    /// The smallest source there is: one handler that answers null.
    pub fn sample(self) -> &'static str {
        match self {
            Self::Javascript => "export default () => null;\n",
            Self::Python => {
                "import stepcell\n\n\n@stepcell.handler\ndef sample(value: object) -> None:\n    return None\n"
            }
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|language| language.as_str() == text);
        let known = Self::ALL.map(|language| format!("`{language}`")).join(" and ");
        found.ok_or_else(|| format!("`{text}` is no language with a runtime: those are {known}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_name_its_media_types_and_its_files() {
        for language in Language::ALL {
            assert_eq!(language.as_str().parse(), Ok(language));
            for name in language.media_types() {
                assert_eq!(Language::of_media_type(name), Some(language));
            }
        }
        assert_eq!(Language::of_file("a/greet.py"), Some(Language::Python));
        assert_eq!(Language::of_file("greet.mjs"), Some(Language::Javascript));
        assert_eq!(Language::of_file("greet.ts"), None);
        assert_eq!(Language::of_file("greet"), None);
    }
}
