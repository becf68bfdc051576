//! Counts what one attempt would instantiate, nested components multiplied out, in one pass over the sections.
//!
//! A thousand bytes of nested components can ask for a million instances, so this comes before anything that would
//! build them.

use model::Code;
use wasmparser::{
    ComponentAlias, ComponentExport, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Instance, Parser, Payload,
};

use super::complete::invalid;
use crate::reason::Reason;

const PAGE_BYTES: u64 = 64 * 1024;

/// What an instance costs. Numbers saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) core_instances: u64,
    pub(super) component_instances: u64,
    pub(super) memories: u64,
    pub(super) memory_bytes: u64,
    pub(super) tables: u64,
    pub(super) table_elements: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.component_instances =
            self.component_instances.saturating_add(other.component_instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.tables = self.tables.saturating_add(other.tables);
        self.table_elements = self.table_elements.saturating_add(other.table_elements);
    }
}

/// What a component wants, offers and costs.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Names of the imports of the outermost component.
    pub(super) imports: Vec<String>,
    /// Names of its exports.
    pub(super) exports: Vec<String>,
    /// One instance of it.
    pub(super) size: Size,
}

/// A component or module that is being read.
#[derive(Default)]
struct Scope {
    is_module: bool,
    size: Size,
    modules: Vec<Size>,
    components: Vec<Size>,
}

/// Counts.
pub(super) fn count(component: &[u8]) -> Result<Census, Reason> {
    let mut census = Census::default();
    let mut scopes = vec![Scope::default()];
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| invalid(&error))?;
        let depth = scopes.len();
        if depth == 1 {
            names(&payload, &mut census)?;
        }
        if let Payload::ModuleSection { .. } = payload {
            scopes.push(Scope { is_module: true, ..Scope::default() });
        } else if let Payload::ComponentSection { .. } = payload {
            scopes.push(Scope::default());
        } else if let Payload::End(_) = payload {
            leave(&mut scopes);
        } else if let Some((scope, around)) = scopes.split_last_mut() {
            read(payload, scope, around)?;
        }
    }
    census.size = scopes.first().map(|scope| scope.size).unwrap_or_default();
    Ok(census)
}

fn leave(scopes: &mut Vec<Scope>) {
    let depth = scopes.len();
    // The outermost scope is the component itself: it stays.
    let Some(done) = scopes.pop_if(|_| depth > 1) else {
        return;
    };
    let Some(outer) = scopes.last_mut() else {
        return;
    };
    let mut size = done.size;
    if done.is_module {
        size.core_instances = 1;
        outer.modules.push(size);
    } else {
        size.component_instances = size.component_instances.saturating_add(1);
        outer.components.push(size);
    }
}

fn names(payload: &Payload<'_>, census: &mut Census) -> Result<(), Reason> {
    if let Payload::ComponentImportSection(section) = payload {
        for import in section.clone() {
            census.imports.push(import.map_err(|error| invalid(&error))?.name.name.to_owned());
        }
    }
    if let Payload::ComponentExportSection(section) = payload {
        for export in section.clone() {
            census.exports.push(export.map_err(|error| invalid(&error))?.name.name.to_owned());
        }
    }
    Ok(())
}

fn read(payload: Payload<'_>, scope: &mut Scope, around: &[Scope]) -> Result<(), Reason> {
    let bad = |error| invalid(&error);
    if let Payload::MemorySection(section) = payload {
        for memory in section {
            scope.size.memories += 1;
            let bytes = memory.map_err(bad)?.initial.saturating_mul(PAGE_BYTES);
            scope.size.memory_bytes = scope.size.memory_bytes.saturating_add(bytes);
        }
    } else if let Payload::TableSection(section) = payload {
        for table in section {
            scope.size.tables += 1;
            let elements = table.map_err(bad)?.ty.initial;
            scope.size.table_elements = scope.size.table_elements.saturating_add(elements);
        }
    } else if let Payload::InstanceSection(section) = payload {
        for instance in section {
            if let Instance::Instantiate { module_index, .. } = instance.map_err(bad)? {
                let size = known(&scope.modules, module_index)?;
                scope.size.add(size);
            }
        }
    } else if let Payload::ComponentInstanceSection(section) = payload {
        for instance in section {
            if let ComponentInstance::Instantiate { component_index, .. } = instance.map_err(bad)? {
                let size = known(&scope.components, component_index)?;
                scope.size.add(size);
            }
        }
    } else if let Payload::ComponentAliasSection(section) = payload {
        for alias in section {
            read_alias(&alias.map_err(bad)?, scope, around)?;
        }
    } else if let Payload::ComponentImportSection(section) = payload {
        for import in section {
            read_import(&import.map_err(bad)?.ty)?;
        }
    } else if let Payload::ComponentExportSection(section) = payload {
        for export in section {
            read_export(&export.map_err(bad)?, scope)?;
        }
    }
    Ok(())
}

fn read_import(ty: &ComponentTypeRef) -> Result<(), Reason> {
    match ty {
        ComponentTypeRef::Module(_) | ComponentTypeRef::Component(_) => Err(unknown()),
        ComponentTypeRef::Func(_)
        | ComponentTypeRef::Value(_)
        | ComponentTypeRef::Type(_)
        | ComponentTypeRef::Instance(_) => Ok(()),
    }
}

/// An export is one more name, and index, for the same thing.
fn read_export(export: &ComponentExport<'_>, scope: &mut Scope) -> Result<(), Reason> {
    if export.kind == ComponentExternalKind::Module {
        let size = known(&scope.modules, export.index)?;
        scope.modules.push(size);
    } else if export.kind == ComponentExternalKind::Component {
        let size = known(&scope.components, export.index)?;
        scope.components.push(size);
    }
    Ok(())
}

fn read_alias(
    alias: &ComponentAlias<'_>,
    scope: &mut Scope,
    around: &[Scope],
) -> Result<(), Reason> {
    match alias {
        ComponentAlias::InstanceExport { kind, .. } => match kind {
            ComponentExternalKind::Module | ComponentExternalKind::Component => Err(unknown()),
            ComponentExternalKind::Func
            | ComponentExternalKind::Value
            | ComponentExternalKind::Type
            | ComponentExternalKind::Instance => Ok(()),
        },
        ComponentAlias::CoreInstanceExport { .. } => Ok(()),
        ComponentAlias::Outer { kind, count, index } => {
            let from = match count {
                0 => None,
                count => around.len().checked_sub(*count as usize).and_then(|at| around.get(at)),
            };
            match kind {
                ComponentOuterAliasKind::CoreModule => {
                    let size = known(from.map_or(&scope.modules, |from| &from.modules), *index)?;
                    scope.modules.push(size);
                }
                ComponentOuterAliasKind::Component => {
                    let size =
                        known(from.map_or(&scope.components, |from| &from.components), *index)?;
                    scope.components.push(size);
                }
                ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => {}
            }
            Ok(())
        }
    }
}

fn known(sizes: &[Size], index: u32) -> Result<Size, Reason> {
    sizes.get(index as usize).copied().ok_or_else(|| {
        Reason::new(
            Code::ComponentInvalid,
            format!("it instantiates number {index}, which it does not have"),
        )
    })
}

fn unknown() -> Reason {
    let detail = "it takes a module or a component from outside, so its instances cannot be counted; \
                  compose it into one component that carries all its parts";
    Reason::new(Code::ComponentTooManyInstances, detail)
}
