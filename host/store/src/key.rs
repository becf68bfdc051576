//! API keys: which tenant one names, what it may do, and until when.

use std::time::Duration;

use model::TenantId;
use serde_json::json;

use crate::{Action, By, Entry, Error, Store, audit};

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look at things.
    Read,
    /// Start and stop runs.
    Run,
    /// Upload components, register and activate flow versions.
    Deploy,
    /// What concerns every tenant: the operator's.
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

    /// The scope that is written so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A key to add. Only its secret's hash is kept.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// Names it.
    pub id: &'a str,
    /// The sha256 of the secret.
    pub secret_sha256: &'a [u8],
    /// What it may do.
    pub scopes: &'a [Scope],
    /// What a person calls it.
    pub label: Option<&'a str>,
    /// How long it is valid; `None`: until it is revoked.
    pub expires_in: Option<Duration>,
}

impl<'a> NewKey<'a> {
    /// A key without a label, until it is revoked.
    pub fn new(id: &'a str, secret_sha256: &'a [u8], scopes: &'a [Scope]) -> Self {
        Self { id, secret_sha256, scopes, label: None, expires_in: None }
    }
}

/// A valid key.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Names it.
    pub id: String,
    /// The tenant it names.
    pub tenant_id: TenantId,
    /// That tenant's name.
    pub tenant_name: String,
    /// True: of that tenant nothing may be changed.
    pub is_frozen: bool,
    /// The sha256 of the secret.
    pub secret_sha256: Vec<u8>,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// A key in a list.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// Names it.
    pub id: String,
    /// What a person calls it.
    pub label: Option<String>,
    /// What it may do, as it is written everywhere.
    pub scopes: Vec<String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Until when it is valid.
    pub expires_at: Option<String>,
    /// Since when it is not.
    pub revoked_at: Option<String>,
}

impl Store {
    /// Adds a key to a tenant. Durable on return.
    pub async fn create_key(&self, by: By<'_>, key: &NewKey<'_>) -> Result<(), Error> {
        let NewKey { id, secret_sha256, scopes, label, expires_in } = *key;
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        let ms = expires_in.map(|time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let mut work = self.pool().begin().await?;
        sqlx::query_file!(
            "queries/key/create.sql",
            id,
            by.tenant.0,
            secret_sha256,
            &scopes,
            label,
            ms as Option<i64>
        )
        .execute(&mut *work)
        .await?;
        let entry = Entry::new(by, Action::KeyCreate, id);
        let entry = entry.saying(json!({ "scopes": scopes, "label": label, "expires_in_ms": ms }));
        audit::write(&mut work, &entry).await?;
        work.commit().await?;
        Ok(())
    }

    /// The key with this id, if it is valid now.
    pub async fn find_key(&self, id: &str) -> Result<Option<KeyRow>, Error> {
        let row = sqlx::query_file!("queries/key/find.sql", id).fetch_optional(self.pool()).await?;
        Ok(row.map(|row| KeyRow {
            id: id.to_owned(),
            tenant_id: TenantId(row.tenant_id),
            tenant_name: row.tenant_name,
            is_frozen: row.is_frozen,
            secret_sha256: row.secret_sha256,
            scopes: row.scopes.iter().filter_map(|text| Scope::parse(text)).collect(),
        }))
    }

    /// A page of a tenant's keys with an id after `after`, valid or not.
    pub async fn list_keys(
        &self,
        tenant: TenantId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ListedKey>, Error> {
        let rows = sqlx::query_file_as!(ListedKey, "queries/key/list.sql", tenant.0, after, limit)
            .fetch_all(self.pool())
            .await?;
        Ok(rows)
    }

    /// Makes a key of a tenant worthless; one that was so stays it. False when there is none.
    pub async fn revoke_key(&self, by: By<'_>, id: &str) -> Result<bool, Error> {
        let mut work = self.pool().begin().await?;
        let revoked = sqlx::query_file!("queries/key/revoke.sql", by.tenant.0, id)
            .fetch_optional(&mut *work)
            .await?;
        if revoked.as_ref().is_some_and(|row| row.is_new) {
            audit::write(&mut work, &Entry::new(by, Action::KeyRevoke, id)).await?;
        }
        work.commit().await?;
        Ok(revoked.is_some())
    }
}
