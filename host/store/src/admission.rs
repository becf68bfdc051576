//! What tasks wait for before an attempt: places under keys, shares of rates, components.
//!
//! A token carries its place: it is counted while the token stands where it was admitted, and free once the token moves or
//! goes, whatever moved it. So nothing can be held by nobody.

use std::time::Duration;

use model::{Digest, Position, RateLimit, TenantId, WorkerId};
use sqlx::PgConnection;

use crate::flow::step_number;
use crate::token::{Held, TokenId, encode};
use crate::{Error, Store};

/// Places and shares granted for one key or rate at a time.
const MOST_GRANTED: i64 = 1_000;
/// Keys or rates looked at together: each is a lock, and Postgres has room for a few thousand.
const MOST_ASKED: i64 = 64;
/// Full buckets deleted together.
const MOST_FORGOTTEN: i64 = 1_000;

/// What an attempt needs before it may begin.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// A place under this key, and how many there are.
    pub place: Option<(String, u16)>,
    /// A share of a rate.
    pub share: Option<Share>,
}

/// A share of a rate.
#[derive(Clone, Debug)]
pub struct Share {
    /// Which rate.
    pub rate: RateLimit,
    /// Which of its buckets.
    pub key: Option<String>,
    /// How much.
    pub weight: u32,
}

impl Share {
    /// The bucket's name. A rate's name has no `/`.
    fn bucket(&self) -> String {
        match &self.key {
            Some(key) => format!("{}/{key}", self.rate.name),
            None => self.rate.name.to_string(),
        }
    }
}

/// Where to go on with keys and rates that somebody waits under.
#[derive(Clone, Debug, Default)]
pub struct WaitingPlace(Option<(TenantId, String)>);

impl WaitingPlace {
    fn columns(&self) -> (i32, &str) {
        self.0.as_ref().map_or((0, ""), |(tenant, name)| (tenant.0, name))
    }

    /// After the last of a full page; else from the beginning.
    fn after(page: &[(TenantId, String)]) -> Self {
        let is_full = i64::try_from(page.len()).is_ok_and(|count| count >= MOST_ASKED);
        Self(page.last().filter(|_| is_full).cloned())
    }

    /// True: everything was looked at.
    pub fn is_start(&self) -> bool {
        self.0.is_none()
    }
}

/// What granting did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// Tokens that became ready.
    pub tokens: i64,
    /// How long it takes until there is enough for another one; `None`: nobody waits.
    pub next: Option<Duration>,
}

/// Lets one transaction at a time decide about a key or a rate.
async fn lock(
    work: &mut PgConnection,
    kind: &str,
    names: &[(TenantId, String)],
) -> Result<(), Error> {
    let number = |(tenant, name): &(TenantId, String)| {
        let Digest(bytes) = Digest::of(format!("{kind} {} {name}", tenant.0).as_bytes());
        i64::from_be_bytes(std::array::from_fn(|at| bytes[at]))
    };
    let numbers: Vec<i64> = names.iter().map(number).collect();
    crate::durable::lock(work, &numbers).await
}

fn columns(names: &[(TenantId, String)]) -> (Vec<i32>, Vec<&str>) {
    names.iter().map(|(tenant, name)| (tenant.0, name.as_str())).unzip()
}

impl Store {
    /// Whether a token in hand may run its task now. False: it was given back, at this position, and waits; or it was not
    /// ours any more.
    pub async fn admit(
        &self,
        worker: WorkerId,
        held: Held,
        position: &Position,
        needed: &Needed,
    ) -> Result<bool, Error> {
        let TokenId { tenant, run_id, born_step, born_index, born_attempt } = held.id;
        let (key, key_limit) = match &needed.place {
            Some((key, limit)) => {
                (Some(key.as_str()), Some(i16::try_from(*limit).unwrap_or(i16::MAX)))
            }
            None => (None, None),
        };
        let share = needed.share.as_ref();
        let bucket = share.map(Share::bucket);
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let place = encode(position);
        let mut work = self.hot().begin().await?;
        // Keys before rates, here and everywhere.
        if let Some(key) = key {
            lock(&mut work, "key", &[(tenant, key.to_owned())]).await?;
        }
        if let Some(bucket) = &bucket {
            lock(&mut work, "rate", &[(tenant, bucket.clone())]).await?;
        }
        let row = sqlx::query_file!(
            "queries/admission/admit.sql",
            worker.0,
            tenant.0,
            run_id.0,
            step_number(born_step),
            born_index,
            born_attempt,
            held.epoch,
            key,
            key_limit,
            bucket,
            share.map(|share| number(share.weight)),
            share.map(|share| share.rate.interval_us()),
            share.map(|share| number(share.rate.burst)),
            place.step,
            place.lo,
            place.hi,
            place.attempt,
            place.phase,
        )
        .fetch_optional(&mut *work)
        .await?;
        work.commit().await?;
        Ok(row.is_some_and(|row| row.is_open))
    }

