//! When nobody read the stop list of a venue: what was found after it may have happened at any time in it.
//!
//! Kept for a business day, as outages are, for who is told what was found then and for who hands a shift over.
//! Invariant: a gap begins and ends with a good reading, and none is shorter than makes a list blind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::catalog::StopEntry;
use crate::snapshot::{FreshnessLimits, Snapshot};
use crate::units::{ProductId, Timestamp};

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

    /// Returns the last gap if the row of one of these products was another one after it, and it ended at this reading.
    pub fn gap_found(&self, mut products: impl Iterator<Item = ProductId>, reading: Timestamp) -> Option<Gap> {
        let last = self.gaps.last().copied().filter(|gap| gap.until == reading)?;
        products.any(|product| self.found_after_gap.contains(&product)).then_some(last)
    }
}

/// Adds the gap that a reading ends, if it ends one, and what it found; forgets those of before the last business day.
pub(super) fn with_ended(
    before: &Snapshot,
    differing: impl FnOnce() -> BTreeSet<ProductId>,
    limits: FreshnessLimits,
    now: Timestamp,
) -> (Vec<Gap>, BTreeSet<ProductId>) {
    // Who found a list without a note of when it was last read knows of no gap.
    let from = before.followed_at.or(before.noted_at);
    let ended = from.filter(|from| now.since(*from) >= limits.blind_after).map(|from| Gap { from, until: now });
    if ended.is_none() && before.gaps.is_empty() {
        return (Vec::new(), BTreeSet::new());
    }
    let found = if ended.is_some() { differing() } else { before.found_after_gap.clone() };
    // One that ends ahead is of a clock that was wrong then.
    let kept = before.gaps.iter().copied().filter(|gap| gap.until <= now && now.since(gap.until) <= KEPT);
    let mut gaps: Vec<Gap> = kept.chain(ended).collect();
    gaps.drain(..gaps.len().saturating_sub(GAPS_MAX));
    let found = if gaps.is_empty() { BTreeSet::new() } else { found };
    (gaps, found)
}

/// Returns the products of which two lists say another limit.
pub(super) fn differing(before: &Snapshot, entries: &BTreeMap<ProductId, StopEntry>) -> BTreeSet<ProductId> {
    let rows = &before.picture.rows;
    let differs = |id: &&ProductId| rows.get(id).map(|row| row.limit) != entries.get(id).map(|entry| entry.limit);
    rows.keys().chain(entries.keys()).filter(differs).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Venue;
    use crate::snapshot::Reading;
    use crate::units::{Quantity, VenueId};

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
    fn a_gap_that_a_clock_made_which_was_ahead_is_forgotten_when_it_is_right() {
        let year = 365 * 86_400;
        let snapshot = unread().fold_within(list(), LIMITS, at(0)).fold_within(list(), LIMITS, at(year));
        assert_eq!(snapshot.gaps.len(), 1);
        assert_eq!(snapshot.fold_within(list(), LIMITS, at(60)).gaps, []);
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

    fn rows(limits: &[(u64, i64)]) -> Reading {
        let entry = |(id, limit): &(u64, i64)| StopEntry {
            product: ProductId(*id),
            limit: Quantity::whole(*limit),
            updated_at: None,
        };
        Reading::StopList { entries: limits.iter().map(entry).collect(), unreadable: Vec::new(), whole: true }
    }

    #[test]
    fn what_differs_after_a_gap_was_found_by_it_and_nothing_else() {
        let read =
            |snapshot: Snapshot, limits: &[(u64, i64)], s: i64| snapshot.fold_within(rows(limits), LIMITS, at(s));
        let before = read(unread(), &[(54, 0), (55, 3), (56, 1)], 0);
        let after = read(before, &[(54, 0), (55, 0), (57, 2)], 600);
        let found = |snapshot: &Snapshot, id: u64, s: i64| {
            snapshot.gap_found([ProductId(id)].into_iter(), at(s)).map(|gap| gap.from)
        };
        let each = [54, 55, 56, 57, 58].map(|id| found(&after, id, 600));
        assert_eq!(each, [None, Some(at(0)), Some(at(0)), Some(at(0)), None]);
        // It is remembered for what a rule waits for, and a change of later is none of it.
        let later = read(after, &[(54, 3), (55, 0), (57, 2)], 660);
        assert_eq!([54, 55].map(|id| found(&later, id, 600)), [None, Some(at(0))]);
        assert_eq!([54, 55].map(|id| found(&later, id, 660)), [None, None]);
    }

    #[test]
    fn a_new_process_knows_of_a_gap_when_it_was_noted_when_the_list_was_read() {
        let stored = unread().fold_within(list(), LIMITS, at(0));
        let stored = Snapshot { followed_at: None, ..stored };
        for (noted, expected) in [
            // A database of before the notes: the list may have been read all the while.
            (None, None),
            (Some([].into()), Some(at(0))),
            (Some([(VenueId(1), at(500))].into()), Some(at(500))),
            (Some([(VenueId(1), at(900))].into()), None),
        ] {
            let found: Snapshot = stored.clone().found_anew(noted.as_ref());
            let read = found.fold_within(list(), LIMITS, at(1_000));
            assert_eq!(read.gaps.first().map(|gap| gap.from), expected, "{noted:?}");
        }
    }
}
