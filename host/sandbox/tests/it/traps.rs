//! Traps are told apart, and handler errors keep what the handler said.

use model::{FailureKind, HandlerErrorKind};

use crate::harness::{answer, call, failure, run};

async fn trap(guest: &str) -> String {
    let report = run(guest, call()).await;
    let failure = failure(&report);
    assert_eq!(failure.kind, FailureKind::Trap, "{guest}");
    failure.message.clone()
}

#[tokio::test]
async fn each_trap_says_which_it_is() {
    assert!(trap("trap_unreachable").await.contains("unreachable"));
    assert!(trap("trap_division").await.contains("divide by zero"));
    assert!(trap("trap_out_of_bounds").await.contains("out of bounds memory"));
    assert!(trap("trap_null_call").await.contains("uninitialized element"));
}

#[tokio::test]
async fn a_trap_names_the_function_it_happened_in() {
    assert!(trap("trap_unreachable").await.ends_with("in `deep_inside`"));
}

#[tokio::test]
async fn a_trap_while_the_instance_is_made_is_a_trap_too() {
    assert!(trap("trap_in_start").await.contains("unreachable"));
    assert!(trap("trap_data_out_of_bounds").await.contains("out of bounds memory"));
}

#[tokio::test]
async fn a_handler_error_keeps_kind_message_details_and_hints() {
    let report = run("handler_error", call()).await;
    let failure = failure(&report);
    assert_eq!(failure.kind, FailureKind::HandlerError(HandlerErrorKind::Dependency));
    assert_eq!(failure.message, "no stock!");
    assert_eq!(failure.details.as_ref().unwrap().as_str(), r#"{"sku":7}"#);
    assert_eq!((failure.retry.retry, failure.retry.retry_after_ms), (Some(false), Some(1_500)));
}

#[tokio::test]
async fn details_that_are_not_json_are_dropped_and_the_message_says_so() {
    let report = run("handler_error_bad_details", call()).await;
    let failure = failure(&report);
    assert_eq!(failure.kind, FailureKind::HandlerError(HandlerErrorKind::Validation));
    assert!(failure.message.starts_with("no stock! (its details were dropped"));
    assert!(failure.details.is_none());
}

#[tokio::test]
async fn a_nan_has_the_same_bits_everywhere() {
    let report = run("float_nan", call()).await;
    // 0x7fc00000 in octal digits from the lowest, each plus one.
    assert_eq!(answer(&report), "11111117882");
}
