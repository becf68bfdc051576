//! Which user the server runs as: Postgres refuses to be root.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use rustix::process::geteuid;

use crate::error::Error;

/// The user that owns the data and runs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerUser {
    /// This process's own user.
    Own,
    /// Another one, because this process is root.
    Other {
        /// User id.
        uid: u32,
        /// Group id.
        gid: u32,
    },
}

impl ServerUser {
    /// The owner of existing data, else `postgres`, else `nobody`; this process's own user where it is not root.
    pub(crate) fn of(data: &Path) -> Result<Self, Error> {
        let us = geteuid();
        let owner = fs::metadata(data).ok().map(|meta| (meta.uid(), meta.gid()));
        match owner {
            Some((owner, _)) if !us.is_root() && owner != us.as_raw() => {
                Err(Error::OtherOwner { data: data.to_path_buf(), owner, us: us.as_raw() })
            }
            _ if !us.is_root() => Ok(Self::Own),
            Some((uid, gid)) if uid != 0 => Ok(Self::Other { uid, gid }),
            _ => {
                let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
                ["postgres", "nobody"]
                    .into_iter()
                    .find_map(|name| find(&passwd, name))
                    .map(|(uid, gid)| Self::Other { uid, gid })
                    .ok_or(Error::NoUser)
            }
        }
    }

    /// A command that runs as this user, in `folder`, with nothing of Postgres's own environment left.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C");
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a file or folder to this user.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        if let Self::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .map_err(Error::file("change the owner of", path))?;
        }
        Ok(())
    }

    /// Whether this user can work in `folder`: every folder above it must let others through.
    pub(crate) fn can_enter(self, folder: &Path) -> bool {
        let probe = self
            .command(Path::new("/bin/sh"), folder)
            .args(["-c", "cd \"$PWD\" && pwd -P"])
            .env("PWD", folder)
            .output();
        probe.is_ok_and(|output| output.status.success())
    }
}

/// The ids of a user in the text of `/etc/passwd`.
fn find(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2);
    Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:8::/:\npostgres:x:101:104::/:/bin/sh\n";
        assert_eq!(find(passwd, "postgres"), Some((101, 104)));
        assert_eq!(find(passwd, "nobody"), None);
    }
}
