//! Every limit is reached by some guest, told apart from the others, and charged.

use model::{FailureKind, Input, Json, Limits};
use sandbox::{Call, Ended};

use crate::harness::{answer, call, failure, run, run_within};

fn brief() -> Limits {
    Limits { timeout_ms: 100, fuel: 1_000_000_000_000, ..Limits::default() }
}

async fn times_out(guest: &str) {
    let report = run_within(guest, brief()).await;
    let failure = failure(&report);
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.message, "task timed out after 100ms");
    assert!(report.receipt.wall_us >= 100_000);
    // A thousand fuel for each microsecond: the clock that stopped it cannot read its counter.
    assert!(report.receipt.fuel >= 100_000_000, "charged {} fuel", report.receipt.fuel);
}

#[tokio::test]
async fn a_loop_in_handle_times_out() {
    times_out("loop_in_handle").await;
}

#[tokio::test]
async fn a_loop_in_start_times_out() {
    times_out("loop_in_start").await;
}

#[tokio::test]
async fn a_loop_in_cabi_realloc_times_out() {
    times_out("loop_in_realloc").await;
}

#[tokio::test]
async fn a_loop_in_post_return_times_out_though_the_answer_was_there() {
    times_out("loop_in_post_return").await;
}

#[tokio::test]
async fn guests_that_loop_do_not_stop_the_timers_of_the_process() {
    let guest = crate::harness::load("loop_in_handle").await;
    let sandbox = crate::harness::sandbox();
    let calls = (0..3).map(|_| sandbox.call(&guest, Call { limits: brief(), ..call() }));
    let started = std::time::Instant::now();
    let timer = async {
        let never = std::future::pending::<()>();
        let _ = tokio::time::timeout(std::time::Duration::from_millis(20), never).await;
        started.elapsed()
    };
    let (late, reports) = tokio::join!(timer, futures_util::future::join_all(calls));
    assert!(late.as_millis() < 2_000, "a 20 ms timer took {late:?}");
    assert!(reports.iter().all(|report| failure(report).kind == FailureKind::Timeout));
}

#[tokio::test]
async fn a_loop_runs_out_of_fuel_when_the_clock_allows_more() {
    for guest in ["loop_in_handle", "loop_in_start", "loop_in_realloc", "loop_in_post_return"] {
        let limits = Limits { fuel: 10_000_000, timeout_ms: 30_000, ..Limits::default() };
        let report = run_within(guest, limits).await;
        assert_eq!(failure(&report).kind, FailureKind::OutOfFuel, "{guest}");
        assert_eq!(report.receipt.fuel, 10_000_000, "{guest}");
    }
}

#[tokio::test]
async fn the_same_call_uses_the_same_fuel_every_time() {
    let first = run("echo", call()).await;
    let second = run("echo", call()).await;
    assert!(first.receipt.fuel > 0);
    assert_eq!(first.receipt.fuel, second.receipt.fuel);
}

#[tokio::test]
async fn recursion_without_end_overflows_the_guests_stack_only() {
    let report = run("recursion", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::StackOverflow);
}

#[tokio::test]
async fn memory_that_is_refused_and_then_a_trap_is_memory_exceeded() {
    for guest in ["memory_growth", "memory_growth_whole"] {
        let report = run(guest, call()).await;
        assert_eq!(failure(&report).kind, FailureKind::MemoryExceeded, "{guest}");
        assert!(report.receipt.peak_memory_bytes <= 64 * 1024 * 1024, "{guest}");
    }
}

#[tokio::test]
async fn memory_that_was_refused_does_not_hide_another_failure() {
    for (guest, kind) in [
        ("memory_refused_then_division", FailureKind::Trap),
        ("memory_refused_then_bad_pointer", FailureKind::AbiViolation),
    ] {
        let report = run(guest, call()).await;
        assert_eq!(failure(&report).kind, kind, "{guest}: {report:?}");
    }
}

