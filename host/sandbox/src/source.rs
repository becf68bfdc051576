//! Sources: handlers as text, which a runtime runs in place of a component of their own.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::limits::{MAX_DESCRIPTION_BYTES, MAX_PROGRAM_BYTES, MAX_SOURCE_PROBLEMS};
use model::{Blame, Capability, Digest, Failure, Gate, Json, Limits, TenantId};

use crate::call::{Ended, Export, Runner, run_timed};
use crate::describe::nobodys_call;
use crate::inspect;
use crate::interfaces::source::PrepareAnswer;
use crate::load::Compiled;
use crate::reason::bounded;

/// What making a source ready may use: parsing takes an interpreter a while.
const BUDGET: Limits = Limits {
    fuel: 30_000_000_000,
    timeout_ms: 20_000,
    memory_bytes: 256 * 1024 * 1024,
    input_bytes: 1_024,
    output_bytes: MAX_PROGRAM_BYTES as u64,
    log_bytes: 4 * 1024,
    log_records: 32,
};

/// What can be made callable.
pub enum Executable {
    /// A component: the upload, or what it was completed to.
    Component(Vec<u8>),
    /// A source, and what runs it.
    Source(Source),
}

impl From<Vec<u8>> for Executable {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Component(bytes)
    }
}

/// A source that was made ready, and the runtime that did it.
#[derive(Clone, Debug)]
pub struct Source {
    /// What runs it.
    pub runtime: Arc<Compiled>,
    /// What is run.
    pub program: Arc<str>,
    /// Whether it decides what follows a failed attempt.
    pub on_error: bool,
    /// Whether it can undo what it did.
    pub compensate: bool,
}

impl Source {
    /// The runtime's code, as the component that this source stands for.
    pub(crate) fn bind(self, (tenant, digest): (TenantId, Digest)) -> Compiled {
        let Self { runtime, program, on_error, compensate } = self;
        Compiled {
            digest,
            tenant,
            pure: runtime.pure,
            wants_wasi: runtime.wants_wasi,
            checks: runtime.checks,
            pre: runtime.pre.clone(),
            handle: runtime.handle,
            durable: runtime.durable,
            describe: None,
            on_error: runtime.on_error.filter(|_| on_error),
            compensate: runtime.compensate.filter(|_| compensate),
            prepare: runtime.prepare,
            program: Some((program, runtime)),
        }
    }
}

/// What a runtime made of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What is to be run.
    pub program: String,
    /// What it says of itself, as `describe` would.
    pub description: Json,
    /// What it asks for beyond computing.
    pub capabilities: Vec<Capability>,
    /// Whether it decides what follows a failed attempt.
    pub on_error: bool,
    /// Whether it can undo what it did.
    pub compensate: bool,
}

impl Prepared {
    /// The interfaces it imports by way of its runtime, each with what that lets it do.
    pub fn imports(&self) -> Vec<inspect::Import> {
        inspect::imports_of_source(&self.capabilities)
    }
}

/// One thing that is wrong with a source. The message is hostile text: escape it where it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceProblem {
    /// The line, from 1; 0: the whole source.
    pub line: u32,
    /// The column, from 1; 0: the whole line.
    pub column: u32,
    /// One sentence.
    pub message: String,
}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { line: 0, message, .. } => f.write_str(message),
            Self { line, column: 0, message } => write!(f, "line {line}: {message}"),
            Self { line, column, message } => write!(f, "line {line}, column {column}: {message}"),
        }
    }
}

/// Why a source was not made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unprepared {
    /// It is to blame: all of this is wrong with it.
    Problems(Vec<SourceProblem>),
    /// The host is to blame, or what it was to be made ready by.
    Host(String),
}

impl From<SourceProblem> for Unprepared {
    fn from(problem: SourceProblem) -> Self {
        Self::Problems(vec![problem])
    }
}

/// What was uploaded as a source, as text.
pub fn read_source(bytes: Vec<u8>) -> Result<String, SourceProblem> {
    let line = |before: &[u8]| {
        let ends = before.iter().filter(|byte| **byte == b'\n').count();
        u32::try_from(ends + 1).unwrap_or(u32::MAX)
    };
    let problem =
        |line, message: &str| SourceProblem { line, column: 0, message: message.to_owned() };
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        problem(line(valid), "it is not UTF-8")
    })?;
    match text.find('\0') {
        Some(at) => Err(problem(line(&text.as_bytes()[..at]), "it has a NUL character")),
        None => Ok(text),
    }
}

/// See [`crate::Sandbox::prepare`].
pub(crate) async fn prepare(
    runner: Runner<'_>,
    source: &Compiled,
    text: &str,
) -> (Result<Prepared, Unprepared>, Duration) {
    let Some(index) = source.prepare else {
        let why = "what is installed for its language is no runtime";
        return (Err(Unprepared::Host(why.to_owned())), Duration::ZERO);
    };
    let answer = OnceLock::new();
    let prepare = Export::Prepare(index, text, &answer);
    let (report, took) = run_timed(runner, source, prepare, nobodys_call(BUDGET)).await;
    let prepared = match (report.ended, answer.into_inner()) {
        (Ended::Failed(failure), _) => Err(unanswered(&failure)),
        (_, Some(answer)) => read(answer),
        (_, None) => unreachable!("`prepare` answered, and nobody else has the stop handle"),
    };
    (prepared, took)
}

/// What it means that the runtime gave no answer.
fn unanswered(failure: &Failure) -> Unprepared {
    if failure.kind.blame() == Blame::Host {
        return Unprepared::Host(failure.message.clone());
    }
    let message = format!(
        "it could not be made ready ({}): {}; top-level code runs once at upload",
        failure.kind, failure.message
    );
    SourceProblem { line: 0, column: 0, message }.into()
}

fn read(answer: PrepareAnswer) -> Result<Prepared, Unprepared> {
    let whole = |message: String| {
        Unprepared::Problems(vec![SourceProblem { line: 0, column: 0, message: bounded(message) }])
    };
    let prepared = answer.map_err(|problems| {
        let problems = problems.into_iter().take(MAX_SOURCE_PROBLEMS).map(SourceProblem::from);
        Unprepared::Problems(problems.collect())
    })?;
    let sizes = [
        ("is to be run", prepared.program.len(), MAX_PROGRAM_BYTES),
        ("it says of itself", prepared.description.len(), MAX_DESCRIPTION_BYTES),
    ];
    if let Some((what, bytes, most)) = sizes.into_iter().find(|(_, bytes, most)| bytes > most) {
        return Err(whole(format!("what {what} has {bytes} bytes, the limit is {most}")));
    }
    let mut capabilities = Vec::new();
    for name in &prepared.capabilities {
        let known =
            Capability::ALL.into_iter().find(|known| known.as_str() == name.replace('-', "_"));
        capabilities.push(known.ok_or_else(|| whole(format!("`{name}` is no capability")))?);
    }
    capabilities.sort_unstable();
    capabilities.dedup();
    let description = Gate::default().check(prepared.description.as_bytes());
    let description = description
        .map_err(|refusal| whole(format!("what it says of itself is not usable: {refusal}")))?;
    if prepared.program.contains('\0') {
        return Err(whole("what is to be run has a NUL character".to_owned()));
    }
    Ok(Prepared {
        program: prepared.program,
        description,
        capabilities,
        on_error: prepared.on_error,
        compensate: prepared.compensate,
    })
}
