//! Weeks as they are reported: at a time of the week, of the seven business days before it.
//!
//! Knows nothing of who asks for them. Invariant: the weeks of one time of the week follow each other without a gap and
//! without a minute in common.

use jiff::Span as Days;
use jiff::civil::{Date, Time, Weekday};

use crate::calendar::schedule::{self, Span};
use crate::calendar::{Calendar, DAYS_BEFORE};
use crate::units::Timestamp;

/// Days that are looked at on either side of an instant for the time at which a week is reported: one lies in each half.
const DAYS_ASIDE: i64 = 10;
/// Days of a week.
const WEEK: i64 = 7;

/// A time of the week, on the clock of the locale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekTime {
    /// The day.
    pub weekday: Weekday,
    /// The time of that day.
    pub time: Time,
}

/// A week that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// The business day on which it is reported, the first that is not in it.
    pub day: Date,
    /// When it is reported.
    pub due_at: Timestamp,
    /// When the week before it began.
    pub before: Timestamp,
    /// When it began.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl Week {
    /// Returns its first business day.
    pub fn first_day(&self) -> Date {
        days_from(self.day, -WEEK).unwrap_or(self.day)
    }

    /// Returns its last business day.
    pub fn last_day(&self) -> Date {
        days_from(self.day, -1).unwrap_or(self.day)
    }
}

impl Calendar {
    /// Returns the weeks that are reported around an instant, in order: the last one before it and the next among them.
    pub fn weeks(&self, when: WeekTime, at: Timestamp) -> Vec<Week> {
        let today = at.in_zone(&self.zone).date();
        let dates = (-DAYS_ASIDE..=DAYS_ASIDE).filter_map(|days| days_from(today, days));
        dates.filter(|date| date.weekday() == when.weekday).filter_map(|date| self.week(when, date)).collect()
    }

    /// Returns the week that is reported on a date.
    fn week(&self, when: WeekTime, date: Date) -> Option<Week> {
        // By the clock and not by the instant: a clock that is put forward over the cut must not move the week by a day.
        let day = if when.time < self.day_starts { days_from(date, -1)? } else { date };
        let start_of = |days: i64| schedule::instant_of(days_from(day, days)?, self.day_starts, &self.zone);
        Some(Week {
            day,
            due_at: schedule::instant_of(date, when.time, &self.zone)?,
            before: start_of(-2 * WEEK)?,
            from: start_of(-WEEK)?,
            until: start_of(0)?,
        })
    }

    /// Says whether hours are written down.
    pub fn has_hours(&self) -> bool {
        self.hours.is_some()
    }

    /// Returns when the doors were open between two instants, in order; `None` when no hours are written down.
    pub fn open_between(&self, from: Timestamp, until: Timestamp) -> Option<Vec<Span>> {
        let hours = self.hours.as_deref()?;
        let first = days_from(from.in_zone(&self.zone).date(), -DAYS_BEFORE)?;
        let last = until.in_zone(&self.zone).date();
        let days = usize::try_from(first.until(last).ok()?.get_days()).unwrap_or_default() + 1;
        let within = |span: Span| Span { start: span.start.max(from), end: span.end.min(until), ..span };
        let spans = hours.spans(first, days, &self.zone).into_iter().map(within);
        Some(spans.filter(|span| span.start < span.end).collect())
    }
}

