//! Reports that come by the clock: before the doors of a venue open, after they close, and once a week.
//!
//! Decides when one is due and which were sent; what they say is in `letter` and `weekly`. Quiet hours and `at_most` do
//! not hold them, since somebody asked for this minute. Invariant: of a receiver, venue, kind and business day one is due
//! until it is noted, and never again, whatever the clock does.

pub mod letter;
pub mod week;
pub mod weekly;

use std::time::Duration;

use jiff::civil::Date;

use crate::alerts::notice::ReceiverName;
use crate::calendar::{Calendar, Shift, Week, WeekTime};
use crate::units::{Timestamp, VenueId};

/// A report that could not be sent at its time is sent while it is late by less than this; later it is no help. An
/// opening check is late at the latest when the doors open.
pub const LATE_MAX: Duration = Duration::from_hours(2);
/// The same of a week: it is over and its figures stay what they are, and a machine that stopped on a holiday may be
/// started on the third day.
pub const WEEKLY_LATE_MAX: Duration = Duration::from_hours(72);
/// How long before the doors open the list of what is still off helps: the line-up is half an hour before them.
pub const OPENING_CHECK_DEFAULT: Duration = Duration::from_mins(45);
/// How long after closing the shift is over: the last orders are corrected by then.
pub const HANDOVER_DEFAULT: Duration = Duration::from_mins(15);
/// When a week is reported unless something else is written: the quiet hour in which it is planned.
pub const WEEKLY_DEFAULT: WeekTime =
    WeekTime { weekday: jiff::civil::Weekday::Monday, time: jiff::civil::Time::constant(10, 0, 0, 0) };
/// Business days that are remembered as reported: a clock that is set back by so many reports repeats none.
const DAYS_KEPT: usize = 14;
/// How soon is looked again when nothing is due in the days that the calendar looks at.
const LOOK_EVERY: Duration = Duration::from_hours(24);

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReportKind {
    /// What is still off before the doors open.
    OpeningCheck,
    /// What went off and came back in the shift that is over.
    Handover,
    /// How long what was off in the week that is over, at all venues.
    Weekly,
}

impl ReportKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::OpeningCheck, Self::Handover, Self::Weekly];

    /// Returns the word of the configuration, the store and the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpeningCheck => "opening_check",
            Self::Handover => "handover",
            Self::Weekly => "weekly",
        }
    }
}

/// A report that somebody asks for, and when it is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// So long before the doors open.
    OpeningCheck(Duration),
    /// So long after they close.
    Handover(Duration),
    /// At this time of the week.
    Weekly(WeekTime),
}

impl Asked {
    /// Returns from when until when the reports around an instant can be sent, in order.
    fn windows(self, calendar: &Calendar, now: Timestamp) -> Vec<Window> {
        let of_shift = |shift: &Shift| {
            let (due_at, too_late_at) = match self {
                Self::OpeningCheck(before) => {
                    let due_at = shift.opens_at.minus(before);
                    (due_at, due_at.plus(LATE_MAX).min(shift.opens_at))
                }
                Self::Handover(after) => {
                    let due_at = shift.closes_at?.plus(after);
                    (due_at, due_at.plus(LATE_MAX))
                }
                Self::Weekly(_) => return None,
            };
            Some(Window { about: About::Shift(*shift), due_at, too_late_at })
        };
        match self {
            Self::OpeningCheck(_) | Self::Handover(_) => calendar.shifts(now).iter().filter_map(of_shift).collect(),
            Self::Weekly(when) => {
                let of_week = |week: Week| Window {
                    about: About::Week(week),
                    due_at: week.due_at,
                    too_late_at: week.due_at.plus(WEEKLY_LATE_MAX),
                };
                calendar.weeks(when, now).into_iter().map(of_week).collect()
            }
        }
    }

    const fn late_max(self) -> Duration {
        match self {
            Self::OpeningCheck(_) | Self::Handover(_) => LATE_MAX,
            Self::Weekly(_) => WEEKLY_LATE_MAX,
        }
    }
}

/// Which reports a receiver gets, and when: before the first opening and after the last closing of a business day, and
/// once a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reports {
    /// How long before the doors open.
    pub opening_check: Option<Duration>,
    /// How long after they close.
    pub handover: Option<Duration>,
    /// At which time of the week.
    pub weekly: Option<WeekTime>,
}

impl Reports {
    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Says whether one of them comes by the doors of a venue.
    pub const fn follow_doors(&self) -> bool {
        self.opening_check.is_some() || self.handover.is_some()
    }

