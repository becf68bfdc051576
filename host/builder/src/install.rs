//! Makes sure that there is a toolchain: looks, adds the target, installs Debian's compiler, or says what to do.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use rustix::process::geteuid;

use crate::environment;
use crate::error::Error;
use crate::progress::{Note, Progress};
use crate::toolchain::{Found, TARGET, Toolchain, on_path};

/// Whether packages of the system may be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// When this process is root on Debian and nothing else helps.
    IfRoot,
    /// Never.
    Never,
}

/// A toolchain for the handlers in `folder`. In this order: a compiler that has the target; rustup adds it; a compiler
/// that builds std from source; that one installed, where `install` allows it. Every command that changes the machine
/// is said first.
pub fn ensure_toolchain(
    folder: &Path,
    install: Install,
    progress: Progress<'_>,
) -> Result<Toolchain, Error> {
    if let Some(toolchain) = Found::look(folder).with_target() {
        return Ok(toolchain);
    }
    // Two that add the same thing to the machine at once undo each other's work.
    let _turn = take_turn(progress);
    add_what_is_missing(folder, install, progress)
}

fn add_what_is_missing(
    folder: &Path,
    install: Install,
    progress: Progress<'_>,
) -> Result<Toolchain, Error> {
    let found = Found::look(folder);
    if let Some(toolchain) = found.with_target() {
        return Ok(toolchain);
    }
    let mut missing = vec![what_is_missing(&found)];
    if let (Some(rustup), Some(sysroot)) = (&found.rustup, &found.sysroot) {
        let refused = Refused::of(sysroot);
        // Asking again takes time for each build: it is asked again only where nothing else is left.
        if found.with_source().is_none() || !refused.is_remembered() {
            match add_target(environment::command(rustup, folder, &found.choice), progress) {
                Ok(()) => {
                    refused.forget();
                    if let Some(toolchain) = Found::look(folder).with_target() {
                        return Ok(toolchain);
                    }
                }
                Err(error) => {
                    refused.remember();
                    missing.push(error.to_string());
                }
            }
        }
    }
    if let Some(toolchain) = found.with_source() {
        return Ok(toolchain);
    }
    let packages = on_path("apt-get").map(|_| debian_packages(&found));
    if let (Install::IfRoot, true, Some(packages)) = (install, geteuid().is_root(), &packages) {
        match apt_install(packages, progress) {
            Ok(()) => {}
            Err(error) => missing.push(error.to_string()),
        }
        if let Some(toolchain) = Found::look(folder).with_source() {
            return Ok(toolchain);
        }
    }
    Err(Error::NoToolchain {
        missing: missing.join("; "),
        command: mending_command(&found, packages.as_deref()),
    })
}

/// Waits until no other build of this user changes the machine. Where no lock can be had, nobody waits.
fn take_turn(progress: Progress<'_>) -> Option<File> {
    let path = cache().join("install.lock");
    fs::create_dir_all(path.parent()?).ok()?;
    let lock = File::create(path).ok()?;
    if lock.try_lock().is_err() {
        progress.say(Note::Waiting("another build adds what this one needs too"));
        lock.lock().ok()?;
    }
    Some(lock)
}

/// What this user's builds remember and keep.
pub(crate) fn cache() -> PathBuf {
    let home = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    // Without a home, a folder of the user's own among everybody's.
    let own = || env::temp_dir().join(format!("of-user-{}", geteuid().as_raw()));
    home.unwrap_or_else(own).join("stepcell")
}

fn what_is_missing(found: &Found) -> String {
    if found.undecided.is_some() {
        return "rustup has no toolchain for the handler's folder".to_owned();
    }
    match (&found.cargo, &found.sysroot) {
        (None, _) => "guests are compiled with cargo, and none on PATH runs".to_owned(),
        (Some(_), None) => "`rustc` does not run in the handler's folder".to_owned(),
        (Some(_), Some(sysroot)) => {
            format!("the compiler in `{}` has no target `{TARGET}`", sysroot.display())
        }
    }
}

