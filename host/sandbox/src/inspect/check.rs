//! Compares what a component imports and exports with the contract, and lists every difference.

use model::Code;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId,
};
use wasmparser::types::TypesRef;

use super::contract::{Contract, track};
use super::count::Census;
use super::render::Renderer;
use super::{Role, World};
use crate::interfaces::source;
use crate::reason::{Reason, short};

/// The problems that are listed of one component; hostile ones have millions.
const MAX_REASONS: usize = 100;

/// The world the component targets, or everything that keeps it from targeting one.
pub(super) fn check(
    contract: &Contract,
    census: &Census,
    types: TypesRef<'_>,
    role: Role,
) -> Result<World, Vec<Reason>> {
    let (renderer, reasons) = (Renderer::new(types), Vec::new());
    let mut check = Check { contract, types, role, renderer, reasons };
    let imports = census.imports.iter().filter_map(|name| {
        types.component_item_for_import(name).map(|item| (name.as_str(), item.ty))
    });
    let imports: Vec<_> = imports.collect();
    imports.iter().for_each(|(_, ty)| check.renderer.learn(ty));
    for (name, ty) in imports {
        if check.is_full() {
            break;
        }
        check.import(name, &ty);
    }
    let world = check.handle();
    check.optional();
    if role == Role::Runtime {
        check.runtime(world);
    }
    match world {
        Some(world) if check.reasons.is_empty() => Ok(world),
        Some(_) | None => Err(check.reasons),
    }
}

struct Check<'a> {
    contract: &'a Contract,
    types: TypesRef<'a>,
    role: Role,
    renderer: Renderer<'a>,
    reasons: Vec<Reason>,
}

impl Check<'_> {
    fn is_full(&self) -> bool {
        self.reasons.len() >= MAX_REASONS
    }

    fn import(&mut self, name: &str, ty: &ComponentEntityType) {
        let shown = short(name);
        match ty {
            ComponentEntityType::Instance(id) => self.interface(name, *id),
            // A type that the world itself uses is only a name for something the interfaces define.
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. }
            | ComponentEntityType::Func(_)
            | ComponentEntityType::Module(_)
            | ComponentEntityType::Value(_)
            | ComponentEntityType::Component(_) => {
                self.unknown(format!(
                    "it imports the {} `{shown}`; the host offers interfaces only",
                    noun(ty)
                ));
            }
            ComponentEntityType::Type { .. } => {}
        }
    }

    fn interface(&mut self, import: &str, id: ComponentInstanceTypeId) {
        let name = short(import);
        if self.role == Role::Component && track(import) == track(source::NAME) {
            self.unknown(format!(
                "it imports `{name}`, which is for runtimes that an operator installs"
            ));
            return;
        }
        let Some(offered) = self.contract.interface(import) else {
            self.unknown(format!("it imports `{name}`, {}", advice(import)));
            return;
        };
        let found = self.renderer.interface(id, |name| offered.functions.contains_key(name));
        for (function, found) in &found.functions {
            if self.is_full() {
                return;
            }
            match offered.functions.get(function) {
                None => self.unknown(format!(
                    "it imports `{}` of `{name}`, which the host does not offer",
                    short(function)
                )),
                Some(expected) if expected != found => {
                    let what = format!("import `{function}` of `{name}`");
                    self.signature(&what, expected, found);
                }
                Some(_) => {}
            }
        }
        for resource in found.resources.iter().filter(|name| !offered.resources.contains(name)) {
            if self.is_full() {
                return;
            }
            self.unknown(format!(
                "it imports the resource `{}` of `{name}`, which the host does not offer",
                short(resource)
            ));
        }
    }

    fn handle(&mut self) -> Option<World> {
        let expected = self.contract.handle(World::Handler);
        let Some(item) = self.types.component_item_for_export("handle") else {
            let detail = format!("it exports no `handle`; world `handler` expects `{expected}`");
            self.reasons.push(Reason::new(Code::ComponentMissingExport, detail));
            return None;
        };
        let found = self.function(&item.ty);
        let world = self.contract.world(&found);
        if world.is_none() {
            self.signature("export `handle`", expected, &found);
        }
        world
    }

    fn optional(&mut self) {
        for (name, expected) in &self.contract.optional {
            let Some(item) = self.types.component_item_for_export(name) else {
                continue;
            };
            let found = self.function(&item.ty);
            if found != *expected {
                self.signature(&format!("export `{name}`"), expected, &found);
            }
        }
    }

    /// What a runtime has besides.
    fn runtime(&mut self, world: Option<World>) {
        if world == Some(World::Handler) {
            let (expected, found) =
                (self.contract.handle(World::Durable), self.contract.handle(World::Handler));
            self.signature("export `handle`", expected, found);
        }
        let expected = &self.contract.prepare;
        let Some(item) = self.types.component_item_for_export("prepare") else {
            let detail = format!("it exports no `prepare`; world `runtime` expects `{expected}`");
            self.reasons.push(Reason::new(Code::ComponentMissingExport, detail));
            return;
        };
        let found = self.function(&item.ty);
        if found != *expected {
            self.signature("export `prepare`", expected, &found);
        }
    }

    fn function(&mut self, ty: &ComponentEntityType) -> String {
        match ty {
            ComponentEntityType::Func(id) => self.renderer.function(*id),
            ComponentEntityType::Module(_)
            | ComponentEntityType::Value(_)
            | ComponentEntityType::Type { .. }
            | ComponentEntityType::Instance(_)
            | ComponentEntityType::Component(_) => noun(ty).to_owned(),
        }
    }

    fn signature(&mut self, what: &str, expected: &str, found: &str) {
        let detail = format!("{what}: expected `{expected}`, found `{found}`");
        self.reasons.push(Reason::new(Code::ComponentWrongSignature, detail));
    }

    fn unknown(&mut self, detail: String) {
        self.reasons.push(Reason::new(Code::ComponentUnknownImport, detail));
    }
}

/// What kind of thing it is.
pub(super) fn noun(ty: &ComponentEntityType) -> &'static str {
    match ty {
        ComponentEntityType::Module(_) => "core module",
        ComponentEntityType::Func(_) => "function",
        ComponentEntityType::Value(_) => "value",
        ComponentEntityType::Type { .. } => "type",
        ComponentEntityType::Instance(_) => "interface",
        ComponentEntityType::Component(_) => "component",
    }
}

fn advice(import: &str) -> &'static str {
    if import.starts_with("wasi:http/") {
        "which the host does not offer: turn HTTP off in the toolchain (for `componentize-js`: `-d http fetch-event`)"
    } else if import.starts_with("stepcell:handler/") {
        "which is not part of the worlds `handler` and `durable` of this host"
    } else if import.starts_with("wasi:") {
        "which the host does not offer: of WASI it has cli, clocks, filesystem, io, random and sockets 0.2, with \
         nothing granted"
    } else {
        "which the host does not offer: compose the component with one that provides it, or remove the import"
    }
}
