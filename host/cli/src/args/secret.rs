//! Arguments of secrets. A value is never one of them: arguments are seen by every process of the machine.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(clap::Args)]
pub(crate) struct Secret {
    #[command(subcommand)]
    pub(crate) command: SecretCommand,
}

#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Sets a secret to what standard input has, or a file; one line break at the end is taken away
    Set {
        /// Its name: `API_KEY`
        name: String,
        /// The file that has the value
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Lists the secrets, never their values
    List,
    /// Deletes a secret
    Delete {
        /// Its name
        name: String,
    },
    /// Encrypts the secrets of all tenants with the newest key of the host; needs a key with the scope `admin`
    Rotate,
}
