//! What somebody does first: a new folder, its tests, a component; and again, when nothing has changed.

use serde_json::Value;

use crate::{said, stepcell};

/// A new project is tested and built, in a path that is not plain.
fn begins(lang: &str) {
    let around = tempfile::tempdir().unwrap();
    let around = around.path().join("a folder with ü");
    std::fs::create_dir(&around).unwrap();
    let made = stepcell(&around).args(["new", "--lang", lang, "first"]).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let folder = around.join("first");
    if lang == "rust" {
        // Its packages are at hand in these versions.
        let lock = stepcell_tests::guests::root().join("Cargo.lock");
        std::fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    }
    let tested = stepcell(&folder).args(["test", ".", "--json"]).output().unwrap();
    assert!(tested.status.success(), "{}", said(&tested));
    let lines = String::from_utf8(tested.stdout).unwrap();
    let tests: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(tests.len() >= 3 && tests.iter().all(|test| test["passed"] == true), "{tests:#?}");
    let built = stepcell(&folder).args(["build", ".", "--json", "-o", "x.wasm"]).output().unwrap();
    let built: Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!(built["fresh"], true, "{built:#}");
    let report = stepcell(&folder).args(["inspect", "x.wasm", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["report"]["capabilities"].as_array().map(Vec::len), Some(0), "{report:#}");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    assert!(readme.starts_with("# first\n") && readme.lines().count() < 45, "one screen");
    let again = stepcell(&around).args(["new", "--lang", lang, "first"]).output().unwrap();
    assert!(said(&again).contains("is not empty"), "{}", said(&again));
    let sdk = stepcell(&around).args(["new", "--sdk", "first"]).output().unwrap();
    assert!(sdk.status.success(), "{}", said(&sdk));
}

#[test]
fn a_new_folder_in_rust_builds_and_passes_its_tests() {
    begins("rust");
}

#[test]
fn a_new_folder_in_javascript_builds_and_passes_its_tests() {
    begins("js");
}

#[test]
fn a_new_folder_in_typescript_builds_and_passes_its_tests() {
    begins("ts");
}

#[test]
fn a_new_folder_in_python_builds_and_passes_its_tests() {
    begins("python");
}

#[test]
fn a_new_folder_in_c_builds_and_passes_its_tests() {
    begins("c");
}

#[test]
fn a_new_folder_in_go_builds_and_passes_its_tests() {
    begins("go");
}