fn days_from(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Days::new().days(days)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::units::Zone;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn calendar(zone: &str, cut_h: i8) -> Calendar {
        Calendar::plain(Zone::named(zone).expect("bundled"), jiff::civil::time(cut_h, 0, 0, 0))
    }

    /// The week that is reported next, in the words of the clock on the wall.
    fn next(zone: &str, cut_h: i8, weekday: Weekday, hour: i8, now: &str) -> String {
        let when = WeekTime { weekday, time: jiff::civil::time(hour, 0, 0, 0) };
        let now = at(now);
        let weeks = calendar(zone, cut_h).weeks(when, now);
        let week = weeks.iter().find(|week| week.due_at > now).expect("there is always a next one");
        assert!(weeks.iter().any(|week| week.due_at <= now), "and one before");
        let zone = Zone::named(zone).expect("bundled");
        let shown = |at: Timestamp| at.in_zone(&zone).strftime("%a %d %H:%M").to_string();
        format!("{}: {} to {}, {}", shown(week.due_at), shown(week.from), shown(week.until), week.day)
    }

    #[test]
    fn a_week_is_the_seven_business_days_before_its_report() {
        use Weekday::{Monday, Sunday};
        for (zone, cut_h, weekday, hour, now, expected) in [
            (
                "Asia/Baku",
                4,
                Monday,
                10,
                "2026-05-08T12:00:00Z",
                "Mon 11 10:00: Mon 04 04:00 to Mon 11 04:00, 2026-05-11",
            ),
            // On the minute it is no longer the next one.
            (
                "Asia/Baku",
                4,
                Monday,
                10,
                "2026-05-11T06:00:00Z",
                "Mon 18 10:00: Mon 11 04:00 to Mon 18 04:00, 2026-05-18",
            ),
            // At two at night the evening before is not over.
            (
                "Asia/Baku",
                4,
                Monday,
                2,
                "2026-05-08T12:00:00Z",
                "Mon 11 02:00: Sun 03 04:00 to Sun 10 04:00, 2026-05-10",
            ),
            // The week of the long night, and a time that the clock skips.
            (
                "Europe/Berlin",
                4,
                Monday,
                9,
                "2026-10-24T12:00:00Z",
                "Mon 26 09:00: Mon 19 04:00 to Mon 26 04:00, 2026-10-26",
            ),
            (
                "Europe/Berlin",
                0,
                Sunday,
                2,
                "2026-03-27T12:00:00Z",
                "Sun 29 03:00: Sun 22 00:00 to Sun 29 00:00, 2026-03-29",
            ),
        ] {
            assert_eq!(next(zone, cut_h, weekday, hour, now), expected);
        }
    }

    proptest! {
        #[test]
        fn weeks_follow_each_other_without_a_gap(
            zone in prop::sample::select(&["Asia/Baku", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"][..]),
            cut_h in 0..12_i8,
            (day, hour) in (0..7_i8, 0..24_i8),
            now_h in 0..20_000_i64,
        ) {
            let when = WeekTime { weekday: Weekday::Monday.wrapping_add(day), time: jiff::civil::time(hour, 30, 0, 0) };
            let now = Timestamp::from_unix_ms(1_780_000_000_000 + now_h * 3_600_000);
            let weeks = calendar(zone, cut_h).weeks(when, now);
            prop_assert!(weeks.first().is_some_and(|week| week.due_at <= now));
            prop_assert!(weeks.last().is_some_and(|week| week.due_at > now));
            for pair in weeks.windows(2) {
                prop_assert_eq!((pair[0].until, pair[0].from), (pair[1].from, pair[1].before));
            }
            for week in &weeks {
                prop_assert!(week.until <= week.due_at, "what is reported is over");
                prop_assert_eq!((week.first_day(), week.last_day()), (week.day - jiff::Span::new().days(7), week.day.yesterday()?));
            }
        }
    }

    #[test]
    fn the_doors_are_open_as_far_as_that_lies_between() {
        let hours = Schedule::daily(&[ClockSpan::parse("18:00-02:00").expect("a span")]);
        let plain = calendar("Asia/Baku", 4);
        let (from, until) = (at("2026-05-08T21:00:00Z"), at("2026-05-09T15:00:00Z"));
        assert_eq!(plain.open_between(from, until), None);
        let spans = plain.with_hours(Some(hours), None).open_between(from, until).expect("it has hours");
        let shown: Vec<String> = spans.iter().map(|span| format!("{} {}", span.start, span.end)).collect();
        assert_eq!(
            shown,
            ["2026-05-08T21:00:00.000Z 2026-05-08T22:00:00.000Z", "2026-05-09T14:00:00.000Z 2026-05-09T15:00:00.000Z"]
        );
    }
}
