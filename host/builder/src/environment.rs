//! The environment a guest is built in: what an outer `cargo run` or `cargo test` set for the host must not reach it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::{env, path};

/// Settings of cargo itself that say where things come from, not how they are built.
const KEPT: &[&str] = &[
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_HOME",
    "RUSTUP_UPDATE_ROOT",
    "RUST_BACKTRACE",
];

/// What was set for the host's build or by it.
const REMOVED: &[&str] = &["CARGO", "RUST", "MAKEFLAGS", "MFLAGS", "DYLD_FALLBACK_LIBRARY_PATH"];

/// Names the toolchain that rustup's programs run. Inside `cargo run` it is that of the host's build.
const CHOICE: &str = "RUSTUP_TOOLCHAIN";

/// What chooses the toolchain that rustup's programs run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The folder's `rust-toolchain.toml`, an override or rustup's default.
    #[default]
    Folder,
    /// The environment of this process, where the folder chooses none.
    Environment(OsString),
}

impl Choice {
    /// What the environment of this process chooses, if it does.
    pub(crate) fn of_environment() -> Option<Self> {
        env::var_os(CHOICE).map(Self::Environment)
    }
}

/// A command in `folder` whose environment is this process's without what belongs to another build.
pub(crate) fn command(program: &Path, folder: &Path, choice: &Choice) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().envs(cleaned(env::vars_os()));
    match choice {
        Choice::Folder => {}
        Choice::Environment(toolchain) => {
            command.env(CHOICE, toolchain);
        }
    }
    command
}

fn cleaned(all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    all.filter(|(name, _)| {
        let name = name.to_string_lossy();
        KEPT.iter().any(|kept| name.starts_with(kept))
            || !REMOVED.iter().any(|removed| name.starts_with(removed))
    })
    .map(|(name, value)| {
        // Cargo puts the libraries of its own compiler there, which are not those of the guest's.
        let value = if name == "LD_LIBRARY_PATH" { without_toolchains(&value) } else { value };
        (name, value)
    })
    .collect()
}

fn without_toolchains(libraries: &OsString) -> OsString {
    let foreign = |folder: &path::PathBuf| {
        let folder = folder.to_string_lossy();
        !["/rustlib/", "/toolchains/", "/target/", "/debug", "/release"]
            .iter()
            .any(|part| folder.contains(part))
    };
    let kept = env::split_paths(libraries).filter(foreign);
    env::join_paths(kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_outer_build_is_left() {
        let outer = [
            ("CARGO_TARGET_DIR", "/host"),
            ("CARGO_ENCODED_RUSTFLAGS", "-Cx"),
            ("RUSTFLAGS", "-Cx"),
            ("RUSTC_WRAPPER", "sccache"),
            ("RUSTUP_TOOLCHAIN", "stable"),
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_BUILD_TARGET", "x"),
            ("CARGO_HOME", "/home/cargo"),
            ("CARGO_REGISTRIES_MINE_TOKEN", "t"),
            ("PATH", "/bin"),
            ("LD_LIBRARY_PATH", "/opt/lib:/home/me/.rustup/toolchains/stable/lib"),
        ];
        let outer = outer.into_iter().map(|(name, value)| (name.into(), value.into()));
        let left = cleaned(outer);
        let names: Vec<_> = left.iter().map(|(name, _)| name.to_string_lossy()).collect();
        assert_eq!(names, ["CARGO_HOME", "CARGO_REGISTRIES_MINE_TOKEN", "PATH", "LD_LIBRARY_PATH"]);
        assert_eq!(left[3].1, "/opt/lib");
    }
}
