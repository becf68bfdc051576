//! Finds Postgres's programs: on `PATH` and where the usual packages put them, the newest first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::error::Error;

/// The oldest major version Stepcell runs on.
const OLDEST: u32 = 15;

/// Folders of packages; `*` stands for one level.
const USUAL: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/opt/homebrew/bin",
    "/usr/local/pgsql/bin",
];

/// One installation: a folder with `postgres`, `initdb` and `psql`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binaries {
    /// The major version.
    pub(crate) major: u32,
    bin: PathBuf,
}

impl Binaries {
    /// The newest installation, or the one that can read data of major version `wrote`.
    pub(crate) fn find(data: &Path, wrote: Option<u32>) -> Result<Self, Error> {
        let found = installed();
        let Some(newest) = found.first() else {
            return Err(Error::Missing {
                looked: format!("PATH, {}", USUAL.join(", ")),
                command: install_command(),
            });
        };
        let Some(wrote) = wrote else {
            return Ok(newest.clone());
        };
        found.iter().find(|one| one.major == wrote).cloned().ok_or_else(|| {
            let majors: BTreeSet<String> = found.iter().map(|one| one.major.to_string()).collect();
            let found = majors.into_iter().collect::<Vec<_>>().join(", ");
            Error::OtherVersion { data: data.to_path_buf(), wrote, found }
        })
    }

    /// The path of one of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Every usable installation, the newest first.
fn installed() -> Vec<Binaries> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(USUAL.iter().flat_map(|pattern| expand(pattern)));
    // Distributions link the programs into `PATH`; their neighbours are where the link points.
    let real: BTreeSet<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::canonicalize(folder.join("postgres")).ok())
        .filter_map(|program| program.parent().map(Path::to_path_buf))
        .filter(|bin| ["initdb", "psql"].iter().all(|name| bin.join(name).is_file()))
        .collect();
    let mut found: Vec<Binaries> = real
        .into_iter()
        .filter_map(|bin| Some(Binaries { major: major_of(&bin.join("postgres"))?, bin }))
        .filter(|one| one.major >= OLDEST)
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.major));
    found
}

/// The folders a pattern with at most one `*` stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').expect("the patterns are absolute");
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| PathBuf::from(format!("{}{after}", entry.path().display())))
        .collect()
}

fn major_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 17.2 (Debian 17.2-1)` and `... 18beta1` to the number in front.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

/// The one command that installs Postgres on this system.
fn install_command() -> String {
    let by_marker = [
        ("/etc/debian_version", "apt-get install -y postgresql"),
        ("/etc/fedora-release", "dnf install -y postgresql-server"),
        ("/etc/redhat-release", "dnf install -y postgresql-server"),
        ("/etc/arch-release", "pacman -S postgresql"),
        ("/etc/alpine-release", "apk add postgresql"),
    ];
    let here = by_marker.iter().find(|(marker, _)| Path::new(marker).exists());
    let command = match here {
        _ if cfg!(target_os = "macos") => return "brew install postgresql@17".to_owned(),
        Some((_, command)) => command,
        None => return "your system's package manager, package `postgresql`".to_owned(),
    };
    if rustix::process::geteuid().is_root() {
        (*command).to_owned()
    } else {
        format!("sudo {command}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_major("something else"), None);
    }

    #[test]
    fn data_of_a_version_that_is_not_installed_says_which_one_to_install() {
        let refused = Binaries::find(Path::new("/data"), Some(9)).unwrap_err().to_string();
        assert!(refused.contains("written by Postgres 9, which is not installed"), "{refused}");
        assert!(refused.contains("install Postgres 9"), "{refused}");
    }
}
