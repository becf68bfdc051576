//! `wasi:filesystem` over the scratch folder of an attempt; without one there is no folder at all.
//!
//! It takes the place of the implementation that comes with WASI, so that no call of a guest reaches the files of the
//! host. Nothing here waits: the folder is in memory. There are no links, and a path never leads out of where it starts.

mod streams;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use crate::attempt::Attempt;
use crate::scratch::{Handle, SharedScratch};
use streams::{Reader, Writer};
use types::{
    Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry,
    DirectoryEntryStream, ErrorCode, Filesize, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags,
};

/// The beginning of the names of its interfaces: a step whose component imports one can be granted a scratch folder.
pub const PREFIX: &str = "wasi:filesystem/";
/// Where a guest finds its folder.
const MOUNT: &str = "/scratch";

/// Defines the interfaces, in place of those that are there.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    types::add_to_linker::<Attempt, Files<'static>>(linker, files)?;
    preopens::add_to_linker::<Attempt, Files<'static>>(linker, files)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What the calls of one attempt work on.
struct Files<'a> {
    table: &'a mut ResourceTable,
    scratch: Option<&'a SharedScratch>,
}

impl HasData for Files<'static> {
    type Data<'a> = Files<'a>;
}

fn files(attempt: &mut Attempt) -> Files<'_> {
    let wasi = attempt.wasi_called();
    Files { table: &mut wasi.table, scratch: wasi.scratch.as_ref() }
}

/// A file or folder that the guest has open.
struct Open {
    handle: Handle,
    flags: DescriptorFlags,
}

/// A folder whose entries are being listed, and the name that was told last.
struct Listing {
    handle: Handle,
    last: Option<String>,
}

/// The bindings name the type of WASI's own implementation; the number of a resource is all that the guest has of it,
/// and the table refuses one that stands for something else.
fn ours<T: 'static, Ours: 'static>(resource: &Resource<T>) -> Resource<Ours> {
    Resource::new_borrow(resource.rep())
}

impl Files<'_> {
    fn open(&self, fd: &Resource<Descriptor>) -> Result<&Open, ResourceTableError> {
        self.table.get(&ours::<_, Open>(fd))
    }

    /// The file, to be written to.
    fn writable(&self, fd: &Resource<Descriptor>) -> FsResult<&Handle> {
        let Open { handle, flags } = self.open(fd)?;
        if !flags.contains(DescriptorFlags::WRITE) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        Ok(handle)
    }

    /// The file, to be read.
    fn readable(&self, fd: &Resource<Descriptor>) -> FsResult<&Handle> {
        let Open { handle, flags } = self.open(fd)?;
        if !flags.contains(DescriptorFlags::READ) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        Ok(handle)
    }

    fn handle(&self, fd: &Resource<Descriptor>) -> FsResult<&Handle> {
        Ok(&self.open(fd)?.handle)
    }

    fn push(&mut self, open: Open) -> Result<Resource<Descriptor>, ResourceTableError> {
        Ok(Resource::new_own(self.table.push(open)?.rep()))
    }
}

impl preopens::Host for Files<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let Some(scratch) = self.scratch else { return Ok(Vec::new()) };
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        let root = self.push(Open { handle: scratch.root(), flags })?;
        Ok(vec![(root, MOUNT.to_owned())])
    }
}

impl types::Host for Files<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().copied())
    }
}

