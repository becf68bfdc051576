//! What `dev` does after a deploy: runs the flow again with the same input, and shows what came of it otherwise.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::answers;
use crate::changes::changes;
use crate::client::{Ask, Client, part};
use crate::escape::{escape, escape_line};
use crate::exec::read_json;
use crate::persistent::Persistent;
use crate::run::{said, wait_for};
use crate::screen::Screen;

/// A flow that is run again and again.
pub(crate) struct Again {
    /// JSON, or `@file`, which is read anew each time.
    input: String,
    before: Option<Ended>,
}

/// How a run ended.
struct Ended {
    status: String,
    /// Its output; a run that has none ended in a failure.
    output: Option<Value>,
    fuel: BTreeMap<String, u64>,
}

impl Again {
    /// Runs with this input.
    pub(crate) fn new(input: String) -> Self {
        Self { input, before: None }
    }

    /// Runs the flow's active version.
    pub(crate) async fn run(
        &mut self,
        client: &Client,
        flow: &str,
        screen: &Screen,
    ) -> anyhow::Result<()> {
        let input = read_json(&self.input, "`--input`")?;
        let path = format!("/v1/flows/{}/runs", part(flow));
        let started: answers::Run =
            client.read(Ask::post(path, format!("{{\"input\":{input}}}"))).await?;
        let id = &started.run_id;
        screen.note(&format!("run {id}"));
        let ended = wait_for(Persistent::met(client, screen), id, None, screen).await?;
        if screen.is_json() {
            screen.line(&ended);
            return Ok(());
        }
        let run: answers::Run = client.read(Ask::get(format!("/v1/runs/{}", part(id)))).await?;
        self.show(&run, screen)
    }

    fn show(&mut self, run: &answers::Run, screen: &Screen) -> anyhow::Result<()> {
        let output = run.output.as_ref().map(|output| serde_json::from_str(output.get()));
        let fuel = run.steps.iter().map(|step| (step.name.clone(), step.receipt.fuel)).collect();
        let now = Ended { status: run.status.clone(), output: output.transpose()?, fuel };
        if let Some(failure) = &run.failure {
            let step = run.failed_step.as_deref().unwrap_or("?");
            screen.complain(&format!("{}: step `{step}`: {}", run.status, said(failure)));
        }
        match &self.before {
            Some(before) if before.status == now.status => now.differs(before, screen),
            before => {
                let was = before.as_ref().map(|before| format!(", was {}", before.status));
                let output = run.output.as_ref().map(|output| escape(output.get()));
                let output = output.map_or(String::new(), |output| format!(": {output}"));
                screen.line(&format!("{}{}{output}", run.status, was.unwrap_or_default()));
            }
        }
        self.before = Some(now);
        Ok(())
    }
}

impl Ended {
    /// Shows what is not as it was.
    fn differs(&self, before: &Self, screen: &Screen) {
        let compared = before.output.as_ref().zip(self.output.as_ref());
        let changed = compared.map(|(before, now)| changes(before, now));
        let how = match &changed {
            None => "",
            Some(changed) if changed.is_empty() => ", with the same output",
            Some(_) => ", otherwise",
        };
        screen.line(&format!("{} again{how}", self.status));
        changed.iter().flatten().for_each(|line| screen.line(&format!("  {}", escape_line(line))));
        for (step, fuel) in &self.fuel {
            let was = before.fuel.get(step).copied().unwrap_or_default();
            // What differs by less is a map that was walked in another order.
            if fuel.abs_diff(was) * 100 > was {
                screen.line(&format!("  `{step}`: {fuel} fuel, was {was}"));
            }
        }
    }
}
