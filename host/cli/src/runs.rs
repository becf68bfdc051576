//! `stepcell runs`, `show`, `cancel` and `signal`.

use crate::answers::{self, Receipt, Step};
use crate::args::{OneRun, Runs, Signal};
use crate::client::{Ask, Client, part, query};
use crate::escape::escape_line;
use crate::exec::read_json;
use crate::run::{elsewhere, said};
use crate::screen::{Screen, size};

/// Lists runs.
pub(crate) async fn list(client: &Client, args: Runs, screen: &Screen) -> anyhow::Result<()> {
    let query = query(&[
        ("flow", args.flow),
        ("status", args.status),
        ("version", args.version.map(|version| version.to_string())),
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor),
    ]);
    let text = client.text(Ask::get(format!("/v1/runs{query}"))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let page: answers::Runs = serde_json::from_str(&text)?;
    let heading = ["run", "flow", "version", "status", "started", "ended", "failure"]
        .map(str::to_owned)
        .to_vec();
    let row = |run: &answers::Run| {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let failure = run.failure.as_ref().map_or(String::new(), |failure| failure.kind.clone());
        let (created, ended) = (text(&run.created_at), text(&run.ended_at));
        let version = run.version.to_string();
        vec![
            run.run_id.clone(),
            run.flow.clone(),
            version,
            run.status.clone(),
            created,
            ended,
            failure,
        ]
    };
    let rows: Vec<_> = std::iter::once(heading).chain(page.runs.iter().map(row)).collect();
    screen.table(&rows);
    if let Some(next) = page.next {
        screen.note(&format!("more: --cursor {next}"));
    }
    Ok(())
}

/// Shows a run.
pub(crate) async fn show(client: &Client, args: OneRun, screen: &Screen) -> anyhow::Result<()> {
    let text = client.text(Ask::get(format!("/v1/runs/{}", part(&args.run)))).await?;
    if screen.is_json() {
        screen.line(&text);
        return Ok(());
    }
    let run: answers::Run = serde_json::from_str(&text)?;
    screen.line(&format!("run      {}", run.run_id));
    screen.line(&format!("flow     {} version {}", run.flow, run.version));
    screen.line(&format!("status   {}", run.status));
    screen.line(&format!("started  {}", run.created_at.as_deref().unwrap_or_default()));
    if let Some(ended) = &run.ended_at {
        screen.line(&format!("ended    {ended}"));
    }
    if let Some(failure) = &run.failure {
        let step = run.failed_step.as_deref().unwrap_or("?");
        screen.line(&format!("failure  step `{step}`: {}", said(failure)));
    }
    if let Some(output) = output(&run) {
        screen.line(&format!("output   {output}"));
    }
    if let Some(answers::Compensation { status, steps }) = &run.compensation {
        screen.line(&format!("undoing  {status}"));
        for step in steps {
            let answers::CompensatedStep { name, compensated, failed, failure } = step;
            let why =
                failure.as_ref().map_or(String::new(), |failure| format!("; {}", said(failure)));
            screen.line(&format!("         `{name}`: {compensated} undone, {failed} not{why}"));
        }
    }
    screen.line("");
    show_receipts(&run, screen);
    for step in &run.steps {
        if let Some(tasks) = &step.tasks {
            let blocked = match &step.quarantine {
                None => "are blocked: their component is not there; upload it again".to_owned(),
                Some(held) => format!(
                    "are blocked: their component is in quarantine ({}); `stepcell components release` has it called again",
                    escape_line(&held.reason)
                ),
            };
            let held_up = [
                (tasks.waiting_for_key, "wait for a place under their key"),
                (tasks.waiting_for_rate, "wait for their rate"),
                (tasks.blocked, blocked.as_str()),
            ];
            for (count, what) in held_up.iter().filter(|(count, _)| *count > 0) {
                screen.line(&format!("\n`{}`: {count} of {} tasks {what}", step.name, tasks.total));
            }
        }
        if let Some(failure) = &step.last_failure {
            let attempts = format!("{} of {} attempts failed", step.failed_attempts, step.attempts);
            screen.line(&format!("\n`{}`: {attempts}; the last: {}", step.name, said(failure)));
        }
    }
    Ok(())
}

