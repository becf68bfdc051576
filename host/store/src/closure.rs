//! Closures: starts that were saved under a name, of a flow or of another closure.

use model::limits::MAX_CLOSURES;
use model::{Preset, TenantId};

use crate::saved::read_base;
use crate::{Action, Base, By, Entry, Error, Saved, Store, audit};

/// A closure.
#[derive(Clone, Debug)]
pub struct ClosureRow {
    /// Its name.
    pub name: String,
    /// What it starts.
    pub saved: Saved,
    /// When it was saved first, RFC 3339.
    pub created_at: String,
    /// When it was saved last.
    pub updated_at: String,
}

/// What saving a closure answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutClosure {
    /// It is saved, durably. True: there was none of this name.
    Saved(bool),
    /// It would stand on itself; the names in the circle, the first one again at the end.
    Circle(Vec<String>),
    /// It would stand on too many others, or carry one that does.
    TooDeep,
}

/// A closure as Postgres answers it.
struct Row {
    name: String,
    flow_name: Option<String>,
    base: Option<String>,
    preset: String,
    created_at: String,
    updated_at: String,
}

impl TryFrom<Row> for ClosureRow {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let base = read_base(row.flow_name, row.base)?;
        let saved = Saved { base, start: read_preset(&row.preset)? };
        let Row { name, created_at, updated_at, .. } = row;
        Ok(Self { name, saved, created_at, updated_at })
    }
}

fn read_preset(text: &str) -> Result<Preset, Error> {
    serde_json::from_str(text).map_err(|why| Error::unreadable("a closure", why))
}

/// The most closures in a chain, as Postgres counts.
fn most() -> i32 {
    i32::try_from(MAX_CLOSURES).unwrap_or(i32::MAX)
}

async fn chain<'c, E: sqlx::PgExecutor<'c>>(
    connection: E,
    tenant: TenantId,
    name: &str,
) -> Result<Vec<ClosureRow>, Error> {
    let rows = sqlx::query_file_as!(Row, "queries/closure/chain.sql", tenant.0, name, most())
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(ClosureRow::try_from).collect()
}

impl Store {
    /// Saves a closure, in place of one of the same name. Its flow or base is there.
    pub async fn put_closure(
        &self,
        by: By<'_>,
        name: &str,
        saved: &Saved,
    ) -> Result<PutClosure, Error> {
        let tenant = by.tenant;
        let mut work = self.begin(tenant).await?;
        sqlx::query_file!("queries/closure/lock.sql", tenant.0).fetch_one(&mut *work).await?;
        if let Base::Closure(base) = &saved.base {
            let below = chain(&mut *work, tenant, base).await?;
            if let Some(at) = below.iter().position(|closure| closure.name == name) {
                let names = below.into_iter().take(at + 1).map(|closure| closure.name);
                return Ok(PutClosure::Circle(
                    std::iter::once(name.to_owned()).chain(names).collect(),
                ));
            }
            let above = sqlx::query_file!("queries/closure/height.sql", tenant.0, name, most())
                .fetch_one(&mut *work)
                .await?;
            let below = i32::try_from(below.len()).unwrap_or(i32::MAX);
            if below.saturating_add(above.height) > most() {
                return Ok(PutClosure::TooDeep);
            }
        }
        let (flow, base) = saved.base.names();
        let preset = serde_json::to_string(&saved.start).expect("a preset is always JSON");
        let put = sqlx::query_file!("queries/closure/put.sql", tenant.0, name, flow, base, preset)
            .fetch_optional(&mut *work)
            .await?;
        if put.is_some() {
            audit::write(&mut work, &Entry::new(by, Action::ClosurePut, name)).await?;
        }
        work.commit().await?;
        Ok(PutClosure::Saved(put.is_some_and(|put| put.is_new)))
    }

    /// A closure and those it stands on, the nearest first; empty where there is none.
    pub async fn list_closure_chain(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Vec<ClosureRow>, Error> {
        chain(&mut *self.bound(tenant).await?, tenant, name).await
    }

    /// One closure.
    pub async fn get_closure(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<ClosureRow>, Error> {
        Ok(self.list_closure_chain(tenant, name).await?.into_iter().next())
    }

    /// A page of closures with a name after `after`.
    pub async fn list_closures(
        &self,
        tenant: TenantId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<ClosureRow>, Error> {
        let rows = sqlx::query_file_as!(Row, "queries/closure/list.sql", tenant.0, after, limit)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter().map(ClosureRow::try_from).collect()
    }

    /// Deletes a closure. False when it is unknown; an error that [`Error::is_reference`] when something names it.
    pub async fn delete_closure(&self, by: By<'_>, name: &str) -> Result<bool, Error> {
        let mut work = self.begin(by.tenant).await?;
        let done = sqlx::query_file!("queries/closure/delete.sql", by.tenant.0, name)
            .execute(&mut *work)
            .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit::write(&mut work, &Entry::new(by, Action::ClosureDelete, name)).await?;
        work.commit().await?;
        Ok(true)
    }

    /// Some of the closures and schedules that name a closure: `schedule nightly`.
    pub async fn list_closure_users(
        &self,
        tenant: TenantId,
        name: &str,
        most: i64,
    ) -> Result<Vec<String>, Error> {
        let rows = sqlx::query_file!("queries/closure/users.sql", tenant.0, name, most)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        Ok(rows.into_iter().map(|row| format!("{} {}", row.kind, row.name)).collect())
    }
}
