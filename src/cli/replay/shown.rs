//! A replay for people, in tables and a time line, and for programs, in objects.
//!
//! Lists for people are short and say how much they leave out. Names were made printable when they were read.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::json;

use crate::cli::output::{coloured, say, say_json};
use crate::cli::replay::Outcome;
use crate::replay::{Alert, Comparison, Count};
use crate::units::{Timestamp, Zone, human_duration, printable};

/// Lines of a list that a person reads.
const LIST_MAX: usize = 12;
/// Days that get a line each; a longer period is shown by weeks.
const DAYS_MAX: usize = 35;
/// Characters of the longest bar.
const BAR_MAX: u64 = 40;
/// Characters of a label.
const LABEL_MAX: usize = 40;

/// Writes everything for people.
pub(super) fn tables(outcome: &Outcome, comparison: &Comparison) {
    let zone = &outcome.config.locale.timezone;
    let has_brands = outcome.config.clopos.brands.len() > 1;
    let mut lines = heading(outcome, zone);
    lines.extend(outcome.is_trial.then(|| sum_up(comparison)).into_iter().flatten());
    lines.push(String::new());
    lines.extend(receivers(comparison, outcome.is_trial));
    lines.push(String::new());
    lines.extend(rules(comparison, outcome.is_trial));
    let only = [("only with the new rules", "32", &comparison.appears), ("no longer told", "31", &comparison.vanishes)];
    for (title, colour, alerts) in only.into_iter().filter(|_| outcome.is_trial) {
        lines.push(String::new());
        lines.push(format!("{}: {}", coloured(title, colour), counted(alerts.len())));
        lines.extend(list(alerts, has_brands, zone));
    }
    lines.push(String::new());
    lines.extend(time_line(comparison, outcome.is_trial));
    lines.extend(cannot_tell(outcome));
    for line in lines {
        say(&line);
    }
}

fn heading(outcome: &Outcome, zone: &Zone) -> Vec<String> {
    let period = outcome.period;
    let mut lines = vec![
        format!(
            "replayed {}: {} venues, {} changes",
            human_duration(period.ends.since(period.starts)),
            outcome.venues,
            outcome.old.changes
        ),
        format!("{} to {} ({})", time(period.starts, zone), time(period.ends, zone), zone.name()),
    ];
    if outcome.asked_from < period.starts {
        lines.push("the history begins then; it does not reach further back".to_owned());
    }
    lines
}

/// Says which side is which, and how many messages there are under each.
fn sum_up(comparison: &Comparison) -> [String; 2] {
    let sum = |side: usize| -> u64 {
        comparison.receivers.values().map(|counts| counts[side].mails + counts[side].events).sum()
    };
    let (old, new) = (sum(0), sum(1));
    let differs = match new.cmp(&old) {
        Ordering::Less => format!("{} fewer", old - new),
        Ordering::Equal => "as many".to_owned(),
        Ordering::Greater => format!("{} more", new - old),
    };
    [format!("old: the rules in force, {old} messages"), format!("new: those of --rules, {new} messages, {differs}")]
}

fn counted(number: usize) -> String {
    if number == 0 { "nothing".to_owned() } else { number.to_string() }
}

/// A table of a name and numbers, each column as wide as it must be.
fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let width = |column: usize| {
        let cells = std::iter::once(&head).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&head).chain(rows).map(line).collect()
}

fn receivers(comparison: &Comparison, is_trial: bool) -> Vec<String> {
    let cell = |number: u64| if number == 0 { "-".to_owned() } else { number.to_string() };
    let row = |name: String, [old, new]: [Count; 2]| {
        if is_trial {
            vec![name, cell(old.mails), cell(new.mails), cell(old.events), cell(new.events)]
        } else {
            vec![name, cell(old.mails), cell(old.events)]
        }
    };
    let mut rows: Vec<Vec<String>> =
        comparison.receivers.iter().map(|(receiver, counts)| row(receiver.to_string(), *counts)).collect();
    let sum = |side: usize| Count {
        mails: comparison.receivers.values().map(|counts| counts[side].mails).sum(),
        events: comparison.receivers.values().map(|counts| counts[side].events).sum(),
    };
    rows.push(row("all".to_owned(), [sum(0), sum(1)]));
    let head: &[&str] = if is_trial {
        &["receiver", "mails old", "new", "events old", "new"]
    } else {
        &["receiver", "mails", "events"]
    };
    table(head, &rows)
}

