//! What GenDurable promises: a step is a durable state machine with an inbox, children, keys.

use stepcell_tests::guests;
use stepcell_tests::host::Host;

use crate::table::Act::{Ask, Deploy, End, Follow, Run, Signal, Start, Wait};
use crate::table::Fact::{Has, Is, Within};
use crate::table::{Row, Table, check};

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_of_gen_durable_is_kept() {
    check(&GEN_DURABLE, Host::start().await).await;
}

pub(crate) const GEN_DURABLE: Table = Table {
    name: "gen_durable",
    guests: &[("@player", guests::player)],
    common: r#"defaults.component = "@player"
        defaults.backoff = { strategy = "fixed", base = "10ms", jitter = 0.0 }"#,
    rows: ROWS,
};

/// A step that plays the script in the run's input: what to answer at each phase. Its output is what it saw in each.
const PLAY: &str = r#"name = "only", handler = "play""#;
/// One step under a key of the run's input.
const KEYED: &str = r#"name = "only", handler = "play", timeout = "15m", fuel = 1_000_000_000_000, concurrency = "<flow>-${input.of}""#;
/// Waits for `go`, then is done.
const GO: &str = r#"{ "only": { "": { "do": "await", "names": ["go"], "phase": "woken" } } }"#;
/// Waits for `begin`, so that others can come first; then waits for `go`.
const BEGIN_GO: &str = r#"{ "only": {
    "": { "do": "await", "names": ["begin"], "phase": "begun" },
    "begun": { "do": "await", "names": ["go"], "phase": "woken" } } }"#;
/// Computes under its key until it is stopped.
const SPINS: &str = r#"{ "of": 1, "only": { "": { "do": "spin", "until": 9, "ms": 600000, "then": { "do": "complete" } } } }"#;

