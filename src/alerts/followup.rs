//! What follows while an alert stays open: whether its people are to be reminded now, and who else is to be told.
//!
//! Pure: a moment counts once, as it is compared with the last time that something was said. Invariant: whoever takes
//! care of an alert is not disturbed before the time at which he expected it to be over.

use std::time::Duration;

use crate::alerts::lifecycle::OpenAlert;
use crate::calendar::Calendar;
use crate::rules::followup::{Escalation, Reminder};
use crate::units::Timestamp;

/// So near to closing nobody can do anything about it any more.
const CLOSING_LEAD: Duration = Duration::from_mins(30);

/// Says whether those who were told of an alert are to be told again. A brand has no calendar.
pub fn is_reminder_due(open: &OpenAlert, remind: &[Reminder], calendar: Option<&Calendar>, now: Timestamp) -> bool {
    let last = open.reminded_at.unwrap_or(open.opened_at);
    let has_come = |reminder: &Reminder| match reminder {
        Reminder::After(age) => {
            let at = open.opened_at.plus(*age);
            last < at && at <= now
        }
        Reminder::ShiftStart(_) => calendar.and_then(|it| it.opens_at(last)).is_some_and(|at| at <= now),
    };
    let is_quiet = |it: &Calendar| it.is_open(now) == Some(false) || it.closes_within(CLOSING_LEAD, now);
    !is_taken_care_of(open, now) && remind.iter().any(has_come) && !calendar.is_some_and(is_quiet)
}

/// Says whether this escalation of an alert has come.
pub fn is_escalated(open: &OpenAlert, escalation: &Escalation, now: Timestamp) -> bool {
    let is_left_alone = !escalation.even_acknowledged && is_taken_care_of(open, now);
    now.since(open.opened_at) >= escalation.after && now >= open.opened_at && !is_left_alone
}

/// Returns when something may be said next of an alert that stays open, after `now`: at a moment that a rule names, when
/// the doors open, or when somebody expected it to be over.
pub fn next_at(
    open: &OpenAlert,
    remind: &[Reminder],
    escalate: &[Escalation],
    calendar: Option<&Calendar>,
    now: Timestamp,
) -> Option<Timestamp> {
    if remind.is_empty() && escalate.is_empty() {
        return None;
    }
    let doors = calendar.filter(|_| !remind.is_empty()).and_then(|it| it.opens_at(now));
    let back = open.acknowledged.as_ref().and_then(|said| said.back_at);
    let ages = ages(remind, escalate).map(|age| open.opened_at.plus(age));
    ages.chain(doors).chain(back).filter(|at| *at > now).min()
}

/// Returns how long an alert must have been open for what is said of it later.
pub fn ages(remind: &[Reminder], escalate: &[Escalation]) -> impl Iterator<Item = Duration> {
    let reminders = remind.iter().filter_map(|reminder| match reminder {
        Reminder::After(age) => Some(*age),
        Reminder::ShiftStart(_) => None,
    });
    reminders.chain(escalate.iter().map(|escalation| escalation.after))
}

