//! Real crates, built: what comes out, how fast it is again, and what is said about folders that are none.

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
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
        if let Note::Said(line) = note {
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
    assert!(said(path).contains("holds nothing that can be built"));
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
    assert!(said(&path.join("member")).contains("has no library of type `cdylib`; add `[lib]`"));
    fs::write(path.join("Cargo.toml"), "[workspace\n").unwrap();
    assert!(said(path).contains("cargo cannot read"));
}

#[test]
fn a_crate_with_a_binary_builds_its_library() {
    let folder = temporary("with-binary", HANDLER);
    // With a library that it can link, the binary is what cargo makes last.
    let manifest = folder.path().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("[\"cdylib\"]", "[\"cdylib\", \"rlib\"]")).unwrap();
    fs::write(folder.path().join("src/main.rs"), "fn main() {}").unwrap();
    assert_is_a_handler(&builder().build(folder.path(), Progress::SILENT).unwrap());
}

#[test]
fn a_crate_whose_only_cdylib_is_an_example_is_refused() {
    let folder = temporary("by-example", HANDLER);
    let manifest = folder.path().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let example = "[[example]]\nname = \"shown\"\ncrate-type = [\"cdylib\"]\n";
    fs::write(&manifest, text.replace("[\"cdylib\"]\n", &format!("[\"rlib\"]\n{example}")))
        .unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    fs::write(folder.path().join("examples/shown.rs"), "").unwrap();
    let said = builder().build(folder.path(), Progress::SILENT).unwrap_err().to_string();
    assert!(said.contains("has no library of type `cdylib`; add `[lib]`"), "{said}");
}

#[test]
fn the_flags_of_the_crates_own_configuration_reach_the_compiler_wherever_they_are() {
    let needs = format!("{HANDLER}\n#[cfg(not(chosen))] compile_error!(\"not chosen\");");
    let folder = temporary("flagged", &needs);
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME")).unwrap();
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    for configuration in [
        "[build]\nrustflags = [\"--cfg\", \"chosen\"]",
        "[build]\nrustflags = \"--cfg chosen\"",
        "[target.wasm32-unknown-unknown]\nrustflags = [\"--cfg\", \"chosen\"]",
        "[build]\nrustflags = [\"--cfg\", \"chosen\"]\n[target.'cfg(unix)']\nrustflags = [\"--cfg\", \"unchosen\"]",
        "[target.'cfg(target_family = \"wasm\")']\nrustflags = \"--cfg chosen\"",
    ] {
        fs::write(folder.path().join(".cargo/config.toml"), configuration).unwrap();
        let built = builder().build(folder.path(), Progress::SILENT);
        let built = built.unwrap_or_else(|error| panic!("{configuration}: {error}"));
        assert_is_a_handler(&built);
        let tells = String::from_utf8_lossy(&built.wasm).contains(&home);
        assert!(!tells, "{configuration}: it tells where this machine keeps its sources");
    }
}

/// Not a test of its own: what the next tests run in other environments.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn build_where_the_environment_says() {
    let folder = std::env::var("BUILDER_TEST_FOLDER").unwrap();
    assert_is_a_handler(&builder().build(Path::new(&folder), Progress::SILENT).unwrap());
}

/// A process that builds the folder; what it says is in its standard output.
fn build_elsewhere(folder: &Path) -> Command {
    let mut outer = Command::new(std::env::current_exe().unwrap());
    outer.args(["--ignored", "--exact", "build_where_the_environment_says"]);
    outer.env("BUILDER_TEST_FOLDER", folder);
    outer
}

fn assert_builds(mut outer: Command) {
    let output = outer.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A folder with programs that do what rustup's do where no toolchain is chosen.
fn undecided_programs(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let program = folder.path().join(name);
        fs::write(&program, "#!/bin/sh\necho 'could not choose a version' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[test]
fn an_outer_builds_settings_do_not_reach_the_guest() {
    let folder = temporary("sheltered", HANDLER);
    let mut outer = build_elsewhere(folder.path());
    outer.env("RUSTFLAGS", "--no-such-flag").env("CARGO_ENCODED_RUSTFLAGS", "--no-such-flag");
    outer.env("RUSTC_WRAPPER", "/bin/false").env("CARGO_BUILD_TARGET", "no-such-target");
    outer.env("CARGO_TARGET_DIR", "/proc/nowhere").env("CARGO_PROFILE_RELEASE_PANIC", "nonsense");
    outer.env("RUSTUP_TOOLCHAIN", "no-such-toolchain");
    assert_builds(outer);
}

#[test]
fn a_cargo_that_does_not_run_is_passed_over() {
    let folder = temporary("passed-over", HANDLER);
    let undecided = undecided_programs(&["cargo"]);
    let path = std::env::var("PATH").unwrap();
    let mut outer = build_elsewhere(folder.path());
    outer.env("PATH", format!("{}:{path}", undecided.path().display()));
    assert_builds(outer);
}

#[test]
fn a_rustup_without_a_default_toolchain_is_said_with_the_command_that_mends_it() {
    let folder = temporary("undecided", HANDLER);
    let undecided = undecided_programs(&["cargo", "rustc", "rustup"]);
    let output = build_elsewhere(folder.path()).env("PATH", undecided.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("rustup default stable"), "{said}");
}

#[test]
fn a_toolchain_that_only_the_environment_chooses_is_used() {
    let folder = temporary("chosen-outside", HANDLER);
    let mut ask = Command::new("rustc");
    ask.args(["--print", "sysroot"]).current_dir(folder.path()).env_remove("RUSTUP_TOOLCHAIN");
    let sysroot = String::from_utf8(ask.output().unwrap().stdout).unwrap();
    // Rustup's folder with one toolchain and no default.
    let rustup = tempfile::tempdir().unwrap();
    fs::create_dir(rustup.path().join("toolchains")).unwrap();
    symlink(sysroot.trim(), rustup.path().join("toolchains/lone")).unwrap();
    let mut outer = build_elsewhere(folder.path());
    outer.env("RUSTUP_HOME", rustup.path()).env("RUSTUP_TOOLCHAIN", "lone");
    assert_builds(outer);
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
