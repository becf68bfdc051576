//! A file in memory, made of blocks: growing it copies nothing, and what was never written is not there.

use model::limits::SCRATCH_BLOCK_BYTES;

type Block = Box<[u8; SCRATCH_BLOCK_BYTES]>;

/// Bytes; those that were never written read as zero.
#[derive(Default)]
pub(super) struct File {
    blocks: Vec<Option<Block>>,
    size: usize,
}

/// The bytes that a file of this size is counted with.
pub(super) fn counted(size: usize) -> usize {
    size.next_multiple_of(SCRATCH_BLOCK_BYTES)
}

impl File {
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What is there, at most so much; nothing at the end.
    pub(super) fn read(&self, at: usize, most: usize) -> Vec<u8> {
        let end = self.size.min(at.saturating_add(most));
        let mut bytes = Vec::with_capacity(end.saturating_sub(at));
        let mut at = at;
        while at < end {
            let (block, from, to) = piece(at, end);
            match &self.blocks[block] {
                Some(block) => bytes.extend_from_slice(&block[from..to]),
                None => bytes.resize(bytes.len() + to - from, 0),
            }
            at += to - from;
        }
        bytes
    }

    /// Writes within the file's size.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        let (mut at, mut left) = (at, bytes);
        while !left.is_empty() {
            let (block, from, to) = piece(at, at + left.len());
            let (now, later) = left.split_at(to - from);
            let block = self.blocks[block].get_or_insert_with(empty);
            block[from..to].copy_from_slice(now);
            (at, left) = (at + now.len(), later);
        }
    }

    /// Cuts it off, or makes it longer by zeros.
    pub(super) fn resize(&mut self, size: usize) {
        self.blocks.resize_with(size.div_ceil(SCRATCH_BLOCK_BYTES), || None);
        // What is cut off must not come back when the file grows.
        let kept = size % SCRATCH_BLOCK_BYTES;
        if size < self.size
            && kept > 0
            && let Some(Some(last)) = self.blocks.last_mut()
        {
            last[kept..].fill(0);
        }
        self.size = size;
    }
}

fn empty() -> Block {
    Box::new([0; SCRATCH_BLOCK_BYTES])
}

/// The block that `at` is in, and which part of it is before `end`.
fn piece(at: usize, end: usize) -> (usize, usize, usize) {
    let (block, from) = (at / SCRATCH_BLOCK_BYTES, at % SCRATCH_BLOCK_BYTES);
    (block, from, SCRATCH_BLOCK_BYTES.min(from + end - at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Write(usize, Vec<u8>),
        Resize(usize),
        Read(usize, usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        let place = || 0..20_000_usize;
        prop_oneof![
            (place(), prop::collection::vec(any::<u8>(), 1..9_000))
                .prop_map(|(at, bytes)| Act::Write(at, bytes)),
            place().prop_map(Act::Resize),
            (place(), place()).prop_map(|(at, most)| Act::Read(at, most)),
        ]
    }

    proptest! {
        #[test]
        fn a_file_of_blocks_is_what_one_piece_of_memory_would_be(
            acts in prop::collection::vec(act(), 0..30),
        ) {
            let (mut file, mut plain) = (File::default(), Vec::new());
            for act in acts {
                match act {
                    Act::Write(at, bytes) => {
                        let end = at + bytes.len();
                        if end > plain.len() {
                            plain.resize(end, 0);
                            file.resize(end);
                        }
                        plain[at..end].copy_from_slice(&bytes);
                        file.write(at, &bytes);
                    }
                    Act::Resize(size) => {
                        plain.resize(size, 0);
                        file.resize(size);
                    }
                    Act::Read(at, most) => {
                        let from = at.min(plain.len());
                        let to = plain.len().min(at + most).max(from);
                        prop_assert_eq!(file.read(at, most), &plain[from..to]);
                    }
                }
                prop_assert_eq!(file.size(), plain.len());
                prop_assert_eq!(file.blocks.len() * SCRATCH_BLOCK_BYTES, counted(plain.len()));
            }
        }
    }
}
