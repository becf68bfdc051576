//! The second net: what the API asks about a tenant, it asks on connections that see the rows of that tenant only.
//!
//! They act as the role `stepcell_api`; row-level security hides every other tenant's rows from it, whatever a statement
//! forgets to say. Where that role could not be made the connections are like any other.

use model::TenantId;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use crate::{ACQUIRE_TIMEOUT, Error, Settings, Store};

/// What a superuser runs where Stepcell may not.
pub const NET_SQL: &str =
    "create role stepcell_api nologin; grant stepcell_api to <the role Stepcell connects as>";

/// The connections that see one tenant at a time.
pub(crate) struct Net {
    pool: PgPool,
    /// Connections that can have died unnoticed.
    most: u32,
}

impl Net {
    pub(crate) fn hang(settings: &Settings, options: PgConnectOptions) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // Binding it to a tenant shows whether it lives.
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(enter(connection)))
            .connect_lazy_with(options);
        Self { pool, most: settings.connections }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn enter(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query_file!("queries/tenant/enter_net.sql").fetch_optional(connection).await.map(drop)
}

impl Store {
    /// A connection that sees and changes what is this tenant's.
    pub(crate) async fn bound(&self, tenant: TenantId) -> Result<PoolConnection<Postgres>, Error> {
        let net = &self.shared.net;
        let tenant = tenant.0.to_string();
        for _ in 0..net.most {
            let mut connection = net.pool.acquire().await?;
            let bound = sqlx::query_file!("queries/tenant/bind.sql", tenant)
                .fetch_one(&mut *connection)
                .await
                .map_err(Error::from);
            match bound {
                Ok(_) => return Ok(connection),
                // It died while it lay there.
                Err(Error::Unavailable(_)) => drop(connection.detach()),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
    }

    /// A transaction that sees and changes what is this tenant's.
    pub(crate) async fn begin(
        &self,
        tenant: TenantId,
    ) -> Result<Transaction<'static, Postgres>, Error> {
        let net = &self.shared.net;
        for _ in 0..net.most {
            let begin = format!("begin; set local stepcell.tenant_id = '{}'", tenant.0);
            match net.pool.begin_with(AssertSqlSafe(begin)).await.map_err(Error::from) {
                // It died while it lay there.
                Err(Error::Unavailable(_)) if net.pool.num_idle() > 0 => {}
                begun => return begun,
            }
        }
        Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
    }

    /// Whether what the API asks about a tenant passes the second net.
    pub async fn has_net(&self) -> Result<bool, Error> {
        let row = sqlx::query_file!("queries/tenant/has_net.sql")
            .fetch_one(&self.shared.net.pool)
            .await?;
        Ok(row.is_bound)
    }

    /// Lays the net over tables that are not under it yet.
    pub(crate) async fn lay_net(&self) -> Result<(), Error> {
        let laid = sqlx::query_file!("queries/tenant/lay_net.sql").fetch_one(self.pool()).await?;
        if !laid.is_there {
            tracing::warn!(
                "the second net between tenants is missing; a superuser makes it: {NET_SQL}"
            );
        }
        Ok(())
    }
}
