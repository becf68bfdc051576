//! The product's binary as a process of its own, which a test can kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::client::Client;
use crate::host::binary;

/// A running `stepcell serve`. Dropping it kills it.
pub struct Process {
    /// Speaks to it.
    pub client: Client,
    child: Child,
}

impl Process {
    /// Starts `stepcell serve` and waits until it says where it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn serve(database_url: &str, data: &Path, key: &str, more: &[&str]) -> Self {
        Self::serve_with(database_url, data, key, more, |_| {})
    }

    /// The same, with its command changed: its environment, where its log goes.
    ///
    /// # Panics
    /// When it does not start.
    pub fn serve_with(
        database_url: &str,
        data: &Path,
        key: &str,
        more: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--database-url", database_url])
            .arg("--data-dir")
            .arg(data)
            .args(more)
            .stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it says where it answers");
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let url = said["url"].as_str().unwrap_or_else(|| panic!("it said `{line}`"));
        Self { client: Client::new(url, key), child }
    }

    /// SIGTERM: it is asked to end.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)
            .expect("a running process can be asked to end");
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Panics
    /// When nobody knows.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked for")
    }

    /// Waits until it has ended, and answers how.
    ///
    /// # Panics
    /// When nobody knows.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child can be waited for")
    }

    /// kill -9: no destructor, no goodbye.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("a running process can be killed");
        self.child.wait().expect("a killed process ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
