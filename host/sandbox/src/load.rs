//! From a digest to something callable: memory, then disk, then one compilation however many ask.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use model::{Code, Digest, TenantId};
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::artifact::Signed;
use crate::attempt::Attempt;
use crate::engine::Checks;
use crate::interfaces::Linkers;
use crate::interfaces::source::PrepareAnswer;
use crate::interfaces::types::{
    Answer, CompensateAnswer, DurableAnswer, OnErrorAnswer, WireFailure, WireInput,
};
use crate::interfaces::wasi;
use crate::reason::Reason;
use crate::source::Executable;
use crate::{Error, Inner, compiler, inspect};

/// A component that is compiled, linked and ready to be called.
pub struct Compiled {
    /// The upload it came from.
    pub digest: Digest,
    /// Whose it is.
    pub tenant: TenantId,
    /// True when its imports prove that a call can have no effect but its answer and its log.
    pub pure: bool,
    pub(crate) wants_wasi: bool,
    pub(crate) checks: Checks,
    pub(crate) pre: InstancePre<Attempt>,
    pub(crate) handle: ComponentExportIndex,
    /// True when `handle` is that of the world `durable`.
    pub durable: bool,
    pub(crate) describe: Option<ComponentExportIndex>,
    pub(crate) on_error: Option<ComponentExportIndex>,
    pub(crate) compensate: Option<ComponentExportIndex>,
    /// Of a runtime.
    pub(crate) prepare: Option<ComponentExportIndex>,
    /// What it runs, where it stands for a source, and by which runtime.
    pub(crate) program: Option<(Arc<str>, Arc<Compiled>)>,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Compiled({}, tenant {})", self.digest, self.tenant.0)
    }
}

/// Why a component could not be made callable.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nobody has its bytes.
    #[error("the bytes of component `{0}` are not here; upload it again")]
    Absent(Digest),
    /// It is to blame itself.
    #[error("{0}")]
    Refused(Reason),
    /// The host is to blame.
    #[error(transparent)]
    Host(#[from] Error),
}

type Key = (TenantId, Digest);

/// The components in memory, and the loads under way.
#[derive(Default)]
pub(crate) struct Shelf {
    ready: Mutex<HashMap<Key, Kept>>,
    /// Runtimes whose sources are in use, though nobody asked for them by their own names for long.
    bound: Mutex<HashMap<Digest, Weak<Compiled>>>,
    under_way: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    clock: AtomicU64,
}

struct Kept {
    compiled: Arc<Compiled>,
    used: u64,
}

impl Shelf {
    fn find(&self, key: Key) -> Option<Arc<Compiled>> {
        self.find_ready(key).or_else(|| {
            let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
            bound.get(&key.1)?.upgrade().filter(|runtime| runtime.tenant == key.0)
        })
    }

    /// Keeps a runtime in reach for as long as a source that is bound to it is.
    fn bind(&self, runtime: &Arc<Compiled>) {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.retain(|_, runtime| runtime.strong_count() > 0);
        bound.insert(runtime.digest, Arc::downgrade(runtime));
    }

    fn find_ready(&self, key: Key) -> Option<Arc<Compiled>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = ready.get_mut(&key)?;
        kept.used = self.clock.fetch_add(1, Ordering::Relaxed);
        Some(kept.compiled.clone())
    }

    /// Keeps it in place of the one that was used longest ago.
    fn keep(&self, compiled: &Arc<Compiled>, most: usize) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        ready.insert((compiled.tenant, compiled.digest), Kept { compiled: compiled.clone(), used });
        if ready.len() > most.max(1) {
            let oldest = ready.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                ready.remove(&oldest);
            }
        }
    }

    pub(crate) fn forget(&self, key: Key) {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).remove(&key.1);
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn turn(&self, key: Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Only the map still holds a turn that nobody waits for.
        under_way.retain(|_, turn| Arc::strong_count(turn) > 1);
        under_way.entry(key).or_default().clone()
    }
}

/// See [`crate::Sandbox::load`]; `took`: how long it compiled, if it did.
pub(crate) async fn load<C: Into<Executable>, F, Found>(
    inner: &Arc<Inner>,
    key: Key,
    code: F,
    took: &mut Duration,
) -> Result<Arc<Compiled>, LoadError>
where
    F: FnOnce() -> Found,
    Found: Future<Output = Option<C>>,
{
    if let Some(compiled) = inner.shelf.find(key) {
        return Ok(compiled);
    }
    let turn = inner.shelf.turn(key);
    let _mine = turn.lock().await;
    if let Some(compiled) = inner.shelf.find(key) {
        return Ok(compiled);
    }
    if let Some(compiled) = from_disk(inner, key).await? {
        inner.shelf.keep(&compiled, inner.settings.loaded_components);
        return Ok(compiled);
    }
    let compiled = match code().await.ok_or(LoadError::Absent(key.1))?.into() {
        Executable::Component(bytes) => compile(inner, key, bytes, took).await?,
        Executable::Source(source) => {
            inner.shelf.bind(&source.runtime);
            Arc::new(source.bind(key))
        }
    };
    inner.shelf.keep(&compiled, inner.settings.loaded_components);
    Ok(compiled)
}

