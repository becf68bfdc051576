//! One cluster: started or joined, used, left.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::admin::Admin;
use crate::binaries::Binaries;
use crate::error::Error;
use crate::folder::Folder;
use crate::init::{self, DATABASE, SUPERUSER};
use crate::keeper;
use crate::lock::Lock;
use crate::server;

/// What Postgres says when a server that was killed has children which did not notice yet.
const CHILDREN_LEFT: &str = "pre-existing shared memory block";
const CHILDREN_END: Duration = Duration::from_millis(100);
const TRIES: u32 = 50;

/// What survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything that was committed: `fsync` and `synchronous_commit` are on.
    Durable,
    /// Nothing is promised: for tests. A data folder that does not start any more is made anew.
    None,
}

/// How to start a cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds it, made where it is not there. One folder, one cluster.
    pub data: PathBuf,
    /// What survives a crash of the machine. Whoever starts the server decides; who joins gets what runs.
    pub durability: Durability,
    /// How long the server stays when nobody uses it any more, in whole seconds. Defaults to 0.
    pub linger: Duration,
    /// Connections the server accepts. Defaults to 200.
    pub max_connections: u16,
}

impl Options {
    /// A durable cluster in this folder that ends with its last user.
    pub fn durable(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            durability: Durability::Durable,
            linger: Duration::ZERO,
            max_connections: 200,
        }
    }

    /// The same, fast and forgetful.
    pub fn forgetful(data: impl Into<PathBuf>) -> Self {
        Self { durability: Durability::None, ..Self::durable(data) }
    }
}

/// How to take a server away from under its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Connections are closed, everything is written, the server ends.
    Fast,
    /// The server ends at once and recovers at its next start.
    Immediate,
    /// The same without the server's doing: `kill -9`.
    Kill,
}

/// A Postgres this process uses. When the last process that uses it drops it, or ends in any way, the server stops.
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    binaries: Binaries,
    options: Options,
    users: Lock,
    started: bool,
    /// One halt or resume at a time in this process.
    changing: Mutex<()>,
}

impl Cluster {
    /// Starts the server in the folder, or joins the one that runs there. On return it accepts connections.
    pub fn start(options: Options) -> Result<Self, Error> {
        let folder = Folder::prepare(&options.data)?;
        // Before looking, or the keeper could stop what was just found running.
        let users = Lock::shared(&folder.users())?;
        let starting = Lock::exclusive(&folder.starting())?;
        let binaries = Binaries::find(&folder.data(), init::written_by(&folder))?;
        let mut cluster =
            Self { folder, binaries, options, users, started: false, changing: Mutex::new(()) };
        cluster.started = match cluster.start_or_join() {
            Err(Error::Start { .. }) if cluster.options.durability == Durability::None => {
                init::remove(&cluster.folder.data())?;
                cluster.start_or_join()?
            }
            answer => answer?,
        };
        drop(starting);
        Ok(cluster)
    }

    /// The database made for the caller, as `sqlx`, `psql` and any libpq program read it.
    pub fn url(&self) -> String {
        self.url_for(DATABASE)
    }

    /// The same for another database of the cluster.
    pub fn url_for(&self, database: &str) -> String {
        let socket = percent_encode(self.folder.socket.as_os_str().as_encoded_bytes());
        format!("postgres://{SUPERUSER}@localhost/{database}?host={socket}")
    }

    /// True when this process started the server, false when it was running.
    pub fn started(&self) -> bool {
        self.started
    }

    /// The major version of the server.
    pub fn major(&self) -> u32 {
        self.binaries.major
    }

    /// The folder everything is in; another than asked for where [`Cluster::notes`] says so.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// What a person should know, a sentence each: why the data or the socket is not where it was asked for.
    pub fn notes(&self) -> &[String] {
        &self.folder.notes
    }

    /// Whether the server accepts connections right now.
    pub fn is_running(&self) -> bool {
        server::ready(&self.folder).is_some()
    }

    /// Leaves the cluster. The last one to leave waits until the server has written everything and ended.
    pub fn stop(self) -> Result<(), Error> {
        let Some(pid) = server::ready(&self.folder) else {
            return Ok(());
        };
        if self.users.try_alone() {
            return server::end(&self.folder, pid, Signal::INT);
        }
        if self.users.try_shared() {
            // Others use it.
            return Ok(());
        }
        // The keeper was faster and is stopping it.
        server::wait_until_gone(&self.folder, pid)
    }

