//! What an editor is told: the types of the SDKs take what is right and refuse what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stepcell_tests::guests::root;
use stepcell_tests::host::binary;

use crate::{said, stepcell};

const TYPESCRIPT: &str = "typescript@7.0.2";
const MYPY: &str = "mypy==2.4.1";

/// A new project, its handler replaced by one of `tests/guests/types` where that is named.
fn project(around: &Path, lang: &str, handler: Option<&str>) -> PathBuf {
    let made = stepcell(around).args(["new", "--lang", lang, "first"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let folder = around.join("first");
    if let Some(name) = handler {
        fs::copy(root().join("tests/guests/types").join(name), folder.join(name)).unwrap();
    }
    folder
}

/// A checker, installed once into a folder of its own.
fn installed(name: &str, install: impl FnOnce(&Path) -> Command) -> PathBuf {
    let folder = binary().parent().unwrap().join("languages").join(name);
    let done = folder.join("done");
    if !done.exists() {
        // What was left by a run that was ended.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let output = install(&folder).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        fs::write(done, "").unwrap();
    }
    folder
}

fn finds_nothing(mut checker: Command) {
    let output = checker.output().unwrap();
    assert!(output.status.success(), "{checker:?}\n{}", said(&output));
}

#[test]
fn typescript_takes_what_is_right_and_refuses_what_is_wrong() {
    let tools = installed(TYPESCRIPT, |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(folder).arg(TYPESCRIPT);
        npm
    });
    for (lang, handler, config) in [
        ("ts", Some("handler.ts"), "tsconfig.json"),
        ("ts", None, "tsconfig.json"),
        ("js", None, "jsconfig.json"),
    ] {
        let around = tempfile::tempdir().unwrap();
        let folder = project(around.path(), lang, handler);
        let mut tsc = Command::new(tools.join("node_modules/.bin/tsc"));
        tsc.current_dir(&folder).args(["--noEmit", "-p", config]);
        finds_nothing(tsc);
    }
}

#[test]
fn mypy_takes_what_is_right_and_refuses_what_is_wrong() {
    let tools = installed(MYPY, |folder| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"]);
        pip.arg(folder).arg(MYPY);
        pip
    });
    for handler in [Some("handler.py"), None] {
        let around = tempfile::tempdir().unwrap();
        let folder = project(around.path(), "python", handler);
        let mut mypy = Command::new("python3");
        mypy.current_dir(&folder).env("PYTHONPATH", &tools);
        mypy.args(["-m", "mypy", "--strict", "."]);
        finds_nothing(mypy);
    }
}
