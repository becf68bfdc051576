//! Checks an upload before anything is compiled, and lists every problem it has.

mod check;
mod complete;
mod contract;
mod count;
mod preamble;
mod render;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS};
use model::{Capability, Code, Digest};
use serde::Serialize;
use wasmparser::{Validator, WasmFeatures};

use crate::engine::MAX_TABLES;
use crate::interfaces::{CAPABILITIES, context, log, source, system, wasi};
use crate::reason::Reason;

pub(crate) use contract::Contract;
use count::{Census, Size};
use preamble::Kind;

/// Component instances of one component, nested ones included.
const MAX_COMPONENT_INSTANCES: u64 = 256;

/// Names of imports and exports of one component, all together in bytes: they are kept and listed.
const MAX_NAME_BYTES: usize = 64 * 1024;

/// An upload that can be registered.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Names the upload: the digest of the bytes as they came.
    pub digest: Digest,
    /// The component: the upload itself, or what a core module was completed to.
    pub component: Arc<[u8]>,
    /// What a person wants to know about it.
    pub report: ComponentReport,
}

/// What a component is, wants and offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentReport {
    /// The world it targets.
    pub world: World,
    /// What it asks for beyond computing: a step that calls it must be granted each.
    pub capabilities: Vec<Capability>,
    /// Every interface it imports.
    pub imports: Vec<Import>,
    /// Every function it exports to the host.
    pub exports: Vec<String>,
    /// True when its imports prove that a call can have no effect but its answer and its log.
    pub pure: bool,
    /// True when it can say what it carries.
    pub describes: bool,
    /// True when the upload was a core module and the host completed it.
    pub completed: bool,
    /// Bytes uploaded.
    pub uploaded_bytes: u64,
    /// Bytes of the component.
    pub component_bytes: u64,
    /// Core instances of one attempt.
    pub core_instances: u64,
    /// Memory an attempt starts with, in bytes, all memories together.
    pub memory_minimum_bytes: u64,
    /// Table elements an attempt starts with.
    pub table_elements: u64,
}

/// The world a component targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum World {
    /// Completes or errs.
    Handler,
    /// May also park, go on at another phase, wait for signals or spawn children.
    Durable,
}

/// What an upload is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The handlers of a tenant.
    Component,
    /// What runs the sources of all of them.
    Runtime,
}

/// One interface a component imports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Its name, hostile text.
    pub name: String,
    /// What it lets the component do.
    pub meaning: &'static str,
}

/// See [`crate::Sandbox::inspect`].
pub(crate) fn inspect(
    contract: &Contract,
    bytes: &[u8],
    most_bytes: usize,
    role: Role,
) -> Result<Inspection, Vec<Reason>> {
    if bytes.len() > most_bytes {
        let detail = format!("the upload has {} bytes, the limit is {most_bytes}", bytes.len());
        return Err(vec![Reason::new(Code::ComponentTooLarge, detail)]);
    }
    let completed = preamble::kind(bytes).map_err(|reason| vec![reason])? == Kind::CoreModule;
    let component = completed_if(completed, bytes).map_err(|reason| vec![reason])?;
    let census = count::count(&component).map_err(|reason| vec![reason])?;
    let too_big: Vec<Reason> =
        overnamed(&census).into_iter().chain(oversized(&census.size)).collect();
    if !too_big.is_empty() {
        return Err(too_big);
    }
    let types = Validator::new_with_features(features())
        .validate_all(&component)
        .map_err(|error| vec![complete::invalid(&error)])?;
    let world = check::check(contract, &census, types.as_ref(), role)?;
    Ok(Inspection {
        digest: Digest::of(bytes),
        report: report(world, completed, bytes.len(), component.len(), &census),
        component: component.into(),
    })
}

/// The component an upload stands for; a component is itself.
pub(crate) fn completed(bytes: &[u8]) -> Result<Vec<u8>, Reason> {
    completed_if(preamble::kind(bytes)? == Kind::CoreModule, bytes)
}

fn completed_if(core_module: bool, bytes: &[u8]) -> Result<Vec<u8>, Reason> {
    if core_module { complete::complete(bytes) } else { Ok(bytes.to_owned()) }
}

