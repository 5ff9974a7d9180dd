//! What is known of one brand: when each of its lists was read, how old one may get, how many requests went out of late.
//!
//! The brand's task alone writes, a value at a time and without a lock on the way of a poll; the few locks are taken where
//! its venues change. Invariant: no age is kept here, only instants.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::units::{Timestamp, Uptime, VenueId};
use crate::vitals::lock;

/// What a reading may take beyond the plan: one request that hangs for its 12 s and is repeated, and a wait before that.
const SLACK: Duration = Duration::from_secs(30);
/// The seconds of which requests are counted.
const SECONDS: usize = 60;
const MINUTE_S: u64 = 60;
/// Stands for never.
const NEVER: i64 = i64::MIN;

/// What the brand's task knows of Clopos's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Entry {
    /// Not tried yet.
    #[default]
    Untried,
    /// Let in.
    Granted,
    /// No token, for a reason that may pass by itself.
    Unreachable,
    /// Refused: a person must mend something.
    Refused,
}

impl Entry {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Untried, Self::Granted, Self::Unreachable, Self::Refused];

    /// Returns it in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Granted => "granted",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
        }
    }
}

/// A venue as its brand's task found it when the venues were taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The last good reading of the stop list, of any process.
    pub read_at: Option<Timestamp>,
    /// The same of this process alone.
    pub followed_at: Option<Timestamp>,
    /// Since when this process watches it.
    pub watched_since: Timestamp,
    /// Rows of its stop list, and how many of them are out.
    pub rows: (usize, usize),
}

/// What is known of one venue.
#[derive(Debug)]
pub struct VenueVitals {
    read_at: AtomicI64,
    followed_at: AtomicI64,
    watched_since: i64,
    rows: AtomicU64,
    out: AtomicU64,
}

impl VenueVitals {
    fn of(place: &Place) -> Self {
        let Place { read_at, followed_at, watched_since, rows: (rows, out) } = *place;
        let ms = |at: Option<Timestamp>| AtomicI64::new(at.map_or(NEVER, Timestamp::unix_ms));
        let count = |count: usize| AtomicU64::new(u64::try_from(count).unwrap_or(u64::MAX));
        Self {
            read_at: ms(read_at),
            followed_at: ms(followed_at),
            watched_since: watched_since.unix_ms(),
            rows: count(rows),
            out: count(out),
        }
    }

    /// Notes that this process has read the list.
    pub fn read(&self, at: Timestamp) {
        self.read_at.store(at.unix_ms(), Ordering::Relaxed);
        self.followed_at.store(at.unix_ms(), Ordering::Relaxed);
    }

    /// Notes how long the list is, and how many of its rows are out.
    pub fn lists(&self, rows: usize, out: usize) {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.rows.store(count(rows), Ordering::Relaxed);
        self.out.store(count(out), Ordering::Relaxed);
    }

    /// Says whether the list is as old as is planned, or younger. One that was not read yet has as long from its first day.
    fn is_in_time(&self, planned: Duration, now: Timestamp) -> bool {
        let last = match self.followed_at.load(Ordering::Relaxed) {
            NEVER => self.watched_since,
            at => at,
        };
        let last = Timestamp::from_unix_ms(last);
        // One that lies ahead is of a clock that was wrong.
        last <= now.plus(SLACK) && now.since(last) <= planned.saturating_add(SLACK)
    }
}

/// The venues of a brand.
pub type Venues = BTreeMap<VenueId, VenueVitals>;

/// What is known of one brand.
#[derive(Debug, Default)]
pub struct BrandVitals {
    venues: Mutex<Arc<Venues>>,
    planned_ms: AtomicU64,
    entry: AtomicU64,
    /// Whether every venue was read since the process began.
    is_whole: AtomicBool,
    sent: LastMinute,
    limit: AtomicU64,
    /// Twice the milliseconds by which Clopos's clock is ahead of ours, and one; zero where that is not known.
    skew_ms: AtomicI64,
}

/// What is to be seen of a brand at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BrandLook {
    /// How many venues are watched.
    pub venues: u64,
    /// How many of their lists are older than is planned.
    pub late: u64,
    /// How old the oldest list is; of a venue that was never read, since it is watched.
    pub oldest: Duration,
    /// How old a list gets at most while all goes as planned.
    pub planned: Duration,
    /// Rows of all stop lists.
    pub rows: u64,
    /// Those of them that are out.
    pub out: u64,
    /// Requests of the last minute.
    pub sent: u64,
    /// Requests a minute that the configuration allows.
    pub limit: u64,
    /// Whether Clopos lets us in.
    pub entry: Entry,
    /// Whether every venue was read since the process began.
    pub is_whole: bool,
}

