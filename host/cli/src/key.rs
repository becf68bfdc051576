//! `stepcell key`: makes, lists and revokes API keys.

use anyhow::Context;
use serde_json::json;
use store::{By, NewKey, Scope};

use crate::answers::operator::{Key, Keys, MadeKey};
use crate::args::{self, CreateKey, Global, KeyCommand};
use crate::client::{Ask, Client, part};
use crate::escape::escape_line;
use crate::exit::Usage;
use crate::fields::Fields;
use crate::host;
use crate::pages;
use crate::screen::Screen;

/// Makes, lists or revokes keys.
pub(crate) async fn run(global: &Global, args: args::Key, screen: &Screen) -> anyhow::Result<()> {
    match args.command {
        KeyCommand::Create(args) => {
            let made = match &args.database_url {
                Some(url) => create_at(url, &args).await?,
                None => create(&Client::new(global)?, &args).await?,
            };
            show(&made, screen);
            Ok(())
        }
        KeyCommand::List { tenant } => list(&Client::new(global)?, &tenant, screen).await,
        KeyCommand::Revoke { id, tenant } => {
            let ask = Ask::delete(format!("{}/{}", path(&tenant), part(&id)));
            Client::new(global)?.text(ask).await?;
            match screen.is_json() {
                true => screen.json(&json!({ "id": id, "status": "revoked" })),
                false => screen.line("revoked"),
            }
            Ok(())
        }
    }
}

fn path(tenant: &str) -> String {
    format!("/v1/tenants/{}/keys", part(tenant))
}

fn show(made: &MadeKey, screen: &Screen) {
    let MadeKey { key, id, tenant } = made;
    if screen.is_json() {
        screen.json(&json!({ "key": key, "id": id, "tenant": tenant }));
    } else {
        screen.line(key);
        screen.note("this key is shown once; the database keeps only its hash");
    }
}

async fn create(client: &Client, args: &CreateKey) -> anyhow::Result<MadeKey> {
    let scopes = serde_json::to_string(&args.scopes)?;
    let time = args.expires_in.map(|time| format!("{}ms", time.as_millis()));
    let mut fields = Fields::default();
    fields
        .raw("scopes", Some(scopes))
        .text("label", args.label.as_deref())
        .text("expires_in", time.as_deref());
    client.read(Ask::post(path(&args.tenant), fields.object())).await
}

/// Makes a key without a host and without a key: whoever reaches Postgres may.
async fn create_at(database_url: &str, args: &CreateKey) -> anyhow::Result<MadeKey> {
    let scopes = args.scopes.iter().map(|name| scope(name)).collect::<Result<Vec<_>, _>>()?;
    let store = host::connect(database_url).await?;
    store.migrate().await?;
    let tenant = store.find_tenant(&args.tenant).await?;
    let tenant = tenant.with_context(|| format!("there is no tenant `{}`", args.tenant))?;
    let key = api::Key::generate();
    let secret_sha256 = key.secret_sha256();
    let row = NewKey {
        label: args.label.as_deref(),
        expires_in: args.expires_in,
        ..NewKey::new(key.id(), &secret_sha256, &scopes)
    };
    store.create_key(By::operator(tenant), &row).await?;
    Ok(MadeKey { key: key.to_string(), id: key.id().to_owned(), tenant: args.tenant.clone() })
}

fn scope(name: &str) -> Result<Scope, Usage> {
    Scope::parse(name)
        .ok_or_else(|| Usage(format!("`{name}` is not a scope; use read, run, deploy, admin")))
}

async fn list(client: &Client, tenant: &str, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["key", "label", "scopes", "made", "valid until", "revoked"];
    pages::show(client, &path(tenant), &heading, screen, |page: Keys| {
        let row = |of: Key| {
            vec![
                of.id,
                escape_line(&of.label.unwrap_or_default()),
                of.scopes.join(","),
                of.created_at,
                of.expires_at.unwrap_or_default(),
                of.revoked_at.unwrap_or_default(),
            ]
        };
        (page.keys.into_iter().map(row).collect(), page.next)
    })
    .await
}
