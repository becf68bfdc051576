//! Components are compiled once, in a child that can be killed, and only what was signed here is loaded.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use model::{Code, TenantId};
use sandbox::{CompileLimits, LoadError, Sandbox, Settings};

use crate::harness::{TENANT, answer, call, digest, module, settings};

async fn load(sandbox: &Sandbox, bytes: &[u8]) -> Result<(), LoadError> {
    let compiled = sandbox.load(TENANT, digest(bytes), || async { Some(bytes.to_vec()) }).await?;
    let report = sandbox.call(&compiled, call()).await;
    assert_eq!(answer(&report), r#"{"ok":true}"#);
    Ok(())
}

fn artifact(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    folder.join(format!("{}/{}.code", TENANT.0, digest(bytes)))
}

#[tokio::test]
async fn a_second_start_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = module("good");
    let first = Sandbox::new(settings(folder.path())).unwrap();
    load(&first, &bytes).await.unwrap();
    load(&first, &bytes).await.unwrap();
    assert_eq!(first.compiled_count(), 1);
    drop(first);
    let second = Sandbox::new(settings(folder.path())).unwrap();
    let never = || async { panic!("the bytes are only asked for when they are needed") };
    second.load::<Vec<u8>, _, _>(TENANT, digest(&bytes), never).await.unwrap();
    load(&second, &bytes).await.unwrap();
    assert_eq!(second.compiled_count(), 0);
}

#[tokio::test]
async fn many_loads_at_once_are_one_compilation() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(settings(folder.path())).unwrap();
    let bytes = module("good");
    let loads = (0..8).map(|_| load(&sandbox, &bytes));
    for loaded in futures_util::future::join_all(loads).await {
        loaded.unwrap();
    }
    assert_eq!(sandbox.compiled_count(), 1);
}

#[tokio::test]
async fn an_artifact_that_was_changed_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = module("good");
    load(&Sandbox::new(settings(folder.path())).unwrap(), &bytes).await.unwrap();
    let file = artifact(folder.path(), &bytes);
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&flipped[..], &whole[..whole.len() / 2], &whole[..10], b""] {
        std::fs::write(&file, damaged).unwrap();
        let sandbox = Sandbox::new(settings(folder.path())).unwrap();
        load(&sandbox, &bytes).await.unwrap();
        assert_eq!(sandbox.compiled_count(), 1);
        assert_eq!(std::fs::read(&file).unwrap().len(), whole.len());
    }
}

#[tokio::test]
async fn an_artifact_of_another_tenant_or_key_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = module("good");
    load(&Sandbox::new(settings(folder.path())).unwrap(), &bytes).await.unwrap();
    let other_key = Settings { key: [8; 32], ..settings(folder.path()) };
    let sandbox = Sandbox::new(other_key).unwrap();
    load(&sandbox, &bytes).await.unwrap();
    assert_eq!(sandbox.compiled_count(), 1);
    let copy = folder.path().join(format!("2/{}.code", digest(&bytes)));
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    std::fs::copy(artifact(folder.path(), &bytes), copy).unwrap();
    let asked = sandbox.load(TenantId(2), digest(&bytes), || async { None::<Vec<u8>> }).await;
    assert!(matches!(asked, Err(LoadError::Absent(_))));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_only_time() {
    let folder = tempfile::tempdir().unwrap();
    // A file stands where the tenant's folder would be.
    std::fs::write(folder.path().join("1"), b"").unwrap();
    let sandbox = Sandbox::new(settings(folder.path())).unwrap();
    load(&sandbox, &module("good")).await.unwrap();
}

#[tokio::test]
async fn a_forgotten_component_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(settings(folder.path())).unwrap();
    let bytes = module("good");
    load(&sandbox, &bytes).await.unwrap();
    sandbox.forget(TENANT, digest(&bytes));
    load(&sandbox, &bytes).await.unwrap();
    assert_eq!(sandbox.compiled_count(), 2);
}

