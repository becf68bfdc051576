//! The product's binary under a name of the tests' own, so that they can start and kill it.

fn main() -> std::process::ExitCode {
    cli::main()
}
