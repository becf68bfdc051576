//! Remembers the keys of the objects that are open and finds one that appears twice.

use super::text::{Span, decode};

/// Objects with more keys are sorted, in place of comparing each key with each.
///
/// Sorting rather than hashing: no choice of keys makes it slow, and it needs no random seed.
const FEW: usize = 16;

/// The keys of all open objects, innermost last.
pub(super) struct Keys<'t> {
    text: &'t [u8],
    keys: Vec<Key>,
    /// What keys with escapes stand for.
    decoded: Vec<u8>,
}

/// Where an object's keys begin.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    keys: usize,
    decoded: usize,
}

#[derive(Clone, Copy)]
struct Key {
    /// The first eight bytes as a big-endian number, zeros behind a shorter key: most comparisons end here.
    head: u64,
    from: usize,
    to: usize,
    /// The span is in `decoded` rather than in the text.
    escaped: bool,
    /// Where it is in the text.
    at: usize,
}

impl<'t> Keys<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, keys: Vec::new(), decoded: Vec::new() }
    }

    /// An object begins.
    pub(super) fn open(&self) -> Mark {
        Mark { keys: self.keys.len(), decoded: self.decoded.len() }
    }

    /// The object that began last has this key.
    pub(super) fn push(&mut self, span: Span) {
        let at = span.from - 1;
        let (from, to) = if span.escaped {
            let from = self.decoded.len();
            decode(self.text.get(span.from..span.to).unwrap_or_default(), &mut self.decoded);
            (from, self.decoded.len())
        } else {
            (span.from, span.to)
        };
        let mut key = Key { head: 0, from, to, escaped: span.escaped, at };
        key.head = head(self.bytes(&key));
        self.keys.push(key);
    }

    /// The object that began at `mark` ends. Answers the first key that was there before: where it is, and what it
    /// stands for.
    pub(super) fn close(&mut self, mark: Mark) -> Option<(usize, String)> {
        let twice = if self.keys.len() - mark.keys <= FEW {
            self.among_few(mark)
        } else {
            self.among_many(mark)
        };
        let found =
            twice.map(|key| (key.at, String::from_utf8_lossy(self.bytes(&key)).into_owned()));
        self.keys.truncate(mark.keys);
        self.decoded.truncate(mark.decoded);
        found
    }

    /// What the key before the place `before` stands for, if it belongs to the object that began at `mark`.
    pub(super) fn last(&self, mark: Mark, before: Option<Mark>) -> Option<String> {
        let end = before.map_or(self.keys.len(), |next| next.keys);
        let key = self.keys.get(mark.keys..end)?.last()?;
        Some(String::from_utf8_lossy(self.bytes(key)).into_owned())
    }

    fn bytes(&self, key: &Key) -> &[u8] {
        let held = if key.escaped { &self.decoded } else { self.text };
        held.get(key.from..key.to).unwrap_or_default()
    }

    fn among_few(&self, mark: Mark) -> Option<Key> {
        let keys = self.keys.get(mark.keys..)?;
        let same = |a: &Key, b: &Key| {
            a.head == b.head && a.to - a.from == b.to - b.from && self.bytes(a) == self.bytes(b)
        };
        let twice = |(index, key): &(usize, &Key)| {
            keys.iter().take(*index).any(|earlier| same(earlier, key))
        };
        keys.iter().enumerate().find(twice).map(|(_, key)| *key)
    }

    fn among_many(&mut self, mark: Mark) -> Option<Key> {
        let mut keys = self.keys.split_off(mark.keys);
        keys.sort_unstable_by(|a, b| {
            let heads = a.head.cmp(&b.head);
            heads.then_with(|| self.bytes(a).cmp(self.bytes(b))).then_with(|| a.at.cmp(&b.at))
        });
        let same = |pair: &&[Key]| match pair {
            [a, b] => a.head == b.head && self.bytes(a) == self.bytes(b),
            _ => false,
        };
        let later = keys.windows(2).filter(same).filter_map(|pair| pair.last());
        later.min_by_key(|key| key.at).copied()
    }
}

fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            value.checked_shl(8 * (8 - u32::try_from(bytes.len()).unwrap_or(8))).unwrap_or(0)
        }
    }
}
