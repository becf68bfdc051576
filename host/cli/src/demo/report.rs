//! The dependency report: a map step over every package of a lock file.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};

use super::Stage;
use crate::escape::escape_line;
use crate::runs::show_receipts;

impl Stage<'_> {
    /// Reports on a lock file and shows the table and the receipts.
    pub(super) async fn report(&self, lock: &Path) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(lock);
        let text = text.with_context(|| {
            format!("cannot read `{}`; name another with `--lock`", lock.display())
        })?;
        let began = Instant::now();
        let run = self.run("dependency-report", &json!({ "lock": text }).to_string()).await?;
        let took = began.elapsed();
        let output = run.output.as_ref().context("the report has no output")?;
        let output: Value = serde_json::from_str(output.get())?;
        let table = output["summary"]["table"].as_array().context("the report has no table")?;
        let cell = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), escape_line);
        let row = |row: &Value| row.as_array().into_iter().flatten().map(cell).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = table.iter().map(row).collect();
        self.screen.line("");
        self.screen.table(&rows);
        let whole = self.whole(&run.run_id).await?;
        let attempts = whole.attempts;
        self.screen.line(&format!(
            "\n  {attempts} attempts, each in a fresh sandbox and recorded in Postgres, in {} ms; what they used:\n",
            took.as_millis()
        ));
        show_receipts(&whole, self.screen);
        Ok(())
    }
}
