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
    let mut last = Line::default();
    while let Some(chunk) = response.chunk().await.map_err(|error| client.unreachable(&error))? {
        match (&mut file, output) {
            (Some(file), Some(path)) => {
                file.write_all(&chunk).await.with_context(|| cannot(path))?;
            }
            (None, _) | (_, None) => screen.raw(&chunk),
        }
        last.read(&chunk);
    }
    if let (Some(mut file), Some(path)) = (file, output) {
        file.flush().await.with_context(|| cannot(path))?;
    }
    anyhow::ensure!(last.beginning == END, "the export broke off; export again");
    Ok(())
}

/// The line an export has come to, as far as it tells whether it is the last one.
#[derive(Default)]
struct Line {
    beginning: Vec<u8>,
    is_over: bool,
}

impl Line {
    fn read(&mut self, chunk: &[u8]) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.is_over {
                self.beginning.clear();
            }
            let room = END.len() - self.beginning.len();
            self.beginning.extend(part.iter().take(room));
            self.is_over = part.ends_with(b"\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_whole_when_its_last_line_says_so_however_it_arrives() {
        let whole = b"{\"kind\":\"run\",\"row\":{}}\n{\"kind\":\"end\",\"rows\":1}\n";
        for size in [1, 7, 1_000] {
            let mut last = Line::default();
            whole.chunks(size).for_each(|chunk| last.read(chunk));
            assert_eq!(last.beginning, END, "in chunks of {size}");
        }
        let mut cut = Line::default();
        cut.read(&whole[..30]);
        assert_ne!(cut.beginning, END);
    }
}
