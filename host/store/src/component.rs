//! Uploaded components, by tenant and digest.

use model::{Digest, TenantId};

use crate::admission::unblock;
use crate::{Action, By, Entry, Error, Store, audit};

/// A component without its bytes.
#[derive(Clone, Debug)]
pub struct StoredComponent {
    /// Its name.
    pub digest: Digest,
    /// The report of its inspection, as JSON text.
    pub report: String,
    /// Bytes that were uploaded.
    pub size_bytes: i64,
    /// When, RFC 3339.
    pub created_at: String,
    /// The flow versions that pin it, `name@version`. Empty in a page.
    pub used_by: Vec<String>,
}

/// A component to keep.
#[derive(Clone, Copy, Debug)]
pub struct NewComponent<'a> {
    /// Its name.
    pub digest: Digest,
    /// What was uploaded.
    pub bytes: &'a [u8],
    /// The report of its inspection, as JSON text.
    pub report: &'a str,
    /// What runs in its place; `None`: it is a component itself.
    pub source: Option<&'a BoundSource>,
}

/// A source that was made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundSource {
    /// What runs it.
    pub runtime: Digest,
    /// What is run.
    pub program: String,
    /// Whether it decides what follows a failed attempt.
    pub on_error: bool,
    /// Whether it can undo what it did.
    pub compensate: bool,
}

impl BoundSource {
    fn offers(&self) -> Vec<String> {
        let offered = [(self.on_error, ON_ERROR), (self.compensate, COMPENSATE)];
        offered.into_iter().filter(|(has, _)| *has).map(|(_, name)| name.to_owned()).collect()
    }
}

/// What is kept of a component to be run.
#[derive(Clone, Debug)]
pub enum StoredCode {
    /// A component, or a core module to be completed.
    Component(Vec<u8>),
    /// A source.
    Source(BoundSource),
}

/// The optional exports, as they are kept.
const ON_ERROR: &str = "on-error";
const COMPENSATE: &str = "compensate";

/// A page of components.
pub type ComponentPage = Vec<StoredComponent>;

impl Store {
    /// Keeps a component. True when it was new; the same bytes twice are the same row.
    pub async fn put_component(&self, by: By<'_>, new: NewComponent<'_>) -> Result<bool, Error> {
        let tenant = by.tenant;
        let NewComponent { digest, bytes, report, source } = new;
        let offers = source.map(BoundSource::offers);
        let mut work = self.begin(tenant).await?;
        let done = sqlx::query_file!(
            "queries/component/put.sql",
            tenant.0,
            &digest.0[..],
            bytes,
            report,
            source.map(|source| &source.runtime.0[..]),
            source.map(|source| source.program.as_str()),
            offers.as_deref()
        )
        .execute(&mut *work)
        .await?;
        let is_new = done.rows_affected() == 1;
        // With it, or what waits would be forgotten where the host ends in between.
        let is_awaited = unblock(&mut work, tenant).await?;
        if is_new {
            let subject = digest.to_string();
            audit::write(&mut work, &Entry::new(by, Action::ComponentPut, &subject)).await?;
        }
        work.commit().await?;
        if is_awaited {
            self.bell().ready();
        }
        Ok(is_new)
    }

    /// What is to be run of a component.
    pub async fn get_component_code(
        &self,
        tenant: TenantId,
        digest: Digest,
    ) -> Result<Option<StoredCode>, Error> {
        let row = sqlx::query_file!("queries/component/code.sql", tenant.0, &digest.0[..])
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else { return Ok(None) };
        if let Some(bytes) = row.bytes {
            return Ok(Some(StoredCode::Component(bytes)));
        }
        let (Some(runtime), Some(program), Some(offers)) = (row.runtime, row.program, row.offers)
        else {
            return Err(Error::unreadable("a source", "it is not whole"));
        };
        let offers = |name: &str| offers.iter().any(|offered| offered == name);
        Ok(Some(StoredCode::Source(BoundSource {
            runtime: read_digest(&runtime)?,
            program,
            on_error: offers(ON_ERROR),
            compensate: offers(COMPENSATE),
        })))
    }

    /// What is known of a component.
    pub async fn get_component(
        &self,
        tenant: TenantId,
        digest: Digest,
    ) -> Result<Option<StoredComponent>, Error> {
        let row = sqlx::query_file!("queries/component/get.sql", tenant.0, &digest.0[..])
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        Ok(row.map(|row| StoredComponent {
            digest,
            report: row.report,
            size_bytes: row.size_bytes,
            created_at: row.created_at,
            used_by: row.used_by,
        }))
    }

    /// A page of components with a digest after `after`.
    pub async fn list_components(
        &self,
        tenant: TenantId,
        after: Option<Digest>,
        limit: i64,
    ) -> Result<ComponentPage, Error> {
        let after = after.map(|digest| digest.0.to_vec()).unwrap_or_default();
        let rows = sqlx::query_file!("queries/component/list.sql", tenant.0, after, limit)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(StoredComponent {
                    digest: read_digest(&row.digest)?,
                    report: row.report,
                    size_bytes: row.size_bytes,
                    created_at: row.created_at,
                    used_by: Vec::new(),
                })
            })
            .collect()
    }

    /// Deletes a component that no flow version pins. False when it is pinned or unknown.
    pub async fn delete_component(&self, by: By<'_>, digest: Digest) -> Result<bool, Error> {
        let mut work = self.begin(by.tenant).await?;
        let done = sqlx::query_file!("queries/component/delete.sql", by.tenant.0, &digest.0[..])
            .execute(&mut *work)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let subject = digest.to_string();
        audit::write(&mut work, &Entry::new(by, Action::ComponentDelete, &subject)).await?;
        work.commit().await?;
        Ok(true)
    }

    /// Which of these components the tenant does not have.
    pub async fn find_missing_components(
        &self,
        tenant: TenantId,
        wanted: &[Digest],
    ) -> Result<Vec<Digest>, Error> {
        let wanted: Vec<Vec<u8>> = wanted.iter().map(|digest| digest.0.to_vec()).collect();
        let rows = sqlx::query_file!("queries/component/missing.sql", tenant.0, &wanted)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.iter().map(|row| read_digest(&row.digest)).collect()
    }
}

pub(crate) fn read_digest(bytes: &[u8]) -> Result<Digest, Error> {
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| Error::unreadable("a component's digest", "it is not 32 bytes"))
}
