//! Everything a tenant has, as it was at one moment, a row at a time.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::{Action, By, Entry, Error, Store, audit};

/// Rows a slow reader may lag behind before the database waits for it.
const BACKLOG: usize = 16;
/// How long the database waits for a reader that takes nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A row of an export.
#[derive(Clone, Debug)]
pub struct ExportedRow {
    /// What it is: `flow`, `run`, ...
    pub kind: String,
    /// Itself, as JSON.
    pub row: String,
}

/// What an export says next.
#[derive(Clone, Debug)]
pub enum Exported {
    /// One more row.
    Row(ExportedRow),
    /// That was every row. An export that ends without it is not whole.
    Whole,
}

type Tell = mpsc::Sender<Result<Exported, Error>>;

impl Store {
    /// Everything a tenant has, of one moment. It breaks off where nobody reads; components come with their bytes where
    /// asked for.
    pub async fn export_tenant(
        &self,
        by: By<'_>,
        name: &str,
        with_bytes: bool,
    ) -> Result<mpsc::Receiver<Result<Exported, Error>>, Error> {
        let mut work = self.pool().begin().await?;
        audit::write(&mut work, &Entry::new(by, Action::TenantExport, name)).await?;
        work.commit().await?;
        let (tell, told) = mpsc::channel(BACKLOG);
        let (store, tenant) = (self.clone(), by.tenant.0);
        tokio::spawn(async move {
            if let Err(error) = store.tell_rows(tenant, with_bytes, &tell).await {
                // Nobody may be left to hear it.
                let _ = tell.send_timeout(Err(error), PATIENCE).await;
            }
        });
        Ok(told)
    }

    async fn tell_rows(&self, tenant: i32, with_bytes: bool, tell: &Tell) -> Result<(), Error> {
        let mut connection = self.pool().acquire().await?;
        let query =
            sqlx::query_file_as!(ExportedRow, "queries/tenant/export.sql", tenant, with_bytes);
        let mut rows = query.fetch(&mut *connection);
        let mut is_read = true;
        while is_read && let Some(row) = rows.next().await {
            is_read = tell.send_timeout(Ok(Exported::Row(row?)), PATIENCE).await.is_ok();
        }
        drop(rows);
        if is_read {
            // Nobody may be left to hear it.
            let _ = tell.send_timeout(Ok(Exported::Whole), PATIENCE).await;
        }
        // What was not read is not waited for.
        drop(connection.detach());
        Ok(())
    }
}
