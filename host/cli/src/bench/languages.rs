//! `stepcell bench --languages`: what the same handlers cost in each language, as a table for README.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use builder::Install;
use builder::scaffold::{Template, create};
use model::manifest::Settings;
use model::{Language, TenantId};
use sandbox::{Executable, Sandbox, Source};
use serde_json::{Value, json};

use crate::args::Exec;
use crate::bench::{ms, percentiles};
use crate::data_dir::DataDir;
use crate::exit::Usage;
use crate::local::{self, Loaded, Text};
use crate::screen::{Screen, size};
use crate::{build, exec, host, inspect};

/// Where the same handlers are written in every language.
const HANDLERS: &str = "tests/guests/conformance";
/// The handler that is called, and with what.
const CALLED: (&str, &str) = ("echo", r#"{"order":1}"#);
/// Calls that are measured, after some that are not.
const CALLS: usize = 200;
const WARM_UP: usize = 20;
/// What is in the handlers of each language and is changed between two builds.
const EDITED: (&str, &str) = ("a trace line", "another trace line");

/// The handlers as a project of their own.
struct Project {
    name: &'static str,
    template: Template,
    folder: &'static str,
    /// The first of them is edited.
    files: &'static [&'static str],
    /// What the template has in their place.
    without: &'static [&'static str],
}

const PROJECTS: [Project; 5] = [
    Project {
        name: "Rust",
        template: Template::Rust,
        folder: "rust",
        files: &["src/lib.rs"],
        without: &[],
    },
    Project {
        name: "C",
        template: Template::C,
        folder: "c",
        files: &["handlers.c"],
        without: &["score.c"],
    },
    Project {
        name: "Go",
        template: Template::Go,
        folder: "go",
        files: &["main.go", "clock.go"],
        without: &["main_test.go"],
    },
    Project {
        name: "JavaScript",
        template: Template::JavaScript,
        folder: "js",
        files: &["handler.js"],
        without: &[],
    },
    Project {
        name: "Python",
        template: Template::Python,
        folder: "python",
        files: &["handler.py"],
        without: &[],
    },
];

/// The sources that need no build.
const SOURCES: [(&str, &str, Language, &str); 2] = [
    ("js-source", "JavaScript, as a source", Language::Javascript, "js/handler.js"),
    ("python-source", "Python, as a source", Language::Python, "python/handler.py"),
];

/// What one language costs.
#[derive(Default)]
struct Row {
    name: &'static str,
    bytes: usize,
    /// The first build, one after an edit, one after nothing; none for a source.
    builds: Option<[Duration; 3]>,
    /// Compiled on this host, or made ready by a runtime.
    ready: Duration,
    code_bytes: u64,
    call: Duration,
    fuel: u64,
    peak_bytes: u64,
    imports: Vec<String>,
}

/// Measures languages, all of them where none is named, in a folder that is gone afterwards. Tools are installed first, and are in no
/// figure.
pub(super) async fn measure(named: &str, screen: &Screen) -> anyhow::Result<()> {
    let named: Vec<&str> = named.split(',').filter(|name| !name.is_empty()).collect();
    let known = PROJECTS.iter().map(|project| project.folder);
    let known: Vec<&str> = known.chain(SOURCES.iter().map(|source| source.0)).collect();
    if let Some(unknown) = named.iter().find(|name| !known.contains(name)) {
        let text = format!("`{unknown}` is none of `{}`", known.join("`, `"));
        return Err(Usage(text).into());
    }
    let is_meant = |name: &str| named.is_empty() || named.contains(&name);
    let handlers = Path::new(HANDLERS);
    anyhow::ensure!(
        handlers.is_dir(),
        "there is no folder `{HANDLERS}`; run the bench from Stepcell's own folder"
    );
    let around = Around::new()?;
    let data = DataDir::open(&around.0.join("data"))?;
    let sandbox = host::sandbox(&data, 1)?;
    let mut rows = Vec::new();
    for project in PROJECTS.iter().filter(|project| is_meant(project.folder)) {
        screen.note(&format!("building and calling handlers in {}", project.name));
        rows.push(built(project, &around.0, (&sandbox, &data), screen).await?);
    }
    let mut runtimes = Vec::new();
    for (_, name, language, file) in SOURCES.into_iter().filter(|source| is_meant(source.0)) {
        screen.note(&format!("calling a source in {language}"));
        let text = local::text(&handlers.join(file), language)?;
        let (row, runtime) = source(name, text, (&sandbox, &data), screen).await?;
        rows.push(row);
        runtimes.push(runtime);
    }
    if screen.is_json() {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        let runtimes: Vec<Value> = runtimes.iter().map(Row::json).collect();
        screen.json(&json!({ "languages": rows, "runtimes": runtimes }));
        return Ok(());
    }
    screen.line(&table(&rows));
    for runtime in &runtimes {
        let (bytes, code) = (size(runtime.bytes as u64), size(runtime.code_bytes));
        screen.line(&format!(
            "\n{}: {bytes}, compiled once in {}, {code} of code",
            runtime.name,
            time(runtime.ready)
        ));
    }
    Ok(())
}

