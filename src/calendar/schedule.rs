//! A timetable by weekday and date, as people write it, and its spans in absolute time.
//!
//! Knows no zone of its own and reads no clock. Invariant: a span belongs to the day on which it begins, ends after it
//! begins, and a day that a date is written for follows that date alone.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::AmbiguousOffset;

use crate::units::{Timestamp, Zone};

const MINUTES_OF_DAY: u16 = 24 * 60;
/// Spans of one day: lunch, dinner and what is between them, with room; each is asked of whenever a venue is looked at.
pub const SPANS_OF_DAY_MAX: usize = 6;
/// Dates of one timetable: every holiday of some years.
pub const DATES_MAX: usize = 400;

/// From one time of the clock to another, past midnight when the second is not later; at most 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockSpan {
    from_minute: u16,
    /// Counted from the same midnight, so that it is always larger than `from_minute`.
    to_minute: u16,
}

impl ClockSpan {
    /// Reads `10:00-23:00`, `18:00-02:00` or, for the whole day, `00:00-24:00`.
    ///
    /// # Errors
    /// Says for people what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "is no span of time";
        let (from, to) = text.split_once('-').ok_or(FORM)?;
        let (from, to) = (clock_minute(from.trim()).ok_or(FORM)?, clock_minute(to.trim()).ok_or(FORM)?);
        match (from, to) {
            (MINUTES_OF_DAY, _) => Err("begins at 24:00, which is 00:00 of the next day"),
            (from, to) if from == to => Err("ends when it begins"),
            (from, to) if to < from => Ok(Self { from_minute: from, to_minute: to + MINUTES_OF_DAY }),
            (from_minute, to_minute) => Ok(Self { from_minute, to_minute }),
        }
    }

    /// Says whether two spans of the same day have a minute in common.
    pub const fn overlaps(self, other: Self) -> bool {
        self.from_minute < other.to_minute && other.from_minute < self.to_minute
    }

    fn on(self, day: Date, zone: &Zone) -> Option<Span> {
        let start = instant(day, self.from_minute, Edge::Start, zone)?;
        let end = instant(day, self.to_minute, Edge::End, zone)?;
        // A span that lies wholly in a gap of the clock does not happen.
        (start < end).then_some(Span { day, start, end })
    }
}

/// Reads `09:30` as minutes since midnight; `24:00` is the end of the day.
fn clock_minute(text: &str) -> Option<u16> {
    let two_digits =
        |text: &str| if text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (two_digits(hour)?, two_digits(minute)?);
    let minutes = 60 * hour + minute;
    (minute < 60 && minutes <= MINUTES_OF_DAY).then_some(minutes)
}

/// A span in absolute time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The day that it belongs to: the one on which it begins, however long after midnight it ends.
    pub day: Date,
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Span {
    /// Says whether the instant lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// Spans for each day of the week, and other ones for some dates.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Schedule {
    week: [Vec<ClockSpan>; 7],
    dates: BTreeMap<Date, Vec<ClockSpan>>,
}

impl Schedule {
    /// Takes the spans of each weekday, Monday first, and those of the dates that differ; no span at all is closed.
    pub fn new(week: [Vec<ClockSpan>; 7], dates: BTreeMap<Date, Vec<ClockSpan>>) -> Self {
        Self { week, dates }
    }

    /// Takes spans that are the same every day.
    pub fn daily(spans: &[ClockSpan]) -> Self {
        Self::new(std::array::from_fn(|_| spans.to_vec()), BTreeMap::new())
    }

    /// Says whether no day has a span.
    pub fn is_never_on(&self) -> bool {
        self.week.iter().chain(self.dates.values()).all(Vec::is_empty)
    }

    /// Returns how long it is on at a stretch at most, in a usual week; `None` when it is never off.
    pub fn longest(&self) -> Option<Duration> {
        let (mut longest, mut run) = (0, 0);
        // Two weeks, so that what lasts over a Sunday is seen whole.
        for minute in 0..2 * MINUTES_OF_DAY * 7 {
            run = if self.is_usual(minute) { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        (longest < 2 * MINUTES_OF_DAY * 7).then(|| Duration::from_mins(u64::from(longest)))
    }

    /// Says whether it is on in a minute since the beginning of a usual Monday.
    fn is_usual(&self, minute: u16) -> bool {
        let (day, minute) = (usize::from(minute / MINUTES_OF_DAY), minute % MINUTES_OF_DAY);
        let is_on = |day: usize, minute: u16| {
            self.week[day % 7].iter().any(|span| (span.from_minute..span.to_minute).contains(&minute))
        };
        is_on(day, minute) || is_on(day + 6, minute + MINUTES_OF_DAY)
    }

    fn of_day(&self, day: Date) -> &[ClockSpan] {
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.dates.get(&day).unwrap_or(&self.week[weekday])
    }

    /// Returns the spans of `days` days from `first` on, in order, those that touch or overlap joined into one.
    pub fn spans(&self, first: Date, days: usize, zone: &Zone) -> Vec<Span> {
        let mut spans: Vec<Span> = first
            .series(jiff::Span::new().days(1))
            .take(days)
            .flat_map(|day| self.of_day(day).iter().filter_map(move |span| span.on(day, zone)))
            .collect();
        spans.sort_by_key(|span| span.start);
        let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                Some(_) | None => joined.push(span),
            }
        }
        joined
    }
}

/// Returns the start of the day that follows `days` days from `first` on.
pub(super) fn start_of(first: Date, days: usize, zone: &Zone) -> Option<Timestamp> {
    let day = first.checked_add(jiff::Span::new().days(i64::try_from(days).ok()?)).ok()?;
    instant(day, 0, Edge::Start, zone)
}

/// Returns when a date comes to a time of the clock.
pub(super) fn instant_of(day: Date, time: Time, zone: &Zone) -> Option<Timestamp> {
    let minute = u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).ok()?;
    instant(day, minute, Edge::Start, zone)
}

/// Which side of a span an instant is.
#[derive(Clone, Copy)]
enum Edge {
    Start,
    End,
}

/// Returns the instant of an edge: a span lasts from the first minute whose clock shows a time within it to the last such
/// minute. So an hour that comes twice belongs to a span wholly, and to one that ends when that hour begins not at all;
/// what the clock skips is the instant of the skip.
fn instant(day: Date, minute: u16, edge: Edge, zone: &Zone) -> Option<Timestamp> {
    let day = day.checked_add(jiff::Span::new().days(i64::from(minute / MINUTES_OF_DAY))).ok()?;
    let minute = minute % MINUTES_OF_DAY;
    let time = Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()?;
    let zone = zone.as_jiff();
    // The end is the minute after the last one.
    let minutes_after = jiff::SignedDuration::from_mins(match edge {
        Edge::Start => 0,
        Edge::End => 1,
    });
    let shown = day.to_datetime(time).checked_sub(minutes_after).ok()?;
    let read = zone.to_ambiguous_timestamp(shown);
    let at = match (read.offset(), edge) {
        (AmbiguousOffset::Gap { .. }, _) => return skip(zone, read.earlier().ok()?),
        (_, Edge::Start) => read.earlier().ok()?,
        (_, Edge::End) => read.later().ok()?,
    };
    Some(Timestamp::from_unix_ms(at.checked_add(minutes_after).ok()?.as_millisecond()))
}

/// Returns when the clock is put forward next.
fn skip(zone: &jiff::tz::TimeZone, before: jiff::Timestamp) -> Option<Timestamp> {
    Some(Timestamp::from_unix_ms(zone.following(before).next()?.timestamp().as_millisecond()))
}