    /// Takes the server away from everybody who uses it, and waits until it is gone. For tests of what happens then.
    pub fn halt(&self, how: Halt) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _starting = Lock::exclusive(&self.folder.starting())?;
        self.folder.mark_halted()?;
        let Some(pid) = server::running(&self.folder)? else {
            return Ok(());
        };
        let signal = match how {
            Halt::Fast => Signal::INT,
            Halt::Immediate => Signal::QUIT,
            Halt::Kill => Signal::KILL,
        };
        server::end(&self.folder, pid, signal)
    }

    /// Starts the server again after [`Cluster::halt`]. On return it accepts connections.
    pub fn resume(&self) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _starting = Lock::exclusive(&self.folder.starting())?;
        self.start_or_join().map(drop)
    }

    /// [`Cluster::halt`] and [`Cluster::resume`].
    pub fn restart(&self, how: Halt) -> Result<(), Error> {
        self.halt(how)?;
        self.resume()
    }

    /// Runs statements on a database, each on its own, and answers the rows as text, one a line.
    pub fn run(&self, database: &str, statements: &[&str]) -> Result<Vec<String>, Error> {
        self.admin().run(database, statements)
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin { psql: self.binaries.program("psql"), socket: self.folder.socket.clone() }
    }

    /// True when it started the server. The caller holds the start lock.
    fn start_or_join(&self) -> Result<bool, Error> {
        let started = !self.join()?;
        if started {
            // A keeper that is about to start its server again leaves that to this process.
            self.folder.mark_halted()?;
            init::ensure(&self.folder, &self.binaries, self.options.durability)?;
            self.start_server_without_children()?;
        }
        self.folder.unmark_halted()?;
        Ok(started)
    }

    /// Whether a server runs on the folder; it has a keeper then.
    fn join(&self) -> Result<bool, Error> {
        let Some(pid) = server::running(&self.folder)? else { return Ok(false) };
        let gone = || !server::is_alive(pid);
        if server::wait_until_ready(&self.folder, gone).is_err() {
            return Ok(false);
        }
        let running = keeper::Server::Running(pid.as_raw_nonzero().get().unsigned_abs());
        let keeper = keeper::spawn(&self.folder, &running, self.options.linger)?;
        keeper::let_go(keeper);
        Ok(true)
    }

    /// Waits for the children of a server that was killed.
    fn start_server_without_children(&self) -> Result<(), Error> {
        for _ in 0..TRIES {
            match self.start_server() {
                Err(Error::Start { tail, .. }) if tail.contains(CHILDREN_LEFT) => {
                    thread::sleep(CHILDREN_END);
                }
                answer => return answer,
            }
        }
        self.start_server()
    }

    fn start_server(&self) -> Result<(), Error> {
        let command = self.server_command();
        let start = keeper::Server::Start(&command);
        let mut keeper = keeper::spawn(&self.folder, &start, self.options.linger)?;
        let ended = || matches!(keeper.try_wait(), Ok(Some(_)));
        let answer = server::wait_until_ready(&self.folder, ended);
        keeper::let_go(keeper);
        answer.map(drop)
    }

    fn server_command(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut command = vec![
            text(&self.binaries.program("postgres")),
            "-D".to_owned(),
            text(&self.folder.data()),
        ];
        let connections = format!("max_connections={}", self.options.max_connections);
        // Commas and quotes would split the setting: it is a list of folders.
        let socket = format!(
            "unix_socket_directories=\"{}\"",
            text(&self.folder.socket).replace('"', "\"\"")
        );
        let mut settings = vec![
            "listen_addresses=",
            "port=5432",
            "unix_socket_permissions=0700",
            "shared_buffers=128MB",
            "jit=off",
            "logging_collector=off",
            "log_destination=stderr",
            "log_checkpoints=off",
            &connections,
            &socket,
        ];
        settings.extend(match self.options.durability {
            Durability::Durable => {
                &["fsync=on", "synchronous_commit=on", "full_page_writes=on"][..]
            }
            Durability::None => &[
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                "wal_level=minimal",
                "max_wal_senders=0",
            ][..],
        });
        command
            .extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting.to_owned()]));
        command
    }
}

/// Everything but letters, digits and `-._~` as `%XX`.
fn percent_encode(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    bytes
        .iter()
        .map(
            |&byte| {
                if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}
