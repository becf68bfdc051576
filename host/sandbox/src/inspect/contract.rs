//! What the host offers and expects, as text that can be compared and shown: read from the WIT files themselves.

use std::collections::BTreeMap;
use std::path::Path;

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentType};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_parser::{PackageId, Resolve, SourceMap};

use super::World;
use super::render::Renderer;

const STEPCELL: [(&str, &str); 9] = [
    ("types.wit", include_str!("../../../../wit/types.wit")),
    ("context.wit", include_str!("../../../../wit/context.wit")),
    ("fetch.wit", include_str!("../../../../wit/fetch.wit")),
    ("key-value.wit", include_str!("../../../../wit/key-value.wit")),
    ("secrets.wit", include_str!("../../../../wit/secrets.wit")),
    ("system.wit", include_str!("../../../../wit/system.wit")),
    ("log.wit", include_str!("../../../../wit/log.wit")),
    ("runtime.wit", include_str!("../../../../wit/runtime.wit")),
    ("worlds.wit", include_str!("../../../../wit/worlds.wit")),
];

/// In the order they depend on each other.
const WASI: [(&str, &str); 6] = [
    ("io.wit", include_str!("../../wasi/io.wit")),
    ("clocks.wit", include_str!("../../wasi/clocks.wit")),
    ("random.wit", include_str!("../../wasi/random.wit")),
    ("filesystem.wit", include_str!("../../wasi/filesystem.wit")),
    ("sockets.wit", include_str!("../../wasi/sockets.wit")),
    ("cli.wit", include_str!("../../wasi/cli.wit")),
];

/// What an interface has: functions by name with their types, and the resources it defines.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) functions: BTreeMap<String, String>,
    pub(super) resources: Vec<String>,
}

