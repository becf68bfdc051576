//! The scratch folder of an attempt: files and folders in memory, counted as its memory and gone with it.

mod entries;
mod file;
mod path;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue, NewTimestamp,
};

use crate::interfaces::wasi::now;
use crate::limiter::Memory;
use file::{File, counted};

/// The most bytes one call reads.
const MAX_READ: usize = 64 * 1024;
/// Nanoseconds of a second.
const SECOND: u32 = 1_000_000_000;

/// Names a file or folder for as long as it is there or open; the folder that everything is in has 0.
pub(crate) type Id = u64;

/// The folder that everything is in.
const ROOT: Id = 0;

/// The scratch folder, in the hands of an attempt and of what it has open.
#[derive(Clone)]
pub(crate) struct SharedScratch(Arc<Mutex<Scratch>>);

impl SharedScratch {
    /// An empty folder for at most so many bytes.
    pub(crate) fn new(most_bytes: u64, memory: Memory) -> Self {
        Self(Arc::new(Mutex::new(Scratch::new(most_bytes, memory))))
    }

    /// The folder, for as long as it takes to do one thing in it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Scratch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The folder that everything is in, open.
    pub(crate) fn root(&self) -> Handle {
        self.handle(ROOT)
    }

    /// Keeps a file or folder open.
    pub(crate) fn handle(&self, id: Id) -> Handle {
        self.lock().opened(id);
        Handle { scratch: self.clone(), id }
    }
}

/// A file or folder that is open: it is there until the last one is dropped, also when it was deleted.
pub(crate) struct Handle {
    scratch: SharedScratch,
    id: Id,
}

impl Handle {
    /// Which one.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// The same one, open once more.
    pub(crate) fn again(&self) -> Self {
        self.scratch.handle(self.id)
    }

    /// What it is in.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Scratch> {
        self.scratch.lock()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.scratch.lock().closed(self.id);
    }
}

/// Files and folders. Whatever is done ends in a moment: nothing is looked for, and no folder is gone through.
pub(crate) struct Scratch {
    nodes: HashMap<Id, Node>,
    next: Id,
    most_bytes: usize,
    held_bytes: usize,
    moved_bytes: u64,
    memory: Memory,
}

struct Node {
    kind: Kind,
    /// Whether it is in a folder.
    linked: bool,
    handles: usize,
    modified: Datetime,
}

enum Kind {
    File(File),
    Folder { entries: BTreeMap<String, Id>, parent: Id },
}

impl Kind {
    fn shown(&self) -> DescriptorType {
        match self {
            Self::File(_) => DescriptorType::RegularFile,
            Self::Folder { .. } => DescriptorType::Directory,
        }
    }
}

impl Scratch {
    fn new(most_bytes: u64, memory: Memory) -> Self {
        let root = Kind::Folder { entries: BTreeMap::new(), parent: ROOT };
        let root = Node { kind: root, linked: true, handles: 0, modified: moment() };
        Self {
            nodes: HashMap::from([(ROOT, root)]),
            next: ROOT + 1,
            most_bytes: usize::try_from(most_bytes).unwrap_or(usize::MAX),
            held_bytes: 0,
            moved_bytes: 0,
            memory,
        }
    }

