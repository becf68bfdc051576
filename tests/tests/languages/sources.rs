//! Handlers that are uploaded as source: one file, no build, the same sandbox.

use std::path::Path;

use model::{Language, TenantId};
use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{Answer, Client, until};
use stepcell_tests::guests::root;
use stepcell_tests::host::Host;

use crate::{said, stepcell};

/// The command line, speaking to a host.
pub(crate) fn of(host: &Host, folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = stepcell(folder);
    command.args(["--url", host.client.url(), "--key", host.client.key()]);
    command.args(arguments).output().unwrap()
}

/// A host with the runtime of a language.
async fn host_of(language: Language) -> Host {
    let host = Host::start().await;
    let done = of(&host, Path::new("/"), &["runtime", "install", language.as_str(), "--json"]);
    assert!(done.status.success(), "{}", said(&done));
    host
}

pub(crate) async fn put(client: &Client, kind: &str, text: impl Into<Vec<u8>>) -> Answer {
    let request = client.request(Method::PUT, "/v1/components?activate=true");
    let answer = request.header("content-type", kind).body(text.into()).send().await.unwrap();
    let status = answer.status().as_u16();
    Answer { status, body: answer.json().await.unwrap_or(Value::Null) }
}

const GREET: &str = "export async function greet({ name }) { return `hello ${name}`; }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_a_component_of_the_runtime_it_was_bound_to() {
    let host = Host::start().await;
    let client = &host.client;
    let missing = put(client, "text/javascript", GREET).await;
    assert_eq!((missing.status, missing.code()), (409, "runtime.missing"), "{missing:?}");

    let done = of(&host, Path::new("/"), &["runtime", "install", "javascript", "--json"]);
    let runtime: Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
    let stranger = host.stranger().await;
    let listed = stranger.get("/v1/runtimes").await.ok();
    assert_eq!(listed["runtimes"][0]["digest"], runtime["digest"], "everybody sees it: {listed:#}");

    let compiled = host.sandbox.compiled_count();
    let kept = put(client, "text/javascript; charset=utf-8", GREET).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    let again = put(client, "application/javascript", GREET).await;
    assert_eq!((again.status, &again.body["digest"]), (200, &kept.body["digest"]), "{again:?}");
    assert_eq!(host.sandbox.compiled_count(), compiled, "nothing is compiled for a source");
    let component = &kept.body;
    assert_eq!(component["source"]["language"], "javascript", "{component:#}");
    assert_eq!(component["source"]["runtime"], runtime["digest"], "{component:#}");
    assert_eq!(component["description"]["handlers"], json!(["greet"]), "{component:#}");
    assert!(component["component_bytes"].as_u64().unwrap() < 2_000, "{component:#}");
    assert_eq!((&component["pure"], &component["world"]), (&json!(true), &json!("durable")));
    assert_eq!(component["compile_ms"], 0, "{component:#}");

    let digest = component["digest"].as_str().unwrap().parse().unwrap();
    let flow = "flow = \"greet\"\n[[step]]\nname = \"greet\"\ncomponent = \"@\"\n";
    client.deploy(flow, digest).await.ok();
    let run = client.run("greet", &json!({ "name": "Ada" })).await;
    assert_eq!(run["output"]["greet"], "hello Ada", "{run:#}");
    assert!(run["receipt"]["fuel"].as_u64().unwrap() > 0, "it has a receipt: {run:#}");

    // A tenant's source is its own, whoever has the runtime.
    assert_eq!(stranger.get(&format!("/v1/components/{digest}")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_source_is_told_with_its_place() {
    let host = host_of(Language::Javascript).await;
    let refused = async |text: &str| {
        let answer = put(&host.client, "text/javascript", text).await;
        assert_eq!((answer.status, answer.code()), (422, "component.bad_source"), "{answer:?}");
        answer.body
    };
    let syntax = refused("export function a() {\n  return (1;\n}\n").await;
    assert_eq!(syntax["reasons"][0]["line"], 2, "{syntax:#}");
    let two =
        refused("import fs from \"fs\";\nimport x from \"./x.js\";\nexport default () => 1;\n")
            .await;
    let lines: Vec<&Value> =
        two["reasons"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!(lines, [&json!(1), &json!(2)], "{two:#}");
    let thrown = refused("export default () => 1;\nthrow null;\n").await;
    assert!(thrown["detail"].as_str().unwrap().contains("thrown: null"), "{thrown:#}");
    let thrown = refused("export default () => 1;\n\nthrow new Error(\"böse\");\n").await;
    assert_eq!(thrown["reasons"][0]["line"], 3, "{thrown:#}");
    assert!(thrown["detail"].as_str().unwrap().contains("böse"), "{thrown:#}");
    let none = refused("const x = 1;\n").await;
    assert!(none["detail"].as_str().unwrap().contains("exports no function"), "{none:#}");
    let endless = refused("export default () => 1;\nfor (;;) {}\n").await;
    assert!(endless["detail"].as_str().unwrap().contains("top-level code"), "{endless:#}");
    let large = "[".repeat(100_000);
    refused(&format!("export default {large}")).await;
    assert_eq!(refused("a\0b").await["reasons"][0]["line"], 1);
    let binary = put(&host.client, "text/javascript", b"ok\n\xff\xfe".to_vec()).await;
    assert_eq!(
        (binary.code(), &binary.body["reasons"][0]["line"]),
        ("component.bad_source", &json!(2))
    );
    let long = put(&host.client, "text/javascript", "/".repeat(128 * 1024 + 1)).await;
    assert_eq!((long.status, long.code()), (413, "component.too_large"), "{long:?}");
    let unknown = put(&host.client, "text/x-ruby", "puts 1").await;
    assert_eq!((unknown.status, unknown.code()), (415, "request.content_type"), "{unknown:?}");
    // The host lives, and nothing was kept.
    let listed = host.client.get("/v1/components").await.ok();
    assert_eq!(listed["components"], json!([]), "{listed:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_runtime_takes_new_sources_and_leaves_those_that_are_bound() {
    let host = host_of(Language::Javascript).await;
    let client = &host.client;
    let first = put(client, "text/javascript", GREET).await.ok();
    let of_first = first["source"]["runtime"].clone();
    let flow = "flow = \"greet\"\n[[step]]\nname = \"greet\"\ncomponent = \"@\"\n";
    client.deploy(flow, first["digest"].as_str().unwrap().parse().unwrap()).await.ok();

    // The same component with one more custom section is another one.
    let store = host.store.clone();
    let bytes = store.get_runtime_bytes(of_first.as_str().unwrap().parse().unwrap()).await.unwrap();
    let newer = [bytes.unwrap(), vec![0, 2, 1, b'x']].concat();
    let request = client.request(Method::PUT, "/v1/runtimes/javascript");
    let request = request.header("content-type", "application/wasm").body(newer.clone());
    let installed: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(installed["current"], true, "{installed:#}");
    assert_ne!(installed["digest"], of_first, "{installed:#}");

    let second = put(client, "text/javascript", GREET).await;
    assert_eq!(second.status, 201, "it is another component: {second:?}");
    assert_eq!(second.body["source"]["runtime"], installed["digest"]);
    let run = client.run("greet", &json!({ "name": "Ada" })).await;
    assert_eq!(run["output"]["greet"], "hello Ada", "{run:#}");
    let listed = client.get("/v1/runtimes").await.ok();
    assert_eq!(listed["runtimes"].as_array().map(Vec::len), Some(2), "{listed:#}");

    // One that no source is bound to goes when the next one comes.
    let put_more = async |more: u8| {
        let bytes = [newer.clone(), vec![0, 2, 1, more]].concat();
        let request = client.request(Method::PUT, "/v1/runtimes/javascript");
        let request = request.header("content-type", "application/wasm").body(bytes);
        request.send().await.unwrap().json::<Value>().await.unwrap()["digest"].clone()
    };
    let (third, fourth) = (put_more(b'y').await, put_more(b'z').await);
    let listed = client.get("/v1/runtimes").await.ok();
    let there: Vec<&Value> =
        listed["runtimes"].as_array().unwrap().iter().map(|one| &one["digest"]).collect();
    assert_eq!(there[0], &fourth, "{listed:#}");
    assert!(there.len() == 3 && !there.contains(&&third), "{listed:#}");
    worker::forget_gone(&host.store, &host.sandbox).await.unwrap();
    let kept = host.sandbox.kept();
    let of_host = kept.iter().find(|(tenant, _)| *tenant == TenantId::HOST).unwrap();
    assert_eq!(of_host.1.len(), 3, "its code is forgotten too: {kept:?}");
    assert_eq!(
        client.run("greet", &json!({ "name": "Ada" })).await["output"]["greet"],
        "hello Ada"
    );

    // What is not one is refused, and so is one of another language.
    let put_runtime = async |language: &str, bytes: Vec<u8>| {
        let request = client.request(Method::PUT, &format!("/v1/runtimes/{language}"));
        let request = request.header("content-type", "application/wasm").body(bytes);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, unfit) = put_runtime("python", newer.clone()).await;
    assert_eq!((status, &unfit["code"]), (422, &json!("runtime.unfit")), "{unfit:#}");
    let (status, plain) = put_runtime("python", attacks::module("good")).await;
    assert_eq!((status, &plain["code"]), (422, &json!("component.wrong_signature")), "{plain:#}");
    let (status, nothing) = put_runtime("cobol", b"\0asm".to_vec()).await;
    assert_eq!((status, &nothing["code"]), (400, &json!("request.invalid")), "{nothing:#}");
    // Nor is a runtime a component: what it reads is not there.
    let as_component = client.upload(newer).await;
    assert_eq!(as_component.code(), "component.unknown_import", "{as_component:?}");
    // A tenant without the scope installs none.
    let key = stepcell_tests::host::new_key(&host.store, "default", &[store::Scope::Deploy]).await;
    let mine = client.with_key(&key).request(Method::PUT, "/v1/runtimes/javascript");
    assert_eq!(mine.send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_carries_its_flow_is_deployed_alone() {
    let host = host_of(Language::Javascript).await;
    let folder = root().join("examples/sources");
    let done = of(&host, &folder, &["deploy", "quote.js", "--json"]);
    assert!(done.status.success(), "{}", said(&done));
    let order = json!({ "customer": "Ada", "items": [{ "name": "tea", "count": 2 }] });
    let run = host.client.run("quote", &order).await;
    assert!(run["output"]["write"].as_str().unwrap().contains("6.40"), "{run:#}");
    let failed =
        host.client.run("quote", &json!({ "customer": "Ada", "items": [{ "name": "x" }] })).await;
    assert_eq!(failed["failure"]["kind"], "handler_error.validation", "{failed:#}");

    // A manifest that names a component registers no flow but its own.
    let before = host.client.get("/v1/flows/quote").await.ok();
    let named = tempfile::tempdir().unwrap();
    let manifest =
        "flow = \"mine\"\n[[step]]\nname = \"p\"\ncomponent = \"q.js\"\nhandler = \"price\"\n";
    std::fs::write(named.path().join("flow.toml"), manifest).unwrap();
    let quote = std::fs::read_to_string(folder.join("quote.js")).unwrap();
    let other = quote.replace("flow: \"quote\"", "flow: \"order\"");
    std::fs::write(named.path().join("q.js"), other).unwrap();
    let done = of(&host, named.path(), &["deploy", "--json"]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(host.client.get("/v1/flows/order").await.status, 404);
    assert_eq!(host.client.get("/v1/flows/quote").await.ok(), before);
    let both = host.client.request(Method::PUT, "/v1/components?register=false&activate=true");
    assert_eq!(both.body("x").send().await.unwrap().status(), 400);

    // What the component's own flow grants its steps is told.
    let granted = "import { fetch } from \"stepcell/fetch\";\nexport async function get(url) { return (await fetch(url)).status; }\n\
        export const flow = { flow: \"granted\", step: [{ name: \"get\", grants: { fetch: [\"example.org\"] } }] };\n";
    std::fs::write(named.path().join("g.js"), granted).unwrap();
    let done = of(&host, named.path(), &["deploy", "g.js"]);
    assert!(
        said(&done).contains("grants its step `get`") && said(&done).contains("example.org"),
        "{}",
        said(&done)
    );

    // A flow that cannot be registered keeps its component out.
    let wrong = GREET.to_owned()
        + "export const flow = { flow: \"f\", step: [{ name: \"a\", handler: \"gret\" }] };\n";
    let refused = put(&host.client, "text/javascript", wrong.clone()).await;
    assert_eq!((refused.status, refused.code()), (422, "manifest.unknown_handler"), "{refused:?}");
    assert_eq!(refused.body["pointer"], "/description/flow/step/0/handler", "{refused:?}");
    let listed = host.client.get("/v1/components").await.ok();
    assert_eq!(listed["components"].as_array().map(Vec::len), Some(3), "{listed:#}");
    // Unless nobody wants it registered.
    let request = host.client.request(Method::PUT, "/v1/components?register=false");
    let request = request.header("content-type", "text/javascript").body(wrong);
    assert_eq!(request.send().await.unwrap().status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_python_is_deployed_as_a_step_of_a_flow() {
    let host = host_of(Language::Python).await;
    let done = of(&host, &root().join("examples/sources"), &["deploy", "flow.toml", "--json"]);
    assert!(done.status.success(), "{}", said(&done));
    let run = host.client.run("words", &json!("the cat and the hat")).await;
    assert_eq!(run["output"]["count"][0], json!({ "word": "the", "count": 2 }), "{run:#}");
    let source =
        "import numpy\nimport stepcell\n\n@stepcell.handler\ndef f(x: int) -> int:\n    return x\n";
    let refused = put(&host.client, "text/x-python", source).await;
    assert_eq!(
        (refused.code(), &refused.body["reasons"][0]["line"]),
        ("component.bad_source", &json!(1))
    );
    assert!(refused.body["detail"].as_str().unwrap().contains("numpy"), "{refused:?}");
}

#[test]
fn async_code_in_a_source_means_what_it_means_elsewhere() {
    let folder = root().join("tests/guests/sources");
    let done = stepcell(&folder).args(["exec", "semantics.js", "--json"]).output().unwrap();
    let shown: Value =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
    let expected = std::fs::read_to_string(folder.join("semantics.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    for (what, value) in expected.as_object().unwrap() {
        assert_eq!(shown["output"].get(what), Some(value), "{what}: {shown:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_decides_what_follows_a_failure_and_is_undone() {
    let host = host_of(Language::Javascript).await;
    let source = r#"
import { complete } from "stepcell";
export function book({ fails }, context) {
  if (fails) throw new Error("full");
  return "booked";
}
export const onError = { book: (input, failure) => input.fails === "softly" ? complete(`instead of ${failure.message}`) : undefined };
export const compensate = { book: (input, output) => console.log(`gave ${output} back`) };
export function ship() { throw new Error("no ship"); }
"#;
    let kept = put(&host.client, "text/javascript", source).await.ok();
    assert_eq!(kept["exports"], json!(["handle", "on-error", "compensate"]), "{kept:#}");
    let flow = "flow = \"trip\"\n[defaults]\ncomponent = \"@\"\nmax_attempts = 1\n\
                [[step]]\nname = \"book\"\nhandler = \"book\"\n[[step]]\nname = \"ship\"\nhandler = \"ship\"\nneeds = [\"book\"]\n";
    host.client.deploy(flow, kept["digest"].as_str().unwrap().parse().unwrap()).await.ok();
    let run = host.client.run("trip", &json!({ "fails": "softly" })).await;
    assert_eq!(run["failed_step"], "ship", "the first step went well after all: {run:#}");
    let id = run["run_id"].as_str().unwrap();
    let undone = async || {
        let run = host.client.get(&format!("/v1/runs/{id}")).await.ok();
        (run["compensation"]["steps"][0]["compensated"] == 1).then_some(())
    };
    until("the booking is undone", undone).await;
    let failed = host.client.run("trip", &json!({ "fails": "hard" })).await;
    assert_eq!(
        (&failed["failed_step"], &failed["failure"]["kind"]),
        (&json!("book"), &json!("handler_error.execution"))
    );
}

#[test]
fn what_is_left_out_of_an_attempt_makes_no_difference_to_it() {
    let folder = root().join("tests/guests/sources");
    let expected = std::fs::read_to_string(folder.join("parts.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    for (handler, value) in expected.as_object().unwrap() {
        let call = ["exec", "parts.js", "--handler", handler, "--json"];
        let done = stepcell(&folder).args(call).output().unwrap();
        let shown: Value =
            serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
        assert_eq!(shown.get("output"), Some(value), "{handler}: {shown:#}");
    }
}
