//! The runtime of JavaScript: the SDK, a parser and the engine, for sources that have no build of their own.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::{BUNDLED, LOWERED, checked, componentize, install, kit, kit_name, node};
use crate::environment::{self, Choice};
use crate::error::Error;
use crate::scaffold::{digest_of, unpack};
use crate::tools::Tools;
use crate::world;

/// The parser, from npm.
const ACORN: &str = "8.15.0";
const WORLD: &str = "runtime";

/// What it is made of.
pub(crate) fn key() -> String {
    format!("{}-acorn-{ACORN}-{}", kit_name(), digest_of(&["js/", "js-runtime/"]))
}

/// Bundles and completes it in a folder.
pub(crate) fn build(tools: &Tools<'_>, work: &Path) -> Result<Vec<u8>, Error> {
    let node = node()?;
    let kit = kit(tools, &node)?;
    let acorn = tools.ensure(&format!("acorn-{ACORN}"), |part| {
        install(tools, part, &[format!("acorn@{ACORN}")])
    })?;
    unpack("js/", &work.join("js"))?;
    unpack("js-runtime/", &work.join("js-runtime"))?;
    world::write_contract(&work.join("wit"))?;
    let bundle = work.join("component");
    fs::create_dir_all(&bundle).map_err(Error::file("create", &bundle))?;
    let command = |folder: &Path| {
        let mut command = environment::command(&node, folder, &Choice::Folder);
        command.env_remove("NODE_OPTIONS").stdin(Stdio::null());
        command
    };
    let mut esbuild = command(work);
    esbuild.arg(kit.join("node_modules/esbuild/bin/esbuild")).args(BUNDLED).args(LOWERED);
    esbuild.args(["component=./js-runtime/entry.js", "--outdir=component", "--color=false"]);
    esbuild.env("NODE_PATH", acorn.join("node_modules"));
    checked(esbuild.output().map_err(Error::file("run", &node))?, "esbuild")?;
    let mut complete = command(&bundle);
    componentize(&mut complete, &kit, WORLD).arg("../runtime.wasm");
    checked(complete.output().map_err(Error::file("run", &node))?, "componentize-qjs")?;
    let wasm = work.join("runtime.wasm");
    fs::read(&wasm).map_err(Error::file("read", &wasm))
}
