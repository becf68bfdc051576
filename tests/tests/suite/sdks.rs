//! The SDKs are written by hand, so that they feel native; what the WIT has, each of them has.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use model::manifest::Manifest;
use serde_json::json;
use stepcell_tests::guests::root;
use wit_parser::{Resolve, TypeDefKind};

use crate::architecture::files;

struct Sdk {
    /// Where it is.
    folder: &'static str,
    /// Its files end like this.
    ends: &'static [&'static str],
    /// What goes by another name in it: the name in the WIT, and what stands for it.
    renamed: &'static [(&'static str, &'static str)],
}

const SDKS: &[Sdk] = &[
    Sdk { folder: "src", ends: &[".rs"], renamed: &[] },
    // Whatever is no `deps` is handed on as it is.
    Sdk { folder: "js", ends: &[".js", ".d.ts"], renamed: &[("element", "deps")] },
    Sdk {
        folder: "js",
        ends: &[".d.ts"],
        renamed: &[
            ("task", "Context"),
            ("write", "log"),
            ("send", "fetch"),
            ("list-keys", "list"),
            ("now-ms", "performance"),
            ("random-bytes", "getRandomValues"),
            // What a handler is given.
            ("deps", "Input"),
            ("element", "Input"),
            // What was refused is told in a sentence.
            ("denied", "HandlerError"),
            ("invalid", "HandlerError"),
            ("too-large", "HandlerError"),
            ("too-many", "HandlerError"),
            ("full", "HandlerError"),
            ("lost-claim", "HandlerError"),
            ("refused-address", "HandlerError"),
            ("dns", "HandlerError"),
            ("connect", "HandlerError"),
            ("tls", "HandlerError"),
            ("dependency-unavailable", "HandlerError"),
            ("other", "HandlerError"),
        ],
    },
    Sdk { folder: "python/stepcell", ends: &[".py"], renamed: &[("deps", "Input_Deps")] },
    Sdk { folder: "c", ends: &[".h"], renamed: &[("deps", "join"), ("for-ms", "sleep")] },
    Sdk {
        folder: "go",
        ends: &[".go"],
        // A `time.Duration` of the language's own.
        renamed: &[
            ("retry-after-ms", "RetryAfter"),
            ("after-ms", "After"),
            ("for-ms", "Sleep"),
            ("write", "Log"),
        ],
    },
];

/// What comes before a name in C.
const PREFIXES: [&str; 5] =
    ["stepcellfetch", "stepcellstore", "stepcellkv", "stepcellhost", "stepcell"];

/// A name without what languages write differently: `run-id`, `RunID`, `runId` and `run_id` are one.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Every name that handlers may come across: functions, fields of records, cases of enums and variants.
fn names() -> BTreeSet<String> {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).unwrap();
    let mut names = BTreeSet::new();
    for (_, interface) in resolve.interfaces.iter() {
        // What runtimes alone are given.
        if interface.name.as_deref() == Some("source") {
            continue;
        }
        names.extend(interface.functions.keys().cloned());
        for id in interface.types.values() {
            let kind = &resolve.types[*id].kind;
            if let TypeDefKind::Record(it) = kind {
                names.extend(it.fields.iter().map(|one| one.name.clone()));
            } else if let TypeDefKind::Enum(it) = kind {
                names.extend(it.cases.iter().map(|one| one.name.clone()));
            } else if let TypeDefKind::Variant(it) = kind {
                names.extend(it.cases.iter().map(|one| one.name.clone()));
            } else {
                assert!(
                    matches!(kind, TypeDefKind::Type(_)),
                    "nobody looks into a {}",
                    kind.as_str()
                );
            }
        }
    }
    names
}

/// Every name in the code of an SDK, without those that only its comments have.
fn words(folder: &Path, ends: &[&str]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for file in ends.iter().flat_map(|end| files(folder, end)) {
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with(['/', '*', '#']));
        let is_of_none = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
        for word in code.flat_map(|line| line.split(is_of_none)).map(bare) {
            let parts = PREFIXES.iter().filter_map(|prefix| word.strip_prefix(prefix));
            words.extend(parts.map(str::to_owned));
            words.insert(word);
        }
    }
    words
}

#[test]
fn every_sdk_has_the_names_of_the_wit() {
    let names = names();
    assert!(names.len() > 70 && names.contains("idempotency-key"), "{names:?}");
    for Sdk { folder, ends, renamed } in SDKS {
        let words = words(&root().join("guest-sdk").join(folder), ends);
        let known = |name: &str| words.contains(&bare(name));
        for (name, stands_for_it) in *renamed {
            assert!(!known(name), "`{folder}` has `{name}` under its own name");
            assert!(known(stands_for_it), "`{folder}` has no `{stands_for_it}`");
        }
        let renamed: BTreeSet<_> = renamed.iter().map(|(name, _)| *name).collect();
        let missing: Vec<_> =
            names.iter().filter(|name| !known(name) && !renamed.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "`{folder}` {ends:?} has nothing of {missing:?}");
    }
}

/// Every field that a flow can have, as the host says where it meets one that it does not know.
fn fields() -> BTreeSet<String> {
    const UNKNOWN: &str = "zzzzzzzzzz";
    let table = || json!({ UNKNOWN: 1 });
    let manifest = json!({
        UNKNOWN: 1,
        "flow": "f",
        "defaults": table(),
        "rate_limit": [table()],
        "step": [
            { UNKNOWN: 1, "name": "a", "component": "c", "backoff": table(), "grants": { UNKNOWN: 1, "secrets": [table()] } },
            { "name": "b", "component": "c", "concurrency": table(), "rate_limit": table() },
            { "name": "c", "builtin": { "http": table() } },
            { "name": "d", "builtin": table() },
        ],
    });
    let problems = Manifest::from_json(manifest.to_string().as_bytes()).unwrap_err().problems;
    let said: Vec<_> =
        problems.iter().filter_map(|it| it.detail.split_once("; here belong ")).collect();
    assert_eq!(said.len(), 11, "{said:#?}");
    let listed = said.iter().flat_map(|(_, fields)| fields.split('`').skip(1).step_by(2));
    listed.map(str::to_owned).collect()
}

/// The members of the types in a file: what is at the beginning of a line, or within braces, before a colon.
fn members(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("guest-sdk").join(file)).unwrap();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']) && !line.contains("\"\"\""));
    let code: Vec<&str> = code.collect();
    let parts = code.iter().flat_map(|line| line.split(['{', ';', ',', '|']));
    let before = parts
        .filter_map(|part| part.split_once(':'))
        .map(|(name, _)| name.trim().trim_end_matches('?'));
    let is_name =
        |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !name.is_empty();
    before.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn the_types_of_a_flow_have_the_fields_that_the_host_knows() {
    let fields = fields();
    for file in ["js/flow.d.ts", "python/stepcell/_flow.py"] {
        assert_eq!(members(file), fields, "`{file}`");
    }
}
