//! What Jido.Exec promises: options, kinds of errors, retries, waiting and cancelling, chains, closures, compensation.

use stepcell_tests::guests;
use stepcell_tests::host::Host;

use crate::table::Act::{Ask, End, Follow, Run, Start, Wait};
use crate::table::Fact::{Has, Is, Within};
use crate::table::{Row, Table, check};

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_of_jido_exec_is_kept() {
    check(&JIDO_EXEC, Host::start().await).await;
}

pub(crate) const JIDO_EXEC: Table = Table {
    name: "jido_exec",
    guests: &[("@actor", guests::actor), ("@player", guests::player)],
    common: r#"defaults.component = "@actor"
        defaults.backoff = { strategy = "fixed", base = "10ms", jitter = 0.0 }"#,
    rows: ROWS,
};

/// A step that answers what it is given.
const ECHO: &str = r#"name = "only", handler = "echo""#;
/// A step that fails as the run's input says.
const ERRS: &str = r#"name = "only", handler = "errs""#;
/// A step that computes as long as the run's input says.
const BUSY: &str = r#"name = "only", handler = "busy", timeout = "15m", fuel = 1_000_000_000_000"#;
/// A step that waits until it is stopped.
const WAITS: &str = r#"name = "only", builtin = { wait = "P1D" }"#;
/// Two steps that can be undone, and one that plays.
const TRIP: &str = r#"defaults.max_attempts = 2
    name = "a", component = "@player", handler = "book"
    name = "b", component = "@player", handler = "book", needs = ["a"]
    name = "last", component = "@player", handler = "play", needs = ["b"]"#;

