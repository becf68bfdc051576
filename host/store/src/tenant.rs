//! Tenants: made, frozen, and cleared away in small bites.

use std::time::Duration;

use model::{Digest, RunId, TenantId};

use crate::component::read_digest;
use crate::{Action, Actor, By, Entry, Error, Store, audit};

/// Runs that are deleted together.
const BITE_OF_RUNS: i64 = 50;
/// Components that are deleted together.
const BITE_OF_COMPONENTS: i64 = 10;
/// How long after a tenant was deleted nothing of it is touched: until no host believes its keys any more.
const KEYS_ARE_BELIEVED: Duration = Duration::from_secs(10);

/// A tenant.
#[derive(Clone, Debug)]
pub struct TenantRow {
    /// Its identity, never used again.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// Since when nothing of it is changed or run.
    pub frozen_at: Option<String>,
}

/// How far a tenant that was deleted is cleared away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// None is to be.
    Nothing,
    /// There is more.
    More,
    /// These components of a tenant are gone, and there is more.
    Components(TenantId, Vec<Digest>),
    /// One more is gone whole.
    Gone,
}

impl Store {
    /// The tenant of this name.
    pub async fn find_tenant(&self, name: &str) -> Result<Option<TenantId>, Error> {
        let row =
            sqlx::query_file!("queries/tenant/find.sql", name).fetch_optional(self.pool()).await?;
        Ok(row.map(|row| TenantId(row.tenant_id)))
    }

    /// Adds a tenant. `None`: the name is taken, if only by one that is still being cleared away.
    pub async fn create_tenant(
        &self,
        name: &str,
        actor: Actor<'_>,
    ) -> Result<Option<TenantId>, Error> {
        let mut work = self.pool().begin().await?;
        let added =
            sqlx::query_file!("queries/tenant/create.sql", name).fetch_optional(&mut *work).await?;
        let Some(tenant) = added.map(|row| TenantId(row.id)) else {
            return Ok(None);
        };
        let by = By { tenant, actor };
        audit::write(&mut work, &Entry::new(by, Action::TenantCreate, name)).await?;
        work.commit().await?;
        Ok(Some(tenant))
    }

    /// A tenant by its name.
    pub async fn get_tenant(&self, name: &str) -> Result<Option<TenantRow>, Error> {
        let row = sqlx::query_file_as!(TenantRow, "queries/tenant/get.sql", name)
            .fetch_optional(self.pool())
            .await?;
        Ok(row)
    }

    /// A page of tenants with a name after `after`.
    pub async fn list_tenants(&self, after: &str, limit: i64) -> Result<Vec<TenantRow>, Error> {
        let rows = sqlx::query_file_as!(TenantRow, "queries/tenant/list.sql", after, limit)
            .fetch_all(self.pool())
            .await?;
        Ok(rows)
    }

    /// Freezes a tenant (`true`), or lets it go on; one that is so already stays it. False when it is gone.
    pub async fn freeze_tenant(&self, by: By<'_>, name: &str, freeze: bool) -> Result<bool, Error> {
        let mut work = self.pool().begin().await?;
        let changed = sqlx::query_file!("queries/tenant/freeze.sql", by.tenant.0, freeze)
            .fetch_optional(&mut *work)
            .await?;
        if changed.as_ref().is_some_and(|row| row.is_new) {
            let action = if freeze { Action::TenantFreeze } else { Action::TenantUnfreeze };
            audit::write(&mut work, &Entry::new(by, action, name)).await?;
        }
        work.commit().await?;
        if !freeze {
            self.bell().ready();
        }
        Ok(changed.is_some())
    }

    /// Deletes a tenant: from now on it is gone for everybody, and a worker clears away what it had. False when it was gone.
    pub async fn delete_tenant(&self, by: By<'_>, name: &str) -> Result<bool, Error> {
        let mut work = self.pool().begin().await?;
        let done =
            sqlx::query_file!("queries/tenant/delete.sql", by.tenant.0).execute(&mut *work).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::write(&mut work, &Entry::new(by, Action::TenantDelete, name)).await?;
        work.commit().await?;
        Ok(true)
    }

    /// Clears away some of what a tenant had that was deleted; whoever works on its runs is told to stop. `after` is the one
    /// that was tried before, so that one that cannot be cleared holds up no other.
    pub async fn clear_tenant(&self, after: &mut TenantId) -> Result<Clearing, Error> {
        let believed = i64::try_from(KEYS_ARE_BELIEVED.as_millis()).unwrap_or(i64::MAX);
        let gone = sqlx::query_file!("queries/tenant/deleting.sql", believed, after.0)
            .fetch_optional(self.pool())
            .await?;
        let Some(tenant) = gone.map(|row| row.id) else {
            return Ok(Clearing::Nothing);
        };
        *after = TenantId(tenant);
        let runs = sqlx::query_file!("queries/tenant/remove_runs.sql", tenant, BITE_OF_RUNS)
            .fetch_all(self.pool())
            .await?;
        if !runs.is_empty() {
            let live = runs.iter().filter(|run| run.is_live).map(|run| RunId(run.id));
            self.tell_stopped(live.collect()).await;
            return Ok(Clearing::More);
        }
        let components =
            sqlx::query_file!("queries/tenant/remove_components.sql", tenant, BITE_OF_COMPONENTS)
                .fetch_all(self.pool())
                .await?;
        if !components.is_empty() {
            let digests = components.iter().map(|row| read_digest(&row.digest));
            return Ok(Clearing::Components(TenantId(tenant), digests.collect::<Result<_, _>>()?));
        }
        let rest = sqlx::query_file!("queries/tenant/remove_rest.sql", tenant)
            .execute(self.pool())
            .await?;
        Ok(if rest.rows_affected() > 0 { Clearing::Gone } else { Clearing::More })
    }
}
