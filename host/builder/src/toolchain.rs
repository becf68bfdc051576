//! Which compiler builds guests: one with a wasm standard library, or one that can build it from source.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::environment::{self, Choice};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's compiler, kept current for browsers.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// The oldest compiler that knows edition 2024.
const OLDEST: (u32, u32) = (1, 85);

/// A way to compile for wasm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// For people: what is used, and from where.
    pub name: String,
    pub(crate) cargo: PathBuf,
    /// What chooses it, where rustup manages it.
    pub(crate) choice: Choice,
    /// Where the compiler is not the one cargo would choose.
    pub(crate) rustc: Option<PathBuf>,
    /// Where the compiler brings no linker of its own.
    pub(crate) linker: Option<PathBuf>,
    pub(crate) build_std: bool,
}

impl Toolchain {
    /// The toolchain that builds std from source first, where the machine has one: slower at first, and it needs no
    /// target from rustup.
    pub fn from_source(folder: &Path) -> Option<Self> {
        Found::look(folder).with_source()
    }

    /// Its cargo, to be run in `folder`.
    pub(crate) fn cargo(&self, folder: &Path) -> Command {
        environment::command(&self.cargo, folder, &self.choice)
    }
}

/// What this machine has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The first cargo that runs in the handler's folder, rustup's or the system's.
    pub(crate) cargo: Option<PathBuf>,
    /// What chooses the compiler, where rustup manages it.
    pub(crate) choice: Choice,
    /// The folder of the compiler that cargo chooses in the handler's folder.
    pub(crate) sysroot: Option<PathBuf>,
    /// Rustup, if it manages that compiler.
    pub(crate) rustup: Option<PathBuf>,
    /// The command that lets rustup run a compiler, if it is there and cannot.
    pub(crate) undecided: Option<&'static str>,
    /// Debian's compiler, if it is new enough and its standard library's source is there.
    pub(crate) debian: Option<PathBuf>,
    /// A linker for wasm.
    pub(crate) linker: Option<PathBuf>,
}

impl Found {
    /// Looks, from the handler's folder: its `rust-toolchain.toml` counts.
    pub(crate) fn look(folder: &Path) -> Self {
        let (choice, sysroot) = choose(folder);
        let managed = sysroot.as_ref().is_some_and(|sysroot| {
            sysroot.join("lib/rustlib/multirust-channel-manifest.toml").is_file()
        });
        let rustup = on_path("rustup");
        let undecided = rustup.as_deref().filter(|_| sysroot.is_none());
        let debian = Path::new(DEBIAN_RUSTC);
        let source = has_source(Path::new("/usr")) && is_new_enough(debian, folder, &choice);
        // Rustup's does not run where it has no toolchain; the system's may come after it.
        let runs = |cargo: &PathBuf| ask(cargo, &["--version"], folder, &choice).is_some();
        Self {
            cargo: all_on_path("cargo").find(runs),
            undecided: undecided.map(|rustup| deciding_command(rustup, folder)),
            rustup: rustup.filter(|_| managed),
            debian: source.then(|| debian.to_path_buf()),
            linker: sysroot.as_deref().and_then(own_linker).or_else(system_linker),
            sysroot,
            choice,
        }
    }

    /// The compiler cargo chooses, where it has the target.
    pub(crate) fn with_target(&self) -> Option<Toolchain> {
        let sysroot = self.sysroot.as_ref()?;
        let there = sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir();
        there.then_some(())?;
        Some(Toolchain {
            name: format!("{TARGET} of {}", sysroot.display()),
            cargo: self.cargo.clone()?,
            choice: self.choice.clone(),
            rustc: None,
            linker: None,
            build_std: false,
        })
    }

