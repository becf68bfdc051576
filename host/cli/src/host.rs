//! Wires the floors together: store, sandbox, worker, API, in one process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use api::Limits;
use model::TenantId;
use sandbox::{CompilerCommand, Sandbox};
use store::{Actor, By, NewKey, Scope, Store};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;
use worker::{QuarantineRule, Worker};

use crate::args::{COMPILE_CHILD, Compiling, LOG, LogFormat, Outward};
use crate::data_dir::DataDir;
use crate::exit::Usage;

/// The tenant that is there from the first migration.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// Sends logs to standard error.
pub(crate) fn trace(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new(LOG));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// Connects to the Postgres of a URL. The URL is never shown: it can hold a password.
pub(crate) async fn connect(database_url: &str) -> anyhow::Result<Store> {
    connect_with(&store::Settings::new(database_url)).await
}

async fn connect_with(settings: &store::Settings) -> anyhow::Result<Store> {
    const FORM: &str = "write `postgres://<user>@<host>:<port>/<database>`";
    let scheme = settings.url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !["postgres", "postgresql"].contains(&scheme) {
        return Err(Usage(format!("`--database-url` is not a Postgres URL; {FORM}")).into());
    }
    Store::connect(settings).await.map_err(|error| match error {
        store::Error::Unreadable { what: _, why } => {
            Usage(format!("`--database-url` is not a Postgres URL: {why}; {FORM}")).into()
        }
        store::Error::Unavailable(_)
        | store::Error::Refused(_)
        | store::Error::Stale
        | store::Error::Collision
        | store::Error::Migration(_)
        | store::Error::Statement { .. } => anyhow::Error::from(error),
    })
}

/// The tenant of this name, made where it is not there.
pub(crate) async fn find_or_create(store: &Store, name: &str) -> anyhow::Result<TenantId> {
    if let Some(tenant) = store.find_tenant(name).await? {
        return Ok(tenant);
    }
    let made = store.create_tenant(name, Actor::Operator).await?;
    made.with_context(|| format!("the tenant `{name}` is being cleared away"))
}

/// What a host is made of.
pub(crate) struct Plan<'a> {
    /// Postgres.
    pub(crate) database_url: &'a str,
    /// Where the API listens; `None`: it does not.
    pub(crate) listen: Option<SocketAddr>,
    /// Attempts at a time; `None`: the default. 0: no worker.
    pub(crate) slots: Option<u32>,
    /// Silence after which a worker counts as dead; `None`: the default.
    pub(crate) lease: Option<Duration>,
    /// How long ended runs are kept; `None`: for ever.
    pub(crate) retention: Option<Duration>,
    /// When components are not called any more; `None`: the default.
    pub(crate) quarantine: Option<QuarantineRule>,
    /// Where steps may call; `None`: nowhere.
    pub(crate) outward: Option<Outward>,
    /// What the API gives at a time.
    pub(crate) limits: Limits,
    /// What one compilation may take; `None`: the default.
    pub(crate) compiling: Option<Compiling>,
    /// Compiled components and their key.
    pub(crate) data: &'a DataDir,
}

/// A host in this process.
pub(crate) struct Host {
    /// Everything durable.
    pub(crate) store: Store,
    address: Option<SocketAddr>,
    api: Option<(oneshot::Sender<()>, JoinHandle<std::io::Result<()>>)>,
    worker: Option<Worker>,
    sweeping: JoinHandle<()>,
}

impl Host {
    /// Migrates, then starts what the plan asks for.
    pub(crate) async fn start(plan: Plan<'_>) -> anyhow::Result<Self> {
        let outward = plan.outward.as_ref();
        let keyring = outward.map(Outward::keyring).transpose()?.flatten();
        let forbidden = outward.map(|outward| outward.forbid.clone()).unwrap_or_default();
        let reaching = store::Settings { keyring, ..store::Settings::new(plan.database_url) };
        let store = connect_with(&reaching).await?;
        store.migrate().await?;
        let mut settings = worker::Settings::default();
        settings.slots = plan.slots.unwrap_or(settings.slots);
        settings.lease = plan.lease.unwrap_or(settings.lease);
        settings.retention = plan.retention;
        settings.quarantine = plan.quarantine.unwrap_or(settings.quarantine);
        if let Some(outward) = plan.outward {
            outward.apply(&mut settings);
        }
        let mut limits = sandbox_settings(plan.data, settings.slots)?;
        limits.forbidden = forbidden;
        if let Some(compiling) = plan.compiling {
            limits.compile_limits.cpu = compiling.compile_cpu;
            limits.compile_limits.memory_bytes = compiling.compile_memory;
        }
        let sandbox = Sandbox::new(limits)?;
        let api = match plan.listen {
            Some(listen) => {
                let state = api::State::new(store.clone(), sandbox.clone(), plan.limits);
                Some(start_api(listen, state).await?)
            }
            None => None,
        };
        let sweeping = tokio::spawn(worker::sweep_artifacts(store.clone(), sandbox.clone()));
        let worker = match settings.slots {
            0 => None,
            _ => Some(Worker::start(store.clone(), sandbox, settings).await?),
        };
        let address = api.as_ref().map(|(address, ..)| *address);
        let api = api.map(|(_, stop, task)| (stop, task));
        Ok(Self { store, address, api, worker, sweeping })
    }

