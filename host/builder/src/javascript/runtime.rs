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
/// What prepares a source is text in the bundle of what runs it: an attempt need not have it in memory.
const BUNDLES: [&[&str]; 2] = [
    &[
        "./js-runtime/prepare/prepare.js",
        "--format=cjs",
        "--charset=ascii",
        "--outfile=prepare.txt",
    ],
    &[
        "component=./js-runtime/entry.js",
        "--format=esm",
        "--charset=utf8",
        "--loader:.txt=text",
        "--alias:stepcell-prepare=./prepare.txt",
        "--outdir=component",
    ],
];

/// What it is made of.
pub(crate) fn key() -> String {
    let files = digest_of(&["js/", "js-runtime/"]);
    format!("{} acorn-{ACORN} {BUNDLES:?} {files}", kit_name())
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
    let esbuild = esbuild(&kit)?;
    let command = |program: &Path, folder: &Path| {
        let mut command = environment::command(program, folder, &Choice::Folder);
        command.env_remove("NODE_OPTIONS").stdin(Stdio::null());
        command
    };
    for options in BUNDLES {
        let mut bundle = command(&esbuild, work);
        bundle.args(BUNDLED).args(LOWERED).args(["--minify", "--color=false"]).args(options);
        bundle.env("NODE_PATH", acorn.join("node_modules"));
        checked(bundle.output().map_err(Error::file("run", &esbuild))?, "esbuild")?;
    }
    let mut complete = command(&node, &bundle);
    componentize(&mut complete, &kit, WORLD).arg("../runtime.wasm");
    checked(complete.output().map_err(Error::file("run", &node))?, "componentize-qjs")?;
    let wasm = work.join("runtime.wasm");
    fs::read(&wasm).map_err(Error::file("read", &wasm))
}
