//! `stepcell:handler/system`: time and chance.

use std::time::{SystemTime, UNIX_EPOCH};

use model::limits::MAX_RANDOM_BYTES;
use rand::Rng;
use wasmtime::bail;
use wasmtime::component::Linker;

use crate::attempt::{Attempt, charge};

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/system@0.1.0";
/// What an import of it means to a person.
pub(crate) const MEANING: &str = "reads the time, to a millisecond, and random bytes";

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(NAME)?;
    instance.func_wrap("now-ms", |mut store, (): ()| {
        charge(&mut store, 0)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((u64::try_from(now.as_millis()).unwrap_or(u64::MAX),))
    })?;
    instance.func_wrap("random-bytes", |mut store, (len,): (u32,)| {
        let len = len as usize;
        if len > MAX_RANDOM_BYTES {
            bail!("asked for {len} random bytes, and {MAX_RANDOM_BYTES} is the most at a time");
        }
        charge(&mut store, len)?;
        let mut bytes = vec![0; len];
        rand::rng().fill_bytes(&mut bytes);
        Ok((bytes,))
    })
}
