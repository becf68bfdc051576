//! The bench, tiny: that it measures, not how fast Stepcell is.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use stepcell_tests::guests::root;
use stepcell_tests::host::binary;

use crate::command_line::answer;

const POINTERS_OF_TENANTS: [&str; 7] = [
    "/crowd/done/median",
    "/crowd/steps_per_second/together",
    "/crowd/steps_per_second/alone",
    "/flood/neighbour_ms/quiet/p99",
    "/flood/neighbour_ms/flooded/p99",
    "/flood/neighbour_runs",
    "/flood/fuel_per_minute/quota",
];

/// The bench with a folder of its own, in the project's folder.
fn bench(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(root()).arg("--data-dir").arg(folder).arg("bench").args(arguments);
    command.args(["--runs", "20", "--rounds", "1"]);
    command
}

fn is_positive(figures: &Value, pointer: &str) {
    let figure = figures.pointer(pointer).and_then(Value::as_f64);
    assert!(figure.is_some_and(|figure| figure > 0.0), "{pointer}: {figures:#}");
}

#[test]
fn the_bench_of_durable_flows_answers_every_figure_beside_its_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--durable", "--wakes", "3", "--timers", "20", "--width", "5", "--parked", "50"];
    let done = bench(folder.path(), &small).arg("--json").output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let figures = answer(&done);
    for pointer in [
        "/wake_ups/wake_ms/p50",
        "/wake_ups/start_ms/p50",
        "/timers/late_ms/max",
        "/timers/steps_per_second",
        "/timers/baseline_steps_per_second",
        "/shapes/steps_per_second/linear",
        "/shapes/steps_per_second/map",
        "/shapes/steps_per_second/chain",
        "/parked/steps_per_second/none",
        "/parked/steps_per_second/parked",
        "/parked/claims/none/claim_ms/p50",
        "/parked/claims/parked/claim_ms/p50",
        "/parked/wake_ms/parked/p50",
        "/parked/bytes_each",
    ] {
        is_positive(&figures, pointer);
    }
    let again = bench(folder.path(), &small).output().unwrap();
    assert!(again.status.success(), "{again:?}");
    let table = String::from_utf8_lossy(&again.stdout);
    assert!(table.starts_with("| what | Stepcell | beside it |\n|---|---|---|\n"), "{table}");
    assert!(table.lines().skip(2).all(|line| line.matches(" | ").count() == 2), "{table}");
}

#[test]
fn the_bench_of_tenants_answers_every_figure_beside_its_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--tenants", "--crowd", "20", "--loops", "30", "--flood", "1s", "--json"];
    let done = bench(folder.path(), &small).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let figures = answer(&done);
    for pointer in POINTERS_OF_TENANTS {
        is_positive(&figures, pointer);
    }
}

#[test]
fn the_bench_of_the_rest_answers_every_figure_beside_its_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let done = bench(folder.path(), &["--json"]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let figures = answer(&done);
    for pointer in ["/sandbox_us/bare", "/idle_us/commit_p50", "/steps_per_second/floor"] {
        is_positive(&figures, pointer);
    }
}
