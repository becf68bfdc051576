//! The measurement measures, and only what answers.

use sandbox::bench::{BenchError, measure};

use crate::harness::{call, module, sandbox};

#[tokio::test]
async fn every_way_of_calling_is_measured() {
    let figures = measure(&sandbox(), &module("echo"), &call(), 60).await.unwrap();
    assert_eq!(figures.calls, 100);
    let all = [
        figures.bare,
        figures.sandbox,
        figures.without_fuel,
        figures.without_epoch,
        figures.without_both,
    ];
    assert!(all.iter().all(|time| !time.is_zero()), "{figures:?}");
    assert!(figures.ratio() > 0.0);
}

#[tokio::test]
async fn a_handler_that_does_not_answer_is_not_measured() {
    for guest in ["trap_division", "handler_error"] {
        let error = measure(&sandbox(), &module(guest), &call(), 1).await.unwrap_err();
        assert!(matches!(error, BenchError::NoAnswer(_)), "{error}");
    }
}
