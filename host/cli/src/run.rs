//! `stepcell run` and `wait`: starts a run, shows how far it is, prints what it ended in.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::HeaderName;

use crate::answers;
use crate::args::{HowLong, Run, Wait};
use crate::client::{Ask, Client, part};
use crate::escape::escape_line;
use crate::exit::{NOT_ENDED, RUN_FAILED};
use crate::fields::Fields;
use crate::persistent::Persistent;
use crate::screen::Screen;

/// How long the host is asked to wait at a time.
const ONE_WAIT: Duration = Duration::from_secs(30);
/// The same while a person watches the progress.
const ONE_LOOK: Duration = Duration::from_millis(500);
/// Runs with fewer tasks show no bar.
const MANY_TASKS: u64 = 8;

/// Starts a run.
pub(crate) async fn run(client: &Client, args: Run, screen: &Screen) -> anyhow::Result<ExitCode> {
    let mut fields = Fields::default();
    fields.said(&args.said)?.once(&args.once).text("start_at", args.start_at.as_deref());
    let path = match (&args.closure, &args.flow) {
        (Some(closure), _) => format!("/v1/closures/{}/runs", part(closure)),
        (None, flow) => format!("/v1/flows/{}/runs", part(flow.as_deref().unwrap_or_default())),
    };
    let mut ask = Ask::post(path, fields.object());
    if let Some(key) = &args.idempotency_key {
        ask = ask.with(HeaderName::from_static("idempotency-key"), key);
    }
    let text = client.text(ask).await?;
    let started: answers::Run = serde_json::from_str(&text)?;
    let Some(most) = args.wait else {
        match screen.is_json() {
            true => screen.line(&text),
            false => screen.line(&started.run_id),
        }
        return Ok(ExitCode::SUCCESS);
    };
    screen.note(&format!("run {}", started.run_id));
    let deadline = match most {
        HowLong::Forever => None,
        HowLong::AtMost(most) => Instant::now().checked_add(most),
    };
    let host = Persistent::met(client, screen).until(deadline);
    until_ended(host, &started.run_id, deadline, screen).await
}

/// Waits for a run.
pub(crate) async fn wait(client: &Client, args: Wait, screen: &Screen) -> anyhow::Result<ExitCode> {
    let deadline = args.timeout.and_then(|most| Instant::now().checked_add(most));
    let host = Persistent::new(client, screen).until(deadline);
    until_ended(host, &args.run, deadline, screen).await
}

async fn until_ended(
    host: Persistent<'_>,
    run: &str,
    deadline: Option<Instant>,
    screen: &Screen,
) -> anyhow::Result<ExitCode> {
    let text = wait_for(host, run, deadline, screen).await?;
    Ok(show_end(&text, &serde_json::from_str(&text)?, screen))
}

/// Waits until a run ends or the time is up; the host's answer.
pub(crate) async fn wait_for(
    mut host: Persistent<'_>,
    run: &str,
    deadline: Option<Instant>,
    screen: &Screen,
) -> anyhow::Result<String> {
    let mut bar = None;
    loop {
        let left = deadline
            .map_or(ONE_WAIT, |deadline| deadline.saturating_duration_since(Instant::now()));
        let step = if screen.is_watched() { ONE_LOOK } else { ONE_WAIT };
        let wait = left.min(step);
        let path = format!("/v1/runs/{}/wait?timeout={}ms", part(run), wait.as_millis());
        let text = host.text(&Ask::get(path)).await?;
        let answer: answers::Run = serde_json::from_str(&text)?;
        if answer.is_ended() || left.is_zero() {
            bar.inspect(|bar: &ProgressBar| bar.finish_and_clear());
            return Ok(text);
        }
        if screen.is_watched() {
            progress(&mut host, run, &mut bar).await?;
        }
    }
}

/// Shows how many tasks are done, where there are many.
async fn progress(
    host: &mut Persistent<'_>,
    run: &str,
    bar: &mut Option<ProgressBar>,
) -> anyhow::Result<()> {
    let run: answers::Run = host.read(&Ask::get(format!("/v1/runs/{}", part(run)))).await?;
    let tasks = run.steps.iter().filter_map(|step| step.tasks.as_ref());
    let (done, total) =
        tasks.fold((0, 0), |(done, total), tasks| (done + tasks.completed, total + tasks.total));
    if total < MANY_TASKS {
        return Ok(());
    }
    let bar = bar.get_or_insert_with(|| {
        let bar = ProgressBar::new(total);
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} tasks  {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar
    });
    bar.set_length(total);
    bar.set_position(done);
    Ok(())
}

/// How the program ends after this run.
pub(crate) fn code_of(run: &answers::Run) -> ExitCode {
    match run.status.as_str() {
        "failed" | "cancelled" => ExitCode::from(RUN_FAILED),
        _ if !run.is_ended() => ExitCode::from(NOT_ENDED),
        _ => ExitCode::SUCCESS,
    }
}

/// Prints what a run ended in, or that it has not.
pub(crate) fn show_end(text: &str, run: &answers::Run, screen: &Screen) -> ExitCode {
    let code = code_of(run);
    if screen.is_json() {
        screen.line(text);
        return code;
    }
    if !run.is_ended() {
        screen.line(&format!("still {}", run.status));
        screen.note(&format!("more: stepcell wait {}", run.run_id));
    } else if let Some(output) = &run.output {
        screen.line(output.get());
    } else {
        screen.line(&run.status);
        if run.output_omitted {
            screen.note(&format!("its output {}", elsewhere(run)));
        }
    }
    if let Some(failure) = &run.failure {
        let step = run.failed_step.as_deref().unwrap_or("?");
        screen.complain(&format!("step `{step}` failed: {}", said(failure)));
        screen.note(&format!("more: stepcell show {}", run.run_id));
    }
    code
}

/// Where an output is that is too large to be shown with its run.
pub(crate) fn elsewhere(run: &answers::Run) -> String {
    format!("is large: `GET /v1/runs/{}/output` answers it", run.run_id)
}

/// A failure on one line.
pub(crate) fn said(failure: &answers::Failure) -> String {
    let details = failure
        .details
        .as_ref()
        .map_or(String::new(), |details| format!(" {}", escape_line(&details.to_string())));
    format!("{}: {}{details}", failure.kind, escape_line(&failure.message))
}
