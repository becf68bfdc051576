//! `stepcell dead-letters`: the tasks that ended with a failure for good.

use crate::answers;
use crate::args::DeadLetters;
use crate::client::{Ask, Client, query};
use crate::escape::escape_line;
use crate::run::said;
use crate::screen::Screen;

/// Lists dead letters.
pub(crate) async fn list(
    client: &Client,
    args: DeadLetters,
    screen: &Screen,
) -> anyhow::Result<()> {
    let query = query(&[
        ("flow", args.flow),
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor),
    ]);
    let text = client.text(Ask::get(format!("/v1/dead-letters{query}"))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let page: answers::DeadLetters = serde_json::from_str(&text)?;
    let heading =
        ["run", "flow", "version", "task", "attempts", "failure"].map(str::to_owned).to_vec();
    let row = |letter: &answers::DeadLetter| {
        vec![
            letter.run_id.clone(),
            letter.flow.clone(),
            letter.version.to_string(),
            format!("{}#{}", escape_line(&letter.step), letter.index),
            letter.attempts.to_string(),
            said(&letter.failure),
        ]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(page.dead_letters.iter().map(row)).collect();
    screen.table(&rows);
    if let Some(next) = page.next {
        screen.note(&format!("more: --cursor {next}"));
    }
    if !page.dead_letters.is_empty() {
        screen.note("again: stepcell rerun <run> --from <step>");
    }
    Ok(())
}
