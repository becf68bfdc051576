//! Real crates, built: what comes out, how fast it is again, and what is said about folders that are none.

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use builder::{Builder, Built, Error, Note, Progress, Toolchain};
use tempfile::TempDir;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{WorldItem, WorldKey};

const HANDLER: &str = "
    fn double(number: i64) -> Result<i64, stepcell_guest::Error> {
        stepcell_guest::info!(number = number, \"doubling\");
        Ok(number * 2)
    }
    stepcell_guest::handlers! { double }
";

/// All tests build into one folder, so that std's and the SDK's dependencies are compiled once.
fn shared_target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap();
    target.join("guests-of-tests")
}

fn builder() -> Builder {
    Builder { target: Some(shared_target()), ..Builder::default() }
}

/// A crate in a folder of its own. Names differ between tests, because they build into one folder.
fn crate_in(folder: &Path, name: &str, source: &str) {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk").canonicalize().unwrap();
    let manifest = format!(
        "[package]\nname = {name:?}\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nstepcell-guest = {{ path = {:?} }}\n[workspace]\n",
        sdk.display().to_string()
    );
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), source).unwrap();
    // The versions of this workspace's lock file are at hand already.
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .unwrap();
}

fn temporary(name: &str, source: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    crate_in(folder.path(), name, source);
    folder
}

/// What a component imports and exports.
fn world(component: &[u8]) -> (BTreeSet<String>, BTreeSet<String>) {
    let decoded = decode(component).unwrap();
    let DecodedWasm::Component(resolve, world) = decoded else { panic!("a component has a world") };
    let world = &resolve.worlds[world];
    // Types are named by a world, not asked for.
    let asked = |item: &WorldItem| !matches!(item, WorldItem::Type { .. });
    let names = |items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        items.filter(|(_, item)| asked(item)).map(|(key, _)| resolve.name_world_key(key)).collect()
    };
    let imports = names(&mut world.imports.iter());
    let exports = names(&mut world.exports.iter());
    (imports, exports)
}

fn assert_is_a_handler(built: &Built) {
    let (imports, exports) = world(&built.wasm);
    let foreign: Vec<&String> =
        imports.iter().filter(|name| !name.starts_with("stepcell:handler/")).collect();
    assert!(foreign.is_empty(), "it asks for more than the contract has: {foreign:?}");
    assert_eq!(exports.iter().map(String::as_str).collect::<Vec<_>>(), ["describe", "handle"]);
    assert_eq!(fs::read(&built.path).unwrap(), built.wasm);
}

#[test]
fn a_crate_becomes_a_component_once_and_is_fresh_afterwards() {
    let folder = temporary("doubles", HANDLER);
    let first = builder().build(folder.path(), Progress::SILENT).unwrap();
    assert_is_a_handler(&first);
    let second = builder().build(folder.path(), Progress::SILENT).unwrap();
    assert!(!first.fresh && second.fresh);
    assert_eq!(first.wasm, second.wasm);
    fs::write(folder.path().join("src/lib.rs"), HANDLER.replace("number * 2", "number * 3"))
        .unwrap();
    let third = builder().build(folder.path(), Progress::SILENT).unwrap();
    assert!(!third.fresh && third.wasm != second.wasm);
}

#[test]
fn a_path_with_spaces_and_umlauts_is_a_path() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("my händlers 'n more");
    crate_in(&folder, "spaced", HANDLER);
    assert_is_a_handler(&builder().build(&folder, Progress::SILENT).unwrap());
}

#[test]
fn a_crate_that_does_not_compile_shows_the_compilers_words_whole() {
    let folder = temporary("broken", &HANDLER.replace("number * 2", "\"two\""));
    let lines = Mutex::new(Vec::new());
    let listen = |note: Note<'_>| {
        if let Note::Cargo(line) = note {
            lines.lock().unwrap().push(line.to_owned());
        }
    };
    let error = builder().build(folder.path(), Progress(&listen)).unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::Compile { .. }));
    assert!(
        said.contains("error[E0308]: mismatched types") && said.contains("src/lib.rs:4:"),
        "{said}"
    );
    assert!(said.contains("Ok(\"two\")") && !said.contains("   Compiling"), "{said}");
    assert!(lines.lock().unwrap().iter().any(|line| line.contains("Compiling broken")));
}