/// The host's side of the line.
#[derive(Debug)]
pub(crate) struct Contract {
    interfaces: BTreeMap<String, Interface>,
    handle: [(World, String); 2],
    /// The types of what a component may export besides.
    pub(super) optional: [(&'static str, String); 3],
    /// What a runtime exports besides.
    pub(super) prepare: String,
}

impl Contract {
    /// Reads the WIT files that are part of the host.
    pub(crate) fn new() -> Self {
        let mut resolve = Resolve::default();
        let own = push(&mut resolve, &STEPCELL);
        let wasi: Vec<PackageId> =
            WASI.iter().map(|file| push(&mut resolve, std::slice::from_ref(file))).collect();
        let mut interfaces = BTreeMap::new();
        for package in wasi.into_iter().chain([own]) {
            let encoded = encode(&resolve, package);
            read_interfaces(&encoded, &mut interfaces);
        }
        let own = encode(&resolve, own);
        Self {
            interfaces,
            handle: [
                (World::Handler, export_of(&own, "handler", "handle")),
                (World::Durable, export_of(&own, "durable", "handle")),
            ],
            optional: [
                ("describe", "func() -> string".into()),
                ("on-error", export_of(&own, "on-error", "on-error")),
                ("compensate", export_of(&own, "compensate", "compensate")),
            ],
            prepare: export_of(&own, "runtime", "prepare"),
        }
    }

    /// The interface that serves an import of this name.
    pub(super) fn interface(&self, import: &str) -> Option<&Interface> {
        self.interfaces.get(&track(import))
    }

    /// The world whose `handle` has this type.
    pub(super) fn world(&self, handle: &str) -> Option<World> {
        self.handle.iter().find(|(_, ty)| ty == handle).map(|(world, _)| *world)
    }

    /// The type of `handle` in a world.
    pub(super) fn handle(&self, world: World) -> &str {
        let found = self.handle.iter().find(|(of, _)| *of == world);
        found.map_or("", |(_, ty)| ty)
    }
}

/// The name without the part of the version that may differ: versions `0.x.*` serve each other, and so do `1.*`.
pub(super) fn track(name: &str) -> String {
    let Some((interface, version)) = name.split_once('@') else {
        return name.to_owned();
    };
    let plain = version.split(['-', '+']).next().unwrap_or(version);
    let mut parts = plain.split('.');
    let major = parts.next().unwrap_or_default();
    match (major, parts.next()) {
        // A pre-release serves nobody else.
        _ if plain.len() != version.len() => name.to_owned(),
        ("0", Some(minor)) => format!("{interface}@0.{minor}"),
        (major, _) => format!("{interface}@{major}"),
    }
}

const OURS: &str = "the host's own WIT files are sound: every start of the host reads them";

fn push(resolve: &mut Resolve, files: &[(&str, &str)]) -> PackageId {
    let mut sources = SourceMap::new();
    for (name, text) in files {
        sources.push(Path::new(name), *text);
    }
    let group = sources.parse().map_err(|(_, error)| error).expect(OURS);
    resolve.push_group(group).expect(OURS)
}

/// A package in its binary form, and the names it exports.
struct Encoded {
    types: wasmparser::types::Types,
    exports: Vec<String>,
}

fn encode(resolve: &Resolve, package: PackageId) -> Encoded {
    let bytes = wit_component::encode(resolve, package).expect(OURS);
    let features = WasmFeatures::default() | WasmFeatures::COMPONENT_MODEL;
    let types = Validator::new_with_features(features).validate_all(&bytes).expect(OURS);
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(&bytes) {
        if let Payload::ComponentExportSection(section) = payload.expect(OURS) {
            exports
                .extend(section.into_iter().map(|export| export.expect(OURS).name.name.to_owned()));
        }
    }
    Encoded { types, exports }
}

impl Encoded {
    /// What an export of the package stands for: a component type that wraps the interface or the world.
    fn wrapper(&self, name: &str) -> Option<&ComponentType> {
        let types = self.types.as_ref();
        let item = types.component_item_for_export(name)?;
        let ComponentEntityType::Type { referenced: ComponentAnyTypeId::Component(id), .. } =
            item.ty
        else {
            return None;
        };
        Some(&self.types[id])
    }
}

fn read_interfaces(encoded: &Encoded, into: &mut BTreeMap<String, Interface>) {
    for export in &encoded.exports {
        let Some(wrapper) = encoded.wrapper(export) else {
            continue;
        };
        let mut renderer = Renderer::new(encoded.types.as_ref());
        let around = wrapper.imports.values().chain(wrapper.exports.values());
        around.for_each(|item| renderer.learn(&item.ty));
        for (name, item) in &wrapper.exports {
            if let ComponentEntityType::Instance(id) = item.ty {
                into.insert(track(name), renderer.interface(id, |_| true));
            }
        }
    }
}

fn export_of(encoded: &Encoded, world: &str, export: &str) -> String {
    let wrapper = encoded.wrapper(world).expect(OURS);
    let inner = wrapper.exports.values().find_map(|item| match item.ty {
        ComponentEntityType::Component(id) => Some(&encoded.types[id]),
        ComponentEntityType::Module(_)
        | ComponentEntityType::Func(_)
        | ComponentEntityType::Value(_)
        | ComponentEntityType::Type { .. }
        | ComponentEntityType::Instance(_) => None,
    });
    let handle = inner.and_then(|inner| inner.exports.get(export)).expect(OURS);
    let ComponentEntityType::Func(id) = handle.ty else {
        unreachable!("{OURS}");
    };
    Renderer::new(encoded.types.as_ref()).function(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_what_the_wit_files_say() {
        let contract = Contract::new();
        let log = contract.interface("stepcell:handler/log@0.1.0").unwrap();
        assert_eq!(
            log.functions["write"],
            "func(enum { trace, debug, info, warn, error }, string, option<string>)"
        );
        assert!(contract.handle(World::Handler).ends_with(
            "-> result<string, record { \
            kind: enum { validation, execution, configuration, dependency }, message: string, \
            details: option<string>, retry: option<bool>, retry-after-ms: option<u64> }>"
        ));
        assert!(contract.handle(World::Durable).contains("await-signals"));
        let poll = contract.interface("wasi:io/poll@0.2.0").unwrap();
        assert_eq!(poll.functions["poll"], "func(list<borrow<pollable>>) -> list<u32>");
        assert_eq!(poll.resources, ["pollable"]);
    }

    #[test]
    fn versions_that_serve_each_other_are_on_one_track() {
        assert_eq!(track("wasi:io/poll@0.2.0"), track("wasi:io/poll@0.2.6"));
        assert_ne!(track("wasi:io/poll@0.2.0"), track("wasi:io/poll@0.3.0"));
        assert_ne!(track("wasi:io/poll@0.2.0"), track("wasi:io/poll@0.2.0-rc-1"));
        assert_eq!(track("a:b/c@1.2.3"), "a:b/c@1");
    }
}