fn add_target(mut rustup: Command, progress: Progress<'_>) -> Result<(), Error> {
    let command = format!("rustup target add {TARGET}");
    progress.say(Note::Running(&command));
    run(rustup.args(["target", "add", TARGET]), command)
}

/// What Debian's way needs beside what is there.
fn debian_packages(found: &Found) -> Vec<&'static str> {
    let mut packages = vec!["rustc-web", "rust-web-src"];
    if found.cargo.is_none() {
        packages.push("cargo-web");
    }
    if found.linker.is_none() {
        packages.push("lld-22");
    }
    packages
}

fn apt_install(packages: &[&str], progress: Progress<'_>) -> Result<(), Error> {
    let install = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    progress.say(Note::Running(&install));
    if apt(&install).is_ok() {
        return Ok(());
    }
    // A fresh image has no package lists, an old one outdated ones.
    progress.say(Note::Running("apt-get update"));
    apt("apt-get update")?;
    progress.say(Note::Running(&install));
    apt(&install)
}

fn apt(command: &str) -> Result<(), Error> {
    let mut words = command.split(' ');
    let program = words.next().expect("a command has a first word");
    run(
        Command::new(program).args(words).env("DEBIAN_FRONTEND", "noninteractive"),
        command.to_owned(),
    )
}

fn run(command: &mut Command, shown: String) -> Result<(), Error> {
    let output = command
        .output()
        .map_err(|error| Error::Install { command: shown.clone(), output: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Install { command: shown, output: said })
}

fn mending_command(found: &Found, packages: Option<&[&str]>) -> String {
    if let Some(command) = found.undecided {
        return command.to_owned();
    }
    match packages {
        Some(packages) => {
            let sudo = if geteuid().is_root() { "" } else { "sudo " };
            let packages = packages.join(" ");
            format!(
                "{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}"
            )
        }
        None if found.rustup.is_some() => format!("rustup target add {TARGET}"),
        None => format!("curl https://sh.rustup.rs -sSf | sh -s -- -y --target {TARGET}"),
    }
}

/// Remembers that rustup could not add the target to one compiler.
struct Refused(PathBuf);

impl Refused {
    fn of(sysroot: &Path) -> Self {
        let name = sysroot.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self(cache().join(format!("no-{TARGET}-{name}")))
    }

    fn is_remembered(&self) -> bool {
        self.0.is_file()
    }

    /// Where it cannot be written, rustup is asked each time.
    fn remember(&self) {
        let folder = self.0.parent().map_or(Ok(()), fs::create_dir_all);
        drop(folder.and_then(|()| fs::write(&self.0, "")));
    }

    fn forget(&self) {
        drop(fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mending_command_is_the_one_for_this_machine() {
        let bare = Found::default();
        assert!(mending_command(&bare, None).contains("sh.rustup.rs"));
        let managed = Found { rustup: Some("/bin/rustup".into()), ..Found::default() };
        assert_eq!(mending_command(&managed, None), "rustup target add wasm32-unknown-unknown");
        let debian = mending_command(&managed, Some(&["rustc-web", "rust-web-src"]));
        assert!(
            debian.ends_with("apt-get install -y --no-install-recommends rustc-web rust-web-src")
        );
    }

    #[test]
    fn a_rustup_that_cannot_choose_is_helped_to_before_packages_are_installed() {
        let undecided = Found { undecided: Some("rustup default stable"), ..Found::default() };
        assert_eq!(mending_command(&undecided, Some(&["rustc-web"])), "rustup default stable");
        assert!(what_is_missing(&undecided).contains("rustup has no toolchain"));
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(what_is_missing(&Found::default()).contains("cargo, and none on PATH runs"));
        let no_target =
            Found { cargo: Some("/c".into()), sysroot: Some("/s".into()), ..Found::default() };
        assert!(
            what_is_missing(&no_target).contains("`/s` has no target `wasm32-unknown-unknown`")
        );
    }
}
