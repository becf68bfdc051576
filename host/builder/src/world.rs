//! The world a component of another language targets: `durable` with the interfaces that it uses and the exports that it has.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

use crate::error::Error;
use crate::project::digest;

/// The contract.
const WIT: [(&str, &str); 9] = [
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("context.wit", include_str!("../../../wit/context.wit")),
    ("log.wit", include_str!("../../../wit/log.wit")),
    ("system.wit", include_str!("../../../wit/system.wit")),
    ("fetch.wit", include_str!("../../../wit/fetch.wit")),
    ("key-value.wit", include_str!("../../../wit/key-value.wit")),
    ("secrets.wit", include_str!("../../../wit/secrets.wit")),
    ("runtime.wit", include_str!("../../../wit/runtime.wit")),
    ("worlds.wit", include_str!("../../../wit/worlds.wit")),
];
/// The world's name.
pub(crate) const NAME: &str = "tailored";
/// How the interfaces begin.
const OURS: &str = "stepcell:handler/";
/// What toolchains leave of WASI in a core module.
const WASI: &str = "wasi_snapshot_preview1";

/// What a component imports and exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    /// The interfaces, by name alone: `context`, `key-value`.
    pub(crate) imports: BTreeSet<String>,
    pub(crate) describe: bool,
    pub(crate) on_error: bool,
    pub(crate) compensate: bool,
}

impl World {
    /// An interface by the name it is imported by: `stepcell:handler/fetch@0.1.0`.
    pub(crate) fn interface(import: &str) -> Option<&str> {
        import.strip_prefix(OURS)?.split('@').next()
    }

    /// The contract's files and this world, in a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        write_contract(folder)?;
        let path = folder.join("tailored.wit");
        fs::write(&path, self.text()).map_err(Error::file("write", &path))
    }

    fn text(&self) -> String {
        let mut text = format!("package stepcell:handler@0.1.0;\n\nworld {NAME} {{\n");
        for import in &self.imports {
            writeln!(text, "    import {import};").expect("a String takes everything");
        }
        text.push_str(
            "    use types.{json, input, outcome, handler-error, failure};\n    \
             export handle: func(input: input) -> result<outcome, handler-error>;\n",
        );
        let optional = [
            (self.describe, "describe: func() -> string"),
            (
                self.on_error,
                "on-error: func(input: input, failure: failure) -> result<option<outcome>, handler-error>",
            ),
            (
                self.compensate,
                "compensate: func(input: input, output: json) -> result<_, handler-error>",
            ),
        ];
        for (_, export) in optional.iter().filter(|(there, _)| *there) {
            writeln!(text, "    export {export};").expect("a String takes everything");
        }
        text.push_str("}\n");
        text
    }

    /// What a core module imports and exports; `None`: it has no `handle`.
    fn of_module(module: &[u8]) -> Option<(Self, bool)> {
        let (mut world, mut wasi, mut handles) = (Self::default(), false, false);
        for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
            if let Payload::ImportSection(section) = &payload {
                for import in section.clone().into_imports().map_while(Result::ok) {
                    world.imports.extend(Self::interface(import.module).map(str::to_owned));
                    wasi |= import.module == WASI;
                }
            }
            let Payload::ExportSection(section) = payload else { continue };
            for export in section.into_iter().map_while(Result::ok) {
                match export.name {
                    "handle" => handles = true,
                    "describe" => world.describe = true,
                    "on-error" => world.on_error = true,
                    "compensate" => world.compensate = true,
                    _ => {}
                }
            }
        }
        handles.then_some((world, wasi))
    }
}

/// The contract's files, in a folder.
pub(crate) fn write_contract(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    for (name, text) in WIT {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::file("write", &path))?;
    }
    Ok(())
}

/// The digest of the contract.
pub(crate) fn contract_digest() -> String {
    digest(WIT.map(|(_, text)| text).concat())
}

/// The component of a core module that keeps to the canonical ABI by itself; `hint` says what is forgotten where it has no handlers.
pub(crate) fn complete(what: &str, mut module: Vec<u8>, hint: &str) -> Result<Vec<u8>, Error> {
    let refuse = |reason: String| Error::Encode { what: what.to_owned(), reason };
    let Some((world, wasi)) = World::of_module(&module) else {
        return Err(refuse(format!("it has no handlers: {hint}")));
    };
    let mut resolve = Resolve::default();
    let mut sources = SourceMap::new();
    let text = world.text();
    for (name, text) in WIT.into_iter().chain([("tailored.wit", text.as_str())]) {
        sources.push(Path::new(name), text);
    }
    let sound = "the contract's files and the world are sound";
    let group = sources.parse().map_err(|(_, error)| error).expect(sound);
    let package = resolve.push_group(group).expect(sound);
    let world = resolve.select_world(&[package], Some(NAME)).expect(sound);
    let encoded = embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().validate(true).module(&module))
        .and_then(|encoder| match wasi {
            true => encoder.adapter(
                WASI,
                wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            ),
            false => Ok(encoder),
        })
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| refuse(format!("{error:#}")))
}
