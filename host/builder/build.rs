//! Makes the SDKs and templates of `guest-sdk` part of the builder, so that a new project has all it needs in its folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sdk = root.join("guest-sdk");
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    let mut files = Vec::new();
    for folder in [
        "c",
        "go",
        "js",
        "js-runtime",
        "python/stepcell",
        "python-runtime",
        "templates",
        "src",
        "wit",
    ] {
        collect(&sdk, Path::new(folder), &mut files);
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let whole = sdk.join(&file).canonicalize().expect("it is there");
        println!("cargo::rerun-if-changed={}", whole.display());
        writeln!(list, "({:?}, include_bytes!({whole:?})),", file.to_string_lossy())
            .expect("a String takes everything");
    }
    list.push(']');
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo says where"));
    fs::write(out.join("files.rs"), list).expect("cargo's folder can be written");
    fs::write(out.join("sdk.toml"), alone(&root, &sdk)).expect("cargo's folder can be written");
}

/// The files of a folder and those below.
fn collect(sdk: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", sdk.join(folder).display());
    for entry in fs::read_dir(sdk.join(folder)).expect("the SDKs are there").flatten() {
        let path = folder.join(entry.file_name());
        if sdk.join(&path).is_dir() {
            collect(sdk, &path, files);
        } else {
            files.push(path);
        }
    }
}

/// The manifest of the Rust SDK without its workspace: what it takes from there is written in its place.
fn alone(root: &Path, sdk: &Path) -> String {
    let read = |path: PathBuf| -> Table {
        let text = fs::read_to_string(&path).expect("the manifest is there");
        text.parse().expect("the manifest is sound")
    };
    let workspace = read(root.join("Cargo.toml"))["workspace"].clone();
    let mut manifest = read(sdk.join("Cargo.toml"));
    manifest.remove("lints");
    let package = manifest["package"].as_table_mut().expect("it is a package");
    settle(package, &workspace["package"]);
    package.insert("publish".to_owned(), Value::Boolean(false));
    let targets = manifest.get_mut("target").and_then(Value::as_table_mut).into_iter();
    let mut of_targets: Vec<&mut Table> = targets
        .flat_map(|targets| targets.iter_mut())
        .filter_map(|(_, target)| target.get_mut("dependencies")?.as_table_mut())
        .collect();
    of_targets.iter_mut().for_each(|table| settle(table, &workspace["dependencies"]));
    let plain = manifest["dependencies"].as_table_mut().expect("it has dependencies");
    settle(plain, &workspace["dependencies"]);
    format!("# Made from the SDK's own manifest.\n{manifest}")
}

/// Writes what a table takes from the workspace in the place of saying so.
fn settle(table: &mut Table, of_workspace: &Value) {
    for (name, value) in table.iter_mut() {
        let Some(said) = value.as_table() else { continue };
        if said.get("workspace").and_then(Value::as_bool) != Some(true) {
            continue;
        }
        let (mut settled, mut more) = (of_workspace[name].clone(), said.clone());
        more.remove("workspace");
        if !more.is_empty() {
            // A version alone is short for a table with one.
            let short = || Table::from_iter([("version".to_owned(), settled.clone())]);
            let mut whole = settled.as_table().cloned().unwrap_or_else(short);
            whole.extend(more);
            settled = Value::Table(whole);
        }
        *value = settled;
    }
}
