//! The building stays as it was drawn: floors, owners, sizes, names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stepcell_tests::guests::root;

/// Every crate and the crates of ours it may use. What is not here may not be used.
const FLOORS: &[(&str, &[&str])] = &[
    ("host/model", &[]),
    ("host/sandbox", &["model"]),
    ("host/store", &["model"]),
    ("host/outbound", &["model"]),
    ("host/worker", &["model", "sandbox", "outbound", "store"]),
    ("host/api", &["model", "sandbox", "store"]),
    (
        "host/cli",
        &["model", "sandbox", "outbound", "store", "worker", "api", "builder", "devdb", "attacks"],
    ),
    ("host/builder", &[]),
    ("host/devdb", &[]),
    ("host/attacks", &["model"]),
    ("guest-sdk", &[]),
];

/// Who owns a third-party crate; nobody else names it.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["host/sandbox"]),
    ("wasmtime-wasi", &["host/sandbox"]),
    ("sqlx", &["host/store"]),
    ("chacha20poly1305", &["host/store"]),
    ("axum", &["host/api"]),
    ("utoipa", &["host/api"]),
    ("clap", &["host/cli"]),
    ("anyhow", &["host/cli"]),
    ("wit-bindgen", &["guest-sdk"]),
    ("jsonschema", &["host/model"]),
    ("croner", &["host/model"]),
    ("jiff", &["host/model"]),
    ("ipnet", &["host/outbound"]),
    // The CLI speaks to its host with it, never for a step.
    ("reqwest", &["host/outbound", "host/cli"]),
];

/// The most lines a file has.
const MAX_LINES: usize = 400;

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Every file below `folder` with this ending.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The dependencies of a crate, without those of its tests.
fn dependencies(crate_folder: &str) -> Vec<String> {
    let manifest = read(&root().join(crate_folder).join("Cargo.toml"));
    let after = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = after.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_crate_uses_only_the_floors_below_it() {
    let ours: Vec<&str> = vec![
        "model", "sandbox", "outbound", "store", "worker", "api", "cli", "builder", "devdb",
        "attacks",
    ];
    for (folder, allowed) in FLOORS {
        for name in dependencies(folder) {
            let forbidden = ours.contains(&name.as_str()) && !allowed.contains(&name.as_str());
            assert!(!forbidden, "`{folder}` uses `{name}`, which is not below it");
        }
    }
}

#[test]
fn only_its_owner_names_a_third_party_crate() {
    for (folder, _) in FLOORS {
        for name in dependencies(folder) {
            if let Some((_, owners)) = OWNERS.iter().find(|(owned, _)| *owned == name) {
                assert!(
                    owners.contains(folder),
                    "`{folder}` names `{name}`, which {owners:?} owns"
                );
            }
        }
    }
}

#[test]
fn the_model_is_pure() {
    for name in dependencies("host/model") {
        let impure = ["tokio", "sqlx", "wasmtime", "reqwest", "rand", "tracing", "futures-util"];
        assert!(!impure.contains(&name.as_str()), "`host/model` uses `{name}`");
    }
    for file in files(&root().join("host/model/src"), ".rs") {
        let text = read(&file);
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for impure in
            ["std::fs", "std::net", "SystemTime", "Instant::now", "async fn", "std::process"]
        {
            assert!(!text.contains(impure), "{} uses `{impure}`", shown(&file));
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_and_is_small() {
    for folder in ["host", "guest-sdk", "tests", "examples"] {
        for file in files(&root().join(folder), ".rs") {
            let text = read(&file);
            let first = text.lines().next().unwrap_or_default();
            assert!(first.starts_with("//! "), "{} does not say what it is", shown(&file));
            let lines = text.lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", shown(&file));
        }
    }
}

#[test]
fn every_query_says_what_it_does_names_its_tenant_and_is_used_once() {
    let store = root().join("host/store");
    let sources: String = files(&store.join("src"), ".rs").iter().map(|file| read(file)).collect();
    for file in files(&store.join("queries"), ".sql") {
        let text = read(&file);
        let name = shown(&file);
        assert!(text.starts_with("-- "), "{name} does not say what it does");
        // A worker, its beat and runtimes belong to no tenant.
        let belongs_to_nobody =
            ["/worker/", "/runtime/", "/bench/"].iter().any(|folder| name.contains(folder));
        assert!(belongs_to_nobody || text.contains("tenant_id"), "{name} names no tenant");
        let path = name.trim_start_matches("host/store/");
        assert_eq!(sources.matches(&format!("{path}\"")).count(), 1, "{name} is used once");
    }
}

#[test]
fn every_hand_written_guest_is_run_by_some_test() {
    let mut tests = String::new();
    for folder in ["host/attacks/src/table", "host/sandbox/tests", "tests/tests"] {
        files(&root().join(folder), ".rs").iter().for_each(|file| tests.push_str(&read(file)));
    }
    for file in files(&root().join("host/attacks/guests"), ".wat") {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(tests.contains(&format!("\"{name}\"")), "no test runs `{name}`");
    }
}

#[test]
fn every_example_has_a_readme_and_is_run_by_a_test() {
    let tests: String =
        files(&root().join("tests/tests"), ".rs").iter().map(|file| read(file)).collect();
    for name in
        ["hello", "dependency-report", "diamond", "hot-swap", "nightly", "sources", "polyglot"]
    {
        assert!(root().join("examples").join(name).join("README.md").exists(), "{name}");
        assert!(tests.contains(&format!("examples/{name}")), "no test runs `{name}`");
    }
}

#[test]
fn the_statuses_of_a_run_are_the_same_in_rust_and_in_postgres() {
    let schema = read(&root().join("migrations/0001_start.sql"));
    let line = schema.lines().find(|line| line.starts_with("create type run_status")).unwrap();
    let listed = line.split('(').nth(1).unwrap().trim_end_matches(");");
    let listed: Vec<&str> = listed.split(", ").map(|text| text.trim_matches('\'')).collect();
    let known: Vec<&str> = model::RunStatus::ALL.iter().map(|status| status.as_str()).collect();
    assert_eq!(listed, known);
}

#[test]
fn a_run_moves_only_forward() {
    let mut table: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for from in model::RunStatus::ALL {
        let next = model::RunStatus::ALL.iter().filter(|to| from.may_become(**to));
        table.insert(from.as_str(), next.map(|to| to.as_str()).collect());
    }
    assert_eq!(table["queued"], ["running", "completed", "failed", "cancelled"]);
    assert_eq!(table["running"], ["completed", "failed", "cancelled"]);
    for ended in ["completed", "failed", "cancelled"] {
        assert!(table[ended].is_empty(), "{ended}");
    }
}
