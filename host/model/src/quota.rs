//! What a tenant may take, and its share of what all of them share.

use serde::{Deserialize, Serialize};

/// The weight of a tenant of which nothing was said.
pub const DEFAULT_WEIGHT: u32 = 100;
/// The largest weight.
pub const MAX_WEIGHT: u32 = 10_000;
/// How many times what is left a tenant of the default weight may hold: alone it comes to four fifths of the places that are
/// not kept.
const OF_WHAT_IS_LEFT: u64 = 4;
/// One of so many places is kept for tenants that hold none, one for each.
const KEPT: u64 = 8;

/// What one tenant may take. What is absent is not limited; hosts hold to a change within seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Its share beside other tenants', 1 to 10,000. Defaults to 100.
    pub weight: u32,
    /// Attempts that run at a time, over all hosts. Defaults to no limit.
    pub running_attempts: Option<u32>,
    /// Runs that have not ended: queued, running or parked. Defaults to 1,000,000.
    pub live_runs: Option<u64>,
    /// Runs started in a second, over all hosts. Defaults to no limit.
    pub runs_per_second: Option<u32>,
    /// Fuel used in a minute, over all hosts. Only so many attempts run at a time as it could pay for, one at the least; those that
    /// run go on, the next ones wait. Defaults to no limit.
    pub fuel_per_minute: Option<u64>,
    /// Bytes of components, inputs, outputs, states, signals and logs. Defaults to 64 GiB.
    pub stored_bytes: Option<u64>,
    /// Uploaded components. Defaults to 1,000.
    pub components: Option<u32>,
    /// Seconds of compilation in a day (UTC). Defaults to 3,600.
    pub compile_seconds_per_day: Option<u32>,
    /// Requests in a second, on each host. Defaults to 1,000.
    pub requests_per_second: Option<u32>,
}

impl Quota {
    /// What holds where nothing was said.
    pub const DEFAULT: Self = Self {
        weight: DEFAULT_WEIGHT,
        running_attempts: None,
        live_runs: Some(1_000_000),
        runs_per_second: None,
        fuel_per_minute: None,
        stored_bytes: Some(64 << 30),
        components: Some(1_000),
        compile_seconds_per_day: Some(3_600),
        requests_per_second: Some(1_000),
    };

    /// Why it cannot hold, with the field that is to blame.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if self.weight == 0 || self.weight > MAX_WEIGHT {
            let detail = format!("a weight is 1 to {MAX_WEIGHT}, not {}", self.weight);
            return Some(("weight", detail));
        }
        let stalls = [
            ("running_attempts", self.running_attempts == Some(0)),
            ("runs_per_second", self.runs_per_second == Some(0)),
            ("fuel_per_minute", self.fuel_per_minute == Some(0)),
            ("requests_per_second", self.requests_per_second == Some(0)),
        ];
        let (field, _) = stalls.into_iter().find(|(_, stalls)| *stalls)?;
        let detail = "0 would hold everything up for ever; freeze the tenant instead".to_owned();
        Some((field, detail))
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What one process may give a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its weight beside the others.
    pub weight: u32,
    /// Attempts that run at a time; `None`: no limit of its own.
    pub most: Option<u32>,
    /// Fuel that the attempts which run may use, all together; one may always run. `None`: no limit.
    pub fuel: Option<u64>,
}

impl Default for Share {
    fn default() -> Self {
        Self { weight: DEFAULT_WEIGHT, most: None, fuel: None }
    }
}

impl Share {
    /// How many more of `places` a tenant that holds `held` may take while `free` are free. The more it holds beside
    /// what is left, the fewer; the last eighth is for those that hold none, so that whoever comes next finds a place
    /// whoever came before.
    pub fn room(&self, held: u64, free: u64, places: u64) -> u64 {
        let weight = u64::from(self.weight).saturating_mul(OF_WHAT_IS_LEFT);
        let unit = u64::from(DEFAULT_WEIGHT);
        let open = free.saturating_sub(places / KEPT);
        let beyond = weight.saturating_mul(open).saturating_sub(unit.saturating_mul(held));
        let fair = beyond.div_ceil(unit.saturating_add(weight)).min(open);
        let first = u64::from(held == 0).min(free);
        let own = self.most.map_or(u64::MAX, |most| u64::from(most).saturating_sub(held));
        fair.max(first).min(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tenants hold once each has taken all it may, in turn.
    fn filled(places: u64, shares: &[Share]) -> (Vec<u64>, u64) {
        let mut held = vec![0; shares.len()];
        let free = fill(&mut held, (places, places), shares);
        (held, free)
    }

    fn fill(held: &mut [u64], (mut free, places): (u64, u64), shares: &[Share]) -> u64 {
        loop {
            let before = free;
            for (held, share) in held.iter_mut().zip(shares) {
                if share.room(*held, free, places) > 0 {
                    *held += 1;
                    free -= 1;
                }
            }
            if free == before {
                return free;
            }
        }
    }

    #[test]
    fn places_are_shared_out_evenly_among_those_that_want_them_at_once() {
        let all = Share::default();
        assert_eq!(filled(64, &[all]), (vec![45], 19));
        let (held, free) = filled(64, &[all; 3]);
        let first = held[0];
        assert!(free >= 8 && held.iter().all(|one| one.abs_diff(first) <= 1), "{held:?}");
    }

    #[test]
    fn whoever_comes_next_finds_a_place_however_much_those_before_took() {
        let (all, mut free) = (Share::default(), 64);
        for tenant in 0..11 {
            let (mut held, before) = (0, free);
            while all.room(held, free, 64) > 0 {
                (held, free) = (held + 1, free - 1);
            }
            assert!(free < before, "tenant {tenant} found none");
        }
    }

    #[test]
    fn a_few_places_are_all_for_whoever_is_there() {
        assert_eq!(filled(1, &[Share::default()]), (vec![1], 0));
        assert_eq!(filled(4, &[Share::default()]), (vec![4], 0));
        assert_eq!(Share::default().room(0, 1, 64), 1);
    }

    #[test]
    fn places_follow_the_weight() {
        let heavy = Share { weight: 300, ..Share::default() };
        let shares = [heavy, Share::default()];
        let (mut held, mut free) = filled(1_000, &shares);
        // Whoever took more while there was more does not get it again.
        for _ in 0..1_000 {
            held.iter_mut().for_each(|held| *held -= 1);
            free = fill(&mut held, (free + 2, 1_000), &shares);
        }
        let ratio = held[0] as f64 / held[1] as f64;
        assert!((2.8..=3.2).contains(&ratio), "{held:?}");
    }

    #[test]
    fn nobody_exceeds_what_is_its_most() {
        let share = Share { weight: MAX_WEIGHT, most: Some(3), fuel: None };
        assert_eq!(filled(64, &[share]).0, vec![3]);
        assert_eq!(Share { most: Some(0), ..share }.room(0, 64, 64), 0);
    }

    #[test]
    fn no_number_overflows() {
        let share = Share { weight: u32::MAX, ..Share::default() };
        assert_eq!(share.room(u64::MAX, u64::MAX, 0), 0);
        assert_eq!(share.room(0, 7, 7), 7);
    }

    #[test]
    fn a_quota_that_would_stall_is_a_problem() {
        assert_eq!(Quota::DEFAULT.problem(), None);
        let none = Quota { running_attempts: Some(0), ..Quota::DEFAULT };
        assert_eq!(none.problem().map(|(field, _)| field), Some("running_attempts"));
        let none = Quota { weight: 0, ..Quota::DEFAULT };
        assert_eq!(none.problem().map(|(field, _)| field), Some("weight"));
    }
}
