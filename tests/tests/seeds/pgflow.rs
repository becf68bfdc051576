//! What pgflow promises: a graph of steps in Postgres, map steps, conditions, policies, retries.

use stepcell_tests::guests;
use stepcell_tests::host::Host;

use crate::table::Act::{Ask, Run, Start, Wait};
use crate::table::Fact::{Has, Is, Within};
use crate::table::{Row, Table, check};

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_of_pgflow_is_kept() {
    check(&PGFLOW, Host::start().await).await;
}

pub(crate) const PGFLOW: Table = Table {
    name: "pgflow",
    guests: &[("@actor", guests::actor)],
    common: r#"defaults.component = "@actor"
        defaults.backoff = { strategy = "fixed", base = "10ms", jitter = 0.0 }"#,
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        says: "a root step waits for no other root step",
        flow: r#"name = "late", handler = "echo", start_delay = "1h"
            name = "now", handler = "echo""#,
        does: &[Start("1"), Wait("/steps/1/status", r#""completed""#)],
        sees: &[Is("/steps/0/tasks/sleeping", "1"), Is("/status", r#""running""#)],
    },
    Row {
        says: "a step waits until everything it needs has ended",
        flow: r#"name = "late", handler = "echo", start_delay = "1h"
            name = "now", handler = "echo"
            name = "join", handler = "echo", needs = ["late", "now"]"#,
        does: &[Start("1"), Wait("/steps/1/status", r#""completed""#)],
        sees: &[Is("/steps/2/status", r#""created""#), Is("/steps/2/attempts", "0")],
    },
    Row {
        says: "a step gets the outputs of the steps it needs by name, and no others",
        flow: r#"name = "a", handler = "echo"
            name = "b", handler = "echo", needs = ["a"]
            name = "c", handler = "echo", needs = ["a", "b"]"#,
        does: &[Run("7")],
        sees: &[Is("/output", r#"{ "c": { "a": 7, "b": { "a": 7 } } }"#)],
    },
    Row {
        says: "a run's output has the steps that nobody needs, and those only",
        flow: r#"name = "root", handler = "echo"
            name = "left", handler = "sum", needs = ["root"]
            name = "right", handler = "sum", needs = ["root"]
            name = "alone", handler = "echo""#,
        does: &[Run("3")],
        sees: &[Is("/output", r#"{ "left": 3.0, "right": 3.0, "alone": 3 }"#)],
    },
    Row {
        says: "what is false, empty, zero or null reaches the next step as it is",
        flow: r#"name = "no", builtin = { inject = false }
            name = "zero", builtin = { inject = 0 }
            name = "text", builtin = { inject = "" }
            name = "list", builtin = { inject = [] }
            name = "object", builtin = { inject = {} }
            name = "null", handler = "echo"
            name = "join", handler = "echo", needs = ["no", "zero", "text", "list", "object", "null"]"#,
        does: &[Run("null")],
        sees: &[Is(
            "/output/join",
            r#"{ "no": false, "zero": 0, "text": "", "list": [], "object": {}, "null": null }"#,
        )],
    },
    Row {
        says: "the run's input is within reach of every step, not only of roots",
        flow: r#"name = "root", handler = "echo"
            name = "next", handler = "flaky", needs = ["root"]"#,
        does: &[Run(r#"{ "succeed_at": 1 }"#)],
        sees: &[Is("/output", r#"{ "next": 1 }"#)],
    },
    Row {
        says: "a step is told to have completed before those that need it are told to start",
        flow: r#"name = "a", handler = "echo"
            name = "b", handler = "echo", needs = ["a"]"#,
        does: &[Run("1")],
        sees: &[Is(
            "/events",
            r#"["run_started", "step_started a", "task_completed a 0", "step_completed a",
                "step_started b", "task_completed b 0", "step_completed b", "run_completed"]"#,
        )],
    },
    Row {
        says: "a map step's output is in the order of its elements, whichever ended first",
        flow: r#"name = "each", handler = "odd_twice", map = true"#,
        does: &[Run("[5, 2, 3, 4]")],
        sees: &[Is("/output/each", "[10, 4, 6, 8]")],
    },
    Row {
        says: "a null in an array is an element like any other",
        flow: r#"name = "each", handler = "echo", map = true"#,
        does: &[Run("[null, 1, null]")],
        sees: &[Is("/output/each", "[null, 1, null]"), Is("/steps/0/tasks/total", "3")],
    },
    Row {
        says: "a map step over an empty array completes with an empty array and no task",
        flow: r#"name = "each", handler = "double", map = true"#,
        does: &[Run("[]")],
        sees: &[
            Is("/output", r#"{ "each": [] }"#),
            Is("/steps/0/tasks/total", "0"),
            Is("/attempts", "0"),
        ],
    },
    Row {
        says: "an empty array goes through any number of map steps at once",
        flow: r#"name = "list", handler = "list"
            name = "one", handler = "double", needs = ["list"], map = true
            name = "two", handler = "double", needs = ["one"], map = true
            name = "sum", handler = "sum", needs = ["two"]"#,
        does: &[Run(r#"{ "count": 0 }"#)],
        sees: &[Is("/output", r#"{ "sum": 0.0 }"#), Is("/attempts", "2")],
    },
    Row {
        says: "a map task that fails is tried again alone",
        flow: r#"name = "each", handler = "odd_twice", map = true"#,
        does: &[Run("[1, 2, 3, 4]")],
        sees: &[
            Is("/steps/0/attempts", "6"),
            Is("/steps/0/failed_attempts", "2"),
            Is("/tries/each/2/1/attempt", "2"),
            Is("/tries/each/1/1", "null"),
        ],
    },
    Row {
        says: "one map task without attempts left fails its step and the run",
        flow: r#"name = "each", handler = "fail_at_three", map = true"#,
        does: &[Run("[1, 3, 5]")],
        sees: &[
            Is("/status", r#""failed""#),
            Is("/failed_step", r#""each""#),
            Is("/failure/message", r#""three is refused""#),
        ],
    },
    Row {
        says: "a flow that maps over its input refuses one that is no array, and there is no run",
        flow: r#"name = "each", handler = "double", map = true"#,
        does: &[
            Ask("POST /v1/flows/<flow>/runs", r#"{ "input": { "not": "an array" } }"#),
            Ask("GET /v1/runs?flow=<flow>", ""),
        ],
        sees: &[
            Is("/answers/0/status", "422"),
            Is("/answers/0/body/code", r#""run.not_an_array""#),
            Is("/answers/1/body/runs", "[]"),
        ],
    },
    Row {
        says: "an output that is no array fails the run at once where a map needs it, and is kept",
        flow: r#"name = "source", handler = "echo"
            name = "each", handler = "double", needs = ["source"], map = true, on_exhausted = "skip""#,
        does: &[Run(r#"{ "not": "an array" }"#)],
        sees: &[
            Is("/status", r#""failed""#),
            Has("/failure/message", "`source`"),
            Has("/failure/message", "`each`"),
            Has("/failure/message", "object"),
            Is("/attempts", "1"),
            Is("/tries/source/0/0/output", r#"{ "not": "an array" }"#),
        ],
    },
    Row {
        says: "a map step that needs two steps is refused",
        flow: r#"name = "a", handler = "list"
            name = "b", handler = "list"
            name = "each", handler = "double", needs = ["a", "b"], map = true"#,
        does: &[],
        sees: &[
            Is("/registered/status", "422"),
            Is("/registered/body/code", r#""manifest.bad_map""#),
        ],
    },
    Row {
        says: "steps that need each other in a circle are refused, and the circle is spelled out",
        flow: r#"name = "a", handler = "echo", needs = ["c"]
            name = "b", handler = "echo", needs = ["a"]
            name = "c", handler = "echo", needs = ["b"]"#,
        does: &[],
        sees: &[
            Is("/registered/body/code", r#""manifest.cycle""#),
            Has("/registered/body", "c -> "),
        ],
    },
    Row {
        says: "a step that needs a step that is not there is refused, and the nearest is named",
        flow: r#"name = "fetch", handler = "echo"
            name = "score", handler = "echo", needs = ["fetsh"]"#,
        does: &[],
        sees: &[
            Is("/registered/body/code", r#""manifest.unknown_dependency""#),
            Has("/registered/body", "`fetch`"),
        ],
    },
    Row {
        says: "opposite conditions on the input let one of two branches run",
        flow: r#"name = "paid", handler = "echo", when = { plan = "paid" }
            name = "free", handler = "echo", unless = { plan = "paid" }
            name = "after", handler = "sum", needs = ["paid", "free"]"#,
        does: &[Run(r#"{ "plan": "paid", "n": 2 }"#)],
        sees: &[
            Is("/steps/0/status", r#""completed""#),
            Is("/steps/1/status", r#""skipped""#),
            Is("/steps/1/reason", r#""condition_unmet""#),
            Is("/output", r#"{ "after": 2.0 }"#),
        ],
    },
    Row {
        says: "a step's condition can ask for what the steps it needs answered",
        flow: r#"name = "check", handler = "echo"
            name = "yes", handler = "echo", needs = ["check"], when = { check = { ok = true } }
            name = "no", handler = "echo", needs = ["check"], when = { check = { ok = false } }"#,
        does: &[Run(r#"{ "ok": true, "more": 1 }"#)],
        sees: &[
            Is("/steps/1/status", r#""completed""#),
            Is("/steps/2/reason", r#""condition_unmet""#),
        ],
    },
    Row {
        says: "where `when` and `unless` are given both must hold",
        flow: r#"name = "both", handler = "echo", when = { a = 1 }, unless = { b = 1 }
            name = "one", handler = "echo", when = { a = 1 }, unless = { c = 1 }
            name = "other", handler = "echo", when = { a = 2 }, unless = { b = 1 }"#,
        does: &[Run(r#"{ "a": 1, "c": 1 }"#)],
        sees: &[
            Is("/steps/0/status", r#""completed""#),
            Is("/steps/1/status", r#""skipped""#),
            Is("/steps/2/status", r#""skipped""#),
        ],
    },
    Row {
        says: "a pattern holds where every part of it is in the value, in arrays at any place",
        flow: r#"name = "part", handler = "echo", when = { tags = ["c", "a"], user = { id = 7 } }
            name = "more", handler = "echo", when = { tags = ["a", "z"] }"#,
        does: &[Run(r#"{ "tags": ["a", "b", "c"], "user": { "id": 7, "name": "Ann" } }"#)],
        sees: &[Is("/steps/0/status", r#""completed""#), Is("/steps/1/status", r#""skipped""#)],
    },
    Row {
        says: "a step can ask that another was skipped, and take its place",
        flow: r#"name = "first", handler = "echo", when = { first = true }
            name = "instead", handler = "echo", needs = ["first"], when_skipped = ["first"]
            name = "never", handler = "echo", needs = ["instead"], when_skipped = ["instead"]"#,
        does: &[Run("{}")],
        sees: &[
            Is("/steps/1/status", r#""completed""#),
            Is("/steps/2/status", r#""skipped""#),
            Is("/tries/instead/0/0/output", "{}"),
        ],
    },
    Row {
        says: "a skipped step's key is absent, and one that answered null has it",
        flow: r#"name = "null", handler = "echo"
            name = "gone", handler = "echo", when = { never = true }
            name = "after", handler = "echo", needs = ["null", "gone"]"#,
        does: &[Run("null")],
        sees: &[Is("/output/after", r#"{ "null": null }"#)],
    },
    Row {
        says: "a run of which every step was skipped completes with null and calls no handler",
        flow: r#"name = "a", handler = "fail", when = { a = 1 }
            name = "b", handler = "fail", when = { a = 2 }"#,
        does: &[Run("{}")],
        sees: &[Is("/status", r#""completed""#), Is("/output", "null"), Is("/attempts", "0")],
    },
    Row {
        says: "a condition that has to hold fails the run, and what comes after does not run",
        flow: r#"name = "must", handler = "echo", when = { plan = "paid" }, on_unmet = "fail"
            name = "after", handler = "echo", needs = ["must"]"#,
        does: &[Run(r#"{ "plan": "free" }"#)],
        sees: &[
            Is("/status", r#""failed""#),
            Is("/failed_step", r#""must""#),
            Is("/failure/kind", r#""condition_unmet""#),
            Is("/attempts", "0"),
        ],
    },
    Row {
        says: "a skip that cascades reaches every level below, also where another dependency completed",
        flow: r#"name = "other", handler = "echo"
            name = "cut", handler = "echo", when = { a = 1 }, on_unmet = "skip_cascade"
            name = "below", handler = "echo", needs = ["cut", "other"]
            name = "far", handler = "echo", needs = ["below"]
            name = "beside", handler = "echo", needs = ["other"]"#,
        does: &[Run("{}")],
        sees: &[
            Is("/steps/2/reason", r#""dependency_skipped""#),
            Is("/steps/3/reason", r#""dependency_skipped""#),
            Is("/output", r#"{ "beside": { "other": {} } }"#),
        ],
    },
    Row {
        says: "a map step over a skipped step completes with an empty array",
        flow: r#"name = "list", handler = "list", when = { a = 1 }
            name = "each", handler = "double", needs = ["list"], map = true
            name = "after", handler = "echo", needs = ["each"]"#,
        does: &[Run("{}")],
        sees: &[Is("/output", r#"{ "after": { "each": [] } }"#)],
    },
    Row {
        says: "a step without attempts left can be skipped, its error is kept, and the run goes on",
        flow: r#"name = "bad", handler = "fail", on_exhausted = "skip"
            name = "after", handler = "echo", needs = ["bad"]"#,
        does: &[Run("1")],
        sees: &[
            Is("/output", r#"{ "after": {} }"#),
            Is("/steps/0/reason", r#""handler_failed""#),
            Is("/steps/0/last_failure/message", r#""this cannot work""#),
        ],
    },
    Row {
        says: "a step without attempts left can be skipped with everything below it",
        flow: r#"name = "bad", handler = "fail", on_exhausted = "skip_cascade"
            name = "after", handler = "echo", needs = ["bad"]
            name = "beside", handler = "echo""#,
        does: &[Run("1")],
        sees: &[
            Is("/output", r#"{ "beside": 1 }"#),
            Is("/steps/1/reason", r#""dependency_skipped""#),
        ],
    },
    Row {
        says: "a step that fails the run stops what the other branches have not begun",
        flow: r#"name = "bad", handler = "fail"
            name = "late", handler = "echo", start_delay = "1h""#,
        does: &[Run("1")],
        sees: &[
            Is("/status", r#""failed""#),
            Is("/steps/1/status", r#""cancelled""#),
            Is("/attempts", "1"),
        ],
    },
    Row {
        says: "a start delay holds back the first attempt and no later one",
        flow: r#"name = "only", handler = "flaky", start_delay = "400ms""#,
        does: &[Run(r#"{ "succeed_at": 3 }"#)],
        sees: &[
            Is("/output/only", "3"),
            Is("/tries/only/0/1/retry_in_ms", "20"),
            Within("/took_ms", 400, 60_000),
        ],
    },
    Row {
        says: "start delays along a chain add up",
        flow: r#"name = "a", handler = "echo", start_delay = "200ms"
            name = "b", handler = "echo", needs = ["a"], start_delay = "200ms""#,
        does: &[Run("1")],
        sees: &[Is("/status", r#""completed""#), Within("/took_ms", 400, 60_000)],
    },
    Row {
        says: "a step's own attempts hold over those of its flow",
        flow: r#"defaults.max_attempts = 5
            name = "only", handler = "flaky", max_attempts = 2"#,
        does: &[Run(r#"{ "succeed_at": 9 }"#)],
        sees: &[Is("/status", r#""failed""#), Is("/attempts", "2")],
    },
    Row {
        says: "the wait doubles from attempt to attempt",
        flow: r#"name = "only", handler = "errs", max_attempts = 4, backoff = { strategy = "exponential", base = "8ms", factor = 2.0, jitter = 0.0 }"#,
        does: &[Run(r#"{ "kind": "execution" }"#)],
        sees: &[
            Is("/tries/only/0/0/retry_in_ms", "8"),
            Is("/tries/only/0/1/retry_in_ms", "16"),
            Is("/tries/only/0/2/retry_in_ms", "32"),
        ],
    },
    Row {
        says: "an attempt's error is seen while the next attempt waits",
        flow: r#"name = "only", handler = "later""#,
        does: &[Start("1"), Wait("/steps/0/last_failure/message", r#""later""#)],
        sees: &[Is("/status", r#""running""#), Is("/steps/0/tasks/sleeping", "1")],
    },
];
