//! WASI is there for the languages that need it, and grants nothing.

use model::log::LogSource;
use model::{FailureKind, Limits};
use sandbox::{Call, Ports};

use crate::harness::{answer, call, failure, load, module, run, run_within, sandbox};

#[tokio::test]
async fn what_a_guest_prints_is_in_its_log_line_by_line() {
    let report = run("wasi_prints", call()).await;
    assert_eq!(answer(&report), r#"{"ok":true}"#);
    let lines: Vec<_> =
        report.log.iter().map(|line| (line.source, line.message.as_str())).collect();
    assert_eq!(lines, [(LogSource::Stdout, "one"), (LogSource::Stdout, "two")]);
}

#[tokio::test]
async fn a_guest_sees_no_environment_no_arguments_and_no_folders() {
    let report = run("wasi_looks_around", call()).await;
    assert_eq!(answer(&report), "[0,0,0]");
}

#[tokio::test]
async fn a_guest_that_was_granted_a_scratch_folder_sees_that_one() {
    let ports = Ports { scratch_bytes: Some(4_096), ..Ports::default() };
    let report = run("wasi_looks_around", Call { ports, ..call() }).await;
    assert_eq!(answer(&report), "[0,0,1]");
}

#[tokio::test]
async fn a_guest_that_has_the_host_wait_times_out() {
    let report = run_within("wasi_sleeps", Limits { timeout_ms: 100, ..Limits::default() }).await;
    assert_eq!(failure(&report).kind, FailureKind::Timeout);
}

#[tokio::test]
async fn a_guest_that_keeps_every_handle_is_stopped_at_the_cap() {
    let report = run("wasi_leaks_handles", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::Trap);
    let receipt = report.receipt;
    assert!(receipt.host_calls < 2_000, "{} calls", receipt.host_calls);
    assert!(receipt.fuel >= receipt.host_calls * 200, "{} fuel", receipt.fuel);
}

#[tokio::test]
async fn calls_of_wasi_cost_what_calls_into_the_host_cost() {
    let limits = Limits { fuel: 1_000_000, ..Limits::default() };
    let report = run_within("wasi_call_flood", limits).await;
    assert_eq!(failure(&report).kind, FailureKind::OutOfFuel);
    let receipt = report.receipt;
    assert!(receipt.host_calls <= 1_000_000 / 200 + 1, "{} calls", receipt.host_calls);
    assert_eq!(receipt.fuel, 1_000_000);
}

#[tokio::test]
async fn a_guest_that_exits_has_not_answered() {
    let report = run("wasi_exits", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::Trap);
    assert!(failure(&report).message.contains("exited with status 1"));
}

#[tokio::test]
async fn random_bytes_are_capped() {
    let report = run("wasi_random_giant", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::Trap);
}

#[tokio::test]
async fn a_component_that_can_only_print_is_pure() {
    assert!(load("wasi_prints").await.pure);
    let inspection = sandbox().inspect(&module("wasi_prints")).unwrap();
    assert!(inspection.report.pure);
    assert!(
        inspection.report.imports.iter().any(|import| import.name.starts_with("wasi:cli/stdout"))
    );
}

#[tokio::test]
async fn a_guest_gets_no_socket_and_no_name_looked_up() {
    let report = run("wasi_network", call()).await;
    assert_eq!(answer(&report), r#"{"ok":true}"#);
    assert!(!load("wasi_network").await.pure);
}
