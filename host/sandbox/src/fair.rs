//! What a host has little of, shared out among tenants by weight.

mod cpu;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use model::{Share, TenantId};

pub(crate) use cpu::{Cpu, Spent};
pub(crate) use slots::{Slot, Slots};

/// The shares that differ from the usual one. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Shares(Arc<RwLock<HashMap<TenantId, Share>>>);

impl Shares {
    fn of(&self, tenant: TenantId) -> Share {
        let shares = self.0.read().unwrap_or_else(PoisonError::into_inner);
        shares.get(&tenant).copied().unwrap_or_default()
    }

    pub(crate) fn set(&self, shares: HashMap<TenantId, Share>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = shares;
    }
}
