//! The audit log: who changed what may run, or who may do what.

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use model::{Digest, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{AuditCheck, AuditRow};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{Admin, Caller, Read};
use crate::cursor::List;
use crate::params::{Params, page_size};
use crate::problem::Problem;
use crate::state::State;
use crate::tenants::{find, not_found};

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryView {
    /// Its place in the chain, from 1 without gaps.
    number: i64,
    /// When, RFC 3339.
    at: String,
    /// The tenant it concerns; absent: it concerns the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// That tenant's number, which no other one ever has.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<i32>,
    /// Who did it: the id of a key, or `operator at the database`.
    actor: String,
    /// What was done: `key.create`, `flow.activate`, ...
    action: String,
    /// To what.
    subject: String,
    /// What there is to say about it.
    #[schema(value_type = serde_json::Value)]
    detail: Box<RawValue>,
    /// The seal of the entry before it.
    previous_sha256: String,
    /// Its seal: the sha256 of `number`, `at`, `tenant_id`, `tenant`, `actor`, `action`, `subject`, `detail` and
    /// `previous_sha256` as netstrings, one after another.
    sha256: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl TryFrom<AuditRow> for EntryView {
    type Error = Problem;

    fn try_from(row: AuditRow) -> Result<Self, Problem> {
        let detail = RawValue::from_string(row.detail).map_err(|why| Problem::internal(&why))?;
        Ok(Self {
            number: row.number,
            at: row.at,
            tenant: row.tenant_name,
            tenant_id: row.tenant_id,
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            detail,
            previous_sha256: hex(&row.previous_sha256),
            sha256: hex(&row.sha256),
        })
    }
}

/// A page of the audit log, the newest entry first.
#[derive(Debug, Serialize, ToSchema)]
struct AuditPage {
    /// The entries.
    entries: Vec<EntryView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What walking the audit log came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditCheck)]
struct CheckView {
    /// True: every entry is as it was written, and none is missing before the last one.
    intact: bool,
    /// Entries that are as they were written, from the first on.
    entries: i64,
    /// The seal of the last of them. Keep it elsewhere: where the end of the log is cut off, no later check has it.
    #[schema(value_type = String)]
    head: Digest,
    /// The first entry that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<i64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// With an admin key: only what concerns the tenant of this name. Defaults to every one, and the host.
    tenant: Option<String>,
    /// Entries in a page, 500 at most. Defaults to 50.
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A page of the audit log, the newest entry first: an admin key sees every tenant's entries, any other key its tenant's.
#[utoipa::path(
    get,
    path = "/v1/audit",
    tag = "tenants",
    params(AuditQuery),
    responses((status = 200, description = "a page", body = AuditPage))
)]
pub(crate) async fn list_audit(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<AuditQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(query.limit)?;
    let of = match &query.tenant {
        // Whoever sees one tenant alone knows its name, and of no other one.
        Some(name) if caller.is_operator() || *name == caller.tenant_name => {
            Some(TenantId(find(&state, name).await?.id))
        }
        Some(_) => return Err(not_found()),
        None if caller.is_operator() => None,
        None => Some(caller.tenant),
    };
    let list = List { tenant: caller.tenant, name: &format!("audit\n{of:?}") };
    let before = list.after(query.cursor.as_deref())?;
    let before = before.and_then(|place| place.parse().ok());
    let rows = state.store().list_audit(of, before, limit).await?;
    let next = list.next(&rows, limit, |last| last.number.to_string());
    let entries = rows.into_iter().map(EntryView::try_from).collect::<Result<_, _>>()?;
    Ok(axum::Json(AuditPage { entries, next }).into_response())
}

/// Walks the whole audit log and says where it is broken first.
#[utoipa::path(
    get,
    path = "/v1/audit/verify",
    tag = "tenants",
    responses((status = 200, description = "what it came to", body = CheckView))
)]
pub(crate) async fn verify_audit(
    Shared(state): Shared<State>,
    _caller: Caller<Admin>,
) -> Result<Response, Problem> {
    let AuditCheck { entries, head, broken } = state.store().check_audit().await?;
    let intact = broken.is_none();
    let (broken_at, why) = broken.unzip();
    Ok(axum::Json(CheckView { intact, entries, head, broken_at, why }).into_response())
}
