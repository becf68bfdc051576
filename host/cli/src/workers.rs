//! `stepcell workers`: who beats, and having one take nothing more.

use crate::answers::{Worker, Workers};
use crate::args;
use crate::args::WorkersCommand;
use crate::client::{Ask, Client};
use crate::escape::escape_line;
use crate::screen::Screen;

/// Lists the workers, or deprecates one.
pub(crate) async fn run(
    client: &Client,
    args: args::Workers,
    screen: &Screen,
) -> anyhow::Result<()> {
    let ask = match args.command {
        None => Ask::get("/v1/workers".to_owned()),
        Some(WorkersCommand::Deprecate { id }) => {
            Ask::post(format!("/v1/workers/{id}/deprecate"), String::new())
        }
    };
    let text = client.text(ask).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let list: Workers = serde_json::from_str(&text)?;
    let heading = ["worker", "host", "status", "slots", "started", "beat"].map(str::to_owned);
    let row = |worker: &Worker| {
        vec![
            worker.id.to_string(),
            escape_line(&worker.host),
            worker.status.clone(),
            worker.slots.to_string(),
            worker.started_at.clone(),
            format!("{} ms ago", worker.beat_ago_ms),
        ]
    };
    let rows: Vec<_> =
        std::iter::once(heading.to_vec()).chain(list.workers.iter().map(row)).collect();
    screen.table(&rows);
    Ok(())
}
