//! What the flunq executor promises: steps that call, wait, set and inject, with retries and a circuit breaker.

use std::time::Duration;

use stepcell_tests::host::{Host, Settings};
use store::BreakerRule;

use crate::table::Act::{Ask, End, Follow, Run, Start, Switch, Wait};
use crate::table::Fact::{Has, Is, Within};
use crate::table::{Row, Table, check};

/// A breaker opens after this many failures, which no row but those about breakers reaches.
const FAILURES: u32 = 3;
/// And lets a call through after this long.
const RECOVERY: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_of_flunq_is_kept() {
    let pattern = |text: &str| text.parse().unwrap();
    let outbound = outbound::Settings {
        allowed: ["http://127.0.0.1:*", "http://localhost:*"].map(pattern).to_vec(),
        networks: vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()],
    };
    let breaker = BreakerRule { failures: FAILURES, recovery: RECOVERY };
    let worker = worker::Settings { outbound, breaker, ..Settings::default().worker };
    check(&FLUNQ, Host::with(Settings { worker, ..Settings::default() }).await).await;
}

pub(crate) const FLUNQ: Table = Table {
    name: "flunq",
    guests: &[],
    common: r#"defaults.backoff = { strategy = "fixed", base = "10ms", jitter = 0.0 }"#,
    rows: ROWS,
};

/// A call whose answer the service can be told, and three attempts.
const SWITCHED: &str = r#"name = "call", builtin = { http = { url = "<url>/switched" } }"#;

