//! A host in this process: API, worker and sandbox over a database of its own.

use std::time::Duration;

use devdb::TestDatabase;
use model::{Capability, Digest};
use sandbox::{CompileLimits, CompilerCommand, Sandbox};
use store::{By, Keyring, NewKey, Scope, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use worker::Worker;

use crate::client::{Client, until};
use crate::guests;

/// What differs from host to host.
pub struct Settings {
    /// The worker's; its lease is short so that a lost worker is noticed within a test.
    pub worker: worker::Settings,
    /// False: only the API.
    pub works: bool,
    /// What one compilation may use.
    pub compile_limits: CompileLimits,
    /// What the API gives at a time.
    pub limits: api::Limits,
    /// Capabilities that nobody may use.
    pub forbidden: Vec<Capability>,
    /// What secrets are encrypted with.
    pub keyring: Option<Keyring>,
}

impl Default for Settings {
    fn default() -> Self {
        let worker = worker::Settings {
            slots: 16,
            lease: Duration::from_secs(3),
            ..worker::Settings::default()
        };
        Self {
            worker,
            works: true,
            compile_limits: CompileLimits::default(),
            limits: api::Limits::default(),
            forbidden: Vec::new(),
            keyring: None,
        }
    }
}

/// A running host. Dropping it ends everything.
pub struct Host {
    /// Speaks to it with a key of the default tenant.
    pub client: Client,
    /// Its store.
    pub store: Store,
    /// Its sandbox.
    pub sandbox: Sandbox,
    /// Its worker, unless it has none.
    pub worker: Option<Worker>,
    /// Its database.
    pub database: std::sync::Arc<TestDatabase>,
    _stop: oneshot::Sender<()>,
    _folder: TempDir,
}

/// A key of a tenant that is there.
///
/// # Panics
/// When Postgres does not answer, or there is no such tenant.
pub async fn new_key(store: &Store, tenant: &str, scopes: &[Scope]) -> String {
    let key = api::Key::generate();
    let tenant = store.find_tenant(tenant).await.expect("Postgres answers");
    let by = By::operator(tenant.expect("there is such a tenant"));
    let made = store.create_key(by, &NewKey::new(key.id(), &key.secret_sha256(), scopes)).await;
    made.expect("a new key");
    key.to_string()
}

/// A fresh, migrated database.
///
/// # Panics
/// When Postgres cannot be started; the message says which command installs it.
pub async fn database() -> TestDatabase {
    let migrate = async |url: String| {
        let store = Store::connect(&store::Settings::new(url)).await?;
        store.migrate().await?;
        store.close().await;
        Ok::<_, store::Error>(())
    };
    match devdb::for_tests(&store::schema_name(), migrate).await {
        Ok(database) => database,
        Err(error) => panic!("{error}"),
    }
}

impl Host {
    /// A host with the defaults.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// A host over a database of its own.
    pub async fn with(settings: Settings) -> Self {
        Self::over(std::sync::Arc::new(database().await), settings).await
    }

    /// Two hosts over one database, whose workers have this lease.
    pub async fn two(lease: Duration) -> (Self, Self) {
        let database = std::sync::Arc::new(database().await);
        let settings = || {
            let worker = worker::Settings { lease, ..Settings::default().worker };
            Settings { worker, ..Settings::default() }
        };
        let first = Self::over(std::sync::Arc::clone(&database), settings()).await;
        let second = Self::over(database, settings()).await;
        (first, second)
    }

    /// One more host over the same database.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn over(database: std::sync::Arc<TestDatabase>, settings: Settings) -> Self {
        // Another test of this process may have set it up.
        let _ = tracing_subscriber::fmt().with_env_filter("warn").with_test_writer().try_init();
        let keyring = settings.keyring.clone();
        let reaching = store::Settings { keyring, ..store::Settings::new(database.url()) };
        let store = Store::connect(&reaching).await.expect("Postgres answers");
        Self::of(store, database, settings).await
    }

    async fn of(store: Store, database: std::sync::Arc<TestDatabase>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let mut limits =
            sandbox::Settings::new(folder.path().join("artifacts"), [7; 32], compiler());
        limits.slots = settings.worker.slots;
        limits.compile_limits = settings.compile_limits;
        limits.forbidden = settings.forbidden;
        let sandbox = Sandbox::new(limits).expect("the sandbox starts");
        let key = new_key(&store, "default", &Scope::ALL).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let (stop, stopped) = oneshot::channel::<()>();
        let state = api::State::new(store.clone(), sandbox.clone(), settings.limits);
        tokio::spawn(api::serve(listener, state, async {
            // Dropping the host says the same.
            let _ = stopped.await;
        }));
        let worker = if settings.works {
            let worker = Worker::start(store.clone(), sandbox.clone(), settings.worker).await;
            Some(worker.expect("the worker starts"))
        } else {
            None
        };
        let client = Client::new(&url, &key);
        Self { client, store, sandbox, worker, database, _stop: stop, _folder: folder }
    }

    /// Speaks to it with a key of a tenant that is made for it.
    ///
    /// # Panics
    /// When Postgres does not answer.
    pub async fn stranger(&self) -> Client {
        let insert = "insert into tenant (name) values ('stranger') on conflict do nothing";
        self.database.run(&[insert]).expect("Postgres answers");
        self.client.with_key(&new_key(&self.store, "stranger", &Scope::ALL).await)
    }

    /// Waits until no token is left: those of a run that failed are swept a moment later.
    ///
    /// # Panics
    /// When some stay.
    pub async fn swept(&self) {
        let left = async || {
            let left =
                self.database.run(&["select count(*) from token"]).expect("Postgres answers");
            (left == ["0"]).then_some(())
        };
        until("no token is left", left).await;
    }

    /// Uploads a component, which must pass.
    ///
    /// # Panics
    /// When it does not.
    pub async fn upload(&self, bytes: Vec<u8>) -> Digest {
        let answer = self.client.upload(bytes).await.ok();
        let digest = answer["digest"].as_str().expect("an upload has a digest");
        digest.parse().expect("a digest")
    }

    /// Uploads the actor and deploys a flow whose component is `@`.
    pub async fn deploy(&self, flow: &str) -> Digest {
        let bytes = tokio::task::spawn_blocking(guests::actor).await.expect("the actor builds");
        let digest = self.upload(bytes).await;
        self.client.deploy(flow, digest).await.ok();
        digest
    }

    /// Uploads the reacher, the guest that asks for every capability, and deploys a flow whose component is `@`.
    pub async fn deploy_reacher(&self, flow: &str) -> Digest {
        let bytes = tokio::task::spawn_blocking(guests::reacher).await.expect("the reacher builds");
        let digest = self.upload(bytes).await;
        self.client.deploy(flow, digest).await.ok();
        digest
    }

    /// Uploads the player, the durable guest that follows a script, and deploys a flow whose component is `@`.
    pub async fn deploy_player(&self, flow: &str) -> Digest {
        let bytes = tokio::task::spawn_blocking(guests::player).await.expect("the player builds");
        let digest = self.upload(bytes).await;
        self.client.deploy(flow, digest).await.ok();
        digest
    }
}

/// The compile child: this project's binary, which cargo built beside the test.
pub fn compiler() -> CompilerCommand {
    let program = binary();
    CompilerCommand { program, args: vec!["compile-component".into()] }
}

/// The product's binary.
///
/// # Panics
/// When cargo did not build it.
pub fn binary() -> std::path::PathBuf {
    let test = std::env::current_exe().expect("a running test has a file");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/<profile>/deps");
    let binary = folder.join("stepcell-under-test");
    assert!(binary.exists(), "`{}` is missing; run the tests through cargo", binary.display());
    binary
}
