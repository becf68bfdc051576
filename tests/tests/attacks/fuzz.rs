//! Whatever is read from outside, fed with the files of `tests/fuzz` and with what mutation makes of them.
//!
//! A short run belongs to every test run. A long one: `PROPTEST_CASES=1000000 cargo test --workspace --test attacks fuzz`.
//! What it finds is printed, as small as it gets; put it into the folder of its target.

mod targets;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use stepcell_tests::guests::root;

/// What is done to a text.
#[derive(Clone, Debug)]
enum Change {
    /// One byte becomes another.
    Byte(prop::sample::Index, u8),
    /// Something is put in.
    Insert(prop::sample::Index, Vec<u8>),
    /// So much is taken out.
    Remove(prop::sample::Index, usize),
    /// A part of it comes again, so often.
    Repeat(prop::sample::Index, usize, usize),
    /// From here on it is another text.
    Splice(prop::sample::Index, prop::sample::Index),
}

impl Change {
    fn apply(&self, text: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let end = text.len();
        let place = |at: &prop::sample::Index| at.index(end + 1);
        match self {
            Self::Byte(at, byte) => {
                if let Some(old) = text.get_mut(place(at)) {
                    *old = *byte;
                }
            }
            Self::Insert(at, new) => drop(text.splice(place(at)..place(at), new.iter().copied())),
            Self::Remove(at, length) => {
                text.drain(place(at)..end.min(place(at) + length));
            }
            Self::Repeat(at, length, times) => {
                let part = text[place(at)..end.min(place(at) + length)].repeat(*times);
                text.splice(place(at)..place(at), part);
            }
            Self::Splice(at, other) => {
                text.truncate(place(at));
                let other = other.get(seeds);
                text.extend_from_slice(&other[at.index(other.len() + 1)..]);
            }
        }
    }
}

/// Texts made of these.
pub(crate) fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let index = any::<prop::sample::Index>;
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        "[\\[\\]{}\",:0-9eE.\\\\u+-]{1,6}".prop_map(String::into_bytes),
        Just(b"\\u0000".to_vec()),
        Just(b"\\ud800".to_vec()),
        Just("\u{feff}".into()),
        Just(vec![0xff; 5]),
    ];
    let change = prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (index(), piece).prop_map(|(at, new)| Change::Insert(at, new)),
        (index(), 1..12_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (index(), 1..8_usize, 2..80_usize)
            .prop_map(|(at, length, times)| Change::Repeat(at, length, times)),
        (index(), index()).prop_map(|(at, other)| Change::Splice(at, other)),
    ];
    (index(), prop::collection::vec(change, 0..6)).prop_map(move |(seed, changes)| {
        let mut text = seed.get(&seeds).clone();
        changes.iter().for_each(|change| change.apply(&mut text, &seeds));
        text
    })
}

/// The files of a target.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/fuzz").join(target);
    let files =
        std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Feeds a target with every seed, and with so many texts made of them.
fn fuzz(seeds: Vec<Vec<u8>>, cases: u32, target: impl Fn(&[u8]) -> Result<(), TestCaseError>) {
    assert!(!seeds.is_empty());
    for seed in &seeds {
        target(seed).unwrap_or_else(|why| panic!("{}: {why}", String::from_utf8_lossy(seed)));
    }
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let config = Config { failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let config = if asked { config } else { Config { cases, ..config } };
    let mut runner = TestRunner::new(config);
    let fed = runner.run(&mutated(seeds), |text| target(&text));
    fed.unwrap_or_else(|failure| panic!("{failure}"));
}