impl BrandLook {
    /// Says whether every list is as old as is planned, or younger.
    pub const fn is_read(&self) -> bool {
        self.is_whole && self.late == 0 && self.venues > 0
    }
}

impl BrandVitals {
    /// Takes the venues that are watched, and how old a list gets at most by plan; returns them for the brand's task.
    pub fn take_venues(&self, places: impl Iterator<Item = (VenueId, Place)>, planned: Duration) -> Arc<Venues> {
        let venues: Arc<Venues> = Arc::new(places.map(|(id, place)| (id, VenueVitals::of(&place))).collect());
        self.planned_ms.store(u64::try_from(planned.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        *lock(&self.venues) = Arc::clone(&venues);
        venues
    }

    /// Takes how many requests a minute the configuration allows.
    pub fn allow(&self, requests_per_minute: u32) {
        self.limit.store(requests_per_minute.into(), Ordering::Relaxed);
    }

    /// Notes that a request is sent.
    pub fn sent(&self, now: Uptime) {
        self.sent.add(now);
    }

    /// Notes whether Clopos lets us in.
    pub fn enter(&self, entry: Entry) {
        let place = Entry::ALL.iter().position(|known| *known == entry).unwrap_or_default();
        self.entry.store(u64::try_from(place).unwrap_or_default(), Ordering::Relaxed);
    }

    /// Notes by how many milliseconds Clopos's clock is ahead of ours.
    pub fn skewed(&self, ms: i64) {
        self.skew_ms.store(ms.saturating_mul(2) | 1, Ordering::Relaxed);
    }

    /// Returns by how many milliseconds Clopos's clock is ahead of ours, where that is known.
    pub fn skew_ms(&self) -> Option<i64> {
        let kept = self.skew_ms.load(Ordering::Relaxed);
        (kept != 0).then_some(kept >> 1)
    }

    /// Returns what is to be seen now. Walks over all venues, so it is for those who look now and then.
    pub fn look(&self, now: Timestamp, uptime: Uptime) -> BrandLook {
        let venues = Arc::clone(&lock(&self.venues));
        let planned = Duration::from_millis(self.planned_ms.load(Ordering::Relaxed));
        let mut look = BrandLook { planned, ..BrandLook::default() };
        let mut are_all_followed = !venues.is_empty();
        for venue in venues.values() {
            let read_at = match venue.read_at.load(Ordering::Relaxed) {
                NEVER => venue.watched_since,
                at => at,
            };
            are_all_followed &= venue.followed_at.load(Ordering::Relaxed) != NEVER;
            look.venues += 1;
            look.late += u64::from(!venue.is_in_time(planned, now));
            look.oldest = look.oldest.max(now.since(Timestamp::from_unix_ms(read_at)));
            look.rows += venue.rows.load(Ordering::Relaxed);
            look.out += venue.out.load(Ordering::Relaxed);
        }
        if are_all_followed {
            self.is_whole.store(true, Ordering::Relaxed);
        }
        let entry = usize::try_from(self.entry.load(Ordering::Relaxed)).unwrap_or_default();
        BrandLook {
            sent: self.sent.count(uptime),
            limit: self.limit.load(Ordering::Relaxed),
            entry: Entry::ALL.get(entry).copied().unwrap_or_default(),
            is_whole: self.is_whole.load(Ordering::Relaxed),
            ..look
        }
    }
}

/// How often something happened within the last 60 s. One task adds, others count.
#[derive(Debug)]
struct LastMinute([AtomicU64; SECONDS]);

impl Default for LastMinute {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl LastMinute {
    /// The second in the upper half of a value, and how often in the lower.
    const HALF: u32 = 32;

    fn add(&self, now: Uptime) {
        // From one on: a second of zero is a place that was never used.
        let second = now.0.as_secs() + 1;
        let place = usize::try_from(second).map_or(0, |second| second % SECONDS);
        let Some(place) = self.0.get(place) else { return };
        let kept = place.load(Ordering::Relaxed);
        let count = if kept >> Self::HALF == second { kept + 1 } else { second << Self::HALF | 1 };
        place.store(count, Ordering::Relaxed);
    }

    fn count(&self, now: Uptime) -> u64 {
        let second = now.0.as_secs() + 1;
        let kept = self.0.iter().map(|place| place.load(Ordering::Relaxed));
        let is_recent = |kept: &u64| {
            let at = kept >> Self::HALF;
            at > 0 && at <= second && second - at < MINUTE_S
        };
        kept.filter(is_recent).map(|kept| kept & u64::from(u32::MAX)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_780_000_000_000).plus(Duration::from_secs(s))
    }

    fn place(read_s: Option<u64>, followed_s: Option<u64>) -> Place {
        Place { read_at: read_s.map(at), followed_at: followed_s.map(at), watched_since: at(100), rows: (3, 1) }
    }

    fn brand(places: &[Place]) -> BrandVitals {
        let brand = BrandVitals::default();
        let places = places.iter().zip(1..).map(|(place, id)| (VenueId(id), *place));
        brand.take_venues(places, Duration::from_secs(10));
        brand
    }

    #[test]
    fn a_brand_is_read_when_this_process_has_read_every_list_and_none_is_older_than_planned() {
        let now = at(200);
        // Planned is 10 s, and 30 s are left beyond it.
        for (places, late, is_read) in [
            (vec![], 0, false),
            (vec![place(Some(160), Some(160))], 0, true),
            (vec![place(Some(159), Some(159))], 1, false),
            (vec![place(Some(190), Some(190)), place(Some(150), Some(150))], 1, false),
            // Read by an earlier process only, or never.
            (vec![place(Some(199), None)], 1, false),
            (vec![place(None, None)], 1, false),
            // Of a clock that was set back.
            (vec![place(Some(231), Some(231))], 1, false),
            (vec![place(Some(230), Some(230))], 0, true),
        ] {
            let look = brand(&places).look(now, Uptime::default());
            assert_eq!((look.late, look.is_read()), (late, is_read), "{places:?}");
            assert_eq!((look.rows, look.out), (3 * look.venues, look.venues), "{places:?}");
        }
    }

    #[test]
    fn a_venue_that_was_added_has_as_long_as_the_others_and_a_new_brand_has_not() {
        let new = Place { watched_since: at(195), ..place(None, None) };
        let look = |brand: &BrandVitals| {
            let look = brand.look(at(200), Uptime::default());
            (look.late, look.is_read())
        };
        assert_eq!(look(&brand(&[new])), (0, false), "nothing of it was ever read");
        let old = brand(&[place(Some(199), Some(199))]);
        assert_eq!(look(&old), (0, true));
        let places = [place(Some(199), Some(199)), new];
        old.take_venues(places.iter().zip(1..).map(|(place, id)| (VenueId(id), *place)), Duration::from_secs(10));
        assert_eq!(look(&old), (0, true), "it was whole before");
    }

    #[test]
    fn the_age_is_that_of_the_oldest_list_and_grows_without_a_poll() {
        let brand = brand(&[place(Some(190), Some(190)), place(Some(150), None), place(None, None)]);
        let age = |s| brand.look(at(s), Uptime::default()).oldest.as_secs();
        assert_eq!((age(200), age(260)), (100, 160), "one was never read and is watched from 100 on");
        let venues = Arc::clone(&lock(&brand.venues));
        venues[&VenueId(3)].read(at(260));
        assert_eq!(age(260), 110);
    }

    #[test]
    fn requests_of_the_last_minute_are_counted_and_older_ones_are_not() {
        let minute = LastMinute::default();
        let s = |s: u64| Uptime(Duration::from_secs(s));
        assert_eq!(minute.count(s(0)), 0);
        for second in [0, 0, 1, 30, 59] {
            minute.add(s(second));
        }
        assert_eq!([59, 60, 61, 89, 90, 118, 119, 500].map(|at| minute.count(s(at))), [5, 3, 2, 2, 1, 1, 0, 0]);
        minute.add(s(60));
        assert_eq!(minute.count(s(60)), 4, "the place of the first second is used again");
    }

    #[test]
    fn a_skew_of_nothing_is_not_an_unknown_one() {
        let brand = BrandVitals::default();
        assert_eq!(brand.skew_ms(), None);
        for ms in [0, 1, -1, 86_400_000, -86_400_000] {
            brand.skewed(ms);
            assert_eq!(brand.skew_ms(), Some(ms));
        }
    }
}
