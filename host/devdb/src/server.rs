//! The server as a process: whether it runs, its signals, and waiting for either.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
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
    let text = fs::read_to_string(folder.pid_file()).ok()?;
    let mut lines = text.lines();
    let pid = lines.next().and_then(parse)?;
    let status = lines.nth(6)?;
    let accepts = status.trim() == "ready" && UnixStream::connect(folder.socket_file()).is_ok();
    (accepts && is_alive(pid)).then_some(pid)
}

/// The process id of the server that runs on the folder, whether it accepts connections or not.
///
/// A file that names another living process was left behind and its number given away since: Postgres would refuse to
/// start, so the file is removed. One that names a dead process stays: Postgres finds in it whether the dead server's
/// children are still there.
pub(crate) fn running(folder: &Folder) -> Result<Option<Pid>, Error> {
    for path in [folder.pid_file(), folder.socket_lock()] {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let Some(pid) = text.lines().next().and_then(parse).filter(|pid| is_alive(*pid)) else {
            continue;
        };
        if serves(pid, &folder.data()) {
            return Ok(Some(pid));
        }
        fs::remove_file(&path).map_err(Error::file("remove", &path))?;
    }
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

/// Whether the process is the Postgres of this data: it works in the data folder, and was started with its path.
fn serves(pid: Pid, data: &Path) -> bool {
    let number = pid.as_raw_nonzero().to_string();
    let process = Path::new("/proc").join(&number);
    // In a container root may not see where the process of another user works.
    if let Ok(place) = fs::read_link(process.join("cwd")) {
        let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
        let is_postgres = name.contains("postgres") || name.contains("postmaster");
        return is_postgres && fs::canonicalize(data).is_ok_and(|data| data == place);
    }
    let command = fs::read(process.join("cmdline")).or_else(|_| {
        let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &number]).output();
        output.map(|output| output.stdout)
    });
    command.is_ok_and(|command| is_command_for(data, &command))
}

/// Whether a command names the data, as the keeper's does; its words end with NUL in `/proc`, with a space in `ps`.
fn is_command_for(data: &Path, command: &[u8]) -> bool {
    let words = String::from_utf8_lossy(command).replace(['\0', '\n'], " ");
    words.contains(&format!(" -D {} ", data.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_the_data_its_command_names() {
        let data = Path::new("/a/data");
        assert!(is_command_for(data, b"/bin/postgres\0-D\0/a/data\0-c\0port=5432\0"));
        assert!(is_command_for(data, b"/bin/postgres -D /a/data\n"));
        assert!(!is_command_for(data, b"/bin/postgres\0-D\0/a/data2\0"));
        assert!(!is_command_for(data, b"postgres: checkpointer \0"));
    }
}