    /// A compiler that builds the standard library from its source first.
    pub(crate) fn with_source(&self) -> Option<Toolchain> {
        let cargo = self.cargo.clone()?;
        let choice = self.choice.clone();
        let linker = Some(self.linker.clone()?);
        let own = self.sysroot.as_ref().filter(|sysroot| has_source(sysroot));
        if let Some(sysroot) = own {
            let name = format!("{} with std from source", sysroot.display());
            return Some(Toolchain { name, cargo, choice, rustc: None, linker, build_std: true });
        }
        let rustc = self.debian.clone()?;
        let name = format!("{} with std from source", rustc.display());
        Some(Toolchain { name, cargo, choice, rustc: Some(rustc), linker, build_std: true })
    }
}

/// What chooses the compiler in the folder, and that compiler's own folder.
fn choose(folder: &Path) -> (Choice, Option<PathBuf>) {
    let sysroot = |choice: &Choice| {
        ask(Path::new("rustc"), &["--print", "sysroot"], folder, choice).map(PathBuf::from)
    };
    if let Some(found) = sysroot(&Choice::Folder) {
        return (Choice::Folder, Some(found));
    }
    let other = Choice::of_environment()
        .and_then(|choice| sysroot(&choice).map(|found| (choice, Some(found))));
    other.unwrap_or_default()
}

/// What lets rustup run a compiler in the folder, where it cannot.
fn deciding_command(rustup: &Path, folder: &Path) -> &'static str {
    match ask(rustup, &["default"], folder, &Choice::Folder) {
        None => "rustup default stable",
        // The folder names a toolchain that is not there.
        Some(_) => "rustup toolchain install",
    }
}

/// What a program answers, if it ends well.
fn ask(program: &Path, arguments: &[&str], folder: &Path, choice: &Choice) -> Option<String> {
    let output = environment::command(program, folder, choice).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// A program on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    all_on_path(name).next()
}

/// Every program of this name on `PATH`, the one that a shell would run first.
fn all_on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let programs: Vec<PathBuf> = env::split_paths(&path).map(|folder| folder.join(name)).collect();
    programs.into_iter().filter(|program| program.is_file())
}

fn has_source(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib/src/rust/library/Cargo.lock").is_file()
}

fn is_new_enough(rustc: &Path, folder: &Path, choice: &Choice) -> bool {
    ask(rustc, &["--version"], folder, choice)
        .as_deref()
        .and_then(version)
        .is_some_and(|version| version >= OLDEST)
}

/// `rustc 1.96.0 (...)` to `(1, 96)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The linker rustup's compilers bring.
fn own_linker(sysroot: &Path) -> Option<PathBuf> {
    let hosts = fs::read_dir(sysroot.join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|lld| lld.is_file())
}

/// The newest `wasm-ld` of the system: older ones do not know what newer compilers write.
fn system_linker() -> Option<PathBuf> {
    let plain = on_path("wasm-ld");
    let version = |path: &PathBuf| -> Option<u32> {
        path.file_name()?.to_str()?.strip_prefix("wasm-ld-")?.parse().ok()
    };
    let entries = fs::read_dir("/usr/bin").into_iter().flatten().flatten();
    let newest =
        entries.map(|entry| entry.path()).filter_map(|path| Some((version(&path)?, path))).max();
    newest.map(|(_, path)| path).or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_the_compiler_says() {
        assert_eq!(
            version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some((1, 96))
        );
        assert_eq!(version("nothing"), None);
    }

    #[test]
    fn debians_compiler_is_used_with_cargo_and_a_linker_and_not_without() {
        let found = Found {
            cargo: Some("/c/cargo".into()),
            debian: Some(DEBIAN_RUSTC.into()),
            linker: Some("/l/rust-lld".into()),
            ..Found::default()
        };
        let toolchain = found.with_source().unwrap();
        assert_eq!(toolchain.rustc.as_deref(), Some(Path::new(DEBIAN_RUSTC)));
        assert!(toolchain.build_std);
        assert_eq!(Found { linker: None, ..found.clone() }.with_source(), None);
        assert_eq!(Found { cargo: None, ..found }.with_source(), None);
    }
}
