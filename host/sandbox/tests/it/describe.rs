//! A component may say what it carries, within a budget of its own.

use model::FailureKind;

use crate::harness::{load, sandbox};

#[tokio::test]
async fn a_component_says_what_it_carries() {
    let guest = load("describes").await;
    let text = sandbox().describe(&guest).await.unwrap();
    assert_eq!(text.as_deref(), Some(r#"{"handlers":[]}"#));
}

#[tokio::test]
async fn a_component_without_describe_says_nothing() {
    let guest = load("good").await;
    assert_eq!(sandbox().describe(&guest).await.unwrap(), None);
}

#[tokio::test]
async fn a_component_that_never_stops_describing_is_stopped() {
    let guest = load("describe_loops").await;
    let failure = sandbox().describe(&guest).await.unwrap_err();
    assert!([FailureKind::OutOfFuel, FailureKind::Timeout].contains(&failure.kind), "{failure}");
}
