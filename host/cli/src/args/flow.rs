//! Arguments of what concerns components, flows and their versions.

use std::path::PathBuf;

use clap::Subcommand;
use model::{Digest, Language};

#[derive(clap::Args)]
pub(crate) struct Deploy {
    /// The manifest, or handlers that carry their flow: a source, a component, a folder
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
pub(crate) struct Components {
    #[command(subcommand)]
    pub(crate) command: Option<ComponentsCommand>,
}

#[derive(Subcommand)]
pub(crate) enum ComponentsCommand {
    /// Deletes a component that no flow version pins
    Delete {
        /// Its digest: 64 hexadecimal digits
        digest: Digest,
    },
    /// Has a component not be called any more; its tasks wait
    Quarantine {
        /// Its digest: 64 hexadecimal digits
        digest: Digest,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Has a component in quarantine be called again; what waited for it goes on
    Release {
        /// Its digest: 64 hexadecimal digits
        digest: Digest,
    },
}

#[derive(clap::Args)]
pub(crate) struct Runtime {
    #[command(subcommand)]
    pub(crate) command: Option<RuntimeCommand>,
}

#[derive(Subcommand)]
pub(crate) enum RuntimeCommand {
    /// Builds the runtime of a language and installs it for all tenants
    Install {
        /// `javascript` or `python`
        language: Language,
        /// A component of the world `runtime`, in place of the one that is built
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
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
