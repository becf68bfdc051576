//! Makes a new, empty cluster: all of it or nothing.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::binaries::Binaries;
use crate::cluster::Durability;
use crate::error::Error;
use crate::folder::Folder;

/// The superuser everybody connects as; the socket's folder is what keeps others out.
pub(crate) const SUPERUSER: &str = "stepcell";
/// The database `Cluster::url` names.
pub(crate) const DATABASE: &str = "stepcell";

/// The major version that wrote the data, `None` where there is none yet.
pub(crate) fn written_by(folder: &Folder) -> Option<u32> {
    fs::read_to_string(folder.data().join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Makes the data folder where there is none. It appears under its name only when it is complete, so an interrupted
/// start leaves nothing half made.
pub(crate) fn ensure(
    folder: &Folder,
    binaries: &Binaries,
    durability: Durability,
) -> Result<(), Error> {
    if folder.data().join("PG_VERSION").is_file() {
        return Ok(());
    }
    let new = folder.path.join("data.new");
    remove(&new)?;
    let mut initdb = folder.user.command(&binaries.program("initdb"), &folder.path);
    initdb.args([
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=trust",
        "--auth-host=reject",
    ]);
    initdb.args(["--username", SUPERUSER]).arg("--pgdata").arg(&new);
    run(&mut initdb, "")?;
    if supports_lz4(folder, binaries, &new) {
        let path = new.join("postgresql.conf");
        let open = fs::OpenOptions::new().append(true).open(&path);
        let settings = "default_toast_compression = lz4\nwal_compression = lz4\n";
        open.and_then(|mut file| file.write_all(settings.as_bytes()))
            .map_err(Error::file("write", &path))?;
    }
    let mut single = folder.user.command(&binaries.program("postgres"), &folder.path);
    single.args(["--single", "-F", "-D"]).arg(&new).arg("postgres");
    run(&mut single, &format!("create database {DATABASE}\n"))?;
    if durability == Durability::Durable {
        let mut sync = folder.user.command(&binaries.program("initdb"), &folder.path);
        run(sync.arg("--sync-only").arg("--pgdata").arg(&new), "")?;
    }
    remove(&folder.data())?;
    fs::rename(&new, folder.data()).map_err(Error::file("rename", &new))
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether this Postgres was built with lz4: it refuses the setting otherwise.
fn supports_lz4(folder: &Folder, binaries: &Binaries, data: &Path) -> bool {
    let mut ask = folder.user.command(&binaries.program("postgres"), &folder.path);
    ask.args([
        "-C",
        "wal_compression",
        "-c",
        "wal_compression=lz4",
        "-c",
        "default_toast_compression=lz4",
        "-D",
    ]);
    run(ask.arg(data), "").is_ok()
}

/// Runs a command with `input` and answers what it wrote.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<String, Error> {
    let name = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let failed = |output: String| Error::Command { command: name.clone(), output };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    // A program that ends without reading says why in its output.
    if let Some(mut stdin) = child.stdin.take() {
        drop(stdin.write_all(input.as_bytes()));
    }
    let Output { status, stdout, stderr } =
        child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let said = [stderr, stdout].concat();
    Err(failed(format!("{status}: {}", String::from_utf8_lossy(&said).trim())))
}
