//! Pinned tools from a language's own registry, each installed once into the user's cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment::{self, Choice};
use crate::error::Error;
use crate::progress::{Note, Progress};
use crate::project::nowhere;
use crate::toolchain::on_path;

/// The oldest Python that installs tools from PyPI, and is one.
const PYTHON: (u32, u32) = (3, 10);

/// Where tools are.
pub(crate) struct Tools<'a> {
    pub(crate) cache: &'a Path,
    pub(crate) progress: Progress<'a>,
}

impl Tools<'_> {
    /// The folder of a tool, which `install` fills where it is not there. Whoever is killed meanwhile leaves nothing behind
    /// that looks like one.
    pub(crate) fn ensure(
        &self,
        name: &str,
        install: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let tools = self.cache.join("tools");
        let there = tools.join(name);
        if there.is_dir() {
            return Ok(there);
        }
        fs::create_dir_all(&tools).map_err(Error::file("create", &tools))?;
        let _turn = self.take_turn(&tools.join(format!("{name}.lock")))?;
        if there.is_dir() {
            return Ok(there);
        }
        // Whoever was killed here may have left a program behind that goes on: it gets no folder that is used again.
        let parts = format!("{name}.part-");
        for left in fs::read_dir(&tools).into_iter().flatten().flatten() {
            if left.file_name().to_string_lossy().starts_with(&parts) {
                drop(fs::remove_dir_all(left.path()));
            }
        }
        let part = tools.join(format!("{parts}{}", std::process::id()));
        fs::create_dir_all(&part).map_err(Error::file("create", &part))?;
        if let Err(error) = install(&part) {
            drop(fs::remove_dir_all(&part));
            return Err(error);
        }
        fs::rename(&part, &there).map_err(Error::file("keep", &there))?;
        Ok(there)
    }

    /// A package of PyPI, alone.
    pub(crate) fn pypi_package(&self, package: &str, version: &str) -> Result<PathBuf, Error> {
        let python = python()?;
        self.ensure(&format!("{package}-{version}"), |part| {
            let mut pip = self.pip(&python);
            pip.args(["--no-deps", "--no-compile", "--only-binary=:all:", "--target"]).arg(part);
            self.run(pip.arg(format!("{package}=={version}")))
        })
    }

    /// `pip install`, whatever follows.
    pub(crate) fn pip(&self, python: &Path) -> Command {
        // Isolated: no folder may stand in for a part of Python or of pip.
        let mut pip = environment::command(python, nowhere(), &Choice::Folder);
        pip.args(["-I", "-m", "pip", "install", "--quiet"]);
        pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PIP_ROOT_USER_ACTION", "ignore");
        pip.env("PIP_CACHE_DIR", self.cache.join("pip"));
        ["VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"].iter().for_each(|name| {
            pip.env_remove(name);
        });
        pip
    }

    /// Runs a command that changes the cache, having said so.
    pub(crate) fn run(&self, command: &mut Command) -> Result<(), Error> {
        let shown = shown(command);
        self.progress.say(Note::Running(&shown));
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| Error::Install {
            command: shown.clone(),
            output: error.to_string(),
        })?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stderr, output.stdout].concat();
        Err(Error::Install {
            command: shown,
            output: String::from_utf8_lossy(&said).trim().to_owned(),
        })
    }

    fn take_turn(&self, path: &Path) -> Result<File, Error> {
        let lock = File::create(path).map_err(Error::file("create", path))?;
        if lock.try_lock().is_err() {
            self.progress.say(Note::Waiting("another build installs what this one needs too"));
            lock.lock().map_err(Error::file("wait for", path))?;
        }
        Ok(lock)
    }
}

/// A Python that installs tools.
pub(crate) fn python() -> Result<PathBuf, Error> {
    let (major, minor) = PYTHON;
    let missing = |missing: String| Error::NoToolchain {
        missing,
        command: "apt-get install -y python3 python3-pip".to_owned(),
    };
    let Some(python) = on_path("python3") else {
        return Err(missing(format!(
            "Python {major}.{minor} or newer is needed, and no `python3` is on PATH"
        )));
    };
    let check = format!("import sys, pip; sys.exit(sys.version_info < ({major}, {minor}))");
    let answered = Command::new(&python).current_dir(nowhere()).args(["-I", "-c", &check]).output();
    match answered {
        Ok(output) if output.status.success() => Ok(python),
        Ok(_) | Err(_) => {
            let at = python.display();
            Err(missing(format!(
                "Python {major}.{minor} or newer with pip is needed, and `{at}` is not that"
            )))
        }
    }
}

/// A command as a person would write it, its folder left out.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
