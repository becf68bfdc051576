//! Components that are not called until somebody releases them.

use std::collections::HashMap;

use model::{Digest, Position, TenantId, WorkerId};
use serde_json::json;

use crate::admission::unblock;
use crate::component::read_digest;
use crate::flow::step_number;
use crate::token::{Held, TokenId, encode};
use crate::{Action, By, Entry, Error, Store, audit};

/// Why a component is in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// In words.
    pub reason: String,
    /// Since when, RFC 3339.
    pub since: String,
}

impl Store {
    /// Puts a component in quarantine. False: it is there already, or there is no such component.
    pub async fn quarantine(
        &self,
        by: By<'_>,
        digest: Digest,
        reason: &str,
    ) -> Result<bool, Error> {
        let mut work = self.begin(by.tenant).await?;
        let done =
            sqlx::query_file!("queries/quarantine/put.sql", by.tenant.0, &digest.0[..], reason)
                .execute(&mut *work)
                .await?;
        let is_new = done.rows_affected() == 1;
        if is_new {
            let subject = digest.to_string();
            let entry = Entry::new(by, Action::ComponentQuarantine, &subject);
            audit::write(&mut work, &entry.saying(json!({ "reason": reason }))).await?;
        }
        work.commit().await?;
        Ok(is_new)
    }

    /// Releases a component: what waits for it goes on. False: it was not in quarantine.
    pub async fn release_component(&self, by: By<'_>, digest: Digest) -> Result<bool, Error> {
        let mut work = self.begin(by.tenant).await?;
        let (tenant, bytes) = (by.tenant.0, &digest.0[..]);
        let done = sqlx::query_file!("queries/quarantine/release.sql", tenant, bytes)
            .fetch_one(&mut *work)
            .await?;
        let is_gone = done.released == 1;
        // With it, or what waits would wait for ever where the host ends in between.
        let is_awaited = unblock(&mut work, by.tenant).await?;
        if is_gone {
            let subject = digest.to_string();
            audit::write(&mut work, &Entry::new(by, Action::ComponentRelease, &subject)).await?;
        }
        work.commit().await?;
        if is_awaited {
            self.bell().ready();
        }
        Ok(is_gone)
    }

    /// Every component in quarantine.
    pub async fn list_quarantined(&self) -> Result<Vec<(TenantId, Digest)>, Error> {
        let rows = sqlx::query_file!("queries/quarantine/list.sql").fetch_all(self.pool()).await?;
        rows.iter().map(|row| Ok((TenantId(row.tenant_id), read_digest(&row.digest)?))).collect()
    }

    /// Which of these components are in quarantine, and why.
    pub async fn find_quarantined(
        &self,
        tenant: TenantId,
        digests: &[Digest],
    ) -> Result<HashMap<Digest, Quarantine>, Error> {
        let digests: Vec<Vec<u8>> = digests.iter().map(|digest| digest.0.to_vec()).collect();
        let rows = sqlx::query_file!("queries/quarantine/reasons.sql", tenant.0, &digests)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                let quarantine = Quarantine { reason: row.reason, since: row.since };
                Ok((read_digest(&row.digest)?, quarantine))
            })
            .collect()
    }

    /// A token waits until its component is released. False: it is, and the token stays in the worker's hands.
    pub async fn block_until_released(
        &self,
        worker: WorkerId,
        held: Held,
        position: &Position,
        digest: Digest,
    ) -> Result<bool, Error> {
        let TokenId { tenant, run_id, born_step, born_index, born_attempt } = held.id;
        let place = encode(position);
        let row = sqlx::query_file!(
            "queries/quarantine/block.sql",
            worker.0,
            tenant.0,
            run_id.0,
            step_number(born_step),
            born_index,
            born_attempt,
            held.epoch,
            &digest.0[..],
            place.step,
            place.lo,
            place.hi,
            place.attempt,
            place.phase,
        )
        .fetch_one(self.hot())
        .await?;
        Ok(!row.is_released)
    }
}
