//! The command line: every command and every setting, each with its default.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The hidden first argument that makes this program the compile child.
pub(crate) const COMPILE_CHILD: &str = "compile-component";

/// Where `dev` and `serve` listen when nothing is said.
const LISTEN: &str = "127.0.0.1:7377";

/// Durable flows whose steps are untrusted WebAssembly components.
#[derive(Parser)]
#[command(name = "stepcell", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(clap::Args, Clone)]
pub(crate) struct Global {
    /// The host to talk to
    #[arg(long, env = "STEPCELL_URL", default_value = "http://127.0.0.1:7377", global = true)]
    pub(crate) url: String,
    /// The API key; without it the one in `<data-dir>/key` is used
    #[arg(long, env = "STEPCELL_KEY", hide_env_values = true, global = true)]
    pub(crate) key: Option<String>,
    /// Where Stepcell keeps what is not in Postgres: compiled components, keys, the private Postgres of `dev`
    #[arg(long, env = "STEPCELL_DATA_DIR", default_value = ".stepcell", global = true)]
    pub(crate) data_dir: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to log to stderr: `warn`, `info`, `stepcell=debug`, ...
    #[arg(long, env = "STEPCELL_LOG", default_value = "warn", global = true)]
    pub(crate) log: String,
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
    /// Makes API keys
    Key(Key),
    /// Builds the folder of a handler crate to a component
    Build(Build),
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
    /// Lists the flows
    Flows,
    /// Lists the versions of a flow
    Versions(Flow),
    /// Says what changed between two versions
    Diff(Diff),
    /// Starts a run
    Run(Run),
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
pub(crate) struct Dev {
    /// A flow to deploy, again whenever a file beside it changes
    pub(crate) flow: Option<PathBuf>,
    /// Where to listen
    #[arg(long, default_value = LISTEN)]
    pub(crate) listen: SocketAddr,
}

#[derive(clap::Args)]
pub(crate) struct Demo {
    /// The folder of the examples
    #[arg(long, default_value = "examples")]
    pub(crate) examples: PathBuf,
    /// The lock file the dependency report is about
    #[arg(long, default_value = "Cargo.lock")]
    pub(crate) lock: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Serve {
    /// `postgres://…`, any Postgres 15 or newer
    #[arg(long, env = "STEPCELL_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
    /// Where to listen
    #[arg(long, env = "STEPCELL_LISTEN", default_value = LISTEN)]
    pub(crate) listen: SocketAddr,
    /// What this process does
    #[arg(long, value_delimiter = ',', default_value = "api,worker")]
    pub(crate) roles: Vec<Role>,
    /// Attempts at a time; defaults to 32 for each core
    #[arg(long)]
    pub(crate) slots: Option<u32>,
    /// Silence after which a worker counts as dead and its tasks are taken over
    #[arg(long, default_value = "15s")]
    pub(crate) lease: String,
}

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Answers HTTP.
    Api,
    /// Runs attempts.
    Worker,
}

#[derive(clap::Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a key and prints it; it is shown this once
    Create {
        /// `postgres://…`
        #[arg(long, env = "STEPCELL_DATABASE_URL", hide_env_values = true)]
        database_url: String,
        /// Whose key it is
        #[arg(long, default_value = "default")]
        tenant: String,
        /// What it may do: read, run, deploy, admin
        #[arg(long, value_delimiter = ',', default_value = "read,run,deploy")]
        scopes: Vec<String>,
    },
}

#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Runs of three steps in each round
    #[arg(long, default_value_t = 10_000)]
    pub(crate) runs: u32,
    /// Rounds; the best one is what `--json` answers
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: u32,
    /// A component with the handlers `first`, `second` and `third` in place of the example's
    #[arg(long)]
    pub(crate) component: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Build {
    /// The folder of a handler crate
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Where to put the component; without it its place is printed
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
    /// Never install a toolchain
    #[arg(long)]
    pub(crate) no_install: bool,
}

#[derive(clap::Args)]
pub(crate) struct Inspect {
    /// A component, or a core module with component-type information
    pub(crate) wasm: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Exec {
    /// A component, a core module with component-type information, or the folder of a handler crate
    pub(crate) wasm: PathBuf,
    /// What a root step gets: JSON, `@file` or `-` for standard input
    #[arg(long, default_value = "null", conflicts_with_all = ["element", "dep"])]
    pub(crate) input: String,
    /// What a map task gets: JSON, `@file` or `-`
    #[arg(long, conflicts_with = "dep")]
    pub(crate) element: Option<String>,
    /// What a dependent step gets: `name=JSON`, once for each dependency
    #[arg(long)]
    pub(crate) dep: Vec<String>,
    /// Which handler, where the component carries several
    #[arg(long, default_value = "")]
    pub(crate) handler: String,
    /// Wall clock: `500ms`, `5s`
    #[arg(long, default_value = "30s")]
    pub(crate) timeout: String,
    /// CPU budget in wasmtime fuel
    #[arg(long, default_value_t = 5_000_000_000)]
    pub(crate) fuel: u64,
    /// All memories together: `64MiB`
    #[arg(long, default_value = "64MiB")]
    pub(crate) memory: String,
}

#[derive(clap::Args)]
pub(crate) struct Deploy {
    /// The manifest
    #[arg(default_value = "flow.toml")]
    pub(crate) flow: PathBuf,
    /// Only register the version
    #[arg(long)]
    pub(crate) no_activate: bool,
    /// Never install a toolchain
    #[arg(long)]
    pub(crate) no_install: bool,
}

#[derive(clap::Args)]
pub(crate) struct Activate {
    /// The flow
    pub(crate) flow: String,
    /// The version
    pub(crate) version: u32,
}

#[derive(clap::Args)]
pub(crate) struct Rollback {
    /// The flow
    pub(crate) flow: String,
    /// The version to go back to; defaults to the one that was active before
    pub(crate) version: Option<u32>,
}

#[derive(clap::Args)]
pub(crate) struct Flow {
    /// The flow
    pub(crate) flow: String,
}

#[derive(clap::Args)]
pub(crate) struct Diff {
    /// The flow
    pub(crate) flow: String,
    /// The earlier version; defaults to the one before the later
    #[arg(long)]
    pub(crate) from: Option<u32>,
    /// The later version; defaults to the active one
    #[arg(long)]
    pub(crate) to: Option<u32>,
}

#[derive(clap::Args)]
pub(crate) struct Run {
    /// The flow
    pub(crate) flow: String,
    /// The input: JSON, `@file` or `-` for standard input
    #[arg(long, default_value = "null")]
    pub(crate) input: String,
    /// Wait for the end and print the output; optionally only this long
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "forever")]
    pub(crate) wait: Option<String>,
    /// The same key starts one run, however often it is sent
    #[arg(long)]
    pub(crate) idempotency_key: Option<String>,
    /// The version; defaults to the active one
    #[arg(long)]
    pub(crate) version: Option<u32>,
    /// Larger goes first
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    pub(crate) priority: i16,
    /// Wait before the first steps: `5s`
    #[arg(long)]
    pub(crate) delay: Option<String>,
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
    /// At most this long: `30s`; without it until the run ends
    #[arg(long)]
    pub(crate) timeout: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Check this Postgres too
    #[arg(long, env = "STEPCELL_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
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
