//! A foreign id answers like an unknown one, on every route the OpenAPI document knows.

use std::collections::BTreeMap;

use model::Digest;
use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{Client, send};
use stepcell_tests::guests::{actor, hand_written};
use stepcell_tests::host::{Host, Settings, new_key};
use store::Scope;

use crate::tenants::owned_tables;

/// What a path's parameters stand for, and what bodies and queries name.
type Names = BTreeMap<&'static str, String>;

/// Names that nobody else has.
const IDS: [&str; 5] = ["run_id", "live", "digest", "held", "key"];

const FLOW: &str =
    "flow = \"theirs\"\n[[step]]\nname = \"only\"\nhandler = \"HANDLER\"\ncomponent = \"@\"\n";

/// Everything a tenant can have; its names.
async fn fill(host: &Host, client: &Client) -> Names {
    let bytes = tokio::task::spawn_blocking(actor).await.unwrap();
    let digest = client.upload(bytes).await.ok()["digest"].as_str().unwrap().to_owned();
    for handler in ["chatty", "fail"] {
        client.deploy(&FLOW.replace("HANDLER", handler), digest.parse().unwrap()).await.ok();
        let run = client.run("theirs", &json!({ "secret": "s3cr3t" })).await;
        assert_eq!(run["status"], if handler == "chatty" { "completed" } else { "failed" });
    }
    let failed = client.get("/v1/runs?status=failed").await.ok();
    let delayed = json!({ "delay_ms": 86_400_000, "key": "k", "deadline_ms": 90_000_000 });
    let live = client.post("/v1/flows/theirs/runs", &delayed).await.ok();
    client.signal(live["run_id"].as_str().unwrap(), "go", &json!("s3cr3t")).await.ok();
    client.put("/v1/closures/theirs", &json!({ "flow": "theirs" })).await.ok();
    let schedule = json!({ "closure": "theirs", "cron": "0 0 1 1 *" });
    client.put("/v1/schedules/theirs", &schedule).await.ok();
    client.put("/v1/secrets/theirs", &json!({ "value": "s3cr3t-s3cr3t" })).await.ok();
    let held =
        client.upload(hand_written("good")).await.ok()["digest"].as_str().unwrap().to_owned();
    let reason = json!({ "reason": "s3cr3t" });
    client.post(&format!("/v1/components/{held}/quarantine"), &reason).await.ok();
    let worker = host.worker.as_ref().unwrap().id().0.to_string();
    BTreeMap::from([
        ("run_id", failed["runs"][0]["run_id"].as_str().unwrap().to_owned()),
        ("live", live["run_id"].as_str().unwrap().to_owned()),
        ("digest", digest),
        ("held", held),
        ("flow", "theirs".to_owned()),
        ("name", "theirs".to_owned()),
        ("version", "1".to_owned()),
        ("step", "only".to_owned()),
        ("index", "0".to_owned()),
        ("tenant", "stranger".to_owned()),
        ("key", client.key().split('_').nth(1).unwrap().to_owned()),
        ("id", worker),
        ("code", "timeout".to_owned()),
        // Runtimes are everybody's.
        ("language", "cobol".to_owned()),
    ])
}

/// Names of nothing.
fn nothing(theirs: &Names) -> Names {
    let mut unknown = theirs.clone();
    for name in ["run_id", "live"] {
        unknown.insert(name, "01900000-0000-7000-8000-000000000000".to_owned());
    }
    for name in ["digest", "held"] {
        unknown.insert(name, Digest::of(b"nobody's").to_string());
    }
    for name in ["flow", "name", "tenant"] {
        unknown.insert(name, "nobody".to_owned());
    }
    unknown.insert("key", "0123456789abcdef".to_owned());
    unknown
}

/// What is sent to an operation that takes a body.
fn body(path: &str, names: &Names) -> (&'static str, Vec<u8>) {
    let (flow, digest) = (&names["flow"], &names["digest"]);
    let json = match path {
        "/v1/components" | "/v1/runtimes/{language}" => {
            return ("application/wasm", b"\0asm\x0d\0\x01\0".to_vec());
        }
        "/v1/flows" => {
            json!({ "flow": "mine", "step": [{ "name": "a", "component": digest, "handler": "x" }] })
        }
        "/v1/flows/{flow}/batch" => json!({ "runs": [{ "input": 1 }] }),
        "/v1/flows/{flow}/activate" => json!({ "version": 1 }),
        "/v1/reruns" => json!({ "flow": flow }),
        "/v1/runs/{run_id}/signals" => json!({ "name": "go", "payload": 1 }),
        "/v1/closures/{name}" => json!({ "flow": flow }),
        "/v1/schedules/{name}" => json!({ "flow": flow, "cron": "0 0 1 1 *" }),
        "/v1/tenants" => json!({ "name": "mine" }),
        "/v1/tenants/{tenant}/keys" => json!({ "scopes": ["read"] }),
        _ => json!({}),
    };
    ("application/json", json.to_string().into_bytes())
}