    /// Returns when a kind is asked for.
    pub fn asked(&self, kind: ReportKind) -> Option<Asked> {
        match kind {
            ReportKind::OpeningCheck => self.opening_check.map(Asked::OpeningCheck),
            ReportKind::Handover => self.handover.map(Asked::Handover),
            ReportKind::Weekly => self.weekly.map(Asked::Weekly),
        }
    }
}

/// Whom a report tells of what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportKey {
    /// The receiver.
    pub receiver: ReceiverName,
    /// The venue.
    pub venue: VenueId,
    /// The kind.
    pub kind: ReportKind,
}

/// Which reports of a key are no longer due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// What was due before is not sent: nobody asked for it then.
    pub since: Timestamp,
    /// The business days that were reported, in the order in which they were.
    pub days: Vec<Date>,
    /// Those of which it was said that they are left out. One that a wrong clock skipped is sent all the same when the clock
    /// is right again.
    pub missed: Vec<Date>,
}

impl Reported {
    /// Begins when a report is asked for first.
    pub const fn begun(now: Timestamp) -> Self {
        Self { since: now, days: Vec::new(), missed: Vec::new() }
    }

    /// Returns it with one more business day.
    #[must_use]
    fn and(&self, day: Date) -> Self {
        Self { days: with(&self.days, day), ..self.clone() }
    }
}

/// Adds a business day to those that are remembered, of which the oldest is forgotten.
fn with(days: &[Date], day: Date) -> Vec<Date> {
    let forgotten = (days.len() + 1).saturating_sub(DAYS_KEPT);
    days.iter().copied().chain([day]).skip(forgotten).collect()
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The shift that begins or is over.
    Shift(Shift),
    /// The week that is over.
    Week(Week),
}

impl About {
    /// Returns the business day by which the report is remembered.
    pub const fn day(&self) -> Date {
        match self {
            Self::Shift(shift) => shift.day,
            Self::Week(week) => week.day,
        }
    }
}

/// From when until when a report can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    about: About,
    due_at: Timestamp,
    too_late_at: Timestamp,
}

/// What is to be done of a key now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The report that is due.
    pub due: Option<Due>,
    /// The business day of one that was not sent in time.
    pub missed: Option<Date>,
    /// What is remembered from now on, if nothing is sent; what is due is noted with its notice.
    pub reported: Reported,
    /// When to look again.
    pub next_at: Timestamp,
}

/// A report that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What it is about.
    pub about: About,
    /// From when on it is too late.
    pub too_late_at: Timestamp,
    /// What is remembered once it is sent.
    pub reported: Reported,
}

