//! Runtimes: the interpreters that sources are bound to. They are the host's, not a tenant's.

use model::{Digest, Language};

use crate::component::read_digest;
use crate::{Action, By, Entry, Error, Store, audit};

/// A runtime without its bytes.
#[derive(Clone, Debug)]
pub struct StoredRuntime {
    /// Its name.
    pub digest: Digest,
    /// What it runs.
    pub language: Language,
    /// The report of its inspection, as JSON text.
    pub report: String,
    /// When it was installed last, RFC 3339.
    pub installed_at: String,
    /// Whether new sources are bound to it.
    pub is_current: bool,
}

impl Store {
    /// Installs a runtime: new sources of the language are bound to it. Earlier ones stay while a source is bound to them. `None`: it
    /// is installed for another language.
    pub async fn put_runtime(
        &self,
        by: By<'_>,
        (language, digest): (Language, Digest),
        bytes: &[u8],
        report: &str,
    ) -> Result<Option<StoredRuntime>, Error> {
        let mut work = self.pool().begin().await?;
        let installed = sqlx::query_file!(
            "queries/runtime/put.sql",
            &digest.0[..],
            language.as_str(),
            bytes,
            report
        )
        .fetch_optional(&mut *work)
        .await?;
        let Some(installed) = installed else { return Ok(None) };
        let subject = format!("{language} {digest}");
        audit::write(&mut work, &Entry::new(by, Action::RuntimeInstall, &subject)).await?;
        work.commit().await?;
        // By itself: a source that is bound to one in this moment keeps it.
        let forgotten =
            sqlx::query_file!("queries/runtime/forget.sql", language.as_str(), &digest.0[..])
                .execute(self.pool())
                .await;
        match forgotten.map_err(Error::from) {
            Err(error) if !error.is_reference() => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let (report, installed_at) = (report.to_owned(), installed.installed_at);
        Ok(Some(StoredRuntime { digest, language, report, installed_at, is_current: true }))
    }

    /// The runtime that takes new sources of a language: its name and the report of its inspection.
    pub async fn current_runtime(
        &self,
        language: Language,
    ) -> Result<Option<(Digest, String)>, Error> {
        let row = sqlx::query_file!("queries/runtime/current.sql", language.as_str())
            .fetch_optional(self.pool())
            .await?;
        row.map(|row| Ok((read_digest(&row.digest)?, row.report))).transpose()
    }

    /// The bytes of a runtime.
    pub async fn get_runtime_bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let row = sqlx::query_file!("queries/runtime/bytes.sql", &digest.0[..])
            .fetch_optional(self.pool())
            .await?;
        Ok(row.map(|row| row.bytes))
    }

    /// Every runtime.
    pub async fn list_runtimes(&self) -> Result<Vec<StoredRuntime>, Error> {
        let rows = sqlx::query_file!("queries/runtime/list.sql").fetch_all(self.pool()).await?;
        rows.into_iter()
            .map(|row| {
                Ok(StoredRuntime {
                    digest: read_digest(&row.digest)?,
                    language: row
                        .language
                        .parse()
                        .map_err(|why: String| Error::unreadable("a runtime's language", why))?,
                    report: row.report,
                    installed_at: row.installed_at,
                    is_current: row.is_current,
                })
            })
            .collect()
    }
}
