//! Locks between processes: `flock` on a file, given up by the system when the process ends however it ends.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

/// How long a lock is waited for. A server that stops under load writes a checkpoint first.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// A held lock; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Waits for a lock that any number may hold together.
    pub(crate) fn shared(path: &Path) -> Result<Self, Error> {
        Self::wait(path, FlockOperation::NonBlockingLockShared)
    }

    /// Waits for a lock that one holds alone.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, Error> {
        Self::wait(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// Turns a shared lock into an exclusive one when nobody else holds it.
    pub(crate) fn try_alone(&self) -> bool {
        flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Holds it shared again, where nobody has it alone.
    pub(crate) fn try_shared(&self) -> bool {
        flock(&self.file, FlockOperation::NonBlockingLockShared).is_ok()
    }

    fn wait(path: &Path, operation: FlockOperation) -> Result<Self, Error> {
        let open =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let file = open.map_err(Error::file("open the lock", path))?;
        let began = Instant::now();
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Self { file }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Error::file("lock", path)(errno.into())),
            }
            if began.elapsed() > PATIENCE {
                return Err(Error::Locked {
                    path: path.to_path_buf(),
                    seconds: PATIENCE.as_secs(),
                });
            }
            thread::sleep(POLL);
        }
    }
}
