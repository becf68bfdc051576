//! `stepcell rerun`: runs a run again, or many.

use serde_json::{Value, json};

use crate::answers;
use crate::args::Rerun;
use crate::client::{Ask, Client, part};
use crate::screen::Screen;

/// Runs runs again.
pub(crate) async fn run(client: &Client, args: Rerun, screen: &Screen) -> anyhow::Result<()> {
    let version = args.version.parse::<u32>().map_or(json!(args.version), |number| json!(number));
    let mut body = json!({ "version": version });
    if let Some(from) = &args.from {
        body["from"] = json!(from);
    }
    if let Some(run) = &args.run {
        let path = format!("/v1/runs/{}/rerun", part(run));
        let text = client.text(Ask::post(path, body.to_string())).await?;
        let rerun: answers::Rerun = serde_json::from_str(&text)?;
        match screen.is_json() {
            true => screen.line(&text),
            false => screen.line(rerun.rerun_id.as_deref().unwrap_or_default()),
        }
        return Ok(());
    }
    let more = [
        ("flow", json!(args.flow)),
        ("status", json!(args.status)),
        ("limit", json!(args.limit)),
        ("dry_run", json!(args.dry_run)),
    ];
    for (name, value) in more {
        body[name] = value;
    }
    let text = client.text(Ask::post("/v1/reruns".to_owned(), Value::to_string(&body))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let answer: answers::Reruns = serde_json::from_str(&text)?;
    let heading = ["run", "new run", "version", "kept"].map(str::to_owned).to_vec();
    let row = |rerun: &answers::Rerun| {
        let new = match (&rerun.rerun_id, &rerun.problem) {
            (Some(new), _) => new.clone(),
            (None, Some(problem)) => format!("({})", problem.code),
            (None, None) => "(dry run)".to_owned(),
        };
        vec![rerun.run_id.clone(), new, rerun.version.to_string(), rerun.kept.join(", ")]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(answer.runs.iter().map(row)).collect();
    screen.table(&rows);
    Ok(())
}
