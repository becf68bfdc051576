//! The product's binary as a process of its own, which a test can kill.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

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
        Self::serve_in(&[], database_url, data, key, more)
    }

    /// The same with variables of its environment.
    ///
    /// # Panics
    /// When it does not start.
    pub fn serve_in(
        environment: &[(&str, &OsStr)],
        database_url: &str,
        data: &Path,
        key: &str,
        more: &[&str],
    ) -> Self {
        let mut child = Command::new(binary())
            .envs(environment.iter().copied())
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--database-url", database_url])
            .arg("--data-dir")
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it says where it answers");
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let url = said["url"].as_str().unwrap_or_else(|| panic!("it said `{line}`"));
        Self { client: Client::new(url, key), child }
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
