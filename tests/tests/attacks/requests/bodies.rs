//! Starts and signals whose bodies are no such thing.

use std::io::Write as _;

use reqwest::Method;

use super::Case;

const JSON: &str = "application/json";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = texts();
    cases.extend(shapes());
    cases.extend(options());
    cases.extend(types());
    cases
}

/// What the gate refuses.
fn texts() -> Vec<Case> {
    let input = |value: &str| format!("{{\"input\":{value}}}");
    let brackets = "[".repeat(500_000);
    let wide = format!("[{}0]", "0,".repeat(200_000));
    let digits = "9".repeat(400_000);
    vec![
        Case::start(
            "body of 2 MiB",
            input(&format!("\"{}\"", "x".repeat(2 << 20))),
            "request.too_large",
        ),
        Case::start(
            "input over 1 MiB in a body that may be larger",
            input(&format!("\"{}\"", "x".repeat((1 << 20) + 1))),
            "payload.too_large",
        ),
        Case::start("text that ends early", "{\"input\":[1,2", "payload.invalid_json"),
        Case::start("half a million brackets", input(&brackets), "payload.too_complex"),
        Case::start("200,000 values", input(&wide), "payload.too_complex"),
        Case::start("a key twice", input("{\"a\":1,\"a\":2}"), "payload.duplicate_key"),
        Case::start(
            "a key twice, once escaped",
            input("{\"a\":1,\"\\u0061\":2}"),
            "payload.duplicate_key",
        ),
        Case::start("the input itself twice", "{\"input\":1,\"input\":2}", "payload.duplicate_key"),
        Case::start("1e400", input("1e400"), "payload.number_out_of_range"),
        Case::start(
            "1e131071, which jsonb takes and never gives back",
            input("1e131071"),
            "payload.number_out_of_range",
        ),
        Case::start("a number of 400,000 digits", input(&digits), "payload.number_out_of_range"),
        Case::start("a number too small to be one", input("1e-400"), "payload.number_out_of_range"),
        Case::start("NUL, escaped", input("\"\\u0000\""), "payload.nul_not_allowed"),
        Case::start("NUL, as it is", b"{\"input\":\0}".to_vec(), "payload.nul_not_allowed"),
        Case::start("a byte order mark", "\u{feff}{}", "payload.invalid_json"),
        Case::start("half a character, escaped", input("\"\\udfff\""), "payload.invalid_unicode"),
        Case::start(
            "bytes that are no UTF-8",
            b"{\"input\":\"\xff\xfe\"}".to_vec(),
            "payload.invalid_unicode",
        ),
        Case::start("UTF-16", b"\xff\xfe{\0}\0".to_vec(), "payload.invalid_unicode"),
        Case::start(
            "an overlong slash",
            b"{\"input\":\"\xc0\xaf\"}".to_vec(),
            "payload.invalid_unicode",
        ),
        Case::start("two documents", "{}{}", "payload.invalid_json"),
        Case::start("a comment", "{/* */}", "payload.invalid_json"),
        Case::start("NaN", input("NaN"), "payload.invalid_json"),
        Case::start("single quotes", "{'input':1}", "payload.invalid_json"),
    ]
}

/// JSON of another shape.
fn shapes() -> Vec<Case> {
    let key = |length| format!("{{\"key\":\"{}\"}}", "k".repeat(length));
    let starts = format!("{{\"runs\":[{}{{}}]}}", "{},".repeat(1_000));
    let unknown = "/v1/runs/01890000-0000-7000-8000-000000000000/signals";
    vec![
        Case::start("an array of the fields", "[1,2,3]", "request.invalid"),
        Case::start("a field there is none of", "{\"inptu\":1}", "request.invalid"),
        Case::start(
            "a field named like a prototype",
            "{\"__proto__\":{\"admin\":true}}",
            "request.invalid",
        ),
        Case::start("a priority of 2^40", "{\"priority\":1099511627776}", "request.invalid"),
        Case::start("a priority that is text", "{\"priority\":\"high\"}", "request.invalid"),
        Case::start("a version below zero", "{\"version\":-1}", "request.invalid"),
        Case::start("a version nobody has", "{\"version\":4294967295}", "version.not_found"),
        Case::start(
            "a delay of half a billion years",
            "{\"delay_ms\":18446744073709551615}",
            "request.invalid",
        ),
        Case::start("a delay below zero", "{\"delay_ms\":-1}", "request.invalid"),
        Case::start(
            "a date that is none",
            "{\"start_at\":\"2027-02-30T00:00:00Z\"}",
            "request.invalid",
        ),
        Case::start(
            "a date in the year 9999",
            "{\"start_at\":\"9999-12-31T23:59:59Z\"}",
            "request.invalid",
        ),
        Case::start(
            "a date with NUL in it",
            "{\"start_at\":\"2027\\u0000\"}",
            "payload.nul_not_allowed",
        ),
        Case::start("a deadline of nothing", "{\"deadline_ms\":0}", "request.invalid"),
        Case::start("an empty key", key(0), "request.invalid"),
        Case::start("a key of 100 KB", key(100_000), "request.invalid"),
        Case::start(
            "a run id of another kind",
            "{\"run_id\":\"00000000-0000-4000-8000-000000000000\"}",
            "request.invalid",
        ),
        Case::start(
            "a run id that is SQL",
            "{\"run_id\":\"'; drop table run; --\"}",
            "request.invalid",
        ),
        Case::post("1,001 starts at once", "/v1/flows/f/batch", starts, "request.invalid"),
        Case::post("no starts at once", "/v1/flows/f/batch", "{\"runs\":[]}", "request.invalid"),
        Case::post("a signal to nobody", unknown, "{\"name\":\"go\"}", "run.not_found"),
        Case::post(
            "a signal named like a path",
            unknown,
            "{\"name\":\"../go\"}",
            "request.invalid",
        ),
    ]
}

/// Options out of every range.
fn options() -> Vec<Case> {
    vec![
        Case::start(
            "a timeout of a century",
            "{\"options\":{\"timeout_ms\":3155760000000}}",
            "request.invalid",
        ),
        Case::start(
            "a memory of 16 EiB",
            "{\"options\":{\"memory_bytes\":18446744073709551615}}",
            "request.invalid",
        ),
        Case::start("fuel of nothing", "{\"options\":{\"fuel\":0}}", "request.invalid"),
        Case::start(
            "a million attempts",
            "{\"options\":{\"max_attempts\":1000000}}",
            "request.invalid",
        ),
        Case::start(
            "an option there is none of",
            "{\"options\":{\"root\":true}}",
            "request.invalid",
        ),
    ]
}

/// Bodies of another type than they say, or of none.
fn types() -> Vec<Case> {
    let start = |name, kind, body: &[u8], code| {
        Case::typed(name, Method::POST, "/v1/flows/f/runs", (kind, body.to_vec()), code)
    };
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.write_all(&[0; 64]).unwrap();
    vec![
        start("JSON that says it is text", "text/plain", b"{}", "request.content_type"),
        start("JSON that says nothing", "", b"{}", "request.content_type"),
        start("a form", "application/x-www-form-urlencoded", b"input=1", "request.content_type"),
        start("gzip that says it is JSON", JSON, &gzip, "payload.invalid_json"),
        Case::header(
            "an idempotency key of 300 characters",
            "idempotency-key",
            "k".repeat(300),
            "request.invalid",
        ),
        Case::header("an empty idempotency key", "idempotency-key", "", "request.invalid"),
    ]
}
