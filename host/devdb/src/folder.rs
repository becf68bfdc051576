//! Where a cluster lives: its data, its socket, its log and its locks.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, fs};

use rustix::process::geteuid;

use crate::error::Error;
use crate::user::ServerUser;

/// Bytes a socket's path may have on Linux, the closing NUL not counted; macOS allows 103.
const MAX_SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// The folder of one cluster. Only the server's user and root can enter it.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// The folder itself.
    pub(crate) path: PathBuf,
    /// Who owns what is in it.
    pub(crate) user: ServerUser,
    /// The folder the socket lies in.
    pub(crate) socket: PathBuf,
    /// What a person should know: why something is not where it was asked for.
    pub(crate) notes: Vec<String>,
}

impl Folder {
    /// Makes the folder and its locks, owned by the user the server runs as.
    pub(crate) fn prepare(asked: &Path) -> Result<Self, Error> {
        let mut notes = Vec::new();
        let asked = std::path::absolute(asked).map_err(Error::file("resolve", asked))?;
        let mut path = asked.clone();
        let mut user = claim(&path)?;
        if !user.can_enter(&path) {
            path = PathBuf::from("/var/lib/stepcell").join(short_hash(&asked));
            notes.push(format!(
                "Postgres cannot run as root, and its user cannot enter `{}`: the data is in `{}`",
                asked.display(),
                path.display()
            ));
            user = claim(&path)?;
        }
        let mut socket = path.clone();
        if socket.join(SOCKET_NAME).as_os_str().len() > MAX_SOCKET_PATH {
            socket = short_folder(&path, user)?;
            notes.push(format!(
                "the path of `{}` is too long for a socket: the socket is in `{}`",
                path.display(),
                socket.display()
            ));
        }
        let folder = Self { path, user, socket, notes };
        for lock in [folder.users(), folder.starting(), folder.keeping()] {
            let open = fs::OpenOptions::new().create(true).append(true).open(&lock);
            open.map_err(Error::file("create", &lock))?;
            user.own(&lock)?;
        }
        Ok(folder)
    }

    /// Postgres's own data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// The socket clients connect to.
    pub(crate) fn socket_file(&self) -> PathBuf {
        self.socket.join(SOCKET_NAME)
    }

    /// Postgres's own note of who serves the data.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.data().join("postmaster.pid")
    }

    /// Postgres's own note of who listens on the socket.
    pub(crate) fn socket_lock(&self) -> PathBuf {
        self.socket.join(format!("{SOCKET_NAME}.lock"))
    }

    /// There while only a process may start the server, not the keeper: it is down on purpose, or about to be started.
    pub(crate) fn halted(&self) -> PathBuf {
        self.path.join("halted")
    }

    /// Leaves starting the server to processes.
    pub(crate) fn mark_halted(&self) -> Result<(), Error> {
        let path = self.halted();
        fs::write(&path, "").map_err(Error::file("write", &path))
    }

    /// Lets the keeper start the server again when it is killed.
    pub(crate) fn unmark_halted(&self) -> Result<(), Error> {
        let path = self.halted();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("remove", &path)(error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Held shared by every process that uses the cluster.
    pub(crate) fn users(&self) -> PathBuf {
        self.path.join("users.lock")
    }

    /// Held alone by whoever starts or stops the server.
    pub(crate) fn starting(&self) -> PathBuf {
        self.path.join("start.lock")
    }

    /// Held alone by the keeper.
    pub(crate) fn keeping(&self) -> PathBuf {
        self.path.join("keeper.lock")
    }
}

/// Makes a folder and gives it to the user the server will run as.
fn claim(path: &Path) -> Result<ServerUser, Error> {
    fs::create_dir_all(path).map_err(Error::file("create", path))?;
    let user = ServerUser::of(path)?;
    user.own(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(Error::file("restrict", path))?;
    Ok(user)
}

/// A private folder with a short path, the same for the same data folder.
fn short_folder(data: &Path, user: ServerUser) -> Result<PathBuf, Error> {
    let path = Path::new("/tmp").join(format!("stepcell-{}", short_hash(data)));
    let made = fs::DirBuilder::new().mode(0o700).create(&path);
    if made.is_ok() {
        user.own(&path)?;
        return Ok(path);
    }
    // Anybody can make folders in `/tmp`: one that is not ours, or is a link, is not used.
    let found = fs::symlink_metadata(&path).map_err(Error::file("create", &path))?;
    let owner = match user {
        ServerUser::Own => geteuid().as_raw(),
        ServerUser::Other { uid, .. } => uid,
    };
    if !found.is_dir() || found.uid() != owner {
        return Err(Error::OtherOwner { data: path, owner: found.uid(), us: owner });
    }
    Ok(path)
}

/// FNV-1a: names that are short, stable and differ; nothing secret hangs on them.
pub(crate) fn short_hash(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// The folder of the cluster that all tests of a build share: inside cargo's target folder.
pub(crate) fn for_tests() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(
        || env::temp_dir().join(format!("stepcell-tests-{}", geteuid().as_raw())),
        |target| target.join("stepcell-tests").join("postgres"),
    )
}
