//! What the gate accepts and refuses.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn refused(text: impl AsRef<[u8]>) -> Refusal {
    match Gate::default().check(text.as_ref()) {
        Ok(json) => panic!("accepted {}", json.as_str().chars().take(80).collect::<String>()),
        Err(refusal) => refusal,
    }
}

fn accepted(text: &str) -> Json {
    Gate::default().check(text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[test]
fn every_hazard_is_refused_with_its_code_pointer_and_offset() {
    use Code::*;
    let hazards: &[(&str, Code, &str, usize)] = &[
        ("", PayloadInvalidJson, "", 0),
        (" ", PayloadInvalidJson, "", 1),
        ("{", PayloadInvalidJson, "", 1),
        ("[1,]", PayloadInvalidJson, "/1", 3),
        ("[1 2]", PayloadInvalidJson, "/0", 3),
        ("{\"a\":1,}", PayloadInvalidJson, "", 7),
        ("{\"a\" 1}", PayloadInvalidJson, "/a", 5),
        ("{a:1}", PayloadInvalidJson, "", 1),
        ("{'a':1}", PayloadInvalidJson, "", 1),
        ("[1]]", PayloadInvalidJson, "", 3),
        ("{} {}", PayloadInvalidJson, "", 3),
        ("nul", PayloadInvalidJson, "", 3),
        ("True", PayloadInvalidJson, "", 0),
        ("NaN", PayloadInvalidJson, "", 0),
        ("-Infinity", PayloadInvalidJson, "", 1),
        ("// a", PayloadInvalidJson, "", 0),
        ("\u{feff}1", PayloadInvalidJson, "", 0),
        ("[01]", PayloadInvalidJson, "/0", 1),
        ("[1.]", PayloadInvalidJson, "/0", 3),
        ("[.5]", PayloadInvalidJson, "/0", 1),
        ("[+1]", PayloadInvalidJson, "/0", 1),
        ("[1e]", PayloadInvalidJson, "/0", 3),
        ("[0x10]", PayloadInvalidJson, "/0", 2),
        ("\"a\nb\"", PayloadInvalidJson, "", 2),
        ("\"\\x41\"", PayloadInvalidJson, "", 1),
        ("\"\\u12g4\"", PayloadInvalidJson, "", 5),
        ("\"abc", PayloadInvalidJson, "", 4),
        ("[\"abc\\", PayloadInvalidJson, "/0", 6),
        ("[1e400]", PayloadNumberOutOfRange, "/0", 1),
        ("[-1e400]", PayloadNumberOutOfRange, "/0", 1),
        ("{\"a\":[0,1e131071]}", PayloadNumberOutOfRange, "/a/1", 8),
        ("1e-400", PayloadNumberOutOfRange, "", 0),
        ("1e99999999999999999999999", PayloadNumberOutOfRange, "", 0),
        ("0e99999999999999999999999", PayloadNumberOutOfRange, "", 0),
        ("0e-16383", PayloadNumberOutOfRange, "", 0),
        ("1.7976931348623159e308", PayloadNumberOutOfRange, "", 0),
        ("{\"a\":1,\"a\":2}", PayloadDuplicateKey, "/a", 7),
        ("{\"a\":1,\"\\u0061\":2}", PayloadDuplicateKey, "/a", 7),
        ("[{\"\":1,\"\":2}]", PayloadDuplicateKey, "/0/", 7),
        ("{\"x\":{\"a/b~\":1,\"a/b~\":2}}", PayloadDuplicateKey, "/x/a~1b~0", 15),
        ("\"\\ud800\"", PayloadInvalidUnicode, "", 1),
        ("\"\\udc00\"", PayloadInvalidUnicode, "", 1),
        ("\"\\ud800\\ud800\"", PayloadInvalidUnicode, "", 1),
        ("\"\\ud800x\"", PayloadInvalidUnicode, "", 1),
        ("{\"\\udfff\":1}", PayloadInvalidUnicode, "", 2),
        ("[\"a\\u0000\"]", PayloadNulNotAllowed, "/0", 3),
        ("[\"a\0\"]", PayloadNulNotAllowed, "/0", 3),
        ("\0", PayloadNulNotAllowed, "", 0),
        ("1\0", PayloadNulNotAllowed, "", 1),
    ];
    for (text, code, pointer, offset) in hazards {
        let refusal = refused(text);
        let found = (refusal.code, refusal.pointer.as_str(), refusal.offset);
        assert_eq!(found, (*code, *pointer, *offset), "{text:?}: {}", refusal.detail);
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_are() {
    let refusal = refused(b"{\"a\":[\"\xff\"]}");
    assert_eq!(refusal.code, Code::PayloadInvalidUnicode);
    assert_eq!((refusal.pointer.as_str(), refusal.offset), ("/a/0", 7));
    assert_eq!(refused(b"1\xff").code, Code::PayloadInvalidUnicode);
    assert_eq!(refused(b"[1,,\xff").offset, 3);
    assert_eq!(refused(b"\xff\xfe[\0]\0").offset, 0);
}

#[test]
fn plain_values_of_every_kind_pass_with_their_exact_text() {
    let whole = [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        "\t\r\n{\"a\" : 1 }\n",
        "18446744073709551615",
        "-9223372036854775808",
        "18446744073709551616",
        "1.0",
        "1E5",
        "1e+5",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014e-308",
        "0.0e-300",
        "0e300",
        "\"\\ud83d\\ude00\"",
        "\"\\u0001\\u001f\\uffff\"",
        "\"\u{7f}\u{2028}😀\"",
        "{\"a\":1,\"A\":1}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":{\"a\":{\"a\":1}}}",
        "{\"\":1,\"\\u0001\":2}",
    ];
    for text in whole {
        assert_eq!(accepted(text).as_str(), text);
    }
}

#[test]
fn size_depth_and_count_have_exact_borders() {
    let gate = Gate { max_bytes: 10, max_depth: 2, max_nodes: 3 };
    let code = |text: &str| gate.check(text.as_bytes()).err().map(|refusal| refusal.code);
    assert_eq!(code("\"12345678\""), None);
    assert_eq!(code("\"123456789\""), Some(Code::PayloadTooLarge));
    assert_eq!(code("[[]]"), None);
    assert_eq!(code("[[[]]]"), Some(Code::PayloadTooComplex));
    assert_eq!(code("{\"a\":{}}"), None);
    assert_eq!(code("[1,2]"), None);
    assert_eq!(code("[1,2,3]"), Some(Code::PayloadTooComplex));
    assert_eq!(code("[0,[[[[["), Some(Code::PayloadTooComplex));
    assert!(Gate::default().check(("[".repeat(64) + &"]".repeat(64)).as_bytes()).is_ok());
    assert_eq!(refused("[".repeat(1_000_000)).code, Code::PayloadTooComplex);
}

#[test]
fn numbers_with_more_places_than_a_float_has_are_refused() {
    accepted(&format!("0.{}", "1".repeat(1_074)));
    assert_eq!(refused(format!("0.{}", "1".repeat(1_075))).code, Code::PayloadNumberOutOfRange);
    accepted(&"9".repeat(308));
    assert_eq!(refused("9".repeat(309)).code, Code::PayloadNumberOutOfRange);
    assert_eq!(refused(format!("0.{}1", "0".repeat(400))).code, Code::PayloadNumberOutOfRange);
    assert_eq!(refused("1".repeat(1_000_000)).code, Code::PayloadNumberOutOfRange);
}

#[test]
fn a_key_that_appears_twice_is_found_among_any_number_of_keys() {
    for count in [2_usize, 16, 17, 18, 1_000, 40_000] {
        let keys: Vec<String> = (0..count).map(|n| format!("\"key-number-{n:06}\":0")).collect();
        accepted(&format!("{{{}}}", keys.join(",")));
        let second = if count % 2 == 0 {
            "\"key-number-000000\":1"
        } else {
            "\"\\u006bey-number-000000\":1"
        };
        let twice = format!("{{{},{second}}}", keys.join(","));
        let refusal = refused(&twice);
        assert_eq!(refusal.code, Code::PayloadDuplicateKey);
        assert_eq!(refusal.pointer, "/key-number-000000");
        assert_eq!(refusal.offset, twice.rfind(second).unwrap());
    }
}

#[test]
fn keys_chosen_to_be_alike_are_compared_in_few_steps() {
    let prefix = "k".repeat(600);
    let keys: Vec<String> = (0..1_600).map(|n| format!("\"{prefix}{n:05}\":0")).collect();
    accepted(&format!("{{{}}}", keys.join(",")));
    let deep: String = (0..63).map(|_| "{\"a\":".to_owned()).collect();
    accepted(&(deep + "{}" + &"}".repeat(63)));
}

#[test]
fn a_pointer_stays_short_whatever_the_keys_are() {
    let key = "k".repeat(2_000);
    let refusal = refused(format!("{{\"a\":{{\"{key}\":x}}}}"));
    assert_eq!(refusal.pointer, "/a");
}

#[test]
fn a_refusal_reads_as_a_sentence() {
    assert_eq!(
        refused("{\"a\":[1,x]}").to_string(),
        "`x` is where a value should be (at `/a/1`, byte 8)"
    );
    assert_eq!(
        refused("[1").to_string(),
        "the text ends where `,` or `]` should be (at `/0`, byte 2)"
    );
    assert_eq!(refused("\u{1b}").to_string(), "`\\u{1b}` is where a value should be (byte 0)");
}

#[test]
fn an_arrays_elements_are_found_in_its_text() {
    let json = accepted(" [ 1 ,\"a,]\\\"\", {\"b\":[2,3]},[ ], null ] ");
    let spans = json.elements().unwrap();
    let texts: Vec<Json> = spans.iter().map(|span| json.element(span)).collect();
    let texts: Vec<&str> = texts.iter().map(Json::as_str).collect();
    assert_eq!(texts, ["1", "\"a,]\\\"\"", "{\"b\":[2,3]}", "[ ]", "null"]);
    assert_eq!(accepted("[]").elements(), Some(vec![]));
    assert_eq!(accepted("{\"a\":[1]}").elements(), None);
}

#[test]
fn a_text_that_never_passed_the_gate_has_no_elements_and_does_not_panic() {
    for text in ["", "[", "[1", "[1,", "[,]", "[1,]x", "[\"", "[\"\\", "[}", "[[}", "[1}"] {
        assert!(Json::trusted(text).elements().is_none_or(|spans| spans.len() < 2), "{text}");
    }
}

/// Any JSON value, with numbers and strings that are hard to read back.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(|text| Value::from(text.replace('\0', "\u{1}"))),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map("[a-c\"\\\\é]{0,9}", inner, 0..24)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Texts made of what JSON is made of, in an order that rarely makes sense.
fn any_tokens() -> impl Strategy<Value = String> {
    let token = proptest::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\\u0061\"",
        "\"",
        "\\",
        "0",
        "-1",
        "1e5",
        "1e999",
        "null",
        "true",
        " ",
        "\n",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "é",
        "\u{1}",
    ]);
    proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_serde_json_writes_passes_and_keeps_its_text(value in any_value()) {
        for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let json = Gate::default().check(text.as_bytes());
            prop_assert_eq!(json.as_ref().map(Json::as_str), Ok(text.as_str()));
        }
    }

    #[test]
    fn whatever_passes_is_what_serde_json_reads(text in any_tokens()) {
        if let Ok(json) = Gate::default().check(text.as_bytes()) {
            prop_assert_eq!(json.as_str(), text.as_str());
            let value: Result<Value, _> = serde_json::from_str(&text);
            prop_assert!(value.is_ok(), "{}: {:?}", text, value);
        }
    }

    #[test]
    fn a_number_passes_when_and_only_when_its_value_can_be_held(
        text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?"
    ) {
        let value: f64 = text.parse().unwrap();
        let zero = !text.split(['e', 'E']).next().unwrap().contains(|c| ('1'..='9').contains(&c));
        let held = value.is_finite() && (zero || value != 0.0);
        prop_assert_eq!(Gate::default().check(text.as_bytes()).is_ok(), held);
    }

    #[test]
    fn no_change_of_a_few_bytes_makes_the_gate_panic_or_disagree(
        value in any_value(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut text = serde_json::to_vec(&value).unwrap();
        for (place, byte, how) in changes {
            let at = place.index(text.len().max(1)).min(text.len().saturating_sub(1));
            match how {
                0 if !text.is_empty() => text[at] = byte,
                1 if !text.is_empty() => { text.remove(at); }
                _ => text.insert(at, byte),
            }
        }
        match Gate::default().check(&text) {
            Ok(json) => prop_assert!(serde_json::from_str::<Value>(json.as_str()).is_ok()),
            Err(refusal) => {
                prop_assert!(refusal.offset <= text.len());
                if refusal.code == Code::PayloadInvalidJson {
                    prop_assert!(serde_json::from_slice::<Value>(&text).is_err(), "{refusal}");
                }
            }
        }
    }

    #[test]
    fn elements_are_what_serde_json_finds(values in proptest::collection::vec(any_value(), 0..8)) {
        let json = accepted(&serde_json::to_string_pretty(&values).unwrap());
        let raws: Vec<&serde_json::value::RawValue> = serde_json::from_str(json.as_str()).unwrap();
        let raws: Vec<&str> = raws.iter().map(|raw| raw.get()).collect();
        let found: Vec<Json> = json.elements().unwrap().iter().map(|span| json.element(span)).collect();
        prop_assert_eq!(found.iter().map(Json::as_str).collect::<Vec<_>>(), raws);
    }
}
