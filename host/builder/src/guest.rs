//! Builds what is not Rust: freshness, a folder to work in, and the language's own way in between.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::build::Built;
use crate::encode::ENCODER;
use crate::error::Error;
use crate::language::Language;
use crate::progress::Progress;
use crate::project::{Project, digest};
use crate::tools::Tools;
use crate::{c, go, javascript, python};

/// The component of a project, kept in the cache.
pub(crate) fn build(project: &Project, progress: Progress<'_>) -> Result<Built, Error> {
    let built = project.built();
    fs::create_dir_all(&built).map_err(Error::file("create", &built))?;
    let kept = Kept { path: built.join("component.wasm"), key: built.join("component.key") };
    has_sdk(project)?;
    let tools = Tools { cache: &project.cache, progress };
    let work = Work::begin(&built)?;
    let (wasm, key) = match project.language {
        Language::JavaScript => javascript::build(project, &tools, &work.0, &kept)?,
        Language::Python => {
            let key = python::key(project)?;
            match kept.under(&key) {
                Some(wasm) => (wasm, Some(key)),
                None => {
                    let wasm = python::build(project, &tools, &work.0)?;
                    // What was saved meanwhile may be in it or not.
                    let is_still = python::key(project)? == key;
                    (wasm, is_still.then_some(key))
                }
            }
        }
        Language::C => (c::build(project, &tools, &work.0)?, None),
        Language::Go => (go::build(project, &tools, &work.0)?, None),
        Language::Rust => unreachable!("cargo builds crates"),
    };
    let fresh = fs::read(&kept.path).is_ok_and(|kept| kept == wasm);
    kept.keep(&wasm, key.as_deref())?;
    Ok(Built { package: project.name(), path: kept.path, wasm, fresh })
}

/// The component of a project's last build, and what it was built of.
pub(crate) struct Kept {
    path: PathBuf,
    key: PathBuf,
}

impl Kept {
    /// The component, where it was built of just this.
    pub(crate) fn under(&self, key: &str) -> Option<Vec<u8>> {
        let wasm = fs::read(&self.path).ok()?;
        let kept = fs::read_to_string(&self.key).ok()?;
        (kept == format!("{ENCODER}; {key}; {}", digest(&wasm))).then_some(wasm)
    }

    fn keep(&self, wasm: &[u8], key: Option<&str>) -> Result<(), Error> {
        keep(&self.path, wasm)?;
        let key = key.map(|key| format!("{ENCODER}; {key}; {}", digest(wasm)));
        keep(&self.key, key.unwrap_or_default().as_bytes())
    }
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
    let number = BUILDS.fetch_add(1, Ordering::Relaxed);
    let part = path.with_extension(format!("part-{}-{number}", std::process::id()));
    fs::write(&part, bytes).map_err(Error::file("write", &part))?;
    fs::rename(&part, path).map_err(Error::file("write", path))
}

/// Builds this process has begun.
static BUILDS: AtomicU64 = AtomicU64::new(0);

/// A folder for what is made on the way, gone with this.
struct Work(PathBuf);

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
