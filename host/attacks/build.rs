//! Lists the guests of the folder `guests`, so that they are part of the binary.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests");
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder).expect("the folder of the guests is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "wat"));
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file.file_stem().expect("a file has a name").to_string_lossy();
        writeln!(list, "({name:?}, include_str!({file:?})),").expect("a String takes everything");
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&out).join("guests.rs"), list).expect("cargo's folder can be written");
}
