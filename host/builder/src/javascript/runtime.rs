//! The runtime of JavaScript: the SDK, a parser and the engine, for sources that have no build of their own.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::{BUNDLED, LOWERED, checked, componentize, esbuild, install, kit, kit_name, node};
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
    let command = |program: &Path, folder: &Path| {
        let mut command = environment::command(program, folder, &Choice::Folder);
        command.env_remove("NODE_OPTIONS").stdin(Stdio::null());
        command
    };
    let esbuild = esbuild(&kit)?;
    let mut bundle_all = command(&esbuild, work);
    bundle_all.args(BUNDLED).args(LOWERED);
    bundle_all.args(["component=./js-runtime/entry.js", "--outdir=component", "--color=false"]);
    bundle_all.env("NODE_PATH", acorn.join("node_modules"));
    checked(bundle_all.output().map_err(Error::file("run", &esbuild))?, "esbuild")?;
    let mut complete = command(&node, &bundle);
    componentize(&mut complete, &kit, WORLD).arg("../runtime.wasm");
    checked(complete.output().map_err(Error::file("run", &node))?, "componentize-qjs")?;
    let wasm = work.join("runtime.wasm");
    fs::read(&wasm).map_err(Error::file("read", &wasm))
}
