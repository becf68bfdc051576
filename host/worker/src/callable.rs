//! From a step's component to something that can be called, or what becomes of the attempt without it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use model::{Digest, Failure, FailureKind, TenantId};
use sandbox::{Compiled, Executable, LoadError, Source};
use store::{BoundSource, Held, StoredCode};

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
    let tenant = held.id.tenant;
    if shared.watch.holds((tenant, digest)) {
        if !alone {
            return Err(Made::unmade(Unmade::Departs(FailureKind::ComponentUnavailable)));
        }
        if let Some(made) = admission::block_until_released(shared, held, at, digest).await {
            return Err(made);
        }
    }
    match compiled(shared, tenant, digest).await {
        Ok(compiled) => Ok(compiled),
        Err(Uncallable::Absent(_)) if !alone => {
            Err(Made::unmade(Unmade::Departs(FailureKind::ComponentUnavailable)))
        }
        Err(Uncallable::Absent(_)) => Err(admission::block(shared, held, at, digest).await),
        Err(Uncallable::Failed(failure)) => Err(Made::failed(failure)),
    }
}

/// Why a component cannot be called.
pub(crate) enum Uncallable {
    /// Nobody has its bytes.
    Absent(Failure),
    /// It is to blame, or the host is, as the kind says.
    Failed(Failure),
}

/// The component, compiled.
pub(crate) async fn compiled(
    shared: &Shared,
    tenant: TenantId,
    digest: Digest,
) -> Result<Arc<Compiled>, Uncallable> {
    let unread = OnceLock::new();
    let bytes = || async {
        // Asked for only where it would have to be compiled again.
        if let Some(failure) = shared.refusals.of((tenant, digest)) {
            let _ = unread.set(failure);
            return None;
        }
        let code = match patiently(|| shared.store.get_component_code(tenant, digest)).await {
            Ok(None) => return None,
            Ok(Some(StoredCode::Component(bytes))) => Ok(Executable::Component(bytes)),
            Ok(Some(StoredCode::Source(bound))) => {
                source(shared, bound).await.map(Executable::Source)
            }
            Err(failure) => Err(failure),
        };
        code.map_err(|failure| unread.set(failure)).ok()
    };
    let (loaded, took) = shared.sandbox.load_timed(tenant, digest, bytes).await;
    if !took.is_zero()
        && let Err(error) = shared.store.charge_compilation(tenant, took).await
    {
        tracing::debug!(%error, "could not charge a compilation");
    }
    loaded.map_err(|error| {
        // One that cannot be read now is not absent.
        if let Some(failure) = unread.into_inner() {
            return Uncallable::Failed(failure);
        }
        let failure = |kind| Failure::new(kind, error.to_string());
        match error {
            LoadError::Absent(_) => Uncallable::Absent(failure(FailureKind::ComponentUnavailable)),
            LoadError::Refused(_) => {
                let failure = failure(FailureKind::ComponentUnavailable);
                shared.refusals.remember((tenant, digest), &failure);
                Uncallable::Failed(failure)
            }
            LoadError::Host(_) => Uncallable::Failed(failure(FailureKind::HostInternal)),
        }
    })
}

/// A source with its runtime, which is no tenant's and whose compilation nobody is charged.
async fn source(shared: &Shared, bound: BoundSource) -> Result<Source, Failure> {
    let (key, unread) = ((TenantId::HOST, bound.runtime), OnceLock::new());
    if let Some(failure) = shared.refusals.of(key) {
        return Err(failure);
    }
    let bytes = || async {
        let found = patiently(|| shared.store.get_runtime_bytes(bound.runtime)).await;
        found.map_err(|failure| unread.set(failure)).ok().flatten()
    };
    let runtime = shared.sandbox.load(key.0, key.1, bytes).await.map_err(|error| {
        let is_refused = matches!(error, LoadError::Refused(_));
        let message = format!("its runtime cannot be called here: {error}");
        let failure =
            unread.into_inner().unwrap_or_else(|| Failure::new(FailureKind::HostInternal, message));
        if is_refused {
            shared.refusals.remember(key, &failure);
        }
        failure
    })?;
    let BoundSource { runtime: _, program, on_error, compensate } = bound;
    Ok(Source { runtime, program: program.into(), on_error, compensate })
}

/// How long a component is not compiled again that could not be: it would take as long again.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Components that could not be compiled here a while ago.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<(TenantId, Digest), (Instant, Failure)>>);

impl Refusals {
    fn of(&self, component: (TenantId, Digest)) -> Option<Failure> {
        self.fresh().get(&component).map(|(_, failure)| failure.clone())
    }

    fn remember(&self, component: (TenantId, Digest), failure: &Failure) {
        self.fresh().insert(component, (Instant::now(), failure.clone()));
    }

    fn fresh(&self) -> MutexGuard<'_, HashMap<(TenantId, Digest), (Instant, Failure)>> {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|_, (since, _)| since.elapsed() < REMEMBERED);
        refusals
    }
}
