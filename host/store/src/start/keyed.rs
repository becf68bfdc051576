//! Starts in a transaction of their own: once for an idempotency key, once for a business key, many together.

use model::{RunId, TenantId};
use sqlx::PgConnection;

use super::{Columns, StartAnswer, StartRun};
use crate::{Error, Store};

impl Store {
    /// What this key started before; `None` when nothing.
    pub async fn find_start(
        &self,
        tenant: TenantId,
        key: &str,
        request_sha256: [u8; 32],
    ) -> Result<Option<StartAnswer>, Error> {
        started_before(&mut *self.bound(tenant).await?, tenant, key, request_sha256).await
    }

    /// Starts a run in a transaction of its own: once for an idempotency key (`once`: the key and the request's digest),
    /// and only while no live run of its flow has its business key.
    pub async fn start_run_once(
        &self,
        start: StartRun,
        once: Option<(&str, [u8; 32])>,
    ) -> Result<StartAnswer, Error> {
        let mut work = self.begin(start.tenant).await?;
        if let Some((key, request_sha256)) = once
            && let Some(before) = keep_key(&mut work, &start, key, request_sha256).await?
        {
            return Ok(before);
        }
        let answer = insert(&mut work, &start).await?;
        if answer == StartAnswer::Started {
            work.commit().await?;
            self.bell().ready();
        }
        Ok(answer)
    }

    /// Starts runs of one tenant together: all of them or, when one cannot be, none; the answers are in their order. A live run with
    /// the same key counts as started.
    pub async fn start_runs(&self, starts: &[StartRun]) -> Result<Vec<StartAnswer>, Error> {
        let Some(first) = starts.first() else {
            return Ok(Vec::new());
        };
        let mut work = self.begin(first.tenant).await?;
        let mut answers = vec![StartAnswer::Started; starts.len()];
        // In one order, so that two batches do not wait for each other.
        let mut keyed: Vec<(usize, &str)> = Vec::new();
        for (at, start) in starts.iter().enumerate() {
            keyed.extend(start.key.as_deref().map(|key| (at, key)));
        }
        keyed.sort_by_key(|(_, key)| *key);
        for (at, key) in keyed {
            if let Some(live) = take_key(&mut work, &starts[at], key).await? {
                answers[at] = StartAnswer::Duplicate(live);
            }
        }
        let is_new = |(_, answer): &(&StartRun, &StartAnswer)| **answer == StartAnswer::Started;
        let new: Vec<&StartRun> =
            starts.iter().zip(&answers).filter(is_new).map(|(start, _)| start).collect();
        let started = Columns::of(&new, &vec![None; new.len()]).insert(&mut *work).await?;
        if started.len() < new.len() {
            return Ok(vec![StartAnswer::NotCurrent; starts.len()]);
        }
        work.commit().await?;
        self.bell().ready();
        Ok(answers)
    }
}

/// Inserts a run, and takes its business key.
pub(crate) async fn insert(
    work: &mut PgConnection,
    start: &StartRun,
) -> Result<StartAnswer, Error> {
    if let Some(key) = &start.key
        && let Some(live) = take_key(work, start, key).await?
    {
        return Ok(StartAnswer::Duplicate(live));
    }
    let started = Columns::of(&[start], &[None]).insert(&mut *work).await?;
    Ok(if started.is_empty() { StartAnswer::NotCurrent } else { StartAnswer::Started })
}

/// Takes an idempotency key; what it started before, if it did.
pub(crate) async fn keep_key(
    work: &mut PgConnection,
    start: &StartRun,
    key: &str,
    request_sha256: [u8; 32],
) -> Result<Option<StartAnswer>, Error> {
    let (tenant, run_id) = (start.tenant, start.run_id);
    let kept =
        sqlx::query_file!("queries/run/keep_key.sql", tenant.0, key, &request_sha256[..], run_id.0)
            .execute(&mut *work)
            .await?;
    if kept.rows_affected() > 0 {
        return Ok(None);
    }
    let before = started_before(work, tenant, key, request_sha256).await?;
    before.map(Some).ok_or_else(|| Error::unreadable("an idempotency key", "it is gone"))
}

/// Takes a business key; the live run that has it, if one does.
async fn take_key(
    work: &mut PgConnection,
    start: &StartRun,
    key: &str,
) -> Result<Option<RunId>, Error> {
    let (tenant, flow) = (start.tenant.0, start.flow_id.0);
    sqlx::query_file!("queries/run/lock_key.sql", tenant, flow, key).fetch_all(&mut *work).await?;
    let taken = sqlx::query_file!("queries/run/take_key.sql", tenant, flow, key, start.run_id.0)
        .execute(&mut *work)
        .await?;
    if taken.rows_affected() > 0 {
        return Ok(None);
    }
    let live =
        sqlx::query_file!("queries/run/has_key.sql", tenant, flow, key).fetch_one(work).await?;
    Ok(Some(RunId(live.run_id)))
}

async fn started_before<'c, E: sqlx::PgExecutor<'c>>(
    connection: E,
    tenant: TenantId,
    key: &str,
    request_sha256: [u8; 32],
) -> Result<Option<StartAnswer>, Error> {
    let row = sqlx::query_file!("queries/run/find_key.sql", tenant.0, key)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| match row.request_sha256 == request_sha256 {
        true => StartAnswer::Existing(RunId(row.run_id)),
        false => StartAnswer::Mismatch,
    }))
}
