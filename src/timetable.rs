//! Times of the day and week as people write them -> the schedule of a calendar.
//!
//! The configuration and the tests of rules read them alike. Invariant: no two spans of a day overlap, and no day is
//! written twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::json;

use crate::calendar::{ClockSpan, DATES_MAX, OPEN, PEAK, SPANS_OF_DAY_MAX, Schedule};
use crate::document::schema::{Schema, described, entries, list, reference, text_like, with, word};
use crate::document::{Entry, Node, Problem, Problems};

/// The days as the keys name them, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// What a span of a timetable must be.
const SPAN: &str = "a span with two digits for the hour, such as \"09:00-23:00\", \"18:00-02:00\" for past midnight or \"00:00-24:00\"";
/// What a key of a timetable must be.
const DAY: &str = "a day such as mon, several such as mon-thu or fri-sun, daily, or a date such as \"2026-12-31\"";
/// What to write instead of a day that two entries hold.
const DAY_ONCE: &str = "write each day once, such as mon: closed beside tue-sun: \"10:00-23:00\"; \
     several spans of a day stand in one list, such as [\"12:00-15:00\", \"18:00-23:00\"]";

/// Reads one named window.
pub fn window(entry: &Entry, problems: &mut Problems) -> Option<Schedule> {
    if [OPEN, PEAK].contains(&entry.key.as_ref()) {
        let message = format!("no window can be called '{}', which every venue has by its hours", entry.key);
        let help = "give it another name, or write 'hours' or 'peaks' of the venues";
        problems.tell_with_help(&entry.place, message, help);
    }
    schedule(&entry.node, problems)
}

/// Reads when the doors are open. Dates alone are refused: they would close every other day, which nobody means by them.
pub fn opening_hours(node: &Node, problems: &mut Problems) -> Option<Schedule> {
    let schedule = schedule(node, problems)?;
    let entries = node.entries("", &mut Problems::new()).unwrap_or_default();
    if entries.is_empty() || entries.iter().any(|entry| date(&entry.key).is_none()) {
        return Some(schedule);
    }
    let message = format!("'{}' names dates alone, so the doors would be closed on every other day", node.label);
    let help = "write the usual days as well, such as daily: \"10:00-23:00\", or daily: closed";
    problems.tell_with_help(&node.place, message, help);
    None
}

/// Reads `"10:00-23:00"` or a list of spans for every day, or `{ mon-thu: .., fri-sun: .., "2026-12-31": .. }`.
pub fn schedule(node: &Node, problems: &mut Problems) -> Option<Schedule> {
    if node.as_scalar().is_some() || node.is_nothing() || node.list(&mut Problems::new()).is_some() {
        return spans(node, problems).map(|spans| Schedule::daily(&spans));
    }
    let entries = node.entries("{ mon-thu: \"10:00-23:00\", fri-sun: \"10:00-02:00\" }", problems)?;
    let mut timetable = Timetable::default();
    let mut complete = !entries.is_empty();
    if entries.is_empty() {
        problems.tell_with_help(&node.place, format!("'{}' names no day", node.label), format!("write {DAY}"));
    }
    for entry in entries {
        complete &= timetable.read(entry, problems).is_some();
    }
    if timetable.dates.len() > DATES_MAX {
        let message =
            format!("'{}' names {} dates, more than the {DATES_MAX} that are kept", node.label, timetable.dates.len());
        problems.tell_with_help(&node.place, message, "remove those that are past");
        return None;
    }
    let Timetable { week, dates, .. } = timetable;
    complete.then(|| Schedule::new(week, dates))
}

/// Returns the definitions that [`schedule_schema`] refers to.
pub fn definitions() -> Vec<(String, Schema)> {
    let day = DAYS.join("|");
    let days =
        text_like(&format!("^(daily|({day})(-({day}))?|[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))$"), DAY);
    let about = "By days (mon, mon-thu, fri-sun, daily) and dates such as \"2026-12-31\", which replace their weekday. A day without an entry is closed.";
    let by_day = described(with(entries(Some(days), &reference("spans")), "minProperties", 1.into()), about);
    let time = "([01][0-9]|2[0-3]):[0-5][0-9]";
    let span = with(text_like(&format!("^\\s*{time}\\s*-\\s*({time}|24:00)\\s*$"), SPAN), "type", "string".into());
    let about = "From one time to another, past midnight when the second is the earlier one: \"18:00-02:00\"; the whole day is \"00:00-24:00\".";
    // Of forms that all do not fit, editors tell what the first one wants.
    let spans =
        json!({ "anyOf": [reference("span"), word(["closed"]), list(&reference("span"), &(1..=SPANS_OF_DAY_MAX))] });
    let timetable = json!({ "anyOf": [reference("spans"), by_day] });
    vec![("timetable".to_owned(), timetable), ("spans".to_owned(), spans), ("span".to_owned(), described(span, about))]
}