impl types::HostDescriptor for Files<'_> {
    fn read_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        at: Filesize,
    ) -> FsResult<Resource<DynInputStream>> {
        let handle = self.readable(&fd)?.again();
        // A folder has nothing to read.
        let found = handle.lock().read(handle.id(), at, 0);
        found?;
        let stream: DynInputStream = Box::new(Reader { handle, at });
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
        at: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let handle = self.writable(&fd)?.again();
        let stream: DynOutputStream = Box::new(Writer::new(handle, Some(at))?);
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let handle = self.writable(&fd)?.again();
        let stream: DynOutputStream = Box::new(Writer::new(handle, None)?);
        Ok(self.table.push(stream)?)
    }

    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        _at: Filesize,
        _len: Filesize,
        _advice: Advice,
    ) -> FsResult<()> {
        self.handle(&fd).map(drop)
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.handle(&fd).map(drop)
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.handle(&fd).map(drop)
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        Ok(self.open(&fd)?.flags)
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().stat(handle.id())?.type_)
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        let handle = self.writable(&fd)?;
        Ok(handle.lock().resize(handle.id(), size)?)
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        _accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().touch(handle.id(), modified)?)
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        _flags: PathFlags,
        path: String,
        _accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let handle = self.handle(&fd)?;
        let mut scratch = handle.lock();
        let found = scratch.find(handle.id(), &path)?;
        Ok(scratch.touch(found, modified)?)
    }

    async fn read(
        &mut self,
        fd: Resource<Descriptor>,
        len: Filesize,
        at: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        let handle = self.readable(&fd)?;
        let bytes = handle.lock().read(handle.id(), at, len)?;
        let at_end = bytes.is_empty();
        Ok((bytes, at_end))
    }

    async fn write(
        &mut self,
        fd: Resource<Descriptor>,
        bytes: Vec<u8>,
        at: Filesize,
    ) -> FsResult<Filesize> {
        let handle = self.writable(&fd)?;
        handle.lock().write(handle.id(), Some(at), &bytes)?;
        Ok(bytes.len() as u64)
    }

    async fn read_directory(
        &mut self,
        fd: Resource<Descriptor>,
    ) -> FsResult<Resource<DirectoryEntryStream>> {
        let handle = self.handle(&fd)?.again();
        let first = handle.lock().entry_after(handle.id(), None);
        first?;
        Ok(Resource::new_own(self.table.push(Listing { handle, last: None })?.rep()))
    }

    async fn create_directory_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().create_folder(handle.id(), &path)?)
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().stat(handle.id())?)
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        _flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        let handle = self.handle(&fd)?;
        let mut scratch = handle.lock();
        let found = scratch.find(handle.id(), &path)?;
        Ok(scratch.stat(found)?)
    }

    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        _flags: PathFlags,
        path: String,
        _new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        self.handle(&fd)?.lock().moved(path.len() + new_path.len());
        Err(ErrorCode::NotPermitted.into())
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        _path_flags: PathFlags,
        path: String,
        how: OpenFlags,
        mut flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let writes = flags.contains(DescriptorFlags::WRITE);
        if !writes {
            flags |= DescriptorFlags::READ;
        }
        let handle = self.handle(&fd)?;
        let opened = handle.lock().open(handle.id(), &path, how, writes);
        let scratch = self.scratch.ok_or(ErrorCode::BadDescriptor)?;
        let open = Open { handle: scratch.handle(opened?), flags };
        Ok(self.push(open)?)
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let handle = self.handle(&fd)?;
        handle.lock().find(handle.id(), &path)?;
        // What is there is no link.
        Err(ErrorCode::Invalid.into())
    }

    async fn remove_directory_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
    ) -> FsResult<()> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().remove_folder(handle.id(), &path)?)
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (handle, new) = (self.handle(&fd)?, self.handle(&new)?.id());
        Ok(handle.lock().rename((handle.id(), &path), (new, &new_path))?)
    }

    async fn symlink_at(
        &mut self,
        fd: Resource<Descriptor>,
        old: String,
        new: String,
    ) -> FsResult<()> {
        self.handle(&fd)?.lock().moved(old.len() + new.len());
        Err(ErrorCode::NotPermitted.into())
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().remove_file(handle.id(), &path)?)
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        Ok(self.open(&one)?.handle.id() == self.open(&other)?.handle.id())
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        let handle = self.handle(&fd)?;
        Ok(handle.lock().hash(handle.id())?)
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        _flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let handle = self.handle(&fd)?;
        let mut scratch = handle.lock();
        let found = scratch.find(handle.id(), &path)?;
        Ok(scratch.hash(found)?)
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Open>::new_own(fd.rep()))?;
        Ok(())
    }
}

impl types::HostDirectoryEntryStream for Files<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let Listing { handle, last } = self.table.get_mut(&ours::<_, Listing>(&stream))?;
        let next = handle.lock().entry_after(handle.id(), last.as_deref())?;
        let Some((name, type_)) = next else { return Ok(None) };
        *last = Some(name.clone());
        Ok(Some(DirectoryEntry { type_, name }))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
