//! A guest that breaks the canonical ABI is stopped at the line and hurts nobody.

use model::FailureKind;

use crate::harness::{answer, call, failure, run};

#[tokio::test]
async fn every_broken_answer_is_an_abi_violation() {
    let guests = [
        "result_out_of_bounds",
        "result_wraps",
        "result_pointer_out_of_bounds",
        "result_pointer_unaligned",
        "result_bad_case",
        "result_not_utf8",
        "realloc_out_of_bounds",
        "log_out_of_bounds",
        "log_giant",
    ];
    for guest in guests {
        let report = run(guest, call()).await;
        assert_eq!(failure(&report).kind, FailureKind::AbiViolation, "{guest}");
        assert!(!failure(&report).message.is_empty(), "{guest}");
    }
}

#[tokio::test]
async fn an_answer_may_lie_where_the_input_lies() {
    let report = run("echo", call()).await;
    assert_eq!(answer(&report), r#"{"n":1}"#);
}

#[tokio::test]
async fn an_answer_that_overlaps_itself_is_only_text() {
    let report = run("result_overlaps_itself", call()).await;
    assert_eq!(answer(&report).len(), 16);
}

#[tokio::test]
async fn a_log_record_keeps_its_fields_and_says_when_they_were_dropped() {
    let report = run("log_a_little", call()).await;
    assert_eq!(report.log.len(), 2);
    assert_eq!(report.log[0].message, "hello\u{fffd}");
    assert_eq!(report.log[0].fields.as_ref().unwrap().as_str(), r#"{"n":1}"#);
    assert!(report.log[1].message.starts_with("hello (its fields were dropped"));
    assert!(report.log[1].fields.is_none());
}
