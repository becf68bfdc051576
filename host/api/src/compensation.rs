//! What is undone of a run that ended badly.

use model::{Digest, Plan, RunId, TenantId};
use serde::Serialize;
use store::CompensationRow;
use utoipa::ToSchema;

use crate::components::QuarantineView;
use crate::problem::Problem;
use crate::state::State;
use crate::view::FailureView;

/// How far a run is undone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Compensation)]
pub(crate) struct CompensationView {
    /// `pending` while something is left, then `completed`, or `failed` where a task could not be undone.
    status: &'static str,
    /// Why it rests: a component of its steps is in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantine: Option<QuarantineView>,
    /// The steps that were touched.
    steps: Vec<CompensatedStep>,
}

/// How far a step is undone.
#[derive(Debug, Serialize, ToSchema)]
struct CompensatedStep {
    /// Its name.
    name: String,
    /// Attempts to undo its tasks.
    attempts: i64,
    /// Tasks that were undone.
    compensated: i64,
    /// Tasks that could not be.
    failed: i64,
    /// Why one of them could not, or could not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
}

/// How far a run is undone; `None` where nothing is to be.
pub(crate) async fn compensation(
    state: &State,
    tenant: TenantId,
    run_id: RunId,
    plan: &Plan,
) -> Result<Option<CompensationView>, Problem> {
    if !plan.definition.steps.iter().any(|step| step.compensates) {
        return Ok(None);
    }
    let (rows, is_pending) = state.store().list_compensations(tenant, run_id).await?;
    if rows.is_empty() && !is_pending {
        return Ok(None);
    }
    let any_failed = rows.iter().any(|row| row.failed > 0);
    let status = match (is_pending, any_failed) {
        (true, _) => "pending",
        (false, true) => "failed",
        (false, false) => "completed",
    };
    let undoing = plan.definition.steps.iter().filter(|step| step.compensates);
    let digests: Vec<Digest> = undoing.filter_map(|step| step.component).collect();
    let quarantine = match is_pending {
        true => state.store().find_quarantined(tenant, &digests).await?.into_values().next(),
        false => None,
    };
    let quarantine = quarantine.map(QuarantineView::from);
    let step = |row: CompensationRow| CompensatedStep {
        name: plan.step(row.step).name.to_string(),
        attempts: row.attempts,
        compensated: row.compensated,
        failed: row.failed,
        failure: row.failure.map(FailureView::from),
    };
    let steps = rows.into_iter().map(step).collect();
    Ok(Some(CompensationView { status, quarantine, steps }))
}
