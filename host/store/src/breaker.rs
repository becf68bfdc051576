//! Circuit breakers: one for each tenant and origin, shared by all hosts.

use std::time::Duration;

use model::{Origin, TenantId};

use crate::claim::ClaimColumns;
use crate::{Claim, Error, Store};

/// A call that is about to go out.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The claim it is made under.
    pub claim: Claim,
    /// Where it goes.
    pub origin: &'a Origin,
    /// When it counts as lost, should it be a probe.
    pub lost_after: Duration,
    /// Names it, should it be a probe.
    pub number: i64,
}

/// What a breaker says to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be made.
    Go(Pass),
    /// Calls are held back, for so long.
    Refused {
        /// When the next call may be let through.
        retry_in: Duration,
    },
    /// The claim it would be made under no longer holds.
    NotHeld,
}

/// Lets one call through; its breaker is told what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    tenant: TenantId,
    origin: String,
    /// The number of the probe it is; `None`: the breaker is closed.
    probe: Option<i64>,
}

/// What a call came to, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody answered, and not with a fault of their own.
    Well,
    /// Nobody answered, or with a fault of their own.
    Badly,
    /// It was not made, or not to its end, for reasons of ours.
    Unknown,
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRule {
    /// Failures in a row that open it. Defaults to 5, 1 at least.
    pub failures: u32,
    /// How long it stays open before a probe. Defaults to 30 s.
    pub recovery: Duration,
}

impl Default for BreakerRule {
    fn default() -> Self {
        Self { failures: 5, recovery: Duration::from_secs(30) }
    }
}

/// A breaker as lists show it.
#[derive(Clone, Debug)]
pub struct BreakerRow {
    /// Where the calls go.
    pub origin: String,
    /// Failures in a row.
    pub failures: i32,
    /// Since when it is open, RFC 3339; `None`: it is closed.
    pub opened_at: Option<String>,
    /// When the next call is let through.
    pub retry_at: Option<String>,
    /// True: a call was let through to see whether it goes well.
    pub is_probed: bool,
    /// How often it opened.
    pub opened_count: i64,
    /// Calls it held back.
    pub refused_count: i64,
}

/// Breakers that are deleted in one statement.
const MOST_FORGOTTEN: i64 = 1_000;

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Whether a call may go out now: its claim holds, and the breaker of its origin lets it through. Where the breaker
    /// is closed nothing is written.
    pub async fn admit_call(&self, call: &Outgoing<'_>) -> Result<Admission, Error> {
        let Outgoing { claim, origin, lost_after, number } = call;
        let (tenant, origin) = (claim.tenant(), origin.to_string());
        let ClaimColumns { run_id, born_step, born_index, born_attempt, epoch, worker } =
            claim.columns();
        let seen = sqlx::query_file!(
            "queries/breaker/look.sql",
            tenant.0,
            run_id,
            born_step,
            born_index,
            born_attempt,
            epoch,
            worker,
            origin
        )
        .fetch_one(self.hot())
        .await?;
        if !seen.is_held {
            return Ok(Admission::NotHeld);
        }
        if !seen.is_open {
            return Ok(Admission::Go(Pass { tenant, origin, probe: None }));
        }
        let lost_after = milliseconds(*lost_after);
        let asked =
            sqlx::query_file!("queries/breaker/ask.sql", tenant.0, origin, number, lost_after)
                .fetch_optional(self.hot())
                .await?;
        Ok(match asked {
            None => Admission::Go(Pass { tenant, origin, probe: None }),
            Some(asked) if asked.is_probe => {
                Admission::Go(Pass { tenant, origin, probe: Some(*number) })
            }
            Some(asked) => {
                let left = u64::try_from(asked.left_ms).unwrap_or(0).max(1);
                Admission::Refused { retry_in: Duration::from_millis(left) }
            }
        })
    }

    /// Tells a breaker what a call came to that it let through.
    pub async fn conclude_call(
        &self,
        pass: &Pass,
        verdict: Verdict,
        rule: BreakerRule,
    ) -> Result<(), Error> {
        let (tenant, origin) = (pass.tenant.0, &pass.origin);
        let recovery = milliseconds(rule.recovery);
        let query = match (verdict, pass.probe) {
            (Verdict::Well, probe) => {
                sqlx::query_file!("queries/breaker/close.sql", tenant, origin, probe)
            }
            (Verdict::Badly, None) => {
                let most = i32::try_from(rule.failures).unwrap_or(i32::MAX);
                sqlx::query_file!("queries/breaker/fail.sql", tenant, origin, most, recovery)
            }
            (Verdict::Badly, Some(probe)) => {
                sqlx::query_file!("queries/breaker/reopen.sql", tenant, origin, probe, recovery)
            }
            (Verdict::Unknown, None) => return Ok(()),
            (Verdict::Unknown, Some(probe)) => {
                sqlx::query_file!("queries/breaker/give_back.sql", tenant, origin, probe)
            }
        };
        query.execute(self.hot()).await?;
        Ok(())
    }

    /// A page of a tenant's breakers by origin, those after this one.
    pub async fn list_breakers(
        &self,
        tenant: TenantId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<BreakerRow>, Error> {
        let rows = sqlx::query_file!("queries/breaker/list.sql", tenant.0, after, limit)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        let row = rows.into_iter().map(|row| BreakerRow {
            origin: row.origin,
            failures: row.failure_count,
            opened_at: row.opened_at,
            retry_at: row.retry_at,
            is_probed: row.is_probed,
            opened_count: row.opened_count,
            refused_count: row.refused_count,
        });
        Ok(row.collect())
    }

    /// Deletes breakers that have rested for an hour, some at a time. True: there may be more.
    pub async fn forget_breakers(&self) -> Result<bool, Error> {
        let done = sqlx::query_file!("queries/breaker/forget.sql", MOST_FORGOTTEN)
            .execute(self.pool())
            .await?;
        Ok(i64::try_from(done.rows_affected()) == Ok(MOST_FORGOTTEN))
    }

    /// How many breakers are open, all tenants together.
    pub async fn count_open_breakers(&self) -> Result<i64, Error> {
        let row =
            sqlx::query_file!("queries/breaker/count_open.sql").fetch_one(self.pool()).await?;
        Ok(row.count)
    }
}
