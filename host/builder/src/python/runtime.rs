//! The runtime of Python: the SDK, what sources can import of Python's modules, and CPython.

use std::fs;
use std::path::Path;

use super::{COMPONENTIZE, SCAN, componentize};
use crate::error::Error;
use crate::project::digest;
use crate::scaffold::{digest_of, unpack};
use crate::tools::{Tools, python};
use crate::world;

const WORLD: &str = "runtime";

/// What it is made of.
pub(crate) fn key() -> String {
    let files = digest_of(&["python/stepcell/", "python-runtime/"]);
    format!("componentize-py-{COMPONENTIZE}-{files}-{}", digest(SCAN))
}

/// Completes it in a folder.
pub(crate) fn build(tools: &Tools<'_>, work: &Path) -> Result<Vec<u8>, Error> {
    let python = python()?;
    let kit = tools.pypi_package("componentize-py", COMPONENTIZE)?;
    let sdk = work.join("app/stepcell");
    unpack("python/stepcell/", &sdk)?;
    unpack("python-runtime/", &sdk)?;
    let scan = sdk.join("_scan.py");
    fs::write(&scan, SCAN).map_err(Error::file("write", &scan))?;
    world::write_contract(&work.join("wit"))?;
    let wasm = work.join("runtime.wasm");
    let mut command = componentize(work, (&python, &kit), WORLD);
    let output = command.args(["stepcell._runtime", "-o"]).arg(&wasm).output();
    let output = output.map_err(Error::file("run", &python))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        let output = String::from_utf8_lossy(&said).trim().to_owned();
        return Err(Error::Command { command: "componentize-py".to_owned(), output });
    }
    fs::read(&wasm).map_err(Error::file("read", &wasm))
}
