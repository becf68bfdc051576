//! What a call becomes of its templates, and what no reference can make of it.

use proptest::prelude::*;

use super::*;

fn call(url: &str) -> HttpCall {
    let (method, url) = (HttpMethod::Get, url.to_owned());
    HttpCall { method, url, headers: BTreeMap::new(), body: None }
}

fn filled(call: &HttpCall, input: &Value) -> Result<HttpRequest, BadTemplate> {
    let input = Json::trusted(input.to_string());
    call.fill(&input, &Input::Flow(input.clone()), &Placeholders::new(7))
}

fn url_of(template: &str, id: &str) -> Result<String, BadTemplate> {
    filled(&call(template), &serde_json::json!({ "id": id })).map(|request| request.url.to_string())
}

#[test]
fn an_origin_is_known_where_no_reference_has_a_part_in_it() {
    for (url, origin) in [
        ("https://api.example.com/items/${input.id}", Some("https://api.example.com")),
        ("https://API.example.com?q=${input.id}", Some("https://api.example.com")),
        ("http://localhost:8080", Some("http://localhost:8080")),
        ("https://0x7f.1/", Some("https://127.0.0.1")),
        ("https://api.example.com${input.rest}", None),
        ("https://${input.host}/x", None),
        ("https://a.net:${input.port}/x", None),
        ("${input.url}", None),
    ] {
        let found = call(url).origin().unwrap();
        assert_eq!(found.map(|origin| origin.to_string()).as_deref(), origin, "{url}");
    }
}

#[test]
fn what_can_never_be_a_url_is_refused_before_anything_is_filled_in() {
    for url in [
        "",
        "api.example.com",
        "ftp://example.com",
        "https:example.com",
        "https:///example.com",
        "https://",
        "https://a@b.net/",
        "https://${input.user}@b.net/",
        "https://b.net\\@c.net/",
        "https://b.net/x#y",
        "https://b.net/x/../y",
        "https://b.net/%2E%2e/y",
        "https://b.net/${input.id",
        "https://b.net/${secrets.x}",
        "${input.scheme}://b.net/",
        "https://a b.net/",
        "https://b.net:99999/",
    ] {
        assert!(call(url).origin().is_err(), "{url}");
    }
}

#[test]
fn a_reference_cannot_leave_its_place_in_a_url() {
    let template = "https://a.net/items/${input.id}/x?q=${input.id}";
    for (id, url) in [
        ("7", "https://a.net/items/7/x?q=7"),
        ("../admin", "https://a.net/items/..%2Fadmin/x?q=..%2Fadmin"),
        ("a?b=c&d", "https://a.net/items/a%3Fb%3Dc%26d/x?q=a%3Fb%3Dc%26d"),
        ("#", "https://a.net/items/%23/x?q=%23"),
        ("@evil.net", "https://a.net/items/%40evil.net/x?q=%40evil.net"),
        ("\\\r\n", "https://a.net/items/%5C%0D%0A/x?q=%5C%0D%0A"),
        ("%2e%2e", "https://a.net/items/%252e%252e/x?q=%252e%252e"),
        ("é", "https://a.net/items/%C3%A9/x?q=%C3%A9"),
    ] {
        assert_eq!(url_of(template, id).as_deref(), Ok(url), "{id}");
    }
    for id in ["..", ".", ""] {
        assert!(url_of(template, id).is_err(), "{id}");
    }
    assert!(url_of("https://a.net/.${input.id}/x", ".").is_err());
}

#[test]
fn a_reference_in_the_host_cannot_end_it() {
    let template = "https://${input.id}.example.org/x";
    assert_eq!(url_of(template, "eu").as_deref(), Ok("https://eu.example.org/x"));
    for id in
        ["evil.net/", "evil.net?", "evil.net#", "u@evil", "evil.net:80", "evil.net\\", "[::1]"]
    {
        assert!(url_of(template, id).is_err(), "{id}");
    }
    let whole = "${input.id}";
    assert_eq!(url_of(whole, "https://a.net/x?y").as_deref(), Ok("https://a.net/x?y"));
    for url in [
        "https://u:p@a.net/",
        "file:///etc/passwd",
        " https://a.net",
        "https://a.net/#x",
        "//a.net",
    ] {
        assert!(url_of(whole, url).is_err(), "{url}");
    }
}

#[test]
fn a_body_is_json_or_text_and_a_header_is_one_line() {
    let input = serde_json::json!({ "user": { "name": "Ann" }, "n": 7, "line": "a\r\nx: y" });
    let send = |body: &str, header: Option<&str>| {
        let mut call = HttpCall {
            method: HttpMethod::Post,
            body: Some(Json::trusted(body)),
            ..call("https://a.net")
        };
        call.headers.extend(header.map(|header| ("x-of".to_owned(), header.to_owned())));
        call.check().unwrap();
        filled(&call, &input)
    };
    let request = send(r#"{"of":"${input.user}"}"#, Some("n ${input.n}")).unwrap();
    assert_eq!(request.body, br#"{"of":{"name":"Ann"}}"#);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [header("x-of", "n 7"), header("content-type", "application/json")];
    assert_eq!(request.headers, expected);
    let text = send(r#""hello ${input.user.name}""#, None).unwrap();
    assert_eq!(
        (&text.body[..], &text.headers[0].1[..]),
        (&b"hello Ann"[..], "text/plain; charset=utf-8")
    );
    assert_eq!(send("1", Some("${input.line}")), Err(BadTemplate::BadHeader("x-of".to_owned())));
    let no_text = BadTemplate::NoText("input.user".to_owned(), "an object");
    assert_eq!(send("1", Some("${input.user}")), Err(no_text));
}

proptest! {
    #[test]
    fn no_text_changes_the_origin_or_the_shape_of_a_path(id in "\\PC{0,12}|[./\\\\?#@:%&=a2e ]{0,8}") {
        let template = "https://a.net/b/${input.id}/c?d=${input.id}";
        if let Ok(request) = filled(&call(template), &serde_json::json!({ "id": id })) {
            prop_assert_eq!(request.url.origin().ascii_serialization(), "https://a.net");
            let segments: Vec<&str> = request.url.path_segments().unwrap().collect();
            prop_assert_eq!((segments.len(), segments[0], segments[2]), (3, "b", "c"));
            prop_assert_eq!(request.url.query_pairs().count(), 1);
        }
    }
}
