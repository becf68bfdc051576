//! `stepcell:handler/source`: what a runtime runs.

use wasmtime::component::{ComponentType, Lift, Linker};
use wasmtime::format_err;

use crate::attempt::{Attempt, charge};
use crate::reason::bounded;
use crate::source::SourceProblem;

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/source@0.1.0";
/// What an import of it means to a person.
pub(crate) const MEANING: &str = "reads the program it is to run, as a runtime";

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    linker.instance(NAME)?.func_wrap("program", |mut store, (): ()| {
        let program = store.data().program.clone();
        let program =
            program.ok_or_else(|| format_err!("a program was asked for and none is bound"))?;
        charge(&mut store, program.len())?;
        Ok((program,))
    })
}

/// What `prepare` answers.
pub(crate) type PrepareAnswer = Result<WirePrepared, Vec<WireProblem>>;

/// What was made of a source.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WirePrepared {
    pub(crate) program: String,
    pub(crate) description: String,
    pub(crate) capabilities: Vec<String>,
    #[component(name = "on-error")]
    pub(crate) on_error: bool,
    pub(crate) compensate: bool,
}

/// What is wrong with a source.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct WireProblem {
    line: u32,
    column: u32,
    message: String,
}

impl From<WireProblem> for SourceProblem {
    fn from(WireProblem { line, column, message }: WireProblem) -> Self {
        Self { line, column, message: bounded(message) }
    }
}
