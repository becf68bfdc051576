//! Flows, schedules and closures that must not be.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::json;

use super::Case;

fn flow(name: &'static str, text: impl Into<Vec<u8>>, code: &'static str) -> Case {
    Case::typed(name, Method::POST, "/v1/flows", ("application/toml", text.into()), code)
}

/// A flow of one step with more in it.
fn step(name: &'static str, more: &str, code: &'static str) -> Case {
    let text = format!("flow = \"g\"\n[[step]]\nname = \"a\"\nbuiltin = {{ set = 1 }}\n{more}\n");
    flow(name, text, code)
}

/// A flow whose input has this schema.
fn schema(name: &'static str, schema: &serde_json::Value, code: &'static str) -> Case {
    let flow = json!({
        "flow": "g", "input_schema": schema, "step": [{ "name": "a", "builtin": { "set": 1 } }],
    });
    Case::post(name, "/v1/flows", flow.to_string(), code)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = graphs();
    cases.extend(fields());
    cases.extend(schemas());
    cases.extend(saved());
    cases
}

fn graphs() -> Vec<Case> {
    let one = |name: usize, needs: &str| {
        format!("[[step]]\nname = \"s{name}\"\nneeds = [{needs}]\nbuiltin = {{ set = 1 }}\n")
    };
    let many: String = (0..1_025).map(|n| one(n, "")).collect();
    let firsts: String = (0..64).map(|n| one(n, "")).collect();
    let all: Vec<String> = (0..64).map(|n| format!("\"s{n}\"")).collect();
    let dense: String = (64..130).map(|n| one(n, &all.join(","))).collect();
    let circle: String = (0..500).map(|n| one(n, &format!("\"s{}\"", (n + 1) % 500))).collect();
    vec![
        flow("1,025 steps", format!("flow = \"g\"\n{many}"), "manifest.too_large"),
        flow("4,224 dependencies", format!("flow = \"g\"\n{firsts}{dense}"), "manifest.too_large"),
        flow("a circle of 500 steps", format!("flow = \"g\"\n{circle}"), "manifest.cycle"),
        step("a step that needs itself", "needs = [\"a\"]", "manifest.cycle"),
        step("a step that needs nobody there is", "needs = [\"b\"]", "manifest.unknown_dependency"),
        flow("a flow of 2 MiB", vec![b'#'; 2 << 20], "request.too_large"),
        flow(
            "100,000 brackets",
            format!("flow = {}", "[".repeat(100_000)),
            "manifest.invalid_syntax",
        ),
        flow(
            "tables in tables without end",
            format!("[{}a]", "a.".repeat(20_000)),
            "manifest.invalid_syntax",
        ),
        flow("a field twice", "flow = \"g\"\nflow = \"h\"\n", "manifest.invalid_syntax"),
        flow("bytes that are no UTF-8", b"flow = \"\xff\"".to_vec(), "payload.invalid_unicode"),
        flow("NUL", "flow = \"g\0\"", "manifest.invalid_syntax"),
        flow("nothing", "", "manifest.missing_field"),
    ]
}

