//! New projects: a folder that builds, with the SDK in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::language::Language;
use crate::project::digest;

/// The SDKs and the templates, by their paths in `guest-sdk`.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));
/// The manifest of the Rust SDK, without a workspace around it.
const RUST_SDK: &str = include_str!(concat!(env!("OUT_DIR"), "/sdk.toml"));
/// Where the SDK is in a project.
const SDK: &str = "stepcell";
/// What stands for the project's name in a template.
const NAME: &str = "{{name}}";

/// What a new project is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A crate.
    Rust,
    /// A module of JavaScript.
    JavaScript,
    /// A module of TypeScript.
    TypeScript,
    /// A module of Python.
    Python,
    /// C.
    C,
    /// A module of Go.
    Go,
}

impl Template {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Rust, Self::JavaScript, Self::TypeScript, Self::Python, Self::C, Self::Go];

    /// The language.
    pub fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::JavaScript | Self::TypeScript => Language::JavaScript,
            Self::Python => Language::Python,
            Self::C => Language::C,
            Self::Go => Language::Go,
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Rust => "templates/rust/",
            Self::JavaScript => "templates/js/",
            Self::TypeScript => "templates/ts/",
            Self::Python => "templates/python/",
            Self::C => "templates/c/",
            Self::Go => "templates/go/",
        }
    }
}

/// Makes a project in a folder that is not there yet, or is empty; its name is the folder's.
pub fn create(template: Template, folder: &Path) -> Result<(), Error> {
    let is_taken = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken || folder.is_file() {
        return Err(Error::Taken { folder: folder.to_path_buf() });
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !starts || !name.chars().all(is_plain) || name.len() > MAX_NAME {
        return Err(Error::BadName { name });
    }
    for (path, bytes) in below(template.folder()) {
        let text = String::from_utf8_lossy(bytes).replace(NAME, &name);
        write(&folder.join(path), text.as_bytes())?;
    }
    write_sdk(template.language(), folder)
}

/// The longest name of a project.
const MAX_NAME: usize = 64;

/// Puts this version of the SDK in the place of the one that is in a project.
pub fn refresh_sdk(folder: &Path) -> Result<(), Error> {
    let (folder, language) = crate::folder::check(folder)?;
    let (sdk, old) = (folder.join(SDK), folder.join(format!(".{SDK}.old")));
    // A folder of this name may be somebody's own.
    let is_sdk = sdk.is_dir() && !sdk.is_symlink() && sdk.join(mark(language)).is_file();
    if sdk.exists() && !is_sdk {
        return Err(Error::Taken { folder: sdk });
    }
    if is_sdk {
        drop(fs::remove_dir_all(&old));
        fs::rename(&sdk, &old).map_err(Error::file("replace", &sdk))?;
    }
    write_sdk(language, &folder)?;
    drop(fs::remove_dir_all(&old));
    Ok(())
}

/// A file by which the SDK of a language is known.
fn mark(language: Language) -> &'static str {
    match language {
        Language::Rust => "src/dispatch.rs",
        Language::JavaScript => "runtime/entry.js",
        Language::Python => "_app.py",
        Language::C => "stepcell.h",
        Language::Go => "handle.go",
    }
}

/// Writes the SDK beside its place and then puts it there, so that it is whole or not at all.
fn write_sdk(language: Language, folder: &Path) -> Result<(), Error> {
    let (sdk, place) = (folder.join(format!(".{SDK}.new")), folder.join(SDK));
    drop(fs::remove_dir_all(&sdk));
    let parts: &[(&str, &str)] = match language {
        Language::Rust => {
            write(&sdk.join("Cargo.toml"), RUST_SDK.as_bytes())?;
            &[("src/", "src"), ("wit/", "wit")]
        }
        Language::JavaScript => &[("js/", "")],
        Language::Python => &[("python/stepcell/", "")],
        Language::C => &[("c/", "")],
        Language::Go => &[("go/", "")],
    };
    for (from, to) in parts {
        unpack(from, &sdk.join(to))?;
    }
    fs::rename(&sdk, &place).map_err(Error::file("write", &place))
}

/// Writes what is below a folder of `guest-sdk`, given with its slash, into another one.
pub(crate) fn unpack(from: &str, to: &Path) -> Result<(), Error> {
    below(from).try_for_each(|(path, bytes)| write(&to.join(path), bytes))
}

/// The digest of what is below some folders of `guest-sdk`.
pub(crate) fn digest_of(folders: &[&str]) -> String {
    let files = folders.iter().flat_map(|folder| below(folder));
    let listed = files.map(|(path, bytes)| format!("{} {}\n", path.display(), digest(bytes)));
    digest(listed.collect::<String>())
}

/// The files below a folder, with their paths from there.
fn below(folder: &str) -> impl Iterator<Item = (PathBuf, &'static [u8])> {
    FILES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?.into(), *bytes)))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    fs::write(path, bytes).map_err(Error::file("write", path))
}
