//! `stepcell components`: what is there, and what is not needed any more.

use serde_json::json;

use crate::answers::{Component, Components};
use crate::args;
use crate::args::ComponentsCommand;
use crate::client::{Ask, Client, query};
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
    let mut rows = vec![["digest", "world", "size", "created"].map(str::to_owned).to_vec()];
    let mut cursor = None;
    loop {
        let query = query(&[("limit", Some("500".to_owned())), ("cursor", cursor)]);
        let text = client.text(Ask::get(format!("/v1/components{query}"))).await?;
        if screen.is_json() {
            screen.line(&text);
        }
        let page: Components = serde_json::from_str(&text)?;
        for Component { digest, world, component_bytes, created_at, .. } in page.components {
            rows.push(vec![digest, world, size(component_bytes), created_at]);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    if !screen.is_json() {
        screen.table(&rows);
    }
    Ok(())
}
