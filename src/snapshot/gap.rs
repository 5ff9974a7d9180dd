//! When nobody read the stop list of a venue: what was found after it may have happened at any time in it.
//!
//! Kept for a business day, as outages are, for who is told what was found then and for who hands a shift over.
//! Invariant: a gap begins and ends with a good reading, and none is shorter than makes a list blind.

use std::time::Duration;

use crate::snapshot::{FreshnessLimits, Snapshot};
use crate::units::Timestamp;

/// How long a gap is kept: longer than any business day, shorter than two.
const KEPT: Duration = Duration::from_hours(30);
/// How many are kept of a venue: more of them say no more than that it cannot be read.
const GAPS_MAX: usize = 100;

/// A time in which nobody read the stop list: Clopos did not answer, or no process asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// The last good reading before it.
    pub from: Timestamp,
    /// The first good reading after it.
    pub until: Timestamp,
}

impl Gap {
    /// Returns how long it was.
    pub fn length(&self) -> Duration {
        self.until.since(self.from)
    }
}

impl Snapshot {
    /// Returns the gap that ended with the reading of this moment.
    pub fn gap_until(&self, reading: Timestamp) -> Option<Gap> {
        self.gaps.iter().rev().copied().find(|gap| gap.until == reading)
    }
}

/// Adds the gap that a reading ends, if it ends one, and forgets those of before the last business day.
pub(super) fn with_ended(before: &Snapshot, limits: FreshnessLimits, now: Timestamp) -> Vec<Gap> {
    let ended =
        before.read_at.filter(|from| now.since(*from) >= limits.blind_after).map(|from| Gap { from, until: now });
    if ended.is_none() && before.gaps.is_empty() {
        return Vec::new();
    }
    let kept = before.gaps.iter().copied().filter(|gap| now.since(gap.until) <= KEPT);
    let mut gaps: Vec<Gap> = kept.chain(ended).collect();
    gaps.drain(..gaps.len().saturating_sub(GAPS_MAX));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Venue;
    use crate::snapshot::Reading;
    use crate::units::VenueId;

    const LIMITS: FreshnessLimits =
        FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };

    fn at(s: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + s * 1000)
    }

    fn unread() -> Snapshot {
        Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true })
    }

    fn list() -> Reading {
        Reading::StopList { entries: Vec::new(), unreadable: Vec::new(), whole: true }
    }

    #[test]
    fn a_gap_lies_between_two_good_readings_that_are_far_apart() {
        let failed = || Reading::Failed { why: "HTTP 503".to_owned() };
        let readings = [
            (0, list()),
            (60, list()),
            (61, failed()),
            (359, list()),
            (400, failed()),
            (659, list()),
            (660, list()),
            (960, list()),
        ];
        let mut snapshot = unread();
        for (s, reading) in readings {
            snapshot = snapshot.fold_within(reading, LIMITS, at(s));
        }
        let gaps = [(359, 659), (660, 960)].map(|(from, until)| Gap { from: at(from), until: at(until) });
        assert_eq!(snapshot.gaps, gaps, "299 s are none, and a failure ends none");
        assert_eq!(gaps.map(|gap| gap.length().as_secs()), [300, 300]);
        assert_eq!([659, 660, 960].map(|s| snapshot.gap_until(at(s))), [Some(gaps[0]), None, Some(gaps[1])]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_gap() {
        let snapshot = unread().fold_within(list(), LIMITS, at(4_000)).fold_within(list(), LIMITS, at(0));
        assert_eq!(snapshot.gaps, []);
    }

    #[test]
    fn gaps_are_forgotten_after_a_business_day_and_when_there_are_too_many() {
        let hour = 3_600;
        let read = |hours: &[i64]| {
            hours.iter().fold(unread(), |snapshot, hour_of| snapshot.fold_within(list(), LIMITS, at(hour_of * hour)))
        };
        let gaps = |hours: &[i64]| read(hours).gaps.iter().map(|gap| gap.until).collect::<Vec<_>>();
        assert_eq!(gaps(&[0, 1, 2, 31]), [1, 2, 31].map(|it| at(it * hour)), "the first is 30 hours old");
        assert_eq!(gaps(&[0, 1, 2, 32]), [2, 32].map(|it| at(it * hour)));
        let mut snapshot = unread();
        for n in 0..i64::try_from(GAPS_MAX).expect("small") + 20 {
            snapshot = snapshot.fold_within(list(), LIMITS, at(n * 300));
        }
        assert_eq!((snapshot.gaps.len(), snapshot.gaps[0].from), (GAPS_MAX, at(19 * 300)));
    }
}
