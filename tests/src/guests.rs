//! The guests: those written by hand, and the crates that `stepcell build` turns into components.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use attacks::{bare, module as hand_written};
use builder::{Builder, Install, Progress};

/// The folder of the whole project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in the project")
        .to_owned()
}

/// The guest crate that plays any part, built once for all tests.
///
/// # Panics
/// When it does not build; the message says what is missing and which command mends it.
pub fn actor() -> Vec<u8> {
    static ACTOR: OnceLock<Vec<u8>> = OnceLock::new();
    ACTOR.get_or_init(|| build(&root().join("tests/guests/actor"))).clone()
}

/// The durable guest crate that follows a script, built once for all tests.
///
/// # Panics
/// When it does not build; the message says what is missing and which command mends it.
pub fn player() -> Vec<u8> {
    static PLAYER: OnceLock<Vec<u8>> = OnceLock::new();
    PLAYER.get_or_init(|| build(&root().join("tests/guests/player"))).clone()
}

/// The guest crate that asks for every capability and does with them what its input says, built once for all tests.
///
/// # Panics
/// When it does not build; the message says what is missing and which command mends it.
pub fn reacher() -> Vec<u8> {
    static REACHER: OnceLock<Vec<u8>> = OnceLock::new();
    REACHER.get_or_init(|| build(&root().join("tests/guests/reacher"))).clone()
}

/// The guest crate that does with its scratch folder what its input says, built once for all tests.
///
/// # Panics
/// When it does not build; the message says what is missing and which command mends it.
pub fn scribe() -> Vec<u8> {
    static SCRIBE: OnceLock<Vec<u8>> = OnceLock::new();
    SCRIBE.get_or_init(|| build(&root().join("tests/guests/scribe"))).clone()
}

/// A handler crate as a component.
///
/// # Panics
/// When it does not build; the message says what is missing and which command mends it.
pub fn build(folder: &Path) -> Vec<u8> {
    let progress = |note: builder::Note<'_>| {
        if let builder::Note::Running(command) = note {
            // A machine that lacks the toolchain gets it; the test's log says how.
            eprint_line(command);
        }
    };
    let builder = Builder { install: Install::IfRoot, ..Builder::default() };
    match builder.build(folder, Progress(&progress)) {
        Ok(built) => built.wasm,
        Err(error) => panic!("`{}` does not build: {error}", folder.display()),
    }
}

#[expect(clippy::print_stderr, reason = "the log of a test run")]
fn eprint_line(line: &str) {
    eprintln!("running `{line}`");
}
