//! Builds what is not Rust: freshness, a folder to work in, and the language's own way in between.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::build::Built;
use crate::encode::ENCODER;
use crate::error::Error;
use crate::language::Language;
use crate::progress::Progress;
use crate::project::{Project, hex};
use crate::tools::Tools;
use crate::{c, go, javascript, python};

/// The component of a project, kept in the cache.
pub(crate) fn build(project: &Project, progress: Progress<'_>) -> Result<Built, Error> {
    let built = project.built();
    fs::create_dir_all(&built).map_err(Error::file("create", &built))?;
    let (path, key_path) = (built.join("component.wasm"), built.join("component.key"));
    let is_kept = |key: &str, wasm: &[u8]| {
        fs::read_to_string(&key_path).is_ok_and(|kept| kept == format!("{key} {}", digest(wasm)))
    };
    let key = key(project)?;
    if let (Some(key), Ok(wasm)) = (&key, fs::read(&path))
        && is_kept(key, &wasm)
    {
        return Ok(Built { package: project.name(), path, wasm, fresh: true });
    }
    has_sdk(project)?;
    let tools = Tools { cache: &project.cache, progress };
    let work = Work::begin(&built)?;
    let wasm = match project.language {
        Language::JavaScript => javascript::build(project, &tools, &work.0),
        Language::Python => python::build(project, &tools, &work.0),
        Language::C => c::build(project, &tools, &work.0),
        Language::Go => go::build(project, &tools, &work.0),
        Language::Rust => unreachable!("cargo builds crates"),
    }?;
    let fresh = fs::read(&path).is_ok_and(|kept| kept == wasm);
    keep(&path, &wasm)?;
    if let Some(key) = key {
        keep(&key_path, format!("{key} {}", digest(&wasm)).as_bytes())?;
    }
    Ok(Built { package: project.name(), path, wasm, fresh })
}

/// What a component is kept under; `None`: its compiler knows best what has changed.
fn key(project: &Project) -> Result<Option<String>, Error> {
    let version = match project.language {
        Language::JavaScript => javascript::VERSION,
        Language::Python => python::VERSION,
        Language::C | Language::Go | Language::Rust => return Ok(None),
    };
    Ok(Some(format!("{version}; {ENCODER}; {}", project.sources()?)))
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The SDK of these languages is a part of the project. A module of Go may have it elsewhere, as a flag of C may.
fn has_sdk(project: &Project) -> Result<(), Error> {
    let needs = match project.language {
        Language::JavaScript | Language::Python => true,
        Language::C | Language::Go | Language::Rust => false,
    };
    if needs && !project.folder.join("stepcell").is_dir() {
        return Err(Error::NoSdk { folder: project.folder.clone() });
    }
    Ok(())
}

/// Writes a file whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension(format!("part-{}", BUILDS.fetch_add(1, Ordering::Relaxed)));
    fs::write(&part, bytes).map_err(Error::file("write", &part))?;
    fs::rename(&part, path).map_err(Error::file("write", path))
}

/// Builds this process has begun.
static BUILDS: AtomicU64 = AtomicU64::new(0);

/// A folder for what is made on the way, gone with this.
struct Work(std::path::PathBuf);

impl Work {
    fn begin(built: &Path) -> Result<Self, Error> {
        // A build that was killed leaves its own behind, until the next one of the same numbers.
        let number = BUILDS.fetch_add(1, Ordering::Relaxed);
        let work = built.join(format!("work-{}-{number}", std::process::id()));
        drop(fs::remove_dir_all(&work));
        fs::create_dir_all(&work).map_err(Error::file("create", &work))?;
        Ok(Self(work))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What is left of it is of no use.
        drop(fs::remove_dir_all(&self.0));
    }
}
