//! `stepcell schedule`: runs that start by themselves.

use serde_json::json;

use crate::answers::{self, Schedule, Schedules};
use crate::args::{self, Named, ScheduleCommand, SetSchedule};
use crate::client::{Ask, Client, part};
use crate::closures::base;
use crate::escape::{escape, escape_line};
use crate::fields::Fields;
use crate::pages;
use crate::screen::Screen;

/// Lists, shows, saves, deletes, pauses, resumes or triggers schedules.
pub(crate) async fn run(
    client: &Client,
    args: args::Schedule,
    screen: &Screen,
) -> anyhow::Result<()> {
    let ask = match args.command {
        ScheduleCommand::List => return list(client, screen).await,
        ScheduleCommand::Delete(Named { name }) => {
            client.text(Ask::delete(path(&name))).await?;
            match screen.is_json() {
                true => screen.json(&json!({ "name": name, "status": "deleted" })),
                false => screen.line("deleted"),
            }
            return Ok(());
        }
        ScheduleCommand::Trigger(Named { name }) => {
            let text = client.text(Ask::post(format!("{}/trigger", path(&name)), "")).await?;
            let started: answers::Run = serde_json::from_str(&text)?;
            screen.line(if screen.is_json() { &text } else { &started.run_id });
            return Ok(());
        }
        ScheduleCommand::Show(Named { name }) => Ask::get(path(&name)),
        ScheduleCommand::Pause(Named { name }) => Ask::post(format!("{}/pause", path(&name)), ""),
        ScheduleCommand::Resume(Named { name }) => Ask::post(format!("{}/resume", path(&name)), ""),
        ScheduleCommand::Set(args) => Ask::put(path(&args.name), body(&args)?),
    };
    show(&client.text(ask).await?, screen)
}

fn path(name: &str) -> String {
    format!("/v1/schedules/{}", part(name))
}

fn body(args: &SetSchedule) -> anyhow::Result<String> {
    let mut fields = Fields::default();
    fields
        .text("cron", Some(&args.cron))
        .text("timezone", args.timezone.as_deref())
        .text("overlap", Some(&args.overlap))
        .text("missed", Some(&args.missed))
        .base(&args.base)
        .said(&args.said)?;
    Ok(fields.object())
}

async fn list(client: &Client, screen: &Screen) -> anyhow::Result<()> {
    let heading = ["schedule", "starts", "cron", "zone", "next", "last", "outcome"];
    pages::show(client, "/v1/schedules", &heading, screen, |page: Schedules| {
        let row = |of: Schedule| {
            let base = base(of.flow.as_ref(), of.closure.as_ref());
            let next = of.next_at.unwrap_or_else(|| "paused".to_owned());
            let outcome = match of.last_problem {
                Some(problem) => problem.code,
                None => of.last_outcome.unwrap_or_default(),
            };
            let last = of.last_at.unwrap_or_default();
            vec![
                of.name,
                base,
                escape_line(&of.cron),
                escape_line(&of.timezone),
                next,
                last,
                outcome,
            ]
        };
        (page.schedules.into_iter().map(row).collect(), page.next)
    })
    .await
}

fn show(text: &str, screen: &Screen) -> anyhow::Result<()> {
    if screen.is_json() {
        screen.line(text);
        return Ok(());
    }
    let of: Schedule = serde_json::from_str(text)?;
    screen.line(&format!("schedule  {}", of.name));
    screen.line(&format!("starts    {}", base(of.flow.as_ref(), of.closure.as_ref())));
    screen.line(&format!("when      {} ({})", escape_line(&of.cron), escape_line(&of.timezone)));
    screen.line(&format!("next      {}", of.next_at.as_deref().unwrap_or("paused")));
    screen.line(&format!("overlap   {}, missed {}", of.overlap, of.missed));
    if let Some(input) = &of.input {
        screen.line(&format!("input     {}", escape(input.get())));
    }
    if let Some(at) = &of.last_at {
        screen.line(&format!("last      {at} {}", of.last_outcome.as_deref().unwrap_or_default()));
    }
    if let Some(run) = &of.last_run_id {
        screen.line(&format!("last run  {run}"));
    }
    if let Some(problem) = &of.last_problem {
        screen.line(&format!("problem   {}: {}", problem.code, escape_line(&problem.detail)));
    }
    Ok(())
}
