//! The time that a restaurant lives in: opening hours, peaks, named windows and business days of each venue.
//!
//! Answers in absolute time, so that nobody else has to think of midnight or of clocks that are put forward and back.
//! Never guesses: a venue without hours is neither open nor closed. Invariant: `is_open` agrees with `closes_at` and
//! `opens_at`, which alternate.

mod local_time;
mod schedule;
mod week;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, Time};

pub use crate::calendar::local_time::{LocalTime, clock_time};
pub use crate::calendar::schedule::{ClockSpan, DATES_MAX, SPANS_OF_DAY_MAX, Schedule, Span};
pub use crate::calendar::week::{Week, WeekTime};
use crate::units::{BrandId, Timestamp, VenueId, VenueKey, Zone};

/// Days before the local one that are looked at: a span lasts into the next day, and a clock that is put back at
/// midnight shows yesterday's date again.
const DAYS_BEFORE: i64 = 2;
/// Days that are looked at for what is now, those before included.
const DAYS_AROUND: usize = 4;
/// Days that are looked at for what was sold lately: a span that began [`DAYS_BEFORE`] days ago, as those of doors that never
/// close seem to, must still reach over today.
const DAYS_OF_SELLING: usize = 6;
/// Days that are searched for the next opening or closing at first: most venues open each day.
const DAYS_NEAR: usize = 5;
/// Days that are searched when the near ones have none. A venue that closes for longer has no opening worth a wait, and
/// one that closes in none of them does not close.
const DAYS_FAR: usize = 64;

/// Days that are looked at for the shifts around an instant: a span that lasts over several days must be seen from its
/// beginning to its end.
const DAYS_OF_SHIFTS: usize = 12;
/// Days before the local one that are looked at for shifts.
const DAYS_BEFORE_SHIFTS: i64 = 5;

/// The window in which the doors are open; no other may have its name.
pub const OPEN: &str = "open";
/// The window of the peaks; no other may have its name.
pub const PEAK: &str = "peak";

/// The calendar of one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    day_starts: Time,
    hours: Option<Arc<Schedule>>,
    peaks: Option<Arc<Schedule>>,
    windows: Arc<BTreeMap<String, Schedule>>,
}

/// What a calendar says of one instant; nothing is said of what was not written down.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Moment {
    /// Whether guests are served.
    pub is_open: Option<bool>,
    /// Whether it is a peak.
    pub is_peak: Option<bool>,
    /// How long it is until the doors close; only while they are open.
    pub closes_in: Option<Duration>,
    /// How long it is until the doors open; only while they are closed.
    pub opens_in: Option<Duration>,
    /// The windows that it lies in by their names, `open` and `peak` included.
    pub windows: Vec<String>,
}

/// A business day with guests: from the first opening of its doors to their last closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The business day.
    pub day: Date,
    /// From when on what happens is of this shift: from the start of the business day, but never before the doors of
    /// the shift before closed.
    pub begins_at: Timestamp,
    /// When the doors open first.
    pub opens_at: Timestamp,
    /// When they close last; `None` while that is too far away to be known.
    pub closes_at: Option<Timestamp>,
}

impl Calendar {
    /// Makes the calendar of a venue of which only the business day is known.
    pub fn plain(zone: Zone, day_starts: Time) -> Self {
        Self { zone, day_starts, hours: None, peaks: None, windows: Arc::default() }
    }

    /// Adds the opening hours and the peaks, as far as there are any.
    pub fn with_hours(self, hours: Option<Schedule>, peaks: Option<Schedule>) -> Self {
        Self { hours: hours.map(Arc::new), peaks: peaks.map(Arc::new), ..self }
    }

    /// Adds the named windows.
    pub fn with_windows(self, windows: BTreeMap<String, Schedule>) -> Self {
        Self { windows: Arc::new(windows), ..self }
    }

    /// Returns the zone of the venue's clocks.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Says whether guests are served; `None` when no hours are written down.
    pub fn is_open(&self, at: Timestamp) -> Option<bool> {
        self.hours.as_deref().map(|hours| self.is_in(hours, at))
    }

    /// Says whether it is a peak; never while the doors are closed. `None` when no peaks are written down.
    pub fn is_peak(&self, at: Timestamp) -> Option<bool> {
        let is_peak = self.is_in(self.peaks.as_deref()?, at);
        Some(is_peak && self.is_open(at) != Some(false))
    }

    /// Returns when the doors close, if they are open now and ever close.
    pub fn closes_at(&self, at: Timestamp) -> Option<Timestamp> {
        let hours = self.hours.as_deref()?;
        let ends = |days: usize| {
            let searched_until = schedule::start_of(self.first_day(at), days, &self.zone)?;
            let current = self.spans_around(hours, at, days).into_iter().find(|span| span.holds(at));
            // What lasts longer than was looked may last into a span of a later day.
            current.map(|span| span.end).filter(|end| *end < searched_until)
        };
        ends(DAYS_NEAR).or_else(|| ends(DAYS_FAR))
    }

