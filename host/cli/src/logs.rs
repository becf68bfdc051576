//! `stepcell logs`: what the handlers of a run wrote.

use std::time::Duration;

use crate::answers;
use crate::args::Logs;
use crate::client::{Ask, Client, part, query};
use crate::escape::escape_line;
use crate::exec::log_line;
use crate::persistent::Persistent;
use crate::screen::Screen;

/// How often a live run is looked at.
const AGAIN: Duration = Duration::from_millis(500);

/// Shows logs: in the order of tasks, or as they are recorded until the run ends.
pub(crate) async fn run(client: &Client, args: Logs, screen: &Screen) -> anyhow::Result<()> {
    let mut after = None;
    let host = &mut Persistent::new(client, screen);
    if !args.follow {
        return show(host, &args, &mut after, screen).await;
    }
    loop {
        let ended = is_ended(host, &args.run).await?;
        show(host, &args, &mut after, screen).await?;
        if ended {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn is_ended(host: &mut Persistent<'_>, run: &str) -> anyhow::Result<bool> {
    let run: answers::Run =
        host.read(&Ask::get(format!("/v1/runs/{}/wait?timeout=0ms", part(run)))).await?;
    Ok(run.is_ended())
}

/// Shows every page after `after`, which is where to go on then.
async fn show(
    host: &mut Persistent<'_>,
    args: &Logs,
    after: &mut Option<String>,
    screen: &Screen,
) -> anyhow::Result<()> {
    loop {
        let query = query(&[
            ("step", args.step.clone()),
            ("order", args.follow.then(|| "recorded".to_owned())),
            ("after", after.clone()),
            ("limit", Some("500".to_owned())),
        ]);
        let page: answers::Logs =
            host.read(&Ask::get(format!("/v1/runs/{}/logs{query}", part(&args.run)))).await?;
        let is_last = page.logs.is_empty() || page.next.is_none();
        for log in page.logs {
            show_attempt(log, screen);
        }
        *after = page.next;
        if is_last {
            return Ok(());
        }
    }
}

fn show_attempt(log: answers::AttemptLog, screen: &Screen) {
    let answers::AttemptLog { step, index, attempt, lines } = log;
    for line in lines {
        if screen.is_json() {
            screen.json(&serde_json::json!({ "step": step, "index": index, "attempt": attempt, "line": line }));
        } else {
            screen.line(&format!("{}#{index}/{attempt} {}", escape_line(&step), log_line(&line)));
        }
    }
}
