//! What a manifest means, and what is said about one that is wrong.

use proptest::prelude::*;

use super::*;
use crate::code::Code;
use crate::definition::{Definition, StepIndex};

const ORDER: &str = r#"
flow = "order"
description = """
Fetches an order
and scores it."""
input_schema = { type = "object", required = ["id"] }

[defaults]
timeout = "5s"
max_attempts = 5
backoff = { strategy = "linear", base = "2s", jitter = 0 }
memory = "128MiB"
fuel = 500_000_000

[[step]]
name = "fetch"
component = "handlers/fetch"
handler = "get"
output = "1MiB"
output_schema = "schemas/order.json"

[[step]]
name = "score"
needs = ["fetch"]
map = true
component = "score.wasm"
timeout = "1m"
max_retries = 0
backoff = { max = "10s" }
start_delay = "250ms"
log = "0B"
on_exhausted = "fail"
"#;

fn problems(text: &str) -> Problems {
    Manifest::from_toml(text).expect_err("the manifest is wrong")
}

/// Problems of a manifest whose head and first step are right.
fn problems_of_step(step: &str) -> Vec<(Code, Option<usize>, String)> {
    let text = format!("flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"c\"\n{step}");
    let found = problems(&text).problems;
    found.into_iter().map(|problem| (problem.code, problem.line, problem.detail)).collect()
}

fn resolved(manifest: &Manifest) -> Result<Definition, Problems> {
    manifest.resolve(Sources {
        component: &mut |component| Ok(Digest::of(component.as_str().as_bytes()).into()),
        schema: &mut |_| Ok(b"{ \"type\":\"array\" , \"items\": {\"type\":\"number\"} }".to_vec()),
    })
}

