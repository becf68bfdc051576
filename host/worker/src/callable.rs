//! From a step's component to something that can be called, or what becomes of the attempt without it.

use std::sync::Arc;

use model::{Digest, Failure, FailureKind};
use sandbox::{Compiled, LoadError};
use store::Held;

use crate::attempt::{Made, Try, Unmade};
use crate::prepare::patiently;
use crate::{Shared, admission};

/// The component, ready to be called; else what becomes of the attempt without it.
pub(crate) async fn load(
    shared: &Shared,
    held: Held,
    (at, alone): (Try, bool),
    digest: Digest,
) -> Result<Arc<Compiled>, Made> {
    let (store, tenant) = (&shared.store, held.id.tenant);
    if shared.watch.holds((tenant, digest)) {
        if !alone {
            return Err(Made::unmade(Unmade::Departs(FailureKind::ComponentUnavailable)));
        }
        if let Some(made) = admission::block_until_released(shared, held, at, digest).await {
            return Err(made);
        }
    }
    let bytes = || async move {
        patiently(|| store.get_component_bytes(tenant, digest)).await.ok().flatten()
    };
    match shared.sandbox.load(tenant, digest, bytes).await {
        Ok(compiled) => Ok(compiled),
        Err(LoadError::Absent(_)) if !alone => {
            Err(Made::unmade(Unmade::Departs(FailureKind::ComponentUnavailable)))
        }
        Err(LoadError::Absent(_)) => Err(admission::block(shared, held, at, digest).await),
        Err(error) => Err(Made::failed(unavailable(&error))),
    }
}

fn unavailable(error: &LoadError) -> Failure {
    let kind = match error {
        LoadError::Absent(_) | LoadError::Refused(_) => FailureKind::ComponentUnavailable,
        LoadError::Host(_) => FailureKind::HostInternal,
    };
    tracing::warn!(%error, "a component could not be loaded");
    Failure::new(kind, error.to_string())
}
