//! `reports` of a receiver: what it is mailed by the clock, and venues whose doors say nothing of when.
//!
//! Invariant: a receiver with reports gets mail, and each report that it asks for comes from some venue.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::civil::Weekday;

use crate::alerts::report::{HANDOVER_DEFAULT, OPENING_CHECK_DEFAULT, ReportKind, Reports, WEEKLY_DEFAULT};
use crate::calendar::{WeekTime, clock_time};
use crate::config::Venues;
use crate::config::hours::{BrandHours, Hours, shortened, without};
use crate::document::{Node, Place, Problems};
use crate::timetable::DAYS;
use crate::units::BrandId;

/// How long before the doors an opening check may come: what was off at the breakfast of a house that dines is no news.
pub(super) const OPENING_CHECK_RANGE: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(12);
/// How long after closing a handover may come: before most venues open again.
pub(super) const HANDOVER_RANGE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(6);
/// What a time of the week is written like.
pub(super) const TIME_OF_WEEK: &str = "a day, mon to sun, and a time of two digits each, such as \"mon 09:30\"";
/// The forms of the setting.
const FORMS: &str =
    "opening_check, handover, weekly, a list of them, or { opening_check: 45m, handover: 15m, weekly: \"mon 10:00\" }";
/// What a group of them is written like.
const GROUP: &str = "{ opening_check: 45m, handover: 15m, weekly: \"mon 10:00\" }";
/// The kinds by their words.
const WORDS: [(&str, ReportKind); 3] = [
    (ReportKind::OpeningCheck.word(), ReportKind::OpeningCheck),
    (ReportKind::Handover.word(), ReportKind::Handover),
    (ReportKind::Weekly.word(), ReportKind::Weekly),
];

/// Reads which reports a receiver gets: by their names, or by names and times.
pub(super) fn read(node: &Node, has_mail: bool, problems: &mut Problems) -> Option<Reports> {
    let told = problems.count();
    let is_group = node.as_scalar().is_none() && !node.is_nothing() && node.list(&mut Problems::new()).is_none();
    let reports = if is_group { timed(node, problems) } else { named(node, problems) };
    if problems.count() == told && reports.is_empty() {
        problems.tell_with_help(&node.place, "'reports' names no report", format!("write {FORMS}, or remove it"));
    }
    if !has_mail {
        let message = "'reports' are mailed, and this receiver gets no mail";
        problems.tell_with_help(&node.place, message, "write 'email' beside it, or remove it");
    }
    (problems.count() == told).then_some(reports)
}

fn timed(node: &Node, problems: &mut Problems) -> Reports {
    let Some(mut fields) = node.fields(GROUP, problems) else {
        return Reports::default();
    };
    let opening_check = fields.optional(ReportKind::OpeningCheck.word());
    let handover = fields.optional(ReportKind::Handover.word());
    let weekly = fields.optional(ReportKind::Weekly.word());
    let reports = Reports {
        opening_check: opening_check
            .and_then(|node| lead(node, &OPENING_CHECK_RANGE, "before the doors open", problems)),
        handover: handover.and_then(|node| lead(node, &HANDOVER_RANGE, "after they close", problems)),
        weekly: weekly.and_then(|node| time_of_week(node, problems)),
    };
    fields.finish(problems);
    reports
}

/// Reads how long before or after the doors turn; people write a time of day as well.
fn lead(node: &Node, range: &RangeInclusive<Duration>, when: &str, problems: &mut Problems) -> Option<Duration> {
    if node.as_scalar().is_some_and(|(text, _)| clock_time(text).is_some()) {
        let message =
            format!("'{}' is how long it comes {when}, not a time of day such as {}", node.label, node.describe());
        problems.tell_with_help(&node.place, message, "write a duration such as 45m; each venue has its own 'hours'");
        return None;
    }
    node.duration(range, problems)
}

/// Reads a day of the week, as timetables name them, and a time.
fn time_of_week(node: &Node, problems: &mut Problems) -> Option<WeekTime> {
    let parts = node.as_scalar().and_then(|(text, _)| text.split_once(' '));
    let read = parts.and_then(|(day, time)| {
        let nth = DAYS.iter().position(|known| *known == day)?;
        let weekday = Weekday::from_monday_zero_offset(i8::try_from(nth).ok()?).ok()?;
        Some(WeekTime { weekday, time: clock_time(time.trim())? })
    });
    if read.is_none() {
        return node.refuse(TIME_OF_WEEK, problems);
    }
    read
}

fn named(node: &Node, problems: &mut Problems) -> Reports {
    let mut reports = Reports::default();
    for item in node.one_or_more() {
        let Some(kind) = item.word(&WORDS, problems) else { continue };
        if reports.asked(kind).is_some() {
            let message = format!("'{}' is named twice", kind.word());
            problems.tell_with_help(&item.place, message, "name each report once");
        }
        match kind {
            ReportKind::OpeningCheck => reports.opening_check = Some(OPENING_CHECK_DEFAULT),
            ReportKind::Handover => reports.handover = Some(HANDOVER_DEFAULT),
            ReportKind::Weekly => reports.weekly = Some(WEEKLY_DEFAULT),
        }
    }
    reports
}

/// Looks for venues whose doors neither open nor close by what is written: a mistake when that is every venue, and
/// otherwise a warning that names them. `asked` are the receivers with reports that the doors decide.
pub(super) fn never_due(
    asked: &[(String, Place)],
    hours: &BTreeMap<BrandId, BrandHours>,
    venues: &BTreeMap<BrandId, Venues>,
    problems: &mut Problems,
) -> Option<String> {
    if asked.is_empty() {
        return None;
    }
    let without = without(hours, venues, Hours::open_and_close);
    if without.is_everywhere {
        for (_, place) in asked {
            let message = "opening_check and handover come before the doors open and after they close, and no venue has 'hours' in which they do";
            problems.tell_with_help(
                place,
                message,
                "write the 'hours' of a brand or of its venues, or ask for weekly alone",
            );
        }
        return None;
    }
    let names = shortened(asked.iter().map(|(name, _)| name.clone()));
    let venues = shortened(without.named.into_iter());
    (!venues.is_empty()).then(|| {
        format!("no 'hours' in which doors open and close are written for {venues}: {names} get no opening_check and no handover there")
    })
}