    /// Gives free places under these keys to those that wait for one. Whoever begins to wait meanwhile sees that they are free.
    pub async fn grant_places(&self, keys: &[(TenantId, String)]) -> Result<Granted, Error> {
        let mut granted = Granted::default();
        for keys in keys.chunks(usize::try_from(MOST_ASKED).unwrap_or(1)) {
            let (tenants, names) = columns(keys);
            let rows = sqlx::query_file!(
                "queries/admission/waited_under.sql",
                &tenants,
                &names as &[&str]
            )
            .fetch_all(self.hot())
            .await?;
            let keys: Vec<_> =
                rows.into_iter().map(|row| (TenantId(row.tenant_id), row.key)).collect();
            granted.tokens += self.give_places(&keys).await?;
        }
        Ok(granted)
    }

    async fn give_places(&self, keys: &[(TenantId, String)]) -> Result<i64, Error> {
        if keys.is_empty() {
            return Ok(0);
        }
        let (tenants, names) = columns(keys);
        let mut work = self.hot().begin().await?;
        lock(&mut work, "key", keys).await?;
        let done = sqlx::query_file!(
            "queries/admission/grant_places.sql",
            &tenants,
            &names as &[&str],
            MOST_GRANTED
        )
        .execute(&mut *work)
        .await?;
        work.commit().await?;
        Ok(i64::try_from(done.rows_affected()).unwrap_or(0))
    }

    /// Gives free places to those that wait under the next few keys: some were freed by an end that told nobody.
    pub async fn sweep_places(
        &self,
        after: &WaitingPlace,
    ) -> Result<(Granted, WaitingPlace), Error> {
        let (tenant, key) = after.columns();
        let rows = sqlx::query_file!("queries/admission/keys.sql", tenant, key, MOST_ASKED)
            .fetch_all(self.hot())
            .await?;
        let keys: Vec<_> = rows.into_iter().map(|row| (TenantId(row.tenant_id), row.key)).collect();
        let granted = Granted { tokens: self.give_places(&keys).await?, next: None };
        Ok((granted, WaitingPlace::after(&keys)))
    }

    /// Lets those run that wait for the next few rates, as far as there is enough for them.
    pub async fn grant_shares(
        &self,
        after: &WaitingPlace,
    ) -> Result<(Granted, WaitingPlace), Error> {
        let (tenant, rate) = after.columns();
        let rows = sqlx::query_file!("queries/admission/rates.sql", tenant, rate, MOST_ASKED)
            .fetch_all(self.hot())
            .await?;
        let rates: Vec<_> =
            rows.into_iter().map(|row| (TenantId(row.tenant_id), row.rate)).collect();
        if rates.is_empty() {
            return Ok((Granted::default(), WaitingPlace::default()));
        }
        let (tenants, names) = columns(&rates);
        let mut work = self.hot().begin().await?;
        lock(&mut work, "rate", &rates).await?;
        let row = sqlx::query_file!(
            "queries/admission/grant_shares.sql",
            &tenants,
            &names as &[&str],
            MOST_GRANTED
        )
        .fetch_one(&mut *work)
        .await?;
        work.commit().await?;
        let next = row.next_in_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Ok((Granted { tokens: row.granted, next }, WaitingPlace::after(&rates)))
    }

    /// Deletes buckets that have been full for a while, some at a time. True: there may be more.
    pub async fn forget_buckets(&self) -> Result<bool, Error> {
        let done = sqlx::query_file!("queries/admission/forget_buckets.sql", MOST_FORGOTTEN)
            .execute(self.pool())
            .await?;
        Ok(i64::try_from(done.rows_affected()) == Ok(MOST_FORGOTTEN))
    }

    /// Has a token in hand wait for its component, so long in all. False: it has waited so long, and is still ours.
    pub async fn block(
        &self,
        worker: WorkerId,
        held: Held,
        position: &Position,
        most: Duration,
    ) -> Result<bool, Error> {
        let TokenId { tenant, run_id, born_step, born_index, born_attempt } = held.id;
        let place = encode(position);
        let row = sqlx::query_file!(
            "queries/admission/block.sql",
            worker.0,
            tenant.0,
            run_id.0,
            step_number(born_step),
            born_index,
            born_attempt,
            held.epoch,
            i64::try_from(most.as_millis()).unwrap_or(i64::MAX),
            place.step,
            place.lo,
            place.hi,
            place.attempt,
            place.phase,
        )
        .fetch_one(self.hot())
        .await?;
        Ok(!row.is_over)
    }
}

/// What waits for a component of this tenant looks again once this transaction is committed; true: something does.
pub(crate) async fn unblock(work: &mut PgConnection, tenant: TenantId) -> Result<bool, Error> {
    let done = sqlx::query_file!("queries/admission/unblock.sql", tenant.0).execute(work).await?;
    Ok(done.rows_affected() > 0)
}
