//! A folder of handlers as its build sees it: its sources, and the cache beside the project.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::language::Language;

/// Where tools and what was built are kept, in place of the folder beside the project.
const CACHE: &str = "STEPCELL_CACHE";
/// What marks the folder of a project.
const MARKS: [&str; 3] = ["flow.toml", ".stepcell", ".git"];
/// Folders that are no sources.
const NO_SOURCES: [&str; 5] = ["node_modules", "target", "tests", "venv", "__pycache__"];

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
    /// The folder as a project; its cache is beside the nearest flow or repository around it.
    pub(crate) fn of(folder: PathBuf, language: Language) -> Self {
        let marked = |at: &&Path| MARKS.iter().any(|mark| at.join(mark).exists());
        let cache = env::var_os(CACHE).map(PathBuf::from).unwrap_or_else(|| {
            let root = folder.ancestors().find(marked).unwrap_or(&folder);
            root.join(".stepcell").join("cache")
        });
        Self { folder, language, cache }
    }

    /// The project's name: that of its folder.
    pub(crate) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where what is built of it is kept, another folder for each project.
    pub(crate) fn built(&self) -> PathBuf {
        let path = hex(&Sha256::digest(self.folder.as_os_str().as_encoded_bytes()));
        self.cache.join("built").join(format!("{}-{}", slug(&self.name()), &path[..16]))
    }

    /// A digest of every source, with its path.
    pub(crate) fn sources(&self) -> Result<String, Error> {
        let mut found = BTreeMap::new();
        collect(&self.folder, Path::new(""), &mut found)?;
        let mut all = Sha256::new();
        for (path, digest) in found {
            all.update(path.as_os_str().as_encoded_bytes());
            all.update([0]);
            all.update(digest);
        }
        Ok(hex(&all.finalize()))
    }
}

/// Digests of the files of a folder and those below. Links are followed: an SDK may be one.
fn collect(
    folder: &Path,
    below: &Path,
    found: &mut BTreeMap<PathBuf, [u8; 32]>,
) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let below = below.join(&name);
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if !is_source(&name, metadata.is_dir()) {
            continue;
        }
        if metadata.is_dir() {
            collect(&path, &below, found)?;
        } else {
            let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
            found.insert(below, Sha256::digest(&bytes).into());
        }
    }
    Ok(())
}

fn is_source(name: &OsStr, is_folder: bool) -> bool {
    let name = name.to_string_lossy();
    let is_left_out = match is_folder {
        true => NO_SOURCES.contains(&name.as_ref()),
        false => name.ends_with(".wasm"),
    };
    !name.starts_with('.') && !is_left_out
}

/// A name as a part of a path anywhere.
fn slug(name: &str) -> String {
    name.chars().take(40).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