/// A project: built three times, compiled, called.
async fn built(
    project: &Project,
    around: &Path,
    host: (&Sandbox, &DataDir),
    screen: &Screen,
) -> anyhow::Result<Row> {
    let Project { name, template, folder, files, without } = project;
    // The tools, and what they keep for every project.
    let first = around.join(format!("{folder}-first"));
    lay_out(*template, &first, &[], &[])?;
    build::folder(&first, Install::IfRoot, screen).await?;
    let place = around.join(folder);
    let sources: Vec<(&str, PathBuf)> =
        files.iter().map(|file| (*file, Path::new(HANDLERS).join(folder).join(file))).collect();
    lay_out(*template, &place, &sources, without)?;
    let (cold, _) = timed(&place, screen).await?;
    let edited = place.join(files[0]);
    let text = fs::read_to_string(&edited)?;
    anyhow::ensure!(text.contains(EDITED.0), "`{}` has no `{}`", edited.display(), EDITED.0);
    fs::write(&edited, text.replace(EDITED.0, EDITED.1))?;
    let (warm, _) = timed(&place, screen).await?;
    let (nothing, wasm) = timed(&place, screen).await?;
    let found = inspect::inspect(host.0, &wasm)?;
    let row = Row {
        name,
        bytes: wasm.len(),
        builds: Some([cold, warm, nothing]),
        imports: found.report.imports.iter().map(|import| import.name.clone()).collect(),
        ..Row::default()
    };
    let component = found.component.to_vec();
    let bytes = || async { Some(component) };
    let (compiled, ready) = host.0.load_timed(TenantId::NOBODY, found.digest, bytes).await;
    let code_bytes = code_bytes(host.1, &found.digest.to_string())?;
    let loaded = Loaded { compiled: compiled?, settings: Settings::default() };
    Row { ready, code_bytes, ..row }.called(host.0, &loaded).await
}

/// A source, and the runtime it is bound to.
async fn source(
    name: &'static str,
    text: Text,
    host: (&Sandbox, &DataDir),
    screen: &Screen,
) -> anyhow::Result<(Row, Row)> {
    let wasm = build::runtime(text.language, screen).await?.wasm;
    let found = host.0.inspect_runtime(&wasm).map_err(|reasons| inspect::refused(&reasons))?;
    let component = found.component.to_vec();
    let bytes = || async { Some(component) };
    let (runtime, compiled) = host.0.load_timed(TenantId::NOBODY, found.digest, bytes).await;
    let (runtime, digest) = (runtime?, text.language.digest(found.digest, &text.text));
    let began = Instant::now();
    let prepared = host.0.prepare(&runtime, (TenantId::NOBODY, digest), &text.text).await.0;
    let ready = began.elapsed();
    let prepared = prepared.map_err(|why| anyhow::anyhow!("`{}`: {why:?}", text.name))?;
    let of_runtime = Row {
        name: match text.language {
            Language::Javascript => "the runtime of JavaScript",
            Language::Python => "the runtime of Python",
        },
        bytes: wasm.len(),
        ready: compiled,
        code_bytes: code_bytes(host.1, &found.digest.to_string())?,
        ..Row::default()
    };
    let imports = prepared.imports().into_iter().map(|import| import.name).collect();
    let (program, on_error, compensate) = (prepared.program.into(), false, false);
    let source = Source { runtime, program, on_error, compensate };
    let bound = async || Some(Executable::Source(source));
    let compiled = host.0.load(TenantId::NOBODY, digest, bound).await?;
    let loaded = Loaded { compiled, settings: Settings::default() };
    let row = Row { name, bytes: text.text.len(), ready, imports, ..Row::default() };
    Ok((row.called(host.0, &loaded).await?, of_runtime))
}

