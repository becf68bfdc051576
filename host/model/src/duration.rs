//! Durations as people write them: `100ms`, `5s`, `1m30s`, `1.5h`.

use std::fmt;

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a duration; write a number and its unit, `ms`, `s`, `m`, `h` or `d`: `5s`, `1m30s`"
)]
pub struct BadDuration(String);

/// Milliseconds of a duration: one or more numbers with a unit, largest unit first. A fraction of a millisecond is
/// refused.
pub fn parse_ms(text: &str) -> Result<u64, BadDuration> {
    let bad = || BadDuration(text.chars().take(40).flat_map(char::escape_debug).collect());
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() || text.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, tail) = rest.split_at(unit_at);
        let next = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(next);
        let (_, ms) = units.find(|(name, _)| *name == unit).ok_or_else(bad)?;
        total = total.checked_add(scaled(number, *ms).ok_or_else(bad)?).ok_or_else(bad)?;
        rest = tail;
    }
    Ok(total)
}

/// `number * unit`, where the number may have decimals and the product may not.
pub(crate) fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let tenths = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<u64>().ok()?.checked_mul(unit)?;
    (part % tenths == 0).then(|| whole.checked_add(part / tenths))?
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Milliseconds, shown the way [`parse_ms`] reads them: `5s`, `1m30s`, `0ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ms(pub u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0ms");
        }
        let mut left = self.0;
        for (name, ms) in UNITS {
            if left >= ms {
                write!(f, "{}{name}", left / ms)?;
                left %= ms;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let read =
            ["100ms", "5s", "5m", "1m30s", "1.5h", "0.25s", "2d", "0ms", "1h0m1s"].map(parse_ms);
        let ms = [100, 5_000, 300_000, 90_000, 5_400_000, 250, 172_800_000, 0, 3_601_000];
        assert_eq!(read, ms.map(Ok));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "", "5", "s", "5 s", "-5s", "5x", "1s1m", "1s1s", ".5s", "5.s", "1.2.3s", "0.5ms", "é",
            "5sé",
        ] {
            assert!(parse_ms(text).is_err(), "{text}");
        }
        assert!(parse_ms("99999999999999999999s").is_err());
        assert!(parse_ms("18446744073709551615d").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(ms in any::<u64>()) {
            prop_assert_eq!(parse_ms(&Ms(ms).to_string()), Ok(ms));
        }

        #[test]
        fn no_text_panics(text in "[0-9.msdh ]{0,12}|\\PC{0,8}") {
            let _read = parse_ms(&text);
        }
    }
}
