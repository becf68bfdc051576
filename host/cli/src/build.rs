//! `stepcell build`: a folder of handlers to a component.

use std::path::Path;

use anyhow::Context;
use builder::{Builder, Built, Install, Note, Progress, Runtime};
use indicatif::{ProgressBar, ProgressStyle};
use model::{Digest, Language};
use serde_json::json;

use crate::args::Build;
use crate::screen::{Screen, size};

/// Builds one folder.
pub(crate) async fn run(args: Build, screen: &Screen) -> anyhow::Result<()> {
    let install = if args.no_install { Install::Never } else { Install::IfRoot };
    let built = folder(&args.folder, install, screen).await?;
    let digest = Digest::of(&built.wasm);
    let place = match &args.output {
        Some(output) => {
            let written = std::fs::write(output, &built.wasm);
            written.with_context(|| format!("cannot write `{}`", output.display()))?;
            output.clone()
        }
        None => built.path.clone(),
    };
    if screen.is_json() {
        let (bytes, fresh) = (built.wasm.len(), built.fresh);
        screen.json(&json!({ "path": place, "digest": digest, "bytes": bytes, "fresh": fresh }));
    } else {
        screen.line(&format!("{}", place.display()));
        screen.note(&said(&built));
    }
    Ok(())
}

/// One line about what was built.
pub(crate) fn said(built: &Built) -> String {
    let how = if built.fresh { "nothing had changed" } else { "built" };
    let size = size(built.wasm.len() as u64);
    format!("`{}`: {how}, {size}, digest {}", built.package, Digest::of(&built.wasm).short())
}

/// The runtime of a language, built where it is not kept already.
pub(crate) async fn runtime(language: Language, screen: &Screen) -> anyhow::Result<Built> {
    let runtime = match language {
        Language::Javascript => Runtime::JavaScript,
        Language::Python => Runtime::Python,
    };
    let what = format!("building the runtime of {language}");
    told(&what, screen, move |progress| runtime.build(progress)).await
}

/// Builds a folder, saying what goes on.
pub(crate) async fn folder(
    folder: &Path,
    install: Install,
    screen: &Screen,
) -> anyhow::Result<Built> {
    let builder = Builder { install, ..Builder::default() };
    let (what, folder) = (format!("building {}", folder.display()), folder.to_owned());
    told(&what, screen, move |progress| builder.build(&folder, progress)).await
}

/// Builds something, saying what goes on.
async fn told(
    what: &str,
    screen: &Screen,
    build: impl FnOnce(Progress<'_>) -> Result<Built, builder::Error> + Send + 'static,
) -> anyhow::Result<Built> {
    let bar = spinner(screen, what);
    let (told, screen) = (bar.clone(), *screen);
    let work = move || {
        let line = |line: String| match screen.is_watched() {
            true => told.println(line),
            false => screen.note(&line),
        };
        let say = |note: Note<'_>| match note {
            Note::Running(command) => line(format!("running `{command}`")),
            Note::Waiting(why) => line(format!("waiting: {why}")),
            Note::Toolchain(_) => {}
            Note::Said(line) => {
                told.set_message(line.trim().to_owned());
                if !screen.is_watched() {
                    tracing::info!(line, "build");
                }
            }
        };
        build(Progress(&say))
    };
    let built = tokio::task::spawn_blocking(work).await?;
    bar.finish_and_clear();
    Ok(built?)
}

/// Something turns while something takes its time; a line where there is no terminal.
pub(crate) fn spinner(screen: &Screen, what: &str) -> ProgressBar {
    if !screen.is_watched() {
        screen.note(what);
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
