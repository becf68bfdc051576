//! `stepcell closure`: starts that are saved under a name.

use serde_json::json;

use crate::answers::{Closure, Closures};
use crate::args::{self, ClosureCommand, Named};
use crate::client::{Ask, Client, part};
use crate::escape::escape;
use crate::fields::Fields;
use crate::pages;
use crate::screen::Screen;

/// Lists, shows, saves or deletes closures.
pub(crate) async fn run(
    client: &Client,
    args: args::Closure,
    screen: &Screen,
) -> anyhow::Result<()> {
    match args.command {
        ClosureCommand::List => list(client, screen).await,
        ClosureCommand::Show(Named { name }) => {
            let text = client.text(Ask::get(path(&name))).await?;
            show(&text, screen)
        }
        ClosureCommand::Set(args) => {
            let mut fields = Fields::default();
            fields.base(&args.base).said(&args.said)?.once(&args.once);
            let text = client.text(Ask::put(path(&args.name), fields.object())).await?;
            show(&text, screen)
        }
        ClosureCommand::Delete(Named { name }) => {
            client.text(Ask::delete(path(&name))).await?;
            match screen.is_json() {
                true => screen.json(&json!({ "name": name, "status": "deleted" })),
                false => screen.line("deleted"),
            }
            Ok(())
        }
    }
}

fn path(name: &str) -> String {
    format!("/v1/closures/{}", part(name))
}

/// What something starts, in a word.
pub(crate) fn base(flow: Option<&String>, closure: Option<&String>) -> String {
    match (flow, closure) {
        (Some(flow), _) => flow.clone(),
        (None, closure) => format!("closure {}", closure.map_or("?", String::as_str)),
    }
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["closure", "starts", "changed"];
    pages::show(client, "/v1/closures", &heading, screen, |page: Closures| {
        let row = |of: Closure| {
            let base = base(of.flow.as_ref(), of.closure.as_ref());
            vec![of.name, base, of.updated_at]
        };
        (page.closures.into_iter().map(row).collect(), page.next)
    })
    .await
}

fn show(text: &str, screen: &Screen) -> anyhow::Result<()> {
    if screen.is_json() {
        screen.line(text);
        return Ok(());
    }
    let of: Closure = serde_json::from_str(text)?;
    screen.line(&format!("closure  {}", of.name));
    screen.line(&format!("starts   {}", base(of.flow.as_ref(), of.closure.as_ref())));
    if let Some(input) = &of.input {
        screen.line(&format!("input    {}", escape(input.get())));
    }
    screen.note(&format!("start it: stepcell run --closure {}", of.name));
    Ok(())
}
