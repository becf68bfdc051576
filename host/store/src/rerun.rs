//! Running a run again.

use model::{Rerun, RunId, TenantId};

use crate::flow::step_number;
use crate::{Error, Store};

/// A run to run again.
#[derive(Clone, Debug)]
pub struct RerunOf {
    /// Whose run.
    pub tenant: TenantId,
    /// Which run.
    pub run_id: RunId,
    /// The new run's identity.
    pub new_id: RunId,
    /// On which version.
    pub version: u32,
    /// Larger goes first.
    pub priority: i16,
    /// How long the new run may take, in milliseconds.
    pub deadline_ms: Option<i64>,
    /// What is kept of it.
    pub rerun: Rerun,
}

impl Store {
    /// Runs a run again: durable on return. What is kept costs nothing anew. False: there is no such run.
    pub async fn rerun(&self, of: &RerunOf) -> Result<bool, Error> {
        let Rerun { kept, opens, arrivals } = &of.rerun;
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let old: Vec<i16> = kept.iter().map(|(old, _)| step_number(*old)).collect();
        let new: Vec<i16> = kept.iter().map(|(_, new)| step_number(*new)).collect();
        let joins: Vec<i16> =
            arrivals.iter().map(|(step, ..)| step.map_or(-1, step_number)).collect();
        let arrived: Vec<i32> = arrivals.iter().map(|(_, arrived, _)| number(*arrived)).collect();
        let counts: Vec<i32> = arrivals.iter().map(|(_, _, of)| number(*of)).collect();
        let opens: Vec<i16> = opens.iter().map(|step| step_number(*step)).collect();
        let row = sqlx::query_file!(
            "queries/run/rerun.sql",
            of.tenant.0,
            of.run_id.0,
            of.new_id.0,
            i32::try_from(of.version).unwrap_or(0),
            &old,
            &new,
            &joins,
            &arrived,
            &counts,
            &opens,
            of.priority,
            of.deadline_ms as Option<i64>
        )
        .fetch_one(&mut *self.bound(of.tenant).await?)
        .await?;
        self.bell().ready();
        Ok(row.done)
    }
}