const ROWS: &[Row] = &[
    Row {
        says: "a call answers its status, its headers and its body as JSON",
        flow: r#"name = "call", builtin = { http = { url = "<url>/json" } }"#,
        does: &[Run("null")],
        sees: &[
            Is("/output/call/status", "200"),
            Is("/output/call/headers/x-answer", r#""A b""#),
            Is("/output/call/body", r#"{ "b": 1.5, "a": [] }"#),
        ],
    },
    Row {
        says: "a call takes its method, path, headers and body from the input and from other steps",
        flow: r#"name = "who", builtin = { inject = { id = "a b" } }
            name = "call", needs = ["who"], builtin = { http = { method = "PUT", url = "<url>/of/${needs.who.id}?n=${input.n}", headers = { X-Of = "n ${input.n}" }, body = { n = "${input.n}" } } }"#,
        does: &[Run(r#"{ "n": 7 }"#)],
        sees: &[
            Is("/calls/0/method", r#""PUT""#),
            Is("/calls/0/path", r#""/of/a%20b""#),
            Is("/calls/0/query", r#""n=7""#),
            Is("/calls/0/headers/x-of", r#""n 7""#),
            Is("/calls/0/body", r#""{\"n\":7}""#),
        ],
    },
    Row {
        says: "a body that is no JSON is text, and one that is no text is kept byte for byte",
        flow: r#"name = "text", builtin = { http = { url = "<url>/text" } }
            name = "bytes", builtin = { http = { url = "<url>/binary" } }
            name = "none", builtin = { http = { url = "<url>/status/204" } }"#,
        does: &[Run("null")],
        sees: &[
            Is("/output/text/body", r#""grüße""#),
            Is("/output/bytes/body", r#"{ "base64": "iVAA/w==" }"#),
            Is("/output/none/body", r#""""#),
        ],
    },
    Row {
        says: "an answer that says the caller is wrong is a failure with its status, and not tried again",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/404" } }"#,
        does: &[Run("null")],
        sees: &[
            Is("/failure/kind", r#""handler_error.dependency""#),
            Has("/failure/message", "answered 404"),
            Is("/failure/details/status", "404"),
            Is("/attempts", "1"),
        ],
    },
    Row {
        says: "an answer that says the service is at fault is tried again",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/503" } }, max_attempts = 2"#,
        does: &[Run("null")],
        sees: &[Is("/failure/details/status", "503"), Is("/attempts", "2")],
    },
    Row {
        says: "a call that was made too often is tried again",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/429" } }, max_attempts = 2"#,
        does: &[Run("null")],
        sees: &[Is("/failure/details/status", "429"), Is("/attempts", "2")],
    },
    Row {
        says: "a service that says when to come again is called again then",
        flow: r#"name = "call", builtin = { http = { url = "<url>/later" } }"#,
        does: &[Run("null")],
        sees: &[
            Is("/tries/call/0/0/retry_in_ms", "1000"),
            Is("/status", r#""completed""#),
            Is("/calls/2", "null"),
        ],
    },
    Row {
        says: "every attempt of a call carries the same idempotency key",
        flow: r#"name = "call", builtin = { http = { method = "POST", url = "<url>/status/500" } }, max_attempts = 2"#,
        does: &[Run("null")],
        sees: &[
            Is("/calls/0/headers/idempotency-key", r#""<run>/call/0/0""#),
            Is("/calls/1/headers/idempotency-key", r#""<run>/call/0/0""#),
        ],
    },
    Row {
        says: "a call that is not answered in time ends, each attempt with a time of its own",
        flow: r#"name = "call", builtin = { http = { url = "<url>/never" } }, timeout = "150ms", max_attempts = 2"#,
        does: &[Run("null")],
        sees: &[
            Is("/failure/message", r#""task timed out after 150ms""#),
            Is("/tries/call/0/1/failure/kind", r#""timeout""#),
            Within("/took_ms", 300, 30_000),
        ],
    },
    Row {
        says: "an answer that is larger than the step may have is not kept and not tried again",
        flow: r#"name = "call", builtin = { http = { url = "<url>/endless" } }, output = "1KiB""#,
        does: &[Run("null")],
        sees: &[Is("/failure/kind", r#""output_too_large""#), Is("/attempts", "1")],
    },
    Row {
        says: "a map step makes one call for each element",
        flow: r#"name = "call", map = true, builtin = { http = { url = "<url>/of/${element}" } }"#,
        does: &[Run("[1, 2, 3]")],
        sees: &[Is("/output/call/2/body/path", r#""/of/3""#), Is("/calls/3", "null")],
    },
    Row {
        says: "a call to where neither the flow nor the operator lets it go is not made",
        flow: r#"name = "call", builtin = { http = { url = "http://10.0.0.1/admin" } }"#,
        does: &[Run("null")],
        sees: &[Is("/failure/kind", r#""capability_denied""#), Is("/attempts", "1")],
    },
    Row {
        says: "a call to a host that the input names has to be granted when the flow is registered",
        flow: r#"name = "call", builtin = { http = { url = "https://${input.host}/x" } }"#,
        does: &[],
        sees: &[Is("/registered/body/code", r#""manifest.missing_grant""#)],
    },
    Row {
        says: "after some failures in a row a call is refused without being made",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/500" } }, max_attempts = 4"#,
        does: &[
            Start("null"),
            Wait("/steps/0/failed_attempts", "4"),
            Ask("GET /v1/breakers?limit=500", ""),
        ],
        sees: &[
            Is("/tries/call/0/2/failure/kind", r#""handler_error.dependency""#),
            Is("/tries/call/0/3/failure/kind", r#""dependency_unavailable""#),
            Is("/calls/3", "null"),
            Has("/answers/0/body/breakers", "<url>"),
        ],
    },
    Row {
        says: "a call that was held back waits for the recovery, and goes well when the service does",
        flow: r#"name = "call", builtin = { http = { url = "<url>/switched" } }, max_attempts = 6"#,
        does: &[
            Switch(500),
            Start("null"),
            Wait("/steps/0/failed_attempts", "4"),
            Switch(200),
            End,
        ],
        sees: &[
            Within("/tries/call/0/3/retry_in_ms", 1, 3_000),
            Is("/tries/call/0/4/output/status", "200"),
            Is("/calls/4", "null"),
        ],
    },
    Row {
        says: "a service that is held back holds back no call to another one",
        flow: r#"name = "bad", builtin = { http = { url = "<url>/status/500" } }, max_attempts = 3, on_exhausted = "skip"
            name = "same", needs = ["bad"], builtin = { http = { url = "<url>/x" } }, max_attempts = 1, on_exhausted = "skip"
            name = "other", needs = ["same"], builtin = { http = { url = "http://localhost:<port>/x" } }"#,
        does: &[Run("null")],
        sees: &[
            Is("/steps/1/last_failure/kind", r#""dependency_unavailable""#),
            Is("/output/other/status", "200"),
        ],
    },
    Row {
        says: "a call that has no attempts left is kept aside with its input, and can be made again",
        flow: SWITCHED,
        does: &[
            Switch(400),
            Run(r#"{ "n": 1 }"#),
            Ask("GET /v1/dead-letters/<run>/call/0", ""),
            Switch(200),
            Ask("POST /v1/dead-letters/<run>/call/replay", "{}"),
            Follow("/rerun_id"),
            End,
        ],
        sees: &[
            Is("/answers/0/body/input", r#"{ "n": 1 }"#),
            Is("/answers/0/body/failure/details/status", "400"),
            Is("/output/call/status", "200"),
        ],
    },
    Row {
        says: "a call that has no attempts left can have another step in its place",
        flow: r#"name = "first", builtin = { http = { url = "<url>/status/404" } }, on_exhausted = "skip"
            name = "second", needs = ["first"], when_skipped = ["first"], builtin = { http = { url = "<url>/second" } }"#,
        does: &[Run("null")],
        sees: &[Is("/output/second/body/path", r#""/second""#), Is("/status", r#""completed""#)],
    },
    Row {
        says: "a constant wait between attempts stays the same",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/503" } }, max_attempts = 3, backoff = { strategy = "fixed", base = "7ms", jitter = 0.0 }"#,
        does: &[Run("null")],
        sees: &[Is("/tries/call/0/0/retry_in_ms", "7"), Is("/tries/call/0/1/retry_in_ms", "7")],
    },
    Row {
        says: "a linear wait between attempts grows by as much each time",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/503" } }, max_attempts = 3, backoff = { strategy = "linear", base = "7ms", jitter = 0.0 }"#,
        does: &[Run("null")],
        sees: &[Is("/tries/call/0/0/retry_in_ms", "7"), Is("/tries/call/0/1/retry_in_ms", "14")],
    },
    Row {
        says: "jitter stays within its share of the wait",
        flow: r#"name = "call", builtin = { http = { url = "<url>/status/503" } }, max_attempts = 2, backoff = { strategy = "fixed", base = "100ms", jitter = 0.5 }"#,
        does: &[Run("null")],
        sees: &[Within("/tries/call/0/0/retry_in_ms", 50, 150)],
    },
    Row {
        says: "a wait lasts as long as it says, and answers null",
        flow: r#"name = "wait", builtin = { wait = "PT0.4S" }
            name = "after", needs = ["wait"], builtin = { set = "${needs}" }"#,
        does: &[Start("null"), Wait("/steps/0/tasks/sleeping", "1"), End],
        sees: &[Is("/output", r#"{ "after": { "wait": null } }"#), Within("/took_ms", 400, 30_000)],
    },
    Row {
        says: "a wait takes every duration that ISO 8601 has",
        flow: r#"name = "a", builtin = { wait = "PT2S" }
            name = "b", builtin = { wait = "P1DT12H" }
            name = "c", builtin = { wait = "P3W" }
            name = "d", builtin = { wait = "P1M" }
            name = "e", builtin = { wait = "P0Y11M2DT3H4M5.5S" }
            name = "f", builtin = { wait = "PT0,25H" }"#,
        does: &[],
        sees: &[Is("/registered/status", "201"), Is("/registered/body/reasons", "null")],
    },
    Row {
        says: "a wait that is no duration is refused, and so is one of more than a year",
        flow: r#"name = "a", builtin = { wait = "2 seconds" }
            name = "b", builtin = { wait = "P1W2D" }
            name = "c", builtin = { wait = "PT" }
            name = "d", builtin = { wait = "P2Y" }"#,
        does: &[],
        sees: &[
            Is("/registered/body/reasons/0/code", r#""manifest.wrong_type""#),
            Is("/registered/body/reasons/1/code", r#""manifest.wrong_type""#),
            Is("/registered/body/reasons/2/code", r#""manifest.wrong_type""#),
            Is("/registered/body/reasons/3/code", r#""manifest.out_of_range""#),
        ],
    },
    Row {
        says: "a run that waits for weeks holds no worker, and ends at once when it is cancelled",
        flow: r#"name = "wait", builtin = { wait = "P3W" }"#,
        does: &[
            Start("null"),
            Wait("/steps/0/tasks/sleeping", "1"),
            Ask("POST /v1/runs/<run>/cancel", "{}"),
            End,
        ],
        sees: &[Is("/status", r#""cancelled""#), Is("/steps/0/status", r#""cancelled""#)],
    },
    Row {
        says: "`set` takes what it names as it is, and writes it where there is text around it",
        flow: r#"name = "set", builtin = { set = { whole = "${input.user}", text = "${input.user.name} is ${input.ages[1]}", list = ["${input.ages}", 1] } }"#,
        does: &[Run(r#"{ "user": { "name": "Ann" }, "ages": [30, 41] }"#)],
        sees: &[Is(
            "/output/set",
            r#"{ "whole": { "name": "Ann" }, "text": "Ann is 41", "list": [[30, 41], 1] }"#,
        )],
    },
    Row {
        says: "`set` that names what is not there fails, says what, and is not tried again",
        flow: r#"name = "set", builtin = { set = "${input.nobody}" }"#,
        does: &[Run("{}")],
        sees: &[
            Is("/failure/kind", r#""handler_error.validation""#),
            Has("/failure/message", "input.nobody"),
            Is("/attempts", "1"),
        ],
    },
    Row {
        says: "a template that names what no step sees is refused",
        flow: r#"name = "set", builtin = { set = "${secrets.key}" }"#,
        does: &[],
        sees: &[Is("/registered/body/code", r#""manifest.bad_text""#)],
    },
    Row {
        says: "`inject` answers its value and reads no template in it",
        flow: r#"name = "inject", builtin = { inject = { rate = 1.5, codes = ["a", "b"], text = "${input.x}" } }"#,
        does: &[Run("{}")],
        sees: &[Is(
            "/output/inject",
            r#"{ "rate": 1.5, "codes": ["a", "b"], "text": "${input.x}" }"#,
        )],
    },
    Row {
        says: "a step of a kind that is not there is refused, and the nearest is named",
        flow: r#"name = "a", builtin = { wiat = "PT1S" }"#,
        does: &[],
        sees: &[
            Is("/registered/body/code", r#""manifest.unknown_field""#),
            Has("/registered/body", "`wait`"),
        ],
    },
    Row {
        says: "a step does one thing: a second one is refused",
        flow: r#"name = "a", builtin = { wait = "PT1S", set = 1 }"#,
        does: &[],
        sees: &[Is("/registered/body/code", r#""manifest.conflicting_fields""#)],
    },
];
