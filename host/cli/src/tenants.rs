//! `stepcell tenant`: who owns things; for the operator.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::Context;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::answers::operator::{Tenant, Tenants};
use crate::args;
use crate::args::{OneTenant, TenantCommand};
use crate::client::{Ask, Client, part};
use crate::escape::escape_line;
use crate::exit::Usage;
use crate::fields::Fields;
use crate::pages;
use crate::screen::Screen;

/// What the last line of an export begins with.
const END: &[u8] = b"{\"kind\":\"end\"";

/// Makes, lists, shows, freezes, exports or deletes tenants.
pub(crate) async fn run(
    client: &Client,
    args: args::Tenant,
    screen: &Screen,
) -> anyhow::Result<()> {
    let ask = match args.command {
        TenantCommand::List => return list(client, screen).await,
        TenantCommand::Export { tenant, output, no_components } => {
            let query = if no_components { "?components=false" } else { "" };
            let ask = Ask::get(format!("{}/export{query}", path(&tenant)));
            return export(client, ask, output.as_deref(), screen).await;
        }
        TenantCommand::Delete(OneTenant { tenant }) => {
            client.text(Ask::delete(path(&tenant))).await?;
            match screen.is_json() {
                true => screen.json(&json!({ "name": tenant, "status": "deleted" })),
                false => screen.line("deleted; what it had is being cleared away"),
            }
            return Ok(());
        }
        TenantCommand::Create(OneTenant { tenant }) => {
            let mut fields = Fields::default();
            Ask::post("/v1/tenants", fields.text("name", Some(&tenant)).object())
        }
        TenantCommand::Show(OneTenant { tenant }) => Ask::get(path(&tenant)),
        TenantCommand::Freeze(OneTenant { tenant }) => {
            Ask::post(format!("{}/freeze", path(&tenant)), "")
        }
        TenantCommand::Unfreeze(OneTenant { tenant }) => {
            Ask::post(format!("{}/unfreeze", path(&tenant)), "")
        }
    };
    let text = client.text(ask).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let of: Tenant = serde_json::from_str(&text)?;
    screen.line(&format!("tenant  {}", escape_line(&of.name)));
    screen.line(&format!("status  {}", of.status));
    screen.line(&format!("made    {}", of.created_at));
    if let Some(at) = &of.frozen_at {
        screen.line(&format!("frozen  {at}"));
    }
    Ok(())
}

fn path(tenant: &str) -> String {
    format!("/v1/tenants/{}", part(tenant))
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["tenant", "status", "made", "frozen"];
    pages::show(client, "/v1/tenants", &heading, screen, |page: Tenants| {
        let row = |of: Tenant| {
            vec![escape_line(&of.name), of.status, of.created_at, of.frozen_at.unwrap_or_default()]
        };
        (page.tenants.into_iter().map(row).collect(), page.next)
    })
    .await
}

/// Writes an export as it arrives; one that breaks off is an error.
async fn export(
    client: &Client,
    ask: Ask,
    output: Option<&Path>,
    screen: &Screen,
) -> anyhow::Result<()> {
    if output.is_none() && std::io::stdout().is_terminal() {
        let text = "an export is not for a terminal; write it to a file with `--output`";
        return Err(Usage(text.to_owned()).into());
    }
    let cannot = |path: &Path| format!("cannot write `{}`", path.display());
    let mut response = client.send(ask).await?;
    let mut file = match output {
        Some(path) => Some(tokio::fs::File::create(path).await.with_context(|| cannot(path))?),
        None => None,
    };
    let mut last = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| client.unreachable(&error))? {
        match (&mut file, output) {
            (Some(file), Some(path)) => {
                file.write_all(&chunk).await.with_context(|| cannot(path))?;
            }
            (None, _) | (_, None) => screen.raw(&chunk),
        }
        last.extend_from_slice(&chunk);
        let line = last.iter().rev().skip(1).position(|byte| *byte == b'\n');
        let kept = line.map_or(last.len(), |at| at + 1);
        // Of a line that is not the last one its beginning says enough.
        last.drain(..last.len() - kept);
    }
    if let (Some(mut file), Some(path)) = (file, output) {
        file.flush().await.with_context(|| cannot(path))?;
    }
    anyhow::ensure!(last.starts_with(END), "the export broke off; export again");
    Ok(())
}
