//! What the command line says when something is wrong, and the exit code it ends with.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use stepcell_tests::guests::hand_written;
use stepcell_tests::host::binary;

use crate::command_line::{answer, stepcell};

/// Where nobody answers.
const NOBODY: &str = "http://127.0.0.1:9";
const NO_POSTGRES: &str = "postgres://nobody@127.0.0.1:9/nothing";

/// Runs the program and checks its exit code; what it wrote to standard error.
#[track_caller]
fn ends_with(code: i32, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.wasm"), hand_written("good")).unwrap();
    let done = stepcell(folder.path(), arguments);
    assert_eq!(done.status.code(), Some(code), "{arguments:?}: {done:?}");
    String::from_utf8_lossy(&done.stderr).into_owned()
}

#[test]
fn a_value_out_of_its_range_is_usage_and_the_range_is_named() {
    let ranges = [
        (["--timeout", "0ms"], "from `1ms` to `15m`"),
        (["--fuel", "0"], "from `1` to `1000000000000`"),
        (["--memory", "1KiB"], "from `64KiB` to `512MiB`"),
    ];
    for ([option, value], range) in ranges {
        let said = ends_with(2, &["exec", "good.wasm", option, value]);
        assert!(said.contains(option) && said.contains(range), "{said}");
    }
    for lease in ["abc", "10ms"] {
        let said = ends_with(2, &["serve", "--database-url", NO_POSTGRES, "--lease", lease]);
        assert!(said.contains("--lease"), "{said}");
    }
}

#[test]
fn a_wait_that_is_no_duration_is_usage_before_a_run_is_started() {
    let key = api::Key::generate().to_string();
    for wait in [["run", "flow", "--wait=zz"], ["wait", "run", "--timeout=zz"]] {
        let said = ends_with(2, &[&["--url", NOBODY, "--key", &key], &wait[..]].concat());
        assert!(said.contains("`zz` is not a duration"), "{said}");
    }
}

#[test]
fn an_address_or_key_that_cannot_be_one_is_usage() {
    let said = ends_with(2, &["--url", NOBODY, "--key", "a\nb", "runs"]);
    assert!(said.contains("sc_<id>_<secret>"), "{said}");
    let key = api::Key::generate().to_string();
    let said = ends_with(2, &["--url", "http://", "--key", &key, "runs"]);
    assert!(said.contains("is not a host"), "{said}");
    for url in ["foo", "mysql://user:secret@host/database", "postgres://host:port/database"] {
        for command in [&["serve"][..], &["key", "create"]] {
            let said = ends_with(2, &[command, &["--database-url", url]].concat());
            assert!(said.contains("is not a Postgres URL"), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}

#[test]
fn a_postgres_that_is_not_there_is_unreachable() {
    std::thread::scope(|scope| {
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["key", "create"]] {
            scope.spawn(move || {
                let said = ends_with(4, &[command, &["--database-url", NO_POSTGRES]].concat());
                assert!(said.contains("Postgres is not available"), "{said}");
            });
        }
    });
}

#[test]
fn a_file_without_an_end_is_refused_at_once() {
    for command in ["inspect", "exec"] {
        let said = ends_with(3, &[command, "/dev/zero"]);
        assert!(said.contains("component.too_large"), "{said}");
    }
    let said = ends_with(2, &["exec", "good.wasm", "--input", "@/dev/zero"]);
    assert!(said.contains("more than 1MiB"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let piped = Command::new(binary())
        .current_dir(folder.path())
        .args(["exec", "good.wasm", "--input", "-"])
        .stdin(File::open("/dev/zero").unwrap())
        .output()
        .unwrap();
    assert_eq!(piped.status.code(), Some(2), "{piped:?}");
}

/// Deploys what is wrong in two places.
fn deploy_badly(folder: &Path, more: &[&str]) -> std::process::Output {
    let flow = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"x\"\ntimeout = \"0ms\"\nneeds = [\"b\"]\n";
    std::fs::write(folder.join("flow.toml"), flow).unwrap();
    let key = api::Key::generate().to_string();
    stepcell(folder, &[&["--url", NOBODY, "--key", &key, "deploy"], more].concat())
}

#[test]
fn every_problem_of_a_manifest_is_listed_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let refused = deploy_badly(folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let refused = deploy_badly(folder.path(), &["--json"]);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let problem = answer(&refused);
    let reasons = problem["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 2, "{problem:#}");
    for reason in reasons {
        assert!(reason["line"].is_u64() && reason["pointer"].is_string(), "{problem:#}");
        let code = reason["code"].as_str().unwrap();
        assert!(code.starts_with("manifest.") && said.contains(&format!("[{code}]")), "{said}");
    }
    let explained = format!("stepcell explain {}", problem["code"].as_str().unwrap());
    assert!(said.contains(&explained), "{said}");
}

#[test]
fn what_a_handler_adds_to_its_error_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it.wasm"), hand_written("handler_error")).unwrap();
    let failed = stepcell(folder.path(), &["exec", "it.wasm"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stderr).contains("{\"sku\":7}"), "{failed:?}");
    let failed = stepcell(folder.path(), &["--json", "exec", "it.wasm"]);
    assert_eq!(answer(&failed)["failure"]["details"], json!({ "sku": 7 }), "{failed:?}");
}
