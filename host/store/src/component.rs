//! Uploaded components, by tenant and digest.

use model::{Digest, TenantId};

use crate::{Error, Store};

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

/// A page of components.
pub type ComponentPage = Vec<StoredComponent>;

impl Store {
    /// Keeps a component. True when it was new; the same bytes twice are the same row.
    pub async fn put_component(
        &self,
        tenant: TenantId,
        digest: Digest,
        bytes: &[u8],
        report: &str,
    ) -> Result<bool, Error> {
        let done =
            sqlx::query_file!("queries/component/put.sql", tenant.0, &digest.0[..], bytes, report)
                .execute(self.pool())
                .await?;
        self.unblock(tenant).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The bytes of a component.
    pub async fn get_component_bytes(
        &self,
        tenant: TenantId,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Error> {
        let row = sqlx::query_file!("queries/component/bytes.sql", tenant.0, &digest.0[..])
            .fetch_optional(self.pool())
            .await?;
        Ok(row.map(|row| row.bytes))
    }

    /// What is known of a component.
    pub async fn get_component(
        &self,
        tenant: TenantId,
        digest: Digest,
    ) -> Result<Option<StoredComponent>, Error> {
        let row = sqlx::query_file!("queries/component/get.sql", tenant.0, &digest.0[..])
            .fetch_optional(self.pool())
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
            .fetch_all(self.pool())
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
    pub async fn delete_component(&self, tenant: TenantId, digest: Digest) -> Result<bool, Error> {
        let done = sqlx::query_file!("queries/component/delete.sql", tenant.0, &digest.0[..])
            .execute(self.pool())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Which of these components the tenant does not have.
    pub async fn find_missing_components(
        &self,
        tenant: TenantId,
        wanted: &[Digest],
    ) -> Result<Vec<Digest>, Error> {
        let wanted: Vec<Vec<u8>> = wanted.iter().map(|digest| digest.0.to_vec()).collect();
        let rows = sqlx::query_file!("queries/component/missing.sql", tenant.0, &wanted)
            .fetch_all(self.pool())
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
