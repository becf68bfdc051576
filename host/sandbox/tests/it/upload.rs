//! What can be uploaded, what cannot, and that every reason is told.

use attacks::Attack;
use model::Code;
use sandbox::{Inspection, Reason, World};

use crate::harness::{bare, digest, module, sandbox};

fn inspect(bytes: &[u8]) -> Result<Inspection, Vec<Reason>> {
    sandbox().inspect(bytes)
}

/// What an attack uploads.
fn attack(name: &str) -> Vec<u8> {
    Attack::all().find(|attack| attack.name == name).unwrap().bytes()
}

/// The one reason an upload is refused for.
fn refusal(bytes: &[u8]) -> Reason {
    let mut reasons = inspect(bytes).unwrap_err();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    reasons.remove(0)
}

fn refused(bytes: &[u8], code: Code, says: &str) {
    let reason = refusal(bytes);
    assert_eq!(reason.code, code, "{reason}");
    assert!(reason.detail.contains(says), "{reason}");
}

#[test]
fn what_is_not_wasm_is_named() {
    refused(b"", Code::ComponentNotWasm, "empty");
    refused(b"hello, world", Code::ComponentNotWasm, "text");
    refused(b"(component)", Code::ComponentNotWasm, "WebAssembly text");
    refused(b"\x7fELF\x02\x01\x01", Code::ComponentNotWasm, "ELF");
    refused(b"\x1f\x8b\x08\x00", Code::ComponentNotWasm, "gzip");
    refused(&[0xfe; 64], Code::ComponentNotWasm, "none of the formats");
    refused(b"\0asm\x07\0\0\0", Code::ComponentNotWasm, "unknown version");
}

#[test]
fn a_component_that_ends_early_is_truncated_wherever_it_ends() {
    let whole = inspect(&module("good")).unwrap().component;
    for end in [3, 6, 20, whole.len() / 2, whole.len() - 1] {
        let reason = refusal(&whole[..end]);
        let expected = [Code::ComponentTruncated, Code::ComponentInvalid];
        assert!(expected.contains(&reason.code), "cut at {end}: {reason}");
    }
    assert_eq!(refusal(&whole[..whole.len() / 2]).code, Code::ComponentTruncated);
}

#[test]
fn a_core_module_without_type_information_is_refused() {
    refused(&bare("no_type_information"), Code::ComponentCoreModule, "component-type");
}

#[test]
fn a_core_module_with_broken_type_information_is_refused() {
    refused(&attack("upload_broken_types"), Code::ComponentInvalid, "cannot be completed");
}

#[test]
fn type_information_nested_without_end_is_refused() {
    refused(&attack("upload_nested_types"), Code::ComponentInvalid, "cannot be completed");
}

#[tokio::test]
async fn machine_code_is_refused_though_this_host_compiled_it() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox::Sandbox::new(crate::harness::settings(folder.path())).unwrap();
    let bytes = module("good");
    let name = digest(&bytes);
    sandbox.load(crate::harness::TENANT, name, || async { Some(bytes) }).await.unwrap();
    let file = folder.path().join(format!("1/{name}.code"));
    let artifact = std::fs::read(file).unwrap();
    let start = artifact.windows(4).position(|four| four == b"\x7fELF").unwrap();
    refused(&artifact[start..], Code::ComponentPrecompiled, "compiled from");
}

#[test]
fn an_upload_over_the_limit_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        sandbox::Settings { max_component_bytes: 100, ..crate::harness::settings(folder.path()) };
    let sandbox = sandbox::Sandbox::new(settings).unwrap();
    let reasons = sandbox.inspect(&[0; 101]).unwrap_err();
    assert_eq!(reasons[0].code, Code::ComponentTooLarge);
}

#[test]
fn a_good_component_has_a_report_for_people() {
    let bytes = module("log_a_little");
    let inspection = inspect(&bytes).unwrap();
    let report = &inspection.report;
    assert_eq!(inspection.digest, digest(&bytes));
    assert_eq!(report.world, World::Handler);
    assert!(report.completed && report.pure && !report.describes);
    let names: Vec<_> = report.imports.iter().map(|import| import.name.as_str()).collect();
    assert!(names.contains(&"stepcell:handler/log@0.1.0"), "{names:?}");
    assert_eq!(report.exports, ["handle"]);
    assert_eq!(report.memory_minimum_bytes, 2 * 65_536);
    assert!(report.core_instances >= 1);
    let again = inspect(&inspection.component).unwrap();
    assert!(!again.report.completed);
    serde_json::to_string(report).unwrap();
}

#[test]
fn the_world_is_recognised_by_the_type_of_handle() {
    assert_eq!(inspect(&module("durable")).unwrap().report.world, World::Durable);
    let describes = inspect(&module("describes")).unwrap();
    assert!(describes.report.describes);
    assert_eq!(describes.report.world, World::Handler);
}

