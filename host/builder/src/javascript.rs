//! JavaScript and TypeScript: one bundle of the handlers, their packages and what they use of the SDK, on QuickJS.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::environment::{self, Choice};
use crate::error::Error;
use crate::guest::Kept;
use crate::language::JAVASCRIPT;
use crate::progress::Note;
use crate::project::{Project, digest};
use crate::toolchain::on_path;
use crate::tools::Tools;
use crate::world::{self, World};

pub(crate) mod runtime;

/// The engine and what completes it, from npm.
const COMPONENTIZE: &str = "0.4.5";
/// The bundler, from npm.
const ESBUILD: &str = "0.28.2";
/// The oldest Node that runs them.
const NODE: u32 = 20;

const RUNTIME: &str = include_str!("javascript/runtime.cjs");
const PLACES: &str = include_str!("javascript/places.cjs");
const EXPLAIN: &str = include_str!("javascript/explain.cjs");

/// Promises are the SDK's own, whose jobs it runs itself: what the engine's syntax would do with its own is lowered.
const LOWERED: [&str; 5] = [
    "--target=es2022",
    "--supported:async-await=false",
    "--supported:async-generator=false",
    "--supported:for-await=false",
    "--supported:top-level-await=false",
];
const BUNDLED: [&str; 9] = [
    "--bundle",
    "--platform=neutral",
    "--main-fields=module,main",
    "--conditions=module",
    "--external:stepcell:*",
    "--define:process.env.NODE_ENV=\"production\"",
    "--define:global=globalThis",
    "--legal-comments=none",
    "--log-level=warning",
];

/// What stands for the time and chance in a first bundle of the handlers alone: where it is left, they ask for one of both.
const MARK: &str = "__stepcell_uses_system__";
/// The names they are asked for by.
const MARKED: [&str; 4] = ["Date", "Math.random", "crypto", "performance"];

/// What the bundler says of what it wrote.
#[derive(Deserialize)]
struct Meta {
    outputs: BTreeMap<String, Bundled>,
}

#[derive(Deserialize)]
struct Bundled {
    imports: Vec<Import>,
    exports: Vec<String>,
}

#[derive(Deserialize)]
struct Import {
    path: String,
}

/// A build of one project.
struct Build<'a> {
    project: &'a Project,
    tools: &'a Tools<'a>,
    work: &'a Path,
    node: PathBuf,
    /// Where the tools are.
    kit: PathBuf,
}

/// Bundles, tailors the world, completes.
///
/// A bundle is made each time, because only the bundler knows of what; a component only where the bundle is another one.
pub(crate) fn build(
    project: &Project,
    tools: &Tools<'_>,
    work: &Path,
    kept: &Kept,
) -> Result<(Vec<u8>, Option<String>), Error> {
    let node = node()?;
    let kit = kit(tools, &node)?;
    let build = Build { project, tools, work, node, kit };
    let packages = build.packages()?;
    let file = JAVASCRIPT.iter().find(|file| project.folder.join(file).is_file());
    let file = file.copied().unwrap_or(JAVASCRIPT[0]);
    let marks = MARKED.map(|name| format!("--define:{name}={MARK}"));
    let of_handlers = build.bundle((file, packages.as_deref()), ("handlers", file), &marks)?;
    let handlers = work.join("handlers/handlers.js");
    let text = fs::read_to_string(&handlers).map_err(Error::file("read", &handlers))?;
    let system = if text.contains(MARK) { "system" } else { "no-system" };
    let more = [
        "--sourcemap=external".to_owned(),
        format!("--alias:stepcell-system=./stepcell/runtime/{system}.js"),
    ];
    let entry = ("component", "stepcell/runtime/entry.js");
    let of_component = build.bundle((file, packages.as_deref()), entry, &more)?;
    let world = world_of(&of_component, &of_handlers);
    world.write(&work.join("wit"))?;
    build.script("places.cjs", PLACES, &[work.as_os_str(), project.folder.as_os_str()])?;
    let bundle = work.join("component/component.js");
    let text = fs::read(&bundle).map_err(Error::file("read", &bundle))?;
    let key = format!("{}; {world:?}; {}", kit_name(), digest(text));
    let wasm = match kept.under(&key) {
        Some(wasm) => wasm,
        None => build.complete()?,
    };
    Ok((wasm, Some(key)))
}

