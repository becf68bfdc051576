//! Whatever is done in a scratch folder, it is a tree, within its bounds, and what is gone is given back.

use model::Limits;
use model::limits::{MAX_SCRATCH_ENTRIES, SCRATCH_BLOCK_BYTES};
use proptest::prelude::*;
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, OpenFlags};

use super::file::counted;
use super::*;
use crate::limiter::Limiter;

const BLOCK: u64 = SCRATCH_BLOCK_BYTES as u64;

fn memory(memory_bytes: u64) -> Memory {
    Limiter::new(&Limits { memory_bytes, ..Limits::default() }).memory()
}

fn scratch(most_bytes: u64) -> SharedScratch {
    SharedScratch::new(most_bytes, memory(Limits::default().memory_bytes))
}

fn create(scratch: &SharedScratch, path: &str) -> Result<Id, ErrorCode> {
    scratch.lock().open(ROOT, path, OpenFlags::CREATE, true)
}

#[test]
fn a_path_never_leads_out() {
    let scratch = scratch(BLOCK);
    scratch.lock().create_folder(ROOT, "a").unwrap();
    scratch.lock().create_folder(ROOT, "a/b").unwrap();
    let inner = scratch.lock().find(ROOT, "a/b").unwrap();
    create(&scratch, "f").unwrap();
    for (from, path, expected) in [
        (ROOT, "..", Err(ErrorCode::NotPermitted)),
        (ROOT, "a/../..", Err(ErrorCode::NotPermitted)),
        (ROOT, "../scratch/a", Err(ErrorCode::NotPermitted)),
        (ROOT, "/", Err(ErrorCode::NotPermitted)),
        (ROOT, "/etc/passwd", Err(ErrorCode::NotPermitted)),
        (inner, "..", Err(ErrorCode::NotPermitted)),
        (inner, "../../f", Err(ErrorCode::NotPermitted)),
        (ROOT, "a/b/../..", Ok(ROOT)),
        (ROOT, "./a//b/.", Ok(inner)),
        (ROOT, "a/c/../b", Err(ErrorCode::NoEntry)),
        (ROOT, "f/..", Err(ErrorCode::NotDirectory)),
        (ROOT, "f/", Err(ErrorCode::NotDirectory)),
        (ROOT, "", Err(ErrorCode::NoEntry)),
        (ROOT, "f\0", Err(ErrorCode::Invalid)),
        (ROOT, &"n".repeat(256), Err(ErrorCode::NameTooLong)),
        (ROOT, &"n/".repeat(600), Err(ErrorCode::NameTooLong)),
    ] {
        assert_eq!(scratch.lock().find(from, path), expected, "{path:?}");
    }
}

#[test]
fn what_is_written_is_within_what_was_granted_and_within_the_memory_of_the_attempt() {
    for (granted, memory_bytes) in [(2 * BLOCK, 64 * BLOCK), (64 * BLOCK, 2 * BLOCK)] {
        let scratch = SharedScratch::new(granted, memory(memory_bytes));
        let file = create(&scratch, "f").unwrap();
        let mut scratch = scratch.lock();
        assert_eq!(scratch.write(file, None, &[1; 2 * SCRATCH_BLOCK_BYTES]), Ok(2 * BLOCK));
        assert_eq!(scratch.write(file, None, &[1]), Err(ErrorCode::InsufficientSpace));
        assert_eq!(scratch.resize(file, u64::MAX), Err(ErrorCode::InsufficientSpace));
        assert_eq!(scratch.write(file, Some(u64::MAX), &[1]), Err(ErrorCode::FileTooLarge));
        assert_eq!(scratch.stat(file).unwrap().size, 2 * BLOCK, "nothing was written in part");
        scratch.resize(file, 1).unwrap();
        assert_eq!(scratch.write(file, Some(BLOCK), &[1]), Ok(BLOCK + 1));
    }
}

#[test]
fn files_and_folders_are_counted() {
    let scratch = scratch(BLOCK);
    for n in 0..MAX_SCRATCH_ENTRIES / 2 {
        create(&scratch, &format!("f{n}")).unwrap();
        scratch.lock().create_folder(ROOT, &format!("d{n}")).unwrap();
    }
    assert_eq!(create(&scratch, "more"), Err(ErrorCode::InsufficientSpace));
    assert_eq!(scratch.lock().create_folder(ROOT, "more"), Err(ErrorCode::InsufficientSpace));
    // A file that is deleted counts for as long as it is open.
    let id = scratch.lock().find(ROOT, "f0").unwrap();
    let open = scratch.handle(id);
    scratch.lock().remove_file(ROOT, "f0").unwrap();
    assert_eq!(create(&scratch, "more"), Err(ErrorCode::InsufficientSpace));
    drop(open);
    create(&scratch, "more").unwrap();
}

#[test]
fn a_folder_cannot_be_moved_into_itself() {
    let scratch = scratch(BLOCK);
    let mut scratch = scratch.lock();
    scratch.create_folder(ROOT, "a").unwrap();
    scratch.create_folder(ROOT, "a/b").unwrap();
    for new in ["a/c", "a/b/c", "a/b", "a/b/../c"] {
        assert_eq!(scratch.rename((ROOT, "a"), (ROOT, new)), Err(ErrorCode::Invalid), "{new}");
    }
    assert_eq!(scratch.rename((ROOT, "a/b"), (ROOT, "a")), Err(ErrorCode::NotEmpty));
    scratch.rename((ROOT, "a/b"), (ROOT, "b")).unwrap();
    scratch.rename((ROOT, "a"), (ROOT, "b/a")).unwrap();
    assert_eq!(scratch.rename((ROOT, "b"), (ROOT, "b/a/b")), Err(ErrorCode::Invalid));
}

