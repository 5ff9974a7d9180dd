//! Reports that come by the clock of a venue: before the doors open, and after they close.
//!
//! Decides when one is due and which were sent; what they say is in `letter`. Quiet hours and `at_most` do not hold them,
//! since somebody asked for this minute. Invariant: of a receiver, venue, kind and business day one is due until it is
//! noted, and never again, whatever the clock does.

pub mod letter;

use std::time::Duration;

use jiff::civil::Date;

use crate::alerts::notice::ReceiverName;
use crate::calendar::{Calendar, Shift};
use crate::units::{Timestamp, VenueId};

/// A report that could not be sent at its time is sent while it is late by less than this; later it is no help. An
/// opening check is late at the latest when the doors open.
pub const LATE_MAX: Duration = Duration::from_hours(2);
/// How long before the doors open the list of what is still off helps: the line-up is half an hour before them.
pub const OPENING_CHECK_DEFAULT: Duration = Duration::from_mins(45);
/// How long after closing the shift is over: the last orders are corrected by then.
pub const HANDOVER_DEFAULT: Duration = Duration::from_mins(15);
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
}

impl ReportKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::OpeningCheck, Self::Handover];

    /// Returns the word of the configuration, the store and the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OpeningCheck => "opening_check",
            Self::Handover => "handover",
        }
    }

    /// Returns when the report of a shift is due, and from when on it is too late; `offset` is before the doors open, or
    /// after they close.
    fn window(self, shift: &Shift, offset: Duration) -> Option<Window> {
        let (due_at, too_late_at) = match self {
            Self::OpeningCheck => {
                let due_at = shift.opens_at.minus(offset);
                (due_at, due_at.plus(LATE_MAX).min(shift.opens_at))
            }
            Self::Handover => {
                let due_at = shift.closes_at?.plus(offset);
                (due_at, due_at.plus(LATE_MAX))
            }
        };
        Some(Window { shift: *shift, due_at, too_late_at })
    }
}

/// Which reports a receiver gets, and when: before the first opening and after the last closing of a business day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reports {
    /// How long before the doors open.
    pub opening_check: Option<Duration>,
    /// How long after they close.
    pub handover: Option<Duration>,
}

impl Reports {
    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns when a kind is asked for.
    pub const fn offset(&self, kind: ReportKind) -> Option<Duration> {
        match kind {
            ReportKind::OpeningCheck => self.opening_check,
            ReportKind::Handover => self.handover,
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
    /// What was due before is not sent any more: nobody asked for it then, or it was too late.
    pub since: Timestamp,
    /// The business days that were reported, in the order in which they were.
    pub days: Vec<Date>,
}

impl Reported {
    /// Begins when a report is asked for first.
    pub const fn begun(now: Timestamp) -> Self {
        Self { since: now, days: Vec::new() }
    }

    /// Returns it with one more business day.
    #[must_use]
    fn and(&self, day: Date) -> Self {
        let mut days = self.days.clone();
        days.push(day);
        days.drain(..days.len().saturating_sub(DAYS_KEPT));
        Self { since: self.since, days }
    }
}

/// From when until when the report of a shift can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    shift: Shift,
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
    /// The shift that it is about.
    pub shift: Shift,
    /// From when on it is too late.
    pub too_late_at: Timestamp,
    /// What is remembered once it is sent.
    pub reported: Reported,
}

/// Looks what is due of one kind of report at a venue. `known` is what is remembered; nothing when it is asked for anew.
pub fn look(kind: ReportKind, offset: Duration, calendar: &Calendar, known: Option<&Reported>, now: Timestamp) -> Look {
    let mut reported = known.cloned().unwrap_or_else(|| Reported::begun(now));
    if reported.since > now {
        // It is of a clock that was set back since: what that clock skipped is due again.
        reported.since = now.minus(LATE_MAX);
    }
    let windows: Vec<Window> = calendar.shifts(now).iter().filter_map(|shift| kind.window(shift, offset)).collect();
    let is_wanted = |window: &&Window| window.due_at >= reported.since && !reported.days.contains(&window.shift.day);
    let (late, wanted): (Vec<&Window>, Vec<&Window>) =
        windows.iter().filter(is_wanted).partition(|window| window.too_late_at <= now);
    let due = wanted.first().filter(|window| window.due_at <= now);
    // Two business days may ask for their reports in the same hour.
    let next_at = wanted.iter().skip(usize::from(due.is_some())).map(|window| window.due_at.max(now)).min();
    let missed = late.last().map(|window| window.shift.day);
    if missed.is_some() {
        // Not noted as a day: one that a wrong clock skipped is sent when the clock is right again.
        reported.since = due.map_or(now, |window| window.due_at);
    }
    let due = due.map(|window| {
        let (shift, too_late_at) = (window.shift, window.too_late_at);
        Due { shift, too_late_at, reported: reported.and(shift.day) }
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
    fn seen(kind: ReportKind, hours: &str, offset_min: u64, times: &[&str]) -> Vec<String> {
        let (calendar, mut known) = (calendar(hours), None);
        let mut said = Vec::new();
        for time in times {
            let now = at(&format!("2026-05-{time}:00Z"));
            let found = look(kind, Duration::from_mins(offset_min), &calendar, known.as_ref(), now);
            let missed = found.missed.map(|day| format!(" missed {day}")).unwrap_or_default();
            let next = found.next_at.in_zone(&Zone::utc()).strftime("%d %H:%M").to_string();
            said.push(match &found.due {
                Some(due) => format!("{time} due {}, next {next}{missed}", due.shift.day),
                None => format!("{time} next {next}{missed}"),
            });
            known = Some(found.due.map_or(found.reported, |due| due.reported));
        }
        said
    }

    #[test]
    fn a_report_is_due_from_its_minute_on_and_not_for_ever() {
        use ReportKind::{Handover, OpeningCheck};
        for (kind, hours, offset_min, expected) in [
            (
                OpeningCheck,
                "10:00-23:00",
                45,
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
            (OpeningCheck, "10:00-23:00", 240, &["08T06:03 next 09 06:00", "09T07:30 due 2026-05-09, next 10 06:00"]),
            (OpeningCheck, "10:00-23:00", 240, &["08T05:00 next 08 06:00", "08T08:00 next 09 06:00 missed 2026-05-08"]),
            // The shift of Friday ends on Saturday morning.
            (
                Handover,
                "18:00-02:00",
                15,
                &[
                    "09T02:00 next 09 02:15",
                    "09T02:15 due 2026-05-08, next 10 02:15",
                    "10T04:14 due 2026-05-09, next 11 02:15",
                    "11T04:15 next 12 02:15 missed 2026-05-10",
                ],
            ),
            (Handover, "00:00-24:00", 15, &["08T12:00 next 09 12:00", "09T12:00 next 10 12:00"]),
        ] {
            let times: Vec<&str> = expected.iter().map(|line| &line[..8]).collect();
            assert_eq!(seen(kind, hours, offset_min, &times), expected, "{kind:?} {hours}");
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
