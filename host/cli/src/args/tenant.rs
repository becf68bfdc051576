//! Arguments of the operator's commands: tenants, keys, the audit log.

use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;

use super::values;

#[derive(clap::Args)]
pub(crate) struct Tenant {
    #[command(subcommand)]
    pub(crate) command: TenantCommand,
}

#[derive(Subcommand)]
pub(crate) enum TenantCommand {
    /// Makes a tenant; `key create` makes its keys
    Create(OneTenant),
    /// Lists the tenants
    List,
    /// Shows a tenant
    Show(OneTenant),
    /// Lets a tenant only look: nothing of it is changed, and nothing of it runs
    Freeze(OneTenant),
    /// Lets a frozen tenant go on
    Unfreeze(OneTenant),
    /// Writes everything a tenant has, a JSON object a line
    Export {
        /// The tenant
        tenant: String,
        /// Where to; without it standard output, which must not be a terminal
        #[arg(long, short)]
        output: Option<PathBuf>,
        /// Leave the bytes of components out
        #[arg(long)]
        no_components: bool,
    },
    /// Deletes a tenant with all it has
    Delete(OneTenant),
}

#[derive(clap::Args)]
pub(crate) struct OneTenant {
    /// The tenant
    pub(crate) tenant: String,
}

#[derive(clap::Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Makes a key and prints it; it is shown this once
    Create(CreateKey),
    /// Lists the keys of a tenant, without their secrets
    List {
        /// Whose keys
        #[arg(long, default_value = "default")]
        tenant: String,
    },
    /// Makes a key worthless, on every host within 5 s
    Revoke {
        /// The key's id: what stands between `sc_` and the next `_`
        id: String,
        /// Whose key it is
        #[arg(long, default_value = "default")]
        tenant: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct CreateKey {
    /// Makes it in this `postgres://…`, past the API: how the first key of `serve` is made
    #[arg(long, env = "STEPCELL_DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// Whose key it is
    #[arg(long, default_value = "default")]
    pub(crate) tenant: String,
    /// What it may do: read, run, deploy, and admin, which is the operator's and concerns every tenant
    #[arg(long, value_delimiter = ',', default_value = "read,run,deploy")]
    pub(crate) scopes: Vec<String>,
    /// What to call it
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// How long it is valid: `30d`; without it until it is revoked
    #[arg(long, value_parser = values::duration)]
    pub(crate) expires_in: Option<Duration>,
}

#[derive(clap::Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// Only what concerns this tenant
    #[arg(long, global = true)]
    pub(crate) tenant: Option<String>,
    /// At most this many
    #[arg(long, global = true, default_value_t = 20)]
    pub(crate) limit: u32,
    /// Where the page before ended
    #[arg(long, global = true)]
    pub(crate) cursor: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Lists the entries, the newest first
    List,
    /// Walks the whole log and says where it is broken first
    Verify,
}
