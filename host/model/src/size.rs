//! Sizes as people write them: `512B`, `256KiB`, `64MiB`.

use std::fmt;

use crate::duration::scaled;

const UNITS: [(&str, u64); 4] =
    [("GiB", 1024 * 1024 * 1024), ("MiB", 1024 * 1024), ("KiB", 1024), ("B", 1)];

/// A text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size; write a number and its unit, `B`, `KiB`, `MiB` or `GiB`: `64MiB`")]
pub struct BadSize(String);

/// Bytes of a size: a number with a unit. A fraction of a byte is refused.
pub fn parse_bytes(text: &str) -> Result<u64, BadSize> {
    let bad = || BadSize(text.chars().take(40).flat_map(char::escape_debug).collect());
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).ok_or_else(bad)?;
    scaled(number, *bytes).ok_or_else(bad)
}

/// Bytes, shown the way [`parse_bytes`] reads them, in the largest unit that leaves no fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &&(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        let (name, bytes) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = ["512B", "256KiB", "64MiB", "64 MiB", "1.5GiB", "0B"].map(parse_bytes);
        assert_eq!(read, [512, 262_144, 67_108_864, 67_108_864, 1_610_612_736, 0].map(Ok));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "64", "MiB", "64MB", "64M", "-1B", "0.5B", "1e3B", "99999999999999999999B"]
        {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in any::<u64>()) {
            prop_assert_eq!(parse_bytes(&Bytes(bytes).to_string()), Ok(bytes));
        }
    }
}