/// True for an import that cannot cause an effect outside the attempt.
pub(crate) fn harmless(import: &str) -> bool {
    let own = ["types", "context", "log", "system", "source"]
        .map(|name| format!("stepcell:handler/{name}@"));
    // A name without a package is a type that the world itself uses.
    let type_only = !import.contains(':');
    let wasi = import.starts_with(wasi::PREFIX) && !wasi::effectful(import);
    type_only || wasi || own.iter().any(|name| import.starts_with(name.as_str()))
}

/// What wasmtime is set up to accept.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL;
    features.remove(WasmFeatures::MEMORY64 | WasmFeatures::THREADS | WasmFeatures::GC);
    features
}

fn oversized(size: &Size) -> Vec<Reason> {
    let counted = [
        ("core instances", size.core_instances, u64::from(MAX_CORE_INSTANCES)),
        ("component instances", size.component_instances, MAX_COMPONENT_INSTANCES),
        ("memories", size.memories, u64::from(MAX_MEMORIES)),
        ("tables", size.tables, u64::from(MAX_TABLES)),
    ];
    let held = [
        ("bytes of memory at the start", size.memory_bytes, Limits::CEILING.memory_bytes),
        ("table elements at the start", size.table_elements, MAX_TABLE_ELEMENTS as u64),
    ];
    let over = |code: Code, (what, found, most): (&str, u64, u64)| {
        (found > most).then(|| {
            Reason::new(code, format!("one attempt would have {found} {what}, the limit is {most}"))
        })
    };
    let counted =
        counted.into_iter().filter_map(|item| over(Code::ComponentTooManyInstances, item));
    let held = held.into_iter().filter_map(|item| over(Code::ComponentTooMuchMemory, item));
    counted.chain(held).collect()
}

fn overnamed(census: &Census) -> Option<Reason> {
    let bytes: usize = census.imports.iter().chain(&census.exports).map(String::len).sum();
    let over = |bytes| {
        let detail = format!(
            "the names of what it imports and exports have {bytes} bytes, the limit is {MAX_NAME_BYTES}"
        );
        Reason::new(Code::ComponentTooLarge, detail)
    };
    (bytes > MAX_NAME_BYTES).then(|| over(bytes))
}

fn report(
    world: World,
    completed: bool,
    uploaded: usize,
    component: usize,
    census: &Census,
) -> ComponentReport {
    let interfaces = census.imports.iter().filter(|name| name.contains(':'));
    let imports = interfaces.map(|name| Import { name: name.clone(), meaning: meaning(name) });
    ComponentReport {
        world,
        capabilities: capabilities(census),
        imports: imports.collect(),
        exports: census.exports.clone(),
        pure: census.imports.iter().all(|name| harmless(name)),
        describes: census.exports.iter().any(|name| name == "describe"),
        completed,
        uploaded_bytes: uploaded as u64,
        component_bytes: component as u64,
        core_instances: census.size.core_instances,
        memory_minimum_bytes: census.size.memory_bytes,
        table_elements: census.size.table_elements,
    }
}

/// What a source imports by way of its runtime.
pub(crate) fn imports_of_source(capabilities: &[Capability]) -> Vec<Import> {
    let always = [context::NAME, log::NAME, system::NAME];
    let asked = CAPABILITIES.iter().filter(|(_, capability)| capabilities.contains(capability));
    let names = always.into_iter().chain(asked.map(|(name, _)| *name));
    names.map(|name| Import { name: name.to_owned(), meaning: meaning(name) }).collect()
}

fn capabilities(census: &Census) -> Vec<Capability> {
    let asked: BTreeSet<Capability> =
        census.imports.iter().filter_map(|name| capability(name)).collect();
    asked.into_iter().collect()
}

/// What a component asks for by importing this.
fn capability(import: &str) -> Option<Capability> {
    let track = contract::track(import);
    let found = CAPABILITIES.iter().find(|(name, _)| contract::track(name) == track);
    found.map(|(_, capability)| *capability)
}

fn meaning(import: &str) -> &'static str {
    let track = contract::track(import);
    if track == contract::track(context::NAME) {
        context::MEANING
    } else if track == contract::track(log::NAME) {
        log::MEANING
    } else if track == contract::track(system::NAME) {
        system::MEANING
    } else if track == contract::track(source::NAME) {
        source::MEANING
    } else if let Some(capability) = capability(import) {
        capability.meaning()
    } else if import.starts_with(wasi::PREFIX) {
        wasi::meaning(import)
    } else {
        "shapes only: it lets the component do nothing"
    }
}