#[test]
fn nothing_is_put_into_a_folder_that_was_deleted() {
    let scratch = scratch(BLOCK);
    scratch.lock().create_folder(ROOT, "a").unwrap();
    create(&scratch, "f").unwrap();
    let id = scratch.lock().find(ROOT, "a").unwrap();
    let open = scratch.handle(id);
    let mut scratch = scratch.lock();
    scratch.remove_folder(ROOT, "a").unwrap();
    assert_eq!(scratch.open(id, "f", OpenFlags::CREATE, true), Err(ErrorCode::NoEntry));
    assert_eq!(scratch.create_folder(id, "d"), Err(ErrorCode::NoEntry));
    assert_eq!(scratch.rename((ROOT, "f"), (id, "f")), Err(ErrorCode::NoEntry));
    drop(scratch);
    drop(open);
}

#[derive(Clone, Debug)]
enum Act {
    Open(String, bool, bool),
    Close(usize),
    Write(usize, u64, usize),
    Resize(usize, u64),
    CreateFolder(String),
    RemoveFolder(String),
    RemoveFile(String),
    Rename(String, String),
}

fn act() -> impl Strategy<Value = Act> {
    let path = || "(a|b|\\.\\.)(/(a|b|\\.|\\.\\.)){0,3}/?";
    let size = || 0..6 * BLOCK;
    prop_oneof![
        3 => (path(), any::<bool>(), any::<bool>())
            .prop_map(|(path, creates, truncates)| Act::Open(path, creates, truncates)),
        1 => (0..4_usize).prop_map(Act::Close),
        3 => (0..4_usize, size(), 0..9_000_usize)
            .prop_map(|(open, at, bytes)| Act::Write(open, at, bytes)),
        1 => (0..4_usize, size()).prop_map(|(open, size)| Act::Resize(open, size)),
        3 => path().prop_map(Act::CreateFolder),
        1 => path().prop_map(Act::RemoveFolder),
        1 => path().prop_map(Act::RemoveFile),
        3 => (path(), path()).prop_map(|(old, new)| Act::Rename(old, new)),
    ]
}

/// Does it, whether or not it can be done.
fn perform(scratch: &SharedScratch, open: &mut Vec<Handle>, act: Act) {
    let which = |open: &[Handle], at: usize| open.get(at).map_or(ROOT, Handle::id);
    match act {
        Act::Open(path, creates, truncates) => {
            let mut how = OpenFlags::empty();
            for (flag, is_set) in [(OpenFlags::CREATE, creates), (OpenFlags::TRUNCATE, truncates)] {
                if is_set {
                    how |= flag;
                }
            }
            let found = scratch.lock().open(ROOT, &path, how, creates);
            open.extend(found.map(|id| scratch.handle(id)));
        }
        Act::Close(at) if at < open.len() => drop(open.remove(at)),
        Act::Close(_) => {}
        Act::Write(at, place, bytes) => {
            let _ = scratch.lock().write(which(open, at), Some(place), &vec![7; bytes]);
        }
        Act::Resize(at, size) => {
            let _ = scratch.lock().resize(which(open, at), size);
        }
        Act::CreateFolder(path) => {
            let _ = scratch.lock().create_folder(ROOT, &path);
        }
        Act::RemoveFolder(path) => {
            let _ = scratch.lock().remove_folder(ROOT, &path);
        }
        Act::RemoveFile(path) => {
            let _ = scratch.lock().remove_file(ROOT, &path);
        }
        Act::Rename(old, new) => {
            let _ = scratch.lock().rename((ROOT, &old), (ROOT, &new));
        }
    }
}

/// The files and folders that can be reached, each once.
fn reached(scratch: &Scratch) -> usize {
    let (mut seen, mut left) = (std::collections::HashSet::from([ROOT]), vec![ROOT]);
    while let Some(id) = left.pop() {
        let Kind::Folder { entries, .. } = &scratch.nodes[&id].kind else { continue };
        for (name, inner) in entries {
            assert!(seen.insert(*inner), "`{name}` is in two places");
            let node = &scratch.nodes[inner];
            assert!(node.linked);
            if let Kind::Folder { parent, .. } = &node.kind {
                assert_eq!(*parent, id, "of `{name}`");
            }
            left.push(*inner);
        }
    }
    seen.len()
}

proptest! {
    #[test]
    fn whatever_is_done_it_is_a_tree_and_every_byte_of_it_is_counted(
        acts in prop::collection::vec(act(), 0..60),
    ) {
        let memory = memory(8 * BLOCK);
        let shared = SharedScratch::new(12 * BLOCK, memory.clone());
        let mut open = Vec::new();
        for act in acts {
            perform(&shared, &mut open, act);
            let scratch = shared.lock();
            let files = scratch.nodes.values().map(|node| match &node.kind {
                Kind::File(file) => counted(file.size()),
                Kind::Folder { .. } => 0,
            });
            let bytes: usize = files.sum();
            prop_assert_eq!(scratch.held_bytes, bytes);
            prop_assert_eq!(memory.held(), bytes);
            prop_assert!(bytes as u64 <= 8 * BLOCK);
            let deleted = scratch.nodes.values().filter(|node| !node.linked).count();
            prop_assert_eq!(reached(&scratch) + deleted, scratch.nodes.len());
        }
        open.clear();
        let scratch = shared.lock();
        prop_assert_eq!(reached(&scratch), scratch.nodes.len(), "what is neither there nor open is gone");
    }
}
