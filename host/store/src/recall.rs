//! What a task of a durable handler goes on with: its phase and state, its children and their outputs.

use std::collections::HashMap;

use model::{FlowId, Json, Name, RunId, RunStatus, StepIndex, TaskKey, TenantId};
use uuid::Uuid;

use crate::flow::{read_version, step_number};
use crate::outcome::Loaded;
use crate::run::{read_failure, read_status};
use crate::token::{RunFacts, read_step};
use crate::{Error, Store};

/// What a task goes on with.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The number of phases before the one it is at.
    pub phase: u32,
    /// That phase's name.
    pub phase_name: String,
    /// What the phase before committed.
    pub state: Option<Json>,
    /// The names it waits or waited for.
    pub awaits: Vec<Name>,
    /// How long it still waits for them, in milliseconds; `None`: as long as it takes.
    pub awaits_for_ms: Option<i64>,
    /// True: the phase before spawned children.
    pub spawned: bool,
}

/// A child of a task.
#[derive(Clone, Debug)]
pub struct ChildRow {
    /// The run.
    pub run_id: RunId,
    /// Of which flow.
    pub flow_id: FlowId,
    /// On which version.
    pub version: u32,
    /// Where it is.
    pub status: RunStatus,
    /// Its name among the children of its task.
    pub key: Option<String>,
    /// Why it failed.
    pub failure: Option<model::Failure>,
}

impl Store {
    /// What a task goes on with; `None` when it never went on.
    pub async fn load_task(&self, run: &RunFacts, task: TaskKey) -> Result<Option<Kept>, Error> {
        let index = i32::try_from(task.index).unwrap_or(i32::MAX);
        let row = sqlx::query_file!(
            "queries/task/load.sql",
            run.tenant.0,
            run.run_id.0,
            step_number(task.step),
            index
        )
        .fetch_optional(self.hot())
        .await?;
        row.map(|row| {
            let awaits = row.awaits.unwrap_or_default();
            Ok(Kept {
                phase: u32::try_from(row.phase).unwrap_or(0),
                phase_name: row.phase_name,
                state: row.state.map(Json::trusted),
                awaits_for_ms: row.awaits_for_ms,
                awaits: awaits.iter().map(|name| read_name(name)).collect::<Result<_, Error>>()?,
                spawned: row.spawned,
            })
        })
        .transpose()
    }

    /// The children of a task, in the order they were spawned; at most so many.
    pub async fn load_children(
        &self,
        run: &RunFacts,
        task: TaskKey,
        most: i64,
    ) -> Result<Vec<ChildRow>, Error> {
        let index = i32::try_from(task.index).unwrap_or(i32::MAX);
        let rows = sqlx::query_file!(
            "queries/task/children.sql",
            run.tenant.0,
            run.run_id.0,
            step_number(task.step),
            index,
            most
        )
        .fetch_all(self.hot())
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(ChildRow {
                    run_id: RunId(row.id),
                    flow_id: FlowId(row.flow_id),
                    version: read_version(row.version)?,
                    status: read_status(&row.status)?,
                    key: row.child_key,
                    failure: row.failure.as_deref().map(read_failure).transpose()?,
                })
            })
            .collect()
    }

    /// How many bytes the leaf steps of some runs answered.
    pub async fn count_leaf_bytes(
        &self,
        tenant: TenantId,
        leaves: &[(RunId, StepIndex)],
    ) -> Result<i64, Error> {
        let runs: Vec<Uuid> = leaves.iter().map(|(run_id, _)| run_id.0).collect();
        let steps: Vec<i16> = leaves.iter().map(|(_, step)| step_number(*step)).collect();
        let row = sqlx::query_file!("queries/task/leaves_bytes.sql", tenant.0, &runs, &steps)
            .fetch_one(self.hot())
            .await?;
        Ok(row.bytes)
    }

    /// What the leaf steps of some runs ended in.
    pub async fn load_leaves(
        &self,
        tenant: TenantId,
        leaves: &[(RunId, StepIndex)],
    ) -> Result<HashMap<RunId, Loaded>, Error> {
        let runs: Vec<Uuid> = leaves.iter().map(|(run_id, _)| run_id.0).collect();
        let steps: Vec<i16> = leaves.iter().map(|(_, step)| step_number(*step)).collect();
        let rows = sqlx::query_file!("queries/task/leaves.sql", tenant.0, &runs, &steps)
            .fetch_all(self.hot())
            .await?;
        let mut loaded: HashMap<RunId, Loaded> = HashMap::new();
        for row in rows {
            let of_run = loaded.entry(RunId(row.run_id)).or_default();
            of_run.add(read_step(row.step)?, row.index, row.output)?;
        }
        Ok(loaded)
    }
}

pub(crate) fn read_name(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|why| Error::unreadable("a name", why))
}
