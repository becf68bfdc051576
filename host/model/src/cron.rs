//! The moments of a schedule: a cron expression, read in a time zone.
//!
//! Where clocks are moved, an expression that names one time of a day keeps its one moment: the first one after the gap where
//! its time does not exist, the first of two where it is there twice. One that names several times of a day goes by the clock
//! on the wall: what does not exist is left out, what is there twice comes twice.

use std::sync::LazyLock;

use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::code::Code;
use crate::near::nearest;

/// The longest cron expression, in bytes.
const MAX_CRON_BYTES: usize = 255;

/// What stands for a whole expression.
const NICKNAMES: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"];

/// From where it is looked whether an expression names any moment at all: the year 2000. Expressions know no years.
const SOME_MOMENT: Moment = Moment(946_684_800);

/// The zones this build knows.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Seconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// A cron expression of five fields, or six with seconds in front, in a time zone. It names at least one moment.
#[derive(Clone, Debug)]
pub struct Cron {
    pattern: croner::Cron,
    zone: TimeZone,
}

/// Why a text names no moments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCron {
    /// It has too few or too many fields.
    #[error(
        "`{text}` has {count} fields; write 5 (minute, hour, day of month, month, day of week), 6 with seconds in front, or \
         one of `{}`",
        NICKNAMES.join("`, `")
    )]
    Fields {
        /// The expression.
        text: String,
        /// How many it has.
        count: usize,
    },
    /// One of its fields cannot be read.
    #[error("the {field} is `{text}`; it takes {takes}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it is.
        text: String,
        /// What it may be.
        takes: &'static str,
    },
    /// No day is ever like that.
    #[error(
        "`{0}` never comes: no year has such a day; change the day of month, the month or the day of week"
    )]
    Never(String),
    /// There is no such zone.
    #[error("`{name}` is not a time zone{}", hint(near.as_deref()))]
    Zone {
        /// What was named.
        name: String,
        /// What was probably meant.
        near: Option<String>,
    },
}

fn hint(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None => "; write an IANA name, `Europe/Berlin`".to_owned(),
    }
}

impl BadCron {
    /// The problem's code.
    pub fn code(&self) -> Code {
        match self {
            Self::Fields { .. } | Self::Field { .. } => Code::ScheduleBadCron,
            Self::Never(_) => Code::ScheduleNeverFires,
            Self::Zone { .. } => Code::ScheduleUnknownTimezone,
        }
    }
}

impl Cron {
    /// Reads an expression and the name of a time zone.
    pub fn read(text: &str, zone: &str) -> Result<Self, BadCron> {
        let (pattern, zone) = (pattern(text)?, find_zone(zone)?);
        let cron = Self { pattern, zone };
        match cron.next_after(SOME_MOMENT) {
            Some(_) => Ok(cron),
            None => Err(BadCron::Never(shown(text))),
        }
    }

    /// The first moment after this one.
    pub fn next_after(&self, moment: Moment) -> Option<Moment> {
        let from = Timestamp::from_second(moment.0).ok()?.to_zoned(self.zone.clone());
        let next = self.pattern.find_next_occurrence(&from, false).ok()?;
        Some(Moment(next.timestamp().as_second()))
    }
}

/// One field of an expression.
struct Field {
    name: &'static str,
    takes: &'static str,
    words: &'static [&'static str],
}

/// The fields, in order; the first may be left out.
const FIELDS: [Field; 6] = [
    Field { name: "second", takes: "0 to 59, `*`, `,`, `-`, `/`", words: &[] },
    Field { name: "minute", takes: "0 to 59, `*`, `,`, `-`, `/`", words: &[] },
    Field { name: "hour", takes: "0 to 23, `*`, `,`, `-`, `/`", words: &[] },
    Field {
        name: "day of month",
        takes: "1 to 31, `*`, `,`, `-`, `/`, `L` for the last day, `15W` for the working day nearest to the 15th",
        words: &["L", "W", "LW"],
    },
    Field { name: "month", takes: "1 to 12 or JAN to DEC, `*`, `,`, `-`, `/`", words: MONTHS },
    Field {
        name: "day of week",
        takes: "0 to 7 (0 and 7 are Sunday) or SUN to SAT, `*`, `,`, `-`, `/`, `FRI#2` for the second Friday, `FRI#L` for \
                the last",
        words: DAYS,
    },
];

impl Field {
    /// Whether it can be this. Alone among stars, so that what is wrong is wrong with it.
    fn takes(&self, at: usize, text: &str, parser: CronParser) -> bool {
        let mut alone = ["*"; FIELDS.len()];
        alone[at] = text;
        let is_known = |word: &str| {
            word.is_empty() || self.words.iter().any(|known| known.eq_ignore_ascii_case(word))
        };
        let mut words = text.split(|c: char| !c.is_ascii_alphabetic());
        text.split(',').all(|item| !item.is_empty())
            && words.all(is_known)
            && parser.parse(&alone.join(" ")).is_ok()
    }
}

fn pattern(text: &str) -> Result<croner::Cron, BadCron> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let count = fields.len();
    let unreadable = || BadCron::Fields { text: shown(text), count };
    if text.len() > MAX_CRON_BYTES {
        return Err(unreadable());
    }
    let is_nickname = NICKNAMES.iter().any(|known| known.eq_ignore_ascii_case(text.trim()));
    if !is_nickname {
        if count != FIELDS.len() && count != FIELDS.len() - 1 {
            return Err(unreadable());
        }
        for (text, at) in fields.iter().zip(FIELDS.len() - count..) {
            let field = &FIELDS[at];
            if !field.takes(at, text, parser) {
                let (name, takes) = (field.name, field.takes);
                return Err(BadCron::Field { field: name, text: shown(text), takes });
            }
        }
    }
    parser.parse(text).map_err(|_| unreadable())
}

/// The zone of this name, whatever its letters' case.
fn find_zone(name: &str) -> Result<TimeZone, BadCron> {
    ZONES.get(name).map_err(|_| {
        let known: Vec<_> = ZONES.available().collect();
        let known = || known.iter().map(|zone| zone.as_str());
        let city = |zone: &&str| {
            zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name))
        };
        let near = known().find(city).or_else(|| nearest(name, known())).map(str::to_owned);
        BadCron::Zone { name: shown(name), near }
    })
}

/// Text of a caller as a message may quote it.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
