//! What can go wrong between a folder and a component.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is not there, or is a file.
    #[error(
        "`{0}` is not a folder; name the folder of a handler crate, the one with its `Cargo.toml`"
    )]
    NoFolder(PathBuf),
    /// Nothing to build.
    #[error(
        "`{0}` has no `Cargo.toml`: it is not a handler crate; `stepcell new --lang rust` makes one"
    )]
    NoManifest(PathBuf),
    /// A workspace without a package of its own.
    #[error(
        "`{folder}` is a workspace without a package of its own; name one of its members: {members}"
    )]
    OnlyWorkspace {
        /// What was named.
        folder: PathBuf,
        /// The folders of its members.
        members: String,
    },
    /// A crate that makes no wasm module.
    #[error(
        "package `{package}` in `{folder}` has no library of type `cdylib`; \
         add `[lib]` with `crate-type = [\"cdylib\"]` to its `Cargo.toml`"
    )]
    NoCdylib {
        /// The package.
        package: String,
        /// Its folder.
        folder: PathBuf,
    },
    /// Cargo cannot make sense of the folder.
    #[error("cargo cannot read `{folder}`:\n{output}")]
    Manifest {
        /// The folder.
        folder: PathBuf,
        /// What cargo said, whole.
        output: String,
    },
    /// The crate does not compile.
    #[error("`{folder}` does not compile:\n{output}")]
    Compile {
        /// The folder.
        folder: PathBuf,
        /// What the compiler said, whole.
        output: String,
    },
    /// The module is no handler.
    #[error("{what} cannot become a component: {reason}")]
    Encode {
        /// Which module.
        what: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// No toolchain.
    #[error("{missing}; run `{command}`")]
    NoToolchain {
        /// What is missing, and what was tried.
        missing: String,
        /// The one command that mends it.
        command: String,
    },
    /// A command could not be run, or its own installation failed.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command as it was run.
        command: String,
        /// What it said.
        output: String,
    },
    /// A file could not be used.
    #[error("cannot {action} `{path}`: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { action, path, source }
    }
}
