//! The API on real sockets: what it refuses before it reads, what it closes, what every answer carries.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use stepcell_tests::client::{PATIENCE, send, until};
use stepcell_tests::host::{Host, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::tenants::deploy;

async fn with(limits: api::Limits) -> Host {
    Host::with(Settings { works: false, limits, ..Settings::default() }).await
}

async fn connect(host: &Host) -> TcpStream {
    let address = host.client.url().strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Everything the host says until it closes the connection.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    // A connection that is closed with something unread is reset: closed all the same.
    let _ = read.expect("the host closes the connection");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_name_is_kept_by_nobody_and_is_for_no_other_site() {
    let host = with(api::Limits::default()).await;
    let asked = [
        (Method::GET, "/healthz", 200),
        (Method::GET, "/v1/runs", 200),
        (Method::GET, "/openapi.json", 200),
        (Method::GET, "/v1/nowhere", 404),
        (Method::GET, "/", 404),
        (Method::PATCH, "/v1/runs", 405),
        (Method::OPTIONS, "/v1/runs", 405),
        (Method::POST, "/v1/tenants", 400),
    ];
    for (method, path, status) in asked {
        let request =
            host.client.request(method.clone(), path).header("origin", "https://evil.example");
        let answer = request.header("access-control-request-method", "POST").send().await.unwrap();
        let headers = answer.headers();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{method} {path}");
        assert_eq!(headers["cache-control"], "no-store", "{method} {path}");
        assert!(headers["x-request-id"].len() > 20, "{method} {path}");
        let cors = headers.keys().find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(cors, None, "{method} {path}");
        if status >= 400 {
            let named = headers["x-request-id"].clone();
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["request_id"], named.to_str().unwrap(), "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_packed_or_of_another_type_is_refused_and_says_what_to_send() {
    let host = with(api::Limits::default()).await;
    let cases = [
        (
            Method::PUT,
            "/v1/components",
            "application/wasm",
            Some("gzip"),
            "request.content_encoding",
        ),
        (
            Method::POST,
            "/v1/flows/f/runs",
            "application/json",
            Some("br"),
            "request.content_encoding",
        ),
        (
            Method::POST,
            "/v1/flows",
            "application/json",
            Some("identity"),
            "request.content_encoding",
        ),
        (Method::PUT, "/v1/components", "text/html", None, "request.content_type"),
        (Method::POST, "/v1/flows", "text/plain", None, "request.content_type"),
        (
            Method::POST,
            "/v1/flows/f/runs",
            "application/x-www-form-urlencoded",
            None,
            "request.content_type",
        ),
        (Method::POST, "/v1/tenants", "multipart/form-data", None, "request.content_type"),
        (Method::PUT, "/v1/closures/c", "", None, "request.content_type"),
    ];
    for (method, path, kind, packed, code) in cases {
        let mut request = host.client.request(method, path).body("{}");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        if let Some(packed) = packed {
            request = request.header("content-encoding", packed);
        }
        let refused = send(request).await;
        assert_eq!((refused.status, refused.code()), (415, code), "{path} {kind}: {refused:?}");
        let said = refused.body.to_string();
        assert!(said.contains("send"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_send_a_head_in_time_is_closed() {
    let head_time = Duration::from_millis(300);
    let host = with(api::Limits { head_time, ..api::Limits::default() }).await;
    for begun in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let mut stream = connect(&host).await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        let said = to_the_end(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{begun}: {said}");
    }
    // One that rests after an answer is closed too.
    let mut stream = connect(&host).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let said = to_the_end(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_takes_nothing_of_its_answers_is_closed() {
    let write_time = Duration::from_millis(300);
    let host = with(api::Limits { write_time, ..api::Limits::default() }).await;
    let mut stream = connect(&host).await;
    // More than all buffers on the way hold.
    let ask = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
    let asks = async { while stream.write_all(&ask).await.is_ok() {} };
    timeout(PATIENCE, asks).await.expect("the host closes the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let host = with(api::Limits::default()).await;
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let large = format!("x: {}\r\n", "y".repeat(200_000));
    for headers in [many, large] {
        let mut stream = connect(&host).await;
        let head = format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        // The host may have closed the connection before all was sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let said = to_the_end(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    }
    assert_eq!(host.client.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_only_so_many_connections_and_gets_them_back() {
    let host = with(api::Limits { connections_per_peer: 2, ..api::Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = connect(&host).await;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        held.push(stream);
    }
    let mut third = connect(&host).await;
    assert_eq!(to_the_end(&mut third).await, "", "it is closed at once");
    held.clear();
    let answers = async || {
        let answer = host.client.request(Method::GET, "/healthz").send().await.ok()?;
        answer.status().is_success().then_some(())
    };
    until("a place is free again", answers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_has_only_so_many_streams_open_and_gets_them_back() {
    let host = with(api::Limits { streams_per_tenant: 1, ..api::Limits::default() }).await;
    deploy(&host.client, "echo", "").await;
    let run = host.client.start("f", &json!(1)).await;
    let stream = || {
        let request = host.client.request(Method::GET, &format!("/v1/runs/{run}/events"));
        request.header("accept", "text/event-stream")
    };
    let first = stream().send().await.unwrap();
    assert_eq!(first.status(), 200);
    let second = send(stream()).await;
    assert_eq!((second.status, second.code()), (429, "too_many_streams"), "{second:?}");
    let stranger = host.stranger().await;
    deploy(&stranger, "echo", "").await;
    let other = stranger.start("f", &json!(1)).await;
    let other = stranger.request(Method::GET, &format!("/v1/runs/{other}/events"));
    let other = other.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(other.status(), 200, "another tenant has its own");
    drop(first);
    let again = async || (stream().send().await.unwrap().status() == 200).then_some(());
    until("a stream can be opened again", again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_good_for_its_list_and_its_tenant_alone() {
    let host = with(api::Limits::default()).await;
    let stranger = host.stranger().await;
    for client in [&host.client, &stranger] {
        deploy(client, "echo", "").await;
        for _ in 0..2 {
            client.start("f", &json!(1)).await;
        }
    }
    let page = host.client.get("/v1/runs?limit=1").await.ok();
    let next = page["next"].as_str().unwrap();
    assert_eq!(host.client.get(&format!("/v1/runs?cursor={next}")).await.status, 200);
    for (client, list) in [(&stranger, "runs"), (&host.client, "flows"), (&host.client, "tenants")]
    {
        let refused = client.get(&format!("/v1/{list}?cursor={next}")).await;
        assert_eq!((refused.status, refused.code()), (400, "request.bad_cursor"), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_is_an_attachment() {
    let host = Host::start().await;
    deploy(&host.client, "echo", "").await;
    let run = host.client.run("f", &json!("<script>")).await;
    let path = format!("/v1/runs/{}/output", run["run_id"].as_str().unwrap());
    let answer = host.client.request(Method::GET, &path).send().await.unwrap();
    let headers = answer.headers();
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert_eq!(headers["content-type"], "application/json");
}
