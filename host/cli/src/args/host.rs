//! Arguments of the commands that start a host, or reach past it to Postgres.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use api::Limits;
use clap::Subcommand;
use model::{Capability, FetchPattern};
use outbound::Network;
use store::{BreakerRule, Keyring};
use worker::QuarantineRule;
use zeroize::Zeroizing;

use super::values;
use crate::exit::Usage;

/// Where `dev` and `serve` listen when nothing is said.
const LISTEN: &str = "127.0.0.1:7377";

#[derive(clap::Args)]
pub(crate) struct Dev {
    /// A flow to deploy, again whenever a file beside it changes: a manifest, or handlers that carry their flow
    pub(crate) flow: Option<PathBuf>,
    /// Runs the flow after each deploy with this input, and shows what came of it otherwise: JSON or `@file`
    #[arg(long, requires = "flow")]
    pub(crate) input: Option<String>,
    /// Where to listen
    #[arg(long, default_value = LISTEN)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) outward: Outward,
}

/// What the steps of this host may do outside of it.
#[derive(clap::Args, Clone)]
pub(crate) struct Outward {
    /// Where steps may call, if their flow grants it too: `api.example.com,*.example.org`, `http://…` for plain http,
    /// `*` for every public host; without it nowhere
    #[arg(long, env = "STEPCELL_ALLOW_FETCH", value_delimiter = ',')]
    pub(crate) allow_fetch: Vec<FetchPattern>,
    /// Networks with addresses that are not public where steps may call too: `10.0.0.0/8`
    #[arg(long, env = "STEPCELL_ALLOW_FETCH_NETWORK", value_delimiter = ',')]
    pub(crate) allow_fetch_network: Vec<Network>,
    /// Capabilities that no tenant may use here: `fetch`, `key-value`, `secrets`, `scratch`
    #[arg(long, env = "STEPCELL_FORBID", value_delimiter = ',')]
    pub(crate) forbid: Vec<Capability>,
    /// The keys that secrets are encrypted with, one a line, 32 bytes as base64 or hexadecimal digits: the first one encrypts,
    /// all decrypt; without it there are no secrets
    #[arg(long, env = "STEPCELL_SECRETS_KEY_FILE")]
    pub(crate) secrets_key_file: Option<PathBuf>,
    /// Failures in a row after which calls of a tenant to an origin are held back
    #[arg(long, default_value_t = BreakerRule::default().failures, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) breaker_failures: u32,
    /// How long they are held back before one is let through
    #[arg(long, default_value = "30s", value_parser = values::recovery)]
    pub(crate) breaker_recovery: Duration,
}

impl Outward {
    /// The keys for secrets. No error quotes one.
    pub(crate) fn keyring(&self) -> anyhow::Result<Option<Keyring>> {
        let Some(path) = &self.secrets_key_file else { return Ok(None) };
        let shown = path.display();
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text =
            text.with_context(|| format!("cannot read the keys for secrets in `{shown}`"))?;
        let mode = std::fs::metadata(path).map_or(0, |file| file.mode());
        if mode & 0o007 != 0 {
            tracing::warn!(
                "every user of this machine may read the keys for secrets; `chmod 600 {shown}` keeps them to yourself"
            );
        }
        let keyring =
            text.parse().map_err(|why| Usage(format!("`{shown}` is no file of keys: {why}")))?;
        Ok(Some(keyring))
    }

    /// What the worker is told.
    pub(crate) fn apply(self, settings: &mut worker::Settings) {
        let Self { allow_fetch, allow_fetch_network, breaker_failures, breaker_recovery, .. } =
            self;
        settings.outbound =
            outbound::Settings { allowed: allow_fetch, networks: allow_fetch_network };
        settings.breaker = BreakerRule { failures: breaker_failures, recovery: breaker_recovery };
    }
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
    /// Silence after which a worker counts as dead and its tasks are taken over; `1s` at the least
    #[arg(long, default_value = "15s", value_parser = values::lease)]
    pub(crate) lease: Duration,
    /// How long ended runs are kept with all they own: `30d`; without it for ever
    #[arg(long, value_parser = values::duration)]
    pub(crate) retention: Option<Duration>,
    /// Attempts of a component that trapped, timed out or wanted more than they may have, in a window, after which it is
    /// not called until it is released; 0: never
    #[arg(long, default_value_t = QuarantineRule::default().failures)]
    pub(crate) quarantine_after: u32,
    /// The window
    #[arg(long, default_value = "1m", value_parser = values::duration)]
    pub(crate) quarantine_window: Duration,
    #[command(flatten)]
    pub(crate) compiling: Compiling,
    #[command(flatten)]
    pub(crate) outward: Outward,
    #[command(flatten)]
    pub(crate) given: Given,
}

