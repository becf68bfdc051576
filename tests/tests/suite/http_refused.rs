//! Calls that are not made: what a manifest cannot say, what the flow does not grant, what the operator does not allow,
//! and addresses that are not public.

use serde_json::{Value, json};
use stepcell_tests::host::{Host, Settings};
use stepcell_tests::remote::Remote;

use crate::http_calls::{flow, register};

/// Settings of a host that allows these origins and networks.
fn allowing(allowed: &[&str], networks: &[&str]) -> Settings {
    let mut settings = Settings::default();
    settings.worker.outbound = outbound::Settings {
        allowed: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
    };
    settings
}

/// What a run of `f` failed with, and how often it was tried.
async fn failure(host: &Host, input: Value) -> (String, String, u64) {
    let run = host.client.run("f", &input).await;
    let text = |name: &str| run["failure"][name].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("message"), run["attempts"].as_u64().unwrap_or(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_call_can_be_made_of_is_refused_at_registration() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    let url = "url = \"https://a.net/x\"";
    for (http, more, code) in [
        ("{ }", "", "manifest.missing_field"),
        ("\"https://a.net\"", "", "manifest.wrong_type"),
        ("{ url = \"a.net\" }", "", "manifest.bad_text"),
        ("{ url = \"ftp://a.net\" }", "", "manifest.bad_text"),
        ("{ url = \"https://user:pass@a.net/\" }", "", "manifest.bad_text"),
        ("{ url = \"https://a.net/../x\" }", "", "manifest.bad_text"),
        ("{ url = \"https://a.net/#x\" }", "", "manifest.bad_text"),
        ("{ url = \"https://a.net/${input.x\" }", "", "manifest.bad_text"),
        ("{ url = \"https://a.net/${secrets.x}\" }", "", "manifest.bad_text"),
        (&format!("{{ {url}, method = \"TRACE\" }}"), "", "manifest.wrong_type"),
        (&format!("{{ {url}, method = \"CONNECT\" }}"), "", "manifest.wrong_type"),
        (&format!("{{ {url}, body = 1 }}"), "", "manifest.conflicting_fields"),
        (&format!("{{ {url}, timeout = \"1s\" }}"), "", "manifest.unknown_field"),
        (&format!("{{ {url}, headers = {{ \"a b\" = \"x\" }} }}"), "", "manifest.bad_text"),
        (&format!("{{ {url}, headers = {{ Host = \"evil\" }} }}"), "", "manifest.bad_text"),
        (
            &format!("{{ {url}, headers = {{ Transfer-Encoding = \"x\" }} }}"),
            "",
            "manifest.bad_text",
        ),
        (
            &format!("{{ {url}, headers = {{ X-A = \"1\", x-a = \"2\" }} }}"),
            "",
            "manifest.bad_text",
        ),
        (&format!("{{ {url}, headers = {{ x = 1 }} }}"), "", "manifest.wrong_type"),
        (&format!("{{ {url} }}"), "grants = { fetch = [\"a.net/x\"] }", "manifest.bad_text"),
        (&format!("{{ {url} }}"), "grants = { scratch = \"1MiB\" }", "manifest.unused_grant"),
        (&format!("{{ {url} }}"), "grants = { key_value = true }", "manifest.unused_grant"),
        (&format!("{{ {url} }}"), "grants = { fetch = [\"b.net\"] }", "manifest.missing_grant"),
        (
            "{ url = \"http://a.net\" }",
            "grants = { fetch = [\"a.net\"] }",
            "manifest.missing_grant",
        ),
        ("{ url = \"https://${input.host}/x\" }", "", "manifest.missing_grant"),
        ("{ url = \"https://a.net${input.rest}\" }", "", "manifest.missing_grant"),
        ("{ url = \"${input.url}\" }", "grants = { fetch = [] }", "manifest.missing_grant"),
    ] {
        let answer = register(&host.client, flow("f", http, more)).await;
        assert_eq!((answer.status, answer.code()), (422, code), "{http} {more}: {answer:?}");
    }
    let set = "flow = \"f\"\n[[step]]\nname = \"a\"\nbuiltin = { set = 1 }\ngrants = { fetch = [\"a.net\"] }\n";
    assert_eq!(register(&host.client, set.to_owned()).await.code(), "manifest.not_supported");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_public_are_refused_in_every_spelling() {
    let remote = Remote::start().await;
    let port = remote.url.rsplit(':').next().unwrap().to_owned();
    let host = Host::with(allowing(&["*:*", "http://*:*"], &[])).await;
    let grants = "grants = { fetch = [\"*:*\", \"http://*:*\"] }";
    register(&host.client, flow("f", "{ url = \"${input}\" }", grants)).await.ok();
    for named in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "localhost",
        "LOCALHOST",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.100.100.200",
    ] {
        let (kind, why, attempts) = failure(&host, json!(format!("http://{named}:{port}/x"))).await;
        assert_eq!((&kind[..], attempts), ("capability_denied", 1), "{named}: {why}");
        assert!(why.contains("--allow-fetch-network"), "{named}: {why}");
    }
    for url in [
        format!("http://1.1.1.1@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}\\@1.1.1.1/"),
        format!("http:127.0.0.1:{port}/"),
        format!("http:///127.0.0.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!(" http://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}/#x"),
        format!("ht\ttp://127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
        String::new(),
    ] {
        let (kind, why, _) = failure(&host, json!(url)).await;
        assert_eq!(kind, "handler_error.validation", "{url}: {why}");
    }
    assert!(remote.seen().is_empty(), "{:?}", remote.seen());
    assert_eq!(
        host.database.run(&["select count(*) from breaker"]).unwrap(),
        ["0"],
        "a refusal is no failure"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_templated_origin_goes_where_the_grants_say_and_nowhere_else() {
    let remote = Remote::start().await;
    let port = remote.url.rsplit(':').next().unwrap().to_owned();
    let host = Host::with(allowing(&["*:*", "http://*:*"], &["127.0.0.0/8"])).await;
    let grants = format!("grants = {{ fetch = [\"http://127.0.0.1:{port}\", \"*.example.org\"] }}");
    let http = format!("{{ url = \"http://${{input}}:{port}/x\" }}");
    register(&host.client, flow("f", &http, &grants)).await.ok();
    let run = host.client.run("f", &json!("127.0.0.1")).await;
    assert_eq!(run["output"]["call"]["status"], 200, "{run:#}");
    for named in ["127.0.0.2", "a.example.org", "evil.net", "127.0.0.1.evil.net"] {
        let (kind, why, attempts) = failure(&host, json!(named)).await;
        assert_eq!((&kind[..], attempts), ("capability_denied", 1), "{named}: {why}");
        assert!(
            why.contains("the step may not call") && why.contains("grants = "),
            "{named}: {why}"
        );
    }
    for named in ["127.0.0.1/", "127.0.0.1#", "x@127.0.0.1", "127.0.0.1:1", "", "127.0.0.1?"] {
        let (kind, why, _) = failure(&host, json!(named)).await;
        assert_eq!(kind, "handler_error.validation", "{named}: {why}");
    }
    assert_eq!(remote.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_list_is_asked_too_and_nothing_is_on_it_by_default() {
    let remote = Remote::start().await;
    let http = format!("{{ url = \"{}/x\" }}", remote.url);
    for allowed in [&[][..], &["127.0.0.1"], &["*"], &["http://127.0.0.1"], &["http://*.net:*"]] {
        let host = Host::with(allowing(allowed, &["127.0.0.0/8"])).await;
        register(&host.client, flow("f", &http, "")).await.ok();
        let (kind, why, attempts) = failure(&host, Value::Null).await;
        assert_eq!((&kind[..], attempts), ("capability_denied", 1), "{allowed:?}: {why}");
        assert!(why.contains(&format!("--allow-fetch '{}'", remote.url)), "{why}");
    }
    assert!(remote.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_cannot_leave_its_place_in_a_url_or_a_header() {
    let remote = Remote::start().await;
    let host = Host::with(remote.settings()).await;
    let http = format!(
        "{{ url = \"{}/a/${{input}}/b\", headers = {{ x-of = \"${{input}}\" }} }}",
        remote.url
    );
    register(&host.client, flow("f", &http, "")).await.ok();
    for (input, path) in [
        ("../../admin", "/a/..%2F..%2Fadmin/b"),
        ("?x=1", "/a/%3Fx%3D1/b"),
        ("#", "/a/%23/b"),
        ("@evil.net", "/a/%40evil.net/b"),
        ("%2e%2e", "/a/%252e%252e/b"),
    ] {
        let run = host.client.run("f", &json!(input)).await;
        assert_eq!(run["output"]["call"]["body"]["path"], path, "{run:#}");
        assert_eq!(run["output"]["call"]["body"]["query"], Value::Null, "{run:#}");
    }
    for input in [
        json!(".."),
        json!("."),
        json!(""),
        json!("a\r\nx-evil: 1"),
        json!("é"),
        json!({}),
        json!(null),
    ] {
        let (kind, why, attempts) = failure(&host, input.clone()).await;
        assert_eq!((&kind[..], attempts), ("handler_error.validation", 1), "{input}: {why}");
    }
    assert_eq!(remote.seen().len(), 5);
}
