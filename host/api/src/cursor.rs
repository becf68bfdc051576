//! Cursors of pages: opaque, and only good for the list and the tenant they came from.

use std::fmt::Write as _;

use model::{Code, Digest, TenantId};

use crate::problem::Problem;

/// Bytes of the tag that ties a cursor to its list.
const TAG_BYTES: usize = 6;
/// The longest cursor that is read, in characters.
const MAX_LENGTH: usize = 1_024;

/// A list of a tenant: its address and filters.
pub(crate) struct List<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) name: &'a str,
}

impl List<'_> {
    /// The cursor after this place.
    pub(crate) fn cursor(&self, place: &str) -> String {
        let mut text = String::new();
        for byte in self.tag(place).iter().chain(place.as_bytes()) {
            write!(text, "{byte:02x}").expect("a String takes everything");
        }
        text
    }

    /// The place a page begins after; none for the first page.
    pub(crate) fn after(&self, cursor: Option<&str>) -> Result<Option<String>, Problem> {
        cursor.map(|cursor| self.place(cursor)).transpose()
    }

    /// The cursor of the page after these rows; none when they are fewer than a page has.
    pub(crate) fn next<R>(
        &self,
        rows: &[R],
        limit: i64,
        place: impl Fn(&R) -> String,
    ) -> Option<String> {
        let is_full = i64::try_from(rows.len()) == Ok(limit);
        rows.last().filter(|_| is_full).map(|last| self.cursor(&place(last)))
    }

    /// The place a cursor stands for.
    fn place(&self, cursor: &str) -> Result<String, Problem> {
        let bad = || {
            let detail = "the cursor is not one of this list; begin without one";
            Problem::new(Code::RequestBadCursor, detail)
        };
        let bytes = unhex(cursor).ok_or_else(bad)?;
        let (tag, place) = bytes.split_at_checked(TAG_BYTES).ok_or_else(bad)?;
        let place = String::from_utf8(place.to_vec()).map_err(|_| bad())?;
        // Whoever knows how a tag is made can make one; Postgres text cannot hold NUL.
        if self.tag(&place) == tag && !place.contains('\0') { Ok(place) } else { Err(bad()) }
    }

    fn tag(&self, place: &str) -> [u8; TAG_BYTES] {
        let digest = Digest::of(format!("{}\n{}\n{place}", self.tenant.0, self.name).as_bytes());
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&digest.0[..TAG_BYTES]);
        tag
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_LENGTH || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_and_no_other_text_is_one(place in "[^\\x00]{0,40}", text in "[0-9a-fA-F+ é-]{0,60}") {
            let list = List { tenant: TenantId(1), name: "runs" };
            prop_assert_eq!(list.place(&list.cursor(&place)).unwrap(), place);
            prop_assert!(list.place(&text).is_err());
        }
    }

    #[test]
    fn a_cursor_is_only_good_for_its_list_and_tenant() {
        let list = List { tenant: TenantId(1), name: "runs" };
        let cursor = list.cursor("some place");
        assert_eq!(list.place(&cursor).unwrap(), "some place");
        let others = [
            List { tenant: TenantId(2), name: "runs" },
            List { tenant: TenantId(1), name: "flows" },
        ];
        for other in others {
            assert_eq!(other.place(&cursor).unwrap_err().code(), Code::RequestBadCursor);
        }
        for text in ["", "zz", "00", "é", &cursor[2..], &list.cursor("a\0b")] {
            assert!(list.place(text).is_err(), "{text}");
        }
    }
}
