//! What was out and came back: what screens show as returned, and the outages that a shift hands over.
//!
//! Both are kept for a business day and forgotten then. Invariant: an outage that is over has ended at a reading.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::snapshot::{Rows, Snapshot, StopRow};
use crate::units::{ProductId, Timestamp};

/// How long a return is kept: longer than any business day, shorter than two.
const KEPT: Duration = Duration::from_hours(30);
/// How many outages are kept of a venue: a shift has a dozen, and a list that flaps must not fill the disk.
const OUTAGES_MAX: usize = 400;

/// A time in which something was out, and that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The product or variant.
    pub product: ProductId,
    /// Since when it was out.
    pub since: Timestamp,
    /// The reading that showed it back.
    pub back_at: Timestamp,
}

impl Snapshot {
    /// Returns every stop that is kept and since when it was, those that last among them; each once, also where a list that
    /// missed its row seemed to end it.
    pub fn stops(&self) -> BTreeSet<(ProductId, Timestamp)> {
        self.seen_stops().collect()
    }

    /// Returns since when each stop of one product was.
    pub fn stops_of(&self, product: ProductId) -> BTreeSet<Timestamp> {
        self.seen_stops().filter(|(id, _)| *id == product).map(|(_, since)| since).collect()
    }

    fn seen_stops(&self) -> impl Iterator<Item = (ProductId, Timestamp)> {
        let ended = self.outages.iter().map(|outage| (outage.product, outage.since));
        let lasting = self.picture.rows.iter().filter(|(_, row)| row.is_out()).map(|(id, row)| (*id, row.since));
        ended.chain(lasting)
    }
}

/// Adds to what was returned what was out and no longer is, and forgets what is out again or came back before the last
/// business day.
pub(super) fn returned_with(before: &Snapshot, rows: &Rows, now: Timestamp) -> BTreeMap<ProductId, Timestamp> {
    let back = ended(before, rows).map(|(id, _)| (id, now));
    let kept = before.returned.iter().map(|(id, at)| (*id, *at));
    kept.chain(back).filter(|(id, at)| !is_out(rows, *id) && now.since(*at) <= KEPT).collect()
}

/// Adds to the outages those that end with these rows, and forgets those of before the last business day.
pub(super) fn ended_with(before: &Snapshot, rows: &Rows, now: Timestamp) -> Vec<Outage> {
    let ended = ended(before, rows).map(|(product, row)| Outage { product, since: row.since, back_at: now });
    let kept = before.outages.iter().copied().filter(|outage| now.since(outage.back_at) <= KEPT);
    let mut outages: Vec<Outage> = kept.chain(ended).collect();
    outages.drain(..outages.len().saturating_sub(OUTAGES_MAX));
    outages
}

fn ended<'a>(before: &'a Snapshot, rows: &'a Rows) -> impl Iterator<Item = (ProductId, &'a StopRow)> {
    let was_out = before.picture.rows.iter().filter(|(_, row)| row.is_out());
    was_out.filter(|(id, _)| !is_out(rows, **id)).map(|(id, row)| (*id, row))
}

fn is_out(rows: &Rows, id: ProductId) -> bool {
    rows.get(&id).is_some_and(StopRow::is_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{StopEntry, Venue};
    use crate::snapshot::Reading;
    use crate::units::{Quantity, VenueId};

    fn at(min: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000 + min * 60_000)
    }

    /// Reads lists, `54: 0` each, with their minutes.
    fn read(lists: &[(i64, &[(u64, i64)])]) -> Snapshot {
        let mut snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        for (min, rows) in lists {
            let entry = |(id, limit): &(u64, i64)| StopEntry {
                product: ProductId(*id),
                limit: Quantity::whole(*limit),
                updated_at: None,
            };
            // A list that empties is looked at twice.
            for _ in 0..2 {
                let entries = rows.iter().map(entry).collect();
                snapshot = snapshot.fold(Reading::StopList { entries, unreadable: Vec::new(), whole: true }, at(*min));
            }
        }
        snapshot
    }

    #[test]
    fn every_time_out_is_kept_until_the_business_day_is_over() {
        let lists: [(i64, &[(u64, i64)]); 6] = [
            (0, &[(54, 0), (55, 4)]),
            (10, &[(54, 3), (55, 0)]),
            (20, &[(54, 0), (55, 0)]),
            (30, &[(54, -1), (55, 1)]),
            (40, &[(55, 1)]),
            (50, &[(55, 2)]),
        ];
        let outages = |lists: &[(i64, &[(u64, i64)])]| -> Vec<(u64, Timestamp, Timestamp)> {
            read(lists).outages.iter().map(|it| (it.product.0, it.since, it.back_at)).collect()
        };
        let all = [(54, at(0), at(10)), (55, at(10), at(30)), (54, at(20), at(40))];
        assert_eq!(outages(&lists), all, "a countdown is no outage, and a return to some is its end");
        let next_day = 30 * 60 + 25;
        let mut with_more = lists.to_vec();
        with_more.extend([(next_day, &[(55, 0)][..]), (next_day + 1, &[(55, 1)][..])]);
        let expected = [all[1], all[2], (55, at(next_day), at(next_day + 1))];
        assert_eq!(outages(&with_more), expected, "the first is older than a business day");
    }

    #[test]
    fn a_list_that_flaps_keeps_the_last_outages_alone() {
        let (out, back) = (&[(54, 0)][..], &[(54, 1)][..]);
        let turns = i64::try_from(2 * OUTAGES_MAX + 20).expect("small");
        let lists: Vec<_> = (0..turns).map(|min| (min, if min % 2 == 0 { out } else { back })).collect();
        let outages = read(&lists).outages;
        assert_eq!((outages.len(), outages[0].since), (OUTAGES_MAX, at(20)));
    }
}