    /// Where the API answers.
    pub(crate) fn url(&self) -> String {
        self.address.map_or(String::new(), |address| format!("http://{address}"))
    }

    /// Takes note of a key of the default tenant, unless it is known.
    pub(crate) async fn admit(&self, key: &api::Key) -> anyhow::Result<()> {
        if self.store.find_key(key.id()).await?.is_none() {
            let tenant = self.store.find_tenant(DEFAULT_TENANT).await?;
            let tenant = tenant.context("the database has no tenant `default`")?;
            let secret_sha256 = key.secret_sha256();
            let row = NewKey::new(key.id(), &secret_sha256, &Scope::ALL);
            self.store.create_key(By::operator(tenant), &row).await?;
        }
        Ok(())
    }

    /// Ends in order: no new requests, waits and streams end, attempts in flight finish and are recorded.
    pub(crate) async fn stop(self) {
        if let Some((stop, task)) = self.api {
            // The server may have ended by itself.
            let _ = stop.send(());
            if let Ok(Err(error)) = task.await {
                tracing::warn!(%error, "the API did not end well");
            }
        }
        if let Some(worker) = self.worker {
            worker.drain().await;
        }
        self.sweeping.abort();
        self.store.close().await;
    }
}

type Api = (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>);

async fn start_api(listen: SocketAddr, state: api::State) -> anyhow::Result<Api> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener
        .with_context(|| format!("cannot listen on `{listen}`; choose another with `--listen`"))?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(api::serve(listener, state, async {
        // The sender going away means the same.
        let _ = stopped.await;
    }));
    Ok((address, stop, task))
}

/// The sandbox over a data folder; compilation happens in children of this program.
pub(crate) fn sandbox(data: &DataDir, slots: u32) -> anyhow::Result<Sandbox> {
    Ok(Sandbox::new(sandbox_settings(data, slots)?)?)
}

fn sandbox_settings(data: &DataDir, slots: u32) -> anyhow::Result<sandbox::Settings> {
    let program = own_program()?;
    let compiler = CompilerCommand { program, args: vec![COMPILE_CHILD.into()] };
    let mut settings = sandbox::Settings::new(data.artifacts(), data.artifact_key()?, compiler);
    settings.slots = slots.max(1);
    Ok(settings)
}

/// This very program, also where its file was replaced or deleted since it began.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().context("cannot find this program's own file")
}

/// A private Postgres in this folder.
pub(crate) async fn postgres(folder: &Path) -> anyhow::Result<devdb::Cluster> {
    let options = devdb::Options::durable(folder);
    Ok(tokio::task::spawn_blocking(|| devdb::Cluster::start(options)).await??)
}

/// Leaves the private Postgres; it stops with its last user.
pub(crate) async fn stop_postgres(cluster: devdb::Cluster) -> anyhow::Result<()> {
    Ok(tokio::task::spawn_blocking(|| cluster.stop()).await??)
}

#[cfg(test)]
mod tests {
    use tracing::{Level, enabled, subscriber};

    use super::*;

    #[test]
    fn by_default_warnings_are_logged_and_whole_statements_are_not() {
        let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(LOG)).finish();
        subscriber::with_default(logs, || {
            assert!(enabled!(target: "worker", Level::WARN));
            assert!(!enabled!(target: "worker", Level::INFO));
            assert!(!enabled!(target: "sqlx::query", Level::WARN));
            assert!(enabled!(target: "sqlx::query", Level::ERROR));
            assert!(!enabled!(target: "rustls_platform_verifier::verification", Level::ERROR));
        });
    }
}
