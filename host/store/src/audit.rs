//! The audit log: who changed what may run, or who may do what; each entry is sealed with the one before it.

use model::{Digest, TenantId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{Error, Store};

/// Entries that are looked at together.
const BITE: i64 = 500;

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor<'a> {
    /// Whoever holds the key of this id.
    Key(&'a str),
    /// Whoever reaches Postgres past the API.
    Operator,
    /// A host by itself.
    Host,
}

impl<'a> Actor<'a> {
    /// As the log keeps it. No key has such an id: it has blanks.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Key(id) => id,
            Self::Operator => "operator at the database",
            Self::Host => "a host",
        }
    }
}

/// For whom something is changed, and who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By<'a> {
    /// Whose things are changed.
    pub tenant: TenantId,
    /// Who changes them.
    pub actor: Actor<'a>,
}

impl By<'static> {
    /// Whoever reaches Postgres past the API.
    pub fn operator(tenant: TenantId) -> Self {
        Self { tenant, actor: Actor::Operator }
    }
}

macro_rules! actions {
    ($($variant:ident = $text:literal;)*) => {
        /// What the log keeps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the text says what it is")]
        pub enum Action { $($variant,)* }

        impl Action {
            /// The action as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

actions! {
    TenantCreate = "tenant.create";
    TenantFreeze = "tenant.freeze";
    TenantUnfreeze = "tenant.unfreeze";
    TenantExport = "tenant.export";
    TenantDelete = "tenant.delete";
    KeyCreate = "key.create";
    KeyRevoke = "key.revoke";
    RuntimeInstall = "runtime.install";
    ComponentPut = "component.put";
    ComponentDelete = "component.delete";
    FlowRegister = "flow.register";
    FlowActivate = "flow.activate";
    FlowRollback = "flow.rollback";
    SchedulePut = "schedule.put";
    ScheduleDelete = "schedule.delete";
    ClosurePut = "closure.put";
    ClosureDelete = "closure.delete";
    SecretPut = "secret.put";
    SecretDelete = "secret.delete";
    SecretRotate = "secret.rotate";
    QuotaPut = "quota.put";
    ComponentQuarantine = "component.quarantine";
    ComponentRelease = "component.release";
    WorkerDeprecate = "worker.deprecate";
}

/// One entry to write.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The tenant it concerns; `None`: the host.
    pub tenant: Option<TenantId>,
    /// Who did it.
    pub actor: Actor<'a>,
    /// What was done.
    pub action: Action,
    /// To what.
    pub subject: &'a str,
    /// What there is to say about it, never a secret.
    pub detail: Value,
}

impl<'a> Entry<'a> {
    /// An entry with nothing more to say.
    pub fn new(by: By<'a>, action: Action, subject: &'a str) -> Self {
        Self {
            tenant: Some(by.tenant),
            actor: by.actor,
            action,
            subject,
            detail: Value::Object(Default::default()),
        }
    }

    /// With more to say.
    #[must_use]
    pub fn saying(self, detail: Value) -> Self {
        Self { detail, ..self }
    }
}

/// Writes an entry in the transaction of what it tells. Others wait until that ends, so it is the last thing done in it.
pub(crate) async fn write(work: &mut PgConnection, entry: &Entry<'_>) -> Result<(), Error> {
    let Entry { tenant, actor, action, subject, detail } = entry;
    sqlx::query_file!(
        "queries/audit/append.sql",
        tenant.map(|tenant| tenant.0),
        actor.as_str(),
        action.as_str(),
        subject,
        detail.to_string()
    )
    .fetch_one(work)
    .await?;
    Ok(())
}

/// An entry as it was kept.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Its place in the chain, from 1 without gaps.
    pub number: i64,
    /// The tenant it concerns; `None`: the host.
    pub tenant_id: Option<i32>,
    /// When, RFC 3339.
    pub at: String,
    /// That tenant's name then.
    pub tenant_name: Option<String>,
    /// The id of a key, or `operator at the database`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What there is to say about it: JSON.
    pub detail: String,
    /// The seal of the entry before it.
    pub previous_sha256: Vec<u8>,
    /// Its own.
    pub sha256: Vec<u8>,
}

impl AuditRow {
    /// What its seal must be: the sha256 of its fields as netstrings, `<bytes>:<text>,` one after another.
    fn seal(&self) -> Digest {
        let previous: String =
            self.previous_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let fields = [
            &self.number.to_string(),
            &self.at,
            &self.tenant_id.map_or(String::new(), |id| id.to_string()),
            self.tenant_name.as_deref().unwrap_or_default(),
            &self.actor,
            &self.action,
            &self.subject,
            &self.detail,
            &previous,
        ];
        let sealed: String =
            fields.iter().map(|field| format!("{}:{field},", field.len())).collect();
        Digest::of(sealed.as_bytes())
    }
}

/// What walking the chain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCheck {
    /// Entries that are as they were written.
    pub entries: i64,
    /// The seal of the last of them: who keeps it elsewhere notices when the end of the log is cut off.
    pub head: Digest,
    /// The first entry that is not, and why.
    pub broken: Option<(i64, String)>,
}

impl AuditCheck {
    fn follow(&mut self, row: &AuditRow) -> Result<(), String> {
        if row.number != self.entries + 1 {
            return Err(format!("the entries from {} on are missing", self.entries + 1));
        }
        if row.previous_sha256 != self.head.0 {
            return Err("it does not follow the entry before it".to_owned());
        }
        let seal = row.seal();
        if row.sha256 != seal.0 {
            return Err("what it says is not what was sealed".to_owned());
        }
        (self.entries, self.head) = (row.number, seal);
        Ok(())
    }
}

impl Store {
    /// A page of the log before an entry, the newest first; of one tenant, or of all.
    pub async fn list_audit(
        &self,
        tenant: Option<TenantId>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, Error> {
        let before = before.unwrap_or(i64::MAX);
        let rows = match tenant {
            Some(TenantId(id)) => {
                sqlx::query_file_as!(
                    AuditRow,
                    "queries/audit/list_of_tenant.sql",
                    id,
                    before,
                    limit
                )
                .fetch_all(self.pool())
                .await?
            }
            None => {
                sqlx::query_file_as!(AuditRow, "queries/audit/list.sql", before, limit)
                    .fetch_all(self.pool())
                    .await?
            }
        };
        Ok(rows)
    }

    /// Walks the whole chain and says where it is broken first.
    pub async fn check_audit(&self) -> Result<AuditCheck, Error> {
        let mut check = AuditCheck { entries: 0, head: Digest::of(b""), broken: None };
        loop {
            let rows =
                sqlx::query_file_as!(AuditRow, "queries/audit/walk.sql", check.entries, BITE)
                    .fetch_all(self.pool())
                    .await?;
            for row in &rows {
                if let Err(why) = check.follow(row) {
                    check.broken = Some((row.number, why));
                    return Ok(check);
                }
            }
            if rows.is_empty() {
                return Ok(check);
            }
        }
    }
}
