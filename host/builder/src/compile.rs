//! Runs cargo for the wasm target, and finds the core module it made.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

use serde::Deserialize;

use crate::error::Error;
use crate::flags;
use crate::folder::Crate;
use crate::progress::{Note, Progress};
use crate::toolchain::{TARGET, Toolchain};

/// Small, quick to compile by the host, the same on every machine. `panic = "abort"`: wasm has no unwinding to offer.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
];

/// What cargo made.
pub(crate) struct Module {
    /// The core module.
    pub(crate) path: PathBuf,
    /// True when nothing had to be compiled.
    pub(crate) fresh: bool,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    fresh: bool,
}

#[derive(Default, Deserialize)]
struct Target {
    #[serde(default)]
    crate_types: Vec<String>,
}

/// Compiles the crate. Cargo itself decides what has changed.
pub(crate) fn compile(
    of: &Crate,
    target: &Path,
    toolchain: &Toolchain,
    progress: Progress<'_>,
) -> Result<Module, Error> {
    let mut cargo =
        command(of, target, toolchain).spawn().map_err(Error::file("run", &toolchain.cargo))?;
    let stderr = cargo.stderr.take().expect("stderr is piped");
    let stdout = cargo.stdout.take().expect("stdout is piped");
    let (said, module) = thread::scope(|scope| {
        let said = scope.spawn(move || listen(stderr, progress));
        let module = find_module(stdout, &of.folder.join("Cargo.toml"));
        (said.join().expect("listening to cargo does not panic"), module)
    });
    let status = cargo.wait().map_err(Error::file("wait for", &toolchain.cargo))?;
    let refuse = |output: String| Error::Compile { folder: of.folder.clone(), output };
    match module {
        Some(module) if status.success() => Ok(module),
        None if status.success() => {
            Err(Error::NoCdylib { package: of.package.clone(), folder: of.folder.clone() })
        }
        Some(_) | None => Err(refuse(without_progress(&said))),
    }
}

fn command(of: &Crate, target: &Path, toolchain: &Toolchain) -> Command {
    let mut cargo = toolchain.cargo(&of.folder);
    cargo.args([
        "build",
        "--lib",
        "--release",
        "--target",
        TARGET,
        "--message-format=json-render-diagnostics",
        "--package",
    ]);
    cargo.arg(&of.package).arg("--manifest-path").arg(of.folder.join("Cargo.toml"));
    cargo.env("CARGO_TARGET_DIR", target).envs(PROFILE.iter().copied());
    if let Some(home) = cargo_home() {
        // Panic messages name files: they must not differ from machine to machine, nor tell about this one.
        let remap = format!("--remap-path-prefix={}=cargo", home.display());
        cargo.args(flags::beside_configured(&remap, toolchain.cargo(&of.folder)));
    }
    if toolchain.build_std {
        // The flag is not stable; the packaged compiler builds the standard library it came with.
        cargo.arg("-Zbuild-std=std,panic_abort").env("RUSTC_BOOTSTRAP", "1");
    }
    if let Some(rustc) = &toolchain.rustc {
        cargo.env("RUSTC", rustc).env("RUSTDOC", rustc.with_file_name("rustdoc"));
    }
    if let Some(linker) = &toolchain.linker {
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    cargo.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    cargo
}

/// Where cargo keeps the sources of dependencies.
fn cargo_home() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
}

/// Passes on every line and keeps them all.
fn listen(stderr: impl Read, progress: Progress<'_>) -> Vec<String> {
    let lines = BufReader::new(stderr).split(b'\n').map_while(Result::ok);
    lines
        .map(|line| String::from_utf8_lossy(&line).into_owned())
        .inspect(|line| progress.say(Note::Said(line)))
        .collect()
}

/// The wasm file of the library of the package with this manifest. Reads to the end, or cargo could not write on.
fn find_module(stdout: impl Read, manifest: &Path) -> Option<Module> {
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let messages = lines.filter_map(|line| serde_json::from_str::<Message>(&line).ok());
    let is_wasm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    messages
        .filter(|message| {
            message.reason == "compiler-artifact"
                && message.manifest_path == manifest
                && message.target.crate_types.iter().any(|kind| kind == "cdylib")
        })
        .filter_map(|message| {
            let path = message.filenames.into_iter().find(is_wasm)?;
            Some(Module { path, fresh: message.fresh })
        })
        .last()
}

/// What the compiler said, without the list of crates that did compile.
fn without_progress(said: &[String]) -> String {
    let progress = [
        "Compiling",
        "Downloading",
        "Downloaded",
        "Updating",
        "Locking",
        "Adding",
        "Blocking",
        "Fresh",
        "Dirty",
    ];
    let is_progress = |line: &&String| {
        let first = line.split_whitespace().next().unwrap_or_default();
        line.starts_with(' ') && progress.contains(&first)
    };
    let kept: Vec<&str> =
        said.iter().filter(|line| !is_progress(line)).map(String::as_str).collect();
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_everything_but_the_crates_that_compiled() {
        let said = [
            "   Compiling serde v1.0.0",
            "error[E0308]: mismatched types",
            " --> src/lib.rs:3:5",
            "  |",
        ];
        let kept = without_progress(&said.map(str::to_owned));
        assert_eq!(kept, "error[E0308]: mismatched types\n --> src/lib.rs:3:5\n  |");
    }
}
