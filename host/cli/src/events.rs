//! `stepcell events`: what happened to a run, and what is happening.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::HeaderName;

use crate::answers::{Event, Events, GoOn};
use crate::args;
use crate::client::{Ask, Client, part, query};
use crate::escape::escape_line;
use crate::persistent::Persistent;
use crate::run::said;
use crate::screen::Screen;

/// The wait before a broken stream is taken up again.
const AGAIN: Duration = Duration::from_secs(1);
/// Broken streams in a row after which nobody is there.
const MOST_BREAKS: u32 = 30;

/// Shows events.
pub(crate) async fn run(
    client: &Client,
    args: args::Events,
    screen: &Screen,
) -> anyhow::Result<()> {
    if args.follow {
        let mut host = Persistent::new(client, screen);
        return follow(&mut host, &args.run, args.since, |event| show(event, screen)).await;
    }
    let mut since = args.since;
    loop {
        let query = query(&[("since", since.clone()), ("limit", Some("500".to_owned()))]);
        let text =
            client.text(Ask::get(format!("/v1/runs/{}/events{query}", part(&args.run)))).await?;
        let page: Events = serde_json::from_str(&text)?;
        let raw: serde_json::Value = serde_json::from_str(&text)?;
        for (event, raw) in page.events.iter().zip(raw["events"].as_array().into_iter().flatten()) {
            show(&Told { raw: raw.to_string(), event }, screen);
        }
        if page.events.is_empty() {
            return Ok(());
        }
        since = page.next;
    }
}

/// An event, and the text it came as.
pub(crate) struct Told<'a> {
    raw: String,
    /// The event.
    pub(crate) event: &'a Event,
}

fn show(told: &Told<'_>, screen: &Screen) {
    match screen.is_json() {
        true => screen.line(&told.raw),
        false => screen.line(&line(told.event)),
    }
}

/// An event on one line.
pub(crate) fn line(event: &Event) -> String {
    let mut text = format!("{}  {:<15}", event.at, event.r#type);
    if let Some(step) = &event.step {
        let index = event.index.map_or(String::new(), |index| format!("#{index}"));
        text.push_str(&format!("  {}{index}", escape_line(step)));
    }
    if let Some(attempt) = event.attempt.filter(|attempt| *attempt > 1 || event.failure.is_some()) {
        text.push_str(&format!("  attempt {attempt}"));
    }
    if let Some(tasks) = event.tasks.filter(|tasks| *tasks != 1) {
        text.push_str(&format!("  {tasks} tasks"));
    }
    if let Some(failure) = &event.failure {
        text.push_str(&format!("  {}", said(failure)));
    }
    if let Some(wait) = event.retry_in_ms {
        text.push_str(&format!("; again in {wait} ms"));
    }
    if let Some(reason) = &event.reason {
        text.push_str(&format!("  {reason}"));
    }
    if let Some(went_on) = &event.went_on {
        text.push_str(&format!("  {}", line_of(went_on)));
    }
    text
}

fn line_of(went_on: &GoOn) -> String {
    let mut text = went_on.outcome.clone();
    if !went_on.signals.is_empty() {
        text.push_str(&format!(" {}", went_on.signals.join(" or ")));
    }
    text.extend(went_on.children.map(|count| format!(" {count} children")));
    text.extend(went_on.for_ms.map(|ms| format!(" for {}", model::duration::Ms(ms))));
    text.extend(went_on.phase.as_ref().map(|phase| format!(", then `{}`", escape_line(phase))));
    text
}

/// Tells every event until the run ends; a broken stream is taken up where it was, also by a host that starts anew.
pub(crate) async fn follow(
    host: &mut Persistent<'_>,
    run: &str,
    mut since: Option<String>,
    mut tell: impl FnMut(&Told<'_>),
) -> anyhow::Result<()> {
    let mut breaks = 0;
    loop {
        let mut ask = Ask::get(format!("/v1/runs/{}/events", part(run))).streamed();
        if let Some(since) = &since {
            ask = ask.with(HeaderName::from_static("last-event-id"), since);
        }
        let before = since.clone();
        let mut bytes = host.send(&ask).await?.bytes_stream();
        let mut buffer = Vec::new();
        while let Some(Ok(chunk)) = bytes.next().await {
            buffer.extend_from_slice(&chunk);
            while let Some(raw) = next_data(&mut buffer) {
                let event: Event = serde_json::from_str(&raw)?;
                tell(&Told { raw, event: &event });
                if matches!(event.r#type.as_str(), "run_completed" | "run_failed" | "run_cancelled")
                {
                    return Ok(());
                }
                since = Some(event.id);
            }
        }
        breaks = if since == before { breaks + 1 } else { 0 };
        anyhow::ensure!(breaks < MOST_BREAKS, "the stream of events keeps breaking off");
        tokio::time::sleep(AGAIN).await;
    }
}

/// The data of the next whole message of the stream.
fn next_data(buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
        let message: Vec<u8> = buffer.drain(..end + 2).collect();
        let message = String::from_utf8_lossy(&message);
        let data: Vec<&str> =
            message.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        if !data.is_empty() {
            return Some(data.join("\n").trim_start().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_whole_and_keep_alives_skipped() {
        let mut buffer = b":\n\nevent: x\nid: 1\ndata: {\"a\":1}\n\ndata: {".to_vec();
        assert_eq!(next_data(&mut buffer).as_deref(), Some("{\"a\":1}"));
        assert_eq!(next_data(&mut buffer), None);
        assert_eq!(buffer, b"data: {");
    }
}
