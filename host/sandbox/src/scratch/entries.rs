//! What is in which folder of a scratch folder: made, moved and deleted.

use std::collections::BTreeMap;

use model::limits::MAX_SCRATCH_ENTRIES;
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, OpenFlags};

use super::file::File;
use super::path::Place;
use super::{Id, Kind, Node, ROOT, Scratch, moment};

impl Scratch {
    /// What a path leads to, made if that is asked for.
    pub(crate) fn open(
        &mut self,
        from: Id,
        path: &str,
        how: OpenFlags,
        writes: bool,
    ) -> Result<Id, ErrorCode> {
        let [creates, truncates, only_new, only_folder] =
            [OpenFlags::CREATE, OpenFlags::TRUNCATE, OpenFlags::EXCLUSIVE, OpenFlags::DIRECTORY]
                .map(|flag| how.contains(flag));
        if only_folder && (creates || truncates || only_new) {
            return Err(ErrorCode::Invalid);
        }
        let place = self.place(from, path)?;
        let Some(id) = self.at(&place)? else {
            return match (creates, place.says_folder) {
                (true, false) => self.add(&place, Kind::File(File::default())),
                (true, true) => Err(ErrorCode::IsDirectory),
                (false, _) => Err(ErrorCode::NoEntry),
            };
        };
        if creates && only_new {
            return Err(ErrorCode::Exist);
        }
        match &self.node(id)?.kind {
            Kind::Folder { .. } if writes || creates || truncates => Err(ErrorCode::IsDirectory),
            Kind::File(_) if only_folder || place.says_folder => Err(ErrorCode::NotDirectory),
            Kind::File(_) if truncates => self.resize(id, 0).map(|()| id),
            Kind::Folder { .. } | Kind::File(_) => Ok(id),
        }
    }

    /// Makes an empty folder.
    pub(crate) fn create_folder(&mut self, from: Id, path: &str) -> Result<(), ErrorCode> {
        let place = self.place(from, path)?;
        if self.at(&place)?.is_some() {
            return Err(ErrorCode::Exist);
        }
        let parent = place.folder;
        self.add(&place, Kind::Folder { entries: BTreeMap::new(), parent }).map(drop)
    }

    /// Deletes an empty folder.
    pub(crate) fn remove_folder(&mut self, from: Id, path: &str) -> Result<(), ErrorCode> {
        let place = self.place(from, path)?;
        let id = self.at(&place)?.ok_or(ErrorCode::NoEntry)?;
        if !self.entries(id)?.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        let name = place.name.ok_or(ErrorCode::Invalid)?;
        self.unlink(place.folder, name)
    }

    /// Deletes a file.
    pub(crate) fn remove_file(&mut self, from: Id, path: &str) -> Result<(), ErrorCode> {
        let place = self.place(from, path)?;
        let id = self.at(&place)?.ok_or(ErrorCode::NoEntry)?;
        match (&self.node(id)?.kind, place.name) {
            (Kind::Folder { .. }, _) | (_, None) => Err(ErrorCode::IsDirectory),
            (Kind::File(_), Some(_)) if place.says_folder => Err(ErrorCode::NotDirectory),
            (Kind::File(_), Some(name)) => self.unlink(place.folder, name),
        }
    }

    /// Moves a file or folder, in place of a file or of an empty folder if there is one.
    pub(crate) fn rename(&mut self, old: (Id, &str), new: (Id, &str)) -> Result<(), ErrorCode> {
        let (old, new) = (self.place(old.0, old.1)?, self.place(new.0, new.1)?);
        let id = self.at(&old)?.ok_or(ErrorCode::NoEntry)?;
        let (Some(old_name), Some(new_name)) = (old.name, new.name) else {
            return Err(ErrorCode::Invalid);
        };
        let is_folder = self.entries(id).is_ok();
        if !is_folder && (old.says_folder || new.says_folder) {
            return Err(ErrorCode::NotDirectory);
        }
        // A folder in itself would be reached by nobody.
        if is_folder && self.is_within(new.folder, id) {
            return Err(ErrorCode::Invalid);
        }
        match self.at(&new)? {
            Some(there) if there == id => return Ok(()),
            Some(there) => {
                match (is_folder, &self.node(there)?.kind) {
                    (true, Kind::File(_)) => return Err(ErrorCode::NotDirectory),
                    (false, Kind::Folder { .. }) => return Err(ErrorCode::IsDirectory),
                    (true, Kind::Folder { entries, .. }) if !entries.is_empty() => {
                        return Err(ErrorCode::NotEmpty);
                    }
                    (true, Kind::Folder { .. }) | (false, Kind::File(_)) => {}
                }
                self.unlink(new.folder, new_name)?;
            }
            None if !self.node(new.folder)?.linked => return Err(ErrorCode::NoEntry),
            None => {}
        }
        self.entries_mut(old.folder)?.remove(old_name);
        self.entries_mut(new.folder)?.insert(new_name.to_owned(), id);
        if let Kind::Folder { parent, .. } = &mut self.node_mut(id)?.kind {
            *parent = new.folder;
        }
        Ok(())
    }

    fn add(&mut self, place: &Place<'_>, kind: Kind) -> Result<Id, ErrorCode> {
        let name = place.name.ok_or(ErrorCode::Exist)?;
        if !self.node(place.folder)?.linked {
            return Err(ErrorCode::NoEntry);
        }
        // The folder that everything is in is not counted.
        if self.nodes.len() > MAX_SCRATCH_ENTRIES {
            return Err(ErrorCode::InsufficientSpace);
        }
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, Node { kind, linked: true, handles: 0, modified: moment() });
        self.entries_mut(place.folder)?.insert(name.to_owned(), id);
        Ok(id)
    }

    fn unlink(&mut self, folder: Id, name: &str) -> Result<(), ErrorCode> {
        let id = self.entries_mut(folder)?.remove(name).ok_or(ErrorCode::NoEntry)?;
        self.node_mut(id)?.linked = false;
        self.forget_unused(id);
        Ok(())
    }

    fn is_within(&self, folder: Id, outer: Id) -> bool {
        let mut here = folder;
        while here != outer {
            match self.nodes.get(&here) {
                Some(Node { kind: Kind::Folder { parent, .. }, .. }) if here != ROOT => {
                    here = *parent;
                }
                Some(_) | None => return false,
            }
        }
        true
    }
}
