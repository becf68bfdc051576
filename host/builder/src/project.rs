//! A folder of handlers as its build sees it: its sources, and the cache of whoever builds it.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{env, fs};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::install;
use crate::language::Language;
use crate::walk;

/// Where tools and what was built are kept, in place of the user's cache.
const CACHE: &str = "STEPCELL_CACHE";

/// A folder of handlers that are not Rust.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder, absolute.
    pub(crate) folder: PathBuf,
    /// Its language.
    pub(crate) language: Language,
    /// Where tools and what was built are kept.
    pub(crate) cache: PathBuf,
}

impl Project {
    /// The folder as a project. Its cache is the user's: what runs from there must not come with a project.
    pub(crate) fn of(folder: PathBuf, language: Language) -> Result<Self, Error> {
        Ok(Self { folder, language, cache: cache()? })
    }

    /// The project's name: that of its folder.
    pub(crate) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where what is built of it is kept, another folder for each project.
    pub(crate) fn built(&self) -> PathBuf {
        let path = digest(self.folder.as_os_str().as_encoded_bytes());
        self.cache.join("built").join(format!("{}-{}", slug(&self.name()), &path[..16]))
    }

    /// A digest of every source, with its path.
    pub(crate) fn sources(&self) -> Result<String, Error> {
        let mut all = Sha256::new();
        for (below, path) in walk::sources(&self.folder)? {
            let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
            all.update(below.as_os_str().as_encoded_bytes());
            all.update([0]);
            all.update(Sha256::digest(&bytes));
        }
        Ok(hex(&all.finalize()))
    }
}

/// The user's own cache, which nobody else may write.
pub(crate) fn cache() -> Result<PathBuf, Error> {
    let said = env::var_os(CACHE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = said.unwrap_or_else(install::cache);
    let cache = std::path::absolute(&cache).map_err(Error::file("find", &cache))?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&cache).map_err(Error::file("create", &cache))?;
    let metadata = fs::metadata(&cache).map_err(Error::file("look at", &cache))?;
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
        return Err(Error::OpenCache { cache });
    }
    Ok(cache)
}

/// A name as a part of a path anywhere.
fn slug(name: &str) -> String {
    name.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A command's folder that is nobody's: what is there is not looked up by any program.
pub(crate) fn nowhere() -> &'static Path {
    Path::new("/")
}
