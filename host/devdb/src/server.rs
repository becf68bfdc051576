//! The server as a process: whether it runs, its signals, and waiting for either.

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::error::Error;
use crate::folder::Folder;

/// A recovery after `kill -9` under load replays up to `max_wal_size`.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(3);
/// Lines of the log an error shows.
const TAIL_LINES: usize = 15;

/// The process id of the server that runs on the folder and accepts connections.
pub(crate) fn ready(folder: &Folder) -> Option<Pid> {
    let text = fs::read_to_string(folder.data().join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid = lines.next().and_then(parse)?;
    let status = lines.nth(6)?;
    let accepts = status.trim() == "ready" && UnixStream::connect(folder.socket_file()).is_ok();
    (accepts && is_alive(pid)).then_some(pid)
}

/// The process id in `postmaster.pid`, when that process is a Postgres.
///
/// A file that names a living process of another kind was left behind and its number given away since: Postgres would
/// refuse to start, so the file is removed. One that names a dead process stays: Postgres finds in it whether the dead
/// server's children are still there.
pub(crate) fn running(folder: &Folder) -> Result<Option<Pid>, Error> {
    let path = folder.data().join("postmaster.pid");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let Some(pid) = text.lines().next().and_then(parse).filter(|pid| is_alive(*pid)) else {
        return Ok(None);
    };
    if is_postgres(pid) {
        return Ok(Some(pid));
    }
    fs::remove_file(&path).map_err(Error::file("remove", &path))?;
    Ok(None)
}

/// Waits until the server accepts connections; gives up when `ended` says that it never will.
pub(crate) fn wait_until_ready(
    folder: &Folder,
    mut ended: impl FnMut() -> bool,
) -> Result<Pid, Error> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE && !ended() {
        if let Some(pid) = ready(folder) {
            return Ok(pid);
        }
        thread::sleep(POLL);
    }
    Err(Error::Start { data: folder.data(), log: folder.log(), tail: tail(folder) })
}

/// Sends the signal and waits until the process is gone.
pub(crate) fn end(folder: &Folder, pid: Pid, signal: Signal) -> Result<(), Error> {
    // Gone already is what was asked for.
    let _gone = kill_process(pid, signal);
    wait_until_gone(folder, pid)
}

/// Waits until the process is gone.
pub(crate) fn wait_until_gone(folder: &Folder, pid: Pid) -> Result<(), Error> {
    let began = Instant::now();
    while is_alive(pid) {
        if began.elapsed() > PATIENCE {
            let output = format!(
                "process {} is still there; see `{}`",
                pid.as_raw_nonzero(),
                folder.log().display()
            );
            return Err(Error::Command { command: "stop postgres".to_owned(), output });
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// The last lines of the log.
fn tail(folder: &Folder) -> String {
    let text = fs::read(folder.log()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn parse(line: &str) -> Option<Pid> {
    Pid::from_raw(line.trim().parse().ok()?)
}

/// A process that ended but was not reaped yet counts as gone.
pub(crate) fn is_alive(pid: Pid) -> bool {
    let there = !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH));
    let stat =
        fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    there && !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

fn is_postgres(pid: Pid) -> bool {
    let number = pid.as_raw_nonzero().to_string();
    let name = fs::read_to_string(format!("/proc/{number}/comm")).or_else(|_| {
        let output = Command::new("ps").args(["-o", "comm=", "-p", &number]).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    name.is_ok_and(|name| name.contains("postgres") || name.contains("postmaster"))
}
