//! Runs: reading, listing, stopping.

use std::sync::Arc;

use model::{
    Failure, FailureKind, FlowId, Json, RunId, RunOptions, RunStatus, StepIndex, TenantId,
};
use uuid::Uuid;

use crate::flow::read_version;
use crate::token::{read_options, read_step};
use crate::{Error, Store, durable};

/// A run.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its identity.
    pub id: RunId,
    /// Of which flow.
    pub flow_id: FlowId,
    /// That flow's name.
    pub flow_name: String,
    /// The version it is pinned to.
    pub version: u32,
    /// Where it is.
    pub status: RunStatus,
    /// Larger goes first.
    pub priority: i16,
    /// The input it was started with.
    pub input: Json,
    /// What its start said about its steps' attempts.
    pub options: Option<Arc<RunOptions>>,
    /// Its name among the live runs of its flow.
    pub key: Option<String>,
    /// The run whose task spawned it.
    pub parent: Option<RunId>,
    /// The run it runs again.
    pub rerun_of: Option<RunId>,
    /// The schedule that started it.
    pub schedule: Option<String>,
    /// When it fails if it has not ended, RFC 3339.
    pub deadline_at: Option<String>,
    /// The step that failed it.
    pub failed_step: Option<StepIndex>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When it was started, RFC 3339.
    pub created_at: String,
    /// When a worker took it.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A run in a list.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// Its identity.
    pub id: RunId,
    /// The flow's name.
    pub flow_name: String,
    /// The version it is pinned to.
    pub version: u32,
    /// Where it is.
    pub status: RunStatus,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When it was started, RFC 3339.
    pub created_at: String,
    /// When a worker took it.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A [`RunSummary`] as Postgres answers it.
struct Summary {
    id: Uuid,
    flow_name: String,
    version: i32,
    status: String,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    failure: Option<String>,
}

impl TryFrom<Summary> for RunSummary {
    type Error = Error;

    fn try_from(row: Summary) -> Result<Self, Error> {
        Ok(Self {
            id: RunId(row.id),
            flow_name: row.flow_name,
            version: read_version(row.version)?,
            status: read_status(&row.status)?,
            failure: row.failure.as_deref().map(read_failure).transpose()?,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}

/// Which runs to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunFilter {
    /// Only of this flow.
    pub flow_id: Option<FlowId>,
    /// Only on this version.
    pub version: Option<u32>,
    /// Only in this status.
    pub status: Option<RunStatus>,
    /// Only those started before this one.
    pub before: Option<RunId>,
}

/// What cancelling answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The run is cancelled, durably.
    Done,
    /// It had ended before; nothing changed.
    Ended(RunStatus),
    /// There is no such run.
    Unknown,
}

/// Times a cancel gives way to workers' statements before it gives up.
const MOST_COLLISIONS: u32 = 10;

pub(crate) fn read_status(text: &str) -> Result<RunStatus, Error> {
    text.parse().map_err(|why: String| Error::unreadable("a run's status", why))
}

pub(crate) fn read_failure(text: &str) -> Result<Failure, Error> {
    serde_json::from_str(text).map_err(|why| Error::unreadable("a failure", why))
}

impl Store {
    /// One run.
    pub async fn get_run(&self, tenant: TenantId, run_id: RunId) -> Result<Option<RunRow>, Error> {
        let row = sqlx::query_file!("queries/run/get.sql", tenant.0, run_id.0)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(RunRow {
            id: run_id,
            flow_id: FlowId(row.flow_id),
            flow_name: row.flow_name,
            version: read_version(row.version)?,
            status: read_status(&row.status)?,
            priority: row.priority,
            input: Json::trusted(row.input),
            options: row.options.as_deref().map(read_options).transpose()?,
            key: row.key,
            parent: row.parent_run_id.map(RunId),
            rerun_of: row.rerun_of.map(RunId),
            schedule: row.schedule,
            deadline_at: row.deadline_at,
            failed_step: row.failed_step.map(read_step).transpose()?,
            failure: row.failure.as_deref().map(read_failure).transpose()?,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        }))
    }

    /// Where a run is; `None`: there is no such run.
    pub async fn get_run_status(
        &self,
        tenant: TenantId,
        run_id: RunId,
    ) -> Result<Option<RunStatus>, Error> {
        let row = sqlx::query_file!("queries/run/status.sql", tenant.0, run_id.0)
            .fetch_optional(&mut *self.bound(tenant).await?)
            .await?;
        row.map(|row| read_status(&row.status)).transpose()
    }