/// The queries that name something of a tenant.
fn query(path: &str, names: &Names) -> String {
    let flow = &names["flow"];
    match path {
        "/v1/runs" | "/v1/dead-letters" => format!("?flow={flow}"),
        "/v1/flows/{flow}/diff" => "?from=1&to=2".to_owned(),
        "/v1/audit" => format!("?tenant={}", names["tenant"]),
        "/v1/runs/{run_id}/wait" => "?timeout=10ms".to_owned(),
        _ => String::new(),
    }
}

/// What an operation answers about these names, with the names taken out of it.
async fn ask(client: &Client, (method, path): &(Method, String), names: &Names) -> (u16, String) {
    let mut address = path.clone();
    for (name, value) in names {
        address = address.replace(&format!("{{{name}}}"), value);
    }
    assert!(!address.contains('{'), "the test has no value for a parameter of `{path}`");
    let mut request = client.request(method.clone(), &(address + &query(path, names)));
    if *method == Method::POST || *method == Method::PUT {
        let (kind, bytes) = body(path, names);
        request = request.header("content-type", kind).body(bytes);
    }
    let mut answer = send(request).await;
    if let Some(problem) = answer.body.as_object_mut() {
        problem.remove("request_id");
    }
    let mut text = answer.body.to_string();
    for (name, value) in names.iter().filter(|(_, value)| value.len() > 4) {
        text = text.replace(value.as_str(), &format!("<{name}>"));
    }
    (answer.status, text)
}

fn dump(host: &Host) -> BTreeMap<String, String> {
    let id = "select id from tenant where name = 'stranger'";
    let id = host.database.run(&[id]).unwrap().concat();
    let dump = |table: String| {
        let rows = format!(
            "select coalesce(string_agg(x::text, '|' order by x::text), '') from {table} x where tenant_id = {id}"
        );
        let rows = host.database.run(&[&rows]).unwrap().concat();
        (table, rows)
    };
    owned_tables(&host.database).into_iter().map(dump).collect()
}

/// Every operation the document knows that is asked with a key.
fn operations(document: &Value) -> Vec<(Method, String)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["tags"][0] != "host" {
                found.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_tells_a_foreign_id_from_an_unknown_one_or_changes_what_is_anothers() {
    let keyring = Some(format!("{}\n", "07".repeat(32)).parse().unwrap());
    let host = Host::with(Settings { keyring, ..Settings::default() }).await;
    let theirs = fill(&host, &host.stranger().await).await;
    let unknown = nothing(&theirs);
    let scopes = [Scope::Read, Scope::Run, Scope::Deploy];
    let ours = host.client.with_key(&new_key(&host.store, "default", &scopes).await);
    let before = dump(&host);
    let document: Value = serde_json::from_str(&api::openapi()).unwrap();
    let operations = operations(&document);
    assert!(operations.len() > 50, "{operations:?}");
    for operation in &operations {
        let (of_theirs, of_nobody) =
            (ask(&ours, operation, &theirs).await, ask(&ours, operation, &unknown).await);
        let (method, path) = operation;
        assert_eq!(of_theirs, of_nobody, "{method} {path} tells them apart");
        assert!(!of_theirs.1.contains("s3cr3t"), "{method} {path}: {}", of_theirs.1);
        if of_theirs.0 == 200 {
            // Lists name nothing, so theirs and nobody's are the same request: they are to have nothing of theirs.
            let shown = IDS.iter().find(|id| of_theirs.1.contains(&format!("<{id}>")));
            assert_eq!(shown, None, "{method} {path}: {}", of_theirs.1);
        }
        // A page of a problem is everybody's, and a secret that is put is the caller's own, whoever else has one of this name.
        let is_own = [("GET", "/v1/problems/{code}"), ("PUT", "/v1/secrets/{name}")];
        let is_named = path.contains('{') && !is_own.contains(&(method.as_str(), path.as_str()));
        if is_named {
            assert!([403, 404].contains(&of_theirs.0), "{method} {path}: {of_theirs:?}");
        }
        if path.contains("{digest}") {
            let mut held = theirs.clone();
            held.insert("digest", theirs["held"].clone());
            assert_eq!(ask(&ours, operation, &held).await, of_nobody, "{method} {path}, held");
        }
        if path.contains("{run_id}") {
            let mut live = theirs.clone();
            live.insert("run_id", theirs["live"].clone());
            assert_eq!(ask(&ours, operation, &live).await, of_nobody, "{method} {path}, live");
        }
    }
    assert_eq!(dump(&host), before, "nothing of theirs changed");
}