    /// Returns when the doors open next: when they are open now, the next time after this one.
    pub fn opens_at(&self, at: Timestamp) -> Option<Timestamp> {
        let hours = self.hours.as_deref()?;
        let next = |days: usize| self.spans_around(hours, at, days).into_iter().find(|span| span.start > at);
        next(DAYS_NEAR).or_else(|| next(DAYS_FAR)).map(|span| span.start)
    }

    /// Returns the spans in which the doors are open from two days before the present one on, in order; none while they are
    /// closed, and `None` when no hours are written down. The present one is always among them, and the first is the same
    /// while the doors stay open, unless that is for longer than two days.
    pub fn selling_spans(&self, at: Timestamp) -> Option<Vec<Span>> {
        let hours = self.hours.as_deref()?;
        let current = self.spans_around(hours, at, DAYS_AROUND).into_iter().find(|span| span.holds(at));
        Some(current.map_or_else(Vec::new, |span| self.spans_around(hours, span.start, DAYS_OF_SELLING)))
    }

    /// Says whether the doors close within `lead`: too late for a reminder that somebody should act on.
    pub fn closes_within(&self, lead: Duration, at: Timestamp) -> bool {
        self.closes_at(at).is_some_and(|closing| closing.since(at) <= lead)
    }

    /// Returns the business days around an instant on which the doors open, in order: three days back and some days ahead.
    /// Doors that never close never open either. A pause between lunch and dinner is part of a shift.
    pub fn shifts(&self, at: Timestamp) -> Vec<Shift> {
        let Some(hours) = self.hours.as_deref() else { return Vec::new() };
        let today = at.in_zone(&self.zone).date();
        let Ok(first) = today.checked_sub(jiff::Span::new().days(DAYS_BEFORE_SHIFTS)) else { return Vec::new() };
        let searched = [0, DAYS_OF_SHIFTS].map(|days| schedule::start_of(first, days, &self.zone));
        let [Some(from), Some(until)] = searched else { return Vec::new() };
        let mut shifts: Vec<Shift> = Vec::new();
        // What is open when the search begins opened before it, and what is open when it ends closes later.
        for span in hours.spans(first, DAYS_OF_SHIFTS, &self.zone).into_iter().filter(|span| span.start > from) {
            let day = self.business_day(span.start);
            let closes_at = (span.end < until).then_some(span.end);
            match shifts.last_mut() {
                Some(shift) if shift.day == day => shift.closes_at = closes_at,
                before => {
                    let previous_end = before.and_then(|before| before.closes_at);
                    let day_starts_at = schedule::instant_of(day, self.day_starts, &self.zone);
                    let begins_at = day_starts_at.max(previous_end).unwrap_or(span.start).min(span.start);
                    shifts.push(Shift { day, begins_at, opens_at: span.start, closes_at });
                }
            }
        }
        // At both ends a business day may be seen in part.
        let ends_before = |day: Date| schedule::start_of(day, 2, &self.zone).is_some_and(|end| end < until);
        shifts.retain(|shift| shift.day > first && ends_before(shift.day));
        shifts
    }

    /// Returns when something that is written down begins or ends next: doors, a peak, a window. `None` when nothing does
    /// in the days that are searched.
    pub fn turns_at(&self, at: Timestamp) -> Option<Timestamp> {
        let next = |days: usize| {
            let written = self.hours.iter().chain(&self.peaks).map(Arc::as_ref).chain(self.windows.values());
            let spans = written.flat_map(|schedule| self.spans_around(schedule, at, days));
            spans.flat_map(|span| [span.start, span.end]).filter(|edge| *edge > at).min()
        };
        next(DAYS_NEAR).or_else(|| next(DAYS_FAR))
    }

    /// Returns the names of the windows, `open` and `peak` included.
    pub fn window_names(&self) -> impl Iterator<Item = &str> {
        [OPEN, PEAK].into_iter().chain(self.windows.keys().map(String::as_str))
    }

    /// Says whether the instant lies in the window of that name, `open` and `peak` included.
    pub fn is_in_window(&self, name: &str, at: Timestamp) -> bool {
        match name {
            OPEN => self.is_open(at) == Some(true),
            PEAK => self.is_peak(at) == Some(true),
            name => self.windows.get(name).is_some_and(|window| self.is_in(window, at)),
        }
    }

    /// Returns the business day of an instant: until the cut it is still yesterday's.
    pub fn business_day(&self, at: Timestamp) -> Date {
        business_day(at, &self.zone, self.day_starts)
    }

