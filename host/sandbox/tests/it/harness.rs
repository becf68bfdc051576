//! Turns guests written as text into components and runs them in one sandbox that all tests share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use model::{Digest, Failure, Input, Json, Limits, Memory, TaskContext, TenantId};
use sandbox::{Call, Compiled, CompilerCommand, Ended, Ports, Report, Sandbox, Settings, Stop};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub(crate) const TENANT: TenantId = TenantId(1);

/// The worlds guests are written for.
const WORLDS: &str = "package test:guests;
    world handler { include stepcell:handler/handler@0.1.0; }
    world durable { include stepcell:handler/durable@0.1.0; }
    world describes { include stepcell:handler/handler@0.1.0; export describe: func() -> string; }
    world wasi {
        include stepcell:handler/handler@0.1.0;
        import wasi:cli/stdout@0.2.12;
        import wasi:cli/environment@0.2.12;
        import wasi:cli/exit@0.2.12;
        import wasi:clocks/monotonic-clock@0.2.12;
        import wasi:filesystem/preopens@0.2.12;
        import wasi:random/random@0.2.12;
        import wasi:sockets/instance-network@0.2.12;
        import wasi:sockets/ip-name-lookup@0.2.12;
        import wasi:sockets/tcp-create-socket@0.2.12;
    }";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A guest's core module, without any information about components.
pub(crate) fn bare(name: &str) -> Vec<u8> {
    wat::parse_file(root().join("tests/guests").join(format!("{name}.wat"))).unwrap()
}

/// A guest's core module as a toolchain would write it: with the world it targets.
pub(crate) fn module(name: &str) -> Vec<u8> {
    let world = if name.starts_with("wasi_") {
        "wasi"
    } else if name.starts_with("describe") {
        "describes"
    } else if name == "durable" {
        "durable"
    } else {
        "handler"
    };
    embed(bare(name), world)
}

fn embed(mut module: Vec<u8>, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    for name in ["io", "clocks", "random", "filesystem", "sockets", "cli"] {
        let path = root().join("host/sandbox/wasi").join(format!("{name}.wit"));
        resolve.push_str(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
    }
    resolve.push_dir(root().join("wit")).unwrap();
    let package = resolve.push_str("worlds.wit", WORLDS).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

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