#[test]
fn options_come_from_the_step_then_the_defaults_then_stepcell() {
    let definition = resolved(&Manifest::from_toml(ORDER).unwrap()).unwrap();
    let [fetch, score] = &definition.steps[..] else { panic!("two steps") };
    assert_eq!((fetch.options.limits.timeout_ms, score.options.limits.timeout_ms), (5_000, 60_000));
    assert_eq!((fetch.options.max_attempts.0, score.options.max_attempts.0), (5, 1));
    assert_eq!(fetch.options.limits.fuel, 500_000_000);
    assert_eq!(fetch.options.limits.memory_bytes, 128 * 1024 * 1024);
    assert_eq!(fetch.options.limits.output_bytes, 1024 * 1024);
    assert_eq!((fetch.options.limits.log_bytes, score.options.limits.log_bytes), (65_536, 0));
    assert_eq!((score.options.backoff.base_ms, score.options.backoff.max_ms), (2_000, 10_000));
    assert_eq!(score.options.backoff.strategy, BackoffStrategy::Linear);
    assert!(score.options.backoff.jitter.abs() < f64::EPSILON);
    assert_eq!(
        (score.needs.as_slice(), score.map, score.start_delay_ms),
        (&[StepIndex(0)][..], true, 250)
    );
    assert_eq!((fetch.handler.as_str(), score.handler.as_str()), ("get", ""));
    assert_eq!(fetch.component, Some(Digest::of(b"handlers/fetch")));
    let schema = fetch.output_schema.as_ref().unwrap();
    assert_eq!(schema.as_str(), r#"{"items":{"type":"number"},"type":"array"}"#);
}

#[test]
fn json_of_the_same_shape_is_the_same_definition() {
    let tree = tree::from_toml(ORDER).unwrap();
    let json = tree::Value::Table(tree.root).to_json().unwrap().to_string();
    let from_json = Manifest::from_json(json.as_bytes()).unwrap();
    let from_toml = Manifest::from_toml(ORDER).unwrap();
    assert_eq!(from_json.steps[1].place.pointer, "/step/1");
    assert_eq!(resolved(&from_json).unwrap().to_json(), resolved(&from_toml).unwrap().to_json());
}

#[test]
fn a_definition_survives_its_text() {
    let definition = resolved(&Manifest::from_toml(ORDER).unwrap()).unwrap();
    assert_eq!(Definition::from_json(&definition.to_json()).unwrap(), definition);
}

#[test]
fn a_component_under_defaults_serves_every_step() {
    let text = "flow = \"f\"\n[defaults]\ncomponent = \"all\"\n[[step]]\nname = \"a\"\n[[step]]\nname = \"b\"\n";
    let manifest = Manifest::from_toml(text).unwrap();
    assert_eq!(manifest.components().len(), 1);
    assert!(
        manifest
            .steps
            .iter()
            .all(|step| step.component.as_ref().is_some_and(|named| named.as_str() == "all"))
    );
}

#[test]
fn an_unknown_field_is_named_with_its_line_and_a_suggestion() {
    let found = problems_of_step("need = [\"x\"]\n");
    let detail = "unknown field `need`; did you mean `needs`?".to_owned();
    assert_eq!(found, [(Code::ManifestUnknownField, Some(5), detail)]);
    assert!(problems_of_step("depends_on = []\n")[0].2.ends_with("did you mean `needs`?"));
    assert!(problems_of_step("colour = 1\n")[0].2.contains("here belong `name`, `component`"));
}

#[test]
fn a_field_that_is_not_carried_out_yet_is_not_called_unknown() {
    for field in ["retention = \"1d\"", "schedule = \"@daily\"", "priority = 1"] {
        assert_eq!(problems_of_step(field)[0].0, Code::ManifestNotSupported, "{field}");
    }
    let builtin = "flow = \"f\"\n[[step]]\nname = \"a\"\nbuiltin = { schedule = \"x\" }\n";
    let found = problems(builtin);
    assert_eq!((found.problems.len(), found.code()), (1, Some(Code::ManifestNotSupported)));
}

#[test]
fn every_wrong_value_has_its_code_and_says_what_is_right() {
    use Code::*;
    let cases = [
        (
            "timeout = 5",
            ManifestWrongType,
            "a duration in `\"` with its unit, like `\"5s\"`, this is the number `5`",
        ),
        ("timeout = \"5\"", ManifestWrongType, "`5` is not a duration"),
        (
            "timeout = \"20m\"",
            ManifestOutOfRange,
            "`20m` is out of range; choose a value from `1ms` to `15m`",
        ),
        ("timeout = \"0s\"", ManifestOutOfRange, "`0ms` is out of range"),
        ("memory = \"64MB\"", ManifestWrongType, "`64MB` is not a size"),
        ("memory = \"1GiB\"", ManifestOutOfRange, "from `64KiB` to `512MiB`"),
        ("output = \"2MiB\"", ManifestOutOfRange, "from `1B` to `1MiB`"),
        ("fuel = 0", ManifestOutOfRange, "from 1 to 1000000000000"),
        ("fuel = 99999999999999999999999999", ManifestOutOfRange, "`fuel`"),
        ("fuel = 1.5", ManifestWrongType, "a whole number"),
        ("max_attempts = 0", ManifestOutOfRange, "from 1 to 100"),
        ("max_attempts = -1", ManifestOutOfRange, "`-1`"),
        ("max_retries = 100", ManifestOutOfRange, "from 0 to 99"),
        ("max_retries = 1\nmax_attempts = 2", ManifestConflictingFields, "say the same thing"),
        ("backoff = { factor = nan }", ManifestOutOfRange, "`factor`"),
        ("backoff = { factor = inf }", ManifestOutOfRange, "`factor`"),
        ("backoff = { jitter = 2 }", ManifestOutOfRange, "from 0 to 1"),
        ("backoff = { strategy = \"linaer\" }", ManifestWrongType, "did you mean `linear`?"),
        ("backoff = { base = \"1h\" }", ManifestConflictingFields, "longer than its `max` of `5m`"),
        ("backoff = { bas = \"1s\" }", ManifestUnknownField, "did you mean `base`?"),
        ("backoff = \"1s\"", ManifestWrongType, "`backoff` takes a table"),
        ("needs = \"b\"", ManifestWrongType, "a list, like `needs = [\"fetch\"]`"),
        ("needs = [1]", ManifestWrongType, "this is the number `1`"),
        ("map = \"yes\"", ManifestWrongType, "`true` or `false`"),
        ("start_delay = 1979-05-27", ManifestWrongType, "this is a date"),
        ("handler = \"a b\"", ManifestBadName, "`a b` is not a name"),
        ("input_schema = 5", ManifestWrongType, "a JSON Schema or the path of one"),
        (
            "input_schema = { minimum = 1979-05-27 }",
            ManifestBadSchema,
            "a date cannot be written in JSON",
        ),
        ("on_exhausted = \"explode\"", ManifestWrongType, "`skip_cascade`"),
        (
            "needs = [\"b\"]",
            ManifestUnknownDependency,
            "step `a` needs `b`, which is not in flow `f`",
        ),
    ];
    for (step, code, words) in cases {
        let found = problems_of_step(step);
        assert_eq!(found[0].0, code, "{step}: {found:?}");
        assert!(found[0].2.contains(words), "{step}: {}", found[0].2);
        assert_eq!(found.len(), 1, "{step}: {found:?}");
    }
}

#[test]
fn hostile_text_is_refused_and_shown_escaped() {
    for (text, code) in [
        ("flow = \"f\\u0000\"", Code::ManifestBadName),
        ("flow = \"f\"\ndescription = \"a\\u001b[31m\"", Code::ManifestBadText),
        ("flow = \"f\"\nx = 1\0", Code::ManifestInvalidSyntax),
        ("flow = \"f\"\n\"\\u001b\" = 1", Code::ManifestUnknownField),
    ] {
        let found = problems(&format!("{text}\n[[step]]\nname = \"a\"\ncomponent = \"c\"\n"));
        assert_eq!(found.code(), Some(code), "{text}");
        assert!(!found.to_string().contains(|c: char| c.is_control() && c != '\n'), "{text}");
    }
    assert_eq!(problems_of_step("handler = \"run\"")[0].0, Code::ManifestBadName);
    let component = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"a\\u0000\"";
    assert_eq!(problems(component).code(), Some(Code::ManifestBadText));
}

#[test]
fn what_is_missing_is_named_with_an_example() {
    assert_eq!(problems("").code(), Some(Code::ManifestMissingField));
    assert_eq!(problems("").problems.len(), 2);
    let found = problems("flow = \"f\"\n[[step]]\n").to_string();
    assert!(
        found.contains("line 2: `name` is missing; add it, for example `name = \"fetch\"`"),
        "{found}"
    );
    assert!(found.contains("`component` is missing"), "{found}");
    assert_eq!(
        Manifest::from_json(b"{\"flow\":\"f\",\"step\":[]}").unwrap_err().code(),
        Some(Code::ManifestMissingField)
    );
}

#[test]
fn syntax_errors_have_their_line() {
    let found = problems("flow = \"f\"\n\ntimeout = 5s\n").problems.remove(0);
    assert_eq!((found.code, found.line), (Code::ManifestInvalidSyntax, Some(3)));
    assert_eq!(problems("a = 1\na = 2\n").problems[0].line, Some(2));
    let json = Manifest::from_json(b"{\"flow\":\"f\",\"flow\":1}").unwrap_err();
    assert_eq!(
        (json.code(), json.problems[0].pointer.as_str()),
        (Some(Code::ManifestInvalidSyntax), "/flow")
    );
    assert_eq!(Manifest::from_json(b"[]").unwrap_err().code(), Some(Code::ManifestWrongType));
    assert_eq!(problems("[step]\nname = \"a\"").problems[1].code, Code::ManifestWrongType);
}

fn flow_of(steps: &[(&str, &[&str])]) -> String {
    let step = |(name, needs): &(&str, &[&str])| {
        format!("[[step]]\nname = \"{name}\"\ncomponent = \"c\"\nneeds = {needs:?}\n")
    };
    format!("flow = \"f\"\n{}", steps.iter().map(step).collect::<String>())
}

#[test]
fn a_circle_is_printed_in_the_order_of_the_data() {
    let found = problems(&flow_of(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"]), ("d", &["c"])]));
    assert_eq!((found.problems.len(), found.code()), (1, Some(Code::ManifestCycle)));
    assert!(found.to_string().contains(": b -> c -> a -> b;"), "{found}");
    let itself = problems(&flow_of(&[("a", &["a"])]));
    assert!(itself.to_string().contains("a -> a"), "{itself}");
}

#[test]
fn graph_mistakes_have_their_codes() {
    let twice = problems(&flow_of(&[("a", &[]), ("a", &[])]));
    assert_eq!(twice.code(), Some(Code::ManifestDuplicateStep));
    assert!(
        twice.to_string().contains("line 6: another step (line 2) is named `a` too"),
        "{twice}"
    );
    let needed_twice = problems(&flow_of(&[("a", &[]), ("b", &["a", "a"])]));
    assert_eq!(needed_twice.code(), Some(Code::ManifestDuplicateDependency));
    let unknown = problems(&flow_of(&[("fetch", &[]), ("b", &["fetsh"])]));
    assert_eq!(unknown.problems[0].suggestion.as_deref(), Some("fetch"));
    let map = flow_of(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]) + "map = true\n";
    assert_eq!(problems(&map).code(), Some(Code::ManifestBadMap));
}

#[test]
fn all_problems_are_listed_at_once_and_the_rest_counted() {
    let found = problems(
        "flow = \"1\"\ncolour = 1\n[[step]]\nname = \"a\"\ntimeout = 1\nneeds = [\"z\"]\n",
    );
    assert_eq!(found.problems.len(), 5);
    let many = (0..200).map(|n| format!("x{n} = 1\n")).collect::<String>();
    let found = problems(&many);
    assert_eq!((found.problems.len(), found.more), (50, 152));
    assert!(found.to_string().ends_with("and 152 more"));
}

#[test]
fn huge_and_deep_manifests_are_refused_in_little_time() {
    let steps = |count: usize| {
        (0..count)
            .map(|n| format!("[[step]]\nname=\"s{n}\"\ncomponent=\"c\"\n"))
            .collect::<String>()
    };
    assert!(Manifest::from_toml(&format!("flow = \"f\"\n{}", steps(1_024))).is_ok());
    assert_eq!(
        problems(&format!("flow = \"f\"\n{}", steps(1_025))).code(),
        Some(Code::ManifestTooLarge)
    );
    assert_eq!(problems(&"#".repeat(1024 * 1024 + 1)).code(), Some(Code::ManifestTooLarge));
    for deep in [
        format!("{}a = 1", "a.".repeat(500_000)),
        format!("[{}a]", "a.".repeat(500_000)),
        format!("a = {}{}", "[".repeat(500_000), "]".repeat(500_000)),
        format!("a = {}1{}", "{a=".repeat(70), "}".repeat(70)),
    ] {
        assert_eq!(problems(&deep).code(), Some(Code::ManifestInvalidSyntax));
    }
    let needs = (0..4_097).map(|n| format!("\"s{n}\",")).collect::<String>();
    let edges = format!("flow = \"f\"\n[[step]]\nname=\"a\"\ncomponent=\"c\"\nneeds=[{needs}]\n");
    assert_eq!(problems(&edges).code(), Some(Code::ManifestTooLarge));
    let ring: Vec<String> = (0..1_024).map(|n| format!("s{}", (n + 1) % 1_024)).collect();
    let ring: String = ring
        .iter()
        .enumerate()
        .map(|(n, next)| format!("[[step]]\nname=\"s{n}\"\ncomponent=\"c\"\nneeds=[\"{next}\"]\n"))
        .collect();
    assert_eq!(problems(&format!("flow = \"f\"\n{ring}")).code(), Some(Code::ManifestCycle));
}

#[test]
fn components_and_schemas_that_are_not_found_are_reported_where_they_are_named() {
    let mut asked = 0;
    let manifest =
        Manifest::from_toml(&(flow_of(&[("a", &[]), ("b", &[])]) + "output_schema = \"x.json\""))
            .unwrap();
    let found = manifest.resolve(Sources {
        component: &mut |component| {
            asked += 1;
            Err(format!("no folder `{}`", component.as_str()))
        },
        schema: &mut no_files,
    });
    let found = found.unwrap_err();
    let codes: Vec<Code> = found.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [Code::ManifestUnknownComponent, Code::ManifestBadSchema]);
    assert_eq!(found.problems[0].pointer, "/step/0/component");
    assert_eq!(asked, 1);
}

#[test]
fn schemas_that_exclude_each_other_are_found_before_the_flow_runs() {
    let text = "flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"c\"\noutput_schema = { type = \"string\" }\n\
                [[step]]\nname = \"b\"\ncomponent = \"c\"\nneeds = [\"a\"]\nmap = true\n";
    let found = resolved(&Manifest::from_toml(text).unwrap()).unwrap_err();
    assert_eq!(
        (found.code(), found.problems[0].line),
        (Some(Code::ManifestSchemaMismatch), Some(6))
    );
    let bad = text.replace("\"string\"", "\"strin\"");
    let found = resolved(&Manifest::from_toml(&bad).unwrap()).unwrap_err();
    assert_eq!(found.code(), Some(Code::ManifestBadSchema));
}

#[test]
fn problems_are_written_as_json_for_programs() {
    let found = problems("flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"c\"\nneed = []\n");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["problems"][0]["code"], "manifest.unknown_field");
    assert_eq!(json["problems"][0]["pointer"], "/step/0/need");
    assert_eq!(json["problems"][0]["suggestion"], "needs");
    assert_eq!(json["problems"][0]["line"], 5);
}