async fn from_disk(inner: &Arc<Inner>, key: Key) -> Result<Option<Arc<Compiled>>, LoadError> {
    let inner = inner.clone();
    aside(move || {
        let Some(signed) = inner.artifacts.read(key.0, key.1) else {
            return Ok(None);
        };
        match link(&inner, key, &signed) {
            Ok(compiled) => Ok(Some(Arc::new(compiled))),
            Err(error) => {
                tracing::warn!(digest = %key.1, %error, "an artifact cannot be loaded; compiling again");
                inner.artifacts.remove(key.0, key.1);
                Ok(None)
            }
        }
    })
    .await
}

async fn compile(
    inner: &Arc<Inner>,
    key: Key,
    bytes: Vec<u8>,
    took: &mut Duration,
) -> Result<Arc<Compiled>, LoadError> {
    let component = aside(move || inspect::completed(&bytes).map_err(LoadError::Refused)).await?;
    let slot = inner.compilers.acquire(key.0, 0).await;
    inner.compiled_count.fetch_add(1, Ordering::Relaxed);
    let (settings, began) = (&inner.settings, Instant::now());
    let compiled =
        compiler::compile(&settings.compiler, &settings.compile_limits, &component).await;
    drop(slot);
    *took = began.elapsed();
    let compiled = compiled?;
    inner.confined_by(compiled.confinement);
    let inner = inner.clone();
    aside(move || {
        let signed = Signed::compiled(compiled.code);
        // The engine takes whatever its own compiler makes: what it refuses is too large for an attempt.
        let component = signed.load(&inner.engine).map_err(|why| oversized(&why))?;
        let compiled = connect(&inner.linkers, key, &component, Checks::ALL)?;
        inner.artifacts.keep(key.0, key.1, &signed);
        Ok(Arc::new(compiled))
    })
    .await
}

/// Work that takes too long for a thread that runs attempts.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            Err(LoadError::Host(Error::Panicked { what: "load a component", source: error }))
        }
    }
}

fn link(inner: &Inner, key: Key, signed: &Signed) -> Result<Compiled, LoadError> {
    let component = signed.load(&inner.engine).map_err(|source| {
        LoadError::Host(Error::Wasmtime { what: "load compiled code", source })
    })?;
    connect(&inner.linkers, key, &component, Checks::ALL)
}

/// Gives the component its imports and finds its exports.
pub(crate) fn connect(
    linkers: &Linkers,
    (tenant, digest): Key,
    component: &Component,
    checks: Checks,
) -> Result<Compiled, LoadError> {
    let ty = component.component_type();
    let imports: Vec<String> =
        ty.imports(component.engine()).map(|(name, _)| name.to_owned()).collect();
    let wants_wasi = imports.iter().any(|name| name.starts_with(wasi::PREFIX));
    let linker = if wants_wasi { &linkers.with_wasi } else { &linkers.own };
    let pre = linker.instantiate_pre(component).map_err(|error| refused(&error))?;
    let Exports { handle, durable, describe, on_error, compensate, prepare } = exports(component)?;
    Ok(Compiled {
        digest,
        tenant,
        pure: imports.iter().all(|name| inspect::harmless(name)),
        wants_wasi,
        checks,
        pre,
        handle,
        durable,
        describe,
        on_error,
        compensate,
        prepare,
        program: None,
    })
}

struct Exports {
    handle: ComponentExportIndex,
    durable: bool,
    describe: Option<ComponentExportIndex>,
    on_error: Option<ComponentExportIndex>,
    compensate: Option<ComponentExportIndex>,
    prepare: Option<ComponentExportIndex>,
}

fn exports(component: &Component) -> Result<Exports, LoadError> {
    let Some((ComponentItem::ComponentFunc(func), handle)) = component.get_export(None, "handle")
    else {
        let detail = "the component exports no function `handle`";
        return Err(LoadError::Refused(Reason::new(Code::ComponentMissingExport, detail)));
    };
    let types = component.component_type();
    let instance = types.instance_type();
    let durable = func.typecheck::<(WireInput<'_>,), (DurableAnswer,)>(&instance).is_ok();
    if !durable {
        func.typecheck::<(WireInput<'_>,), (Answer,)>(&instance).map_err(|error| {
            refused(&error.context("`handle` is not that of the world `handler` or `durable`"))
        })?;
    }
    let optional = |name: &str, fits: &dyn Fn(&ComponentFunc) -> bool| match component
        .get_export(None, name)
    {
        Some((ComponentItem::ComponentFunc(func), index)) => fits(&func).then_some(index),
        Some(_) | None => None,
    };
    let describe = optional("describe", &|func| func.typecheck::<(), (String,)>(&instance).is_ok());
    let on_error = optional("on-error", &|func| {
        func.typecheck::<(WireInput<'_>, WireFailure<'_>), (OnErrorAnswer,)>(&instance).is_ok()
    });
    let compensate = optional("compensate", &|func| {
        func.typecheck::<(WireInput<'_>, &str), (CompensateAnswer,)>(&instance).is_ok()
    });
    let prepare =
        optional("prepare", &|func| func.typecheck::<(&str,), (PrepareAnswer,)>(&instance).is_ok());
    Ok(Exports { handle, durable, describe, on_error, compensate, prepare })
}

fn oversized(error: &wasmtime::Error) -> LoadError {
    let detail = format!("one attempt would need more than it may have: {error:#}");
    LoadError::Refused(Reason::new(Code::ComponentTooManyInstances, detail))
}

fn refused(error: &wasmtime::Error) -> LoadError {
    LoadError::Refused(Reason::new(Code::ComponentWrongSignature, format!("{error:#}")))
}
