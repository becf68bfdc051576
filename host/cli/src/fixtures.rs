//! `stepcell test`: the fixtures of a project, each a call of one of its handlers and what has to come of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use builder::Install;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::args::{Exec, Global, Test};
use crate::data_dir::DataDir;
use crate::escape::{escape, escape_line};
use crate::exit::{RUN_FAILED, Usage};
use crate::screen::Screen;
use crate::{exec, host, local};

/// Where a project's fixtures are.
const FOLDER: &str = "tests";

/// One call and what has to come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    #[serde(default)]
    handler: String,
    #[serde(default, deserialize_with = "present")]
    input: Option<Value>,
    deps: Option<BTreeMap<String, Value>>,
    #[serde(default, deserialize_with = "present")]
    element: Option<Value>,
    #[serde(default)]
    phase: String,
    #[serde(default, deserialize_with = "present")]
    state: Option<Value>,
    #[serde(default)]
    signals: Vec<Signal>,
    #[serde(default)]
    limits: Limits,
    expect: Expect,
}

/// What is there, `null` too.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signal {
    name: String,
    #[serde(default)]
    payload: Value,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    timeout_ms: Option<u64>,
    fuel: Option<u64>,
    memory_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Expect {
    /// This answer, whole.
    Output(Value),
    /// A failure of this kind, with this text in its message.
    Failure { kind: String, message: Option<String> },
    /// These members of how it goes on.
    GoesOn(BTreeMap<String, Value>),
    /// The step is skipped, for this reason.
    Skipped(String),
}

/// Builds the project and makes every call.
pub(crate) async fn run(global: &Global, args: Test, screen: &Screen) -> anyhow::Result<ExitCode> {
    let fixtures = find(&args)?;
    let data = DataDir::open(&global.data_dir)?;
    let sandbox = host::sandbox(&data, 1)?;
    let install = if args.no_install { Install::Never } else { Install::IfRoot };
    let handlers = local::read(&args.handlers, install, screen).await?;
    let loaded = local::load(&sandbox, &handlers).await?;
    let mut failed = 0;
    for (name, path) in &fixtures {
        let (fixture, call) = read(path)?;
        let report = exec::call(&sandbox, &loaded, &call).await?;
        let got = exec::as_json(&report);
        let why = mismatch(&fixture.expect, &got);
        failed += usize::from(why.is_some());
        if screen.is_json() {
            screen.json(&json!({ "test": name, "passed": why.is_none(), "why": why, "got": got }));
            continue;
        }
        screen.line(&format!("{} {name}", if why.is_none() { "ok    " } else { "FAILED" }));
        if let Some(why) = why {
            why.lines().for_each(|line| screen.complain(&format!("       {}", escape(line))));
            report.log.iter().for_each(|line| screen.complain(&exec::log_line(line)));
        }
    }
    let passed = fixtures.len() - failed;
    screen.note(&format!("{passed} passed, {failed} failed"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(RUN_FAILED) })
}

/// The fixtures that are meant, by name.
fn find(args: &Test) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let beside = match args.handlers.is_dir() {
        true => args.handlers.as_path(),
        false => args.handlers.parent().unwrap_or(Path::new("")),
    };
    let folder = beside.join(FOLDER);
    let entries = std::fs::read_dir(&folder);
    let entries = entries.with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_meant =
            args.only.is_empty() || args.only.iter().any(|start| name.starts_with(start));
        if is_meant && path.extension().is_some_and(|is| is == "json") {
            found.push((name, path));
        }
    }
    found.sort();
    if found.is_empty() {
        let text = format!(
            "`{}` has no fixture of that name; one is a file like `{{\"input\": 1, \"expect\": {{\"output\": 2}}}}`, `NAME.json`",
            folder.display()
        );
        return Err(Usage(text).into());
    }
    Ok(found)
}

/// A fixture, and its call as `stepcell exec` would be told of it.
fn read(path: &Path) -> anyhow::Result<(Fixture, Exec)> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    let fixture: Fixture = serde_json::from_str(&text)
        .map_err(|why| Usage(format!("`{shown}` is no fixture: {why}")))?;
    let given = [fixture.input.is_some(), fixture.deps.is_some(), fixture.element.is_some()];
    if given.into_iter().filter(|given| *given).count() > 1 {
        let text =
            format!("`{shown}` has several of `input`, `deps` and `element`; a step is given one");
        return Err(Usage(text).into());
    }
    let bare = Exec::bare();
    let deps = fixture.deps.iter().flatten();
    let signals = fixture.signals.iter();
    let call = Exec {
        input: fixture.input.as_ref().unwrap_or(&Value::Null).to_string(),
        element: fixture.element.as_ref().map(Value::to_string),
        dep: deps.map(|(name, output)| format!("{name}={output}")).collect(),
        handler: fixture.handler.clone(),
        phase: fixture.phase.clone(),
        state: fixture.state.as_ref().map(Value::to_string),
        signal: signals.map(|signal| format!("{}={}", signal.name, signal.payload)).collect(),
        timeout_ms: fixture.limits.timeout_ms.unwrap_or(bare.timeout_ms),
        fuel: fixture.limits.fuel,
        memory_bytes: fixture.limits.memory_bytes,
        ..bare
    };
    Ok((fixture, call))
}

/// What is not as expected; `None`: everything is.
fn mismatch(expect: &Expect, got: &Value) -> Option<String> {
    let met = match expect {
        Expect::Output(output) => got.get("output") == Some(output),
        Expect::Failure { kind, message } => {
            let said = got["failure"]["message"].as_str().unwrap_or_default();
            got["failure"]["kind"] == json!(kind)
                && message.as_ref().is_none_or(|part| said.contains(part.as_str()))
        }
        Expect::GoesOn(members) => {
            let went_on = &got["went_on"];
            went_on.is_object() && members.iter().all(|(name, wanted)| is(&went_on[name], wanted))
        }
        Expect::Skipped(reason) => got["skipped"] == json!(reason),
    };
    (!met).then(|| format!("expected {}\ngot      {}", expect.said(), ended(got)))
}

/// A member of how it goes on. A state is JSON text there.
fn is(got: &Value, wanted: &Value) -> bool {
    let text = got.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    got == wanted || text.as_ref() == Some(wanted)
}

impl Expect {
    fn said(&self) -> String {
        match self {
            Self::Output(output) => format!("the output {output}"),
            Self::Failure { kind, message: None } => format!("a failure `{kind}`"),
            Self::Failure { kind, message: Some(part) } => {
                format!("a failure `{kind}` with `{part}` in its message")
            }
            Self::GoesOn(members) => format!("that it goes on with {}", json!(members)),
            Self::Skipped(reason) => format!("that the step is skipped: {reason}"),
        }
    }
}

/// What a call ended in, without what it used.
fn ended(got: &Value) -> String {
    let parts = ["output", "failure", "went_on", "skipped"];
    let found = parts.iter().find_map(|part| Some((part, got.get(part)?)));
    found.map_or("nothing".to_owned(), |(part, value)| {
        format!("{} {}", part.replace('_', " "), escape_line(&value.to_string()))
    })
}
