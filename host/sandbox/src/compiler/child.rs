//! The compile child: reads limits and a component, holds itself to the limits, writes the artifact.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{EXIT_BROKEN, EXIT_REFUSED, Header};
use crate::engine;

/// The whole of the compile child. Standard input: limits, then the component; standard output: the artifact.
///
/// Only meant to be started by a [`crate::Sandbox`], through its [`crate::CompilerCommand`].
pub fn main() -> ExitCode {
    let (code, reason) = match work() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Trouble::Refused(reason)) => (EXIT_REFUSED, reason),
        Err(Trouble::Broken(reason)) => (EXIT_BROKEN, reason),
    };
    // Nobody is left to tell when the pipe is gone too.
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::from(code)
}

enum Trouble {
    Refused(String),
    Broken(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

fn work() -> Result<(), Trouble> {
    let mut input = io::stdin().lock();
    let mut header = [0; Header::LENGTH];
    input.read_exact(&mut header)?;
    confine(&Header::decode(header))?;
    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    let engine = engine::compiling(engine::Checks::ALL)
        .map_err(|error| Trouble::Broken(format!("could not set up the compiler: {error:#}")))?;
    let artifact = engine
        .precompile_component(&component)
        .map_err(|error| Trouble::Refused(format!("{error:#}")))?;
    io::stdout().lock().write_all(&artifact)?;
    Ok(())
}

/// The component is hostile and the compiler is large: from here on this process cannot take more than its share.
fn confine(header: &Header) -> io::Result<()> {
    let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::As, both(header.memory_bytes))?;
    // At the soft limit the kernel sends SIGXCPU, which the parent tells apart from any other death.
    let cpu = Rlimit {
        current: Some(header.cpu_seconds),
        maximum: Some(header.cpu_seconds.saturating_add(5)),
    };
    setrlimit(Resource::Cpu, cpu)?;
    Ok(())
}
