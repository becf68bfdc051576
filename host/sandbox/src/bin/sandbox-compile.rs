//! The compile child, alone: what this crate's tests and benches spawn.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandbox::compiler::main()
}
