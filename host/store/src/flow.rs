//! Flows and their immutable versions.

use model::{Digest, FlowId, Plan, StepIndex, TenantId};
use serde_json::{Value, json};

use crate::{Action, By, Entry, Error, Store, audit};

/// A flow.
#[derive(Clone, Debug)]
pub struct FlowRow {
    /// Its identity.
    pub id: FlowId,
    /// Its name.
    pub name: String,
    /// The version new runs start on.
    pub current_version: Option<u32>,
    /// When it was registered first, RFC 3339.
    pub created_at: String,
    /// How many versions it has.
    pub version_count: i64,
}

/// A version of a flow.
#[derive(Clone, Debug)]
pub struct VersionRow {
    /// Its number, from 1.
    pub version: u32,
    /// The definition's JSON.
    pub definition: String,
    /// sha256 of the definition, hexadecimal.
    pub content_hash: String,
    /// When it was registered, RFC 3339.
    pub created_at: String,
}

/// A version in a list.
#[derive(Clone, Debug)]
pub struct VersionSummary {
    /// Its number, from 1.
    pub version: u32,
    /// sha256 of the definition, hexadecimal.
    pub content_hash: String,
    /// When it was registered, RFC 3339.
    pub created_at: String,
    /// Runs on it that have not ended.
    pub live_count: i64,
    /// When new runs were pointed at it last, RFC 3339; `None`: never.
    pub activated_at: Option<String>,
}

/// What registering a definition answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The flow.
    pub flow_id: FlowId,
    /// The version that has this content.
    pub version: u32,
    /// False: the same content was registered before.
    pub created: bool,
}

impl Store {
    /// Registers a version: the same content again is the version it was. Its components get pinned.
    pub async fn register_version(&self, by: By<'_>, plan: &Plan) -> Result<Registered, Error> {
        let definition = plan.definition.to_json();
        let content_hash = Digest::of(definition.as_str().as_bytes());
        let tenant = by.tenant;
        let mut work = self.begin(tenant).await?;
        let flow_row =
            sqlx::query_file!("queries/flow/ensure.sql", tenant.0, plan.definition.flow.as_str())
                .fetch_one(&mut *work)
                .await?;
        let flow_id = FlowId(flow_row.id);
        let known = sqlx::query_file!(
            "queries/version/find_content.sql",
            tenant.0,
            flow_id.0,
            &content_hash.0[..]
        )
        .fetch_optional(&mut *work)
        .await?;
        if let Some(known) = known {
            work.commit().await?;
            return Ok(Registered {
                flow_id,
                version: read_version(known.version)?,
                created: false,
            });
        }
        let roots: Vec<i16> = plan.roots().iter().map(|step| step_number(*step)).collect();
        let mut digests: Vec<Vec<u8>> = plan
            .definition
            .steps
            .iter()
            .filter_map(|step| step.component)
            .map(|digest| digest.0.to_vec())
            .collect();
        digests.sort();
        digests.dedup();
        let added = sqlx::query_file!(
            "queries/version/insert.sql",
            tenant.0,
            flow_id.0,
            definition.as_str(),
            &content_hash.0[..],
            &roots,
            &digests,
            plan.definition.steps.iter().any(|step| step.compensates)
        )
        .fetch_one(&mut *work)
        .await?;
        let version = read_version(added.version)?;
        let subject = format!("{}@{version}", plan.definition.flow);
        let entry = Entry::new(by, Action::FlowRegister, &subject);
        let entry = entry.saying(json!({ "content_hash": content_hash.to_string() }));
        audit::write(&mut work, &entry).await?;
        work.commit().await?;
        Ok(Registered { flow_id, version, created: true })
    }

    /// Points new runs at a version, in one statement. `None` when there is no such version; else where it pointed
    /// before.
    pub async fn activate(
        &self,
        by: By<'_>,
        flow_id: FlowId,
        version: u32,
    ) -> Result<Option<Option<u32>>, Error> {
        let number = i32::try_from(version).unwrap_or(0);
        let mut work = self.begin(by.tenant).await?;
        let row = sqlx::query_file!("queries/flow/activate.sql", by.tenant.0, flow_id.0, number)
            .fetch_optional(&mut *work)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let previous = row.current_version.map(read_version).transpose()?;
        if previous != Some(version) {
            let (entry, said) =
                (Entry::new(by, Action::FlowActivate, &row.name), moved(version, previous));
            audit::write(&mut work, &entry.saying(said)).await?;
        }
        work.commit().await?;
        Ok(Some(previous))
    }

