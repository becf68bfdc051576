//! What four systems promise, sentence by sentence, held by Stepcell; `docs/promises.md` is the same for people.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod flunq;
mod gen_durable;
mod jido_exec;
mod pgflow;
mod table;

use std::collections::BTreeSet;
use std::fs;

use stepcell_tests::guests::root;
use table::Table;

const TABLES: [&Table; 4] =
    [&pgflow::PGFLOW, &gen_durable::GEN_DURABLE, &jido_exec::JIDO_EXEC, &flunq::FLUNQ];

/// The rows of the page's tables: the sentence, where it comes from, and the test that holds it.
fn page() -> Vec<[String; 3]> {
    let page = fs::read_to_string(root().join("docs/promises.md")).unwrap();
    let cells = |line: &str| {
        let line = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let cells: Vec<String> = line.split(" | ").map(str::to_owned).collect();
        <[String; 3]>::try_from(cells).ok()
    };
    page.lines().filter_map(cells).filter(|[says, ..]| says != "promise").collect()
}

#[test]
fn the_page_has_every_sentence_of_the_tables_and_no_other() {
    let on_page: Vec<(String, String)> = page()
        .into_iter()
        .filter(|[_, _, test]| test.starts_with("`seeds::"))
        .map(|[says, _, test]| (test, says))
        .collect();
    let in_tables = TABLES.iter().flat_map(|table| {
        let test = format!("`seeds::{}`", table.name);
        table.rows.iter().map(move |row| (test.clone(), row.says.to_owned()))
    });
    let in_tables: BTreeSet<_> = in_tables.collect();
    let rows: usize = TABLES.iter().map(|table| table.rows.len()).sum();
    assert_eq!(in_tables.len(), rows, "a sentence is there twice");
    assert_eq!(on_page.len(), rows, "the page has a sentence twice, or not all of them");
    let on_page: BTreeSet<_> = on_page.into_iter().collect();
    let missing: Vec<_> = in_tables.difference(&on_page).collect();
    let unknown: Vec<_> = on_page.difference(&in_tables).collect();
    assert!(missing.is_empty(), "not in docs/promises.md: {missing:#?}");
    assert!(unknown.is_empty(), "docs/promises.md says what no row does: {unknown:#?}");
}

#[test]
fn every_test_and_every_origin_that_the_page_names_is_there() {
    for [says, origin, test] in page() {
        assert!(!origin.trim().is_empty(), "{says}: where does it come from?");
        let Some(path) = test.strip_prefix("`suite::").and_then(|test| test.strip_suffix('`'))
        else {
            assert!(test.starts_with("`seeds::"), "{says}: which test holds it?");
            continue;
        };
        let (module, name) = path.split_once("::").unwrap();
        let file = root().join(format!("tests/tests/suite/{module}.rs"));
        let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert!(text.contains(&format!("fn {name}(")), "{says}: there is no test `{path}`");
    }
}
