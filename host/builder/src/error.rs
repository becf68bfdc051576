//! What can go wrong between a folder and a component.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is not there, or is a file.
    #[error("`{0}` is not a folder; name a folder of handlers")]
    NoFolder(PathBuf),
    /// Nothing to build.
    #[error(
        "`{folder}` holds nothing that can be built: none of {files}; `stepcell new` makes a folder that is"
    )]
    NoHandlers {
        /// The folder.
        folder: PathBuf,
        /// What would say which language its handlers are in.
        files: String,
    },
    /// A new project has no place there.
    #[error("`{folder}` is there and is not empty; name a folder that is not there yet")]
    Taken {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder whose name is no name of a project.
    #[error(
        "`{name}` is no name of a project: one has lower-case letters, digits, `-` and `_`, begins with a letter, and has at \
         most 64 characters"
    )]
    BadName {
        /// The name.
        name: String,
    },
    /// Others may write where tools are kept that are run.
    #[error(
        "`{cache}` is not yours alone, and tools that are run are kept there; `chmod go-w` it, or say where else: `STEPCELL_CACHE`"
    )]
    OpenCache {
        /// The folder.
        cache: PathBuf,
    },
    /// The SDK is not in the folder.
    #[error(
        "`{folder}` has no folder `stepcell`, in which the SDK is; run `stepcell new --sdk {folder}`"
    )]
    NoSdk {
        /// The folder.
        folder: PathBuf,
    },
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
    /// What is missing could not be installed.
    #[error("`{command}` failed: {output}")]
    Install {
        /// The command as it was run.
        command: String,
        /// What it said.
        output: String,
    },
    /// A tool did not do its work, though nothing is wrong with the handlers.
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
    /// True where the tools are not there, or could not be installed: nothing is wrong with what was to be built.
    pub fn is_about_tools(&self) -> bool {
        matches!(self, Self::NoToolchain { .. } | Self::Install { .. })
    }

    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { action, path, source }
    }
}
