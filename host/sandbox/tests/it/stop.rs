//! An attempt can be stopped from outside, wherever it is.

use std::pin::pin;
use std::time::Duration;

use model::{Json, Limits};
use sandbox::{Call, Ended, Stop};
use tokio::time::timeout;

use crate::harness::{answer, call, load, run, sandbox};

/// Cancels an attempt that is under way.
async fn stopped(guest: &str, limits: Limits) -> sandbox::Report {
    let guest = load(guest).await;
    let stop = Stop::new();
    let sandbox = sandbox();
    let mut attempt = pin!(sandbox.call(&guest, Call { stop: stop.clone(), limits, ..call() }));
    let early = timeout(Duration::from_millis(50), &mut attempt).await;
    assert!(early.is_err(), "it ended by itself: {early:?}");
    stop.cancel();
    attempt.await
}

#[tokio::test]
async fn a_guest_that_loops_is_cancelled_within_ticks() {
    let limits = Limits { timeout_ms: 60_000, fuel: 1_000_000_000_000, ..Limits::default() };
    let report = stopped("loop_in_handle", limits).await;
    assert_eq!(report.ended, Ended::Cancelled);
    assert!(report.receipt.wall_us < 5_000_000, "it took {} us", report.receipt.wall_us);
    assert!(report.receipt.fuel >= 50_000_000);
}

#[tokio::test]
async fn a_guest_the_host_waits_for_is_cancelled_at_once() {
    let limits = Limits { timeout_ms: 60_000, ..Limits::default() };
    let report = stopped("wasi_sleeps", limits).await;
    assert_eq!(report.ended, Ended::Cancelled);
    assert!(report.receipt.wall_us < 5_000_000, "it took {} us", report.receipt.wall_us);
}

#[tokio::test]
async fn an_attempt_cancelled_before_it_began_never_runs() {
    let stop = Stop::new();
    stop.cancel();
    let report = run("loop_in_handle", Call { stop, ..call() }).await;
    assert_eq!(report.ended, Ended::Cancelled);
}

#[tokio::test]
async fn dropping_the_call_frees_its_slot() {
    let guest = load("loop_in_handle").await;
    let folder = tempfile::tempdir().unwrap();
    let settings = sandbox::Settings { slots: 1, ..crate::harness::settings(folder.path()) };
    let small = sandbox::Sandbox::new(settings).unwrap();
    let bytes = crate::harness::module("loop_in_handle");
    let own = small.load(guest.tenant, guest.digest, || async { Some(bytes) }).await.unwrap();
    let endless = small.call(&own, call());
    assert!(timeout(Duration::from_millis(50), endless).await.is_err());
    assert_eq!(small.free_slots(), 1);
}

#[tokio::test]
async fn the_flow_input_is_there_for_a_guest_that_asks() {
    let flow_input = Some(Json::trusted(r#"{"from":"the start"}"#));
    let report = run("flow_input", Call { flow_input, ..call() }).await;
    assert_eq!(answer(&report), r#"{"from":"the start"}"#);
    assert_eq!(report.receipt.host_calls, 1);
}