#[tokio::test]
async fn a_durable_component_is_loaded_as_one() {
    let sandbox = crate::harness::sandbox();
    for (name, is_durable) in [("durable", true), ("good", false)] {
        let bytes = module(name);
        let loading = sandbox.load(TENANT, digest(&bytes), || async { Some(bytes.clone()) });
        let compiled = loading.await.unwrap();
        assert_eq!(compiled.durable, is_durable);
        assert_eq!(answer(&sandbox.call(&compiled, call()).await), r#"{"ok":true}"#);
    }
}

/// A function with so many nested blocks and branches that the compiler's work explodes.
fn compile_bomb() -> Vec<u8> {
    const BLOCKS: usize = 120_000;
    let mut body = String::new();
    for n in 0..BLOCKS {
        body.push_str(&format!(
            "(if (i32.eq (local.get 0) (i32.const {n})) (then (local.set 1 (i32.add (local.get 1) (local.get 0)))))"
        ));
    }
    let text = format!(
        "(component (core module (func (export \"f\") (param i32 i32) (result i32) {body} (local.get 1))))"
    );
    wat::parse_str(text).unwrap()
}

async fn bombed(limits: CompileLimits) -> Code {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { compile_limits: limits, ..settings(folder.path()) };
    let sandbox = Sandbox::new(settings).unwrap();
    let bytes = compile_bomb();
    let error = sandbox.load(TENANT, digest(&bytes), || async { Some(bytes.clone()) }).await;
    let Err(LoadError::Refused(reason)) = error else { panic!("{error:?}") };
    // The limits hold for one compilation only: the next one is well.
    load(&sandbox, &module("good")).await.unwrap();
    reason.code
}

#[tokio::test]
async fn a_compilation_that_takes_too_much_cpu_is_killed() {
    let limits = CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() };
    assert_eq!(bombed(limits).await, Code::ComponentCompileTimeout);
}

#[tokio::test]
async fn a_compilation_that_takes_too_long_is_killed() {
    let limits = CompileLimits { wall: Duration::from_secs(1), ..CompileLimits::default() };
    assert_eq!(bombed(limits).await, Code::ComponentCompileTimeout);
}

#[tokio::test]
async fn a_compilation_that_needs_too_much_memory_dies_alone() {
    let limits = CompileLimits { memory_bytes: 96 * 1024 * 1024, ..CompileLimits::default() };
    assert_eq!(bombed(limits).await, Code::ComponentCompileMemory);
}

#[tokio::test]
async fn what_compiles_but_does_not_fit_an_attempt_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(settings(folder.path())).unwrap();
    let globals = "(global (mut i64) (i64.const 0))".repeat(90_000);
    let text = format!("(component (core module $m {globals}) (core instance (instantiate $m)))");
    let bytes = wat::parse_str(text).unwrap();
    let error = sandbox.load(TENANT, digest(&bytes), || async { Some(bytes.clone()) }).await;
    let Err(LoadError::Refused(reason)) = error else { panic!("{error:?}") };
    assert_eq!(reason.code, Code::ComponentTooManyInstances, "{reason}");
    assert!(!artifact(folder.path(), &bytes).exists());
}

#[test]
fn a_compiler_that_nobody_listens_to_ends() {
    let compiler = settings(std::path::Path::new("/")).compiler;
    let mut child = std::process::Command::new(&compiler.program)
        .args(&compiler.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for limit in [3_600, 2_u64 << 30] {
        input.write_all(&limit.to_le_bytes()).unwrap();
    }
    input.flush().unwrap();
    // It waits for the component, and would for ever.
    drop(child.stdout.take());
    assert!(!child.wait().unwrap().success());
}

#[tokio::test]
async fn a_compiler_that_cannot_be_started_is_the_hosts_fault() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = sandbox::CompilerCommand { program: "/nowhere".into(), args: Vec::new() };
    let sandbox = Sandbox::new(Settings { compiler, ..settings(folder.path()) }).unwrap();
    let error = load(&sandbox, &module("good")).await.unwrap_err();
    assert!(matches!(error, LoadError::Host(_)), "{error}");
    assert!(error.to_string().contains("/nowhere"));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_compilation_is_confined_by_seccomp() {
    let confinement = crate::harness::sandbox().try_compiler().await.unwrap();
    assert_eq!(confinement, sandbox::Confinement::SystemCalls);
}
