//! `stepcell chain`: handlers one after another, as a flow of their own.

use std::path::Path;
use std::process::ExitCode;

use builder::Install;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answers::{self, Registered};
use crate::args::Chain;
use crate::client::{Ask, Client, part};
use crate::deploy::{self, Deployment};
use crate::escape::{escape, escape_line};
use crate::exec::read_json;
use crate::persistent::Persistent;
use crate::run::{show_end, wait_for};
use crate::screen::Screen;

/// Deploys the flow, runs it, and shows what it ended in: where a handler failed, what those before it answered.
pub(crate) async fn run(client: &Client, args: Chain, screen: &Screen) -> anyhow::Result<ExitCode> {
    let input = read_json(&args.input, "`--input`")?;
    let install = if args.no_install { Install::Never } else { Install::IfRoot };
    let deployment = Deployment { install, activate: true };
    let manifest = toml::to_string(&json!({
        "flow": args.flow,
        "chain": args.handlers,
        "defaults": { "component": args.component },
    }))?;
    let name = Path::new("the chain's manifest");
    let text = deployment.deploy_text(client, (name, &manifest), screen).await?;
    let registered: Registered = serde_json::from_str(&text)?;
    screen.note(&deploy::said(&registered));
    let path = format!("/v1/flows/{}/runs", part(&args.flow));
    let body = format!("{{\"input\":{input},\"version\":{}}}", registered.version);
    let started: answers::Run = client.read(Ask::post(path, body)).await?;
    screen.note(&format!("run {}", started.run_id));
    let text = wait_for(Persistent::met(client, screen), &started.run_id, None, screen).await?;
    let ended: answers::Run = serde_json::from_str(&text)?;
    let whole: answers::Run =
        client.read(Ask::get(format!("/v1/runs/{}", part(&started.run_id)))).await?;
    let done = whole.steps.iter().filter(|step| step.status == "completed");
    let mut completed = Vec::new();
    for step in done {
        let (run, step) = (part(&started.run_id), &step.name);
        let path = format!("/v1/runs/{run}/steps/{}/tasks/0/attempts", part(step));
        let attempts: answers::Attempts = client.read(Ask::get(path)).await?;
        let output = attempts.attempts.into_iter().rev().find_map(|attempt| attempt.output);
        completed.push((step.clone(), output));
    }
    if screen.is_json() {
        let mut answer: Value = serde_json::from_str(&text)?;
        answer["completed"] = completed
            .iter()
            .map(|(step, output)| json!({ "step": step, "output": output }))
            .collect();
        screen.line(&answer.to_string());
        return Ok(crate::run::code_of(&ended));
    }
    if ended.failure.is_some() || ended.status == "cancelled" {
        for (step, output) in &completed {
            let output = output.as_deref().map_or("null", RawValue::get);
            screen.note(&format!("`{}` answered {}", escape_line(step), escape(output)));
        }
    }
    Ok(show_end(&text, &ended, screen))
}
