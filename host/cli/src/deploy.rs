//! `stepcell deploy`: builds and uploads what a manifest names, registers it, activates it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use builder::Install;
use model::manifest::{ComponentRef, Manifest, Problem, Problems};
use model::{Code, Language};
use serde_json::{Value, json};

use crate::answers::{Component, Registered};
use crate::args::Deploy;
use crate::build;
use crate::client::{Ask, Client, part};
use crate::escape::escape_line;
use crate::exit::Refused;
use crate::inspect;
use crate::local::{self, Text};
use crate::runtimes;
use crate::screen::Screen;
use crate::versions::show_differences;

/// Deploys a flow.
pub(crate) async fn run(client: &Client, args: Deploy, screen: &Screen) -> anyhow::Result<()> {
    let install = if args.no_install { Install::Never } else { Install::IfRoot };
    let deployment = Deployment { install, activate: !args.no_activate, runtimes: false };
    let text = deployment.deploy(client, &args.flow, screen).await?;
    tell(&text, screen).map(drop)
}

/// Shows what was registered, and how it differs from what was active before.
pub(crate) fn tell(text: &str, screen: &Screen) -> anyhow::Result<Registered> {
    let registered: Registered = serde_json::from_str(text)?;
    if screen.is_json() {
        screen.line(text);
        return Ok(registered);
    }
    screen.line(&said(&registered));
    if registered.previous_version.is_some_and(|previous| previous != registered.version) {
        show_differences(&registered.differences, screen);
    }
    Ok(registered)
}

/// One line about what was registered.
pub(crate) fn said(registered: &Registered) -> String {
    let Registered { flow, status, version, active_version, previous_version, .. } = registered;
    let active = match active_version {
        Some(active) if active == version => match previous_version {
            Some(previous) if previous != version => format!("active, was version {previous}"),
            Some(_) | None => "active".to_owned(),
        },
        Some(active) => format!("new runs still start on version {active}"),
        None => "no version is active yet".to_owned(),
    };
    format!("`{flow}` version {version}: {status}, {active}")
}

/// How to deploy.
#[derive(Clone, Copy)]
pub(crate) struct Deployment {
    /// Whether a missing toolchain may be installed.
    pub(crate) install: Install,
    /// Whether new runs shall start on the version.
    pub(crate) activate: bool,
    /// Whether this program's runtimes are installed on the host where it has others.
    pub(crate) runtimes: bool,
}

impl Deployment {
    /// Builds, uploads, registers and activates; the host's answer. In place of a manifest it takes handlers that carry their flow.
    pub(crate) async fn deploy(
        &self,
        client: &Client,
        flow: &Path,
        screen: &Screen,
    ) -> anyhow::Result<String> {
        if flow.is_dir() || is_handlers(&flow.to_string_lossy()) {
            return self.deploy_carried(client, flow, screen).await;
        }
        let text = std::fs::read_to_string(flow);
        let text = text.with_context(|| format!("cannot read `{}`", flow.display()))?;
        self.deploy_text(client, (flow, &text), screen).await
    }

    async fn deploy_carried(
        &self,
        client: &Client,
        handlers: &Path,
        screen: &Screen,
    ) -> anyhow::Result<String> {
        let name = handlers.to_string_lossy();
        let path = format!("{COMPONENTS}?activate={}", self.activate);
        let kept = self.put(client, (&name, handlers), &path, screen).await?;
        let carried = kept.registered.with_context(|| {
            format!(
                "`{name}` carries no flow, though it is there now as {}; deploy a `flow.toml` that names it, or have it say \
                 which flow it carries",
                kept.digest
            )
        })?;
        self.tell_grants(client, carried.get(), screen).await?;
        Ok(carried.get().to_owned())
    }

    /// Says what the steps of a flow are granted: nobody but their component has said so.
    async fn tell_grants(
        &self,
        client: &Client,
        registered: &str,
        screen: &Screen,
    ) -> anyhow::Result<()> {
        let Registered { flow, version, .. } = serde_json::from_str(registered)?;
        let path = format!("/v1/flows/{}/versions/{version}", part(&flow));
        let version: Value = client.read(Ask::get(path)).await?;
        for step in version["definition"]["steps"].as_array().into_iter().flatten() {
            if let Some(grants) = step.get("grants").filter(|grants| **grants != json!({})) {
                let name = step["name"].as_str().unwrap_or_default();
                let line = format!("note: the component grants its step `{name}`: {grants}");
                screen.note(&escape_line(&line));
            }
        }
        Ok(())
    }

    /// The same with the manifest's text, as if it were in a file of this name.
    pub(crate) async fn deploy_text(
        &self,
        client: &Client,
        (flow, text): (&Path, &str),
        screen: &Screen,
    ) -> anyhow::Result<String> {
        let manifest = Manifest::from_toml(text).map_err(|problems| refused(flow, &problems))?;
        let folder = flow.parent().unwrap_or(Path::new("."));
        let mut digests = BTreeMap::new();
        for component in manifest.components() {
            let digest = self.upload(client, folder, component, screen).await;
            let digest = digest.with_context(|| of_step(&manifest, component))?;
            digests.insert(component.as_str().to_owned(), digest);
        }
        let manifest = as_sent(text, folder, &digests)?;
        let query = if self.activate { "?activate=true" } else { "" };
        client.text(Ask::post(format!("/v1/flows{query}"), manifest.to_string())).await
    }

