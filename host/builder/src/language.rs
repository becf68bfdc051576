//! Which language the handlers in a folder are written in: what is in it says so.

use std::fs;
use std::path::Path;

/// A language handlers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A crate: `Cargo.toml`.
    Rust,
    /// JavaScript or TypeScript: `handler.js`, `handler.ts`.
    JavaScript,
    /// `handler.py`.
    Python,
    /// C or C++: `compile_flags.txt`.
    C,
    /// A module: `go.mod`.
    Go,
}

/// Where the handlers of a JavaScript project are; the first one that is there.
pub(crate) const JAVASCRIPT: [&str; 4] = ["handler.ts", "handler.mts", "handler.js", "handler.mjs"];
/// Where those of a Python project are.
pub(crate) const PYTHON: &str = "handler.py";

impl Language {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Rust, Self::JavaScript, Self::Python, Self::C, Self::Go];

    /// The language of a folder; `None`: nothing in it says so.
    pub fn of(folder: &Path) -> Option<Self> {
        Self::ALL.into_iter().find(|language| {
            language
                .files()
                .iter()
                .any(|file| fs::metadata(folder.join(file)).is_ok_and(|at| at.is_file()))
        })
    }

    /// The files that say so.
    pub(crate) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &["Cargo.toml"],
            Self::JavaScript => &JAVASCRIPT,
            Self::Python => &[PYTHON],
            Self::C => &["compile_flags.txt"],
            Self::Go => &["go.mod"],
        }
    }
}
