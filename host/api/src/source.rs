//! Uploading a source: made ready by the runtime of its language, asked what it carries, kept with what is to be run.

use model::{Digest, Language};
use sandbox::{Prepared, Unprepared, read_source};
use store::BoundSource;

use crate::auth::{Caller, Deploy};
use crate::problem::Problem;
use crate::quotas;
use crate::report::KeptSource;
use crate::runtimes;
use crate::state::State;
use crate::upload::{Room, keep, to_the_end};

/// Keeps a source; true: it was not there.
pub(crate) async fn put(
    state: &State,
    caller: &Caller<Deploy>,
    (language, bytes): (Language, Vec<u8>),
    (room, registers): (&Room, bool),
) -> Result<(Digest, bool), Problem> {
    let (store, tenant) = (state.store(), caller.tenant);
    let text = read_source(bytes).map_err(|problem| Problem::source(&[problem]))?;
    let (runtime, report) = runtimes::current(state, language).await?;
    let digest = language.digest(runtime, &text);
    if store.get_component(tenant, digest).await?.is_some() {
        return Ok((digest, false));
    }
    quotas::admit_component(state, tenant, text.len()).await?;
    let (of, source) = (state.clone(), text.clone());
    let prepared = to_the_end(room, async move {
        let runtime = runtimes::load(&of, runtime).await?;
        let (prepared, took) = of.sandbox().prepare(&runtime, (tenant, digest), &source).await;
        // Refused or not: it was worked on, as with what is compiled.
        of.store().charge_compilation(tenant, took).await?;
        prepared.map_err(|why| match why {
            Unprepared::Problems(problems) => Problem::source(&problems),
            Unprepared::Host(why) => Problem::internal(&why),
        })
    });
    let prepared = prepared.await?;
    let said = prepared.description.as_str().len();
    quotas::admit_bytes(state, tenant, text.len() + prepared.program.len() + said).await?;
    let report = report.of_source(KeptSource { language, runtime }, &prepared, text.len() as u64);
    let Prepared { program, on_error, compensate, .. } = prepared;
    let bound = BoundSource { runtime, program, on_error, compensate };
    let kept = (report, Some(&bound));
    let created = keep(state, caller, (digest, text.as_bytes()), kept, registers).await?;
    Ok((digest, created))
}
