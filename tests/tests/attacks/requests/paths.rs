//! Addresses that lead elsewhere: other folders, other tenants, other lists, the database.

use model::Digest;
use reqwest::Method;

use super::Case;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = names();
    cases.extend(pages());
    cases.extend(methods());
    cases
}

/// Names that are none.
fn names() -> Vec<Case> {
    let long = "n".repeat(8_000);
    vec![
        Case::get(
            "a flow that climbs out of its folder",
            "/v1/flows/..%2f..%2fetc%2fpasswd",
            "flow.not_found",
        ),
        Case::get("a flow that is NUL", "/v1/flows/%00", "request.invalid"),
        Case::get("a flow that is no UTF-8", "/v1/flows/%ff%fe", "request.invalid"),
        Case::get("a flow written from right to left", "/v1/flows/%e2%80%aef", "flow.not_found"),
        Case::get("a flow in wide letters", "/v1/flows/%ef%bd%86", "flow.not_found"),
        Case::get("a flow of 8,000 letters", format!("/v1/flows/{long}"), "flow.not_found"),
        Case::get("a version below zero", "/v1/flows/f/versions/-1", "request.invalid"),
        Case::get(
            "a version past every number",
            "/v1/flows/f/versions/99999999999999999999",
            "request.invalid",
        ),
        Case::get("a run that is SQL", "/v1/runs/%27%20or%201=1--", "run.not_found"),
        Case::get(
            "a run in braces",
            "/v1/runs/%7b01890000-0000-7000-8000-000000000000%7d",
            "run.not_found",
        ),
        Case::get(
            "a component that is a path",
            "/v1/components/..%2f..%2fartifact-key",
            "component.not_found",
        ),
        Case::get(
            "a component in capitals",
            format!("/v1/components/{}", "A".repeat(64)),
            "component.not_found",
        ),
        Case::get(
            "a page of a problem that is a path",
            "/v1/problems/..%2f..%2fCargo.toml",
            "not_found",
        ),
        Case::get("a closure that is NUL", "/v1/closures/a%00b", "request.invalid"),
        Case::get("a schedule that is SQL", "/v1/schedules/%27%3bselect%201", "schedule.not_found"),
        Case::get("runs of a flow that is NUL", "/v1/runs?flow=%00", "request.invalid"),
    ]
}

/// Pages of lists.
fn pages() -> Vec<Case> {
    let runs = |query: &str| format!("/v1/runs?{query}");
    // Whoever knows how a cursor is made can make one for a place of his own.
    let forged = |name: &str, place: &str| {
        let tag = Digest::of(format!("1\n{name}\n{place}").as_bytes());
        let bytes = tag.0.iter().take(6).chain(place.as_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let cursor = |text: &str| runs(&format!("cursor={text}"));
    vec![
        Case::get("a page of -1", runs("limit=-1"), "request.invalid"),
        Case::get("a page of 0", runs("limit=0"), "request.invalid"),
        Case::get("a page of 501", runs("limit=501"), "request.invalid"),
        Case::get("a page of 2^70", runs("limit=1180591620717411303424"), "request.invalid"),
        Case::get("a page of 1e2", runs("limit=1e2"), "request.invalid"),
        Case::get("a cursor that was made up", cursor("made-up"), "request.bad_cursor"),
        Case::get("a cursor of zeros", cursor(&"0".repeat(64)), "request.bad_cursor"),
        Case::get("an empty cursor", cursor(""), "request.bad_cursor"),
        Case::get("a cursor of 8,000 digits", cursor(&"ab".repeat(4_000)), "request.bad_cursor"),
        Case::get(
            "a cursor with signs in its digits",
            cursor("+1+2+3+4+5+6+7"),
            "request.bad_cursor",
        ),
        Case::get("a cursor that is no ASCII", cursor("%c3%a9%c3%a9"), "request.bad_cursor"),
        Case::get(
            "a forged cursor that is SQL: the page it asks for is nobody else's",
            format!("/v1/flows?cursor={}", forged("flows", "'; drop table run; --")),
            "200",
        ),
        Case::get(
            "a forged cursor with NUL in it",
            format!("/v1/flows?cursor={}", forged("flows", "a\0b")),
            "request.bad_cursor",
        ),
        Case::get("a cursor of another list", cursor(&forged("flows", "a")), "request.bad_cursor"),
        Case::get("a status there is none of", runs("status=flying"), "request.invalid"),
        Case::get("a filter there is none of", runs("tenant=2"), "request.invalid"),
        Case::get("a filter twice", runs("status=failed&status=completed"), "request.invalid"),
        Case::get(
            "events since a place that was made up",
            "/v1/runs/01890000-0000-7000-8000-000000000000/events?since=zz",
            "request.bad_cursor",
        ),
    ]
}

/// What an address does not take.
fn methods() -> Vec<Case> {
    let sent = |name, method: Method, path: &str, expected| {
        Case::typed(name, method, path, ("application/json", b"{}".to_vec()), expected)
    };
    vec![
        sent("PUT of all runs", Method::PUT, "/v1/runs", "method_not_allowed"),
        sent("TRACE", Method::TRACE, "/v1/runs", "method_not_allowed"),
        sent("DELETE of a flow", Method::DELETE, "/v1/flows/f", "method_not_allowed"),
        sent("an address nobody has", Method::POST, "/v2/../admin", "not_found"),
        sent("a wait of -1 s", Method::POST, "/v1/flows/f/runs?wait=-1s", "request.invalid"),
        sent(
            "a wait of a century",
            Method::POST,
            "/v1/flows/f/runs?wait=36525d",
            "request.invalid",
        ),
    ]
}
