//! `stepcell components`: what is there, and what is not needed any more.

use serde_json::json;

use crate::answers::{Component, Components};
use crate::args;
use crate::args::ComponentsCommand;
use crate::client::{Ask, Client};
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
    }
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["digest", "world", "size", "created"];
    pages::show(client, "/v1/components", &heading, screen, |page: Components| {
        let row = |Component { digest, world, component_bytes, created_at, .. }| {
            vec![digest, world, size(component_bytes), created_at]
        };
        (page.components.into_iter().map(row).collect(), page.next)
    })
    .await
}
