//! `stepcell breakers`: the origins that calls failed to reach, and which are held back.

use crate::answers;
use crate::args::Breakers;
use crate::client::{Ask, Client, query};
use crate::escape::escape_line;
use crate::screen::Screen;

/// Lists breakers.
pub(crate) async fn list(client: &Client, args: Breakers, screen: &Screen) -> anyhow::Result<()> {
    let query = query(&[("limit", Some(args.limit.to_string())), ("cursor", args.cursor)]);
    let text = client.text(Ask::get(format!("/v1/breakers{query}"))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let page: answers::Breakers = serde_json::from_str(&text)?;
    let heading = ["origin", "state", "failures", "opened", "next call", "times opened", "refused"]
        .map(str::to_owned)
        .to_vec();
    let row = |breaker: &answers::Breaker| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        vec![
            escape_line(&breaker.origin),
            breaker.state.clone(),
            breaker.failures.to_string(),
            text(&breaker.opened_at),
            text(&breaker.retry_at),
            breaker.times_opened.to_string(),
            breaker.calls_refused.to_string(),
        ]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(page.breakers.iter().map(row)).collect();
    screen.table(&rows);
    if let Some(next) = page.next {
        screen.note(&format!("more: --cursor {next}"));
    }
    Ok(())
}
