//! Handlers in five languages in one flow, and handlers that are one file, as far as there are tools for them.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};

use super::Stage;
use crate::escape::escape_line;
use crate::runs::show_receipts;

impl Stage<'_> {
    /// The flow in five languages.
    pub(super) async fn polyglot(&self, folder: &Path) -> anyhow::Result<()> {
        if !self.try_deploy(&folder.join("flow.toml")).await? {
            return Ok(());
        }
        let path = folder.join("access.log");
        let log = std::fs::read_to_string(&path);
        let log = log.with_context(|| format!("cannot read `{}`", path.display()))?;
        let run = self.run("polyglot", &json!({ "log": log }).to_string()).await?;
        let output = run.output.as_ref().context("the report has no output")?;
        let output: Value = serde_json::from_str(output.get())?;
        let report = output["report"]["markdown"].as_str().context("the report has no text")?;
        report.lines().for_each(|line| self.screen.line(&format!("  {}", escape_line(line))));
        self.screen.line("");
        show_receipts(&self.whole(&run.run_id).await?, self.screen);
        Ok(())
    }

    /// A source in each language that has a runtime.
    pub(super) async fn sources(&self, folder: &Path) -> anyhow::Result<()> {
        let order = json!({
            "customer": "Ada",
            "items": [{ "name": "tea", "count": 12 }, { "name": "pot", "count": 1 }],
        });
        let text = json!("the cat and the hat and the bat");
        for (file, flow, input) in [("quote.js", "quote", order), ("flow.toml", "words", text)] {
            if !self.try_deploy(&folder.join(file)).await? {
                continue;
            }
            let run = self.run(flow, &input.to_string()).await?;
            let output = run.output.as_ref().map_or("null", |output| output.get());
            let output: Value = serde_json::from_str(output)?;
            let text = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            text.lines().for_each(|line| self.screen.line(&format!("  {}", escape_line(line))));
        }
        Ok(())
    }

    /// Deploys what needs tools that may not be there; false: they are not, which is said.
    async fn try_deploy(&self, flow: &Path) -> anyhow::Result<bool> {
        let error = match self.deploy(flow).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        match error.downcast_ref::<builder::Error>() {
            Some(missing) if missing.is_about_tools() => {
                let why = escape_line(&missing.to_string());
                self.screen.line(&format!("  skipped `{}`: {why}", flow.display()));
                Ok(false)
            }
            Some(_) | None => Err(error),
        }
    }
}