    /// Makes sure that the host has a component; its digest.
    async fn upload(
        &self,
        client: &Client,
        folder: &Path,
        component: &ComponentRef,
        screen: &Screen,
    ) -> anyhow::Result<String> {
        if let Some(digest) = component.digest() {
            return Ok(digest.to_string());
        }
        let name = component.as_str();
        let address = format!("{COMPONENTS}?register=false");
        Ok(self.put(client, (name, &folder.join(name)), &address, screen).await?.digest)
    }

    /// Uploads a file, or what a folder is built to.
    async fn put(
        &self,
        client: &Client,
        (name, path): (&str, &Path),
        address: &str,
        screen: &Screen,
    ) -> anyhow::Result<Component> {
        let kept = if let Some(language) = Language::of_file(name).filter(|_| !path.is_dir()) {
            self.put_source(client, &local::text(path, language)?, address, screen).await
        } else {
            let wasm = if is_handlers(name) && !path.is_dir() {
                inspect::read(path)?
            } else {
                let built = build::folder(path, self.install, screen).await?;
                screen.note(&build::said(&built));
                built.wasm
            };
            put(client, name, Ask::put_wasm(address, wasm), screen).await
        }?;
        let Component { digest, component_bytes, compile_ms, notes, .. } = &kept;
        tracing::info!(digest, component_bytes, compile_ms, "uploaded");
        notes.iter().for_each(|note| screen.note(&format!("note: {}", escape_line(note))));
        Ok(kept)
    }

    /// Uploads a source. Where that may be done, its language has the runtime of this program first.
    async fn put_source(
        &self,
        client: &Client,
        source: &Text,
        address: &str,
        screen: &Screen,
    ) -> anyhow::Result<Component> {
        let Text { name, language, text } = source;
        if self.runtimes {
            runtimes::ensure(client, *language, screen).await?;
        }
        let ask = Ask::put_bytes(address, language.media_types()[0], text.clone().into_bytes());
        put(client, name, ask, screen).await
    }
}

/// Whose component it is.
fn of_step(manifest: &Manifest, component: &ComponentRef) -> String {
    let step = manifest.steps.iter().find(|step| step.component.as_ref() == Some(component));
    step.map_or("the component".to_owned(), |step| format!("the component of step `{}`", step.name))
}

/// Where components are uploaded.
const COMPONENTS: &str = "/v1/components";

/// Whether a name is that of a component's or a source's file.
fn is_handlers(name: &str) -> bool {
    Language::of_file(name).is_some() || name.to_ascii_lowercase().ends_with(".wasm")
}

async fn put(client: &Client, name: &str, ask: Ask, screen: &Screen) -> anyhow::Result<Component> {
    let bar = build::spinner(screen, &format!("uploading {name}"));
    let kept = client.read(ask).await;
    bar.finish_and_clear();
    kept
}

/// What is wrong with a manifest, as the host would say it.
fn refused(flow: &Path, problems: &Problems) -> Refused {
    let code = problems.code().unwrap_or(Code::ManifestInvalidSyntax);
    let detail = match problems.problems.as_slice() {
        [one] => format!("`{}`, {one}", flow.display()),
        several => {
            format!("`{}` has {} problems", flow.display(), several.len() + problems.more)
        }
    };
    let reason = |problem: &Problem| {
        let Problem { code, pointer, line, detail, suggestion: _ } = problem;
        match line {
            Some(line) => {
                json!({ "code": code, "detail": detail, "pointer": pointer, "line": line })
            }
            None => json!({ "code": code, "detail": detail, "pointer": pointer }),
        }
    };
    Refused::here(code, detail, problems.problems.iter().map(reason).collect())
}

/// The manifest as the host takes it: components named by digest, schema files written inline.
fn as_sent(text: &str, folder: &Path, digests: &BTreeMap<String, String>) -> anyhow::Result<Value> {
    let mut manifest: Value = toml::from_str(text)?;
    if let Some(defaults) = manifest.get_mut("defaults") {
        settle(defaults, folder, digests)?;
    }
    for step in manifest.get_mut("step").and_then(Value::as_array_mut).into_iter().flatten() {
        settle(step, folder, digests)?;
    }
    settle(&mut manifest, folder, digests)?;
    Ok(manifest)
}

fn settle(
    table: &mut Value,
    folder: &Path,
    digests: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    if let Some(component) = table.get_mut("component") {
        let digest = component.as_str().and_then(|name| digests.get(name));
        if let Some(digest) = digest {
            *component = Value::String(digest.clone());
        }
    }
    for name in ["input_schema", "output_schema"] {
        if let Some(schema) = table.get_mut(name)
            && let Some(path) = schema.as_str()
        {
            let path = folder.join(path);
            let text = std::fs::read_to_string(&path);
            let text =
                text.with_context(|| format!("cannot read the schema `{}`", path.display()))?;
            let json = serde_json::from_str(&text);
            *schema =
                json.with_context(|| format!("the schema `{}` is not JSON", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_gets_digests_in_place_of_folders() {
        let text =
            "flow = 'f'\n[defaults]\ncomponent = 'a'\n[[step]]\nname = 's'\ncomponent = 'b'\n";
        let digests =
            [("a", "11"), ("b", "22")].map(|(name, digest)| (name.to_owned(), digest.to_owned()));
        let sent = as_sent(text, Path::new("."), &digests.into()).unwrap();
        assert_eq!(sent["defaults"]["component"], "11");
        assert_eq!(sent["step"][0]["component"], "22");
    }
}
