//! Uploads that are small and want everything: refused with their own code while other runs go on.

use std::time::Duration;

use serde_json::json;
use stepcell_tests::host::{Host, Settings};

/// Ten levels, each of which instantiates the one below four times.
fn instances() -> String {
    let mut text = "(core module $m) (core instance (instantiate $m))".to_owned();
    for _ in 0..10 {
        let four = "(instance (instantiate $c))".repeat(4);
        text = format!("(component $c {text}) {four}");
    }
    text
}

/// Nearly everything the host lists of it would be a problem.
fn problems() -> String {
    let functions: String =
        (0..500).map(|n| format!("(export \"{}{n}\" (func))", "a".repeat(1_000))).collect();
    let import = |n| format!("(import \"wasi:cli/environment@0.2.{n}\" (instance {functions}))");
    (0..8).map(import).collect()
}

/// A component with a `handle` that nobody calls, beside something else.
fn with_handle(host: &Host, more: &str) -> Vec<u8> {
    let good = host.sandbox.inspect(&stepcell_tests::guests::hand_written("good")).unwrap();
    let mut component = good.component.to_vec();
    let inner = wat::parse_str(format!("(module {more})")).unwrap();
    // A core module of a component: section 1 of its binary format.
    let mut length = inner.len();
    component.push(1);
    while length >= 0x80 {
        component.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    component.push(u8::try_from(length).unwrap());
    component.extend(inner);
    component
}

/// One function with branches without end, which a compiler pays for.
fn branches() -> String {
    let one = "(if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 1 (i32.add (local.get 1) (local.get 0)))))";
    format!("(func (param i32 i32) (result i32) {} (local.get 1))", one.repeat(150_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused_with_its_own_code_and_other_runs_go_on() {
    let compile_limits =
        sandbox::CompileLimits { cpu: Duration::from_secs(2), ..sandbox::CompileLimits::default() };
    let host = Host::with(Settings { compile_limits, ..Settings::default() }).await;
    host.deploy(
        "flow = \"canary\"\n[[step]]\nname = \"only\"\ncomponent = \"@\"\nhandler = \"echo\"\n",
    )
    .await;
    let component = |text: String| wat::parse_str(format!("(component {text})")).unwrap();
    let bombs = [
        ("component.too_many_instances", component(instances())),
        ("component.unknown_import", component(problems())),
        ("component.compile_timeout", with_handle(&host, &branches())),
    ];
    for (code, bytes) in bombs {
        let canary = async {
            for n in 0..20 {
                let run = host.client.run("canary", &json!(n)).await;
                assert_eq!(run["output"], json!({ "only": n }), "{run:#}");
            }
        };
        let (answer, ()) = tokio::join!(host.client.upload(bytes), canary);
        assert_eq!((answer.status, answer.code()), (422, code), "{:#}", answer.body);
        assert!(answer.body.to_string().len() < 200_000, "{code}");
    }
    assert_eq!(
        host.client.get("/v1/components").await.ok()["components"].as_array().unwrap().len(),
        1
    );
}