/// A new project with other handlers in it.
fn lay_out(
    template: Template,
    place: &Path,
    sources: &[(&str, PathBuf)],
    without: &[&str],
) -> anyhow::Result<()> {
    create(template, place)?;
    for file in without {
        fs::remove_file(place.join(file))?;
    }
    for (file, from) in sources {
        fs::copy(from, place.join(file))
            .with_context(|| format!("cannot copy `{}`", from.display()))?;
    }
    if template == Template::Rust {
        let manifest = place.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)?;
        fs::write(
            &manifest,
            text.replace("[dependencies]\n", "[dependencies]\nserde_json = \"1\"\n"),
        )?;
        // The versions that are at hand.
        fs::copy("Cargo.lock", place.join("Cargo.lock"))?;
    }
    Ok(())
}

async fn timed(folder: &Path, screen: &Screen) -> anyhow::Result<(Duration, Vec<u8>)> {
    let began = Instant::now();
    let built = build::folder(folder, Install::IfRoot, screen).await?;
    Ok((began.elapsed(), built.wasm))
}

/// Bytes of compiled code on disk.
fn code_bytes(data: &DataDir, digest: &str) -> anyhow::Result<u64> {
    let path = data.artifacts().join(TenantId::NOBODY.0.to_string()).join(format!("{digest}.code"));
    Ok(fs::metadata(&path).with_context(|| format!("there is no `{}`", path.display()))?.len())
}

impl Row {
    /// With what a call costs.
    async fn called(self, sandbox: &Sandbox, loaded: &Loaded) -> anyhow::Result<Self> {
        let (handler, input) = CALLED;
        let call = Exec { handler: handler.to_owned(), input: input.to_owned(), ..Exec::bare() };
        let (mut times, mut row) = (Vec::new(), self);
        for number in 0..WARM_UP + CALLS {
            let report = exec::call(sandbox, loaded, &call).await?;
            if let sandbox::Ended::Answered(answer) = &report.ended
                && answer == input
            {
                row.fuel = report.receipt.fuel;
                row.peak_bytes = report.receipt.peak_memory_bytes;
                if number >= WARM_UP {
                    times.push(Duration::from_micros(report.receipt.wall_us));
                }
                continue;
            }
            anyhow::bail!("a handler in {} answered otherwise: {:?}", row.name, report.ended);
        }
        row.call = percentiles(times).0;
        Ok(row)
    }

    fn json(&self) -> Value {
        let builds = self.builds.map(|builds| builds.map(ms));
        json!({
            "name": self.name,
            "bytes": self.bytes,
            "build_ms": builds.map(|[cold, warm, nothing]| json!({ "first": cold, "edited": warm, "unchanged": nothing })),
            "compile_ms": ms(self.ready),
            "code_bytes": self.code_bytes,
            "call_us": u64::try_from(self.call.as_micros()).unwrap_or(u64::MAX),
            "fuel": self.fuel,
            "peak_memory_bytes": self.peak_bytes,
            "imports": self.imports,
        })
    }

    fn cells(&self) -> [String; 8] {
        let builds = match self.builds {
            Some(builds) => builds.map(time).join(" / "),
            None => "none".to_owned(),
        };
        let code =
            if self.code_bytes == 0 { "the runtime's".to_owned() } else { size(self.code_bytes) };
        let wasi = self.imports.iter().filter(|import| import.starts_with("wasi:")).count();
        let own = self.imports.len() - wasi;
        let wasi = if wasi == 0 { String::new() } else { format!(", {wasi} of WASI") };
        [
            self.name.to_owned(),
            size(self.bytes as u64),
            builds,
            time(self.ready),
            code,
            format!("{} us, {:.2} M fuel", self.call.as_micros(), self.fuel as f64 / 1e6),
            size(self.peak_bytes),
            format!("{own}{wasi}"),
        ]
    }
}

const HEADING: [&str; 8] = [
    "language",
    "component",
    "build: first / after an edit / unchanged",
    "compiled in",
    "code",
    "instantiate + call",
    "peak memory",
    "imports",
];

/// The rows as Markdown.
fn table(rows: &[Row]) -> String {
    let heading = format!("| {} |\n|{}", HEADING.join(" | "), "---|".repeat(HEADING.len()));
    let line = |row: &Row| format!("| {} |", row.cells().join(" | "));
    std::iter::once(heading).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}

/// Seconds from a second on, else milliseconds.
fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds => format!("{:.0} ms", seconds * 1e3),
    }
}

/// A folder that is gone with this.
struct Around(PathBuf);

impl Around {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("stepcell-languages-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Around {
    fn drop(&mut self) {
        // What is left of it is of no use.
        drop(fs::remove_dir_all(&self.0));
    }
}