const ROWS: &[Row] = &[
    Row {
        says: "a step goes on at the phase it names, with the state it left and attempts counted anew",
        flow: PLAY,
        does: &[Run(r#"{ "only": {
                "": { "do": "error", "until": 2, "then": { "do": "next", "phase": "a" } },
                "a": { "do": "next", "phase": "b" } } }"#)],
        sees: &[Is(
            "/output/only",
            r#"[{ "phase": "", "attempt": 2 }, { "phase": "a", "attempt": 1 }, { "phase": "b", "attempt": 1 }]"#,
        )],
    },
    Row {
        says: "a retry runs the same phase again, with the state it leaves and when it asked for it",
        flow: PLAY,
        does: &[Run(
            r#"{ "only": { "": { "do": "retry", "until": 2, "after_ms": 250, "then": { "do": "complete" } } } }"#,
        )],
        sees: &[
            Is("/output/only", r#"[{ "phase": "", "attempt": 1 }, { "phase": "", "attempt": 2 }]"#),
            Within("/took_ms", 250, 60_000),
        ],
    },
    Row {
        says: "a step that stops fails at once, with its reason and without another attempt",
        flow: PLAY,
        does: &[Run(r#"{ "only": { "": { "do": "fail" } } }"#)],
        sees: &[
            Is("/status", r#""failed""#),
            Is("/failure/message", r#""it gives up""#),
            Is("/attempts", "1"),
        ],
    },
    Row {
        says: "a step can skip itself, and what needs it goes on",
        flow: r#"name = "only", handler = "play"
            name = "after", builtin = { set = "${needs}" }, needs = ["only"]"#,
        does: &[Run(r#"{ "only": { "": { "do": "skip", "reason": "done before" } } }"#)],
        sees: &[
            Is("/steps/0/reason", r#""handler""#),
            Is("/steps/0/last_failure/message", r#""done before""#),
            Is("/output", r#"{ "after": {} }"#),
        ],
    },
    Row {
        says: "an error is given to the error handler, which may go on at another phase",
        flow: PLAY,
        does: &[Run(
            r#"{ "on_error": "rescued", "only": { "": { "do": "error", "until": 9, "then": { "do": "complete" } } } }"#,
        )],
        sees: &[Is(
            "/output/only",
            r#"[{ "caught": "handler_error.execution" }, { "phase": "rescued", "attempt": 1 }]"#,
        )],
    },
    Row {
        says: "a crash of the handler is given to the error handler like an error",
        flow: PLAY,
        does: &[Run(r#"{ "on_error": "rescued", "only": { "": { "do": "trap" } } }"#)],
        sees: &[Is("/output/only/0", r#"{ "caught": "trap" }"#), Is("/status", r#""completed""#)],
    },
    Row {
        says: "an error handler that crashes fails the step, and both messages are told",
        flow: PLAY,
        does: &[Run(
            r#"{ "on_error": "trap", "only": { "": { "do": "error", "until": 9, "then": { "do": "complete" } } } }"#,
        )],
        sees: &[Has("/failure/message", "attempt 3 fails; its `on-error` failed too: trap")],
    },
    Row {
        says: "a sleep holds no worker, and the step wakes at the phase it named",
        flow: PLAY,
        does: &[
            Start(r#"{ "only": { "": { "do": "sleep", "ms": 3600000, "phase": "woken" } } }"#),
            Wait("/steps/0/tasks/sleeping", "1"),
            Run(r#"{ "only": { "": { "do": "sleep", "ms": 200, "phase": "woken" } } }"#),
        ],
        sees: &[Is("/output/only/1/phase", r#""woken""#), Within("/took_ms", 200, 60_000)],
    },
    Row {
        says: "only a signal that is waited for wakes a step, and any of them does",
        flow: PLAY,
        does: &[
            Start(
                r#"{ "only": { "": { "do": "await", "names": ["yes", "no"], "phase": "woken" } } }"#,
            ),
            Wait("/steps/0/tasks/awaiting_signal", "1"),
            Signal("other", "0"),
            Wait("/steps/0/tasks/awaiting_signal", "1"),
            Signal("no", "1"),
            End,
        ],
        sees: &[
            Is("/output/only/1/awaited", r#"["no=1"]"#),
            Is("/output/only/1/inbox", r#"["other=0", "no=1"]"#),
        ],
    },
    Row {
        says: "a signal that came before the wait is not lost",
        flow: PLAY,
        does: &[Start(BEGIN_GO), Signal("go", "1"), Signal("begin", "0"), End],
        sees: &[Is("/output/only/2/awaited", r#"["go=1"]"#)],
    },
    Row {
        says: "signals of one name are all kept, and seen in the order they came",
        flow: PLAY,
        does: &[
            Start(BEGIN_GO),
            Signal("go", "1"),
            Signal("go", "2"),
            Signal("go", "1"),
            Signal("begin", "0"),
            End,
        ],
        sees: &[Is("/output/only/2/awaited", r#"["go=1", "go=2", "go=1"]"#)],
    },
    Row {
        says: "a signal sent twice under one dedup key is one signal",
        flow: PLAY,
        does: &[
            Start(BEGIN_GO),
            Ask(
                "POST /v1/runs/<run>/signals",
                r#"{ "name": "go", "payload": 1, "dedup_key": "k" }"#,
            ),
            Ask(
                "POST /v1/runs/<run>/signals",
                r#"{ "name": "go", "payload": 2, "dedup_key": "k" }"#,
            ),
            Signal("begin", "0"),
            End,
        ],
        sees: &[
            Is("/answers/1/body/duplicate", "true"),
            Is("/output/only/2/awaited", r#"["go=1"]"#),
        ],
    },
    Row {
        says: "a signal nobody waits for stays until somebody does",
        flow: PLAY,
        does: &[
            Start(
                r#"{ "only": {
                    "": { "do": "await", "names": ["a"], "phase": "one" },
                    "one": { "do": "await", "names": ["b"], "phase": "two" } } }"#,
            ),
            Signal("b", "2"),
            Signal("a", "1"),
            End,
        ],
        sees: &[
            Is("/output/only/1/awaited", r#"["a=1"]"#),
            Is("/output/only/2/awaited", r#"["b=2"]"#),
        ],
    },
    Row {
        says: "going on consumes the signals a step was given, and a later one of the same name survives",
        flow: PLAY,
        does: &[
            Start(
                r#"{ "only": {
                    "": { "do": "await", "names": ["go"], "phase": "one" },
                    "one": { "do": "await", "names": ["go"], "phase": "two" } } }"#,
            ),
            Signal("go", "1"),
            Wait("/attempts", "2"),
            Signal("go", "2"),
            End,
        ],
        sees: &[
            Is("/output/only/1/awaited", r#"["go=1"]"#),
            Is("/output/only/2/awaited", r#"["go=2"]"#),
            Is("/output/only/2/inbox", r#"["go=2"]"#),
        ],
    },
    Row {
        says: "another attempt sees the signals again that the one before was given",
        flow: PLAY,
        does: &[
            Start(
                r#"{ "only": {
                    "": { "do": "await", "names": ["go"], "phase": "woken" },
                    "woken": { "do": "error", "until": 3, "then": { "do": "complete" } } } }"#,
            ),
            Signal("go", "1"),
            End,
        ],
        sees: &[Is(
            "/output/only/1",
            r#"{ "phase": "woken", "attempt": 3, "awaited": ["go=1"], "inbox": ["go=1"] }"#,
        )],
    },
    Row {
        says: "a wait that times out is a wake without signals, and no failure",
        flow: PLAY,
        does: &[Run(r#"{ "only": {
                "": { "do": "await", "names": ["go"], "timeout_ms": 30, "phase": "woken" },
                "woken": { "do": "choose", "some": { "do": "fail" }, "none": { "do": "complete" } } } }"#)],
        sees: &[
            Is("/output/only/1", r#"{ "phase": "woken", "attempt": 1 }"#),
            Is("/steps/0/failed_attempts", "0"),
        ],
    },
    Row {
        says: "a signal to a run that has ended, or is not there, is refused",
        flow: PLAY,
        does: &[
            Run("{}"),
            Signal("go", "1"),
            Ask(
                "POST /v1/runs/01900000-0000-7000-8000-000000000000/signals",
                r#"{ "name": "go" }"#,
            ),
        ],
        sees: &[
            Is("/answers/0/body/code", r#""run.not_found""#),
            Is("/answers/1/body/code", r#""run.not_found""#),
        ],
    },
    Row {
        says: "the end of a run clears its inbox",
        flow: PLAY,
        does: &[
            Start(GO),
            Signal("other", "1"),
            Ask("GET /v1/runs/<run>/signals", ""),
            Signal("go", "1"),
            End,
            Ask("GET /v1/runs/<run>/signals", ""),
        ],
        sees: &[
            Is("/answers/1/body/signals/0/name", r#""other""#),
            Is("/answers/3/body/signals", "[]"),
        ],
    },
    Row {
        says: "a step that spawned runs goes on at its next phase when all of them have ended, well or not",
        flow: PLAY,
        does: &[
            Deploy("-child", r#"name = "work", handler = "play""#),
            Run(r#"{ "only": { "": { "do": "spawn", "phase": "joined", "children": [
                { "flow": "<flow>-child", "key": "slow", "input": { "work": { "": { "do": "sleep", "ms": 50, "phase": "s" } } } },
                { "flow": "<flow>-child", "key": "bad", "input": { "work": { "": { "do": "fail" } } } }] } } }"#),
        ],
        sees: &[
            Is("/output/only/1/phase", r#""joined""#),
            Is("/output/only/1/children/0/0", r#""slow""#),
            Is("/output/only/1/children/0/1/work/1/phase", r#""s""#),
            Is("/output/only/1/children/1", r#"["bad", "handler_error.execution: it gives up"]"#),
            Is("/attempts", "2"),
        ],
    },
    Row {
        says: "a step that spawns nothing goes on at once, and the same key twice is one child",
        flow: PLAY,
        does: &[
            Deploy("-child", PLAY),
            Run(r#"{ "only": {
                    "": { "do": "spawn", "phase": "one", "children": [] },
                    "one": { "do": "spawn", "phase": "two", "children": [
                        { "flow": "<flow>-child", "key": "k" }, { "flow": "<flow>-child", "key": "k" }] } } }"#),
        ],
        sees: &[
            Is("/output/only/1/children", "null"),
            Is("/output/only/2/children/0/0", r#""k""#),
            Is("/output/only/2/children/1", "null"),
        ],
    },
    Row {
        says: "a key has one live run of a flow, and is free again when that has ended",
        flow: PLAY,
        does: &[
            Ask("POST /v1/flows/<flow>/runs", r#"{ "key": "order-42", "delay_ms": 3600000 }"#),
            Follow("/run_id"),
            Ask("POST /v1/flows/<flow>/runs", r#"{ "key": "order-42" }"#),
            Ask("POST /v1/runs/<run>/cancel", "{}"),
            Ask("POST /v1/flows/<flow>/runs", r#"{ "key": "order-42" }"#),
        ],
        sees: &[
            Is("/answers/1/body/code", r#""run.duplicate""#),
            Is("/answers/1/body/run_id", r#""<run>""#),
            Is("/answers/3/status", "201"),
        ],
    },
    Row {
        says: "a run that is to start later is queued until then",
        flow: PLAY,
        does: &[
            Ask("POST /v1/flows/<flow>/runs", r#"{ "delay_ms": 3600000 }"#),
            Ask("POST /v1/flows/<flow>/runs", r#"{ "delay_ms": 300 }"#),
            Follow("/run_id"),
            End,
            Ask("GET /v1/runs?flow=<flow>", ""),
        ],
        sees: &[
            Is("/answers/2/body/runs/0/status", r#""completed""#),
            Is("/answers/2/body/runs/1/status", r#""queued""#),
            Within("/took_ms", 300, 60_000),
        ],
    },
    Row {
        says: "under one key one attempt runs at a time, and whatever ends it lets the next one begin",
        flow: KEYED,
        does: &[
            Start(SPINS),
            Wait("/steps/0/tasks/running", "1"),
            Ask("POST /v1/flows/<flow>/runs", r#"{ "input": { "of": 1 } }"#),
            Ask("GET /v1/runs/<run>", ""),
            Ask("POST /v1/runs/<run>/cancel", "{}"),
            Ask("GET /v1/runs?flow=<flow>&limit=1", ""),
            Follow("/runs/0/run_id"),
            End,
        ],
        sees: &[Is("/answers/1/body/steps/0/tasks/running", "1"), Is("/status", r#""completed""#)],
    },
    Row {
        says: "of those that wait under a key the one of the largest priority goes first",
        flow: KEYED,
        does: &[
            Start(SPINS),
            Wait("/steps/0/tasks/running", "1"),
            Ask("POST /v1/flows/<flow>/runs", r#"{ "input": { "of": 1 } }"#),
            Ask(
                "POST /v1/flows/<flow>/runs",
                r#"{ "priority": 5, "input": { "of": 1, "only": { "": { "do": "spin", "until": 9, "ms": 600000, "then": { "do": "complete" } } } } }"#,
            ),
            // Both have asked for their place by the time a later one of another key has ended.
            Run(r#"{ "of": 2 }"#),
            Ask("GET /v1/runs?flow=<flow>", ""),
            Follow("/runs/3/run_id"),
            Ask("POST /v1/runs/<run>/cancel", "{}"),
            Ask("GET /v1/runs?flow=<flow>", ""),
            Follow("/runs/1/run_id"),
            Wait("/steps/0/tasks/running", "1"),
            Ask("GET /v1/runs?flow=<flow>", ""),
            Ask("POST /v1/runs/<run>/cancel", "{}"),
        ],
        sees: &[Is("/priority", "5"), Is("/answers/5/body/runs/2/ended_at", "null")],
    },
    Row {
        says: "a rate lets so many begin as it can hold, and the next one waits without a worker",
        flow: r#"rate_limit = [{ name = "<flow>", limit = 1, period = "1h", burst = 2 }]
            name = "only", handler = "play", rate_limit = "<flow>""#,
        does: &[Run("{}"), Run("{}"), Start("{}"), Wait("/steps/0/tasks/queued", "1")],
        sees: &[Is("/attempts", "0")],
    },
    Row {
        says: "a run that waits while its flow changes finishes on the version it began with",
        flow: PLAY,
        does: &[
            Start(GO),
            Wait("/steps/0/tasks/awaiting_signal", "1"),
            Deploy("", r#"name = "only", builtin = { set = "new" }"#),
            Signal("go", "1"),
            End,
        ],
        sees: &[
            Is("/answers/0/body/version", "2"),
            Is("/version", "1"),
            Is("/status", r#""completed""#),
        ],
    },
];