#[tokio::test]
async fn a_guest_may_live_with_memory_that_is_refused() {
    let report = run("memory_growth_survived", call()).await;
    assert_eq!(answer(&report), r#"{"ok":true}"#);
    let peak = report.receipt.peak_memory_bytes;
    assert!((60..=64).contains(&(peak / 1024 / 1024)), "peak was {peak} bytes");
}

#[tokio::test]
async fn memory_at_the_start_counts_like_any_other() {
    let report = run("memory_at_start", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::MemoryExceeded);
    let limits = Limits { memory_bytes: 256 * 1024 * 1024, ..call().limits };
    let report = run_within("memory_at_start", limits).await;
    assert_eq!(answer(&report), r#"{"ok":true}"#);
}

#[tokio::test]
async fn tables_cannot_grow_without_end() {
    let report = run("table_growth", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::MemoryExceeded);
}

#[tokio::test]
async fn an_answer_over_the_output_limit_is_too_large() {
    let report = run("result_over_limit", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::OutputTooLarge);
    assert_eq!(report.receipt.output_bytes, 300_000);
    let limits = Limits { output_bytes: 1024 * 1024, ..call().limits };
    let report = run_within("result_over_limit", limits).await;
    assert_eq!(answer(&report).len(), 300_000);
}

#[tokio::test]
async fn an_answer_over_what_the_host_copies_is_too_large() {
    let report = run("result_giant", call()).await;
    assert_eq!(failure(&report).kind, FailureKind::OutputTooLarge);
}

#[tokio::test]
async fn an_output_at_the_ceiling_passes() {
    let text = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
    let limits = Limits { output_bytes: Limits::CEILING.output_bytes, ..call().limits };
    let input = Input::Flow(Json::trusted(text.clone()));
    let report = run("echo", Call { input, limits, ..call() }).await;
    assert_eq!(answer(&report), text);
}

#[tokio::test]
async fn an_input_over_its_limit_never_reaches_the_guest() {
    let limits = Limits { input_bytes: 3, ..call().limits };
    let report = run_within("echo", limits).await;
    assert!(failure(&report).message.contains("the limit is 3"));
    assert_eq!((report.receipt.instantiate_us, report.receipt.fuel), (0, 0));
}

#[tokio::test]
async fn a_log_flood_ends_in_one_truncated_record_and_no_more_fuel() {
    let limits = Limits { fuel: 20_000_000, ..call().limits };
    let report = run_within("log_flood", limits).await;
    assert_eq!(failure(&report).kind, FailureKind::OutOfFuel);
    assert_eq!(report.log.len(), 1_001);
    assert!(report.log[1_000].message.starts_with("truncated"));
    assert_eq!(report.receipt.log_bytes, 29_000);
    assert!(report.receipt.host_calls > 1_000);
}

#[tokio::test]
async fn calls_into_the_host_have_a_price() {
    for guest in ["host_call_flood", "flow_input_flood"] {
        let flow_input = Some(Json::trusted(format!("\"{}\"", "x".repeat(100_000))));
        let limits = Limits { fuel: 20_000_000, ..call().limits };
        let report = run(guest, Call { limits, flow_input, ..call() }).await;
        assert_eq!(failure(&report).kind, FailureKind::OutOfFuel, "{guest}");
        assert!(report.receipt.host_calls < 100_000, "{guest}");
    }
}

#[tokio::test]
async fn an_attempt_that_answers_has_a_whole_receipt() {
    let report = run("echo", call()).await;
    let receipt = report.receipt;
    assert_eq!(report.ended, Ended::Answered(r#"{"n":1}"#.into()));
    assert_eq!((receipt.input_bytes, receipt.output_bytes), (7, 7));
    assert_eq!(receipt.peak_memory_bytes, 40 * 65_536);
    assert!(receipt.wall_us >= receipt.instantiate_us);
}

#[tokio::test]
async fn more_calls_than_slots_wait_and_none_fails() {
    let guest = crate::harness::load("good").await;
    let sandbox = crate::harness::sandbox();
    let calls = (0..100).map(|_| sandbox.call(&guest, call()));
    let reports = futures_util::future::join_all(calls).await;
    assert!(reports.iter().all(|report| answer(report) == r#"{"ok":true}"#));
}
