//! `stepcell secret`: what the host puts into calls, and no handler, log or list ever shows.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::Context;
use model::secret::MAX_SECRET_BYTES;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{self, SecretCommand};
use crate::client::{Ask, Client, part};
use crate::exit::Usage;
use crate::inspect;
use crate::pages;
use crate::screen::Screen;

/// A secret that was set.
#[derive(Deserialize)]
struct SecretSet {
    name: String,
    version: u32,
}

/// A page of secrets.
#[derive(Deserialize)]
struct Secrets {
    secrets: Vec<Secret>,
    next: Option<String>,
}

/// A secret.
#[derive(Deserialize)]
struct Secret {
    name: String,
    version: u32,
    key_id: String,
    created_at: String,
    updated_at: String,
}

/// What encrypting secrets again came to.
#[derive(Deserialize)]
struct Rotated {
    key_id: String,
    resealed: u32,
    unreadable: u32,
    more: bool,
}

/// Sets, lists, deletes or encrypts again.
pub(crate) async fn run(
    client: &Client,
    args: args::Secret,
    screen: &Screen,
) -> anyhow::Result<()> {
    match args.command {
        SecretCommand::Set { name, file } => set(client, (&name, file.as_deref()), screen).await,
        SecretCommand::List => list(client, screen).await,
        SecretCommand::Delete { name } => {
            client.text(Ask::delete(path(&name))).await?;
            match screen.is_json() {
                true => screen.json(&json!({ "name": name, "status": "deleted" })),
                false => screen.line("deleted"),
            }
            Ok(())
        }
        SecretCommand::Rotate => rotate(client, screen).await,
    }
}

fn path(name: &str) -> String {
    format!("/v1/secrets/{}", part(name))
}

async fn set(
    client: &Client,
    (name, file): (&str, Option<&Path>),
    screen: &Screen,
) -> anyhow::Result<()> {
    let value = read(file, screen)?;
    let body = Zeroizing::new(json!({ "value": *value }).to_string());
    let text = client.text(Ask::put(path(name), body.as_str())).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let SecretSet { name, version } = serde_json::from_str(&text)?;
    screen.line(&format!("secret `{name}` is set, version {version}"));
    Ok(())
}

/// The value. No error quotes it.
fn read(file: Option<&Path>, screen: &Screen) -> anyhow::Result<Zeroizing<String>> {
    // Room for the line break that is taken away.
    let most = MAX_SECRET_BYTES + 2;
    let bytes = match file {
        Some(file) => File::open(file)
            .and_then(|file| inspect::at_most(most, file))
            .with_context(|| format!("cannot read `{}`", file.display()))?,
        None => {
            if io::stdin().is_terminal() {
                screen.note("type the value; ctrl-d on a new line ends it");
            }
            inspect::at_most(most, io::stdin().lock()).context("cannot read standard input")?
        }
    };
    let bytes = bytes.map(Zeroizing::new);
    let unusable = |why: &str| Usage(format!("the value is not usable: it has {why}"));
    let bytes = bytes.ok_or_else(|| unusable("more than 8 KiB"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable("bytes that are no text"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["secret", "version", "key", "set first", "set last"];
    pages::show(client, "/v1/secrets", &heading, screen, |page: Secrets| {
        let row = |Secret { name, version, key_id, created_at, updated_at }| {
            vec![name, version.to_string(), key_id, created_at, updated_at]
        };
        (page.secrets.into_iter().map(row).collect(), page.next)
    })
    .await
}

async fn rotate(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let mut all = 0;
    let last = loop {
        let ask = Ask::post("/v1/secret-keys/rotate", String::new());
        let rotated: Rotated = client.read(ask).await?;
        all += rotated.resealed;
        // What cannot be read stays, and is found again.
        if !rotated.more || rotated.resealed == 0 {
            break rotated;
        }
    };
    let Rotated { key_id, unreadable, .. } = last;
    if screen.is_json() {
        screen.json(&json!({ "key_id": key_id, "resealed": all, "unreadable": unreadable }));
        return Ok(());
    }
    screen.line(&format!(
        "{all} secrets were encrypted again; key {key_id} encrypts all that can be read"
    ));
    if unreadable > 0 {
        screen.note(&format!(
            "{unreadable} secrets cannot be read with the keys of this host; set them again"
        ));
    }
    Ok(())
}
