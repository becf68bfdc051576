//! Secrets: put into the headers of calls toward where they are granted, and nowhere else to be found.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stepcell_tests::client::Client;
use stepcell_tests::host::{Host, Settings, binary, new_key};
use stepcell_tests::remote::Remote;
use store::Scope;

use crate::grants::{KEY, all, flow, reach, settings};
use crate::http_calls::register;

/// Says `}` and `"` too, which JSON and placeholders are made of.
const VALUE: &str = "sk_live_\"51}}H8x\\KWdQ";
/// Another host's newer key.
const NEWER: &str = "0202020202020202020202020202020202020202020202020202020202020202";

async fn put(client: &Client, name: &str, value: &str) -> (u16, Value) {
    let answer = client.put(&format!("/v1/secrets/{name}"), &json!({ "value": value })).await;
    (answer.status, answer.body)
}

async fn host(remote: &Remote) -> Host {
    let host = Host::with(settings(remote)).await;
    host.deploy_reacher(&flow("f", &all(remote), "max_attempts = 1")).await;
    assert_eq!(put(&host.client, "API_KEY", VALUE).await.0, 201);
    host
}

/// A request whose header has the placeholder.
fn keyed(url: String) -> Value {
    json!({ "fetch": { "url": url, "headers": [["authorization", "Bearer ${API_KEY}"]] } })
}

