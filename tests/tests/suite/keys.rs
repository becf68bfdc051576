//! Keys: shown once, listed without secrets, worthless everywhere within five seconds.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{Client, until};
use stepcell_tests::host::{Host, Settings, new_key};
use store::Scope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::tenants::deploy;

/// Within which a key that was revoked is worthless everywhere, and what it holds open ends.
const WORTHLESS: Duration = Duration::from_secs(5);

async fn without_worker() -> Host {
    Host::with(Settings { works: false, ..Settings::default() }).await
}

/// A key of the tenant `acme`, which is made; its id.
async fn acme(operator: &Client, scopes: &[&str]) -> (Client, String) {
    operator.post("/v1/tenants", &json!({ "name": "acme" })).await.ok();
    let wanted = json!({ "scopes": scopes, "label": "ci", "expires_in": "1h" });
    let made = operator.post("/v1/tenants/acme/keys", &wanted).await.ok();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    (operator.with_key(key), id.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_listed_without_its_secret_and_worthless_once_revoked() {
    let host = without_worker().await;
    let (client, id) = acme(&host.client, &["read", "run", "read"]).await;
    assert_eq!(client.get("/v1/runs").await.status, 200);
    let list = host.client.get("/v1/tenants/acme/keys").await.ok();
    let listed = &list["keys"][0];
    let shown = (&listed["id"], &listed["label"], &listed["scopes"], &listed["revoked_at"]);
    assert_eq!(shown, (&json!(id), &json!("ci"), &json!(["read", "run"]), &Value::Null));
    assert!(listed["expires_at"].is_string());
    let secret = client.key().rsplit('_').next().unwrap();
    assert!(!list.to_string().contains(secret), "{list:#}");
    let kept =
        host.database.run(&["select to_jsonb(api_key)::text from api_key"]).unwrap().concat();
    assert!(!kept.contains(secret), "only its hash is kept");
    let path = format!("/v1/tenants/acme/keys/{id}");
    assert_eq!(
        host.client.delete(&format!("/v1/tenants/default/keys/{id}")).await.code(),
        "key.not_found"
    );
    assert_eq!(host.client.delete(&path).await.status, 204);
    assert_eq!(client.get("/v1/runs").await.code(), "unauthorized", "at once on this host");
    assert_eq!(host.client.delete(&path).await.status, 204, "again changes nothing");
    let list = host.client.get("/v1/tenants/acme/keys").await.ok();
    assert!(list["keys"][0]["revoked_at"].is_string(), "{list:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_operator_administers_tenants() {
    let host = without_worker().await;
    let (client, _) = acme(&host.client, &["read", "run", "deploy"]).await;
    for (method, path) in [
        (Method::GET, "/v1/tenants"),
        (Method::POST, "/v1/tenants"),
        (Method::GET, "/v1/tenants/acme"),
        (Method::DELETE, "/v1/tenants/default"),
        (Method::GET, "/v1/tenants/default/export"),
        (Method::POST, "/v1/tenants/acme/keys"),
        (Method::GET, "/v1/audit/verify"),
    ] {
        let refused = stepcell_tests::client::send(client.request(method, path)).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{path}: {refused:?}");
    }
    for (wanted, at) in [
        (json!({ "scopes": [] }), "/scopes"),
        (json!({ "scopes": ["root"] }), "/scopes"),
        (json!({ "scopes": ["read"], "label": "" }), "/label"),
        (json!({ "scopes": ["read"], "expires_in": "0s" }), "/expires_in"),
    ] {
        let refused = host.client.post("/v1/tenants/acme/keys", &wanted).await;
        assert_eq!((refused.code(), &refused.body["pointer"]), ("request.invalid", &json!(at)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_have_no_valid_key_is_answered_with_the_same_bytes() {
    let host = without_worker().await;
    let (expired, id) = acme(&host.client, &["read"]).await;
    let over = format!("update api_key set expires_at = now() where id = '{id}'");
    host.database.run(&[&over]).unwrap();
    let revoked = new_key(&host.store, "acme", &[Scope::Read]).await;
    host.database
        .run(&["update api_key set revoked_at = now() where label is null and tenant_id > 1"])
        .unwrap();
    let wrong = host.client.key().rsplit_once('_').unwrap().0.to_owned() + "_ffff";
    let stranger = host.stranger().await;
    host.client.delete("/v1/tenants/stranger").await;
    let mut seen = Vec::new();
    for key in [expired.key(), &revoked, &wrong, stranger.key(), "sc_ab_cd", "nonsense", ""] {
        let request = host.client.with_key(key).request(Method::GET, "/v1/runs");
        let answer = request.header("x-request-id", "one").send().await.unwrap();
        let mut headers: Vec<_> =
            answer.headers().iter().map(|(k, v)| format!("{k} {v:?}")).collect();
        headers.retain(|header| !header.starts_with("date "));
        seen.push((
            key.to_owned(),
            answer.status().as_u16(),
            headers,
            answer.text().await.unwrap(),
        ));
    }
    let first = seen[0].clone();
    assert_eq!(first.1, 401);
    for (key, status, headers, body) in seen {
        assert_eq!((status, headers, body), (first.1, first.2.clone(), first.3.clone()), "{key}");
    }
}

/// Opens a stream of a run's events with this key; when it ends.
async fn stream(client: &Client, run: &str) -> tokio::task::JoinHandle<Instant> {
    let request = client.request(Method::GET, &format!("/v1/runs/{run}/events"));
    let request = request.header("accept", "text/event-stream");
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    tokio::spawn(async move {
        while let Ok(Some(_)) = answer.chunk().await {}
        Instant::now()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_worthless_on_every_host_and_what_it_holds_open_ends() {
    let (first, second) = Host::two(Duration::from_secs(3)).await;
    let (client, id) = acme(&first.client, &["read", "run", "deploy"]).await;
    deploy(&client, "echo", "start_delay = \"1h\"\n").await;
    let run = client.start("f", &json!(1)).await;
    let client = Client::new(second.client.url(), client.key());
    let stream = stream(&client, &run).await;
    let path = format!("/v1/runs/{run}/wait?timeout=60s");
    let waits = client.clone();
    let waiting = tokio::spawn(async move { (waits.get(&path).await, Instant::now()) });
    let believed = async || (client.get("/v1/runs").await.status == 200).then_some(());
    until("the other host believes the key", believed).await;
    first.client.delete(&format!("/v1/tenants/acme/keys/{id}")).await;
    let revoked = Instant::now();
    let refused = async || (client.get("/v1/runs").await.status == 401).then_some(());
    until("the other host refuses the key", refused).await;
    assert!(revoked.elapsed() < WORTHLESS, "{:?}", revoked.elapsed());
    let ended = stream.await.unwrap() - revoked;
    assert!(ended < WORTHLESS, "the stream ended after {ended:?}");
    let (answer, at) = waiting.await.unwrap();
    assert_eq!(answer.code(), "unauthorized", "{answer:?}");
    assert!(at - revoked < WORTHLESS, "the wait ended after {:?}", at - revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_holds_open_ends_when_it_is_frozen_and_can_be_asked_for_again() {
    let host = Host::start().await;
    let (client, _) = acme(&host.client, &["read", "run", "deploy"]).await;
    deploy(&client, "echo", "start_delay = \"1h\"\n").await;
    let run = client.start("f", &json!(1)).await;
    let held = stream(&client, &run).await;
    let open = host.client.post("/v1/tenants/acme/freeze", &json!({})).await.ok();
    assert_eq!(open["status"], "frozen");
    let frozen = Instant::now();
    let ended = held.await.unwrap() - frozen;
    assert!(ended < WORTHLESS, "the stream ended after {ended:?}");
    let again = client.get(&format!("/v1/runs/{run}/events")).await;
    assert_eq!(again.status, 200, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_for_a_key_that_was_revoked_while_the_body_arrived() {
    let host = without_worker().await;
    let (client, id) = acme(&host.client, &["deploy"]).await;
    let address = client.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT /v1/closures/c HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nexpect: 100-continue\r\n\
         connection: close\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n",
        client.key()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The body is asked for: the key was valid.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100"));
    assert_eq!(host.client.delete(&format!("/v1/tenants/acme/keys/{id}")).await.status, 204);
    stream.write_all(b"{\"flow\":\"f\"}").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 401"), "{said}");
}
