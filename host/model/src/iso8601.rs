//! Durations as ISO 8601 writes them: `PT2S`, `P1Y2M10DT2H30M`, `P3W`, `PT0.5S`. A fraction may only be in the last part.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration: months, which have no fixed length, and milliseconds, which do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsoDuration {
    text: String,
    /// Years and months, in months.
    pub months: u32,
    /// The rest, in milliseconds.
    pub ms: u64,
}

/// A text is not an ISO 8601 duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an ISO 8601 duration; write `PT2S`, `PT1H30M`, `P1DT12H`, `P1M` or `P3W`, with a fraction in the last part only"
)]
pub struct BadIsoDuration(String);

/// What a part of the date counts, largest first.
const DATE: [(char, Unit); 4] = [
    ('Y', Unit::Months(12)),
    ('M', Unit::Months(1)),
    ('W', Unit::Ms(7 * 24 * 3_600_000)),
    ('D', Unit::Ms(24 * 3_600_000)),
];
/// What a part of the time counts, largest first.
const TIME: [(char, Unit); 3] =
    [('H', Unit::Ms(3_600_000)), ('M', Unit::Ms(60_000)), ('S', Unit::Ms(1_000))];

#[derive(Clone, Copy)]
enum Unit {
    Months(u32),
    Ms(u64),
}

impl FromStr for IsoDuration {
    type Err = BadIsoDuration;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| {
            BadIsoDuration(text.chars().take(40).flat_map(char::escape_debug).collect())
        })
    }
}

fn read(text: &str) -> Option<IsoDuration> {
    let body = text.strip_prefix('P')?;
    let (date, time) = match body.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (body, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut sum = Sum::default();
    sum.add(date, &DATE, time.is_empty())?;
    sum.add(time, &TIME, true)?;
    // Weeks stand alone.
    if date.contains('W')
        && (date.len() - 1 != date.find('W')? || !time.is_empty() || sum.parts > 1)
    {
        return None;
    }
    Some(IsoDuration { text: text.to_owned(), months: sum.months, ms: sum.ms })
}

#[derive(Default)]
struct Sum {
    months: u32,
    ms: u64,
    parts: u32,
}

impl Sum {
    /// Adds the parts of a text; `last`: its last part may have a fraction.
    fn add(&mut self, text: &str, units: &[(char, Unit)], last: bool) -> Option<()> {
        let mut rest = text;
        let mut units = units.iter();
        while !rest.is_empty() {
            let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let (number, tail) = rest.split_at(at);
            let letter = tail.chars().next()?;
            rest = tail.get(1..)?;
            let (_, unit) = units.find(|(name, _)| *name == letter)?;
            let number = number.replace(',', ".");
            let is_whole = number.bytes().all(|byte| byte.is_ascii_digit());
            let may_have_fraction = last && rest.is_empty();
            if !is_whole && !may_have_fraction {
                return None;
            }
            self.parts += 1;
            match unit {
                Unit::Months(count) => {
                    let number: u32 = is_whole.then(|| number.parse().ok())??;
                    self.months = self.months.checked_add(number.checked_mul(*count)?)?;
                }
                Unit::Ms(ms) => {
                    let added = crate::duration::scaled(&number, *ms)?;
                    self.ms = self.ms.checked_add(added)?;
                }
            }
        }
        Some(())
    }
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for IsoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for IsoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Option<(u32, u64)> {
        let duration: IsoDuration = text.parse().ok()?;
        Some((duration.months, duration.ms))
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        for (text, months, ms) in [
            ("PT2S", 0, 2_000),
            ("PT0.25S", 0, 250),
            ("PT1,5M", 0, 90_000),
            ("P1Y2M10DT2H30M", 14, 10 * 86_400_000 + 2 * 3_600_000 + 30 * 60_000),
            ("P3W", 0, 3 * 7 * 86_400_000),
            ("P1M", 1, 0),
            ("PT1M", 0, 60_000),
            ("P0.5D", 0, 43_200_000),
            ("PT36H", 0, 36 * 3_600_000),
            ("PT0S", 0, 0),
            ("P1DT0.5H", 0, 86_400_000 + 1_800_000),
        ] {
            assert_eq!(parts(text), Some((months, ms)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "P",
            "PT",
            "P1",
            "1D",
            "P1S",
            "PT1D",
            "P1DT",
            "PT1M1H",
            "P1D1Y",
            "PT1.5H30M",
            "P0.5Y",
            "P1W1D",
            "P1WT1H",
            "PT1H1H",
            "P-1D",
            "pt1s",
            "PT1S ",
            "PT.5S",
            "PT5.S",
            "P1\u{e9}D",
            "PT99999999999999999999S",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "P?[0-9YMWDTHS.,]{0,12}") {
            let read: Result<IsoDuration, _> = text.parse();
            if let Ok(read) = read {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
