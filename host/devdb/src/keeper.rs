//! The keeper: a shell process that starts the server, starts it again when it was killed, and stops it once no process
//! uses the cluster any more.
//!
//! It is the server's parent, so that a server which dies is reaped, and outlives whoever started it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::folder::Folder;

/// A log larger than this is started anew, in bytes.
const MAX_LOG_BYTES: u64 = 8 * 1024 * 1024;

/// Pauses before one keeper starts its server again for the first, second and later time, in seconds. A server that is
/// killed more often stays down.
const PAUSES: &str = "0.1 0.5 1 2 4 8";
/// How long a new keeper waits for the one before it, in seconds: longer than the longest of its pauses.
const PATIENCE: &str = "10";

/// Arguments: seconds to linger, users' lock, Postgres's pid file, the mark that only a process may start the server, a
/// running server's process id or empty, then the server's command.
/// `alone file command...` runs the command while holding the file's lock alone; `-w 0` gives up at once.
///
/// A server that ends in order removes its pid file, also when it cannot start. One that is left names a server that was
/// killed: this one, or one before it whose children hinder the next start for a moment.
const SCRIPT: &str = r#"
linger=$1 users=$2 pid_file=$3 halted=$4 server=$5 killed=none; shift 5
keep() {
  (
    while kill -0 "$server" 2>/dev/null; do
      alone -w 1000000 "$users" true
      [ "$linger" = 0 ] || sleep "$linger"
      alone -w 0 "$users" sh -c '
        kill -INT "$0"
        tries=0
        while kill -0 "$0" 2>/dev/null; do
          tries=$((tries + 1)); [ $tries -eq 400 ] && kill -QUIT "$0"
          sleep 0.05
        done' "$server"
    done
  ) &
  waiter=$!
  wait "$server"
  while kill -0 "$server" 2>/dev/null; do sleep 0.5; done
  kill "$waiter" 2>/dev/null
}
may_start_again() {
  left=$(head -n 1 "$pid_file" 2>/dev/null)
  [ "$left" = "$server" ] || [ "$left" = "$killed" ] || return 1
  killed=$left
  sleep "$1"
  [ ! -e "$halted" ] && ! alone -w 0 "$users" true
}
if [ -n "$server" ]; then keep; exit 0; fi
"$@" & server=$!
keep
for pause in $PAUSES; do
  may_start_again "$pause" || exit 0
  echo "keeper: the server was killed and is started again"
  "$@" & server=$!
  keep
done
exit 0
"#;

/// Linux has `flock` in its base system, macOS has Perl.
const WITH_FLOCK: &str = r#"alone() { flock -o "$@"; }"#;
const WITH_PERL: &str = r#"alone() { perl -MFcntl=:flock -e '
  shift; $SIG{ALRM} = sub { exit 1 }; my $wait = shift; open(my $lock, "<", shift) or exit 1;
  if ($wait) { alarm($wait); flock($lock, LOCK_EX) or exit 1; alarm(0) } else { flock($lock, LOCK_EX | LOCK_NB) or exit 1 }
  exit(system(@ARGV) >> 8)' -- "$@"; }"#;

/// What a keeper looks after.
pub(crate) enum Server<'a> {
    /// Start this one.
    Start(&'a [String]),
    /// One that runs already; its own keeper may have been killed. How it was started is not known, so it is not again.
    Running(u32),
}

/// Starts a keeper for the cluster; it ends with its server. Where one is there already, the new one ends at once.
pub(crate) fn spawn(
    folder: &Folder,
    server: &Server<'_>,
    linger: Duration,
) -> Result<Child, Error> {
    let log = folder.log();
    let started_anew = fs::metadata(&log).is_ok_and(|meta| meta.len() > MAX_LOG_BYTES);
    let open = fs::OpenOptions::new().create(true).append(true).open(&log);
    let out = open.map_err(Error::file("open", &log))?;
    if started_anew {
        out.set_len(0).map_err(Error::file("empty", &log))?;
    }
    folder.user.own(&log)?;
    let alone = if Path::new("/usr/bin/flock").exists() || Path::new("/bin/flock").exists() {
        WITH_FLOCK
    } else {
        WITH_PERL
    };
    // The keeper before this one gives its lock up a moment after its server ended.
    let (patience, pid, arguments) = match server {
        Server::Start(arguments) => (PATIENCE, String::new(), *arguments),
        Server::Running(pid) => ("0", pid.to_string(), &[][..]),
    };
    let outer =
        format!("{alone}\nexec 2>&1\nalone -w {patience} \"$0\" sh -c \"$1\" keeper \"$@\"");
    let inner = format!("shift\n{alone}\nPAUSES='{PAUSES}'\n{SCRIPT}");
    let mut keeper = folder.user.command(Path::new("/bin/sh"), &folder.path);
    keeper.arg("-c").arg(outer).arg(folder.keeping()).arg(inner);
    keeper.arg(linger.as_secs().to_string()).arg(folder.users());
    keeper.arg(folder.pid_file()).arg(folder.halted()).arg(pid).args(arguments);
    // A group of its own: Ctrl-C in the terminal ends the caller, and the lock says so.
    keeper.process_group(0).stdin(Stdio::null()).stdout(out).stderr(Stdio::null());
    keeper.spawn().map_err(Error::file("run", Path::new("/bin/sh")))
}

/// Reaps the keeper when it ends, which may be after this process.
pub(crate) fn let_go(mut keeper: Child) {
    std::thread::spawn(move || keeper.wait());
}
