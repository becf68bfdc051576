//! The JSON gate against two others that read JSON: what it accepts, serde_json reads the same and Postgres casts and gives
//! back byte for byte.
//!
//! Where the gate refuses more than they do is meant: a key twice, NUL, numbers that fit nothing, what is too deep or too
//! much. What it calls no JSON at all, or no Unicode, serde_json must refuse too.

use model::{Code, Gate};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;
use sqlx::postgres::PgPool;
use stepcell_tests::host::database;

use crate::fuzz::{mutated, seeds};

/// Texts in all.
const TEXTS: usize = 20_000;
/// Texts in one statement.
const BATCH: usize = 4_000;

/// A value as somebody may write it, spaces and escapes included.
fn written() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f64>()
            .prop_filter("JSON has no such number", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?",
    ];
    let character = prop_oneof![
        "[ -!#-\\[\\]-~]",
        any::<char>()
            .prop_filter("written as it is", |c| *c >= ' ' && *c != '"' && *c != '\\')
            .prop_map(String::from),
        "\\\\[\"\\\\/bfnrt]",
        "\\\\u[0-9a-fA-F]{4}",
        "\\\\ud[89ab][0-9a-f]{2}\\\\ud[c-f][0-9a-f]{2}",
    ];
    let text =
        prop::collection::vec(character, 0..8).prop_map(|parts| format!("\"{}\"", parts.concat()));
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        number,
        text.clone()
    ];
    let space = "[ \\t\\n\\r]{0,2}";
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let list =
            (prop::collection::vec(inner.clone(), 0..6), space).prop_map(|(items, space)| {
                format!("[{space}{}{space}]", items.join(&format!("{space},")))
            });
        let member = (text.clone(), inner, space)
            .prop_map(|(key, value, space)| format!("{key}{space}:{space}{value}"));
        let object = prop::collection::vec(member, 0..6)
            .prop_map(|members| format!("{{{}}}", members.join(",")));
        prop_oneof![list, object]
    })
}

/// Texts that are JSON, and texts that nearly are.
fn texts() -> Vec<Vec<u8>> {
    let config = Config { rng_seed: RngSeed::Fixed(0x5eed), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let seeds = seeds("gate");
    let mut texts = seeds.clone();
    let (written, mutated) = (written(), mutated(seeds));
    while texts.len() < TEXTS {
        let text = written.new_tree(&mut runner).unwrap().current().into_bytes();
        texts.push(text);
        texts.push(mutated.new_tree(&mut runner).unwrap().current());
    }
    texts
}

/// The value with every number as a machine holds it, so that `1e2` and `100` are the same.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            // Postgres knows no zero below zero.
            Value::from(if number == 0.0 { 0.0 } else { number })
        }
        Value::Array(items) => items.iter().map(numbers).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), numbers(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// What Postgres makes of texts: each as it was kept, and as `jsonb` gives it back.
async fn kept(pool: &PgPool, texts: &[String]) -> Vec<(String, String)> {
    let statement = "with sent as (select * from unnest($1::text[]) with ordinality as s (body, n)), \
         kept as (insert into differential (n, body) select n, body from sent returning n, body) \
         select body, (body::jsonb)::text from kept order by n";
    sqlx::query_as(statement).bind(texts).fetch_all(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gate_accepts_serde_json_reads_and_postgres_keeps() {
    let database = database().await;
    let pool = PgPool::connect(&database.url()).await.unwrap();
    sqlx::query("create table differential (n bigint, body text)").execute(&pool).await.unwrap();
    let mut accepted = Vec::new();
    for text in texts() {
        let shown = String::from_utf8_lossy(&text).into_owned();
        let read = serde_json::from_slice::<Value>(&text);
        match Gate::default().check(&text) {
            Ok(json) => {
                assert_eq!(json.as_str().as_bytes(), text);
                assert!(read.is_ok(), "serde_json refuses {shown}");
                accepted.push(shown);
            }
            Err(refusal)
                if [Code::PayloadInvalidJson, Code::PayloadInvalidUnicode]
                    .contains(&refusal.code) =>
            {
                assert!(read.is_err(), "serde_json reads {shown}, the gate says {refusal}");
            }
            Err(_) => {}
        }
    }
    assert!(accepted.len() > TEXTS / 3, "{} texts were accepted", accepted.len());
    for batch in accepted.chunks(BATCH) {
        let kept = kept(&pool, batch).await;
        assert_eq!(kept.len(), batch.len());
        for (text, (body, jsonb)) in batch.iter().zip(kept) {
            assert_eq!(*text, body);
            let [ours, theirs] =
                [text, &jsonb].map(|text| serde_json::from_str::<Value>(text).unwrap());
            assert_eq!(numbers(&ours), numbers(&theirs), "{text}");
        }
    }
}
