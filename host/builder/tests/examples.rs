//! Every example's handlers, built: each is a valid component that asks for nothing but the contract.

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use builder::{Builder, Progress};
use wit_parser::WorldItem;
use wit_parser::decoding::{DecodedWasm, decode};

/// The folders of handler crates below `folder`.
fn handler_crates(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_name() == "handlers" && path.join("Cargo.toml").is_file() {
            found.push(path);
        } else if path.is_dir() && entry.file_name() != "target" {
            handler_crates(&path, found);
        }
    }
}

#[test]
fn every_example_is_a_valid_component_that_asks_for_the_contract_only() {
    let mut folders = Vec::new();
    handler_crates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples"), &mut folders);
    assert!(folders.len() >= 5, "{folders:?}");
    for folder in folders {
        let began = Instant::now();
        let built = Builder::default().build(&folder, Progress::SILENT).unwrap();
        let DecodedWasm::Component(resolve, world) = decode(&built.wasm).unwrap() else {
            panic!("a component has a world")
        };
        let world = &resolve.worlds[world];
        let asked =
            world.imports.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
        let asked: Vec<String> = asked.map(|(key, _)| resolve.name_world_key(key)).collect();
        assert!(asked.iter().all(|name| name.starts_with("stepcell:handler/")), "{asked:?}");
        let bytes = built.wasm.len();
        // `cargo test -- --nocapture` shows it.
        #[expect(clippy::print_stdout, reason = "figures for whoever asks")]
        {
            println!(
                "{}: {bytes} bytes in {:?}, fresh: {}",
                built.package,
                began.elapsed(),
                built.fresh
            );
        }
    }
}
