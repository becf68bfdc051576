//! Where a path leads, from a folder and never out of it. There are no links to follow.

use model::limits::{MAX_SCRATCH_NAME_BYTES, MAX_SCRATCH_PATH_BYTES};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::{Id, Scratch};

/// What a path names: an entry of a folder, which need not be there, or a folder by itself (`.`, `a/..`).
pub(super) struct Place<'p> {
    pub(super) folder: Id,
    pub(super) name: Option<&'p str>,
    /// The path says that it is a folder: it ends in `/`, or has no name for it.
    pub(super) says_folder: bool,
}

impl Scratch {
    /// Goes along a path; all but its last part must be there.
    pub(super) fn place<'p>(&mut self, from: Id, path: &'p str) -> Result<Place<'p>, ErrorCode> {
        self.moved(path.len());
        self.entries(from)?;
        check(path)?;
        let says_folder = path.ends_with('/') || path.ends_with("/.");
        let is_part = |part: &&str| !part.is_empty() && *part != ".";
        let mut parts = path.split('/').filter(is_part).peekable();
        let mut way = vec![from];
        while let Some(part) = parts.next() {
            let here = *way.last().ok_or(ErrorCode::NotPermitted)?;
            if part == ".." {
                way.pop();
                continue;
            }
            if part.len() > MAX_SCRATCH_NAME_BYTES {
                return Err(ErrorCode::NameTooLong);
            }
            if parts.peek().is_none() {
                return Ok(Place { folder: here, name: Some(part), says_folder });
            }
            let next = *self.entries(here)?.get(part).ok_or(ErrorCode::NoEntry)?;
            self.entries(next)?;
            way.push(next);
        }
        let folder = *way.last().ok_or(ErrorCode::NotPermitted)?;
        Ok(Place { folder, name: None, says_folder: true })
    }

    /// What is at a place.
    pub(super) fn at(&self, place: &Place<'_>) -> Result<Option<Id>, ErrorCode> {
        match place.name {
            Some(name) => Ok(self.entries(place.folder)?.get(name).copied()),
            None => Ok(Some(place.folder)),
        }
    }

    /// What a path leads to.
    pub(crate) fn find(&mut self, from: Id, path: &str) -> Result<Id, ErrorCode> {
        let place = self.place(from, path)?;
        let found = self.at(&place)?.ok_or(ErrorCode::NoEntry)?;
        if place.says_folder {
            self.entries(found)?;
        }
        Ok(found)
    }
}

fn check(path: &str) -> Result<(), ErrorCode> {
    if path.is_empty() {
        Err(ErrorCode::NoEntry)
    } else if path.len() > MAX_SCRATCH_PATH_BYTES {
        Err(ErrorCode::NameTooLong)
    } else if path.starts_with('/') {
        Err(ErrorCode::NotPermitted)
    } else if path.contains('\0') {
        Err(ErrorCode::Invalid)
    } else {
        Ok(())
    }
}
