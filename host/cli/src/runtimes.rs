//! `stepcell runtime`: the interpreters that sources are bound to.

use std::path::Path;

use model::{Digest, Language};
use serde::Deserialize;

use crate::args::{Runtime, RuntimeCommand};
use crate::client::{Ask, Client};
use crate::screen::{Screen, size};
use crate::{build, inspect};

/// What a host says of a runtime.
#[derive(Deserialize)]
struct Installed {
    digest: String,
    language: String,
    current: bool,
    installed_at: String,
    component_bytes: u64,
    compile_ms: u64,
}

#[derive(Deserialize)]
struct Listed {
    runtimes: Vec<Installed>,
}

/// Installs a runtime, or lists them.
pub(crate) async fn run(client: &Client, args: Runtime, screen: &Screen) -> anyhow::Result<()> {
    match args.command {
        None => list(client, screen).await,
        Some(RuntimeCommand::Install { language, from }) => {
            let text = install(client, language, from.as_deref(), screen).await?;
            if screen.is_json() {
                screen.line(&text);
                return Ok(());
            }
            let Installed { digest, component_bytes, compile_ms, .. } =
                serde_json::from_str(&text)?;
            screen.line(&format!(
                "sources of {language} are run by {digest}: {}, compiled in {compile_ms} ms",
                size(component_bytes)
            ));
            Ok(())
        }
    }
}

/// Builds the runtime of a language, or takes it from a file, and installs it; the host's answer.
async fn install(
    client: &Client,
    language: Language,
    from: Option<&Path>,
    screen: &Screen,
) -> anyhow::Result<String> {
    let wasm = match from {
        Some(path) => inspect::read(path)?,
        None => build::runtime(language, screen).await?.wasm,
    };
    put(client, language, wasm, screen).await
}

async fn put(
    client: &Client,
    language: Language,
    wasm: Vec<u8>,
    screen: &Screen,
) -> anyhow::Result<String> {
    let bar = build::spinner(screen, &format!("installing the runtime of {language}"));
    let answer = client.text(Ask::put_wasm(format!("/v1/runtimes/{language}"), wasm)).await;
    bar.finish_and_clear();
    answer
}

/// Installs this program's runtime of a language, unless it is what takes new sources already. Where it cannot be built, what is
/// there does.
pub(crate) async fn ensure(
    client: &Client,
    language: Language,
    screen: &Screen,
) -> anyhow::Result<()> {
    let Listed { runtimes } = client.read(Ask::get("/v1/runtimes")).await?;
    let is_current = |one: &&Installed| one.current && one.language == language.as_str();
    let current = runtimes.iter().find(is_current);
    let built = build::runtime(language, screen).await;
    let wasm = match (built, current) {
        (Ok(built), _) => built.wasm,
        (Err(error), Some(_)) if is_about_tools(&error) => return Ok(()),
        (Err(error), _) => return Err(error),
    };
    match current {
        Some(current) if current.digest == Digest::of(&wasm).to_string() => return Ok(()),
        Some(_) => screen.note(&format!("note: the runtime of {language} is renewed")),
        None => {}
    }
    put(client, language, wasm, screen).await.map(drop)
}

fn is_about_tools(error: &anyhow::Error) -> bool {
    error.downcast_ref::<builder::Error>().is_some_and(builder::Error::is_about_tools)
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let text = client.text(Ask::get("/v1/runtimes")).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let heading = ["language", "runtime", "size", "installed", "new sources"].map(str::to_owned);
    let row = |Installed { digest, language, current, installed_at, component_bytes, .. }| {
        let takes = if current { "yes" } else { "no" }.to_owned();
        vec![language, digest, size(component_bytes), installed_at, takes]
    };
    let listed: Listed = serde_json::from_str(&text)?;
    let rows: Vec<Vec<String>> =
        std::iter::once(heading.to_vec()).chain(listed.runtimes.into_iter().map(row)).collect();
    screen.table(&rows);
    Ok(())
}