#[test]
fn a_thousand_bytes_that_ask_for_a_million_instances_are_refused() {
    let bytes = attack("instances_a_million");
    assert!(bytes.len() < 2_000, "{} bytes", bytes.len());
    let reasons = inspect(&bytes).unwrap_err();
    assert!(reasons.iter().all(|reason| reason.code == Code::ComponentTooManyInstances));
    assert!(reasons[0].detail.contains("1048576 core instances"), "{}", reasons[0]);
}

#[test]
fn components_nested_thousands_deep_are_refused_without_harm() {
    let reason = refusal(&attack("components_nested"));
    let expected = [Code::ComponentMissingExport, Code::ComponentInvalid];
    assert!(expected.contains(&reason.code), "{reason}");
}

#[test]
fn instances_that_cannot_be_counted_are_refused() {
    let text = "(component (import \"other\" (component $c)) (instance (instantiate $c)))";
    let bytes = wat::parse_str(text).unwrap();
    refused(&bytes, Code::ComponentTooManyInstances, "cannot be counted");
}

#[test]
fn memory_and_tables_no_attempt_may_have_are_refused() {
    refused(&module("memory_declared_huge"), Code::ComponentTooMuchMemory, "1073741824 bytes");
    refused(&module("table_declared_huge"), Code::ComponentTooMuchMemory, "1000000 table elements");
}

#[test]
fn features_the_host_does_not_run_are_refused() {
    for memory in ["i64 1", "1 1 shared"] {
        let text = format!("(component (core module (memory {memory})))");
        let reason = refusal(&wat::parse_str(text).unwrap());
        assert_eq!(reason.code, Code::ComponentInvalid, "{reason}");
    }
}

#[test]
fn a_component_without_handle_is_told_what_is_expected() {
    let bytes = wat::parse_str("(component)").unwrap();
    refused(&bytes, Code::ComponentMissingExport, "result<string, record { kind: enum");
}

#[test]
fn every_problem_is_listed_at_once() {
    let bytes = wat::parse_str(
        r#"(component
            (import "stepcell:handler/log@0.1.0" (instance
                (export "write" (func (param "message" string)))
                (export "shout" (func))))
            (import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func))))
            (import "stepcell:handler/clock@0.1.0" (instance (export "now" (func))))
            (import "loose" (func))
            (core module $m
                (func (export "handle") (param i32 i32) (result i32) unreachable)
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
            (core instance $i (instantiate $m))
            (func (export "handle") (param "input" string) (result string)
                (canon lift (core func $i "handle") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))"#,
    )
    .unwrap();
    let reasons = inspect(&bytes).unwrap_err();
    let count = |code| reasons.iter().filter(|reason| reason.code == code).count();
    assert_eq!(count(Code::ComponentUnknownImport), 4, "{reasons:#?}");
    assert_eq!(count(Code::ComponentWrongSignature), 2, "{reasons:#?}");
    let told = |says: &str| reasons.iter().any(|reason| reason.detail.contains(says));
    assert!(told("found `func(string) -> string`"), "{reasons:#?}");
    assert!(told(
        "expected `func(enum { trace, debug, info, warn, error }, string, option<string>)`"
    ));
    assert!(told("`shout`") && told("`wasi:http/outgoing-handler@0.2.0`") && told("`loose`"));
}

#[test]
fn of_a_million_problems_a_hundred_are_listed() {
    let functions: String =
        (0..300).map(|n| format!("(export \"{}{n}\" (func))", "a".repeat(3_000))).collect();
    let import = |n| format!("(import \"wasi:cli/environment@0.2.{n}\" (instance {functions}))");
    let text: String = (0..3).map(import).collect();
    let reasons = inspect(&wat::parse_str(format!("(component {text})")).unwrap()).unwrap_err();
    assert!((100..110).contains(&reasons.len()), "{}", reasons.len());
    let bytes: usize = reasons.iter().map(|reason| reason.detail.len()).sum();
    assert!(bytes < 100_000, "{bytes}");
}

#[test]
fn names_that_are_no_names_are_refused() {
    refused(&attack("upload_names"), Code::ComponentTooLarge, "the names of what it imports");
}

#[test]
fn a_module_made_for_another_world_is_told_what_is_unknown() {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve
        .push_str("other.wit", "package a:b; world w { import c: func(); export handle: func(); }")
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut bytes = wat::parse_str(
        r#"(module (import "$root" "c" (func)) (func (export "handle")) (memory (export "memory") 1))"#,
    )
    .unwrap();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, encoding).unwrap();
    let reasons = inspect(&bytes).unwrap_err();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [Code::ComponentUnknownImport, Code::ComponentWrongSignature]);
}

#[test]
fn a_component_that_imports_a_network_is_not_pure_and_one_that_only_logs_is() {
    assert!(!inspect(&module("wasi_network")).unwrap().report.pure);
    assert!(inspect(&module("log_a_little")).unwrap().report.pure);
}