/// Takes what [`schedule`] does.
pub fn schedule_schema() -> Schema {
    reference("timetable")
}

/// Takes named windows, each as [`window`] does; their names as `names` does, too.
pub fn windows_schema(names: Schema) -> Schema {
    entries(Some(with(names, "not", word([OPEN, PEAK]))), &schedule_schema())
}

/// A timetable while it is read, with the entry that gave each day of the week.
#[derive(Default)]
struct Timetable<'n> {
    week: [Vec<ClockSpan>; 7],
    written: [Option<&'n Entry>; 7],
    dates: BTreeMap<Date, Vec<ClockSpan>>,
}

impl<'n> Timetable<'n> {
    fn read(&mut self, entry: &'n Entry, problems: &mut Problems) -> Option<()> {
        let spans = spans(&entry.node, problems);
        if let Some(date) = date(&entry.key) {
            self.dates.insert(date, spans?);
            return Some(());
        }
        let Some(days) = days(&entry.key) else {
            problems.tell_with_help(&entry.place, format!("'{}' is no day", shown(&entry.key)), format!("write {DAY}"));
            return None;
        };
        for day in days {
            if let Some(first) = self.written[day].replace(entry) {
                problems.push(Problem {
                    place: entry.place.clone(),
                    message: format!("{} is written twice", DAYS[day]),
                    help: Some(DAY_ONCE.to_owned()),
                    related: Some((first.place.clone(), "first written here".to_owned())),
                });
                return None;
            }
            self.week[day] = spans.clone().unwrap_or_default();
        }
        spans.map(|_| ())
    }
}

fn shown(key: &Arc<str>) -> String {
    crate::units::printable(key, 40)
}

/// Reads `2026-12-31`, and nothing that is not a whole date.
fn date(key: &str) -> Option<Date> {
    let is_plain = key.len() == 10 && key.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_plain { key.parse().ok() } else { None }
}

/// Reads `mon`, `mon-thu`, `fri-mon` or `daily` as the numbers of the days, Monday being 0.
fn days(key: &str) -> Option<Vec<usize>> {
    let number = |name: &str| DAYS.iter().position(|day| *day == name);
    if key == "daily" {
        return Some((0..7).collect());
    }
    let Some((first, last)) = key.split_once('-') else { return Some(vec![number(key)?]) };
    let (first, last) = (number(first)?, number(last)?);
    let count = (last + 7 - first) % 7 + 1;
    Some((first..first + count).map(|day| day % 7).collect())
}

/// Reads the spans of a day: one, a list, or `closed`.
fn spans(node: &Node, problems: &mut Problems) -> Option<Vec<ClockSpan>> {
    if node.as_scalar().is_some_and(|(text, _)| text == "closed") {
        return Some(Vec::new());
    }
    let items = node.one_or_more();
    if items.is_empty() || items.len() > SPANS_OF_DAY_MAX {
        return node.refuse(&format!("closed, or 1 to {SPANS_OF_DAY_MAX} spans such as \"10:00-23:00\""), problems);
    }
    let mut spans: Vec<ClockSpan> = Vec::new();
    let mut complete = true;
    for item in items {
        let Some(span) = span(item, problems) else {
            complete = false;
            continue;
        };
        if spans.iter().any(|other| other.overlaps(span)) {
            let message = format!("{} overlaps a span before it", item.describe());
            problems.tell_with_help(&item.place, message, "write them as one span");
            complete = false;
        }
        spans.push(span);
    }
    complete.then_some(spans)
}

fn span(node: &Node, problems: &mut Problems) -> Option<ClockSpan> {
    let Some((text, _)) = node.as_scalar() else { return node.refuse(SPAN, problems) };
    match ClockSpan::parse(text) {
        Ok(span) => Some(span),
        Err(why) => {
            problems.tell_with_help(&node.place, format!("{} {why}", node.describe()), format!("write {SPAN}"));
            None
        }
    }
}
