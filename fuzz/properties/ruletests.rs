//! Files of rule tests: every mistake has its place, and a test that is read is lived, the same way each time.

use eightysix::document::{Problems, Report};
use eightysix::rules::parse::RuleFile;
use eightysix::ruletest::{Difference, Suite, Verdict, read};

use super::place::assert_report;
use super::text::assert_shown;

const FILE: &str = "rules/x.test.yaml";
/// The rules that every file is about: of each kind one.
const RULES: &str = r"rules:
  - { name: out, when: { sold_out: true }, for: 20s, clear_for: 10s, notify: [kitchen, managers], message: '{{ item.name }} is out' }
  - { name: low, during: [open, dinner], when: { low: true }, keep_while: { near_low: true }, notify: [office], send_resolved: false }
  - { name: off, subject: station, when: { station.status: inactive }, notify: [kitchen] }
  - { name: back, event: back, notify: [kitchen] }
";
/// Tests that are lived of one file: a fuzzer finds more in another one.
const LIVED_MAX: usize = 4;
/// Characters of a line that shows what was expected or happened: a topic's whole body.
const LINE_CHARS_MAX: usize = 20_000;

/// Holds for every input.
pub fn hold(data: &[u8]) {
    let (suite, report) = parsed(data);
    assert!(suite.is_some() || report.is_some(), "nothing is read, and no problem is told");
    if let Some(report) = &report {
        assert_report(report, FILE, data);
    }
    same_with_other_line_ends(data, report.as_ref());
    if let (Some(suite), None) = (&suite, &report) {
        lived(suite, data);
    }
}

fn parsed(data: &[u8]) -> (Option<Suite>, Option<Report>) {
    let mut problems = Problems::new();
    let suite = read(&FILE.into(), data, &mut problems);
    (suite, problems.into_report())
}

/// A file means the same when an editor writes its line ends as `\r\n`.
fn same_with_other_line_ends(data: &[u8], report: Option<&Report>) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains('\r') || text.len() > 4_096 {
        return;
    }
    let (_, other) = parsed(text.replace('\n', "\r\n").as_bytes());
    let messages = |report: Option<&Report>| -> Vec<String> {
        report.map(|it| it.problems.iter().map(|problem| problem.message.clone()).collect()).unwrap_or_default()
    };
    assert_eq!(messages(other.as_ref()), messages(report), "other line ends, other problems");
}

/// Lives the tests, if the rules have the names that they use.
fn lived(suite: &Suite, data: &[u8]) {
    let rules = RuleFile { name: "rules/x.yaml".into(), bytes: RULES.as_bytes().to_vec() };
    let mut problems = Problems::new();
    let policy = suite.policy(&[rules], &mut problems);
    if let Some(report) = problems.into_report() {
        assert_report(&report, FILE, data);
        return;
    }
    let policy = policy.expect("a policy, since no problem is told");
    for test in suite.tests.iter().take(LIVED_MAX) {
        let verdict = suite.run(test, &policy);
        assert_eq!(suite.run(test, &policy), verdict, "another verdict of the same test");
        if let Verdict::Failed(differences) = verdict {
            assert!(!differences.is_empty(), "it failed, and nothing differs");
            for Difference { place, expected, happened, .. } in &differences {
                assert_eq!(&*place.file, FILE, "the place of a difference");
                expected.iter().chain(happened).for_each(|line| assert_shown(line, LINE_CHARS_MAX));
            }
        }
    }
}
