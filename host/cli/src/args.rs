//! The command line: every command and every setting, each with its default.

mod flow;
mod handler;
mod host;
mod quota;
mod saved;
mod secret;
mod tenant;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

pub(crate) use flow::{
    Activate, Components, ComponentsCommand, Deploy, Diff, Flow, Rollback, Runtime, RuntimeCommand,
};
pub(crate) use handler::{Build, Chain, Exec, Inspect, Lang, New, Test};
pub(crate) use host::{
    Bench, Compiling, Demo, Dev, Doctor, Outward, Role, Serve, Workers, WorkersCommand,
};
pub(crate) use quota::{Quota, QuotaCommand, SetQuota, Usage};
pub(crate) use saved::{
    Base, Closure, ClosureCommand, Named, Said, SaidOnce, Schedule, ScheduleCommand, SetSchedule,
};
pub(crate) use secret::{Secret, SecretCommand};
pub(crate) use tenant::{
    Audit, AuditCommand, CreateKey, Key, KeyCommand, OneTenant, Tenant, TenantCommand,
};
pub(crate) use values::HowLong;

/// The hidden first argument that makes this program the compile child.
pub(crate) const COMPILE_CHILD: &str = "compile-component";

/// Where Stepcell keeps what is not in Postgres when nothing is said.
pub(crate) const DATA_DIR: &str = ".stepcell";

/// What is logged when nothing is said. A slow statement is logged whole, which is for those who ask for it; a certificate
/// that is not trusted is the failure of the step that called, and no news of the host.
pub(crate) const LOG: &str = "warn,sqlx::query=error,rustls_platform_verifier=off";

/// How the program ends, as `--help` says it.
const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 the run failed, 2 usage, 3 refused, 4 unreachable, 5 not ended yet";

/// Durable flows whose steps are untrusted WebAssembly components.
#[derive(Parser)]
#[command(name = "stepcell", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(clap::Args, Clone)]
pub(crate) struct Global {
    /// The host to talk to; without it the one in `<data-dir>/url`, or else http://127.0.0.1:7377
    #[arg(long, env = "STEPCELL_URL", global = true)]
    pub(crate) url: Option<String>,
    /// The API key; without it the one in `<data-dir>/key` is used
    #[arg(long, env = "STEPCELL_KEY", hide_env_values = true, global = true)]
    pub(crate) key: Option<String>,
    /// Where Stepcell keeps what is not in Postgres: compiled components, keys, the private Postgres of `dev`
    #[arg(long, env = "STEPCELL_DATA_DIR", default_value = DATA_DIR, global = true)]
    pub(crate) data_dir: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log to stderr: `warn`, `info`, `stepcell=debug`, ...
    #[arg(long, env = "STEPCELL_LOG", default_value = LOG, global = true)]
    pub(crate) log: String,
    /// How to log: `text` for people, `json` for programs; every attempt is told under `stepcell::attempt=debug`
    #[arg(long, env = "STEPCELL_LOG_FORMAT", default_value = "text", global = true)]
    pub(crate) log_format: LogFormat,
}

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object on each line.
    Json,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Private Postgres, API and worker in one process; rebuilds and redeploys a flow on save
    Dev(Dev),
    /// Builds, deploys and runs the examples, and shows what they did and used
    Demo(Demo),
    /// The API, a worker, or both, on a Postgres of yours
    Serve(Serve),
    /// Makes, lists and revokes API keys
    Key(Key),
    /// Makes, freezes, exports and deletes tenants
    Tenant(Tenant),
    /// Lists who changed what may run or who may do what, or checks that nobody changed that list
    Audit(Audit),
    /// Makes a folder of handlers in a language of yours, or brings the SDK in one up to date
    New(New),
    /// Builds a folder of handlers to a component
    Build(Build),
    /// Builds handlers and makes the calls in their `tests/`, without a database
    Test(Test),
    /// Says what a component is, wants and offers, or everything that is wrong with it
    Inspect(Inspect),
    /// Runs one handler once, without a database: its answer, its log, what it used
    Exec(Exec),
    /// Builds and uploads the components of a flow, registers it and activates it
    Deploy(Deploy),
    /// Points new runs at a version
    Activate(Activate),
    /// Points new runs at an earlier version
    Rollback(Rollback),
    /// Lists the components, or deletes one
    Components(Components),
    /// Lists the runtimes that run `.js` and `.py` sources, or installs one
    Runtime(Runtime),
    /// Lists the flows
    Flows,
    /// Lists the versions of a flow
    Versions(Flow),
    /// Says what changed between two versions
    Diff(Diff),
    /// Starts a run
    Run(Box<Run>),
    /// Runs handlers one after another as a flow of their own
    Chain(Chain),
    /// Starts that are saved under a name
    Closure(Closure),
    /// Runs that start by themselves
    Schedule(Schedule),
    /// Lists runs, newest first
    Runs(Runs),
    /// Shows a run: its steps, failures, receipts
    Show(OneRun),
    /// Shows what the handlers of a run wrote
    Logs(Logs),
    /// Shows what happened to a run
    Events(Events),
    /// Waits for a run to end
    Wait(Wait),
    /// Stops a run
    Cancel(OneRun),
    /// Sends a signal to a run
    Signal(Signal),
    /// Runs a run again, or every failed run of a flow
    Rerun(Rerun),
    /// Lists the tasks that ended with a failure for good
    DeadLetters(DeadLetters),
    /// Lists the workers of all hosts, or has one take nothing more
    Workers(Workers),
    /// Lists the origins that calls failed to reach, and which are held back
    Breakers(Breakers),
    /// Shows what a tenant may take, or changes it
    Quota(Quota),
    /// Shows what a tenant used, by hour or day
    Usage(Usage),
    /// Secrets that the host puts into calls, and no handler sees
    Secret(Secret),
    /// Checks this machine's set-up and says which command mends what is missing
    Doctor(Doctor),
    /// Measures the published figures on this machine, each beside its baseline
    Bench(Bench),
    /// Explains a problem code or a failure kind
    Explain(Explain),
    /// Prints a completion script
    Completions(Completions),
}