    /// Counts bytes that a call brought or took, also where it was refused: they were copied all the same.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved_bytes = self.moved_bytes.saturating_add(bytes as u64);
    }

    /// Bytes that were brought and taken since this was asked last.
    pub(crate) fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved_bytes)
    }

    /// Bytes of a file, as many as are there and one call reads; nothing at its end.
    pub(crate) fn read(&mut self, id: Id, at: u64, most: u64) -> Result<Vec<u8>, ErrorCode> {
        let [at, most] = [at, most].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let bytes = self.file(id)?.read(at, most.min(MAX_READ));
        self.moved(bytes.len());
        Ok(bytes)
    }

    /// Writes all of the bytes or none, at a place or at the end; answers the place behind them.
    pub(crate) fn write(
        &mut self,
        id: Id,
        at: Option<u64>,
        bytes: &[u8],
    ) -> Result<u64, ErrorCode> {
        self.moved(bytes.len());
        let size = self.file(id)?.size();
        let at = at.map_or(Ok(size), |at| usize::try_from(at).map_err(|_| ErrorCode::FileTooLarge));
        let at = at?;
        let end = at.checked_add(bytes.len()).ok_or(ErrorCode::FileTooLarge)?;
        if !bytes.is_empty() {
            if end > size {
                self.resize(id, end as u64)?;
            }
            self.file(id)?.write(at, bytes);
            self.node_mut(id)?.modified = moment();
        }
        Ok(end as u64)
    }

    /// Cuts a file off, or makes it longer by zeros, which take up room like any bytes.
    pub(crate) fn resize(&mut self, id: Id, size: u64) -> Result<(), ErrorCode> {
        let before = counted(self.file(id)?.size());
        let size = usize::try_from(size).ok().filter(|size| *size <= self.most_bytes);
        let size = size.ok_or(ErrorCode::InsufficientSpace)?;
        let after = counted(size);
        match after.checked_sub(before) {
            Some(more) => self.take(more)?,
            None => self.give_back(before - after),
        }
        self.file(id)?.resize(size);
        self.node_mut(id)?.modified = moment();
        Ok(())
    }

    /// The entry of a folder that comes after this name, by name.
    pub(crate) fn entry_after(
        &self,
        id: Id,
        after: Option<&str>,
    ) -> Result<Option<(String, DescriptorType)>, ErrorCode> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.entries(id)?.range::<str, _>((from, Bound::Unbounded));
        let Some((name, id)) = rest.next() else { return Ok(None) };
        Ok(Some((name.clone(), self.node(*id)?.kind.shown())))
    }

    /// What it is, how large and how old.
    pub(crate) fn stat(&self, id: Id) -> Result<DescriptorStat, ErrorCode> {
        let node = self.node(id)?;
        let size = match &node.kind {
            Kind::File(file) => file.size() as u64,
            Kind::Folder { .. } => 0,
        };
        let time = Some(node.modified);
        Ok(DescriptorStat {
            type_: node.kind.shown(),
            link_count: u64::from(node.linked),
            size,
            data_access_timestamp: time,
            data_modification_timestamp: time,
            status_change_timestamp: time,
        })
    }

    /// What differs between two files, and after a change.
    pub(crate) fn hash(&self, id: Id) -> Result<MetadataHashValue, ErrorCode> {
        let DescriptorStat { size, .. } = self.stat(id)?;
        let Datetime { seconds, nanoseconds } = self.node(id)?.modified;
        let time = seconds.wrapping_mul(u64::from(SECOND)).wrapping_add(nanoseconds.into());
        Ok(MetadataHashValue { lower: id, upper: time ^ size.rotate_left(32) })
    }

    /// Says when it was changed last.
    pub(crate) fn touch(&mut self, id: Id, modified: NewTimestamp) -> Result<(), ErrorCode> {
        let time = match modified {
            NewTimestamp::NoChange => return Ok(()),
            NewTimestamp::Now => moment(),
            NewTimestamp::Timestamp(time) if time.nanoseconds >= SECOND => {
                return Err(ErrorCode::Invalid);
            }
            NewTimestamp::Timestamp(time) => time,
        };
        self.node_mut(id)?.modified = time;
        Ok(())
    }

    fn opened(&mut self, id: Id) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.handles += 1;
        }
    }

    fn closed(&mut self, id: Id) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.handles -= 1;
        }
        self.forget_unused(id);
    }

    fn forget_unused(&mut self, id: Id) {
        let is_unused = |node: &Node| !node.linked && node.handles == 0;
        if self.nodes.get(&id).is_some_and(is_unused)
            && let Some(Node { kind: Kind::File(file), .. }) = self.nodes.remove(&id)
        {
            self.give_back(counted(file.size()));
        }
    }

    fn take(&mut self, bytes: usize) -> Result<(), ErrorCode> {
        let held = self.held_bytes.saturating_add(bytes);
        if held > self.most_bytes || !self.memory.take(bytes) {
            return Err(ErrorCode::InsufficientSpace);
        }
        self.held_bytes = held;
        Ok(())
    }

    fn give_back(&mut self, bytes: usize) {
        self.held_bytes -= bytes;
        self.memory.give_back(bytes);
    }

    fn node(&self, id: Id) -> Result<&Node, ErrorCode> {
        self.nodes.get(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn node_mut(&mut self, id: Id) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(&id).ok_or(ErrorCode::BadDescriptor)
    }

    fn file(&mut self, id: Id) -> Result<&mut File, ErrorCode> {
        match &mut self.node_mut(id)?.kind {
            Kind::File(file) => Ok(file),
            Kind::Folder { .. } => Err(ErrorCode::IsDirectory),
        }
    }

    fn entries(&self, id: Id) -> Result<&BTreeMap<String, Id>, ErrorCode> {
        match &self.node(id)?.kind {
            Kind::Folder { entries, .. } => Ok(entries),
            Kind::File(_) => Err(ErrorCode::NotDirectory),
        }
    }

    fn entries_mut(&mut self, id: Id) -> Result<&mut BTreeMap<String, Id>, ErrorCode> {
        match &mut self.node_mut(id)?.kind {
            Kind::Folder { entries, .. } => Ok(entries),
            Kind::File(_) => Err(ErrorCode::NotDirectory),
        }
    }
}

/// The time, as coarse as the guest's clocks.
fn moment() -> Datetime {
    let now = now();
    Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() }
}