/// What one compilation may take.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Compiling {
    /// CPU time one compilation may take; `1s` at the least
    #[arg(long, default_value = "60s", value_parser = values::compile_cpu)]
    pub(crate) compile_cpu: Duration,
    /// Memory one compilation may take; `128MiB` at the least
    #[arg(long, default_value = "2GiB", value_parser = values::compile_memory)]
    pub(crate) compile_memory: u64,
}

/// What the API gives at a time.
#[derive(clap::Args, Clone)]
pub(crate) struct Given {
    /// Open connections
    #[arg(long, default_value_t = Limits::default().connections)]
    pub(crate) connections: usize,
    /// Open connections of one address; behind a proxy all are its own
    #[arg(long, default_value_t = Limits::default().connections_per_peer)]
    pub(crate) connections_per_peer: usize,
    /// Open event streams of one tenant
    #[arg(long, default_value_t = Limits::default().streams_per_tenant)]
    pub(crate) streams_per_tenant: usize,
}

impl Given {
    /// What the API is told.
    pub(crate) fn limits(&self) -> Limits {
        let Self { connections, connections_per_peer, streams_per_tenant } = *self;
        Limits { connections, connections_per_peer, streams_per_tenant, ..Limits::default() }
    }
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
pub(crate) struct Bench {
    /// Runs of three steps in each round
    #[arg(long, default_value_t = 10_000)]
    pub(crate) runs: u32,
    /// Rounds; the best one is what `--json` answers
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: u32,
    /// A component with the handlers `first`, `second` and `third` in place of the example's
    #[arg(long, conflicts_with = "durable")]
    pub(crate) component: Option<PathBuf>,
    /// Measure what is durable in place of the rest: wake-ups, timers, wide and deep flows, parked runs
    #[arg(long)]
    pub(crate) durable: bool,
    /// Measure tenants in place of the rest: the claim among many of them, and what one feels of another's flood
    #[arg(long, conflicts_with_all = ["durable", "component"])]
    pub(crate) tenants: bool,
    /// Measure what handlers cost in each language in place of the rest, or in some: `rust`, `c`, `go`, `js`, `python`, `js-source`,
    /// `python-source`
    #[arg(long, value_name = "LANGUAGES", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with_all = ["durable", "component", "tenants"])]
    pub(crate) languages: Option<String>,
    /// With `--tenants`: how many have a backlog
    #[arg(long, requires = "tenants", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) crowd: u32,
    /// With `--tenants`: endless loops that one tenant starts while another is measured
    #[arg(long, requires = "tenants", default_value_t = 100_000)]
    pub(crate) loops: u32,
    /// With `--tenants`: how long the flood is measured
    #[arg(long, requires = "tenants", default_value = "60s", value_parser = values::duration)]
    pub(crate) flood: Duration,
    /// With `--durable`: runs that are woken one after another
    #[arg(long, requires = "durable", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) wakes: u32,
    /// With `--durable`: sleeps that are due in the same second
    #[arg(long, requires = "durable", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) timers: u32,
    /// With `--durable`: tasks of the wide step, and steps of the deep flow
    #[arg(long, requires = "durable", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) width: u16,
    /// With `--durable`: runs that are parked while others are measured
    #[arg(long, requires = "durable", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) parked: u32,
}

#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Check this Postgres too
    #[arg(long, env = "STEPCELL_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Set the hostile guests on a host of this program's own, and say what stopped each and what others felt of it
    #[arg(long)]
    pub(crate) attack: bool,
    /// With `--attack`: only the attacks of this name, or whose names begin with it
    #[arg(long, requires = "attack")]
    pub(crate) only: Vec<String>,
    /// With `--attack`: runs of another tenant beside each attack, which is made again until there are so many
    #[arg(long, requires = "attack", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) canary_runs: u32,
}

#[derive(clap::Args)]
pub(crate) struct Workers {
    #[command(subcommand)]
    pub(crate) command: Option<WorkersCommand>,
}

#[derive(Subcommand)]
pub(crate) enum WorkersCommand {
    /// Has a worker finish what it has and take nothing more
    Deprecate {
        /// Its id
        id: i32,
    },
}