fn rules(comparison: &Comparison, is_trial: bool) -> Vec<String> {
    let row = |(rule, [old, new]): (&crate::rules::RuleName, &[u64; 2])| {
        let mut row = vec![rule.to_string(), old.to_string()];
        row.extend(is_trial.then(|| new.to_string()));
        row
    };
    let rows: Vec<Vec<String>> = comparison.rules.iter().map(row).collect();
    let head: &[&str] = if is_trial { &["rule", "alerts old", "new"] } else { &["rule", "alerts"] };
    table(head, &rows)
}

fn list(alerts: &[Alert], has_brands: bool, zone: &Zone) -> Vec<String> {
    let row = |alert: &Alert| {
        let venue = match &alert.venue {
            Some((_, name)) if has_brands => format!("{}: {name}", alert.brand),
            Some((_, name)) => name.clone(),
            None => alert.brand.to_string(),
        };
        let (label, venue) = (printable(&alert.label, LABEL_MAX), printable(&venue, LABEL_MAX));
        vec![format!("  {}", alert.rule), label, venue, times(alert, zone)]
    };
    let rows: Vec<Vec<String>> = alerts.iter().take(LIST_MAX).map(row).collect();
    let mut lines = left_aligned(&rows);
    if alerts.len() > LIST_MAX {
        lines.push(format!("  and {} more; --json has all", alerts.len() - LIST_MAX));
    }
    lines
}

fn left_aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn times(alert: &Alert, zone: &Zone) -> String {
    match (alert.from, alert.until) {
        (Some(from), _) if alert.is_change => time(from, zone),
        (Some(from), Some(until)) if from.in_zone(zone).date() == until.in_zone(zone).date() => {
            format!("{} to {}", time(from, zone), until.local_time(zone))
        }
        (Some(from), Some(until)) => format!("{} to {}", time(from, zone), time(until, zone)),
        (Some(from), None) => format!("{}, still so", time(from, zone)),
        (None, Some(until)) => format!("from before to {}", time(until, zone)),
        (None, None) => "all the time".to_owned(),
    }
}

fn time(at: Timestamp, zone: &Zone) -> String {
    at.in_zone(zone).strftime("%Y-%m-%d %H:%M").to_string()
}

fn time_line(comparison: &Comparison, is_trial: bool) -> Vec<String> {
    let (title, days) = if comparison.days.len() > DAYS_MAX {
        ("week from", by_week(&comparison.days))
    } else {
        ("day", comparison.days.clone())
    };
    let most = days.values().flatten().copied().max().unwrap_or_default();
    let row = |(day, [old, new]): (&Date, &[u64; 2])| {
        let mut row = vec![day.to_string(), old.to_string()];
        row.extend(is_trial.then(|| new.to_string()));
        row
    };
    let head: &[&str] = if is_trial { &[title, "messages old", "new"] } else { &[title, "messages"] };
    let rows: Vec<Vec<String>> = days.iter().map(row).collect();
    let mut lines = table(head, &rows);
    for (line, [old, new]) in lines.iter_mut().skip(1).zip(days.values()) {
        let bars = bars(*old, *new, most);
        if !bars.is_empty() {
            line.push_str("  ");
            line.push_str(&bars);
        }
    }
    if is_trial {
        lines.push("█ both, ░ more by the old rules, ▓ more by the new ones".to_owned());
    }
    lines
}

fn by_week(days: &BTreeMap<Date, [u64; 2]>) -> BTreeMap<Date, [u64; 2]> {
    let mut weeks: BTreeMap<Date, [u64; 2]> = BTreeMap::new();
    for (day, counts) in days {
        let back = jiff::Span::new().days(day.weekday().to_monday_zero_offset());
        let week = weeks.entry(day.checked_sub(back).unwrap_or(*day)).or_default();
        week[0] += counts[0];
        week[1] += counts[1];
    }
    weeks
}

fn bars(old: u64, new: u64, most: u64) -> String {
    let length = |count: u64| usize::try_from((count * BAR_MAX).div_ceil(most.max(1))).unwrap_or_default();
    let both = length(old.min(new));
    let more = length(old.max(new)) - both;
    format!("{}{}", "█".repeat(both), if old > new { "░" } else { "▓" }.repeat(more))
}

/// Says what the history does not know, as far as it matters here.
fn cannot_tell(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    if !outcome.left_out.is_empty() {
        lines.push(String::new());
        lines.push("left out, since the history holds no ages of readings and no failures:".to_owned());
        let named = |it: &crate::replay::LeftOut| format!("  {} ({})", it.rule, it.why.join(", "));
        lines.extend(outcome.left_out.iter().map(named));
    }
    let (gaps, unwatched) = (outcome.old.gaps, &outcome.old.unwatched);
    if gaps > 0 {
        lines.push(String::new());
        lines.push(format!("{gaps} changes do not follow from what was known: a venue was not watched a while"));
    }
    if !unwatched.is_empty() {
        let names: Vec<String> = unwatched.iter().take(LIST_MAX).map(ToString::to_string).collect();
        let more = if unwatched.len() > LIST_MAX { ", …" } else { "" };
        lines.push(String::new());
        lines.push(format!("left out, since nothing is known of them now: venues {}{more}", names.join(", ")));
    }
    lines
}