    /// Returns what the clock shows at an instant, seen from the business day of another one.
    pub fn local_time(&self, at: Timestamp, now: Timestamp) -> LocalTime {
        match self.business_day(at).cmp(&self.business_day(now)) {
            Ordering::Less => LocalTime::before_today(self.day_starts),
            Ordering::Equal => LocalTime::today(at.in_zone(&self.zone).time(), self.day_starts),
            Ordering::Greater => LocalTime::after_today(self.day_starts),
        }
    }

    /// Returns when the next business day starts.
    pub fn next_day_at(&self, at: Timestamp) -> Option<Timestamp> {
        // Where a clock is put back over the cut, the next one may lie before the instant.
        let days = std::iter::successors(self.business_day(at).tomorrow().ok(), |day| day.tomorrow().ok());
        let starts = days.take(DAYS_AROUND).filter_map(|day| schedule::instant_of(day, self.day_starts, &self.zone));
        starts.into_iter().find(|start| *start > at)
    }

    /// Returns all that is known of an instant.
    pub fn moment(&self, at: Timestamp) -> Moment {
        let is_open = self.is_open(at);
        let closes_at = if is_open == Some(true) { self.closes_at(at) } else { None };
        let opens_at = if is_open == Some(false) { self.opens_at(at) } else { None };
        Moment {
            is_open,
            is_peak: self.is_peak(at),
            closes_in: closes_at.map(|closing| closing.since(at)),
            opens_in: opens_at.map(|opening| opening.since(at)),
            windows: self.window_names().filter(|name| self.is_in_window(name, at)).map(str::to_owned).collect(),
        }
    }

    fn is_in(&self, schedule: &Schedule, at: Timestamp) -> bool {
        self.spans_around(schedule, at, DAYS_AROUND).iter().any(|span| span.holds(at))
    }

    fn spans_around(&self, schedule: &Schedule, at: Timestamp, days: usize) -> Vec<Span> {
        schedule.spans(self.first_day(at), days, &self.zone)
    }

    fn first_day(&self, at: Timestamp) -> Date {
        let today = at.in_zone(&self.zone).date();
        today.checked_sub(jiff::Span::new().days(DAYS_BEFORE)).unwrap_or(today)
    }
}

/// The hours in which a receiver wants no mail that can wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    calendar: Calendar,
    longest: Duration,
}

impl QuietHours {
    /// Takes the hours, on the clocks of a zone; `None` when no others are left.
    pub fn new(hours: Schedule, zone: Zone) -> Option<Self> {
        let longest = hours.longest()?;
        Some(Self { calendar: Calendar::plain(zone, Time::midnight()).with_hours(Some(hours), None), longest })
    }

    /// Returns when they end, if the instant lies in them.
    pub fn end_at(&self, at: Timestamp) -> Option<Timestamp> {
        self.calendar.closes_at(at)
    }

    /// Returns how long they last at most in a usual week.
    pub fn longest(&self) -> Duration {
        self.longest
    }
}

/// Returns the business day of an instant: until `day_starts` it is still yesterday's.
pub fn business_day(at: Timestamp, zone: &Zone, day_starts: Time) -> Date {
    let local = at.in_zone(zone);
    let date = local.date();
    if local.time() < day_starts { date.yesterday().unwrap_or(date) } else { date }
}

/// The calendars of all venues: a venue's own, or else its brand's, or else one that knows the business day alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendars {
    plain: Calendar,
    brands: BTreeMap<BrandId, Calendar>,
    venues: BTreeMap<VenueKey, Calendar>,
}

impl Calendars {
    /// Takes the calendar of every venue that has no other.
    pub fn of_all(plain: Calendar) -> Self {
        Self { plain, brands: BTreeMap::new(), venues: BTreeMap::new() }
    }

    /// Returns the names of the windows, `open` and `peak` first.
    pub fn window_names(&self) -> impl Iterator<Item = &str> {
        [OPEN, PEAK].into_iter().chain(self.plain.windows.keys().map(String::as_str))
    }

    /// Sets the calendar of a brand's venues that have none of their own.
    pub fn set_brand(&mut self, brand: BrandId, calendar: Calendar) {
        self.brands.insert(brand, calendar);
    }

    /// Sets the calendar of one venue.
    pub fn set_venue(&mut self, venue: VenueKey, calendar: Calendar) {
        self.venues.insert(venue, calendar);
    }

    /// Returns the calendar of a venue of which nothing more is written down than of all.
    pub fn plain(&self) -> &Calendar {
        &self.plain
    }

    /// Returns the calendar of a venue.
    pub fn of(&self, brand: &BrandId, venue: VenueId) -> &Calendar {
        let own = self.venues.get(&VenueKey { brand: brand.clone(), venue });
        own.or_else(|| self.brands.get(brand)).unwrap_or(&self.plain)
    }
}

#[cfg(test)]
mod tests;