/// Says whether somebody takes care of it: until the time at which he expected it to be over, if he named one.
pub fn is_taken_care_of(open: &OpenAlert, now: Timestamp) -> bool {
    open.acknowledged.as_ref().is_some_and(|said| said.back_at.is_none_or(|at| now < at))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::alerts::lifecycle::{EpisodeId, Turns};
    use crate::alerts::order::Acknowledgement;
    use crate::calendar::{ClockSpan, Schedule};
    use crate::document::Place;
    use crate::rules::{Placed, Severity};
    use crate::units::Zone;

    /// An instant of the test's days, by hours and minutes from the first midnight on.
    fn at(time: &str) -> Timestamp {
        let (h, min) = time.split_once(':').expect("hours and minutes");
        let minutes: i64 = h.parse::<i64>().expect("hours") * 60 + min.parse::<i64>().expect("minutes");
        Timestamp::from_unix_ms(1_778_198_400_000 + minutes * 60_000)
    }

    /// Somebody takes care of it and names no time.
    const TO_THE_END: &str = "to its end";

    /// An alert that opened at ten, and until when somebody takes care of it.
    fn open(reminded_at: Option<&str>, taken_care_of: Option<&str>) -> OpenAlert {
        let acknowledged = taken_care_of.map(|until| Acknowledgement {
            by: "Anar".to_owned(),
            at: at("10:05"),
            reason: None,
            note: String::new(),
            back_at: (until != TO_THE_END).then(|| at(until)),
        });
        OpenAlert {
            episode: EpisodeId::from_stored("e"),
            since: at("09:50"),
            opened_at: at("10:00"),
            clear_since: None,
            baseline: false,
            severity: Severity::Warning,
            told: BTreeSet::new(),
            held: BTreeMap::new(),
            reminded_at: reminded_at.map(at),
            acknowledged,
            label: String::new(),
            message: crate::alerts::texts::Texts::default(),
            station: None,
            turns: Turns::default(),
            unstable_since: None,
            set: None,
            found_after: None,
        }
    }

    fn shift_start() -> Reminder {
        let place = Place::whole(&"test".into());
        Reminder::ShiftStart(Placed { text: "shift_start".into(), place, quoted: false })
    }

    /// Open from nine to two and from five to eleven.
    fn calendar() -> Calendar {
        let spans = ["09:00-14:00", "17:00-23:00"].map(|span| ClockSpan::parse(span).expect("a span"));
        let plain = Calendar::plain(Zone::named("UTC").expect("bundled"), jiff::civil::time(4, 0, 0, 0));
        plain.with_hours(Some(Schedule::daily(&spans)), None)
    }

    #[test]
    fn a_reminder_comes_once_at_its_time_and_not_when_nobody_can_act() {
        let hours = |h: u64| Reminder::After(Duration::from_hours(h));
        let remind = [hours(1), hours(3), hours(5), shift_start()];
        for (open, now, is_due) in [
            (open(None, None), "10:59", false),
            (open(None, None), "11:00", true),
            (open(Some("11:00"), None), "11:01", false),
            (open(Some("11:00"), None), "13:00", true),
            // Two that were missed are one.
            (open(None, None), "13:10", true),
            (open(Some("13:10"), None), "13:20", false),
            // Half an hour before closing, and while it is closed, nobody is told; then it opens.
            (open(Some("11:00"), None), "13:30", false),
            (open(Some("11:00"), None), "15:00", false),
            (open(Some("11:00"), None), "17:00", true),
            (open(Some("17:00"), None), "17:01", false),
            (open(Some("17:00"), None), "33:00", true),
            // Somebody takes care of it, until the time that he named.
            (open(None, Some(TO_THE_END)), "13:00", false),
            (open(None, Some("12:30")), "12:29", false),
            (open(None, Some("12:30")), "12:30", true),
            // A clock that was set back.
            (open(Some("11:00"), None), "09:30", false),
        ] {
            assert_eq!(is_reminder_due(&open, &remind, Some(&calendar()), at(now)), is_due, "{now}: {open:?}");
        }
        assert!(is_reminder_due(&open(None, None), &remind, None, at("15:00")), "of a brand, which never closes");
        assert!(!is_reminder_due(&open(None, None), &[shift_start()], None, at("15:00")));
    }

    #[test]
    fn an_escalation_comes_when_nobody_takes_care() {
        let escalation =
            |even_acknowledged| Escalation { after: Duration::from_mins(30), to: Vec::new(), even_acknowledged };
        for (open, now, expected) in [
            (open(None, None), "10:29", [false, false]),
            (open(None, None), "10:30", [true, true]),
            (open(None, Some(TO_THE_END)), "10:30", [false, true]),
            (open(None, Some("10:45")), "10:45", [true, true]),
            (open(None, None), "09:00", [false, false]),
        ] {
            let found = [false, true].map(|even| is_escalated(&open, &escalation(even), at(now)));
            assert_eq!(found, expected, "{now}: {open:?}");
        }
    }

    /// What lives a history again looks at these moments alone.
    #[test]
    fn nothing_comes_between_two_moments_that_are_named() {
        let escalate = [Escalation { after: Duration::from_mins(90), to: Vec::new(), even_acknowledged: false }];
        let remind =
            [Reminder::After(Duration::from_hours(1)), Reminder::After(Duration::from_hours(3)), shift_start()];
        for care in [None, Some(TO_THE_END), Some("12:30"), Some("15:00")] {
            let (mut alert, mut looked_at) = (open(None, care), at("10:00"));
            for minute in 0..(2 * 24 * 60) {
                let now = at("10:00").plus(Duration::from_mins(minute));
                let named = next_at(&alert, &remind, &escalate, Some(&calendar()), looked_at);
                let is_named = named.is_some_and(|at| at <= now);
                if is_reminder_due(&alert, &remind, Some(&calendar()), now) {
                    assert!(is_named, "{care:?}, {now}: a reminder comes, and {named:?} was named");
                    alert.reminded_at = Some(now);
                }
                if is_named {
                    looked_at = now;
                }
            }
            assert!(alert.reminded_at.is_some() || care == Some(TO_THE_END));
        }
    }
}
