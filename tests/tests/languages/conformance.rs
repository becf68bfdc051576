//! One set of handlers, written in each language, has to behave alike, built or as a source.

use std::path::PathBuf;

use serde_json::{Value, json};
use stepcell_tests::guests::root;

use crate::{build, stepcell};

/// What handlers answer: the name of the handler and its arguments, and what has to come of it.
struct Set {
    handlers: PathBuf,
    folder: tempfile::TempDir,
}

impl Set {
    fn of(language: &str) -> Self {
        let handlers = build(&root().join("tests/guests/conformance").join(language));
        Self { handlers, folder: tempfile::tempdir().unwrap() }
    }

    /// A source, which its runtime runs.
    fn of_source(file: &str) -> Self {
        let handlers = root().join("tests/guests/conformance").join(file);
        Self { handlers, folder: tempfile::tempdir().unwrap() }
    }

    /// What `exec --json` shows of a call.
    fn call(&self, handler: &str, input: &str, more: &[&str]) -> Value {
        let file = self.folder.path().join("input.json");
        std::fs::write(&file, input).unwrap();
        let mut command = stepcell(self.folder.path());
        command.arg("exec").arg(&self.handlers).args(["--json", "--handler", handler]);
        if !more.contains(&"--dep") {
            command.args(["--input", "@input.json"]);
        }
        let done = command.args(more).output().unwrap();
        let shown = serde_json::from_slice(&done.stdout);
        shown.unwrap_or_else(|_| panic!("{handler}: {}", crate::said(&done)))
    }

    fn fails(&self, handler: &str, input: &str, more: &[&str]) -> Value {
        let shown = self.call(handler, input, more);
        assert!(shown["failure"].is_object(), "{handler}: {shown:#}");
        shown["failure"].clone()
    }

    fn holds(&self) {
        self.echoes();
        self.says_what_went_wrong();
        self.is_stopped();
        self.is_durable();
    }

    /// Every value comes back as it went in.
    fn echoes(&self) {
        let nested = format!("{}7{}", "[".repeat(63), "]".repeat(63));
        let long = json!({ "pad": "ü".repeat(100_000), "n": 1 }).to_string();
        for text in [
            "null",
            "false",
            "0",
            "\"\"",
            "[]",
            "{}",
            "\"ü€😀\\u0001\\n\\\"\\\\ \u{2028}<>&\"",
            "18446744073709551615",
            "-9223372036854775808",
            "{\"a\":[9007199254740993,-9007199254740993,1.5,1e300,0.1]}",
            "{\"ключ\":\"é\"}",
            &nested,
            &long,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let shown = self.call("echo", text, &[]);
            assert_eq!(shown.get("output"), Some(&value), "{shown:#}");
        }
        // As large as an input may be: it is read whole, and is more than an answer may be.
        let whole = json!("x".repeat(1_048_000)).to_string();
        let failure = self.fails("echo", &whole, &["--fuel", "20000000000"]);
        assert_eq!(failure["kind"], "output_too_large", "{failure:#}");
        let sums = ["--dep", "a=1", "--dep", "b=2.5", "--dep", "c=-1"];
        assert_eq!(self.call("sums", "null", &sums)["output"], 2.5);
        let context = self.call("context", "null", &[])["output"].clone();
        assert_eq!((&context["step"], &context["attempt"]), (&json!("exec"), &json!(1)));
        assert!(context["idempotency_key"].as_str().unwrap().ends_with("/exec/0/0"), "{context:#}");
    }

    fn says_what_went_wrong(&self) {
        let failure = self.fails("fails", "{\"message\":\"böse\"}", &[]);
        assert_eq!(failure["kind"], "handler_error.execution", "{failure:#}");
        assert!(failure["message"].as_str().unwrap().contains("böse"), "{failure:#}");
        let failure = self.fails("invalid", "null", &[]);
        assert_eq!(failure["kind"], "handler_error.validation", "{failure:#}");
        assert_eq!(failure["details"], json!({ "field": "x" }));
        let failure = self.fails("hint", "null", &[]);
        assert_eq!(failure["kind"], "handler_error.dependency", "{failure:#}");
        assert_eq!(failure["retry_after_ms"], 1_234, "{failure:#}");
        for what in ["undefined", "nan", "bytes", "circular"] {
            let failure = self.fails("wrong", &json!({ "what": what }).to_string(), &[]);
            assert_eq!(failure["kind"], "handler_error.configuration", "{what}: {failure:#}");
        }
        for unknown in ["nobody", ""] {
            let failure = self.fails(unknown, "null", &[]);
            assert_eq!(failure["kind"], "handler_error.configuration", "{failure:#}");
            assert!(
                failure["message"].as_str().unwrap().contains("echo"),
                "it lists them: {failure:#}"
            );
        }
        let log = self.call("logs", "null", &[])["log"].clone();
        let levels: Vec<&str> =
            log.as_array().unwrap().iter().map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels[..5], ["trace", "debug", "info", "warn", "error"], "{log:#}");
        assert!(levels.len() > 5, "its own way, too: {log:#}");
    }

    fn is_stopped(&self) {
        let failure = self.fails("spins", "null", &["--fuel", "300000000"]);
        assert_eq!(failure["kind"], "out_of_fuel", "{failure:#}");
        let late = ["--timeout", "300ms", "--fuel", "1000000000000"];
        assert_eq!(self.fails("spins", "null", &late)["kind"], "timeout");
        let clock = || self.call("clock", "null", &[])["output"].clone();
        let (first, second) = (clock(), clock());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let said = first["now"].as_f64().unwrap();
        assert!((now.as_millis() as f64 - said).abs() < 600_000.0, "{first:#}");
        assert!(first["random"].is_string() && first["random"] != second["random"], "{first:#}");
    }

    fn is_durable(&self) {
        let first = self.call("phases", "null", &[])["went_on"].clone();
        assert_eq!(
            (&first["outcome"], &first["for_ms"]),
            (&json!("sleep"), &json!(5)),
            "{first:#}"
        );
        let phase = first["phase"].as_str().unwrap();
        let state = first["state"].as_str().unwrap();
        let second = self.call("phases", "null", &["--phase", phase, "--state", state]);
        assert_eq!(second["output"], 2, "{second:#}");
        let waits = self.call("waits", "null", &[])["went_on"].clone();
        assert_eq!(waits["names"], json!(["go"]), "{waits:#}");
        let phase = waits["phase"].as_str().unwrap();
        let signal = "go={\"x\":[1,\"é\"]}";
        let woken = ["--phase", phase, "--state", "null", "--signal", signal];
        assert_eq!(self.call("waits", "null", &woken)["output"], json!({ "x": [1, "é"] }));
    }
}

#[test]
fn handlers_in_rust_behave_as_all_do() {
    Set::of("rust").holds();
}

#[test]
fn handlers_in_javascript_behave_as_all_do() {
    Set::of("js").holds();
}

#[test]
fn handlers_in_python_behave_as_all_do() {
    Set::of("python").holds();
}

#[test]
fn sources_in_javascript_behave_as_all_do() {
    Set::of_source("js/handler.js").holds();
}

#[test]
fn sources_in_python_behave_as_all_do() {
    Set::of_source("python/handler.py").holds();
}

#[test]
fn handlers_in_c_behave_as_all_do() {
    Set::of("c").holds();
}

#[test]
fn handlers_in_go_behave_as_all_do() {
    Set::of("go").holds();
}
