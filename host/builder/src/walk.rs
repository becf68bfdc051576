//! The files of a project: regular ones, in the order of their paths, without what is no source.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Folders that are no sources, wherever they are.
const NO_SOURCES: [&str; 5] = ["node_modules", "target", "tests", "venv", "__pycache__"];
/// The SDK, which may be a link where it is shared.
const SDK: &str = "stepcell";
/// How deep a project is at most.
const DEEPEST: usize = 32;

/// Every source by its path from the folder, with where it is. Links to folders are not followed, but for the SDK's.
pub(crate) fn sources(folder: &Path) -> Result<BTreeMap<PathBuf, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    collect(folder, Path::new(""), 0, &mut found)?;
    Ok(found)
}

fn collect(
    folder: &Path,
    below: &Path,
    depth: usize,
    found: &mut BTreeMap<PathBuf, PathBuf>,
) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let text = name.to_string_lossy();
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if text.starts_with('.') {
            continue;
        }
        let below = below.join(&name);
        if metadata.is_dir() {
            let is_followed = !path.is_symlink() || (depth == 0 && text == SDK);
            if is_followed && depth < DEEPEST && !NO_SOURCES.contains(&text.as_ref()) {
                collect(&path, &below, depth + 1, found)?;
            }
        } else if metadata.is_file() && !text.ends_with(".wasm") {
            found.insert(below, path);
        }
    }
    Ok(())
}
