//! The host that is attacked: this very program, in a process that may die.

use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use api::Key;
use store::{By, NewKey, Scope, Store};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::answers::Runs;
use crate::client::{Ask, Client};
use crate::host;

/// The tenant beside the attacker.
const NEIGHBOUR: &str = "neighbour";

/// A host in a process of its own.
pub(crate) struct Prey {
    /// Speaks to it for the tenant that attacks.
    pub(crate) attacker: Client,
    /// Speaks to it for another tenant.
    pub(crate) neighbour: Client,
    child: Child,
    pid: u32,
}

impl Prey {
    /// Starts it on a fresh database; it ends with this process.
    pub(crate) async fn start(
        database_url: &str,
        folder: &Path,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let store = host::connect(database_url).await?;
        store.migrate().await?;
        let keys = [host::DEFAULT_TENANT, NEIGHBOUR].map(|tenant| key(&store, tenant));
        let [attacker, neighbour] = keys;
        let (attacker, neighbour) = (attacker.await?, neighbour.await?);
        store.close().await;
        let mut child = Command::new(host::own_program()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--log", "error"])
            .args(more)
            .arg("--data-dir")
            .arg(folder)
            .env("STEPCELL_DATABASE_URL", database_url)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a host")?;
        let pid = child.id().context("the host ended at once")?;
        let stdout = child.stdout.take().context("the host's output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let url = said["url"].as_str().context("the host did not start; its log says why")?;
        let attacker = Client::to(url, &attacker)?;
        let neighbour = Client::to(url, &neighbour)?;
        Ok(Self { attacker, neighbour, child, pid })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it is still the process it was.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Runs of the attacker that have not ended; one that cannot be asked for counts as one.
    pub(crate) async fn left_running(&self) -> usize {
        let mut left = 0;
        for status in ["queued", "running"] {
            let page = self.attacker.read(Ask::get(format!("/v1/runs?status={status}"))).await;
            left += page.map_or(1, |page: Runs| page.runs.len());
        }
        left
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        // It may have died already.
        let _ = self.child.kill().await;
    }
}

async fn key(store: &Store, tenant: &str) -> anyhow::Result<Key> {
    let tenant = host::find_or_create(store, tenant).await?;
    let key = Key::generate();
    let sha256 = key.secret_sha256();
    let made = NewKey::new(key.id(), &sha256, &Scope::ALL);
    store.create_key(By::operator(tenant), &made).await?;
    Ok(key)
}
