//! Which version of a flow is current: kept as a guess that the start statement checks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Code, FlowId, TenantId, Version};
use store::Store;

use crate::problem::Problem;

/// Names kept; past it the cache begins anew, which costs one read for each flow in use.
const MOST_KEPT: usize = 4_096;

/// A flow and the version new runs start on.
pub(crate) type Current = (FlowId, Option<u32>);

/// What is kept of flows.
#[derive(Default)]
pub(crate) struct Plans {
    current: Mutex<HashMap<(TenantId, String), Current>>,
}

impl Plans {
    /// A version of a flow.
    pub(crate) async fn version(
        &self,
        store: &Store,
        key: (TenantId, FlowId, u32),
    ) -> Result<Arc<Version>, Problem> {
        store.find_version(key).await?.ok_or_else(|| version_not_found(key.2))
    }

    /// The flow of this name, perhaps as it was a moment ago.
    pub(crate) async fn guess(
        &self,
        store: &Store,
        tenant: TenantId,
        name: &str,
    ) -> Result<Current, Problem> {
        let key = (tenant, name.to_owned());
        let kept = lock(&self.current).get(&key).copied();
        match kept {
            Some(kept) => Ok(kept),
            None => self.find(store, tenant, name).await,
        }
    }

    /// The flow of this name as it is now.
    pub(crate) async fn find(
        &self,
        store: &Store,
        tenant: TenantId,
        name: &str,
    ) -> Result<Current, Problem> {
        let found = store.find_flow(tenant, name).await?.ok_or_else(flow_not_found)?;
        keep(&self.current, (tenant, name.to_owned()), found);
        Ok(found)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep<K: std::hash::Hash + Eq, V>(map: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut map = lock(map);
    if map.len() >= MOST_KEPT {
        map.clear();
    }
    map.insert(key, value);
}

/// The same answer for flows that do not exist and those of others.
pub(crate) fn flow_not_found() -> Problem {
    Problem::new(Code::FlowNotFound, "there is no flow with this name")
}

/// A flow that has no such version.
pub(crate) fn version_not_found(number: u32) -> Problem {
    Problem::new(Code::VersionNotFound, format!("the flow has no version {number}"))
}
