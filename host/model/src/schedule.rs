//! A schedule: when runs are started by themselves, and what holds when a moment cannot be kept.

use serde::{Deserialize, Serialize};

use crate::cron::{BadCron, Cron, Moment};
use crate::preset::Preset;

/// A moment that nobody kept within so many seconds counts as missed: no worker was there.
pub const MISSED_AFTER_S: i64 = 60;

/// The zone where none is named.
pub const UTC: &str = "UTC";

/// What follows where the run a schedule started before is still live at its next moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// One more is started.
    #[default]
    Allow,
    /// None is started.
    Skip,
}

/// What follows where moments passed while no worker was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run is started, for all of them.
    #[default]
    RunOnce,
    /// None is.
    Skip,
}

/// A schedule, complete but for what it starts. Its JSON is what is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The expression that names its moments.
    pub cron: String,
    /// The IANA name of the zone it is read in.
    pub timezone: String,
    /// What follows where its last run is live.
    pub overlap: Overlap,
    /// What follows where moments were missed.
    pub missed: Missed,
    /// What its runs are started with.
    pub start: Preset,
}

/// What is done at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A run is started.
    Start,
    /// Nothing: the run before is live.
    Overlaps,
    /// Nothing: it was missed.
    Missed,
}

impl Schedule {
    /// Its moments.
    pub fn moments(&self) -> Result<Cron, BadCron> {
        Cron::read(&self.cron, &self.timezone)
    }

    /// What is done at a moment that is looked at `now`; `is_live`: the run it started before has not ended.
    pub fn verdict(&self, due: Moment, now: Moment, is_live: bool) -> Verdict {
        let is_late = now.0.saturating_sub(due.0) > MISSED_AFTER_S;
        match (self.missed, self.overlap) {
            (Missed::Skip, Overlap::Allow | Overlap::Skip) if is_late => Verdict::Missed,
            (Missed::RunOnce | Missed::Skip, Overlap::Skip) if is_live => Verdict::Overlaps,
            (Missed::RunOnce | Missed::Skip, Overlap::Allow | Overlap::Skip) => Verdict::Start,
        }
    }
}

impl Verdict {
    /// What became of the moment, as it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Overlaps => "overlap",
            Self::Missed => "missed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(missed: Missed, overlap: Overlap) -> Schedule {
        let (cron, timezone) = ("@daily".to_owned(), UTC.to_owned());
        Schedule { cron, timezone, overlap, missed, start: Preset::default() }
    }

    #[test]
    fn what_is_done_at_a_moment_depends_on_what_was_asked_for() {
        let (due, late) = (Moment(0), Moment(MISSED_AFTER_S + 1));
        for (missed, overlap, now, is_live, expected) in [
            (Missed::RunOnce, Overlap::Allow, due, true, Verdict::Start),
            (Missed::RunOnce, Overlap::Allow, late, true, Verdict::Start),
            (Missed::RunOnce, Overlap::Skip, late, true, Verdict::Overlaps),
            (Missed::RunOnce, Overlap::Skip, late, false, Verdict::Start),
            (Missed::Skip, Overlap::Allow, due, false, Verdict::Start),
            (Missed::Skip, Overlap::Allow, Moment(MISSED_AFTER_S), false, Verdict::Start),
            (Missed::Skip, Overlap::Allow, late, false, Verdict::Missed),
            (Missed::Skip, Overlap::Skip, late, true, Verdict::Missed),
            (Missed::Skip, Overlap::Skip, due, true, Verdict::Overlaps),
        ] {
            let found = schedule(missed, overlap).verdict(due, now, is_live);
            assert_eq!(found, expected, "{missed:?} {overlap:?} {now:?} {is_live}");
        }
    }

    #[test]
    fn a_stored_schedule_is_read_back() {
        let mut stored = schedule(Missed::Skip, Overlap::Skip);
        stored.start.input = Some(crate::Json::null());
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), stored);
    }
}
