//! `stepcell exec`: one handler, once, without a database: its answer, its log, what it used.

use std::fs::File;
use std::io;
use std::process::ExitCode;

use anyhow::Context;
use builder::Install;
use model::manifest::Settings;
use model::size::Bytes;
use model::{
    Failure, FailureKind, Gate, Input, Json, LogLine, Memory, Name, RunId, Signal, TaskContext,
};
use sandbox::{Call, Ended, Ports, Report, SaidGoOn, Sandbox, Stop};

use crate::args::{Exec, Global};
use crate::data_dir::DataDir;
use crate::escape::{escape, escape_line};
use crate::exit::{RUN_FAILED, Usage};
use crate::local::{self, Loaded};
use crate::screen::{Screen, size};
use crate::{host, inspect};

/// Runs one handler once.
pub(crate) async fn run(global: &Global, args: Exec, screen: &Screen) -> anyhow::Result<ExitCode> {
    // What cannot be called is told before anything is built.
    input_of(&args)?;
    context(&args)?;
    let data = DataDir::open(&global.data_dir)?;
    let sandbox = host::sandbox(&data, 1)?;
    let handlers = local::read(&args.handlers, Install::IfRoot, screen).await?;
    let loaded = local::load(&sandbox, &handlers).await?;
    Ok(show(&call(&sandbox, &loaded, &args).await?, screen))
}

/// Calls a handler as the command line says.
pub(crate) async fn call(
    sandbox: &Sandbox,
    loaded: &Loaded,
    args: &Exec,
) -> anyhow::Result<Report> {
    let input = input_of(args)?;
    let Loaded { compiled, settings } = loaded;
    let settings = Settings {
        timeout_ms: Some(args.timeout_ms),
        fuel: args.fuel,
        memory_bytes: args.memory_bytes,
        ..Settings::default()
    }
    .over(settings);
    let limits = settings.options().limits;
    let flow_input = match &input {
        Input::Flow(json) => Some(json.clone()),
        Input::Deps(_) | Input::Element(_) => None,
    };
    let context = context(args)?;
    let (stop, ports) = (Stop::new(), Ports::default());
    let call = Call { input, context, flow_input, limits, stop, ports };
    Ok(sandbox.call(compiled, call).await)
}

/// JSON from the command line, a file or standard input, through the gate.
pub(crate) fn read_json(text: &str, what: &str) -> anyhow::Result<Json> {
    let gate = Gate::default();
    let bytes = match text.strip_prefix('@') {
        Some(path) => File::open(path)
            .and_then(|file| inspect::at_most(gate.max_bytes, file))
            .with_context(|| format!("cannot read `{path}`"))?,
        None if text == "-" => inspect::at_most(gate.max_bytes, io::stdin().lock())
            .context("cannot read standard input")?,
        None => Some(text.as_bytes().to_vec()),
    };
    let too_large = || {
        let most = Bytes(gate.max_bytes as u64);
        Usage(format!("{what} is not usable: `{text}` has more than {most}; send less of it"))
    };
    let checked = gate.check(&bytes.ok_or_else(too_large)?);
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

/// Where a durable handler is to go on, as the command line says.
fn memory(args: &Exec) -> anyhow::Result<Memory> {
    let signal = |(text, id): (&String, i64)| -> anyhow::Result<Signal> {
        let (name, json) = text.split_once('=').unwrap_or((text, "null"));
        let name = name.parse().map_err(|why| Usage(format!("`--signal {text}`: {why}")))?;
        Ok(Signal { id, name, payload: read_json(json, "`--signal`")? })
    };
    let inbox = args.signal.iter().zip(1..).map(signal).collect::<Result<Vec<_>, _>>()?;
    let awaits = inbox.iter().map(|signal| signal.name.clone()).collect();
    let state = args.state.as_deref().map(|text| read_json(text, "`--state`")).transpose()?;
    Ok(Memory { state, awaits, inbox, children: Vec::new() })
}

fn context(args: &Exec) -> anyhow::Result<TaskContext> {
    let name: Name = "exec".parse().expect("it has the form of a name");
    Ok(TaskContext {
        tenant: host::DEFAULT_TENANT.to_owned(),
        run_id: RunId(uuid::Uuid::now_v7()),
        flow: name.clone(),
        flow_version: 1,
        step: name,
        handler: args.handler.clone(),
        index: 0,
        attempt: 1,
        max_attempts: 1,
        phase: args.phase.clone(),
        phase_number: u32::from(!args.phase.is_empty()),
        compensates: false,
        traceparent: None,
        memory: memory(args)?,
    })
}

/// What came of a call, as `--json` shows it.
pub(crate) fn as_json(report: &Report) -> serde_json::Value {
    serde_json::to_value(Shown::of(report)).expect("what is shown is always JSON")
}

fn show(report: &Report, screen: &Screen) -> ExitCode {
    let shown = Shown::of(report);
    let failed = shown.failure.is_some();
    if screen.is_json() {
        screen.json(&shown);
    } else {
        shown.tell(screen);
    }
    if failed { ExitCode::from(RUN_FAILED) } else { ExitCode::SUCCESS }
}

#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    went_on: Option<&'a SaidGoOn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<ShownFailure>,
    receipt: &'a model::Receipt,
    log: &'a [LogLine],
}