proptest! {
    #[test]
    fn no_change_of_a_few_bytes_makes_reading_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<char>(), any::<bool>()), 1..5)
    ) {
        let mut text: Vec<char> = ORDER.chars().collect();
        for (place, character, replace) in changes {
            let at = place.index(text.len());
            if replace { text[at] = character } else { text.insert(at, character) }
        }
        let text: String = text.into_iter().collect();
        if let Ok(definition) = Manifest::from_toml(&text).and_then(|manifest| resolved(&manifest)) {
            prop_assert_eq!(Definition::from_json(&definition.to_json()).unwrap(), definition);
        }
    }

    #[test]
    fn no_json_makes_reading_panic(text in "[{}\\[\\]\",:a-f0-9 ]{0,40}") {
        let _read = Manifest::from_json(text.as_bytes());
    }
}

#[test]
fn a_scratch_folder_is_granted_where_files_are_imported_and_fits_into_the_memory() {
    let resolved = |uses_files: bool, step: &str| {
        let text = format!("flow = \"f\"\n[[step]]\nname = \"a\"\ncomponent = \"c\"\n{step}");
        let resolved = Manifest::from_toml(&text).unwrap().resolve(Sources {
            component: &mut |_| Ok(Found { uses_files, ..Found::from(Digest::of(b"c")) }),
            schema: &mut no_files,
        });
        resolved.map(drop).map_err(|found| found.problems[0].code)
    };
    assert_eq!(resolved(true, ""), Ok(()), "it need not be granted");
    assert_eq!(resolved(true, "grants = { scratch = true }"), Ok(()));
    let unused = Err(Code::ManifestUnusedGrant);
    assert_eq!(resolved(false, "grants = { scratch = true }"), unused);
    let large = "grants = { scratch = \"128MiB\" }";
    assert_eq!(resolved(true, large), Err(Code::ManifestConflictingFields));
    assert_eq!(resolved(true, &format!("{large}\nmemory = \"128MiB\"")), Ok(()));
}
