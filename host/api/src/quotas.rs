//! What tenants may take and what they took; and the refusal of what is more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use model::{Code, Json, Quota, TenantId};
use serde::{Deserialize, Serialize};
use store::{By, OverQuota, Period, Store, UsageRow};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Admin, Caller, Read};
use crate::body;
use crate::params::{Params, Parts};
use crate::problem::Problem;
use crate::state::State;
use crate::tenants;

/// Tenants whose requests are remembered; all of them forgotten at once only lets each ask for a second's more.
const MOST_REMEMBERED: usize = 10_000;
/// Hours or days in one answer.
const MOST_PERIODS: i32 = 1_000;

/// When each tenant's second of requests will be there again in full.
#[derive(Default)]
pub(crate) struct Requests(Mutex<HashMap<TenantId, Instant>>);

impl Requests {
    /// Takes one request from a tenant's second of them.
    pub(crate) async fn take(&self, store: &Store, tenant: TenantId) -> Result<(), Problem> {
        let Some(limit) = store.quota(tenant).await?.requests_per_second else {
            return Ok(());
        };
        let wait = self.wait(tenant, limit, Instant::now());
        if wait.is_zero() {
            return Ok(());
        }
        let (field, limit) = ("requests_per_second", u64::from(limit));
        Err(over(OverQuota { field, limit, retry_in: wait }))
    }

    /// How long it takes until there is one; zero: it was taken.
    fn wait(&self, tenant: TenantId, limit: u32, now: Instant) -> Duration {
        let each = Duration::from_secs(1) / limit.max(1);
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= MOST_REMEMBERED {
            full_at.retain(|_, full_at| *full_at > now);
        }
        let full_at = full_at.entry(tenant).or_insert(now);
        let next = (*full_at).max(now) + each;
        let wait = next.saturating_duration_since(now + Duration::from_secs(1));
        if wait.is_zero() {
            *full_at = next;
        }
        wait
    }
}

/// Takes so many starts from what the tenant may start.
pub(crate) async fn admit_runs(
    state: &State,
    tenant: TenantId,
    count: usize,
) -> Result<(), Problem> {
    match state.store().admit_runs(tenant, count as u64).await? {
        None => Ok(()),
        Some(used_up) => Err(over(used_up)),
    }
}

/// Refuses to store so many bytes more where that is more than the tenant may.
pub(crate) async fn admit_bytes(
    state: &State,
    tenant: TenantId,
    bytes: usize,
) -> Result<(), Problem> {
    match state.store().admit_bytes(tenant, bytes as u64).await? {
        None => Ok(()),
        Some(used_up) => Err(over(used_up)),
    }
}

/// Refuses one component more, of so many bytes, where that is more than the tenant may have.
pub(crate) async fn admit_component(
    state: &State,
    tenant: TenantId,
    bytes: usize,
) -> Result<(), Problem> {
    match state.store().admit_component(tenant, bytes as u64).await? {
        None => Ok(()),
        Some(used_up) => Err(over(used_up)),
    }
}

/// Refuses what is beyond a quota.
pub(crate) fn over(OverQuota { field, limit, retry_in }: OverQuota) -> Problem {
    let detail = format!("the tenant's quota `{field}` of {limit} is used up; nothing was done");
    Problem::new(Code::QuotaExceeded, detail).limit(limit).retry_in(retry_in)
}