impl<'a> Shown<'a> {
    fn of(report: &'a Report) -> Self {
        let Report { ended, receipt, log } = report;
        let (mut skipped, mut went_on) = (None, None);
        let (output, failure) = match ended {
            Ended::Answered(text) => match Gate::default().check(text.as_bytes()) {
                Ok(json) => (Some(json), None),
                Err(refusal) => {
                    let failure = Failure::new(FailureKind::InvalidOutput, refusal.to_string());
                    (None, Some(ShownFailure::of(&failure)))
                }
            },
            Ended::Failed(failure) | Ended::GaveUp(failure) => {
                (None, Some(ShownFailure::of(failure)))
            }
            Ended::Skipped(reason) => {
                skipped = Some(reason.as_str());
                (None, None)
            }
            Ended::GoesOn(said) => {
                went_on = Some(said);
                (None, None)
            }
            Ended::Cancelled | Ended::Undecided | Ended::NoRoom => {
                (None, Some(ShownFailure::cancelled()))
            }
        };
        Self { output, skipped, went_on, failure, receipt, log }
    }

    fn tell(&self, screen: &Screen) {
        let Self { output, skipped, went_on, failure, receipt, log } = self;
        log.iter().for_each(|line| screen.complain(&log_line(line)));
        if let Some(output) = output {
            screen.line(&escape(output.as_str()));
        }
        if let Some(reason) = skipped {
            screen.line(&format!("skipped: {}", escape(reason)));
        }
        if let Some(went_on) = went_on {
            let shown = serde_json::to_string(went_on).expect("an outcome is always JSON");
            screen.line(&format!("goes on: {}", escape(&shown)));
        }
        if let Some(ShownFailure { kind, message, details, .. }) = failure {
            screen.complain(&format!("{kind}: {}", escape(message)));
            if let Some(details) = details {
                screen.complain(&format!("details: {}", escape(details.as_str())));
            }
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
}

#[derive(serde::Serialize)]
struct ShownFailure {
    kind: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Json>,
    /// What the handler said of another try.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl ShownFailure {
    fn of(failure: &Failure) -> Self {
        let Failure { kind, message, details, retry } = failure.clone().redacted();
        let (retry, retry_after_ms) = (retry.retry, retry.retry_after_ms);
        Self { kind: kind.to_string(), message, details, retry, retry_after_ms }
    }

    fn cancelled() -> Self {
        let message = "the attempt was cancelled".to_owned();
        let kind = "cancelled".to_owned();
        Self { kind, message, details: None, retry: None, retry_after_ms: None }
    }
}

/// One line of a guest's log, escaped: whatever it says, it makes no second one.
pub(crate) fn log_line(line: &LogLine) -> String {
    let level = format!("{:?}", line.level).to_uppercase();
    let fields = line
        .fields
        .as_ref()
        .map_or(String::new(), |fields| format!(" {}", escape_line(fields.as_str())));
    let message = escape_line(&line.message);
    format!("{:>9.3} ms {level:<5} {message}{fields}", line.at_us as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_makes_no_second_line() {
        let message = "paid\n    1.000 ms ERROR forged".to_owned();
        let (level, source) = (model::LogLevel::Info, model::log::LogSource::Log);
        let line = LogLine { at_us: 1_000, level, source, message, fields: None };
        assert!(!log_line(&line).contains('\n'));
    }
}
