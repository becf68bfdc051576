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
use crate::run::{code_of, show_end, wait_for};
use crate::screen::Screen;

/// Deploys the flow, runs it, and shows what it ended in: where a handler failed, what those before it answered.
pub(crate) async fn run(client: &Client, args: Chain, screen: &Screen) -> anyhow::Result<ExitCode> {
    let input = read_json(&args.input, "`--input`")?;
    let install = if args.no_install { Install::Never } else { Install::IfRoot };
    let deployment = Deployment { install, activate: true, runtimes: false };
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
    if screen.is_json() {
        let mut answer: Value = serde_json::from_str(&text)?;
        let completed = completed(client, &started.run_id).await?;
        answer["completed"] = completed
            .iter()
            .map(|(step, output)| json!({ "step": step, "output": output }))
            .collect();
        screen.line(&answer.to_string());
        return Ok(code_of(&ended));
    }
    if ended.failure.is_some() || ended.status == "cancelled" {
        for (step, output) in completed(client, &started.run_id).await? {
            let output = output.as_deref().map_or("null", RawValue::get);
            screen.note(&format!("`{}` answered {}", escape_line(&step), escape(output)));
        }
    }
    Ok(show_end(&text, &ended, screen))
}

/// What each handler that completed answered, in order.
async fn completed(
    client: &Client,
    run_id: &str,
) -> anyhow::Result<Vec<(String, Option<Box<RawValue>>)>> {
    let run: answers::Run = client.read(Ask::get(format!("/v1/runs/{}", part(run_id)))).await?;
    let mut completed = Vec::new();
    for step in run.steps.into_iter().filter(|step| step.status == "completed") {
        let path = format!("/v1/runs/{}/steps/{}/tasks/0/attempts", part(run_id), part(&step.name));
        let attempts: answers::Attempts = client.read(Ask::get(path)).await?;
        let output = attempts.attempts.into_iter().rev().find_map(|attempt| attempt.output);
        completed.push((step.name, output));
    }
    Ok(completed)
}
