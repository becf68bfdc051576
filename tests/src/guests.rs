//! The guests: hand-written ones as text, and the crates that `stepcell build` turns into components.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use builder::{Builder, Install, Progress};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The folder of the whole project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in the project")
        .to_owned()
}

/// A hand-written guest of the world `handler`, as a toolchain would write it: a core module with type information.
///
/// # Panics
/// When there is no such guest.
pub fn hand_written(name: &str) -> Vec<u8> {
    let mut module = bare(name);
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).expect("wit/ is valid");
    let world = "package test:guests; world handler { include stepcell:handler/handler@0.1.0; }";
    let package = resolve.push_str("world.wit", world).expect("the world is valid");
    let world = resolve.select_world(&[package], None).expect("there is one world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("a module takes type information");
    module
}

/// A hand-written guest without any type information.
///
/// # Panics
/// When there is no such guest.
pub fn bare(name: &str) -> Vec<u8> {
    let file = root().join("tests/guests").join(format!("{name}.wat"));
    wat::parse_file(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
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
