//! The flow that a component carries: looked at before the component is kept, registered with it.

use model::description::carried;
use model::manifest::Manifest;
use model::{Definition, Digest, TenantId};

use crate::flows;
use crate::problem::Problem;
use crate::report::KeptReport;
use crate::state::State;

/// The definition of the flow that a component carries, where it carries one.
pub(crate) async fn resolve(
    state: &State,
    tenant: TenantId,
    (digest, report): (Digest, &KeptReport),
) -> Result<Option<Definition>, Problem> {
    let Some(flow) = report.described().0.flow else {
        return Ok(None);
    };
    let manifest = Manifest::from_json(carried(&flow, digest).as_bytes());
    let manifest = manifest.map_err(|problems| Problem::manifest(&problems).within(CARRIED))?;
    let resolved = flows::resolve(state, tenant, &manifest, Some(report.found(digest))).await;
    resolved.map(Some).map_err(|problem| problem.within(CARRIED))
}

/// Where its manifest is in what a component says of itself.
const CARRIED: &str = "/description/flow";
