//! What schemas accept, refuse, and never do.

use std::fmt::Write as _;

use super::*;

fn schema(text: &str) -> Schema {
    Schema::compile(&Json::trusted(text)).unwrap_or_else(|bad| panic!("{bad}"))
}

fn bad(text: &str) -> BadSchema {
    Schema::compile(&Json::trusted(text)).expect_err("the schema is wrong")
}

fn check(schema: &Schema, value: &str) -> Result<(), Refusal> {
    schema.check(&Json::trusted(value))
}

#[test]
fn a_value_that_does_not_match_is_refused_with_its_pointer_and_rule() {
    let schema = schema(
        r#"{"type":"object","properties":{"items":{"items":{"type":"integer","minimum":1}}},"required":["items"]}"#,
    );
    assert_eq!(check(&schema, r#"{"items":[1,2]}"#), Ok(()));
    let refusal = check(&schema, r#"{"items":[1,0]}"#).unwrap_err();
    assert_eq!((refusal.code, refusal.pointer.as_str()), (Code::PayloadSchema, "/items/1"));
    assert_eq!(refusal.detail, "the value is less than the minimum of 1");
    let refusal = check(&schema, "{}").unwrap_err();
    assert_eq!(
        (refusal.pointer.as_str(), refusal.detail.as_str()),
        ("", "\"items\" is a required property")
    );
}

#[test]
fn true_and_false_are_schemas() {
    assert_eq!(check(&schema("true"), "[1]"), Ok(()));
    assert!(check(&schema("false"), "null").is_err());
}

#[test]
fn a_refusal_never_repeats_the_value() {
    let value = format!("\"{}\"", "secret".repeat(10_000));
    let refusal = check(&schema(r#"{"enum":["a"]}"#), &value).unwrap_err();
    assert!(refusal.detail.len() < 400 && !refusal.detail.contains("secret"), "{}", refusal.detail);
}

#[test]
fn older_drafts_are_known_by_name_and_foreign_ones_refused() {
    let old = schema(
        r##"{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"a":{"type":"null"}},"$ref":"#/definitions/a"}"##,
    );
    assert!(check(&old, "1").is_err());
    assert_eq!(bad(r#"{"$schema":"https://example.com/meta"}"#).pointer, "/$schema");
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    for target in
        ["https://example.com/a.json", "file:///etc/passwd", "a.json", "json-schema:///meta", ""]
    {
        let refused = bad(&format!(r#"{{"properties":{{"a":{{"$ref":"{target}"}}}}}}"#));
        assert_eq!(refused.pointer, "/properties/a");
        assert!(refused.detail.contains("nothing is fetched"), "{refused}");
    }
    bad(r##"{"properties":{"a":{"$id":"https://example.com/","$ref":"#/x"}}}"##);
    bad(r##"{"$ref":"#/$defs/missing"}"##);
}

#[test]
fn a_property_called_ref_is_no_reference() {
    schema(r#"{"properties":{"$ref":{"type":"string"}},"const":{"$ref":"https://example.com"}}"#);
}

#[test]
fn what_is_no_schema_is_refused_where_it_is_wrong() {
    assert_eq!(bad(r#"{"properties":{"a":{"type":"strin"}}}"#).pointer, "/properties/a/type");
    bad(r#"{"minimum":"1"}"#);
    bad("[]");
    bad("5");
    let large = format!(r#"{{"description":"{}"}}"#, "x".repeat(MAX_SCHEMA_BYTES));
    assert!(bad(&large).detail.contains("may have 65536"));
}

#[test]
fn patterns_run_in_linear_time_and_those_that_cannot_are_refused() {
    let slow_elsewhere = schema(r#"{"pattern":"^(a+)+$"}"#);
    assert!(check(&slow_elsewhere, &format!("\"{}b\"", "a".repeat(200_000))).is_err());
    bad(r#"{"pattern":"(?=a)b"}"#);
    bad(r#"{"pattern":"(a)\\1"}"#);
    bad(r#"{"pattern":"(a{1000}){1000}"}"#);
}

/// `$defs` a0 to aN, each made of the next one.
fn chain(length: usize, link: impl Fn(&str) -> String, last: &str) -> String {
    let mut defs = String::new();
    for n in 0..length {
        let next = format!(r##"{{"$ref":"#/$defs/a{}"}}"##, n + 1);
        write!(defs, r#""a{n}":{},"#, link(&next)).unwrap();
    }
    format!(r##"{{"$ref":"#/$defs/a0","$defs":{{{defs}"a{length}":{last}}}}}"##)
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + "1" + &"]".repeat(depth)
}

#[test]
fn a_schema_that_doubles_itself_in_place_is_refused() {
    let doubling =
        chain(30, |next| format!(r#"{{"anyOf":[{next},{next}]}}"#), r#"{"type":"string"}"#);
    assert!(bad(&doubling).detail.contains("applied to one value"));
}

#[test]
fn a_schema_that_doubles_itself_at_every_level_ends_with_a_refusal() {
    let doubling = |next: &str| {
        format!(r#"{{"anyOf":[{{"items":{next}}},{{"items":{next},"type":"array"}}]}}"#)
    };
    let schema = schema(&chain(63, doubling, "false"));
    let refusal = check(&schema, &nested(63)).unwrap_err();
    assert!(refusal.detail.contains("takes too long"), "{refusal}");
    assert_eq!(check(&schema, &nested(3)), Ok(()));
}

#[test]
fn recursive_schemas_of_real_shapes_are_checked_in_full() {
    let tree = schema(
        r##"{"$defs":{"node":{"oneOf":[
            {"type":"object","properties":{"kind":{"const":"leaf"}},"required":["kind"],"additionalProperties":false},
            {"type":"object","properties":{"kind":{"const":"branch"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["kind","children"]}
        ]}},"$ref":"#/$defs/node"}"##,
    );
    let mut value = r#"{"kind":"leaf"}"#.to_owned();
    for _ in 0..30 {
        value = format!(r#"{{"kind":"branch","children":[{value},{{"kind":"leaf"}}]}}"#);
    }
    assert_eq!(check(&tree, &value), Ok(()));
    let refusal = check(&tree, &value.replacen("\"leaf\"", "\"leef\"", 1)).unwrap_err();
    assert_eq!(refusal.code, Code::PayloadSchema);
}

#[test]
fn references_that_lead_back_to_themselves_are_refused() {
    for text in [
        r##"{"$ref":"#"}"##,
        r##"{"allOf":[{"$ref":"#"}]}"##,
        r##"{"not":{"$ref":"#"}}"##,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/%24defs/a"}}}"##,
        r##"{"$dynamicAnchor":"x","anyOf":[{"$dynamicRef":"#x"}]}"##,
    ] {
        assert!(bad(text).detail.contains("leads back"), "{text}");
    }
    schema(r##"{"properties":{"next":{"$ref":"#"}}}"##);
}

#[test]
fn long_chains_of_references_do_not_exhaust_the_stack() {
    let small = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let checked = small.spawn(|| {
        for link in [
            r#"{"items":_}"#,
            r#"{"allOf":[_]}"#,
            r#"{"properties":{"a":_}}"#,
            "_",
            r#"{"not":{"items":_}}"#,
        ] {
            for length in [10, 190, 900, 2_000] {
                let text = chain(length, |next| link.replace('_', next), "true");
                if let Ok(schema) = Schema::compile(&Json::trusted(text)) {
                    let _checked = check(&schema, &nested(60));
                }
            }
        }
    });
    checked.unwrap().join().unwrap();
}

#[test]
fn a_wide_value_is_checked_in_full() {
    let schema = schema(
        r#"{"type":"array","uniqueItems":true,"items":{"type":"integer","enum":[1],"maximum":5}}"#,
    );
    let items = vec!["1"; 99_999].join(",");
    assert!(check(&schema, &format!("[{items}]")).is_err());
    let ints = super::tests::schema(r#"{"items":{"type":"integer","maximum":5,"minimum":0}}"#);
    assert_eq!(check(&ints, &format!("[{items}]")), Ok(()));
}

#[test]
fn many_large_patterns_share_one_budget() {
    let pattern = r#"{"pattern":"N\\p{L}{20}"}"#;
    let many = |count: usize| {
        let parts: Vec<String> = (0..count).map(|n| pattern.replace('N', &n.to_string())).collect();
        format!(r#"{{"allOf":[{}]}}"#, parts.join(","))
    };
    schema(&many(5));
    assert!(bad(&many(900)).detail.contains("patterns run in linear time"));
}

#[test]
fn a_schema_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&schema("true"));
}
