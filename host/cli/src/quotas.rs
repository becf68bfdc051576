//! `stepcell quota` and `stepcell usage`: what tenants may take, and what they took.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::args::{Quota, QuotaCommand, SetQuota, Usage};
use crate::client::{Ask, Client, part, query};
use crate::screen::Screen;

/// Shows a quota, or changes it.
pub(crate) async fn quota(client: &Client, args: Quota, screen: &Screen) -> anyhow::Result<()> {
    let text = match args.command {
        None | Some(QuotaCommand::Show { tenant: None }) => {
            client.text(Ask::get("/v1/quota".to_owned())).await?
        }
        Some(QuotaCommand::Show { tenant: Some(tenant) }) => {
            client.text(Ask::get(path(&tenant))).await?
        }
        Some(QuotaCommand::Set(set)) => change(client, &set).await?,
    };
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let answer: OwnQuota = serde_json::from_str(&text)?;
    let most = |most: &Value| if most.is_null() { "no limit".to_owned() } else { most.to_string() };
    let mut rows: Vec<_> =
        answer.quota.iter().map(|(field, value)| vec![field.clone(), most(value)]).collect();
    rows.push(vec!["(stored now)".to_owned(), answer.stored_bytes.to_string()]);
    screen.table(&rows);
    Ok(())
}

fn path(tenant: &str) -> String {
    format!("/v1/tenants/{}/quota", part(tenant))
}

async fn change(client: &Client, set: &SetQuota) -> anyhow::Result<String> {
    let now: OwnQuota = serde_json::from_str(&client.text(Ask::get(path(&set.tenant))).await?)?;
    let mut quota: Map<String, Value> = now.quota;
    for (field, most) in set.said() {
        quota.insert(field.to_owned(), most.map_or(Value::Null, Value::from));
    }
    client.text(Ask::put(path(&set.tenant), Value::Object(quota).to_string())).await
}

/// Shows what a tenant used.
pub(crate) async fn usage(client: &Client, args: Usage, screen: &Screen) -> anyhow::Result<()> {
    let query = query(&[("by", Some(args.by)), ("count", Some(args.count.to_string()))]);
    let path = match args.tenant {
        None => format!("/v1/usage{query}"),
        Some(tenant) => format!("/v1/tenants/{}/usage{query}", part(&tenant)),
    };
    let text = client.text(Ask::get(path)).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let list: UsageList = serde_json::from_str(&text)?;
    let heading = [
        "since",
        "attempts",
        "failed",
        "fuel",
        "wall ms",
        "calls",
        "in",
        "out",
        "logs",
        "compile ms",
    ]
    .map(str::to_owned)
    .to_vec();
    let row = |of: &UsageOf| {
        let numbers = [
            of.attempts,
            of.failed_attempts,
            of.fuel,
            of.wall_us / 1_000,
            of.host_calls,
            of.input_bytes,
            of.output_bytes,
            of.log_bytes,
            of.compile_ms,
        ];
        let numbers = numbers.map(|number| number.to_string());
        std::iter::once(of.since.clone()).chain(numbers).collect()
    };
    let rows: Vec<_> = std::iter::once(heading).chain(list.usage.iter().map(row)).collect();
    screen.table(&rows);
    Ok(())
}

/// A quota and what it is held against.
#[derive(Debug, Deserialize)]
struct OwnQuota {
    quota: Map<String, Value>,
    stored_bytes: u64,
}

/// What a tenant used, newest first.
#[derive(Debug, Deserialize)]
struct UsageList {
    usage: Vec<UsageOf>,
}

/// What a tenant used in an hour or a day.
#[derive(Debug, Deserialize)]
struct UsageOf {
    since: String,
    attempts: u64,
    failed_attempts: u64,
    fuel: u64,
    wall_us: u64,
    host_calls: u64,
    input_bytes: u64,
    output_bytes: u64,
    log_bytes: u64,
    compile_ms: u64,
}