/// What a tenant may take. What is absent is as usual, what is null is not limited.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quota)]
struct QuotaView {
    /// Its share beside other tenants', 1 to 10,000. Defaults to 100.
    weight: u32,
    /// Attempts that run at a time, over all hosts; built-in steps are none. Defaults to null.
    running_attempts: Option<u32>,
    /// Runs that have not ended: queued, running or parked. Passed at most by what several hosts start within the ten seconds, or
    /// fifty times the time, that a count holds. Defaults to 1,000,000.
    live_runs: Option<u64>,
    /// Runs started in a second, over all hosts. Defaults to null.
    runs_per_second: Option<u32>,
    /// Fuel used in a minute, over all hosts; attempts that run go on, the next ones wait. Defaults to null.
    fuel_per_minute: Option<u64>,
    /// Bytes of components, flows, closures, schedules, secrets, values, inputs, outputs, states, signals and logs; as counted
    /// last. Defaults to 64 GiB.
    stored_bytes: Option<u64>,
    /// Uploaded components. Defaults to 1,000.
    components: Option<u32>,
    /// Seconds of compilation in a day (UTC). Defaults to 3,600.
    compile_seconds_per_day: Option<u32>,
    /// Requests in a second, on each host. Defaults to 1,000.
    requests_per_second: Option<u32>,
}

impl From<Quota> for QuotaView {
    fn from(quota: Quota) -> Self {
        let Quota {
            weight,
            running_attempts,
            live_runs,
            runs_per_second,
            fuel_per_minute,
            stored_bytes,
            components,
            compile_seconds_per_day,
            requests_per_second,
        } = quota;
        Self {
            weight,
            running_attempts,
            live_runs,
            runs_per_second,
            fuel_per_minute,
            stored_bytes,
            components,
            compile_seconds_per_day,
            requests_per_second,
        }
    }
}

/// A tenant's quota, and what it stores.
#[derive(Debug, Serialize, ToSchema)]
struct QuotaAnswer {
    /// What it may take.
    quota: QuotaView,
    /// What it stores, in bytes, as counted last; a round of counting takes a while.
    stored_bytes: u64,
}

/// The caller's quota.
#[utoipa::path(
    get,
    path = "/v1/quota",
    tag = "quotas",
    responses((status = 200, description = "the quota", body = QuotaAnswer))
)]
pub(crate) async fn get_own_quota(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
) -> Result<Response, Problem> {
    shown(&state, caller.tenant).await
}

/// A tenant's quota.
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/quota",
    tag = "quotas",
    params(("tenant" = String, Path, description = "the tenant's name")),
    responses((status = 200, description = "the quota", body = QuotaAnswer))
)]
pub(crate) async fn get_quota(
    Shared(state): Shared<State>,
    _caller: Caller<Admin>,
    Parts(tenant): Parts<String>,
) -> Result<Response, Problem> {
    let tenant = find_tenant(&state, &tenant).await?;
    shown(&state, tenant).await
}

/// Says what a tenant may take. What the body leaves out is as usual. Every host holds to it within seconds.
#[utoipa::path(
    put,
    path = "/v1/tenants/{tenant}/quota",
    tag = "quotas",
    params(("tenant" = String, Path, description = "the tenant's name")),
    request_body(content = QuotaView, content_type = "application/json"),
    responses((status = 200, description = "the quota", body = QuotaAnswer))
)]
pub(crate) async fn put_quota(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(tenant): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let body = body::json(request).await?;
    let quota: Quota = body::read_object(body.as_ref().map_or("{}", Json::as_str))?;
    if let Some((field, detail)) = quota.problem() {
        return Err(Problem::new(Code::RequestInvalid, detail).at(format!("/{field}")));
    }
    let tenant = find_tenant(&state, &tenant).await?;
    state.store().put_quota(By { tenant, ..caller.by() }, &quota).await?;
    shown(&state, tenant).await
}

async fn find_tenant(state: &State, name: &str) -> Result<TenantId, Problem> {
    state.store().find_tenant(name).await?.ok_or_else(tenants::not_found)
}

async fn shown(state: &State, tenant: TenantId) -> Result<Response, Problem> {
    let (quota, stored_bytes) = state.store().read_quota(tenant).await?.unwrap_or_default();
    Ok(axum::Json(QuotaAnswer { quota: quota.into(), stored_bytes }).into_response())
}

/// What is added up.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageQuery {
    /// `hour` or `day` (UTC). Defaults to `hour`.
    by: Option<String>,
    /// The last so many hours or days, 1,000 at most. Defaults to 24.
    count: Option<i32>,
}

