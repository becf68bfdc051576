//! Administration through `psql`: this crate carries no driver of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::init::{SUPERUSER, run};

/// Runs statements on one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// The program.
    pub(crate) psql: PathBuf,
    /// The folder of the socket.
    pub(crate) socket: PathBuf,
}

impl Admin {
    /// Runs statements on a database, each on its own, and answers the rows as text, one a line.
    pub(crate) fn run(&self, database: &str, statements: &[&str]) -> Result<Vec<String>, Error> {
        let mut psql = Command::new(&self.psql);
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--no-password"]);
        psql.args(["--set", "ON_ERROR_STOP=1", "--username", SUPERUSER, "--dbname", database]);
        psql.arg("--host").arg(&self.socket).args(["--port", "5432"]);
        psql.env("PGOPTIONS", "-c client_min_messages=warning")
            .env("PGCONNECT_TIMEOUT", "10")
            .current_dir(Path::new("/"));
        for statement in statements {
            psql.args(["--command", statement]);
        }
        Ok(run(&mut psql, "")?.lines().map(str::to_owned).collect())
    }
}
