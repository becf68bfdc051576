//! The folder of what is not in Postgres: compiled components, keys, the private Postgres.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use api::Key;
use rand::Rng as _;

/// The folder of what is not in Postgres. Only its owner can enter it.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// The folder, made where it is not there.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("cannot make the data folder `{}`", path.display()))?;
        let path = fs::canonicalize(path);
        Ok(Self(path.context("cannot find the data folder")?))
    }

    /// Where the private Postgres lives.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// Compiled components.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.0.join("artifacts")
    }

    /// The key that signs compiled components; made where it is not there.
    pub(crate) fn artifact_key(&self) -> anyhow::Result<[u8; 32]> {
        let path = self.0.join("artifact-key");
        if let Ok(kept) = fs::read(&path)
            && let Ok(key) = <[u8; 32]>::try_from(kept)
        {
            return Ok(key);
        }
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        write_secret(&path, &key)?;
        Ok(key)
    }

    /// The API key of `dev`; made where it is not there. True when it is new.
    pub(crate) fn api_key(&self) -> anyhow::Result<(Key, bool)> {
        if let Some(key) = read_api_key(&self.0)? {
            return Ok((key, false));
        }
        let key = Key::generate();
        write_secret(&self.0.join(KEY_FILE), format!("{key}\n").as_bytes())?;
        Ok((key, true))
    }
}

const KEY_FILE: &str = "key";

/// The API key in a data folder, if there is one.
pub(crate) fn read_api_key(folder: &Path) -> anyhow::Result<Option<Key>> {
    let path = folder.join(KEY_FILE);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(None);
    };
    let key = text.trim().parse();
    key.map(Some).with_context(|| format!("`{}` does not hold a key; delete it", path.display()))
}

/// Whole or not at all, and readable by its owner only.
fn write_secret(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}