/// Writes everything for programs, an object a line.
pub(super) fn objects(outcome: &Outcome, comparison: &Comparison) {
    let period = outcome.period;
    for (receiver, [old, new]) in &comparison.receivers {
        let count = |count: &Count| json!({ "mails": count.mails, "events": count.events });
        say_json(&with_new(
            json!({ "what": "receiver", "receiver": receiver.as_str(), "old": count(old) }),
            outcome.is_trial.then(|| count(new)),
        ));
    }
    for (rule, [old, new]) in &comparison.rules {
        say_json(&with_new(
            json!({ "what": "rule", "rule": rule.as_str(), "old": old }),
            outcome.is_trial.then(|| json!(new)),
        ));
    }
    if outcome.is_trial {
        for (what, alerts) in [("appears", &comparison.appears), ("vanishes", &comparison.vanishes)] {
            for alert in alerts {
                say_json(&object(what, alert));
            }
        }
    }
    for (day, [old, new]) in &comparison.days {
        say_json(&with_new(
            json!({ "what": "day", "day": day.to_string(), "old": old }),
            outcome.is_trial.then(|| json!(new)),
        ));
    }
    for it in &outcome.left_out {
        say_json(&json!({ "what": "left_out", "rule": it.rule.as_str(), "unknown": it.why }));
    }
    say_json(&json!({
        "what": "replayed", "from": period.starts.to_string(), "to": period.ends.to_string(),
        "venues": outcome.venues, "changes": outcome.old.changes, "gaps": outcome.old.gaps,
        "unwatched": outcome.old.unwatched.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "reaches": outcome.asked_from >= period.starts,
    }));
}

fn with_new(mut object: serde_json::Value, new: Option<serde_json::Value>) -> serde_json::Value {
    if let Some(new) = new {
        object["new"] = new;
    }
    object
}

fn object(what: &str, alert: &Alert) -> serde_json::Value {
    let Alert { brand, rule, venue, product, station, label, is_change, from, until } = alert;
    json!({
        "what": what, "brand": brand.as_str(), "rule": rule.as_str(),
        "venue": venue.as_ref().map(|(id, _)| id.0), "venue_name": venue.as_ref().map(|(_, name)| name),
        "product": product.map(|id| id.0), "station": station.map(|id| id.0), "label": label,
        "change": is_change, "from": from.map(|at| at.to_string()), "until": until.map(|at| at.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::notice::ReceiverName;

    #[test]
    fn the_sum_says_which_side_is_which() {
        let said = |old, new| {
            let count = |mails| Count { mails, events: 1 };
            let receivers = [(ReceiverName::new("managers"), [count(old), count(new)])].into();
            let (rules, days) = (BTreeMap::new(), BTreeMap::new());
            sum_up(&Comparison { receivers, rules, days, appears: Vec::new(), vanishes: Vec::new() })
        };
        assert_eq!(said(4, 1), ["old: the rules in force, 5 messages", "new: those of --rules, 2 messages, 3 fewer"]);
        assert_eq!(said(4, 4)[1], "new: those of --rules, 5 messages, as many");
        assert_eq!(said(0, 4)[1], "new: those of --rules, 5 messages, 4 more");
    }

    #[test]
    fn bars_show_both_counts() {
        assert_eq!(bars(4, 2, 4), format!("{}{}", "█".repeat(20), "░".repeat(20)));
        assert_eq!(bars(1, 4, 4), format!("{}{}", "█".repeat(10), "▓".repeat(30)));
        assert_eq!((bars(0, 0, 0), bars(1, 1, 1000)), (String::new(), "█".to_owned()), "one is never nothing");
    }

    #[test]
    fn a_long_period_is_shown_by_weeks() {
        let day = |text: &str| text.parse::<Date>().expect("a date");
        let days = [("2026-05-02", [1, 0]), ("2026-05-03", [2, 1]), ("2026-05-04", [4, 4])];
        let weeks = by_week(&days.into_iter().map(|(date, counts)| (day(date), counts)).collect());
        assert_eq!(weeks, [(day("2026-04-27"), [3, 1]), (day("2026-05-04"), [4, 4])].into());
    }

    #[test]
    fn tables_are_as_wide_as_they_must_be() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["Lülə".to_owned(), "12".to_owned()]];
        assert_eq!(table(&["name", "n"], &rows), ["name   n", "a      1", "Lülə  12"]);
    }
}
