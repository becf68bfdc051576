//! Runs guests in one sandbox that all tests share.

use std::path::Path;
use std::sync::{Arc, OnceLock};

pub(crate) use attacks::{bare, module};
use model::{Digest, Failure, Input, Json, Limits, Memory, TaskContext, TenantId};
use sandbox::{Call, Compiled, CompilerCommand, Ended, Ports, Report, Sandbox, Settings, Stop};

pub(crate) const TENANT: TenantId = TenantId(1);

pub(crate) fn settings(artifacts: &Path) -> Settings {
    let compiler =
        CompilerCommand { program: env!("CARGO_BIN_EXE_sandbox-compile").into(), args: Vec::new() };
    Settings { slots: 8, compilers: 2, ..Settings::new(artifacts.to_owned(), [7; 32], compiler) }
}

/// The sandbox all tests share: what one guest does must not reach the others.
pub(crate) fn sandbox() -> Sandbox {
    static SANDBOX: OnceLock<(Sandbox, tempfile::TempDir)> = OnceLock::new();
    let shared = SANDBOX.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        (Sandbox::new(settings(folder.path())).unwrap(), folder)
    });
    shared.0.clone()
}

/// A guest, checked and compiled.
pub(crate) async fn load(name: &str) -> Arc<Compiled> {
    let sandbox = sandbox();
    let bytes = module(name);
    let inspection = sandbox.inspect(&bytes).unwrap();
    let component = inspection.component.to_vec();
    sandbox.load(TENANT, inspection.digest, || async { Some(component) }).await.unwrap()
}

pub(crate) fn context() -> TaskContext {
    TaskContext {
        tenant: "default".into(),
        run_id: "01890000-0000-7000-8000-000000000000".parse().unwrap(),
        flow: "order".parse().unwrap(),
        flow_version: 1,
        step: "ship".parse().unwrap(),
        handler: String::new(),
        index: 0,
        attempt: 1,
        max_attempts: 3,
        phase: String::new(),
        phase_number: 0,
        compensates: false,
        traceparent: None,
        memory: Memory::default(),
    }
}

/// A call that has time enough on a busy machine.
pub(crate) fn call() -> Call {
    Call {
        input: Input::Flow(Json::trusted(r#"{"n":1}"#)),
        context: context(),
        flow_input: None,
        limits: Limits { timeout_ms: 10_000, ..Limits::default() },
        stop: Stop::new(),
        ports: Ports::default(),
    }
}

/// Runs a guest, then proves that the same sandbox still serves a good one.
pub(crate) async fn run(name: &str, call: Call) -> Report {
    let guest = load(name).await;
    let report = sandbox().call(&guest, call).await;
    let good = load("good").await;
    let after = sandbox().call(&good, self::call()).await;
    assert_eq!(after.ended, Ended::Answered(r#"{"ok":true}"#.into()), "after `{name}`");
    report
}

/// Runs a guest with limits of its own.
pub(crate) async fn run_within(name: &str, limits: Limits) -> Report {
    run(name, Call { limits, ..call() }).await
}

/// The failure an attempt ended in.
pub(crate) fn failure(report: &Report) -> &Failure {
    let Ended::Failed(failure) = &report.ended else {
        panic!("it did not fail: {:?}", report.ended)
    };
    failure
}

/// The answer an attempt gave.
pub(crate) fn answer(report: &Report) -> &str {
    let Ended::Answered(text) = &report.ended else {
        panic!("it did not answer: {:?}", report.ended)
    };
    text
}

/// The digest of a guest's upload.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}
