//! What handlers keep beyond their runs: values by tenant, flow and key.

use model::limits::{MAX_TENANT_VALUE_BYTES, VALUE_ROW_BYTES};
use model::{Digest, FlowId, TenantId};
use sqlx::PgConnection;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

use crate::claim::ClaimColumns;
use crate::queues::Queues;
use crate::{Claim, Error, Store};

/// A key of a flow.
#[derive(Clone, Copy, Debug)]
pub struct FlowKey<'a> {
    /// Whose flow.
    pub tenant: TenantId,
    /// The flow.
    pub flow: FlowId,
    /// The key.
    pub key: &'a str,
}

/// What a key must have for its value to be set.
#[derive(Clone, Copy, Debug)]
pub enum ValueBefore<'a> {
    /// Whatever it has.
    Any,
    /// No value.
    None,
    /// This value.
    Is(&'a [u8]),
}

/// What came of setting or deleting a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueWritten {
    /// It is durable.
    Done,
    /// The key did not have what it must have.
    Differs,
    /// The tenant's values would have more bytes than they may.
    Full,
    /// The claim it was to be written under no longer holds.
    NotHeld,
}

/// Connections that writing values takes of those that claims and records need.
const MOST_WRITING: usize = 3;

/// Who writes values in this process, one at a time of each tenant: so nobody waits for a lock of a flow with a connection in
/// hand but for another process, and a tenant that writes much holds up itself.
pub(crate) struct Writers {
    tenants: Queues,
    connections: Semaphore,
}

/// Whoever has it may write. Drop it after the connection.
struct Turn<'a> {
    _connection: SemaphorePermit<'a>,
    _tenant: OwnedMutexGuard<()>,
}

impl Default for Writers {
    fn default() -> Self {
        Self { tenants: Queues::default(), connections: Semaphore::new(MOST_WRITING) }
    }
}

impl Writers {
    async fn turn(&self, tenant: TenantId) -> Turn<'_> {
        let _tenant = self.tenants.of(tenant).lock_owned().await;
        let _connection = self.connections.acquire().await.expect("nobody closes it");
        Turn { _connection, _tenant }
    }
}

/// One change at a time for each flow, so that what is counted is what is there.
async fn lock(work: &mut PgConnection, tenant: TenantId, flow: FlowId) -> Result<(), Error> {
    let Digest(bytes) = Digest::of(format!("key value {} {}", tenant.0, flow.0).as_bytes());
    let number = i64::from_be_bytes(std::array::from_fn(|at| bytes[at]));
    crate::durable::lock(work, &[number]).await
}

impl Store {
    /// The value of a key.
    pub async fn get_value(&self, at: FlowKey<'_>) -> Result<Option<Vec<u8>>, Error> {
        let row = sqlx::query_file!("queries/key_value/get.sql", at.tenant.0, at.flow.0, at.key)
            .fetch_optional(self.hot())
            .await?;
        Ok(row.map(|row| row.value))
    }

    /// Sets a value, while the claim holds and the key has what it must have.
    pub async fn set_value(
        &self,
        claim: &Claim,
        at: FlowKey<'_>,
        value: &[u8],
        before: ValueBefore<'_>,
    ) -> Result<ValueWritten, Error> {
        let (expected, known) = match before {
            ValueBefore::Any => (0_i16, None),
            ValueBefore::None => (1, None),
            ValueBefore::Is(known) => (2, Some(known)),
        };
        let ClaimColumns { run_id, born_step, born_index, born_attempt, epoch, worker } =
            claim.columns();
        let _turn = self.writers().turn(at.tenant).await;
        let mut work = self.hot().begin().await?;
        lock(&mut work, at.tenant, at.flow).await?;
        let said = sqlx::query_file!(
            "queries/key_value/set.sql",
            at.tenant.0,
            at.flow.0,
            at.key,
            value,
            expected,
            known,
            MAX_TENANT_VALUE_BYTES,
            run_id,
            born_step,
            born_index,
            born_attempt,
            epoch,
            worker,
            VALUE_ROW_BYTES
        )
        .fetch_one(&mut *work)
        .await?;
        work.commit().await?;
        Ok(match (said.is_held, said.is_expected, said.fits) {
            (false, _, _) => ValueWritten::NotHeld,
            (true, false, _) => ValueWritten::Differs,
            (true, true, false) => ValueWritten::Full,
            (true, true, true) => ValueWritten::Done,
        })
    }

    /// Deletes a value, while the claim holds.
    pub async fn delete_value(
        &self,
        claim: &Claim,
        at: FlowKey<'_>,
    ) -> Result<ValueWritten, Error> {
        let ClaimColumns { run_id, born_step, born_index, born_attempt, epoch, worker } =
            claim.columns();
        let _turn = self.writers().turn(at.tenant).await;
        let mut work = self.hot().begin().await?;
        lock(&mut work, at.tenant, at.flow).await?;
        let said = sqlx::query_file!(
            "queries/key_value/delete.sql",
            at.tenant.0,
            at.flow.0,
            at.key,
            run_id,
            born_step,
            born_index,
            born_attempt,
            epoch,
            worker,
            VALUE_ROW_BYTES
        )
        .fetch_one(&mut *work)
        .await?;
        work.commit().await?;
        Ok(match (said.is_held, said.is_gone) {
            (false, _) => ValueWritten::NotHeld,
            (true, false) => ValueWritten::Differs,
            (true, true) => ValueWritten::Done,
        })
    }

    /// Keys of a flow that begin with this one, in the order of their bytes: those after `after`.
    pub async fn list_values(
        &self,
        prefix: FlowKey<'_>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>, Error> {
        let FlowKey { tenant, flow, key } = prefix;
        let rows =
            sqlx::query_file!("queries/key_value/list.sql", tenant.0, flow.0, key, after, limit)
                .fetch_all(self.hot())
                .await?;
        Ok(rows.into_iter().map(|row| row.key).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// The turn that is there at once.
    fn turn(writers: &Writers, tenant: i32) -> Option<Turn<'_>> {
        let mut turn = pin!(writers.turn(TenantId(tenant)));
        match turn.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn writers_of_one_tenant_wait_without_a_connection_and_all_leave_some_to_others() {
        let writers = Writers::default();
        let first = turn(&writers, 1);
        assert!(first.is_some() && turn(&writers, 1).is_none());
        let others: Vec<_> = (2..).map_while(|tenant| turn(&writers, tenant)).collect();
        assert_eq!(others.len(), MOST_WRITING - 1);
        drop(first);
        assert!(turn(&writers, 1).is_some());
    }
}
