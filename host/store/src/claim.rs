//! Claims: in whose name something with an effect outside of Postgres is done.

use model::{RunId, TenantId, WorkerId};
use uuid::Uuid;

use crate::flow::step_number;
use crate::{Compensation, Held};

/// What an attempt is made under. What it does outside is only done while this holds.
#[derive(Clone, Copy, Debug)]
pub enum Claim {
    /// A token in a worker's hands.
    Token {
        /// The token.
        held: Held,
        /// Whose hands these are.
        worker: WorkerId,
    },
    /// A run that is being compensated.
    Compensation {
        /// Whose run.
        tenant: TenantId,
        /// The run.
        run_id: RunId,
        /// The fencing number.
        epoch: i32,
    },
}

/// A claim as statements take it. Without a worker it is on a compensation.
pub(crate) struct ClaimColumns {
    pub(crate) run_id: Uuid,
    pub(crate) born_step: Option<i16>,
    pub(crate) born_index: Option<i32>,
    pub(crate) born_attempt: Option<i16>,
    pub(crate) epoch: i32,
    pub(crate) worker: Option<i32>,
}

impl Claim {
    /// Whose run it is on.
    pub fn tenant(&self) -> TenantId {
        match self {
            Self::Token { held, .. } => held.id.tenant,
            Self::Compensation { tenant, .. } => *tenant,
        }
    }

    pub(crate) fn columns(&self) -> ClaimColumns {
        match self {
            Self::Token { held, worker } => ClaimColumns {
                run_id: held.id.run_id.0,
                born_step: Some(step_number(held.id.born_step)),
                born_index: Some(held.id.born_index),
                born_attempt: Some(held.id.born_attempt),
                epoch: held.epoch,
                worker: Some(worker.0),
            },
            Self::Compensation { run_id, epoch, .. } => ClaimColumns {
                run_id: run_id.0,
                born_step: None,
                born_index: None,
                born_attempt: None,
                epoch: *epoch,
                worker: None,
            },
        }
    }
}

impl From<&Compensation> for Claim {
    fn from(of: &Compensation) -> Self {
        let (tenant, run_id) = (of.run.tenant, of.run.run_id);
        Self::Compensation { tenant, run_id, epoch: of.epoch }
    }
}
