//! Rule files: every mistake has its place, and what comes out without a mistake can be asked and told.

use std::time::Duration;

use eightysix::alerts::facts::of_subject;
use eightysix::alerts::render::{AlertWords, Messages, bad_message};
use eightysix::calendar::Calendar;
use eightysix::document::{Problems, Report};
use eightysix::language::Language;
use eightysix::rules::evaluate::{evaluate_brand, evaluate_venue};
use eightysix::rules::parse::{Parsed, RuleFile, parse};
use eightysix::rules::subject::VenueView;
use eightysix::snapshot::{Access, FreshnessLimits};
use eightysix::units::{BrandId, Timestamp, Zone};

use super::messages::{MESSAGE_CHARS_MAX, is_not_tried, picture};
use super::place::assert_report;
use super::text::assert_shown;

const FILE: &str = "rules/x.yaml";
const NOW: Timestamp = Timestamp::from_unix_ms(1_780_000_000_000);

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let (parsed, report) = read(data);
    let templates = || parsed.templates.iter().filter(|it| !is_not_tried(&it.text.text));
    let bad = templates().filter_map(|it| bad_message(it, &Language::ALL.into())).count();
    if let Some(report) = &report {
        assert_report(report, FILE, data);
    }
    same_with_other_line_ends(data, &parsed, report.as_ref());
    if report.is_none() && bad == 0 && templates().count() == parsed.templates.len() {
        told(&parsed);
    }
}

/// Reads these bytes as a file of rules.
pub fn read(data: &[u8]) -> (Parsed, Option<Report>) {
    let mut problems = Problems::new();
    let parsed = parse(&[RuleFile { name: FILE.into(), bytes: data.to_vec() }], &mut problems);
    (parsed, problems.into_report())
}

/// A file means the same when an editor writes its line ends as `\r\n`.
fn same_with_other_line_ends(data: &[u8], parsed: &Parsed, report: Option<&Report>) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains('\r') || text.len() > 4_096 {
        return;
    }
    let (other, other_report) = read(text.replace('\n', "\r\n").as_bytes());
    let messages = |report: Option<&Report>| -> Vec<String> {
        report.map(|it| it.problems.iter().map(|problem| problem.message.clone()).collect()).unwrap_or_default()
    };
    assert_eq!(messages(other_report.as_ref()), messages(report), "other line ends, other problems");
    assert_eq!(other.rules, parsed.rules, "other line ends, other rules");
}

/// Asks the rules of a small restaurant and renders what they say.
fn told(parsed: &Parsed) {
    let rules = &parsed.rules;
    let messages = Messages::compile(rules, &Zone::utc(), Language::En).unwrap_or_else(|bad| panic!("{bad:?}"));
    let brand = BrandId::new("sahil").expect("a slug");
    let refused = Access::Refused { since: NOW, why: "no".to_owned() };
    let snapshot = picture("Plov");
    let freshness_limits = FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };
    let calendar = Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0));
    let view = VenueView {
        brand: &brand,
        access: &Access::Granted,
        snapshot: &snapshot,
        freshness_limits,
        calendar: &calendar,
    };
    let of_venue = evaluate_venue(rules, &view, NOW).findings;
    assert!(of_venue.is_sorted_by_key(|it| (it.rule.clone(), it.subject.clone())), "findings out of order");
    for finding in of_venue.iter().chain(&evaluate_brand(rules, &brand, &refused, NOW)) {
        let rule = rules.get(&finding.rule).expect("a finding is of a rule");
        let words = AlertWords {
            rule: rule.name.as_str(),
            severity: rule.severity.word(),
            since: NOW,
            duration: Duration::from_secs(77),
        };
        let facts = of_subject(&brand, &refused, Some(&snapshot), &finding.subject, NOW);
        for (is_resolved, language) in [false, true].into_iter().flat_map(|it| Language::ALL.map(|other| (it, other))) {
            assert_shown(&messages.render(&rule.name, is_resolved, &facts, words, language).text, MESSAGE_CHARS_MAX);
        }
    }
}
