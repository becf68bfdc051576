//! The command line: configuration, wiring and commands. It knows every floor and decides nothing.

mod again;
mod answers;
mod args;
mod audit;
mod bench;
mod breakers;
mod build;
mod chain;
mod changes;
mod client;
mod closures;
mod components;
mod data_dir;
mod dead_letters;
mod demo;
mod deploy;
mod dev;
mod doctor;
mod escape;
mod events;
mod exec;
mod exit;
mod explain;
mod fields;
mod fixtures;
mod host;
mod inspect;
mod key;
mod local;
mod logs;
mod new;
mod pages;
mod persistent;
mod quotas;
mod rerun;
mod run;
mod runs;
mod runtimes;
mod schedules;
mod screen;
mod secrets;
mod serve;
mod stop;
mod tenants;
mod versions;
mod workers;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Args, Command};
use crate::client::Client;
use crate::screen::Screen;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // The compile child is confined and must start nothing of its own.
    if std::env::args_os().nth(1).is_some_and(|word| word == args::COMPILE_CHILD) {
        return sandbox::compiler::main();
    }
    let args = Args::parse();
    let screen = Screen::new(args.global.json);
    host::trace(&args.global.log, args.global.log_format);
    // Guests take a thread for each processor, and one more where a tenant had none: what is left is for everything else.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores + 2).enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(args, &screen)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(code) => code,
        Err(error) => exit::report(&screen, &error),
    }
}

async fn run(args: Args, screen: &Screen) -> anyhow::Result<ExitCode> {
    let Args { global, command } = args;
    let client = || Client::new(&global);
    match command {
        Command::Dev(args) => dev::run(&global, args, screen).await?,
        Command::Demo(args) => demo::run(&global, args, screen).await?,
        Command::Serve(args) => serve::run(&global, args, screen).await?,
        Command::Key(args) => key::run(&global, args, screen).await?,
        Command::Tenant(args) => tenants::run(&client()?, args, screen).await?,
        Command::Audit(args) => return audit::run(&client()?, args, screen).await,
        Command::Build(args) => build::run(args, screen).await?,
        Command::New(args) => new::run(args, screen)?,
        Command::Test(args) => return fixtures::run(&global, args, screen).await,
        Command::Inspect(args) => inspect::run(&global, args, screen).await?,
        Command::Exec(args) => return exec::run(&global, args, screen).await,
        Command::Deploy(args) => deploy::run(&client()?, args, screen).await?,
        Command::Activate(args) => versions::activate(&client()?, args, screen).await?,
        Command::Rollback(args) => versions::roll_back(&client()?, args, screen).await?,
        Command::Components(args) => components::run(&client()?, args, screen).await?,
        Command::Runtime(args) => runtimes::run(&client()?, args, screen).await?,
        Command::Flows => versions::flows(&client()?, screen).await?,
        Command::Versions(args) => versions::list(&client()?, args, screen).await?,
        Command::Diff(args) => versions::diff(&client()?, args, screen).await?,
        Command::Run(args) => return run::run(&client()?, *args, screen).await,
        Command::Closure(args) => closures::run(&client()?, args, screen).await?,
        Command::Schedule(args) => schedules::run(&client()?, args, screen).await?,
        Command::Chain(args) => return chain::run(&client()?, args, screen).await,
        Command::Runs(args) => runs::list(&client()?, args, screen).await?,
        Command::Show(args) => runs::show(&client()?, args, screen).await?,
        Command::Cancel(args) => runs::cancel(&client()?, args, screen).await?,
        Command::Rerun(args) => rerun::run(&client()?, args, screen).await?,
        Command::DeadLetters(args) => dead_letters::list(&client()?, args, screen).await?,
        Command::Workers(args) => workers::run(&client()?, args, screen).await?,
        Command::Quota(args) => quotas::quota(&client()?, args, screen).await?,
        Command::Usage(args) => quotas::usage(&client()?, args, screen).await?,
        Command::Secret(args) => secrets::run(&client()?, args, screen).await?,
        Command::Breakers(args) => breakers::list(&client()?, args, screen).await?,
        Command::Signal(args) => runs::signal(&client()?, args, screen).await?,
        Command::Wait(args) => return run::wait(&client()?, args, screen).await,
        Command::Events(args) => events::run(&client()?, args, screen).await?,
        Command::Logs(args) => logs::run(&client()?, args, screen).await?,
        Command::Doctor(args) => return doctor::run(&global, args, screen).await,
        Command::Bench(args) => bench::run(&global, args, screen).await?,
        Command::Explain(args) => explain::run(args, screen)?,
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Args::command(), "stepcell", &mut script);
            screen.raw(&script);
        }
    }
    Ok(ExitCode::SUCCESS)
}
