//! The compile child: reads limits and a component, holds itself to the limits, writes the artifact.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{EXIT_BROKEN, EXIT_REFUSED, Header, confine};
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

/// How far behind everything else it stands for a processor.
const NICE: i32 = 10;

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
    end_with_the_reader()?;
    limit(&Header::decode(header))?;
    let engine = engine::compiling(engine::Checks::ALL)
        .map_err(|error| Trouble::Broken(format!("could not set up the compiler: {error:#}")))?;
    let confinement = confine::system_calls();
    // What is hostile is looked at from here on.
    let mut component = Vec::new();
    input.read_to_end(&mut component)?;
    let artifact = engine
        .precompile_component(&component)
        .map_err(|error| Trouble::Refused(format!("{error:#}")))?;
    let mut output = io::stdout().lock();
    output.write_all(&[confinement.mark()])?;
    output.write_all(&artifact)?;
    Ok(())
}

/// The wall clock is the parent's to watch: once nobody reads the answer, nobody does.
fn end_with_the_reader() -> io::Result<()> {
    let wait = || {
        let stdout = io::stdout();
        loop {
            // A closed reader is reported without being asked for.
            let mut answer = [PollFd::new(&stdout, PollFlags::empty())];
            match poll(&mut answer, None) {
                Ok(_) if answer[0].revents().is_empty() => {}
                Err(Errno::INTR) => {}
                // Whoever cannot listen any more must not go on alone.
                Ok(_) | Err(_) => std::process::exit(i32::from(EXIT_BROKEN)),
            }
        }
    };
    std::thread::Builder::new().name("reader".to_owned()).stack_size(64 * 1024).spawn(wait)?;
    Ok(())
}

/// The component is hostile and the compiler is large: from here on this process cannot take more than its share.
fn limit(header: &Header) -> io::Result<()> {
    // Whoever waits for an attempt comes before whoever waits for a compilation.
    rustix::process::nice(NICE)?;
    let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Core, both(0))?;
    // It opens nothing more: what is below 1 is open. At 0, no descriptor could be waited for either.
    setrlimit(Resource::Nofile, both(1))?;
    // It answers through a pipe.
    setrlimit(Resource::Fsize, both(0))?;
    setrlimit(Resource::As, both(header.memory_bytes))?;
    // At the soft limit the kernel sends SIGXCPU, which the parent tells apart from any other death.
    let cpu = Rlimit {
        current: Some(header.cpu_seconds),
        maximum: Some(header.cpu_seconds.saturating_add(5)),
    };
    setrlimit(Resource::Cpu, cpu)?;
    Ok(())
}