    /// A page of runs, newest first.
    pub async fn list_runs(
        &self,
        tenant: TenantId,
        filter: RunFilter,
        limit: i64,
    ) -> Result<Vec<RunSummary>, Error> {
        let flow_id = filter.flow_id.map(|id| id.0);
        let version = filter.version.map(|version| i32::try_from(version).unwrap_or(0));
        let before = filter.before.map_or(Uuid::max(), |id| id.0);
        // One query for each way to find them; all of them begin with the same four parameters.
        macro_rules! list {
            ($file:literal $(, $more:expr)*) => {
                sqlx::query_file_as!(Summary, $file, tenant.0, flow_id, version, before $(, $more)*, limit)
                    .fetch_all(&mut *self.bound(tenant).await?)
                    .await?
            };
        }
        let rows = match filter.status {
            None | Some(RunStatus::Completed) => {
                list!("queries/run/list.sql", filter.status.is_some())
            }
            Some(RunStatus::Failed) => list!("queries/run/list_failed.sql"),
            Some(RunStatus::Cancelled) => list!("queries/run/list_cancelled.sql"),
            Some(live @ (RunStatus::Queued | RunStatus::Running)) => {
                list!("queries/run/list_live.sql", live.as_str())
            }
        };
        rows.into_iter().map(RunSummary::try_from).collect()
    }

    /// Stops a run. Durable on return; workers elsewhere hear of it within one wake-up.
    pub async fn cancel_run(&self, tenant: TenantId, run_id: RunId) -> Result<Cancelled, Error> {
        let mut collisions = 0;
        let done = loop {
            match self.try_cancel(tenant, run_id).await {
                Err(Error::Collision) if collisions < MOST_COLLISIONS => collisions += 1,
                tried => break tried?,
            }
        };
        if let Some(stopped) = done {
            self.tell_stopped(stopped).await;
            return Ok(Cancelled::Done);
        }
        Ok(match self.get_run_status(tenant, run_id).await? {
            Some(status) => Cancelled::Ended(status),
            None => Cancelled::Unknown,
        })
    }

    /// The runs that were stopped: this one and its children, and theirs; `None`: it had ended before.
    async fn try_cancel(
        &self,
        tenant: TenantId,
        run_id: RunId,
    ) -> Result<Option<Vec<RunId>>, Error> {
        let mut work = self.begin(tenant).await?;
        let done = sqlx::query_file!("queries/run/cancel.sql", tenant.0, run_id.0)
            .fetch_optional(&mut *work)
            .await?;
        if done.is_none() {
            return Ok(None);
        }
        let mut stopped = durable::end_of_run(&mut work, tenant, run_id).await?;
        work.commit().await?;
        self.bell().ready();
        stopped.push(run_id);
        Ok(Some(stopped))
    }

    /// Fails runs whose deadline has passed, at most `bite` of them; how many deadlines were due.
    pub async fn expire_runs(&self, bite: i64) -> Result<i64, Error> {
        let message = "the run had not ended by its deadline";
        let failure = Failure::new(FailureKind::DeadlineExceeded, message);
        let failure = serde_json::to_string(&failure).expect("a failure is always JSON");
        let mut work = self.hot().begin().await?;
        let rows = sqlx::query_file!("queries/run/expire.sql", bite, failure)
            .fetch_all(&mut *work)
            .await?;
        let mut stopped = Vec::new();
        for (tenant, run_id) in rows.iter().filter_map(|row| Some((row.tenant_id?, row.id?))) {
            stopped.push(RunId(run_id));
            stopped.extend(durable::end_of_run(&mut work, TenantId(tenant), RunId(run_id)).await?);
        }
        work.commit().await?;
        if !stopped.is_empty() {
            self.bell().ready();
            self.tell_stopped(stopped).await;
        }
        Ok(rows.first().map_or(0, |row| row.due))
    }

    /// Lets everybody know that runs were stopped: who waits for them and who works on them.
    pub(crate) async fn tell_stopped(&self, runs: Vec<RunId>) {
        runs.iter().for_each(|run_id| self.tell_ended(*run_id));
        self.bell().stopped(&runs).await;
    }

    /// Takes away what is left of those of these runs that have ended.
    pub async fn sweep_ended_runs(&self, runs: &[(TenantId, RunId)]) -> Result<u64, Error> {
        let tenants: Vec<i32> = runs.iter().map(|(tenant, _)| tenant.0).collect();
        let ids: Vec<Uuid> = runs.iter().map(|(_, id)| id.0).collect();
        let done =
            sqlx::query_file!("queries/run/sweep.sql", &tenants, &ids).execute(self.hot()).await?;
        Ok(done.rows_affected())
    }

    /// How many of a tenant's runs have not ended.
    pub async fn count_live_runs(&self, tenant: TenantId) -> Result<i64, Error> {
        let row = sqlx::query_file!("queries/run/count_live.sql", tenant.0)
            .fetch_one(&mut *self.bound(tenant).await?)
            .await?;
        Ok(row.count)
    }

    /// Which of these runs have ended.
    pub async fn find_ended_runs(&self, runs: &[(TenantId, RunId)]) -> Result<Vec<RunId>, Error> {
        let tenants: Vec<i32> = runs.iter().map(|(tenant, _)| tenant.0).collect();
        let ids: Vec<Uuid> = runs.iter().map(|(_, id)| id.0).collect();
        let rows = sqlx::query_file!("queries/run/find_ended.sql", &tenants, &ids)
            .fetch_all(self.hot())
            .await?;
        Ok(rows.into_iter().map(|row| RunId(row.id)).collect())
    }
}
