//! What people get wrong: each is told with its place and what to do, and leaves nothing behind that is in the way of the next try.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::{said, stepcell};

/// A new project whose handler has this text; what its build says.
fn built_with(lang: &str, file: &str, text: &str) -> String {
    let around = tempfile::tempdir().unwrap();
    let made = stepcell(around.path()).args(["new", "--lang", lang, "wrong"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let folder = around.path().join("wrong");
    let right = fs::read(folder.join(file)).unwrap();
    fs::write(folder.join(file), text).unwrap();
    let failed = stepcell(&folder).args(["build", "."]).output().unwrap();
    assert!(!failed.status.success(), "{}", said(&failed));
    fs::write(folder.join(file), right).unwrap();
    let mended = stepcell(&folder).args(["build", "."]).output().unwrap();
    assert!(mended.status.success(), "{}", said(&mended));
    said(&failed)
}

fn tells(lang: &str, file: &str, text: &str, parts: &[&str]) {
    let told = built_with(lang, file, text);
    for part in parts {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

#[test]
fn a_mistake_in_javascript_is_told_with_its_place() {
    tells(
        "js",
        "handler.js",
        "export default () => {\n  let x 5;\n};\n",
        &["handler.js:2:8", "Expected \";\""],
    );
    tells("js", "handler.js", "export const x = 1;\n", &["exports no function"]);
    tells(
        "js",
        "handler.js",
        "export default () => 1;\nfunction boom() { throw new Error(\"at the top\"); }\nboom();\n",
        &["top-level code failed: at the top", "handler.js:2"],
    );
    tells(
        "js",
        "handler.js",
        "import net from \"node:net\";\nexport default () => net;\n",
        &["node:net"],
    );
}

#[test]
fn a_mistake_in_python_is_told_with_its_place() {
    tells("python", "handler.py", "def f(:\n", &["handler.py:1", "invalid syntax"]);
    tells("python", "handler.py", "x = 1\n", &["has no handler", "@stepcell.handler"]);
    let raises = "import stepcell\n\n@stepcell.handler\ndef f():\n    return 1\n\nraise ValueError(\"at the top\")\n";
    tells(
        "python",
        "handler.py",
        raises,
        &["top-level code failed", "\"handler.py\", line 7", "at the top"],
    );
    let missing = "import numpy\nimport stepcell\n\n@stepcell.handler\ndef f():\n    return 1\n";
    tells("python", "handler.py", missing, &["no module named `numpy`", "requirements.txt"]);
}

#[test]
fn a_mistake_in_c_is_told_with_its_place() {
    let head = "#define STEPCELL_IMPLEMENTATION\n#include \"stepcell.h\"\n";
    tells("c", "score.c", &format!("{head}int x = 5 5;\n"), &["score.c:3", "error: expected"]);
    tells("c", "score.c", head, &["STEPCELL_HANDLERS"]);
}

#[test]
fn two_flows_in_two_files_in_c_do_not_link() {
    let around = tempfile::tempdir().unwrap();
    let made = stepcell(around.path()).args(["new", "--lang", "c", "two"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let folder = around.path().join("two");
    let flow = "#include \"stepcell.h\"\nSTEPCELL_FLOW(STEPCELL_TEXT({\"flow\": \"f\", \"step\": [{\"name\": \"s\"}]}))\n";
    fs::write(folder.join("one.c"), flow).unwrap();
    let built = stepcell(&folder).args(["build", "."]).output().unwrap();
    assert!(built.status.success(), "{}", said(&built));
    fs::write(folder.join("other.c"), flow).unwrap();
    let failed = stepcell(&folder).args(["build", "."]).output().unwrap();
    assert!(!failed.status.success() && said(&failed).contains("only_flow"), "{}", said(&failed));
}

#[test]
fn a_mistake_in_go_is_told_with_its_place() {
    tells(
        "go",
        "main.go",
        "package main\n\nfunc main() { x := }\n",
        &["main.go:3", "syntax error"],
    );
    tells("go", "main.go", "package main\n\nfunc main() {}\n", &["does not import `stepcell`"]);
}

#[test]
fn a_folder_without_handlers_and_a_name_that_is_none_are_refused_with_what_would_do() {
    let around = tempfile::tempdir().unwrap();
    let told = said(&stepcell(around.path()).args(["build", "."]).output().unwrap());
    assert!(told.contains("`handler.py`") && told.contains("stepcell new"), "{told}");
    let named = stepcell(around.path()).args(["new", "--lang", "js", "No Name"]).output().unwrap();
    assert!(said(&named).contains("is no name of a project"), "{}", said(&named));
    fs::write(around.path().join("handler.js"), "export default () => 1;\n").unwrap();
    let told = said(&stepcell(around.path()).args(["build", "."]).output().unwrap());
    assert!(told.contains("stepcell new --sdk"), "{told}");
}

/// What a build says where a program is another one than it has to be.
fn built_beside(lang: &str, program: &str, script: &str) -> String {
    let around = tempfile::tempdir().unwrap();
    let made = stepcell(around.path()).args(["new", "--lang", lang, "first"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let path = around.path().join("bin");
    fs::create_dir(&path).unwrap();
    if !script.is_empty() {
        let file = path.join(program);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut build = stepcell(&around.path().join("first"));
    // A cache of its own: what is there already needs no tools.
    build.env("PATH", &path).env("STEPCELL_CACHE", around.path().join("cache"));
    let failed = build.args(["build", "."]).output().unwrap();
    assert!(!failed.status.success(), "{}", said(&failed));
    said(&failed)
}

#[test]
fn a_tool_that_is_missing_or_too_old_is_told_with_the_command_that_brings_it() {
    let old = "#!/bin/sh\necho v16.20.2\n";
    for (lang, program, script, parts) in [
        ("js", "node", "", ["no `node` is on PATH", "apt-get install -y nodejs npm"]),
        ("js", "node", old, ["is v16.20.2", "apt-get install -y nodejs npm"]),
        ("python", "python3", "", ["no `python3` is on PATH", "apt-get install -y python3"]),
        ("c", "python3", "#!/bin/sh\nexit 1\n", ["is not that", "apt-get install -y python3"]),
    ] {
        let told = built_beside(lang, program, script);
        for part in parts {
            assert!(told.contains(part), "`{part}` is not in:\n{told}");
        }
    }
}

#[test]
fn a_build_that_was_killed_half_way_is_in_nobodys_way() {
    let around = tempfile::tempdir().unwrap();
    let made = stepcell(around.path()).args(["new", "--lang", "js", "first"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let build = || {
        let mut build = stepcell(&around.path().join("first"));
        build.env("STEPCELL_CACHE", around.path().join("cache")).args(["build", "."]);
        build
    };
    let mut killed = build();
    let killed = killed.process_group(0).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut killed = killed.spawn().unwrap();
    let lines = BufReader::new(killed.stderr.take().unwrap()).lines();
    let installs = |line: &std::io::Result<String>| line.as_ref().unwrap().contains("npm");
    assert!(lines.take(10).any(|line| installs(&line)), "it installs its tools");
    // With what it runs.
    let group = format!("-{}", killed.id());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    killed.wait().unwrap();
    let done = build().output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let left = fs::read_dir(around.path().join("cache/tools")).unwrap().flatten();
    let parts: Vec<_> = left
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().contains(".part"))
        .collect();
    assert!(parts.is_empty(), "what the first one left is gone: {parts:?}");
}
