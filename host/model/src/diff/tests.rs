//! What is said about two definitions.

use proptest::prelude::*;

use super::*;
use crate::id::Digest;
use crate::manifest::{Manifest, Sources};

const BEFORE: &str = "flow = \"f\"\ndescription = \"d\"\n\
    [[step]]\nname = \"a\"\ncomponent = \"one\"\n\
    [[step]]\nname = \"b\"\ncomponent = \"one\"\nneeds = [\"a\"]\ntimeout = \"5s\"\n\
    [[step]]\nname = \"c\"\ncomponent = \"one\"\nneeds = [\"a\", \"b\"]\n";

fn definition(manifest: &str) -> Definition {
    let component = &mut |component: &crate::manifest::ComponentRef| {
        Ok(Digest::of(component.as_str().as_bytes()).into())
    };
    let sources = Sources { component, schema: &mut crate::manifest::no_files };
    Manifest::from_toml(manifest).unwrap().resolve(sources).unwrap()
}

fn lines(after: &str) -> Vec<String> {
    let found = differences(&definition(BEFORE), &definition(after));
    found.iter().map(Difference::to_string).collect()
}

#[test]
fn the_same_definition_has_no_differences() {
    assert!(lines(BEFORE).is_empty());
}

#[test]
fn every_change_is_one_readable_line() {
    let digest = |text: &str| Digest::of(text.as_bytes()).short();
    assert_eq!(lines(&BEFORE.replace("\"5s\"", "\"1m30s\"")), ["step `b`: timeout 5s -> 1m30s"]);
    let changed = BEFORE.replacen("\"one\"", "\"two\"", 1);
    let (one, two) = (digest("one"), digest("two"));
    assert_eq!(lines(&changed), [format!("step `a`: component {one}… -> {two}…")]);
    assert_eq!(lines(&BEFORE.replace("[\"a\", \"b\"]", "[\"b\"]")), ["`c` no longer needs `a`"]);
    assert_eq!(lines(&BEFORE.replace("needs = [\"a\"]\n", "")), ["`b` no longer needs `a`"]);
    assert_eq!(
        lines(&BEFORE.replace("[\"a\", \"b\"]", "[\"b\", \"a\"]")),
        ["step `c`: order of dependencies changed"]
    );
    assert_eq!(lines(&BEFORE.replace("\"d\"", "\"e\"")), ["description changed"]);
    assert_eq!(lines(&BEFORE.replace("\"f\"", "\"g\"")), ["name `f` -> `g`"]);
    let schema = format!("{BEFORE}input_schema = {{ type = \"object\" }}\n");
    assert_eq!(lines(&schema), ["step `c`: input schema 17B added"]);
}

#[test]
fn added_and_removed_steps_are_named_and_not_the_places_that_moved() {
    let first =
        BEFORE.replacen("[[step]]", "[[step]]\nname = \"z\"\ncomponent = \"one\"\n[[step]]", 1);
    assert_eq!(lines(&first), ["step `z` added"]);
    let back = differences(&definition(&first), &definition(BEFORE));
    assert_eq!(back, [Difference::StepRemoved { step: "z".to_owned() }]);
    let renamed = lines(&BEFORE.replace("name = \"c\"", "name = \"d\""));
    assert_eq!(renamed, ["step `d` added", "step `c` removed"]);
}

#[test]
fn steps_in_another_order_are_a_difference() {
    let (head, last) = BEFORE.split_at(BEFORE.rfind("[[step]]").unwrap());
    let first = head.find("[[step]]").unwrap();
    let turned = format!("{}{last}{}", &head[..first], &head[first..]);
    assert_eq!(lines(&turned), ["order of steps changed"]);
}

#[test]
fn differences_are_written_for_programs_too() {
    let found = differences(&definition(BEFORE), &definition(&BEFORE.replace("\"5s\"", "\"6s\"")));
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(
        json,
        r#"[{"kind":"step","step":"b","field":"timeout","before":"5s","after":"6s"}]"#
    );
}

proptest! {
    #[test]
    fn there_is_no_difference_exactly_when_the_content_is_the_same(
        which in 0..19_usize, step in 0..3_usize, value in 1..4_u64
    ) {
        let before = definition(BEFORE);
        let mut after = before.clone();
        let options = &mut after.steps[step].options;
        let (limits, backoff) = (&mut options.limits, &mut options.backoff);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let real = value as f64;
        match which {
            0 => limits.fuel = value,
            1 => limits.timeout_ms = value,
            2 => limits.memory_bytes = value,
            3 => limits.input_bytes = value,
            4 => limits.output_bytes = value,
            5 => limits.log_bytes = value,
            6 => limits.log_records = 3,
            7 => options.max_attempts.0 = 3,
            8 => backoff.strategy = BackoffStrategy::Fixed,
            9 => backoff.base_ms = value,
            10 => backoff.factor = real,
            11 => backoff.max_ms = value,
            12 => backoff.jitter = real,
            13 => after.steps[step].handler = "h".to_owned(),
            14 => after.steps[step].map = value == 1,
            15 => after.steps[step].start_delay_ms = value - 1,
            16 => after.steps[step].abandon_children = value == 1,
            17 => after.steps[step].compensates = value == 1,
            18 => {
                let fetch = format!("a{value}.example.com").parse().unwrap();
                after.steps[step].grants.fetch = vec![fetch];
            }
            _ => unreachable!("one of nineteen"),
        }
        let same = before.content_hash() == after.content_hash();
        prop_assert_eq!(differences(&before, &after).is_empty(), same);
    }
}
