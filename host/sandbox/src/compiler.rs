//! Compiling a component in a child process that can be killed: CPU, address space and wall clock are bounded.

mod child;
mod confine;
mod parent;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use child::main;
pub(crate) use parent::compile;

/// What to start for a compilation. It must call [`main`] and nothing else.
#[derive(Clone, Debug)]
pub struct CompilerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What one compilation may use.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// CPU time. Defaults to 60 s. Past it: `component.compile_timeout`.
    pub cpu: Duration,
    /// Address space in bytes. Defaults to 2 GiB. Past it: `component.compile_memory`.
    pub memory_bytes: u64,
    /// Wall clock, for a machine that is busy with something else. Defaults to 180 s.
    pub wall: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            cpu: model::limits::COMPILE_CPU,
            memory_bytes: model::limits::COMPILE_MEMORY_BYTES,
            wall: Duration::from_secs(180),
        }
    }
}

/// What keeps the compile child from doing anything but compiling, beside its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// seccomp: it can compute, take memory within its limit, and write to the pipes it has. It can open no file and no
    /// socket, start no program, and make no memory executable.
    SystemCalls,
    /// Nothing: the kernel has no seccomp, or does not let it be used.
    LimitsOnly,
}

impl Confinement {
    /// How the child says so, before its answer.
    fn mark(self) -> u8 {
        match self {
            Self::SystemCalls => b's',
            Self::LimitsOnly => b'l',
        }
    }

    fn read(mark: u8) -> Option<Self> {
        [Self::SystemCalls, Self::LimitsOnly]
            .into_iter()
            .find(|confinement| confinement.mark() == mark)
    }
}

/// How the child says that the component cannot be compiled; its reason is on standard error.
const EXIT_REFUSED: u8 = 3;
/// How the child says that something else went wrong.
const EXIT_BROKEN: u8 = 4;

/// What precedes the component on the child's standard input.
struct Header {
    cpu_seconds: u64,
    memory_bytes: u64,
}

impl Header {
    const LENGTH: usize = 16;

    fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&self.cpu_seconds.to_le_bytes());
        bytes[8..].copy_from_slice(&self.memory_bytes.to_le_bytes());
        bytes
    }

    fn decode(bytes: [u8; Self::LENGTH]) -> Self {
        let number =
            |half: &[u8]| half.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Self { cpu_seconds: number(&bytes[..8]), memory_bytes: number(&bytes[8..]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_reads_the_limits_the_parent_wrote() {
        let sent = Header { cpu_seconds: 60, memory_bytes: 2 << 30 };
        let read = Header::decode(sent.encode());
        assert_eq!((read.cpu_seconds, read.memory_bytes), (60, 2 << 30));
    }
}
