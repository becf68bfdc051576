//! `stepcell exec`: one handler, once, without a database: its answer, its log, what it used.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use builder::Install;
use model::duration::parse_ms;
use model::size::{Bytes, parse_bytes};
use model::{Gate, Input, Json, Limits, LogLine, Name, RunId, TaskContext, TenantId};
use sandbox::{Call, Compiled, Ended, LoadError, Report, Sandbox, Stop};
use serde_json::json;

use crate::args::{Exec, Global};
use crate::data_dir::DataDir;
use crate::escape::escape;
use crate::exit::{RUN_FAILED, Usage};
use crate::screen::{Screen, size};
use crate::{build, host, inspect};

/// Components that were never uploaded are nobody's.
const NOBODY: TenantId = TenantId(0);

/// Runs one handler once.
pub(crate) async fn run(global: &Global, args: Exec, screen: &Screen) -> anyhow::Result<ExitCode> {
    let input = input_of(&args)?;
    let limits = limits_of(&args)?;
    let data = DataDir::open(&global.data_dir)?;
    let sandbox = host::sandbox(&data, 1)?;
    let wasm = component(&args.wasm, screen).await?;
    let compiled = load(&sandbox, &wasm).await?;
    let flow_input = match &input {
        Input::Flow(json) => Some(json.clone()),
        Input::Deps(_) | Input::Element(_) => None,
    };
    let call = Call { input, context: context(&args), flow_input, limits, stop: Stop::new() };
    let report = sandbox.call(&compiled, call).await;
    Ok(show(&report, screen))
}

/// A file, or the folder of a handler crate, which is built.
async fn component(path: &Path, screen: &Screen) -> anyhow::Result<Vec<u8>> {
    if path.is_dir() {
        return Ok(build::folder(path, Install::IfRoot, screen).await?.wasm);
    }
    inspect::read(path)
}

async fn load(sandbox: &Sandbox, wasm: &[u8]) -> anyhow::Result<std::sync::Arc<Compiled>> {
    let found = inspect::inspect(sandbox, wasm)?;
    let bytes = found.component.to_vec();
    let loaded = sandbox.load(NOBODY, found.digest, || async { Some(bytes) }).await;
    loaded.map_err(|error| match error {
        LoadError::Refused(reason) => inspect::refused(&[reason]).into(),
        other @ (LoadError::Absent(_) | LoadError::Host(_)) => other.into(),
    })
}

/// JSON from the command line, a file or standard input, through the gate.
pub(crate) fn read_json(text: &str, what: &str) -> anyhow::Result<Json> {
    let bytes = match text.strip_prefix('@') {
        Some(path) => inspect::read(Path::new(path))?,
        None if text == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            bytes
        }
        None => text.as_bytes().to_vec(),
    };
    let checked = Gate::default().check(&bytes);
    checked.map_err(|refusal| Usage(format!("{what} is not usable: {refusal}")).into())
}

fn input_of(args: &Exec) -> anyhow::Result<Input> {
    if let Some(element) = &args.element {
        return Ok(Input::Element(read_json(element, "`--element`")?));
    }
    if args.dep.is_empty() {
        return Ok(Input::Flow(read_json(&args.input, "`--input`")?));
    }
    let dep = |text: &String| -> anyhow::Result<(Name, Json)> {
        let split = text.split_once('=');
        let (name, json) =
            split.ok_or_else(|| Usage(format!("`--dep {text}` is not `name=JSON`")))?;
        let name = name.parse().map_err(|why| Usage(format!("`--dep {text}`: {why}")))?;
        Ok((name, read_json(json, "`--dep`")?))
    };
    Ok(Input::Deps(args.dep.iter().map(dep).collect::<Result<_, _>>()?))
}

fn limits_of(args: &Exec) -> anyhow::Result<Limits> {
    let timeout_ms = parse_ms(&args.timeout).map_err(|why| Usage(format!("`--timeout`: {why}")))?;
    let memory_bytes =
        parse_bytes(&args.memory).map_err(|why| Usage(format!("`--memory`: {why}")))?;
    let most = Limits::CEILING;
    if timeout_ms > most.timeout_ms || memory_bytes > most.memory_bytes || args.fuel > most.fuel {
        let text = format!(
            "an attempt may have {} ms, {} and {} fuel at most",
            most.timeout_ms,
            Bytes(most.memory_bytes),
            most.fuel
        );
        return Err(Usage(text).into());
    }
    Ok(Limits { fuel: args.fuel, timeout_ms, memory_bytes, ..Limits::default() })
}

fn context(args: &Exec) -> TaskContext {
    let name: Name = "exec".parse().expect("it has the form of a name");
    TaskContext {
        tenant: host::DEFAULT_TENANT.to_owned(),
        run_id: RunId(uuid::Uuid::now_v7()),
        flow: name.clone(),
        flow_version: 1,
        step: name,
        handler: args.handler.clone(),
        index: 0,
        attempt: 1,
        max_attempts: 1,
        phase: String::new(),
        traceparent: None,
    }
}

fn show(report: &Report, screen: &Screen) -> ExitCode {
    let Report { ended, receipt, log } = report;
    let (output, failure) = match ended {
        Ended::Answered(text) => match Gate::default().check(text.as_bytes()) {
            Ok(json) => (Some(json), None),
            Err(refusal) => (None, Some(("invalid_output".to_owned(), refusal.to_string()))),
        },
        Ended::Failed(failure) => (None, Some((failure.kind.to_string(), failure.message.clone()))),
        Ended::Cancelled => {
            (None, Some(("cancelled".to_owned(), "the attempt was cancelled".to_owned())))
        }
    };
    if screen.is_json() {
        let failure =
            failure.as_ref().map(|(kind, message)| json!({ "kind": kind, "message": message }));
        screen.json(&Shown { output: output.as_ref(), failure, receipt, log });
    } else {
        log.iter().for_each(|line| screen.complain(&log_line(line)));
        if let Some(output) = &output {
            screen.line(&escape(output.as_str()));
        }
        if let Some((kind, message)) = &failure {
            screen.complain(&format!("{kind}: {}", escape(message)));
        }
        screen.note(&format!(
            "receipt: {} fuel, {} us wall ({} us to instantiate), {} peak memory, {} B in, {} B out, {} host calls",
            receipt.fuel,
            receipt.wall_us,
            receipt.instantiate_us,
            size(receipt.peak_memory_bytes),
            receipt.input_bytes,
            receipt.output_bytes,
            receipt.host_calls
        ));
    }
    if failure.is_some() { ExitCode::from(RUN_FAILED) } else { ExitCode::SUCCESS }
}

#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<serde_json::Value>,
    receipt: &'a model::Receipt,
    log: &'a [LogLine],
}

/// One line of a guest's log, escaped.
pub(crate) fn log_line(line: &LogLine) -> String {
    let level = format!("{:?}", line.level).to_uppercase();
    let fields = line
        .fields
        .as_ref()
        .map_or(String::new(), |fields| format!(" {}", escape(fields.as_str())));
    format!("{:>9.3} ms {level:<5} {}{fields}", line.at_us as f64 / 1_000.0, escape(&line.message))
}
