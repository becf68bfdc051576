//! The binary `stepcell`. Everything is in the library beside it, so that tests can build the same program.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