/// How much of an output is shown before what the run's steps did, in bytes: a screenful.
const SHOWN_BYTES: usize = 2_000;

/// The output, or its beginning and where all of it is.
fn output(run: &answers::Run) -> Option<String> {
    if run.output_omitted {
        return Some(elsewhere(run));
    }
    let text = run.output.as_ref()?.get();
    if text.len() <= SHOWN_BYTES {
        return Some(text.to_owned());
    }
    let begins = &text[..text.floor_char_boundary(SHOWN_BYTES)];
    let (all, id) = (size(text.len() as u64), &run.run_id);
    Some(format!("{begins}…\n         {all}; `stepcell wait {id}` prints all of it"))
}

/// What each step did and used, as a table.
pub(crate) fn show_receipts(run: &answers::Run, screen: &Screen) {
    let heading = [
        "step",
        "status",
        "tasks",
        "attempts",
        "fuel",
        "wall ms",
        "peak memory",
        "bytes in",
        "bytes out",
        "host calls",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for step in &run.steps {
        let Step { name, status, reason, tasks, attempts, receipt, .. } = step;
        let status = match reason {
            Some(reason) => format!("{status}: {reason}"),
            None => status.clone(),
        };
        let tasks = tasks
            .as_ref()
            .map_or(String::new(), |tasks| format!("{}/{}", tasks.completed, tasks.total));
        rows.push(
            [vec![name.clone(), status, tasks, attempts.to_string()], used(receipt)].concat(),
        );
    }
    let all = vec!["all".to_owned(), run.status.clone(), String::new(), run.attempts.to_string()];
    rows.push([all, used(&run.receipt)].concat());
    screen.table(&rows);
}

fn used(receipt: &Receipt) -> Vec<String> {
    let Receipt { fuel, wall_us, peak_memory_bytes, input_bytes, output_bytes, host_calls } =
        *receipt;
    vec![
        fuel.to_string(),
        format!("{:.2}", wall_us as f64 / 1_000.0),
        size(peak_memory_bytes),
        input_bytes.to_string(),
        output_bytes.to_string(),
        host_calls.to_string(),
    ]
}

/// Stops a run.
pub(crate) async fn cancel(client: &Client, args: OneRun, screen: &Screen) -> anyhow::Result<()> {
    let text = client.text(Ask::post(format!("/v1/runs/{}/cancel", part(&args.run)), "")).await?;
    match screen.is_json() {
        true => screen.line(&text),
        false => screen.line("cancelled"),
    }
    Ok(())
}

/// Sends a signal to a run.
pub(crate) async fn signal(client: &Client, args: Signal, screen: &Screen) -> anyhow::Result<()> {
    let payload = read_json(&args.payload, "`--payload`")?;
    let quoted = |text: &str| serde_json::to_string(text).expect("a text is always JSON");
    let mut fields =
        vec![format!("\"name\":{}", quoted(&args.name)), format!("\"payload\":{payload}")];
    fields.extend(args.dedup_key.map(|key| format!("\"dedup_key\":{}", quoted(&key))));
    let path = format!("/v1/runs/{}/signals", part(&args.run));
    let text = client.text(Ask::post(path, format!("{{{}}}", fields.join(",")))).await?;
    let sent: answers::Sent = serde_json::from_str(&text)?;
    match (screen.is_json(), sent.duplicate) {
        (true, _) => screen.line(&text),
        (false, false) => screen.line(&format!("sent as signal {}", sent.id)),
        (false, true) => screen.line(&format!("sent before as signal {}", sent.id)),
    }
    Ok(())
}
