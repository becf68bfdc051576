//! A fresh, migrated database for each test, on one cluster that all tests of a build share.

use std::fmt::Display;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cluster::{Cluster, Options};
use crate::error::Error;
use crate::folder;
use crate::lock::Lock;

/// Long enough that one test process after another finds the server running, short enough not to be noticed.
const LINGER: Duration = Duration::from_secs(2);

/// This process's part in the shared cluster. The process's end is what gives it up.
static SHARED: Mutex<Option<&'static Cluster>> = Mutex::new(None);
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A database of its own for one test; dropped with it.
#[derive(Debug)]
pub struct TestDatabase {
    cluster: &'static Cluster,
    name: String,
}

/// A fresh copy of a migrated template.
///
/// `key` stands for the migrations: the same key is the same template, so make it their text or a digest of it. The
/// first caller of all test processes runs `migrate` with the URL of an empty database; it must close its connections.
pub async fn for_tests<F, E>(key: &str, migrate: F) -> Result<TestDatabase, Error>
where
    F: AsyncFnOnce(String) -> Result<(), E>,
    E: Display,
{
    let cluster = shared()?;
    let template = format!("template_{}", folder::short_hash(Path::new(key)));
    let making = Lock::exclusive(&cluster.folder().join("template.lock"))?;
    let there = format!("select 1 from pg_database where datname = '{template}'");
    if cluster.run("postgres", &[&there])?.is_empty() {
        let unfinished = format!("{template}_unfinished");
        let drop_old = format!("drop database if exists {unfinished} with (force)");
        cluster.run("postgres", &[&drop_old, &format!("create database {unfinished}")])?;
        migrate(cluster.url_for(&unfinished))
            .await
            .map_err(|error| Error::Migrate(error.to_string()))?;
        // Its name says that it is complete; nobody may connect, or it could not be copied.
        let end = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{unfinished}'"
        );
        let close = format!("alter database {unfinished} with allow_connections false");
        cluster.run("postgres", &[&close, &end])?;
        cluster.run("postgres", &[&format!("alter database {unfinished} rename to {template}")])?;
    }
    drop(making);
    TestDatabase::from_template(cluster, &template)
}

impl TestDatabase {
    /// A fresh database without anything in it.
    pub fn empty() -> Result<Self, Error> {
        Self::from_template(shared()?, "template0")
    }

    /// Its URL, as [`Cluster::url`].
    pub fn url(&self) -> String {
        self.cluster.url_for(&self.name)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster it is on. Other tests use it too: never halt it.
    pub fn cluster(&self) -> &'static Cluster {
        self.cluster
    }

    /// Runs statements on it, each on its own, and answers the rows as text, one a line.
    pub fn run(&self, statements: &[&str]) -> Result<Vec<String>, Error> {
        self.cluster.run(&self.name, statements)
    }

    fn from_template(cluster: &'static Cluster, template: &str) -> Result<Self, Error> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{count}", std::process::id());
        let drop_old = format!("drop database if exists {name} with (force)");
        let create = format!("create database {name} template {template}");
        cluster.run("postgres", &[&drop_old, &create])?;
        Ok(Self { cluster, name })
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let statement = format!("drop database if exists {} with (force)", self.name);
        // What cannot be dropped now is dropped when the cluster starts next.
        drop(self.cluster.run("postgres", &[&statement]));
    }
}

/// The cluster all tests of this build share.
fn shared() -> Result<&'static Cluster, Error> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = *shared {
        return Ok(cluster);
    }
    let options = Options { linger: LINGER, ..Options::forgetful(folder::for_tests()) };
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)?));
    if cluster.started() {
        remove_left_over(cluster)?;
    }
    *shared = Some(cluster);
    Ok(cluster)
}

/// Databases of tests that were killed; nobody uses them, for their server was not running.
fn remove_left_over(cluster: &Cluster) -> Result<(), Error> {
    // Another process may have joined since, so only what belongs to no living process goes.
    let names = cluster
        .run("postgres", &["select datname from pg_database where datname like 'test\\_%'"])?;
    let dead = |name: &&String| {
        let pid = name
            .split('_')
            .nth(1)
            .and_then(|pid| pid.parse().ok())
            .and_then(rustix::process::Pid::from_raw);
        pid.is_none_or(|pid| rustix::process::test_kill_process(pid).is_err())
    };
    for name in names.iter().filter(dead) {
        cluster.run("postgres", &[&format!("drop database if exists {name} with (force)")])?;
    }
    Ok(())
}
