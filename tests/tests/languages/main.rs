//! Handlers in every language: from an empty folder to an answer, and the same behaviour whatever they are written in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod figures;
mod mistakes;
mod newcomer;
mod polyglot;
mod reach;
mod sources;
mod types;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use stepcell_tests::host::binary;

/// The command line with tools and what was compiled kept for all of these tests, and from one run of them to the next.
fn stepcell(folder: &Path) -> Command {
    let program = binary();
    let kept = program.parent().unwrap().join("languages");
    let mut command = Command::new(&program);
    command.current_dir(folder).env("STEPCELL_CACHE", kept.join("cache"));
    command.env("STEPCELL_DATA_DIR", kept.join("data"));
    command
}

/// Builds a folder; its component.
fn build(folder: &Path) -> PathBuf {
    let done = stepcell(folder).args(["build", ".", "--json"]).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let built: Value = serde_json::from_slice(&done.stdout).unwrap();
    built["path"].as_str().unwrap().into()
}

fn said(done: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&done.stdout), text(&done.stderr))
}