fn fields() -> Vec<Case> {
    let named = |name: &str| {
        format!("flow = \"{name}\"\n[[step]]\nname = \"a\"\nbuiltin = {{ set = 1 }}\n")
    };
    let wait = |text: &str| {
        format!("flow = \"g\"\n[[step]]\nname = \"a\"\nbuiltin = {{ wait = \"{text}\" }}\n")
    };
    let mut template = String::new();
    (0..100_000).for_each(|_| template.write_str("${input}").unwrap());
    let http = |url: &str| {
        format!(
            "flow = \"g\"\n[[step]]\nname = \"a\"\nbuiltin = {{ http = {{ url = \"{url}\" }} }}\n"
        )
    };
    vec![
        step("a field there is none of", "sudo = true", "manifest.unknown_field"),
        step("a timeout of a century", "timeout = \"36525d\"", "manifest.out_of_range"),
        step("a memory of 16 EiB", "memory = \"16777216TiB\"", "manifest.wrong_type"),
        step("a million attempts", "max_attempts = 1000000", "manifest.out_of_range"),
        step(
            "a number past every number",
            "fuel = 99999999999999999999999",
            "manifest.out_of_range",
        ),
        step("attempts that are text", "max_attempts = \"three\"", "manifest.wrong_type"),
        step("jitter that is none", "backoff = { jitter = nan }", "manifest.out_of_range"),
        step("a component beside a built-in", "component = \"00\"", "manifest.conflicting_fields"),
        flow("a name that climbs", named("../../etc"), "manifest.bad_name"),
        flow("a name in letters that only look like it", named("\u{43e}rder"), "manifest.bad_name"),
        flow("a name written from right to left", named("a\\u202eb"), "manifest.bad_name"),
        flow("a name of 200 letters", named(&"n".repeat(200)), "manifest.bad_name"),
        flow(
            "a name that is reserved",
            named("run").replace("\"a\"", "\"run\""),
            "manifest.bad_name",
        ),
        flow("a wait past every number", wait("PT99999999999999999999S"), "manifest.wrong_type"),
        flow("a wait of ten thousand million years", wait("P9999999999Y"), "manifest.wrong_type"),
        flow("a wait that is none", wait("P1Y1"), "manifest.wrong_type"),
        flow(
            "a template of 100,000 references",
            http(&format!("https://a.net/{template}")),
            "manifest.bad_text",
        ),
        flow("a template that never ends", http("https://a.net/${input"), "manifest.bad_text"),
        flow("a call to a file", http("file:///etc/passwd"), "manifest.bad_text"),
    ]
}

fn schemas() -> Vec<Case> {
    let mut defs = serde_json::Map::new();
    for n in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
        defs.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
    }
    defs.insert("d40".to_owned(), json!({ "type": "object" }));
    let doubling = json!({ "$ref": "#/$defs/d0", "$defs": defs });
    let many: Vec<u32> = (0..150_000).collect();
    let deep = (0..300).fold(json!({}), |inner, _| json!({ "not": inner }));
    vec![
        schema(
            "a schema in a file",
            &json!({ "$ref": "file:///etc/passwd" }),
            "manifest.bad_schema",
        ),
        schema(
            "a schema on another host",
            &json!({ "$ref": "http://169.254.169.254/" }),
            "manifest.bad_schema",
        ),
        schema("a schema that is its own", &json!({ "$ref": "#" }), "manifest.bad_schema"),
        schema("a schema of 2^40 parts", &doubling, "manifest.bad_schema"),
        schema(
            "a pattern of a million million repetitions",
            &json!({ "pattern": "(((a{1000}){1000}){1000}){1000}" }),
            "manifest.bad_schema",
        ),
        schema("a pattern that is none", &json!({ "pattern": "(" }), "manifest.bad_schema"),
        schema("a type there is none of", &json!({ "type": "thing" }), "manifest.bad_schema"),
        schema("a schema 300 deep", &deep, "manifest.invalid_syntax"),
        schema("an enumeration of 150,000", &json!({ "enum": many }), "manifest.invalid_syntax"),
    ]
}

fn saved() -> Vec<Case> {
    let put = |name, path: &str, body: serde_json::Value, code| {
        let body = ("application/json", body.to_string().into_bytes());
        Case::typed(name, Method::PUT, path, body, code)
    };
    let schedule = |name, cron: &str, zone: &str, code| {
        put(name, "/v1/schedules/s", json!({ "cron": cron, "timezone": zone, "flow": "f" }), code)
    };
    let itself = json!({ "closure": "c" });
    vec![
        schedule("the thirtieth of February", "0 0 30 2 *", "UTC", "schedule.never_fires"),
        schedule("the minute 99", "99 * * * *", "UTC", "schedule.bad_cron"),
        schedule("an expression of 100 KB", &"* ".repeat(50_000), "UTC", "schedule.bad_cron"),
        schedule("an expression with NUL", "* * * *\t*\u{1}", "UTC", "schedule.bad_cron"),
        schedule(
            "a zone that is a path",
            "* * * * *",
            "../../etc/passwd",
            "schedule.unknown_timezone",
        ),
        put(
            "a schedule of a flow there is none of",
            "/v1/schedules/s",
            json!({ "cron": "* * * * *", "flow": "x" }),
            "flow.not_found",
        ),
        put("a closure of itself", "/v1/closures/c", itself, "closure.cycle"),
        put(
            "a closure that is a path",
            "/v1/closures/..%2fc",
            json!({ "flow": "f" }),
            "request.invalid",
        ),
    ]
}
