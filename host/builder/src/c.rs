//! C and C++: every source of the folder through the pinned `zig cc`, which brings a libc and a linker along.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::progress::Note;
use crate::project::Project;
use crate::tools::Tools;
use crate::{walk, world};

/// The compiler, from PyPI.
const ZIG: &str = "0.17.1";
/// The project's own flags, one a line, as editors read them too.
const FLAGS: &str = "compile_flags.txt";
/// Small, without what the host does better, and with a stack that fits the sandbox.
const OWN_FLAGS: &[&str] = &[
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-Os",
    "-g0",
    "-Wall",
    "-Wextra",
    "-Wno-missing-field-initializers",
    "-UNDEBUG",
    "-fno-sanitize=all",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
    "-Wl,--strip-all",
    "-Wl,-z,stack-size=262144",
];
const HINT: &str =
    "one source file must `#define STEPCELL_IMPLEMENTATION` before it includes `stepcell.h`";
const NO_TABLE: &str =
    "no handlers are named; add `STEPCELL_HANDLERS({\"name\", function})` to a source file";

/// Compiles and completes.
pub(crate) fn build(project: &Project, tools: &Tools<'_>, work: &Path) -> Result<Vec<u8>, Error> {
    let zig = tools.pypi_package("ziglang", ZIG)?.join("ziglang/zig");
    let sources = find(&project.folder)?;
    let refuse = |output: String| Error::Compile { folder: project.folder.clone(), output };
    if sources.is_empty() {
        return Err(refuse("there is no .c, .cc or .cpp file".to_owned()));
    }
    let is_cpp = sources.iter().any(|source| source.extension().is_some_and(|is| is != "c"));
    let core = work.join("core.wasm");
    let mut command = Command::new(&zig);
    let caches = tools.cache.join("zig");
    command.current_dir(&project.folder).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", tools.cache).env("TMPDIR", work).env("SOURCE_DATE_EPOCH", "0");
    command.env("ZIG_GLOBAL_CACHE_DIR", caches.join("global"));
    command.env("ZIG_LOCAL_CACHE_DIR", caches.join("local"));
    command.arg(if is_cpp { "c++" } else { "cc" }).args(OWN_FLAGS);
    command.args(if is_cpp { ["-fno-exceptions"] } else { ["-std=gnu23"] });
    command.args(flags(&project.folder)?).args(&sources).arg("-o").arg(&core);
    tools.progress.say(Note::Toolchain(&format!("zig {ZIG}")));
    let output = command.stdin(Stdio::null()).output().map_err(Error::file("run", &zig))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(refuse(explained(&said)));
    }
    said.lines().for_each(|line| tools.progress.say(Note::Said(line)));
    let module = fs::read(&core).map_err(Error::file("read", &core))?;
    world::complete(&format!("`{}`", project.name()), module, HINT)
}

/// The sources of a folder and those below, but for those of the SDK.
fn find(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_source =
        |path: &Path| path.extension().is_some_and(|is| is == "c" || is == "cc" || is == "cpp");
    let files = walk::sources(folder)?.into_keys();
    let own = files.filter(|path| is_source(path) && !path.starts_with("stepcell"));
    // From a dot on: a name may begin with a dash.
    Ok(own.map(|path| Path::new(".").join(path)).collect())
}

fn flags(folder: &Path) -> Result<Vec<String>, Error> {
    let path = folder.join(FLAGS);
    let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// What the compiler said. A link error names an object in the cache, of which only its source is of use.
fn explained(said: &str) -> String {
    const UNDEFINED: &str = "undefined symbol: ";
    if said.contains("undefined symbol: stepcell_handlers") {
        return NO_TABLE.to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    for line in said.lines() {
        let line = match (line.strip_prefix("wasm-ld: error: "), line.split_once(UNDEFINED)) {
            (Some(rest), Some((_, symbol))) => {
                let object = rest.split_once(':').map_or(rest, |(object, _)| object);
                let source = Path::new(object).file_stem().unwrap_or_default().to_string_lossy();
                format!(
                    "{source}.c: error: nothing defines `{symbol}`, or it is not there in WebAssembly"
                )
            }
            (Some(_) | None, _) => line.to_owned(),
        };
        if !lines.contains(&line) || line.is_empty() {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_error_names_the_source_and_the_symbol_once() {
        let said = "wasm-ld: error: /c/zig/o/1a/score.o: undefined symbol: fork\n\
                    wasm-ld: error: /c/zig/o/1a/score.o: undefined symbol: fork\n";
        let told = "score.c: error: nothing defines `fork`, or it is not there in WebAssembly";
        assert_eq!(explained(said), told);
        assert_eq!(explained("x: undefined symbol: stepcell_handlers"), NO_TABLE);
    }
}
