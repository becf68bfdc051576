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

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
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

    /// The file of the key that secrets are encrypted with; made where it is not there.
    pub(crate) fn secrets_key_file(&self) -> anyhow::Result<PathBuf> {
        let path = self.0.join("secrets-key");
        if !path.exists() {
            let key: [u8; 32] = rand::random();
            let digits: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
            write_secret(&path, format!("{}\n", digits.concat()).as_bytes())?;
        }
        Ok(path)
    }

    /// The API key of `dev`; made where it is not there.
    pub(crate) fn api_key(&self) -> anyhow::Result<Key> {
        if let Some(key) = read_api_key(&self.0)? {
            return Ok(key);
        }
        let key = Key::generate();
        write_secret(&self.0.join(KEY_FILE), format!("{key}\n").as_bytes())?;
        Ok(key)
    }

    /// Keeps where the host of `dev` answers, for the other commands.
    pub(crate) fn keep_url(&self, url: &str) -> anyhow::Result<()> {
        write_secret(&self.0.join(URL_FILE), format!("{url}\n").as_bytes())
    }

    /// The host there has ended. What another host keeps stays.
    pub(crate) fn forget_url(&self, url: &str) {
        if read_url(&self.0).is_some_and(|(kept, _)| kept == url) {
            // Who finds it later is told that nobody answers there.
            let _ = fs::remove_file(self.0.join(URL_FILE));
        }
    }
}

const KEY_FILE: &str = "key";
const URL_FILE: &str = "url";

/// Where the host of `dev` answers, if it runs, and the file that says so.
pub(crate) fn read_url(folder: &Path) -> Option<(String, PathBuf)> {
    let path = folder.join(URL_FILE);
    let text = fs::read_to_string(&path).ok()?;
    Some((text.trim().to_owned(), path))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_that_kept_its_url_takes_it_away() {
        let folder = std::env::temp_dir().join(format!("stepcell-url-{}", std::process::id()));
        let data = DataDir::open(&folder).unwrap();
        assert_eq!(read_url(&folder), None);
        data.keep_url("http://127.0.0.1:1").unwrap();
        data.keep_url("http://127.0.0.1:2").unwrap();
        data.forget_url("http://127.0.0.1:1");
        assert_eq!(read_url(&folder).unwrap().0, "http://127.0.0.1:2");
        data.forget_url("http://127.0.0.1:2");
        assert_eq!(read_url(&folder), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
