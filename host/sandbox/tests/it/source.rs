//! A source is what a runtime makes of it, and neither of them is believed.

use std::sync::Arc;

use model::{Capability, Digest, Failure, FailureKind, Json, TenantId};
use sandbox::{Compiled, Ended, Executable, Prepared, Report, Source, SourceProblem, Unprepared};
use tokio::sync::OnceCell;

use crate::harness::{TENANT, call, failure, module, sandbox};

/// The hand-written runtime, installed.
async fn runtime() -> Arc<Compiled> {
    static RUNTIME: OnceCell<Arc<Compiled>> = OnceCell::const_new();
    let install = async || {
        let bytes = module("runtime");
        let inspection = sandbox().inspect_runtime(&bytes).unwrap();
        let component = inspection.component.to_vec();
        let code = async || Some(component);
        sandbox().load(TenantId::HOST, inspection.digest, code).await.unwrap()
    };
    RUNTIME.get_or_init(install).await.clone()
}

/// What the runtime makes of a source.
async fn prepare(text: &str) -> Result<Prepared, Unprepared> {
    let of = (TENANT, Digest::of(text.as_bytes()));
    let prepared = sandbox().prepare(&runtime().await, of, text).await.0;
    let good = sandbox().prepare(&runtime().await, of, "a good one").await.0;
    assert_eq!(good.unwrap().program, "a good one", "after `{text}`");
    prepared
}

/// The one problem that a source has.
async fn problem(text: &str) -> SourceProblem {
    let Err(Unprepared::Problems(mut problems)) = prepare(text).await else {
        panic!("`{text}` has no problem")
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// A source of a tenant, as it is called.
async fn bind(tenant: TenantId, program: &str, optional: bool) -> Arc<Compiled> {
    let source = Source {
        runtime: runtime().await,
        program: program.into(),
        on_error: optional,
        compensate: optional,
    };
    let digest = Digest::of(format!("{optional}{program}").as_bytes());
    let code = async || Some(Executable::Source(source));
    sandbox().load(tenant, digest, code).await.unwrap()
}

async fn ended(source: &Arc<Compiled>) -> Report {
    sandbox().call(source, call()).await
}

#[tokio::test]
async fn what_a_runtime_makes_of_a_source_is_read() {
    let Prepared { program, description, capabilities, on_error, compensate } =
        prepare("both").await.unwrap();
    assert_eq!((program.as_str(), description.as_str()), ("both", r#"{"handlers":[]}"#));
    assert_eq!((capabilities, on_error, compensate), (vec![], true, true));
    let asked = prepare("capabilities").await.unwrap().capabilities;
    assert_eq!(asked, [Capability::Fetch, Capability::KeyValue], "each once");
}

#[tokio::test]
async fn a_runtime_that_answers_what_cannot_be_is_not_believed() {
    for (source, said) in [
        ("program", "what is to be run has 1048577 bytes, the limit is 1048576"),
        ("description", "what it says of itself has 262145 bytes, the limit is 262144"),
        ("says", "what it says of itself is not usable"),
        ("zero", "what is to be run has a NUL character"),
        ("root", "`root` is no capability"),
    ] {
        let SourceProblem { line, message, .. } = problem(source).await;
        assert_eq!((line, message.contains(said)), (0, true), "{message}");
    }
}

#[tokio::test]
async fn a_source_is_told_why_its_runtime_gave_no_answer() {
    for (source, kind) in [("trap", "(trap)"), ("into nowhere", "(abi_violation)")] {
        let SourceProblem { message, .. } = problem(source).await;
        assert!(message.contains(kind) && message.contains("top-level"), "{message}");
    }
}

#[tokio::test]
async fn problems_without_end_are_cut_in_their_number_and_their_length() {
    let Err(Unprepared::Problems(many)) = prepare("many").await else { panic!("it has none") };
    assert_eq!((many.len(), many[99].to_string().as_str()), (100, "line 7, column 3: mmmmm"));
    for long in ["words", "no such capability"] {
        let message = problem(long).await.message;
        assert!(message.len() < 5_000 && message.ends_with('…'), "{} bytes", message.len());
    }
    // One message in the guest, a hundred thousand in the host: refused before they are copied.
    let message = problem("giant").await.message;
    assert!(message.contains("top-level"), "{message}");
}

#[tokio::test]
async fn each_attempt_of_a_source_has_its_own_program_in_an_instance_of_its_own() {
    let (mine, yours) = (bind(TENANT, "1", false).await, bind(TenantId(2), "\"2\"", false).await);
    for _ in 0..3 {
        assert_eq!(ended(&mine).await.ended, Ended::Answered("1".into()));
        assert_eq!(ended(&yours).await.ended, Ended::Answered("\"2\"".into()));
    }
}

#[tokio::test]
async fn only_what_a_source_has_is_called() {
    let (plain, whole) = (bind(TENANT, "4", false).await, bind(TENANT, "4", true).await);
    let failed = Failure::new(FailureKind::Trap, "it trapped");
    let output = Json::trusted("4");
    assert!(sandbox().call_on_error(&plain, call(), &failed).await.is_none());
    assert!(sandbox().call_compensate(&plain, call(), &output).await.is_none());
    assert!(sandbox().call_on_error(&whole, call(), &failed).await.is_some());
    assert!(sandbox().call_compensate(&whole, call(), &output).await.is_some());
}

#[tokio::test]
async fn a_component_that_reads_a_program_is_refused_as_an_upload() {
    let reasons = sandbox().inspect(&module("runtime")).unwrap_err();
    assert!(reasons.iter().any(|reason| reason.detail.contains("source")), "{reasons:?}");
    let reasons = sandbox().inspect_runtime(&module("good")).unwrap_err();
    assert!(reasons.iter().any(|reason| reason.detail.contains("prepare")), "{reasons:?}");
}

#[tokio::test]
async fn a_runtime_called_without_a_source_fails() {
    let unbound = ended(&runtime().await).await;
    assert!(failure(&unbound).message.contains("none is bound"), "{unbound:?}");
}
