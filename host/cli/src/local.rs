//! Handlers without a host: a component, a source or a folder, made callable in a sandbox of this process.

use std::path::Path;
use std::sync::Arc;

use builder::Install;
use model::limits::MAX_SOURCE_BYTES;
use model::manifest::Settings;
use model::{Code, Description, Digest, Gate, Language, TenantId};
use sandbox::{
    Compiled, Executable, Inspection, LoadError, Prepared, Sandbox, Source, SourceProblem,
    Unprepared, read_source,
};
use serde_json::json;

use crate::exit::Refused;
use crate::screen::Screen;
use crate::{build, inspect};

/// Handlers that were read or built.
pub(crate) enum Handlers {
    /// A component, or a core module with component-type information.
    Wasm(Vec<u8>),
    /// A source, and what runs it.
    Source(Text, Vec<u8>),
}

/// A source as its author wrote it.
pub(crate) struct Text {
    /// As the command line named it.
    pub(crate) name: String,
    /// What it is written in.
    pub(crate) language: Language,
    /// The text.
    pub(crate) text: String,
}

/// A source that was made ready.
pub(crate) struct Ready {
    /// Its name as a component.
    pub(crate) digest: Digest,
    /// The runtime as it was inspected.
    pub(crate) runtime: Inspection,
    /// What the runtime made of it.
    pub(crate) prepared: Prepared,
    /// The runtime, ready to have the source bound to it.
    compiled: Arc<Compiled>,
}

/// A file, or a folder of handlers, which is built.
pub(crate) async fn read(
    path: &Path,
    install: Install,
    screen: &Screen,
) -> anyhow::Result<Handlers> {
    if path.is_dir() {
        return Ok(Handlers::Wasm(build::folder(path, install, screen).await?.wasm));
    }
    match Language::of_file(&path.to_string_lossy()) {
        Some(language) => {
            let text = text(path, language)?;
            let runtime = build::runtime(language, screen).await?;
            Ok(Handlers::Source(text, runtime.wasm))
        }
        None => inspect::read(path).map(Handlers::Wasm),
    }
}

/// The text of a source.
pub(crate) fn text(path: &Path, language: Language) -> anyhow::Result<Text> {
    let name = path.display().to_string();
    match read_source(inspect::read_upload(path, MAX_SOURCE_BYTES)?) {
        Ok(text) => Ok(Text { name, language, text }),
        Err(problem) => Err(refused(&name, &[problem]).into()),
    }
}

/// Handlers that can be called.
pub(crate) struct Loaded {
    /// What is called.
    pub(crate) compiled: Arc<Compiled>,
    /// What it says its attempts need.
    pub(crate) settings: Settings,
}

/// Makes handlers callable.
pub(crate) async fn load(sandbox: &Sandbox, handlers: &Handlers) -> anyhow::Result<Loaded> {
    match handlers {
        Handlers::Wasm(wasm) => {
            let compiled = component(sandbox, &inspect::inspect(sandbox, wasm)?).await?;
            // Whoever fails to describe itself asks for nothing.
            let said = sandbox.describe(&compiled).await.ok().flatten();
            let said = said.and_then(|said| Gate::default().check(said.as_bytes()).ok());
            let settings =
                said.map_or_else(Settings::default, |said| Description::read(&said).0.settings);
            Ok(Loaded { compiled, settings })
        }
        Handlers::Source(text, runtime) => {
            let Ready { digest, prepared, compiled: runtime, .. } =
                prepare(sandbox, text, runtime).await?;
            let settings = Description::read(&prepared.description).0.settings;
            let Prepared { program, on_error, compensate, .. } = prepared;
            let source = Source { runtime, program: program.into(), on_error, compensate };
            let bound = async || Some(Executable::Source(source));
            let compiled = sandbox.load(TenantId::NOBODY, digest, bound).await?;
            Ok(Loaded { compiled, settings })
        }
    }
}

/// Has a runtime make a source ready.
pub(crate) async fn prepare(
    sandbox: &Sandbox,
    text: &Text,
    runtime: &[u8],
) -> anyhow::Result<Ready> {
    let found = sandbox.inspect_runtime(runtime).map_err(|reasons| inspect::refused(&reasons))?;
    let compiled = component(sandbox, &found).await?;
    let digest = text.language.digest(found.digest, &text.text);
    let of = (TenantId::NOBODY, digest);
    let prepared = match sandbox.prepare(&compiled, of, &text.text).await.0 {
        Ok(prepared) => prepared,
        Err(Unprepared::Problems(problems)) => return Err(refused(&text.name, &problems).into()),
        Err(Unprepared::Host(why)) => {
            anyhow::bail!("`{}` could not be made ready: {why}", text.name)
        }
    };
    Ok(Ready { digest, runtime: found, prepared, compiled })
}

async fn component(sandbox: &Sandbox, found: &Inspection) -> anyhow::Result<Arc<Compiled>> {
    let bytes = found.component.to_vec();
    let loaded = sandbox.load(TenantId::NOBODY, found.digest, || async { Some(bytes) }).await;
    loaded.map_err(|error| match error {
        LoadError::Refused(reason) => inspect::refused(&[reason]).into(),
        other @ (LoadError::Absent(_) | LoadError::Host(_)) => other.into(),
    })
}

/// What is wrong with a source, as a host would say it.
fn refused(name: &str, problems: &[SourceProblem]) -> Refused {
    let detail = match problems {
        [one] => format!("`{name}`, {one}"),
        several => format!("`{name}` has {} problems", several.len()),
    };
    let code = Code::ComponentBadSource;
    let reason = |problem: &SourceProblem| {
        let SourceProblem { line, column, message } = problem;
        json!({ "code": code, "detail": message, "line": line, "column": column })
    };
    Refused::here(code, detail, problems.iter().map(reason).collect())
}