    /// Points new runs back at the version that was active before. `None` when none was; else where it points now, and
    /// where it pointed before. The same request again, named by `key`, is answered and done once.
    pub async fn roll_back(
        &self,
        by: By<'_>,
        flow_id: FlowId,
        key: Option<&str>,
    ) -> Result<Option<(u32, Option<u32>)>, Error> {
        let tenant = by.tenant;
        let mut work = self.begin(tenant).await?;
        let before = sqlx::query_file!("queries/flow/lock.sql", tenant.0, flow_id.0)
            .fetch_optional(&mut *work)
            .await?;
        if let Some(key) = key {
            let made = sqlx::query_file!("queries/flow/asked_before.sql", tenant.0, flow_id.0, key)
                .fetch_optional(&mut *work)
                .await?;
            if let Some(made) = made {
                let previous = made.previous_version.map(read_version).transpose()?;
                return Ok(Some((read_version(made.version)?, previous)));
            }
        }
        let now = sqlx::query_file!("queries/flow/roll_back.sql", tenant.0, flow_id.0, key)
            .fetch_optional(&mut *work)
            .await?;
        let (Some(before), Some(now)) = (before, now) else {
            return Ok(None);
        };
        let previous = before.current_version.map(read_version).transpose()?;
        let version = read_version(now.version)?;
        let entry = Entry::new(by, Action::FlowRollback, &before.name);
        audit::write(&mut work, &entry.saying(moved(version, previous))).await?;
        work.commit().await?;
        Ok(Some((version, previous)))
    }

    /// The flow of this name and the version new runs start on.
    pub async fn find_flow(
        &self,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<(FlowId, Option<u32>)>, Error> {
        let row = sqlx::query_file!("queries/flow/find.sql", tenant.0, name)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        row.map(|row| Ok((FlowId(row.id), row.current_version.map(read_version).transpose()?)))
            .transpose()
    }

    /// One flow.
    pub async fn get_flow(&self, tenant: TenantId, name: &str) -> Result<Option<FlowRow>, Error> {
        let row = sqlx::query_file!("queries/flow/get.sql", tenant.0, name)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        row.map(|row| {
            Ok(FlowRow {
                id: FlowId(row.id),
                name: row.name,
                current_version: row.current_version.map(read_version).transpose()?,
                created_at: row.created_at,
                version_count: row.version_count,
            })
        })
        .transpose()
    }

    /// A page of flows with a name after `after`.
    pub async fn list_flows(
        &self,
        tenant: TenantId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<FlowRow>, Error> {
        let rows = sqlx::query_file!("queries/flow/list.sql", tenant.0, after, limit)
            .fetch_all(&mut *self.bound(tenant).await?)
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(FlowRow {
                    id: FlowId(row.id),
                    name: row.name,
                    current_version: row.current_version.map(read_version).transpose()?,
                    created_at: row.created_at,
                    version_count: row.version_count,
                })
            })
            .collect()
    }

    /// One version of a flow.
    pub async fn get_version(
        &self,
        tenant: TenantId,
        flow_id: FlowId,
        version: u32,
    ) -> Result<Option<VersionRow>, Error> {
        let number = i32::try_from(version).unwrap_or(0);
        let row = sqlx::query_file!("queries/version/get.sql", tenant.0, flow_id.0, number)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        Ok(row.map(|row| VersionRow {
            version,
            definition: row.definition,
            content_hash: row.content_hash,
            created_at: row.created_at,
        }))
    }

    /// A page of a flow's versions before `before`, newest first.
    pub async fn list_versions(
        &self,
        tenant: TenantId,
        flow_id: FlowId,
        before: Option<u32>,
        limit: i64,
    ) -> Result<Vec<VersionSummary>, Error> {
        let before = before.and_then(|version| i32::try_from(version).ok()).unwrap_or(i32::MAX);
        let rows =
            sqlx::query_file!("queries/version/list.sql", tenant.0, flow_id.0, before, limit)
                .fetch_all(&mut *self.bound(tenant).await?)
                .await?;
        rows.into_iter()
            .map(|row| {
                Ok(VersionSummary {
                    version: read_version(row.version)?,
                    content_hash: row.content_hash,
                    created_at: row.created_at,
                    live_count: row.live_count,
                    activated_at: row.activated_at,
                })
            })
            .collect()
    }
}

/// Where a flow's pointer went, for the audit log.
fn moved(version: u32, previous: Option<u32>) -> Value {
    json!({ "version": version, "previous_version": previous })
}

/// A step as Postgres keeps it.
pub(crate) fn step_number(step: StepIndex) -> i16 {
    i16::try_from(step.0).expect("a flow has at most 1,024 steps")
}

pub(crate) fn read_version(version: i32) -> Result<u32, Error> {
    u32::try_from(version).map_err(|error| Error::unreadable("a version", error))
}
