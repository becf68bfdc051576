//! Uploading a source: made ready by the runtime of its language, asked what it carries, kept with what is to be run.

use std::time::Instant;

use model::{Digest, Gate, Json, Language};
use sandbox::{Prepared, SourceProblem, Unprepared};
use store::BoundSource;

use crate::auth::{Caller, Deploy};
use crate::problem::Problem;
use crate::quotas;
use crate::report::{KeptReport, KeptSource};
use crate::runtimes;
use crate::state::State;
use crate::upload::{Room, keep, to_the_end};

/// Keeps a source; true: it was not there.
pub(crate) async fn put(
    state: &State,
    caller: &Caller<Deploy>,
    (language, bytes): (Language, Vec<u8>),
    room: &Room,
) -> Result<(Digest, bool), Problem> {
    let (tenant, text) = (caller.tenant, text(bytes)?);
    let (runtime, report) = runtimes::current(state, language).await?;
    let digest = language.digest(runtime, &text);
    if state.store().get_component(tenant, digest).await?.is_some() {
        return Ok((digest, false));
    }
    if let Some(used_up) = state.store().admit_component(tenant, text.len() as u64).await? {
        return Err(quotas::over(used_up));
    }
    let (of, source) = (state.clone(), text.clone());
    let prepared = to_the_end(room, async move {
        let runtime = runtimes::load(&of, runtime).await?;
        let began = Instant::now();
        let prepared = of.sandbox().prepare(&runtime, (tenant, digest), &source).await;
        // Whatever came of it, as with what is compiled.
        of.store().charge_compilation(tenant, began.elapsed()).await?;
        prepared.map_err(|why| unprepared(language, why))
    });
    let prepared = prepared.await?;
    let source = KeptSource { language, runtime };
    let mut report = KeptReport::of_source(report, source, &prepared);
    report.uploaded_bytes = text.len() as u64;
    report.description = Some(described(&prepared)?);
    let Prepared { program, on_error, compensate, .. } = prepared;
    let bound = BoundSource { runtime, program, on_error, compensate };
    let created = keep(state, caller, (digest, text.as_bytes()), (report, Some(&bound))).await?;
    Ok((digest, created))
}

/// The text of a source.
fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    let line = |before: &[u8]| {
        u32::try_from(before.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
    };
    let wrong = |line, message: &str| {
        refused(&[SourceProblem { line, column: 0, message: message.to_owned() }])
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        wrong(line(&error.as_bytes()[..error.utf8_error().valid_up_to()]), "it is not UTF-8")
    })?;
    match text.find('\0') {
        Some(at) => Err(wrong(line(&text.as_bytes()[..at]), "it has a NUL character")),
        None => Ok(text),
    }
}

/// What it says of itself, which is its runtime's word.
fn described(prepared: &Prepared) -> Result<Json, Problem> {
    let checked = Gate::default().check(prepared.description.as_bytes());
    checked.map_err(|refusal| {
        let message = format!("what it says of itself is not usable: {refusal}");
        refused(&[SourceProblem { line: 0, column: 0, message }])
    })
}

fn unprepared(language: Language, why: Unprepared) -> Problem {
    match why {
        Unprepared::Problems(problems) => refused(&problems),
        Unprepared::Failed(failure) if failure.kind.blame() == model::Blame::Host => {
            Problem::internal(&failure.message)
        }
        Unprepared::Failed(failure) => {
            let message = format!(
                "it could not be made ready ({}): {}; top-level code runs once at upload",
                failure.kind, failure.message
            );
            refused(&[SourceProblem { line: 0, column: 0, message }])
        }
        Unprepared::NoRuntime => {
            Problem::internal(&format!("what is installed for {language} is no runtime"))
        }
    }
}

fn refused(problems: &[SourceProblem]) -> Problem {
    Problem::source(problems)
}