impl Build<'_> {
    /// The project's packages, kept by what it asks for; `None`: it asks for none, or has them already.
    fn packages(&self) -> Result<Option<PathBuf>, Error> {
        let folder = &self.project.folder;
        let (manifest, lock) = (folder.join("package.json"), folder.join("package-lock.json"));
        let Ok(text) = fs::read_to_string(&manifest) else { return Ok(None) };
        let refuse = |error: serde_json::Error| Error::Compile {
            folder: folder.clone(),
            output: format!("package.json:{}:{}: {error}", error.line(), error.column()),
        };
        let package: serde_json::Value = serde_json::from_str(&text).map_err(refuse)?;
        let wants_none = package["dependencies"].as_object().is_none_or(serde_json::Map::is_empty);
        if wants_none || folder.join("node_modules").is_dir() {
            return Ok(None);
        }
        let locked = fs::read_to_string(&lock).ok();
        let asked = format!("{text}\n{}", locked.as_deref().unwrap_or_default());
        let digest = digest(asked);
        let there = self.tools.ensure(&format!("npm-packages-{}", &digest[..16]), |part| {
            let files =
                [("package.json", Some(text.as_str())), ("package-lock.json", locked.as_deref())];
            for (name, text) in files {
                let path = part.join(name);
                let written = text.map_or(Ok(()), |text| fs::write(&path, text));
                written.map_err(Error::file("write", &path))?;
            }
            let mut npm = npm(self.tools)?;
            npm.arg(if locked.is_some() { "ci" } else { "install" })
                .args(["--omit=dev", "--prefix"]);
            self.tools.run(npm.arg(part))
        })?;
        Ok(Some(there.join("node_modules")))
    }

    /// Bundles an entry into a folder of its name.
    fn bundle(
        &self,
        (handlers, packages): (&str, Option<&Path>),
        (name, entry): (&str, &str),
        more: &[String],
    ) -> Result<Bundled, Error> {
        let folder = &self.project.folder;
        let esbuild = esbuild(&self.kit)?;
        let mut command = self.command(&esbuild);
        command.arg(format!("{name}=./{entry}")).args(BUNDLED).args(LOWERED);
        command.args(["--format=esm", "--charset=utf8"]).args(more);
        command.arg(format!("--alias:stepcell-handlers=./{handlers}")).arg("--color=false");
        // Empty: what another program's environment says is not meant for this one.
        command.env("NODE_PATH", packages.unwrap_or(Path::new("")));
        let (out, meta) = (self.work.join(name), self.work.join(format!("{name}.json")));
        command.arg(option("--outdir=", &out)).arg(option("--metafile=", &meta));
        let output = command.output().map_err(Error::file("run", &esbuild))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            return Err(Error::Compile { folder: folder.clone(), output: said });
        }
        said.lines().for_each(|line| self.tools.progress.say(Note::Said(line)));
        let text = fs::read(&meta).map_err(Error::file("read", &meta))?;
        let unreadable = |why: String| Error::Command {
            command: "esbuild".to_owned(),
            output: format!("what it says of its bundle cannot be read: {why}"),
        };
        let read: Meta =
            serde_json::from_slice(&text).map_err(|why| unreadable(why.to_string()))?;
        let is_script = |path: &str| path.ends_with(".js");
        let found = read.outputs.into_iter().find(|(path, _)| is_script(path));
        found.map(|(_, bundled)| bundled).ok_or_else(|| unreadable("it has no output".to_owned()))
    }

    /// The bundle is run once, and its state is kept in the component.
    fn complete(&self) -> Result<Vec<u8>, Error> {
        let (wasm, bundle) = (self.work.join("out.wasm"), self.work.join("component"));
        let mut command = self.command(&self.node);
        command.current_dir(&bundle);
        componentize(&mut command, &self.kit, world::NAME).arg(&wasm);
        let output = command.output().map_err(Error::file("run", &self.node))?;
        if output.status.success() {
            return fs::read(&wasm).map_err(Error::file("read", &wasm));
        }
        let log = self.work.join("componentize.log");
        let said = [output.stdout, output.stderr].concat();
        fs::write(&log, said).map_err(Error::file("write", &log))?;
        let arguments = [self.work.as_os_str(), self.project.folder.as_os_str()];
        let explained = self.script("explain.cjs", EXPLAIN, &arguments)?;
        let output = String::from_utf8_lossy(&explained.stderr).trim().to_owned();
        Err(Error::Compile { folder: self.project.folder.clone(), output })
    }

    /// Runs a script of this builder's.
    fn script(&self, name: &str, text: &str, arguments: &[&OsStr]) -> Result<Output, Error> {
        let path = self.work.join(name);
        fs::write(&path, text).map_err(Error::file("write", &path))?;
        let output = self.command(&self.node).arg(&path).args(arguments).output();
        checked(output.map_err(Error::file("run", &self.node))?, name)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = environment::command(program, &self.project.folder, &Choice::Folder);
        command.env_remove("NODE_OPTIONS").stdin(Stdio::null());
        command
    }
}

