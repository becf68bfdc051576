//! Turns guests written as text into what a toolchain would write: core modules with the world they target.

use std::path::Path;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

const OURS: &str = "the host's own WIT files are sound: every start of the host reads them";

/// Every hand-written guest: its name and its text.
pub const GUESTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/guests.rs"));

const STEPCELL: [(&str, &str); 9] = [
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("context.wit", include_str!("../../../wit/context.wit")),
    ("system.wit", include_str!("../../../wit/system.wit")),
    ("log.wit", include_str!("../../../wit/log.wit")),
    ("fetch.wit", include_str!("../../../wit/fetch.wit")),
    ("key-value.wit", include_str!("../../../wit/key-value.wit")),
    ("secrets.wit", include_str!("../../../wit/secrets.wit")),
    ("runtime.wit", include_str!("../../../wit/runtime.wit")),
    ("worlds.wit", include_str!("../../../wit/worlds.wit")),
];

/// In the order they depend on each other.
const WASI: [(&str, &str); 6] = [
    ("io.wit", include_str!("../../sandbox/wasi/io.wit")),
    ("clocks.wit", include_str!("../../sandbox/wasi/clocks.wit")),
    ("random.wit", include_str!("../../sandbox/wasi/random.wit")),
    ("filesystem.wit", include_str!("../../sandbox/wasi/filesystem.wit")),
    ("sockets.wit", include_str!("../../sandbox/wasi/sockets.wit")),
    ("cli.wit", include_str!("../../sandbox/wasi/cli.wit")),
];

/// The worlds guests are written for.
const WORLDS: &str = "package test:guests;
    world handler { include stepcell:handler/handler@0.1.0; }
    world durable { include stepcell:handler/durable@0.1.0; }
    world runtime { include stepcell:handler/runtime@0.1.0; }
    world decides {
        use stepcell:handler/types@0.1.0.{input, outcome, handler-error, failure};
        export handle: func(input: input) -> result<outcome, handler-error>;
        export on-error: func(input: input, failure: failure) -> result<option<outcome>, handler-error>;
    }
    world describes { include stepcell:handler/handler@0.1.0; export describe: func() -> string; }
    world wasi {
        include stepcell:handler/handler@0.1.0;
        import wasi:cli/stdout@0.2.12;
        import wasi:cli/environment@0.2.12;
        import wasi:cli/exit@0.2.12;
        import wasi:clocks/monotonic-clock@0.2.12;
        import wasi:filesystem/preopens@0.2.12;
        import wasi:random/random@0.2.12;
        import wasi:sockets/instance-network@0.2.12;
        import wasi:sockets/ip-name-lookup@0.2.12;
        import wasi:sockets/tcp-create-socket@0.2.12;
    }";

/// Which world a guest targets and how it writes strings, by the beginning of its name.
const TARGETS: [(&str, &str, StringEncoding); 7] = [
    ("wasi_", "wasi", StringEncoding::UTF8),
    ("describe", "describes", StringEncoding::UTF8),
    ("durable", "durable", StringEncoding::UTF8),
    ("runtime", "runtime", StringEncoding::UTF8),
    ("on_error_", "decides", StringEncoding::UTF8),
    ("utf16_", "handler", StringEncoding::UTF16),
    ("latin1_", "handler", StringEncoding::CompactUTF16),
];

/// A guest without any type information.
///
/// # Panics
/// When there is no such guest.
pub fn bare(name: &str) -> Vec<u8> {
    wat::parse_str(text(name)).unwrap_or_else(|why| panic!("`{name}`: {why}"))
}

/// A guest as a toolchain would write it; one that is written as a component is one.
///
/// # Panics
/// When there is no such guest.
pub fn module(name: &str) -> Vec<u8> {
    let bytes = bare(name);
    if is_component(&bytes) {
        return bytes;
    }
    let target = TARGETS.iter().find(|(start, ..)| name.starts_with(start));
    let (world, encoding) = target
        .map_or(("handler", StringEncoding::UTF8), |(_, world, encoding)| (*world, *encoding));
    embed(bytes, world, encoding)
}

/// The guest `good` with more in its module.
pub(crate) fn good_with(more: &str) -> Vec<u8> {
    let text = text("good").trim_end().strip_suffix(')').expect("a module ends");
    let bytes = wat::parse_str(format!("{text}\n{more})")).expect("more is valid text");
    embed(bytes, "handler", StringEncoding::UTF8)
}

/// What a guest does: the first line of its text.
pub(crate) fn first_line(name: &str) -> &'static str {
    text(name).lines().next().unwrap_or_default().trim_start_matches(";; ")
}

/// A module with the information which world it targets.
pub(crate) fn embed(mut module: Vec<u8>, world: &str, encoding: StringEncoding) -> Vec<u8> {
    let mut resolve = Resolve::default();
    for file in WASI {
        push(&mut resolve, &[file]);
    }
    push(&mut resolve, &STEPCELL);
    let package = resolve.push_str("worlds.wit", WORLDS).expect("the worlds are valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    embed_component_metadata(&mut module, &resolve, world, encoding)
        .expect("a module takes type information");
    module
}

fn push(resolve: &mut Resolve, files: &[(&str, &str)]) {
    let mut sources = SourceMap::new();
    for (name, text) in files {
        sources.push(Path::new(name), *text);
    }
    let group = sources.parse().map_err(|(_, error)| error).expect(OURS);
    resolve.push_group(group).expect(OURS);
}

fn is_component(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(&[0x0d, 0, 1, 0])
}

fn text(name: &str) -> &'static str {
    let found = GUESTS.iter().find(|(guest, _)| *guest == name);
    found.map_or_else(|| panic!("there is no guest `{name}`"), |(_, text)| text)
}