/// Looks what is due of one kind of report at a venue. `known` is what is remembered; nothing when it is asked for anew.
pub fn look(asked: Asked, calendar: &Calendar, known: Option<&Reported>, now: Timestamp) -> Look {
    let mut reported = known.cloned().unwrap_or_else(|| Reported::begun(now));
    if reported.since > now {
        // It is of a clock that was set back since: what that clock skipped is due again.
        reported.since = now.minus(asked.late_max());
    }
    let windows = asked.windows(calendar, now);
    let is_wanted = |window: &&Window| window.due_at >= reported.since && !reported.days.contains(&window.about.day());
    let (late, wanted): (Vec<&Window>, Vec<&Window>) =
        windows.iter().filter(is_wanted).partition(|window| window.too_late_at <= now);
    let due = wanted.first().filter(|window| window.due_at <= now);
    // Two business days may ask for their reports in the same hour.
    let next_at = wanted.iter().skip(usize::from(due.is_some())).map(|window| window.due_at.max(now)).min();
    let unsaid = late.iter().map(|window| window.about.day()).filter(|day| !reported.missed.contains(day));
    let unsaid: Vec<Date> = unsaid.collect();
    let missed = unsaid.last().copied();
    for day in unsaid {
        reported.missed = with(&reported.missed, day);
    }
    let due = due.map(|window| {
        let (about, too_late_at) = (window.about, window.too_late_at);
        Due { about, too_late_at, reported: reported.and(about.day()) }
    });
    Look { due, missed, reported, next_at: next_at.unwrap_or_else(|| now.plus(LOOK_EVERY)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::units::Zone;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant of the test")
    }

    fn calendar(hours: &str) -> Calendar {
        let hours = Schedule::daily(&[ClockSpan::parse(hours).expect("a span")]);
        Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0)).with_hours(Some(hours), None)
    }

    /// Looks at these times of 8 May and says each time what is due, or what was missed.
    fn seen(asked: Asked, hours: &str, times: &[&str]) -> Vec<String> {
        let (calendar, mut known) = (calendar(hours), None);
        let mut said = Vec::new();
        for time in times {
            let now = at(&format!("2026-05-{time}:00Z"));
            let found = look(asked, &calendar, known.as_ref(), now);
            let missed = found.missed.map(|day| format!(" missed {day}")).unwrap_or_default();
            let next = found.next_at.in_zone(&Zone::utc()).strftime("%d %H:%M").to_string();
            said.push(match &found.due {
                Some(due) => format!("{time} due {}, next {next}{missed}", due.about.day()),
                None => format!("{time} next {next}{missed}"),
            });
            known = Some(found.due.map_or(found.reported, |due| due.reported));
        }
        said
    }

    #[test]
    fn a_report_is_due_from_its_minute_on_and_not_for_ever() {
        let minutes = Duration::from_mins;
        let opening_check = |min| Asked::OpeningCheck(minutes(min));
        let handover = |min| Asked::Handover(minutes(min));
        let weekly = Asked::Weekly(WEEKLY_DEFAULT);
        for (asked, hours, expected) in [
            (
                opening_check(45),
                "10:00-23:00",
                &[
                    "08T09:00 next 08 09:15",
                    "08T09:15 due 2026-05-08, next 09 09:15",
                    "08T09:16 next 09 09:15",
                    "08T09:00 next 09 09:15",
                    "09T09:59 due 2026-05-09, next 10 09:15",
                    "10T10:00 next 11 09:15 missed 2026-05-10",
                    "10T10:01 next 11 09:15",
                    "10T09:59 due 2026-05-10, next 11 09:15",
                ][..],
            ),
            // It was asked for three minutes late, and the next one is an hour and a half late.
            (opening_check(240), "10:00-23:00", &["08T06:03 next 09 06:00", "09T07:30 due 2026-05-09, next 10 06:00"]),
            (
                opening_check(240),
                "10:00-23:00",
                &["08T05:00 next 08 06:00", "08T08:00 next 09 06:00 missed 2026-05-08"],
            ),
            // The shift of Friday ends on Saturday morning.
            (
                handover(15),
                "18:00-02:00",
                &[
                    "09T02:00 next 09 02:15",
                    "09T02:15 due 2026-05-08, next 10 02:15",
                    "10T04:14 due 2026-05-09, next 11 02:15",
                    "11T04:15 next 12 02:15 missed 2026-05-10",
                ],
            ),
            // A clock that is set several times: what it skipped is sent when it is right again, and said once to be left out.
            (
                handover(15),
                "10:00-18:00",
                &[
                    "08T12:00 next 08 18:15",
                    "08T22:00 next 09 18:15 missed 2026-05-08",
                    "08T20:30 next 09 18:15",
                    "08T23:00 next 09 18:15",
                    "08T20:00 due 2026-05-08, next 09 18:15",
                ],
            ),
            (handover(15), "00:00-24:00", &["08T12:00 next 09 12:00", "09T12:00 next 10 12:00"]),
            // 11 May is a Monday; a week is worth sending for three days.
            (
                weekly,
                "00:00-24:00",
                &[
                    "10T12:00 next 11 10:00",
                    "11T10:00 due 2026-05-11, next 18 10:00",
                    "11T10:01 next 18 10:00",
                    "21T09:59 due 2026-05-18, next 25 10:00",
                    "28T10:00 next 01 10:00 missed 2026-05-25",
                    "27T10:00 due 2026-05-25, next 01 10:00",
                ],
            ),
        ] {
            let times: Vec<&str> = expected.iter().map(|line| &line[..8]).collect();
            assert_eq!(seen(asked, hours, &times), expected, "{asked:?} {hours}");
        }
    }

    #[test]
    fn as_many_days_are_remembered_as_a_clock_may_be_set_back_by() {
        let day = |nth: i8| jiff::civil::date(2026, 5, nth);
        let last = i8::try_from(DAYS_KEPT).expect("small") + 3;
        let reported = (1..=last).fold(Reported::begun(at("2026-05-01T00:00:00Z")), |known, nth| known.and(day(nth)));
        assert_eq!(reported.days.first(), Some(&day(4)));
        assert_eq!(reported.days.len(), DAYS_KEPT);
    }
}