/// Completes `component.js` for a world of the contract in `../wit`, into what is added as the next argument.
fn componentize<'c>(command: &'c mut Command, kit: &Path, world: &str) -> &'c mut Command {
    command.arg(kit.join("node_modules/componentize-qjs/cli.mjs"));
    command.args(["--wit", "../wit", "-n", world, "--stub-wasi", "--runtime"]);
    command.arg(kit.join("runtime.wasm")).args(["--js", "component.js", "-o"])
}

/// What the component's bundle imports of the host, and which exports the handlers' module has besides handlers.
fn world_of(component: &Bundled, handlers: &Bundled) -> World {
    let imports = component.imports.iter().filter_map(|import| World::interface(&import.path));
    let exports = |name: &str| handlers.exports.iter().any(|export| export == name);
    World {
        imports: imports.map(str::to_owned).collect(),
        describe: true,
        on_error: exports("onError"),
        compensate: exports("compensate"),
    }
}

/// The tools and their versions.
fn kit_name() -> String {
    format!("componentize-qjs-{COMPONENTIZE}-esbuild-{ESBUILD}")
}

fn kit(tools: &Tools<'_>, node: &Path) -> Result<PathBuf, Error> {
    tools.ensure(&kit_name(), |part| {
        let packages = [format!("componentize-qjs@{COMPONENTIZE}"), format!("esbuild@{ESBUILD}")];
        install(tools, part, &packages)?;
        let script = part.join("runtime.cjs");
        fs::write(&script, RUNTIME).map_err(Error::file("write", &script))?;
        let output = Command::new(node).arg(&script).arg(part).output();
        checked(output.map_err(Error::file("run", node))?, "runtime.cjs").map(drop)
    })
}

/// Packages of npm in a folder of their own.
fn install(tools: &Tools<'_>, part: &Path, packages: &[String]) -> Result<(), Error> {
    let package = part.join("package.json");
    fs::write(&package, "{\"private\":true}\n").map_err(Error::file("write", &package))?;
    let mut npm = npm(tools)?;
    npm.args(["install", "--save-exact", "--prefix"]).arg(part).args(packages);
    tools.run(&mut npm)
}

/// The bundler's own program: the script beside it tells more of itself than of what is wrong.
fn esbuild(kit: &Path) -> Result<PathBuf, Error> {
    let packages = kit.join("node_modules/@esbuild");
    let found = fs::read_dir(&packages).map_err(Error::file("read", &packages))?.flatten().next();
    let found = found.map(|package| package.path().join("bin/esbuild"));
    found.ok_or_else(|| Error::Command {
        command: "npm install esbuild".to_owned(),
        output: "it has no program for this machine".to_owned(),
    })
}

/// npm, quiet, with its cache in ours. No package runs a script of its own.
fn npm(tools: &Tools<'_>) -> Result<Command, Error> {
    let npm = on_path("npm").ok_or_else(|| no_node("no `npm` is on PATH".to_owned()))?;
    let mut command = environment::command(&npm, tools.cache, &Choice::Folder);
    command.arg("--cache").arg(tools.cache.join("npm"));
    command.args(["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]);
    Ok(command)
}

fn node() -> Result<PathBuf, Error> {
    let node = on_path("node").ok_or_else(|| no_node("no `node` is on PATH".to_owned()))?;
    let output =
        Command::new(&node).arg("--version").output().map_err(Error::file("run", &node))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = said.trim_start_matches('v').split('.').next().unwrap_or_default();
    match major.parse::<u32>() {
        Ok(NODE..) => Ok(node),
        Ok(_) | Err(_) => Err(no_node(format!("`{}` is {said}", node.display()))),
    }
}

fn no_node(why: String) -> Error {
    Error::NoToolchain {
        missing: format!("JavaScript handlers are built with Node {NODE} or newer, and {why}"),
        command: "apt-get install -y nodejs npm".to_owned(),
    }
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(path);
    option
}

fn checked(output: Output, name: &str) -> Result<Output, Error> {
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Command { command: format!("node {name}"), output: said })
}
