//! Python: the project's modules and its pure packages, imported once, with CPython around them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::Error;
use crate::progress::Note;
use crate::project::{Project, digest};
use crate::tools::{Tools, python};
use crate::walk;
use crate::world::{self, World};

pub(crate) mod runtime;

/// What makes the component, from PyPI.
const COMPONENTIZE: &str = "0.25.1";
/// The Python inside of it.
const INSIDE: &str = "3.14";
/// Names the project's packages, one a line.
const REQUIREMENTS: &str = "requirements.txt";
const SCAN: &str = include_str!("../../../guest-sdk/python/scan.py");
const EXPLAIN: &str = include_str!("python/explain.py");

/// What a project uses, read from its modules.
#[derive(Deserialize)]
struct Scanned {
    imports: Vec<String>,
    exports: Vec<String>,
    warnings: Vec<String>,
    errors: Vec<String>,
}

/// What a component is kept under: its tools and every source.
pub(crate) fn key(project: &Project) -> Result<String, Error> {
    Ok(format!("componentize-py {COMPONENTIZE}; {}", project.sources()?))
}

/// Installs packages, tailors the world, completes.
pub(crate) fn build(project: &Project, tools: &Tools<'_>, work: &Path) -> Result<Vec<u8>, Error> {
    let python = python()?;
    let kit = tools.pypi_package("componentize-py", COMPONENTIZE)?;
    let packages = packages(project, tools, &python)?;
    let scanned = scan(project, &python, packages.as_deref(), work)?;
    scanned.warnings.iter().for_each(|line| tools.progress.say(Note::Said(line)));
    let has = |name: &str| scanned.exports.iter().any(|export| export == name);
    let world = World {
        imports: scanned.imports.iter().cloned().collect(),
        describe: true,
        on_error: has("on-error"),
        compensate: has("compensate"),
    };
    world.write(&work.join("wit"))?;
    let app = work.join("app");
    copy(&project.folder, &app)?;
    complete(project, work, (&python, &kit), packages.as_deref())
}

/// The project's packages, pure Python alone, kept by what it asks for.
fn packages(project: &Project, tools: &Tools<'_>, python: &Path) -> Result<Option<PathBuf>, Error> {
    let path = project.folder.join(REQUIREMENTS);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let wants = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !text.lines().any(wants) {
        return Ok(None);
    }
    // What another file or folder says is not in the digest below.
    let points = |line: &str| line.starts_with(['-', '.', '/']) || line.contains("file:");
    if let Some((at, line)) = text.lines().enumerate().find(|(_, line)| points(line.trim())) {
        let output = format!(
            "{REQUIREMENTS}:{}: `{}` points elsewhere; name the packages here, each with a version",
            at + 1,
            line.trim()
        );
        return Err(Error::Compile { folder: project.folder.clone(), output });
    }
    let digest = digest(format!("{INSIDE}\n{text}"));
    let there = tools.ensure(&format!("python-packages-{}", &digest[..16]), |part| {
        let mut pip = tools.pip(python);
        pip.args(["--no-compile", "--only-binary=:all:", "--platform", "any"]);
        pip.args(["--implementation", "py", "--abi", "none", "--python-version", INSIDE]);
        pip.arg("--target").arg(part).arg("-r").arg(&path);
        tools.run(&mut pip).map_err(|error| Error::Compile {
            folder: project.folder.clone(),
            output: format!(
                "what `{REQUIREMENTS}` asks for cannot be had as pure Python, and a component runs no compiled packages:\n{error}"
            ),
        })
    })?;
    Ok(Some(there))
}

fn scan(
    project: &Project,
    python: &Path,
    packages: Option<&Path>,
    work: &Path,
) -> Result<Scanned, Error> {
    let script = work.join("scan.py");
    fs::write(&script, SCAN).map_err(Error::file("write", &script))?;
    let mut command = isolated(python);
    let output = command.arg(&script).arg(&project.folder).args(packages).output();
    let output = output.map_err(Error::file("run", python))?;
    let unreadable = |error: serde_json::Error| Error::Command {
        command: "scan.py".to_owned(),
        output: format!("{error}\n{}", String::from_utf8_lossy(&output.stderr)),
    };
    let scanned: Scanned = serde_json::from_slice(&output.stdout).map_err(unreadable)?;
    match scanned.errors.is_empty() {
        true => Ok(scanned),
        false => {
            let output = scanned.errors.join("\n");
            Err(Error::Compile { folder: project.folder.clone(), output })
        }
    }
}

/// The project's own files. The tool follows no link out of a folder.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    for (below, path) in walk::sources(from)? {
        let there = to.join(below);
        if let Some(folder) = there.parent() {
            fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        fs::copy(&path, &there).map_err(Error::file("copy", &path))?;
    }
    Ok(())
}

/// The modules are imported once, and the interpreter's state is kept in the component.
fn complete(
    project: &Project,
    work: &Path,
    (python, kit): (&Path, &Path),
    packages: Option<&Path>,
) -> Result<Vec<u8>, Error> {
    let wasm = work.join("out.wasm");
    let mut command = componentize(work, (python, kit), world::NAME);
    packages.iter().for_each(|packages| {
        command.arg("-p").arg(packages);
    });
    let output = command.args(["stepcell._app", "-o"]).arg(&wasm).output();
    let output = output.map_err(Error::file("run", python))?;
    if output.status.success() {
        return fs::read(&wasm).map_err(Error::file("read", &wasm));
    }
    let (log, script) = (work.join("componentize.log"), work.join("explain.py"));
    fs::write(&log, [output.stdout, output.stderr].concat()).map_err(Error::file("write", &log))?;
    fs::write(&script, EXPLAIN).map_err(Error::file("write", &script))?;
    let explained = isolated(python).arg(&script).arg(&log).output();
    let explained = explained.map_err(Error::file("run", python))?;
    let said = [explained.stdout, explained.stderr].concat();
    let output = String::from_utf8_lossy(&said).trim().to_owned();
    Err(Error::Compile { folder: project.folder.clone(), output })
}

/// Completes the modules in `app` for a world of the contract in `wit`; more folders of modules and the first module follow.
fn componentize(work: &Path, (python, kit): (&Path, &Path), world: &str) -> Command {
    let mut command = Command::new(python);
    command.current_dir(work).stdin(Stdio::null()).env("PYTHONPATH", kit);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("RUST_BACKTRACE", "0");
    command.env_remove("PYTHONHOME").env_remove("VIRTUAL_ENV");
    command.arg(kit.join("bin/componentize-py")).args(["-q", "-d"]).arg(work.join("wit"));
    command.args(["-w", world, "componentize", "--stub-wasi", "-p"]).arg(work.join("app"));
    command
}

fn isolated(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-I").env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command
}