/// Rows of any table that have the text, as it is or in bytes.
fn rows_with(host: &Host, text: &str) -> Vec<String> {
    let tables = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace";
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let quoted = text.replace('\'', "''");
    let json = serde_json::to_string(&quoted).unwrap();
    let json = json.trim_matches('"');
    let mut found = Vec::new();
    for table in host.database.run(&[tables]).unwrap() {
        let query = format!(
            "select '{table}: ' || t::text from \"{table}\" t where strpos(t::text, '{quoted}') > 0 \
             or strpos(t::text, '{hex}') > 0 or strpos(t::text, '{json}') > 0"
        );
        found.extend(host.database.run(&[&query]).unwrap());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sent_where_it_is_granted_and_is_found_nowhere_else() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let echo = format!("{}/echo", remote.url);
    let run = host
        .client
        .run(
            "f",
            &json!(["names", { "placeholder": "API_KEY" }, { "placeholder": "OTHER" }, keyed(echo.clone()),
                { "log": "it is ${API_KEY}" }]),
        )
        .await;
    let did = &run["output"]["call"];
    assert_eq!(did[0], json!(["API_KEY"]), "{run:#}");
    assert!(did[2]["error"].is_string(), "{run:#}");
    let sent = &remote.seen()[0].whole["headers"];
    assert_eq!(sent["authorization"], format!("Bearer {VALUE}"));
    // What the answer repeats is hidden again.
    let placeholder = did[1].as_str().unwrap();
    let echoed: Value = serde_json::from_str(did[3]["body"].as_str().unwrap()).unwrap();
    assert_eq!(echoed["headers"]["authorization"], format!("Bearer {placeholder}"), "{run:#}");
    // Whatever a handler says of it, and however it fails.
    let failing = json!([keyed(echo), { "log": "${API_KEY}" }, { "fail": "refused ${API_KEY}" }]);
    let failed = host.client.run("f", &failing).await;
    assert_eq!(failed["failure"]["kind"], "handler_error.execution", "{failed:#}");
    let mut told = vec![run.to_string(), failed.to_string()];
    for run in [&run, &failed] {
        let id = run["run_id"].as_str().unwrap();
        for what in ["events?limit=500", "logs", "steps/call/tasks/0/attempts"] {
            let answer = host.client.get(&format!("/v1/runs/{id}/{what}")).await.ok();
            told.push(answer.to_string());
        }
    }
    told.push(host.client.get("/v1/secrets").await.ok().to_string());
    let plain = &VALUE[..8];
    assert!(told.iter().all(|text| !text.contains(plain)), "{told:#?}");
    assert!(told.iter().any(|text| text.contains("{{secret:")));
    assert_eq!(rows_with(&host, VALUE), Vec::<String>::new());
    assert_eq!(rows_with(&host, plain), Vec::<String>::new());
    // The placeholder of one attempt is a text like any other in the next.
    let stale = json!({ "fetch": { "url": format!("{}/stale", remote.url), "headers": [["x", placeholder]] } });
    reach(&host, json!([stale])).await;
    assert_eq!(remote.seen()[2].whole["headers"]["x"], placeholder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_placeholder_anywhere_else_refuses_the_request() {
    let remote = Remote::start().await;
    let host = Host::with(settings(&remote)).await;
    let (to, there) = (&remote.url, "there.net");
    let secret = |name: &str, to: &str| format!("{{ name = \"{name}\", to = [\"{to}\"] }}");
    let secrets = [secret("API_KEY", to), secret("THERE", there), secret("UNSET", to)].join(", ");
    let narrow = format!("fetch = [\"{to}\"], key_value = true, secrets = [{secrets}]");
    host.deploy_reacher(&flow("f", &narrow, "")).await;
    for name in ["API_KEY", "THERE", "NOT_GRANTED"] {
        put(&host.client, name, VALUE).await;
    }
    let url = format!("{}/x", remote.url);
    let header = |value: &str| json!({ "fetch": { "url": url, "headers": [["x", value]] } });
    let acts = json!([
        { "fetch": { "url": format!("{url}?key=${{API_KEY}}") } },
        { "fetch": { "url": format!("{url}/${{API_KEY}}") } },
        { "fetch": { "method": "POST", "url": url, "body": "key=${API_KEY}" } },
        header("${THERE}"),
        header("${UNSET}"),
        header("${API_KEY}${THERE}"),
    ]);
    let did = reach(&host, acts).await;
    for at in 0..6 {
        assert_eq!(did[at]["error"], "Denied", "{at}: {:#}", did[at]);
    }
    assert!(did[4]["why"].as_str().unwrap().contains("stepcell secret set UNSET"), "{did:#}");
    assert!(remote.seen().is_empty());
    // What names no granted secret is no placeholder.
    reach(&host, json!([header("${NOT_GRANTED}")])).await;
    assert_eq!(remote.seen()[0].whole["headers"]["x"], "${NOT_GRANTED}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_an_http_step_takes_a_secret() {
    let remote = Remote::start().await;
    let host = Host::with(settings(&remote)).await;
    put(&host.client, "API_KEY", VALUE).await;
    let step = |path: &str, grants: &str| {
        format!(
            "flow = \"h\"\n[[step]]\nname = \"call\"\nmax_attempts = 1\nbuiltin = {{ http = {{ url = \"{}/{path}\", \
             headers = {{ Authorization = \"Bearer ${{secrets.API_KEY}}\" }} }} }}\n{grants}\n",
            remote.url
        )
    };
    let refused = register(&host.client, step("echo", "")).await;
    assert_eq!(refused.code(), "manifest.missing_grant", "{refused:?}");
    let anywhere =
        register(&host.client, step("echo", "grants = { secrets = [\"API_KEY\"] }")).await;
    assert_eq!(anywhere.code(), "manifest.missing_grant", "plain http: {anywhere:?}");
    let grants =
        &format!("grants = {{ secrets = [{{ name = \"API_KEY\", to = [\"{}\"] }}] }}", remote.url);
    register(&host.client, step("echo", grants)).await.ok();
    let run = host.client.run("h", &Value::Null).await;
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!(remote.seen()[0].whole["headers"]["authorization"], format!("Bearer {VALUE}"));
    assert!(!run.to_string().contains(&VALUE[..8]), "{run:#}");
    host.client.delete("/v1/secrets/API_KEY").await.ok();
    let run = host.client.run("h", &Value::Null).await;
    assert_eq!(run["failure"]["kind"], "capability_denied", "{run:#}");
    assert_eq!(remote.seen().len(), 1);
    let url = step("${secrets.API_KEY}", grants).replace("${secrets.API_KEY}\\\"", "\\\"");
    assert_eq!(register(&host.client, url).await.code(), "manifest.bad_text");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_in_and_only_names_come_out() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    assert_eq!(
        put(&host.client, "API_KEY", "another-value").await,
        (200, json!({ "name": "API_KEY", "version": 2 }))
    );
    for (value, code, text) in [
        (json!({ "value": "tiny77" }), "secret.bad_value", "tiny77"),
        (json!({ "value": "with-a\nbroken-77" }), "secret.bad_value", "broken-77"),
        (json!({ "value": "x77".repeat(3_000) }), "secret.bad_value", "x77"),
        (json!({ "value": 123_456_789 }), "request.invalid", "123456789"),
        (json!({ "vlaue": "misspelt-77" }), "request.invalid", "misspelt-77"),
        (json!("bare-secret-77"), "request.invalid", "bare-secret-77"),
    ] {
        let refused = host.client.put("/v1/secrets/NEW", &value).await;
        assert_eq!(refused.code(), code, "{refused:?}");
        assert!(!refused.body["detail"].to_string().contains(text), "{refused:?}");
    }
    let listed = host.client.get("/v1/secrets").await.ok();
    let listed = listed["secrets"].as_array().unwrap();
    let mut fields: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["created_at", "key_id", "name", "updated_at", "version"]);
    assert_eq!((listed.len(), &listed[0]["version"]), (1, &json!(2)));
    let key = new_key(&host.store, "default", &[Scope::Read, Scope::Run]).await;
    let reader = host.client.with_key(&key);
    assert_eq!(put(&reader, "API_KEY", "another-value").await.0, 403);
    assert_eq!(reader.delete("/v1/secrets/API_KEY").await.code(), "forbidden");
    assert_eq!(reader.post("/v1/secret-keys/rotate", &json!({})).await.code(), "forbidden");
    host.client.delete("/v1/secrets/API_KEY").await.ok();
    assert_eq!(host.client.delete("/v1/secrets/API_KEY").await.code(), "secret.not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_a_thousand_secrets_and_can_set_those_again() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    host.database
        .run(&["insert into secret (tenant_id, name, version, key_id, nonce, ciphertext)
             select tenant_id, 's' || n, 1, key_id, nonce, ciphertext from secret, generate_series(1, 999) n"])
        .unwrap();
    let (status, refused) = put(&host.client, "ONE_MORE", VALUE).await;
    assert_eq!((status, &refused["code"]), (409, &json!("secret.too_many")), "{refused:#}");
    assert_eq!(put(&host.client, "API_KEY", VALUE).await.0, 200);
    host.client.delete("/v1/secrets/s1").await.ok();
    assert_eq!(put(&host.client, "ONE_MORE", VALUE).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_hidden_also_where_a_later_call_brings_it_back() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let back = json!({ "fetch": { "method": "POST", "url": format!("{}/echo", remote.url), "headers": [["range", "bytes=0-9"]],
        "body": format!("it was {VALUE}") } });
    let did = reach(&host, json!([back])).await;
    let echoed: Value = serde_json::from_str(did[0]["body"].as_str().unwrap()).unwrap();
    assert!(echoed["body"].as_str().unwrap().starts_with("it was {{secret:"), "{did:#}");
    assert!(remote.seen()[0].whole["headers"]["range"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_another_tenant_or_name_cannot_stand_for_a_secret() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let stranger = host.stranger().await;
    assert_eq!(stranger.get("/v1/secrets").await.ok()["secrets"], json!([]));
    assert_eq!(stranger.delete("/v1/secrets/API_KEY").await.code(), "secret.not_found");
    put(&stranger, "API_KEY", "of-the-stranger").await;
    let acts = json!([keyed(format!("{}/mine", remote.url))]);
    reach(&host, acts.clone()).await;
    assert_eq!(remote.seen()[0].whole["headers"]["authorization"], format!("Bearer {VALUE}"));
    host.database
        .run(&["update secret s set nonce = o.nonce, ciphertext = o.ciphertext from secret o where o.tenant_id <> s.tenant_id"])
        .unwrap();
    let did = reach(&host, acts).await;
    assert_eq!(did[0]["error"], "Other", "{did:#}");
    assert_eq!(remote.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_only_the_newest_key_is_needed() {
    let remote = Remote::start().await;
    let old = host(&remote).await;
    put(&old.client, "SECOND", "the-second-value").await;
    let with = |keys: &str| Settings { keyring: Some(keys.parse().unwrap()), ..settings(&remote) };
    let rotating = Settings { works: false, ..with(&format!("{NEWER}\n{KEY}\n")) };
    let rotating = Host::over(std::sync::Arc::clone(&old.database), rotating).await;
    for resealed in [2, 0] {
        let rotated = rotating.client.post("/v1/secret-keys/rotate", &json!({})).await.ok();
        assert_eq!(
            (&rotated["resealed"], &rotated["unreadable"], &rotated["more"]),
            (&json!(resealed), &json!(0), &json!(false)),
            "{rotated:#}"
        );
    }
    let acts = json!([keyed(format!("{}/x", remote.url))]);
    let did = reach(&old, acts.clone()).await;
    assert_eq!(did[0]["error"], "Other", "the old key opens nothing any more: {did:#}");
    assert!(did[0]["why"].as_str().unwrap().contains("--secrets-key-file"), "{did:#}");
    let (database, url) = (std::sync::Arc::clone(&old.database), remote.url.clone());
    drop(old);
    let new = Host::over(database, with(NEWER)).await;
    reach(&new, acts).await;
    let seen = remote.seen();
    assert_eq!(
        seen.last().unwrap().whole["headers"]["authorization"],
        format!("Bearer {VALUE}"),
        "{url}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_gets_past_any_number_of_secrets_that_no_key_opens() {
    let remote = Remote::start().await;
    let old = host(&remote).await;
    old.database
        .run(&["insert into secret (tenant_id, name, version, key_id, nonce, ciphertext)
             select tenant_id, '0' || n, 1, 'lost', nonce, ciphertext from secret, generate_series(1, 10100) n"])
        .unwrap();
    let keyring = Some(format!("{NEWER}\n{KEY}\n").parse().unwrap());
    let rotating = Settings { works: false, keyring, ..settings(&remote) };
    let rotating = Host::over(std::sync::Arc::clone(&old.database), rotating).await;
    let rotated = rotating.client.post("/v1/secret-keys/rotate", &json!({})).await.ok();
    assert_eq!(
        (&rotated["resealed"], &rotated["unreadable"], &rotated["more"]),
        (&json!(1), &json!(10_100), &json!(false)),
        "{rotated:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_key_keeps_no_secrets_and_says_so() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let (status, refused) = put(&host.client, "API_KEY", VALUE).await;
    assert_eq!((status, &refused["code"]), (409, &json!("secret.no_key")), "{refused:#}");
    assert!(refused["detail"].as_str().unwrap().contains("--secrets-key-file"), "{refused:#}");
    let bytes = tokio::task::spawn_blocking(stepcell_tests::guests::reacher).await.unwrap();
    let digest = host.upload(bytes).await;
    let refused = host.client.deploy(&flow("f", &all(&remote), ""), digest).await;
    assert_eq!(refused.code(), "secret.no_key", "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_takes_a_value_from_standard_input_or_a_file() {
    let remote = Remote::start().await;
    let host = host(&remote).await;
    let stepcell = |arguments: &[&str], input: &str| {
        let mut command = Command::new(binary());
        command.args(["--url", host.client.url(), "--key", host.client.key()]).args(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        tokio::task::block_in_place(|| child.wait_with_output().unwrap())
    };
    let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let set = stepcell(&["secret", "set", "API_KEY"], "from-standard-input\n");
    assert!(text(&set).contains("`API_KEY` is set, version 2"), "{set:?}");
    reach(&host, json!([keyed(format!("{}/x", remote.url))])).await;
    assert_eq!(remote.seen()[0].whole["headers"]["authorization"], "Bearer from-standard-input");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("value");
    std::fs::write(&file, "from-a-file\r\n").unwrap();
    stepcell(&["secret", "set", "FILED", "--file", file.to_str().unwrap()], "");
    let listed = stepcell(&["secret", "list"], "");
    assert!(text(&listed).contains("API_KEY") && text(&listed).contains("FILED"), "{listed:?}");
    assert!(!text(&listed).contains("from-"), "{listed:?}");
    let rotated = stepcell(&["secret", "rotate"], "");
    assert!(text(&rotated).starts_with("0 secrets were encrypted again"), "{rotated:?}");
    assert!(stepcell(&["secret", "delete", "FILED"], "").status.success());
    let refused = stepcell(&["secret", "set", "API_KEY"], "short");
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    assert!(!String::from_utf8_lossy(&refused.stderr).contains("short\""), "{refused:?}");
}
