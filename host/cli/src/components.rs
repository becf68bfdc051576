//! `stepcell components`: what is there, and what is not needed any more.

use serde_json::json;

use crate::answers::{Component, Components};
use crate::args;
use crate::args::ComponentsCommand;
use crate::client::{Ask, Client};
use crate::escape::escape_line;
use crate::pages;
use crate::screen::{Screen, size};

/// Lists the components, or deletes one.
pub(crate) async fn run(
    client: &Client,
    args: args::Components,
    screen: &Screen,
) -> anyhow::Result<()> {
    match args.command {
        None => list(client, screen).await,
        Some(ComponentsCommand::Delete { digest }) => {
            client.text(Ask::delete(format!("/v1/components/{digest}"))).await?;
            match screen.is_json() {
                true => screen.json(&json!({ "digest": digest, "status": "deleted" })),
                false => screen.line("deleted"),
            }
            Ok(())
        }
        Some(ComponentsCommand::Quarantine { digest, reason }) => {
            let path = format!("/v1/components/{digest}/quarantine");
            changed(client, Ask::post(path, json!({ "reason": reason }).to_string()), screen).await
        }
        Some(ComponentsCommand::Release { digest }) => {
            let path = format!("/v1/components/{digest}/release");
            changed(client, Ask::post(path, String::new()), screen).await
        }
    }
}

/// Says whether the component is called now.
async fn changed(client: &Client, ask: Ask, screen: &Screen) -> anyhow::Result<()> {
    let text = client.text(ask).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let component: Component = serde_json::from_str(&text)?;
    match component.quarantine {
        Some(held) => screen.line(&format!("in quarantine: {}", escape_line(&held.reason))),
        None => screen.line("is called"),
    }
    Ok(())
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["digest", "world", "size", "created", "in quarantine"];
    pages::show(client, "/v1/components", &heading, screen, |page: Components| {
        let row = |Component { digest, world, component_bytes, created_at, quarantine, .. }| {
            let held = quarantine.map_or_else(String::new, |held| escape_line(&held.reason));
            vec![digest, world, size(component_bytes), created_at, held]
        };
        (page.components.into_iter().map(row).collect(), page.next)
    })
    .await
}