const ROWS: &[Row] = &[
    Row {
        says: "a start that waits answers the output",
        flow: ECHO,
        does: &[Ask("POST /v1/flows/<flow>/runs?wait=30s", r#"{ "input": { "n": 1 } }"#)],
        sees: &[
            Is("/answers/0/status", "200"),
            Is("/answers/0/body/output", r#"{ "only": { "n": 1 } }"#),
        ],
    },
    Row {
        says: "a start that does not wait answers at once, and the output can be awaited later",
        flow: ECHO,
        does: &[
            Ask("POST /v1/flows/<flow>/runs", r#"{ "input": 1 }"#),
            Follow("/run_id"),
            Ask("GET /v1/runs/<run>/wait?timeout=30s", ""),
        ],
        sees: &[Is("/answers/0/status", "201"), Is("/answers/1/body/output/only", "1")],
    },
    Row {
        says: "a wait that ends before its run says that it is running, and does not stop it",
        flow: WAITS,
        does: &[
            Start("null"),
            Wait("/steps/0/tasks/sleeping", "1"),
            Ask("GET /v1/runs/<run>/wait?timeout=30ms", ""),
        ],
        sees: &[
            Is("/answers/0/status", "200"),
            Is("/answers/0/body/status", r#""running""#),
            Is("/status", r#""running""#),
        ],
    },
    Row {
        says: "a cancel interrupts a handler that runs",
        flow: BUSY,
        does: &[
            Start(r#"{ "busy_ms": 600000 }"#),
            Wait("/steps/0/tasks/running", "1"),
            Ask("POST /v1/runs/<run>/cancel", "{}"),
            Wait("/steps/0/attempts", "1"),
        ],
        sees: &[
            Is("/status", r#""cancelled""#),
            Is("/tries/only/0/0/failure/kind", r#""interrupted""#),
        ],
    },
    Row {
        says: "a run that is cancelled before its turn calls no handler",
        flow: r#"name = "only", handler = "echo", start_delay = "1h""#,
        does: &[Start("1"), Ask("POST /v1/runs/<run>/cancel", "{}"), End],
        sees: &[Is("/status", r#""cancelled""#), Is("/attempts", "0")],
    },
    Row {
        says: "cancelling what has ended is a conflict and changes nothing",
        flow: ECHO,
        does: &[Run("1"), Ask("POST /v1/runs/<run>/cancel", "{}")],
        sees: &[
            Is("/answers/0/status", "409"),
            Is("/answers/0/body/code", r#""run.ended""#),
            Is("/status", r#""completed""#),
        ],
    },
    Row {
        says: "an input that does not fit its schema is refused with its place, and there is no run",
        flow: r#"input_schema = { type = "object", properties = { n = { type = "integer" } } }
            name = "only", handler = "echo""#,
        does: &[
            Ask("POST /v1/flows/<flow>/runs", r#"{ "input": { "n": "x" } }"#),
            Ask("GET /v1/runs?flow=<flow>", ""),
        ],
        sees: &[
            Is("/answers/0/body/code", r#""payload.schema""#),
            Has("/answers/0/body/pointer", "/n"),
            Is("/answers/1/body/runs", "[]"),
        ],
    },
    Row {
        says: "an output that does not fit its schema is a failure of its own kind, and not tried again",
        flow: r#"name = "only", handler = "echo", output_schema = { type = "integer" }"#,
        does: &[Run(r#""text""#)],
        sees: &[Is("/failure/kind", r#""schema_mismatch""#), Is("/attempts", "1")],
    },
    Row {
        says: "a step's input that does not fit is not given to its handler",
        flow: r#"name = "first", handler = "echo"
            name = "second", handler = "echo", needs = ["first"], input_schema = { properties = { first = { type = "integer" } } }"#,
        does: &[Run(r#""text""#)],
        sees: &[
            Is("/failed_step", r#""second""#),
            Is("/failure/kind", r#""schema_mismatch""#),
            Is("/steps/1/receipt/fuel", "0"),
        ],
    },
    Row {
        says: "an error of validation is not tried again",
        flow: ERRS,
        does: &[Run(r#"{ "kind": "validation" }"#)],
        sees: &[Is("/failure/kind", r#""handler_error.validation""#), Is("/attempts", "1")],
    },
    Row {
        says: "an error of configuration is not tried again",
        flow: ERRS,
        does: &[Run(r#"{ "kind": "configuration" }"#)],
        sees: &[Is("/failure/kind", r#""handler_error.configuration""#), Is("/attempts", "1")],
    },
    Row {
        says: "an error of execution is tried again as often as the step may",
        flow: ERRS,
        does: &[Run(r#"{ "kind": "execution" }"#)],
        sees: &[Is("/failure/kind", r#""handler_error.execution""#), Is("/attempts", "3")],
    },
    Row {
        says: "an error that asks for no retry has none, whatever its kind",
        flow: ERRS,
        does: &[Run(r#"{ "kind": "execution", "retry": false }"#)],
        sees: &[Is("/attempts", "1")],
    },
    Row {
        says: "an error that asks for a retry has one, whatever its kind, within the attempts there are",
        flow: ERRS,
        does: &[Run(r#"{ "kind": "validation", "retry": true }"#)],
        sees: &[Is("/attempts", "3"), Is("/status", r#""failed""#)],
    },
    Row {
        says: "an error that says when to try again is tried again then",
        flow: ERRS,
        does: &[Run(r#"{ "kind": "dependency", "after_ms": 35 }"#)],
        sees: &[
            Is("/tries/only/0/0/retry_in_ms", "35"),
            Is("/tries/only/0/1/retry_in_ms", "35"),
            Is("/tries/only/0/2/retry_in_ms", "null"),
        ],
    },
    Row {
        says: "so many retries are one attempt more, and none is one",
        flow: r#"name = "three", handler = "errs", max_retries = 2, on_exhausted = "skip"
            name = "one", handler = "errs", max_retries = 0, on_exhausted = "skip""#,
        does: &[Run(r#"{ "kind": "execution" }"#)],
        sees: &[Is("/steps/0/attempts", "3"), Is("/steps/1/attempts", "1")],
    },
    Row {
        says: "the wait between attempts doubles and is capped",
        flow: r#"name = "only", handler = "errs", max_attempts = 5, backoff = { strategy = "exponential", base = "4ms", factor = 2.0, max = "10ms", jitter = 0.0 }"#,
        does: &[Run(r#"{ "kind": "execution" }"#)],
        sees: &[
            Is("/tries/only/0/1/retry_in_ms", "8"),
            Is("/tries/only/0/2/retry_in_ms", "10"),
            Is("/tries/only/0/3/retry_in_ms", "10"),
        ],
    },
    Row {
        says: "a timeout is enforced whatever the handler does, says how long it was, and is tried again",
        flow: r#"name = "only", handler = "busy", timeout = "100ms", max_attempts = 2"#,
        does: &[Run(r#"{ "busy_ms": 600000 }"#)],
        sees: &[
            Is("/failure/kind", r#""timeout""#),
            Is("/failure/message", r#""task timed out after 100ms""#),
            Is("/attempts", "2"),
        ],
    },
    Row {
        says: "what a start says about attempts and time holds over the step, and the step over the flow",
        flow: r#"defaults.max_attempts = 4
            defaults.timeout = "1m"
            name = "only", handler = "busy", timeout = "15m", max_attempts = 3"#,
        does: &[
            Ask(
                "POST /v1/flows/<flow>/runs",
                r#"{ "input": { "busy_ms": 600000 }, "options": { "timeout_ms": 60, "max_attempts": 2 } }"#,
            ),
            Follow("/run_id"),
            End,
        ],
        sees: &[Is("/failure/message", r#""task timed out after 60ms""#), Is("/attempts", "2")],
    },
    Row {
        says: "an option that is not there is refused, and the nearest is named",
        flow: ECHO,
        does: &[Ask("POST /v1/flows/<flow>/runs", r#"{ "options": { "max_attemps": 1 } }"#)],
        sees: &[Is("/answers/0/status", "400"), Has("/answers/0/body/detail", "max_attempts")],
    },
    Row {
        says: "a deadline of the whole run ends it, however long its step may take",
        flow: WAITS,
        does: &[
            Ask("POST /v1/flows/<flow>/runs", r#"{ "deadline_ms": 200 }"#),
            Follow("/run_id"),
            End,
        ],
        sees: &[
            Is("/failure/kind", r#""deadline_exceeded""#),
            Is("/steps/0/status", r#""cancelled""#),
            Within("/took_ms", 200, 30_000),
        ],
    },
    Row {
        says: "a crash is told apart from an error, and is tried again",
        flow: r#"name = "only", component = "@player", handler = "play", max_attempts = 2"#,
        does: &[Run(r#"{ "only": { "": { "do": "trap" } } }"#)],
        sees: &[
            Is("/failure/kind", r#""trap""#),
            Is("/failure/blame", r#""guest""#),
            Is("/attempts", "2"),
        ],
    },
    Row {
        says: "an answer of a shape that means nothing is told apart too, and is not tried again",
        flow: r#"name = "only", component = "@player", handler = "play""#,
        does: &[Run(r#"{ "only": { "": { "do": "next", "phase": "no name" } } }"#)],
        sees: &[Is("/failure/kind", r#""invalid_output""#), Is("/attempts", "1")],
    },
    Row {
        says: "what a handler adds to its error is kept, and what is named like a secret is hidden",
        flow: r#"name = "only", handler = "tells""#,
        does: &[Run("1")],
        sees: &[Is(
            "/failure/details/request",
            r#"{ "authorization": "[redacted]", "accept": "*/*" }"#,
        )],
    },
    Row {
        says: "a handler knows which attempt it is, and of how many",
        flow: r#"name = "only", handler = "who", max_attempts = 7"#,
        does: &[Run("1")],
        sees: &[
            Is("/output/only/attempt", "1"),
            Is("/output/only/max_attempts", "7"),
            Is("/output/only/step", r#""only""#),
            Is("/output/only/key", r#""<run>/only/0/0""#),
        ],
    },
    Row {
        says: "a chain gives each output to the next handler",
        flow: r#"chain = ["list", "echo", "sum"]"#,
        does: &[Run(r#"{ "count": 4 }"#)],
        sees: &[
            Is("/tries/echo/0/0/output", r#"{ "list": [0, 1, 2, 3] }"#),
            Is("/output", r#"{ "sum": 6.0 }"#),
        ],
    },
    Row {
        says: "a chain that fails says where, and what came before is kept",
        flow: r#"chain = ["echo", "fail", "sum"]"#,
        does: &[Run("5")],
        sees: &[
            Is("/failed_step", r#""fail""#),
            Is("/tries/echo/0/0/output", "5"),
            Is("/steps/2/attempts", "0"),
        ],
    },
    Row {
        says: "a chain of functions stops where its condition says so, with what it has by then",
        flow: r#"name = "only", component = "@player", handler = "chain""#,
        does: &[Run(r#""   ""#)],
        sees: &[Is("/output", r#"{ "only": "" }"#), Is("/status", r#""completed""#)],
    },
    Row {
        says: "a closure's input is merged under its caller's",
        flow: ECHO,
        does: &[
            Ask(
                "PUT /v1/closures/<flow>",
                r#"{ "flow": "<flow>", "input": { "a": { "x": 1, "y": 1 }, "b": 1 } }"#,
            ),
            Ask(
                "POST /v1/closures/<flow>/runs?wait=30s",
                r#"{ "input": { "a": { "y": 2 }, "c": 2 } }"#,
            ),
        ],
        sees: &[Is(
            "/answers/1/body/output/only",
            r#"{ "a": { "x": 1, "y": 2 }, "b": 1, "c": 2 }"#,
        )],
    },
    Row {
        says: "a closure's options hold unless its caller says otherwise",
        flow: ERRS,
        does: &[
            Ask(
                "PUT /v1/closures/<flow>",
                r#"{ "flow": "<flow>", "input": { "kind": "execution" }, "options": { "max_attempts": 1 } }"#,
            ),
            Ask("POST /v1/closures/<flow>/runs?wait=30s", "{}"),
            Follow("/run_id"),
            Ask("GET /v1/runs/<run>", ""),
            Ask(
                "POST /v1/closures/<flow>/runs?wait=30s",
                r#"{ "options": { "max_attempts": 2 } }"#,
            ),
            Follow("/run_id"),
        ],
        sees: &[Is("/answers/2/body/attempts", "1"), Is("/attempts", "2")],
    },
    Row {
        says: "after a run has failed for good, what it did is undone, and its failure is kept",
        flow: TRIP,
        does: &[
            Run(r#"{ "last": { "": { "do": "fail" } } }"#),
            Wait("/compensation/status", r#""completed""#),
        ],
        sees: &[
            Is("/status", r#""failed""#),
            Is("/failure/message", r#""it gives up""#),
            Is("/compensation/steps/0/compensated", "1"),
            Is("/compensation/steps/1/compensated", "1"),
        ],
    },
    Row {
        says: "what cannot be undone is told, beside the failure that made it necessary",
        flow: TRIP,
        does: &[
            Run(r#"{ "last": { "": { "do": "fail" } }, "undo": { "b": 9 } }"#),
            Wait("/compensation/status", r#""failed""#),
        ],
        sees: &[
            Is("/failure/message", r#""it gives up""#),
            Has("/compensation", "attempt 2 cannot undo"),
        ],
    },
    Row {
        says: "a run that completed is not undone",
        flow: TRIP,
        does: &[Run("{}")],
        sees: &[Is("/status", r#""completed""#), Is("/compensation", "null")],
    },
];