/// What a tenant used in an hour or a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
struct UsageView {
    /// When it began, RFC 3339.
    since: String,
    /// Attempts that ended.
    attempts: u64,
    /// Those among them that failed.
    failed_attempts: u64,
    /// Fuel.
    fuel: u64,
    /// Time from the begin of attempts to their end, in microseconds.
    wall_us: u64,
    /// Calls of guests into the host.
    host_calls: u64,
    /// Bytes given to handlers.
    input_bytes: u64,
    /// Bytes of their answers.
    output_bytes: u64,
    /// Bytes of their logs.
    log_bytes: u64,
    /// Time spent on compiling uploads, in milliseconds.
    compile_ms: u64,
}

impl From<UsageRow> for UsageView {
    fn from(row: UsageRow) -> Self {
        let UsageRow { since, attempts, failed_attempts, used, compile_ms } = row;
        Self {
            since,
            attempts,
            failed_attempts,
            fuel: used.fuel,
            wall_us: used.wall_us,
            host_calls: used.host_calls,
            input_bytes: used.input_bytes,
            output_bytes: used.output_bytes,
            log_bytes: used.log_bytes,
            compile_ms,
        }
    }
}

/// What a tenant used, newest first. An hour or day in which it used nothing is not there.
#[derive(Debug, Serialize, ToSchema)]
struct UsageAnswer {
    /// The hours or days.
    usage: Vec<UsageView>,
}

/// What the caller used: the sums of the receipts of its attempts.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "quotas",
    params(UsageQuery),
    responses((status = 200, description = "the usage", body = UsageAnswer))
)]
pub(crate) async fn list_own_usage(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<UsageQuery>,
) -> Result<Response, Problem> {
    usage(&state, caller.tenant, &query).await
}

/// What a tenant used: the sums of the receipts of its attempts.
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/usage",
    tag = "quotas",
    params(("tenant" = String, Path, description = "the tenant's name"), UsageQuery),
    responses((status = 200, description = "the usage", body = UsageAnswer))
)]
pub(crate) async fn list_usage(
    Shared(state): Shared<State>,
    _caller: Caller<Admin>,
    Parts(tenant): Parts<String>,
    Params(query): Params<UsageQuery>,
) -> Result<Response, Problem> {
    let tenant = find_tenant(&state, &tenant).await?;
    usage(&state, tenant, &query).await
}

async fn usage(state: &State, tenant: TenantId, query: &UsageQuery) -> Result<Response, Problem> {
    let by = match query.by.as_deref() {
        None | Some("hour") => Period::Hour,
        Some("day") => Period::Day,
        Some(_) => return Err(Problem::new(Code::RequestInvalid, "`by` is `hour` or `day`")),
    };
    let count = query.count.unwrap_or(24);
    if !(1..=MOST_PERIODS).contains(&count) {
        let detail = format!("`count` is 1 to {MOST_PERIODS}");
        return Err(Problem::new(Code::RequestInvalid, detail).limit(MOST_PERIODS as u64));
    }
    let rows = state.store().list_usage(tenant, by, count).await?;
    let usage = rows.into_iter().map(UsageView::from).collect();
    Ok(axum::Json(UsageAnswer { usage }).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_its_second_of_requests_at_once_and_then_one_after_another() {
        let (requests, now) = (Requests::default(), Instant::now());
        let taken = || requests.wait(TenantId(1), 10, now).is_zero();
        assert_eq!(std::iter::from_fn(|| taken().then_some(())).count(), 10);
        let wait = requests.wait(TenantId(1), 10, now);
        assert_eq!(wait, Duration::from_millis(100));
        assert!(requests.wait(TenantId(2), 10, now).is_zero());
        assert!(requests.wait(TenantId(1), 10, now + wait).is_zero());
        assert!(!requests.wait(TenantId(1), 10, now + wait).is_zero());
    }
}
