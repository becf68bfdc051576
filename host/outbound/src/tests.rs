//! Which calls are permitted, before anything is looked up or sent.

use super::*;

fn outbound(allowed: &[&str], networks: &[&str]) -> Outbound {
    Outbound::new(Settings {
        allowed: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        networks: networks.iter().map(|text| text.parse().unwrap()).collect(),
    })
}

fn permit(outbound: &Outbound, grants: &[&str], url: &str) -> Result<String, Error> {
    let fetch = grants.iter().map(|text| text.parse().unwrap()).collect();
    let grants = Grants { fetch, ..Grants::default() };
    let (method, url) = (HttpMethod::Get, url.parse().unwrap());
    let request = HttpRequest { method, url, headers: Vec::new(), body: Vec::new() };
    outbound.permit(&grants, request).map(|call| call.origin().to_string())
}

fn denied(found: Result<String, Error>) -> String {
    match found {
        Err(Error::Denied(why) | Error::RefusedAddress(why)) => why,
        found => panic!("{found:?}"),
    }
}

#[test]
fn both_sides_must_allow_a_call_and_the_refusal_says_which_does_not() {
    let outbound = outbound(&["*.example.com"], &[]);
    let url = "https://a.example.com/x";
    assert_eq!(permit(&outbound, &["a.example.com"], url).unwrap(), "https://a.example.com");
    let by_grants = denied(permit(&outbound, &["b.example.com"], url));
    assert!(by_grants.contains(r#"grants = { fetch = ["a.example.com"] }"#), "{by_grants}");
    let by_operator = denied(permit(&outbound, &["*:*"], "https://b.net:8443"));
    assert!(by_operator.contains("--allow-fetch 'b.net:8443'"), "{by_operator}");
    let plain = denied(permit(&outbound, &["http://a.example.com"], "http://a.example.com"));
    assert!(plain.contains("--allow-fetch 'http://a.example.com'"), "{plain}");
}

#[test]
fn an_address_that_is_not_public_is_refused_in_every_spelling() {
    let outbound = outbound(&["*", "http://*:*"], &["10.0.0.0/24"]);
    for url in [
        "https://127.0.0.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://127.1",
        "https://0",
        "https://%31%32%37.0.0.1",
        "https://127.0.0.1.",
        "https://①②⑦.0.0.1",
        "https://[::1]",
        "https://[::ffff:127.0.0.1]",
        "https://[::ffff:7f00:1]",
        "https://[64:ff9b::7f00:1]",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]",
        "http://100.100.100.200:8080",
        "http://10.0.1.1",
    ] {
        let why = denied(permit(&outbound, &["*", "http://*:*"], url));
        assert!(why.contains("--allow-fetch-network"), "{url}: {why}");
    }
    assert!(permit(&outbound, &["http://*"], "http://10.0.0.9").is_ok());
    assert!(permit(&outbound, &["*"], "https://1.1.1.1").is_ok());
}

#[tokio::test]
async fn a_name_with_an_inner_address_is_refused_when_it_is_resolved() {
    let outbound = outbound(&["http://*:*"], &[]);
    let fetch = vec!["http://localhost:9".parse().unwrap()];
    let grants = Grants { fetch, ..Grants::default() };
    let (method, url) = (HttpMethod::Get, "http://localhost:9/".parse().unwrap());
    let request = HttpRequest { method, url, headers: Vec::new(), body: Vec::new() };
    let call = outbound.permit(&grants, request).unwrap();
    let refused = outbound.send(TenantId(1), call).await.unwrap_err();
    assert!(
        matches!(&refused, Error::RefusedAddress(why) if why.contains("`localhost`")),
        "{refused:?}"
    );
}

#[test]
fn headers_of_the_connection_are_the_clients_own() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let read = read_headers(vec![
        header("host", "evil"),
        header("transfer-encoding", "chunked"),
        header("x-a", "1"),
        header("x-a", "2"),
    ]);
    let read = read.unwrap();
    let names: Vec<&str> = read.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["x-a", "user-agent"]);
    assert_eq!(read.get_all("x-a").iter().count(), 2);
    assert!(read_headers(vec![header("x", "a\r\nb: c")]).is_err());
    assert!(read_headers(vec![header("a b", "c")]).is_err());
}

#[test]
fn headers_with_secrets_in_them_stay_within_their_limit() {
    let outbound = outbound(&["*"], &[]);
    let grants = Grants { fetch: vec!["*".parse().unwrap()], ..Grants::default() };
    let call = |times: usize| {
        let headers = vec![("x".to_owned(), "<A>".repeat(times))];
        let request = HttpRequest::new("GET", "https://a.net", headers, Vec::new()).unwrap();
        outbound.permit(&grants, request).unwrap()
    };
    let secret = "s".repeat(8 * 1024);
    assert!(call(7).reveal("<A>", &secret).is_ok());
    for times in [8, 10_000] {
        let refused = call(times).reveal("<A>", &secret).unwrap_err();
        assert!(matches!(&refused, Error::Invalid(why) if !why.contains("sss")), "{refused:?}");
    }
}

#[test]
fn who_hides_secrets_asks_for_the_whole_answer_as_it_is() {
    let outbound = outbound(&["*"], &[]);
    let grants = Grants { fetch: vec!["*".parse().unwrap()], ..Grants::default() };
    let header = |name: &str| (name.to_owned(), "x".to_owned());
    let headers = ["Accept-Encoding", "range", "if-range", "accept"].map(header).to_vec();
    let request = HttpRequest::new("GET", "https://a.net", headers, Vec::new()).unwrap();
    let mut call = outbound.permit(&grants, request).unwrap();
    call.want_plain();
    let mut names: Vec<&str> = call.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "user-agent"]);
}