#[derive(clap::Args)]
pub(crate) struct Run {
    /// The flow
    #[arg(required_unless_present = "closure")]
    pub(crate) flow: Option<String>,
    /// In place of a flow: the closure; what is said here goes over what it says
    #[arg(long, conflicts_with = "flow")]
    pub(crate) closure: Option<String>,
    #[command(flatten)]
    pub(crate) said: Said,
    #[command(flatten)]
    pub(crate) once: SaidOnce,
    /// When the first steps begin: `2027-01-31T06:00:00Z`
    #[arg(long, conflicts_with = "delay")]
    pub(crate) start_at: Option<String>,
    /// Wait for the end and print the output; optionally only this long, then the exit code is 5
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = values::FOREVER,
        value_parser = values::how_long)]
    pub(crate) wait: Option<HowLong>,
    /// The same key starts one run, however often it is sent
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Runs {
    /// Only of this flow
    pub(crate) flow: Option<String>,
    /// Only in this status: queued, running, completed, failed, cancelled
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only on this version
    #[arg(long)]
    pub(crate) version: Option<u32>,
    /// At most this many
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct OneRun {
    /// The run's id
    pub(crate) run: String,
}

#[derive(clap::Args)]
pub(crate) struct Signal {
    /// The run's id
    pub(crate) run: String,
    /// The signal's name
    pub(crate) name: String,
    /// What to send: JSON, `@file` or `-` for standard input
    #[arg(long, default_value = "null")]
    pub(crate) payload: String,
    /// The same key twice for one run is one signal
    #[arg(long)]
    pub(crate) dedup_key: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Rerun {
    /// The run's id
    #[arg(required_unless_present = "flow")]
    pub(crate) run: Option<String>,
    /// The step to run again, with everything after it; what ended well elsewhere is kept
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// The version: a number, `same` or `active`
    #[arg(long, default_value = "same")]
    pub(crate) version: String,
    /// In place of one run, the newest runs of this flow that ended as `--status` says
    #[arg(long, conflicts_with = "run")]
    pub(crate) flow: Option<String>,
    /// With `--flow`: failed, cancelled or completed
    #[arg(long, requires = "flow", default_value = "failed")]
    pub(crate) status: String,
    /// With `--flow`: at most this many
    #[arg(long, requires = "flow", default_value_t = 100)]
    pub(crate) limit: u32,
    /// With `--flow`: says which runs it would be, and starts nothing
    #[arg(long, requires = "flow")]
    pub(crate) dry_run: bool,
}

#[derive(clap::Args)]
pub(crate) struct DeadLetters {
    /// Only of this flow
    pub(crate) flow: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Breakers {
    /// At most this many
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Logs {
    /// The run's id
    pub(crate) run: String,
    /// Only of this step
    #[arg(long)]
    pub(crate) step: Option<String>,
    /// Go on until the run ends
    #[arg(long, short)]
    pub(crate) follow: bool,
}

#[derive(clap::Args)]
pub(crate) struct Events {
    /// The run's id
    pub(crate) run: String,
    /// Go on until the run ends
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only what came after this event
    #[arg(long)]
    pub(crate) since: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Wait {
    /// The run's id
    pub(crate) run: String,
    /// At most this long: `30s`, then the exit code is 5; without it until the run ends
    #[arg(long, value_parser = values::duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(clap::Args)]
pub(crate) struct Explain {
    /// A code or kind: `payload.too_large`, `timeout`; without it all are listed
    pub(crate) code: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Args::command().debug_assert();
    }
}
