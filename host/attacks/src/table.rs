//! Every attack: its name, the limit it meets, how it has to end.

mod abi;
mod answers;
mod durable;
mod grants;
mod limits;
mod traps;
mod uploads;
mod wasi;

use crate::{Attack, Expected, Source};

/// The attacks, by what they try.
pub(crate) const ALL: [&[Attack]; 8] = [
    limits::ATTACKS,
    traps::ATTACKS,
    abi::ATTACKS,
    answers::ATTACKS,
    wasi::ATTACKS,
    durable::ATTACKS,
    grants::ATTACKS,
    uploads::ATTACKS,
];

impl Attack {
    /// The hand-written guest of this name.
    const fn guest(name: &'static str, limit: &'static str, expected: Expected) -> Self {
        Self { name, limit, expected, grants: "", source: Source::Guest }
    }

    /// Bytes that are made, and what they try.
    const fn made(
        name: &'static str,
        limit: &'static str,
        expected: Expected,
        (bytes, tries): (fn() -> Vec<u8>, &'static str),
    ) -> Self {
        Self { name, limit, expected, grants: "", source: Source::Made(bytes, tries) }
    }

    /// The same, with what its step is granted, as a manifest says it.
    const fn granted(self, grants: &'static str) -> Self {
        Self { grants, ..self }
    }
}
