//! Flow versions in memory: immutable, so that they are read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::{FlowId, Json, TenantId, Version};

use crate::{Error, Store};

/// Versions kept; past it the cache begins anew, which costs one read for each version in use.
const MOST_KEPT: usize = 4_096;

/// Which version.
pub type VersionKey = (TenantId, FlowId, u32);

/// The versions in memory.
#[derive(Default)]
pub(crate) struct Versions(Mutex<HashMap<VersionKey, Arc<Version>>>);

impl Store {
    /// A flow version, if it is in memory.
    pub fn kept_version(&self, key: VersionKey) -> Option<Arc<Version>> {
        let kept = self.shared.versions.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key).cloned()
    }

    /// A flow version, read if need be; `None` when there is none.
    pub async fn find_version(&self, key: VersionKey) -> Result<Option<Arc<Version>>, Error> {
        if let Some(version) = self.kept_version(key) {
            return Ok(Some(version));
        }
        let (tenant, flow_id, number) = key;
        let Some(row) = self.get_version(tenant, flow_id, number).await? else {
            return Ok(None);
        };
        let version = Version::read(&Json::trusted(row.definition)).map_err(|why| {
            Error::unreadable(format!("version {number} of flow {}", flow_id.0), why)
        })?;
        let version = Arc::new(version);
        let mut kept = self.shared.versions.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&version));
        Ok(Some(version))
    }
}
