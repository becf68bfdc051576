//! The hot swap: a new version becomes active while runs are in flight; none fails and none mixes the two.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use builder::Install;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Stage, WAIT};
use crate::answers::Run;
use crate::client::{Ask, Client};
use crate::deploy::Deployment;

/// Runs that are in flight when the version changes.
const IN_FLIGHT: u32 = 200;
/// Runs that are started while it changes and after.
const MEANWHILE: u32 = 100;

impl Stage<'_> {
    /// Swaps v1 for v2 under live runs and counts which version each ran on.
    pub(super) async fn hot_swap(&self, folder: &Path) -> anyhow::Result<()> {
        let v1 = self.deploy(&folder.join("v1/flow.toml")).await?;
        // Built and registered before, so that the swap itself is one statement.
        let only_register =
            Deployment { install: Install::IfRoot, activate: false, runtimes: false };
        let v2 = self.register(&folder.join("v2/flow.toml"), only_register).await?;
        let mut runs = JoinSet::new();
        for order in 0..IN_FLIGHT {
            runs.spawn(one(
                self.client.clone(),
                self.start("hot-swap", &json!({ "order": order }).to_string()).await?,
            ));
        }
        let client = self.client.clone();
        let starts = tokio::spawn(async move { start_more(&client).await });
        let began = Instant::now();
        let path = "/v1/flows/hot-swap/activate";
        let _: Value =
            self.client.read(Ask::post(path, json!({ "version": v2.version }).to_string())).await?;
        let swapped = began.elapsed();
        for run in starts.await?? {
            runs.spawn(one(self.client.clone(), run));
        }
        let mut on: BTreeMap<u32, u32> = BTreeMap::new();
        let mut failed = 0;
        while let Some(run) = runs.join_next().await {
            let run = run??;
            *on.entry(run.version).or_default() += 1;
            failed += u32::from(!is_whole(&run, v1.version, v2.version));
        }
        for (version, count) in &on {
            self.screen.line(&format!("  {count} runs started and finished on version {version}"));
        }
        self.screen.line(&format!(
            "  {failed} failed or mixed versions; activating took {:.1} ms with {IN_FLIGHT} runs in flight",
            swapped.as_secs_f64() * 1_000.0
        ));
        anyhow::ensure!(failed == 0, "{failed} runs failed or mixed versions");
        Ok(())
    }
}

async fn start_more(client: &Client) -> anyhow::Result<Vec<String>> {
    let mut started = Vec::new();
    for order in 0..MEANWHILE {
        let body = json!({ "input": { "order": IN_FLIGHT + order } }).to_string();
        let run: Run = client.read(Ask::post("/v1/flows/hot-swap/runs", body)).await?;
        started.push(run.run_id);
    }
    Ok(started)
}

async fn one(client: Client, run_id: String) -> anyhow::Result<Run> {
    let path = format!("/v1/runs/{run_id}/wait?timeout={}s", WAIT.as_secs());
    client.read(Ask::get(path)).await.with_context(|| format!("waiting for run `{run_id}`"))
}

/// True when the run completed and each of its steps ran on the version it was started on.
fn is_whole(run: &Run, v1: u32, v2: u32) -> bool {
    let expected = match run.version {
        version if version == v1 => "v1",
        version if version == v2 => "v2",
        _ => return false,
    };
    let output =
        run.output.as_ref().and_then(|output| serde_json::from_str::<Value>(output.get()).ok());
    let versions = output.map(|output| output["third"]["versions"].clone());
    versions == Some(json!([expected, expected, expected]))
}
