//! What handlers cost in each language: that it is measured, not how much it is; and the demo, which shows all of them.

use serde_json::Value;
use stepcell_tests::guests::root;

use crate::{said, stepcell};

#[test]
fn the_bench_of_languages_answers_every_figure() {
    let mut bench = stepcell(&root());
    let done = bench.args(["bench", "--languages=c,js-source", "--json"]).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let figures: Value = serde_json::from_slice(&done.stdout).unwrap();
    for pointer in [
        "/languages/0/bytes",
        "/languages/0/build_ms/first",
        "/languages/0/build_ms/edited",
        "/languages/0/build_ms/unchanged",
        "/languages/0/compile_ms",
        "/languages/0/code_bytes",
        "/languages/0/call_us",
        "/languages/0/fuel",
        "/languages/0/peak_memory_bytes",
        "/languages/1/call_us",
        "/languages/1/compile_ms",
        "/runtimes/0/bytes",
        "/runtimes/0/compile_ms",
        "/runtimes/0/code_bytes",
    ] {
        let figure = figures.pointer(pointer).and_then(Value::as_f64);
        assert!(figure.is_some_and(|figure| figure > 0.0), "{pointer}: {figures:#}");
    }
    let unknown = stepcell(&root()).args(["bench", "--languages=cobol"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{}", said(&unknown));
}

#[test]
fn the_demo_shows_a_flow_in_five_languages_and_sources() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = stepcell(&root());
    let done = demo.arg("--data-dir").arg(folder.path().join("d")).arg("demo").output().unwrap();
    let text = said(&done);
    assert!(done.status.success(), "{text}");
    for part in ["hello", "For Ada:", "\"word\":\"the\"", "1157 requests of about 184 visitors"] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    assert!(!text.contains("skipped `"), "{text}");
}
