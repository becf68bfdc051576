//! Runtimes: the interpreters that sources are bound to, built of what this program carries and kept in the user's cache.

use std::fs;

use crate::build::Built;
use crate::error::Error;
use crate::progress::Progress;
use crate::project::{cache, digest};
use crate::tools::Tools;
use crate::world;
use crate::{javascript, python};

/// What it is kept as.
const FILE: &str = "runtime.wasm";

/// A language whose sources need no build of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// QuickJS.
    JavaScript,
    /// CPython.
    Python,
}

impl Runtime {
    /// Builds it, or answers the one that is kept.
    pub fn build(self, progress: Progress<'_>) -> Result<Built, Error> {
        let cache = cache()?;
        let tools = Tools { cache: &cache, progress };
        let (name, key) = match self {
            Self::JavaScript => ("runtime-javascript", javascript::runtime::key()),
            Self::Python => ("runtime-python", python::runtime::key()),
        };
        let key = digest(format!("{key}; {}", world::contract_digest()));
        let mut fresh = true;
        let there = tools.ensure(&format!("{name}-{}", &key[..16]), |part| {
            fresh = false;
            let work = part.join("work");
            fs::create_dir_all(&work).map_err(Error::file("create", &work))?;
            let wasm = match self {
                Self::JavaScript => javascript::runtime::build(&tools, &work)?,
                Self::Python => python::runtime::build(&tools, &work)?,
            };
            let path = part.join(FILE);
            fs::write(&path, wasm).map_err(Error::file("write", &path))?;
            fs::remove_dir_all(&work).map_err(Error::file("delete", &work))
        })?;
        let path = there.join(FILE);
        let wasm = fs::read(&path).map_err(Error::file("read", &path))?;
        Ok(Built { package: name.to_owned(), path, wasm, fresh })
    }
}
