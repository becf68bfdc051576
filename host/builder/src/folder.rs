//! What cargo knows about the folder: which package it is, and where its workspace builds.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::language::Language;
use crate::toolchain::Toolchain;

/// A folder that can be built.
#[derive(Debug)]
pub(crate) struct Crate {
    /// The folder, absolute.
    pub(crate) folder: PathBuf,
    /// The package's name.
    pub(crate) package: String,
    /// Where its workspace's guests are built.
    pub(crate) target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    /// A library's types, or `bin`, `example` and the like.
    kind: Vec<String>,
}

/// The folder as an absolute path, and its language.
pub(crate) fn check(folder: &Path) -> Result<(PathBuf, Language), Error> {
    let found = fs::canonicalize(folder).ok().filter(|folder| folder.is_dir());
    let found = found.ok_or_else(|| Error::NoFolder(folder.to_path_buf()))?;
    match Language::of(&found) {
        Some(language) => Ok((found, language)),
        None => {
            let files = Language::ALL.iter().flat_map(|language| language.files());
            let files: Vec<String> = files.map(|file| format!("`{file}`")).collect();
            Err(Error::NoHandlers { folder: folder.to_path_buf(), files: files.join(", ") })
        }
    }
}

/// Reads what cargo says about a folder that passed [`check`].
pub(crate) fn read(folder: PathBuf, toolchain: &Toolchain) -> Result<Crate, Error> {
    let manifest = folder.join("Cargo.toml");
    let mut ask = toolchain.cargo(&folder);
    ask.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    let output = ask.output().map_err(Error::file("run", &toolchain.cargo))?;
    let refuse = |output: String| Error::Manifest { folder: folder.clone(), output };
    if !output.status.success() {
        return Err(refuse(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata: Metadata =
        serde_json::from_slice(&output.stdout).map_err(|error| refuse(error.to_string()))?;
    let Some(package) = metadata.packages.iter().find(|package| package.manifest_path == manifest)
    else {
        let members: Vec<String> = metadata
            .packages
            .iter()
            .filter_map(|package| package.manifest_path.parent())
            .map(|member| format!("`{}`", member.display()))
            .collect();
        let members =
            if members.is_empty() { "it has none yet".to_owned() } else { members.join(", ") };
        return Err(Error::OnlyWorkspace { folder, members });
    };
    let is_cdylib = |target: &Target| target.kind.iter().any(|kind| kind == "cdylib");
    if !package.targets.iter().any(is_cdylib) {
        return Err(Error::NoCdylib { package: package.name.clone(), folder });
    }
    Ok(Crate {
        package: package.name.clone(),
        target: metadata.target_directory.join("guests"),
        folder,
    })
}
