//! What the host answers the operator: tenants, keys, the audit log.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A page of tenants.
#[derive(Deserialize)]
pub(crate) struct Tenants {
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) next: Option<String>,
}

/// A tenant.
#[derive(Deserialize)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) created_at: String,
    pub(crate) frozen_at: Option<String>,
}

/// A key that was made.
#[derive(Deserialize)]
pub(crate) struct MadeKey {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) tenant: String,
}

/// A page of keys.
#[derive(Deserialize)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<Key>,
    pub(crate) next: Option<String>,
}

/// A key without its secret.
#[derive(Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) label: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) expires_at: Option<String>,
    pub(crate) revoked_at: Option<String>,
}

/// A page of the audit log.
#[derive(Deserialize)]
pub(crate) struct AuditEntries {
    pub(crate) entries: Vec<AuditEntry>,
    pub(crate) next: Option<String>,
}

/// An entry of the audit log.
#[derive(Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) number: u64,
    pub(crate) at: String,
    pub(crate) tenant: Option<String>,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) detail: Box<RawValue>,
}

/// What walking the audit log came to.
#[derive(Deserialize)]
pub(crate) struct AuditCheck {
    pub(crate) intact: bool,
    pub(crate) entries: u64,
    pub(crate) head: String,
    pub(crate) broken_at: Option<u64>,
    pub(crate) why: Option<String>,
}
