//! API keys and the tenants they name.

use model::TenantId;

use crate::{Error, Store};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look at things.
    Read,
    /// Start and stop runs.
    Run,
    /// Upload components, register and activate flow versions.
    Deploy,
    /// Everything about the tenant.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Run, Self::Deploy, Self::Admin];

    /// The scope as it is written everywhere.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Run => "run",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }
}

/// A valid key.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The tenant it names.
    pub tenant_id: TenantId,
    /// That tenant's name.
    pub tenant_name: String,
    /// The sha256 of the secret.
    pub secret_sha256: Vec<u8>,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl Store {
    /// The tenant of this name.
    pub async fn find_tenant(&self, name: &str) -> Result<Option<TenantId>, Error> {
        let row =
            sqlx::query_file!("queries/tenant/find.sql", name).fetch_optional(self.pool()).await?;
        Ok(row.map(|row| TenantId(row.tenant_id)))
    }

    /// Adds a key; only the secret's hash is kept.
    pub async fn create_key(
        &self,
        tenant: TenantId,
        id: &str,
        secret_sha256: &[u8],
        scopes: &[Scope],
    ) -> Result<(), Error> {
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        sqlx::query_file!("queries/key/create.sql", id, tenant.0, secret_sha256, &scopes)
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// The key with this id, if it is valid now.
    pub async fn find_key(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        let row = sqlx::query_file!("queries/key/find.sql", id).fetch_optional(self.pool()).await?;
        Ok(row.map(|row| KeyRow {
            tenant_id: TenantId(row.tenant_id),
            tenant_name: row.tenant_name,
            secret_sha256: row.secret_sha256,
            scopes: Scope::ALL
                .into_iter()
                .filter(|scope| row.scopes.iter().any(|text| text == scope.as_str()))
                .collect(),
        }))
    }
}
