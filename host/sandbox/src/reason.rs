//! Why a component is refused: one code and one sentence for each problem.

use std::fmt;

use model::Code;

/// The longest detail, in bytes: names inside a component can be any length.
const MAX_DETAIL_BYTES: usize = 4 * 1024;

/// What is quoted of a name, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// One problem of an upload. The detail may quote the component: escape it where it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kind of problem; its page says what to do.
    pub code: Code,
    /// What is wrong, where.
    pub detail: String,
}

impl Reason {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: bounded(detail.into()) }
    }
}

/// A detail as it is shown and kept: no longer than it may be, without NUL.
pub(crate) fn bounded(detail: String) -> String {
    let mut detail = detail.replace('\0', "\u{fffd}");
    if detail.len() > MAX_DETAIL_BYTES {
        detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
        detail.push('…');
    }
    detail
}

/// A name as it is quoted: the beginning of a hostile one.
pub(crate) fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES.min(name.len()))]
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}
