//! From a folder to a component, and nothing again while nothing changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::compile::{Module, compile};
use crate::encode::{ENCODER, encode_core_module};
use crate::error::Error;
use crate::folder;
use crate::guest;
use crate::install::{Install, ensure_toolchain};
use crate::language::Language;
use crate::progress::{Note, Progress};
use crate::project::{Project, digest};
use crate::toolchain::Toolchain;

/// How folders are built.
#[derive(Clone, Debug)]
pub struct Builder {
    /// Whether a missing toolchain may be installed.
    pub install: Install,
    /// Where guests are built. Defaults to `guests` in the target folder of the handler's workspace; one folder for
    /// several workspaces saves compiling std and the dependencies for each.
    pub target: Option<PathBuf>,
    /// The toolchain. Defaults to what [`ensure_toolchain`] finds for each folder.
    pub toolchain: Option<Toolchain>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { install: Install::Never, target: None, toolchain: None }
    }
}

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The name of the package it was built from, or of its folder.
    pub package: String,
    /// The file it is kept in; another build of the folder replaces it.
    pub path: PathBuf,
    /// The component.
    pub wasm: Vec<u8>,
    /// True when nothing had changed since the last build.
    pub fresh: bool,
}

impl Builder {
    /// Builds the handlers in `folder`. On return the component is valid and complete.
    pub fn build(&self, folder: &Path, progress: Progress<'_>) -> Result<Built, Error> {
        match folder::check(folder)? {
            (folder, Language::Rust) => self.build_crate(folder, progress),
            (
                folder,
                language @ (Language::JavaScript | Language::Python | Language::C | Language::Go),
            ) => guest::build(&Project::of(folder, language)?, progress),
        }
    }

    fn build_crate(&self, folder: PathBuf, progress: Progress<'_>) -> Result<Built, Error> {
        let toolchain = match &self.toolchain {
            Some(toolchain) => toolchain.clone(),
            None => ensure_toolchain(&folder, self.install, progress)?,
        };
        let found = folder::read(folder, &toolchain)?;
        progress.say(Note::Toolchain(&toolchain.name));
        let target = self.target.as_ref().unwrap_or(&found.target);
        let module = compile(&found, target, &toolchain, progress)?;
        complete(&found.package, &module)
    }
}

/// The component of the module, kept beside it under the digest of both.
fn complete(package: &str, module: &Module) -> Result<Built, Error> {
    let core = fs::read(&module.path).map_err(Error::file("read", &module.path))?;
    let path = module.path.with_extension("component.wasm");
    let key_path = module.path.with_extension("component.key");
    let key = |component: &[u8]| format!("{ENCODER} {} {}", digest(&core), digest(component));
    if let (Ok(kept), Ok(kept_key)) = (fs::read(&path), fs::read_to_string(&key_path))
        && kept_key == key(&kept)
    {
        return Ok(Built { package: package.to_owned(), path, wasm: kept, fresh: module.fresh });
    }
    let wasm = encode_core_module(&format!("package `{package}`"), &core).map_err(explain)?;
    fs::write(&path, &wasm).map_err(Error::file("write", &path))?;
    fs::write(&key_path, key(&wasm)).map_err(Error::file("write", &key_path))?;
    Ok(Built { package: package.to_owned(), path, wasm, fresh: false })
}

/// A crate that compiles and is no handler has most likely forgotten to name one.
fn explain(error: Error) -> Error {
    match error {
        Error::Encode { what, reason } => {
            let reason = format!(
                "{reason}; does the crate name its handlers with `stepcell_guest::handlers!`?"
            );
            Error::Encode { what, reason }
        }
        other @ (Error::NoFolder(_)
        | Error::NoHandlers { .. }
        | Error::NoSdk { .. }
        | Error::OpenCache { .. }
        | Error::Taken { .. }
        | Error::BadName { .. }
        | Error::OnlyWorkspace { .. }
        | Error::NoCdylib { .. }
        | Error::Manifest { .. }
        | Error::Compile { .. }
        | Error::NoToolchain { .. }
        | Error::Install { .. }
        | Error::Command { .. }
        | Error::File { .. }) => other,
    }
}
