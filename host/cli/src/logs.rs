//! `stepcell logs`: what the handlers of a run wrote.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::answers;
use crate::args::Logs;
use crate::client::{Ask, Client, part, query};
use crate::escape::escape_line;
use crate::exec::log_line;
use crate::screen::Screen;

/// How often a live run is looked at.
const AGAIN: Duration = Duration::from_millis(500);

/// Shows logs.
pub(crate) async fn run(client: &Client, args: Logs, screen: &Screen) -> anyhow::Result<()> {
    // Logs are listed by step, task and attempt: those of a live run may appear before what was listed.
    let mut shown = BTreeSet::new();
    loop {
        let ended = match args.follow {
            true => is_ended(client, &args.run).await?,
            false => true,
        };
        all(client, &args, &mut shown, screen).await?;
        if ended {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn is_ended(client: &Client, run: &str) -> anyhow::Result<bool> {
    let run: answers::Run =
        client.read(Ask::get(format!("/v1/runs/{}/wait?timeout=0ms", part(run)))).await?;
    Ok(run.is_ended())
}

type Shown = BTreeSet<(String, u32, u32)>;

async fn all(
    client: &Client,
    args: &Logs,
    shown: &mut Shown,
    screen: &Screen,
) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let query = query(&[
            ("step", args.step.clone()),
            ("after", after),
            ("limit", Some("500".to_owned())),
        ]);
        let page: answers::Logs =
            client.read(Ask::get(format!("/v1/runs/{}/logs{query}", part(&args.run)))).await?;
        for log in &page.logs {
            let answers::AttemptLog { step, index, attempt, lines } = log;
            if !shown.insert((step.clone(), *index, *attempt)) {
                continue;
            }
            for line in lines {
                if screen.is_json() {
                    screen.json(&serde_json::json!({ "step": step, "index": index, "attempt": attempt, "line": line }));
                } else {
                    screen.line(&format!(
                        "{}#{index}/{attempt} {}",
                        escape_line(step),
                        log_line(line)
                    ));
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}
