//! Secrets, encrypted before they come here; a value leaves only toward a call.

use std::collections::HashMap;

use model::limits::MAX_SECRETS;
use model::{Name, TenantId};
use serde_json::json;
use zeroize::Zeroizing;

use crate::keyring::{Bound, Sealed};
use crate::{Action, Actor, By, Entry, Error, Keyring, Store, audit};

/// Times a secret is set again that somebody else set in the same moment.
const TRIES: usize = 10;

/// A secret as lists show it.
#[derive(Clone, Debug)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// How often it was set.
    pub version: i32,
    /// The key it is encrypted with.
    pub key_id: String,
    /// When it was set first, RFC 3339.
    pub created_at: String,
    /// When it was set last.
    pub updated_at: String,
}

/// Where to go on with secrets that an older key encrypts. Defaults to the beginning.
#[derive(Clone, Debug, Default)]
pub struct ResealPlace(i32, String);

/// What a page of encrypting again came to.
#[derive(Clone, Debug, Default)]
pub struct Resealed {
    /// Secrets that the newest key encrypts now.
    pub resealed: u32,
    /// Secrets that no key of this host opens.
    pub unreadable: u32,
    /// Where to go on; `None`: that was all.
    pub next: Option<ResealPlace>,
}

impl Store {
    /// The keys of this host, where it has some.
    pub fn keyring(&self) -> Option<&Keyring> {
        self.shared.keyring.as_ref()
    }

    /// Sets a secret; its version. `None`: the tenant has as many as it may.
    pub async fn put_secret(
        &self,
        keyring: &Keyring,
        (by, name): (By<'_>, &Name),
        value: &str,
    ) -> Result<Option<i32>, Error> {
        let (tenant, name) = (by.tenant, name.as_str());
        for _ in 0..TRIES {
            let mut work = self.begin(tenant).await?;
            let before = sqlx::query_file!("queries/secret/version.sql", tenant.0, name)
                .fetch_one(&mut *work)
                .await?;
            if before.version.is_none() && before.count >= MAX_SECRETS {
                return Ok(None);
            }
            let version = before.version.unwrap_or(0) + 1;
            let bound = Bound { tenant, name, version };
            let Sealed { key_id, nonce, ciphertext } = seal(keyring, bound, value)?;
            let done = sqlx::query_file!(
                "queries/secret/put.sql",
                tenant.0,
                name,
                version,
                key_id,
                nonce,
                ciphertext
            )
            .execute(&mut *work)
            .await?;
            if done.rows_affected() == 1 {
                let entry = Entry::new(by, Action::SecretPut, name);
                audit::write(&mut work, &entry.saying(json!({ "version": version }))).await?;
                work.commit().await?;
                return Ok(Some(version));
            }
        }
        Err(Error::Collision)
    }

    /// The values of those of these secrets that are set, by name, for a call that is about to be made. An inner error: one
    /// cannot be read on this host.
    pub async fn find_secrets(
        &self,
        tenant: TenantId,
        names: &[Name],
    ) -> Result<HashMap<String, Result<Zeroizing<String>, Error>>, Error> {
        let names: Vec<&str> = names.iter().map(Name::as_str).collect();
        let rows = sqlx::query_file!("queries/secret/get.sql", tenant.0, &names as &[&str])
            .fetch_all(self.hot())
            .await?;
        let opened = rows.into_iter().map(|row| {
            let bound = Bound { tenant, name: &row.name, version: row.version };
            let sealed =
                Sealed { key_id: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext };
            let keyring = self
                .keyring()
                .ok_or_else(|| "this host was started without `--secrets-key-file`".to_owned());
            let value = keyring.and_then(|keyring| keyring.open(bound, &sealed));
            let value =
                value.map_err(|why| Error::unreadable(format!("secret `{}`", row.name), why));
            (row.name, value)
        });
        Ok(opened.collect())
    }

    /// A page of a tenant's secrets by name, those after this one. Never a value.
    pub async fn list_secrets(
        &self,
        tenant: TenantId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<SecretRow>, Error> {
        let rows = sqlx::query_file!("queries/secret/list.sql", tenant.0, after, limit)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        let row = rows.into_iter().map(|row| SecretRow {
            name: row.name,
            version: row.version,
            key_id: row.key_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
        });
        Ok(row.collect())
    }

    /// Deletes a secret. False: it was not there.
    pub async fn delete_secret(&self, by: By<'_>, name: &str) -> Result<bool, Error> {
        let mut work = self.begin(by.tenant).await?;
        let done = sqlx::query_file!("queries/secret/delete.sql", by.tenant.0, name)
            .execute(&mut *work)
            .await?;
        let is_gone = done.rows_affected() == 1;
        if is_gone {
            audit::write(&mut work, &Entry::new(by, Action::SecretDelete, name)).await?;
        }
        work.commit().await?;
        Ok(is_gone)
    }

    /// Keeps in the audit log that secrets were encrypted with the newest key.
    pub async fn audit_reseal(
        &self,
        actor: Actor<'_>,
        key_id: &str,
        resealed: u32,
    ) -> Result<(), Error> {
        let mut work = self.pool().begin().await?;
        let (action, detail) = (Action::SecretRotate, json!({ "resealed": resealed }));
        let entry = Entry { tenant: None, actor, action, subject: key_id, detail };
        audit::write(&mut work, &entry).await?;
        Ok(work.commit().await?)
    }

    /// Encrypts secrets of all tenants with the newest key, `limit` at most. What was done stays done.
    pub async fn reseal_secrets(
        &self,
        keyring: &Keyring,
        ResealPlace(tenant, name): &ResealPlace,
        limit: i64,
    ) -> Result<Resealed, Error> {
        let newest = keyring.newest();
        let rows = sqlx::query_file!("queries/secret/stale.sql", tenant, name, newest, limit)
            .fetch_all(self.pool())
            .await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let mut done = Resealed::default();
        for row in rows {
            let (tenant, version) = (TenantId(row.tenant_id), row.version);
            let bound = Bound { tenant, name: &row.name, version };
            let sealed =
                Sealed { key_id: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext };
            match keyring.open(bound, &sealed) {
                Ok(value) => {
                    let Sealed { key_id, nonce, ciphertext } = seal(keyring, bound, &value)?;
                    let written = sqlx::query_file!(
                        "queries/secret/reseal.sql",
                        tenant.0,
                        row.name,
                        version,
                        key_id,
                        nonce,
                        ciphertext
                    )
                    .execute(self.pool())
                    .await?;
                    done.resealed += u32::from(written.rows_affected() == 1);
                }
                Err(_) => done.unreadable += 1,
            }
            done.next = is_full.then_some(ResealPlace(tenant.0, row.name));
        }
        Ok(done)
    }
}

fn seal(keyring: &Keyring, bound: Bound<'_>, value: &str) -> Result<Sealed, Error> {
    let unreadable = |why| Error::unreadable(format!("secret `{}`", bound.name), why);
    keyring.seal(bound, value).map_err(unreadable)
}
