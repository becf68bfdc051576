//! `stepcell key`: makes API keys.

use anyhow::Context;
use api::Key;
use serde_json::json;
use store::Scope;

use crate::args::{Key as Args, KeyCommand};
use crate::exit::Usage;
use crate::host;
use crate::screen::Screen;

/// Makes a key and prints it.
pub(crate) async fn run(args: Args, screen: &Screen) -> anyhow::Result<()> {
    let KeyCommand::Create { database_url, tenant, scopes } = args.command;
    let scopes = scopes.iter().map(|name| scope(name)).collect::<Result<Vec<_>, _>>()?;
    let store = host::connect(&database_url).await?;
    store.migrate().await?;
    let tenant_id = store.find_tenant(&tenant).await?;
    let tenant_id = tenant_id.with_context(|| format!("there is no tenant `{tenant}`"))?;
    let key = Key::generate();
    store.create_key(tenant_id, key.id(), &key.secret_sha256(), &scopes).await?;
    if screen.is_json() {
        screen.json(&json!({ "key": key.to_string(), "id": key.id(), "tenant": tenant }));
    } else {
        screen.line(&key.to_string());
        screen.note("this key is shown once; the database keeps only its hash");
    }
    Ok(())
}

fn scope(name: &str) -> Result<Scope, Usage> {
    let found = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
    found.ok_or_else(|| Usage(format!("`{name}` is not a scope; use read, run, deploy, admin")))
}
