//! What can go wrong between asking for a Postgres and having one.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable binaries on this machine.
    #[error("Postgres 15 or newer was not found (looked in {looked}); install it with `{command}`")]
    Missing {
        /// The folders that were searched.
        looked: String,
        /// The one command that mends it on this system.
        command: String,
    },
    /// The data was written by a major version that is not installed.
    #[error(
        "the data in `{data}` was written by Postgres {wrote}, which is not installed (found {found}); \
         install Postgres {wrote}, or move the folder away to start empty"
    )]
    OtherVersion {
        /// The data folder.
        data: PathBuf,
        /// The major version that wrote it.
        wrote: u32,
        /// The major versions that are installed.
        found: String,
    },
    /// The data belongs to another user.
    #[error(
        "the data in `{data}` belongs to user id {owner}, and this process runs as {us}; \
         run as that user or as root, or choose another data folder"
    )]
    OtherOwner {
        /// The data folder.
        data: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who asks.
        us: u32,
    },
    /// Started as root on a system without a user Postgres could run as.
    #[error(
        "Postgres refuses to run as root, and `/etc/passwd` has neither `postgres` nor `nobody`; \
         add one with `useradd --system postgres`, or run as another user"
    )]
    NoUser,
    /// A file or folder could not be used.
    #[error("cannot {action} `{path}`: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A command could not be run or answered with an error.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The program.
        command: String,
        /// What it said.
        output: String,
    },
    /// The server did not start.
    #[error("Postgres did not start on `{data}`; the end of `{log}` says:\n{tail}")]
    Start {
        /// The data folder.
        data: PathBuf,
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// Another process holds a lock for too long.
    #[error(
        "another process has held `{path}` for {seconds} s; end it, or choose another data folder"
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The caller's migration of the template database failed.
    #[error("the template database could not be migrated: {0}")]
    Migrate(String),
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { action, path, source }
    }
}
