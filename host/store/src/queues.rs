//! What is done one after another for each tenant in this process.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use model::TenantId;
use tokio::sync::Mutex;

/// A queue for each tenant that has somebody in it.
#[derive(Default)]
pub(crate) struct Queues(std::sync::Mutex<HashMap<TenantId, Arc<Mutex<()>>>>);

impl Queues {
    /// The queue of a tenant: whoever locks it is first.
    pub(crate) fn of(&self, tenant: TenantId) -> Arc<Mutex<()>> {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the map still holds a queue that nobody is in.
        tenants.retain(|_, queue| Arc::strong_count(queue) > 1);
        Arc::clone(tenants.entry(tenant).or_default())
    }
}
