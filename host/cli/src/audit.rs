//! `stepcell audit`: who changed what may run, or who may do what.

use std::process::ExitCode;

use crate::answers::operator::{AuditCheck, AuditEntries, AuditEntry};
use crate::args::{Audit, AuditCommand};
use crate::client::{Ask, Client, query};
use crate::escape::escape_line;
use crate::screen::Screen;

/// How the program ends when the log is broken.
const BROKEN: u8 = 3;

/// Lists entries, or walks the whole log.
pub(crate) async fn run(client: &Client, args: Audit, screen: &Screen) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(AuditCommand::Verify) => verify(client, screen).await,
        Some(AuditCommand::List) | None => list(client, args, screen).await,
    }
}

async fn list(client: &Client, args: Audit, screen: &Screen) -> anyhow::Result<ExitCode> {
    let limit = Some(args.limit.to_string());
    let query = query(&[("tenant", args.tenant), ("limit", limit), ("cursor", args.cursor)]);
    let text = client.text(Ask::get(format!("/v1/audit{query}"))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let page: AuditEntries = serde_json::from_str(&text)?;
    let heading = ["number", "at", "tenant", "actor", "action", "subject", "detail"];
    let row = |of: &AuditEntry| {
        vec![
            of.number.to_string(),
            of.at.clone(),
            escape_line(of.tenant.as_deref().unwrap_or("-")),
            escape_line(&of.actor),
            of.action.clone(),
            escape_line(&of.subject),
            escape_line(of.detail.get()),
        ]
    };
    let heading = heading.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(heading).chain(page.entries.iter().map(row)).collect();
    screen.table(&rows);
    if let Some(next) = page.next {
        screen.note(&format!("more: --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(client: &Client, screen: &Screen) -> anyhow::Result<ExitCode> {
    let text = client.text(Ask::get("/v1/audit/verify")).await?;
    let check: AuditCheck = serde_json::from_str(&text)?;
    if screen.is_json() {
        screen.line(&text);
    } else {
        screen.line(&format!("{} entries are as they were written", check.entries));
        screen.line(&format!("head  {}", check.head));
        if let (Some(at), Some(why)) = (check.broken_at, &check.why) {
            screen.line(&format!("broken at entry {at}: {why}"));
        }
    }
    Ok(if check.intact { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}