#[test]
fn a_function_that_cannot_be_a_handler_is_explained() {
    let folder = temporary(
        "misshapen",
        "fn no(a: u8, b: u8) -> u8 { a + b } stepcell_guest::handlers! { no }",
    );
    let said = builder().build(folder.path(), Progress::SILENT).unwrap_err().to_string();
    assert!(
        said.contains("cannot be a handler") && said.contains("`fn(Context, Input)`"),
        "{said}"
    );
}

#[test]
fn a_crate_that_names_no_handler_is_told_to() {
    let folder = temporary("nameless", "pub fn unused() {}");
    let said = builder().build(folder.path(), Progress::SILENT).unwrap_err().to_string();
    assert!(
        said.contains("package `nameless`") && said.contains("`stepcell_guest::handlers!`"),
        "{said}"
    );
}

#[test]
fn folders_that_are_no_handler_crates_are_refused_with_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let said = |path: &Path| builder().build(path, Progress::SILENT).unwrap_err().to_string();
    assert!(said(&path.join("nowhere")).contains("nowhere` is not a folder"));
    assert!(said(path).contains("has no `Cargo.toml`"));
    crate_in(&path.join("member"), "member", HANDLER);
    let member = path.join("member/Cargo.toml");
    let text = fs::read_to_string(&member).unwrap();
    fs::write(&member, text.replace("[workspace]\n", "").replace("[\"cdylib\"]", "[\"rlib\"]"))
        .unwrap();
    fs::write(path.join("Cargo.toml"), "[workspace]\nmembers = [\"member\"]\n").unwrap();
    let workspace = said(path);
    assert!(
        workspace.contains("is a workspace without a package") && workspace.contains("member`"),
        "{workspace}"
    );
    assert!(said(&path.join("member")).contains("makes no `cdylib`; add `[lib]`"));
    fs::write(path.join("Cargo.toml"), "[workspace\n").unwrap();
    assert!(said(path).contains("cargo cannot read"));
}

/// Not a test of its own: what the next test runs in a hostile environment.
#[test]
#[ignore = "run by another test, in a process of its own"]
fn build_where_the_environment_says() {
    let folder = std::env::var("BUILDER_TEST_FOLDER").unwrap();
    assert_is_a_handler(&builder().build(Path::new(&folder), Progress::SILENT).unwrap());
}

#[test]
fn an_outer_builds_settings_do_not_reach_the_guest() {
    let folder = temporary("sheltered", HANDLER);
    let mut outer = Command::new(std::env::current_exe().unwrap());
    outer.args(["--ignored", "--exact", "build_where_the_environment_says"]);
    outer.env("BUILDER_TEST_FOLDER", folder.path());
    outer.env("RUSTFLAGS", "--no-such-flag").env("CARGO_ENCODED_RUSTFLAGS", "--no-such-flag");
    outer.env("RUSTC_WRAPPER", "/bin/false").env("CARGO_BUILD_TARGET", "no-such-target");
    outer.env("CARGO_TARGET_DIR", "/proc/nowhere").env("CARGO_PROFILE_RELEASE_PANIC", "nonsense");
    let output = outer.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
#[ignore = "compiles std, which takes minutes; needs a compiler with its std's source"]
fn a_compiler_without_the_target_builds_std_from_source() {
    let folder = temporary("from-source", HANDLER);
    let toolchain =
        Toolchain::from_source(folder.path()).expect("rustc-web and rust-web-src are installed");
    let built = Builder { toolchain: Some(toolchain), ..builder() }
        .build(folder.path(), Progress::SILENT)
        .unwrap();
    assert_is_a_handler(&built);
}
