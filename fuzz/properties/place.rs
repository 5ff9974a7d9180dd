//! Looks at reports of problems in YAML files: each has its place inside the text, and can be shown.

use eightysix::document::{PROBLEMS_MAX, Report};

use super::text::assert_shown;

/// Characters of a message of one problem, help included: generous, as some list what there is.
const PROBLEM_CHARS_MAX: usize = 2_500;
/// Bytes of one problem as it is rendered: a line of 2,000 characters, its marks, title, help and colours.
const RENDERED_BYTES_MAX: usize = 32 * 1024;

/// Asserts what holds for every report about the file `name` that holds `bytes`.
pub fn assert_report(report: &Report, name: &str, bytes: &[u8]) {
    assert!(!report.problems.is_empty(), "a report without a problem");
    assert!(report.problems.len() <= PROBLEMS_MAX, "{} problems are shown", report.problems.len());
    assert!(report.problems.is_sorted(), "problems are told in the order of the file");
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned();
    for problem in &report.problems {
        let related = problem.related.as_ref().map(|(place, _)| place);
        for place in [Some(&problem.place), related].into_iter().flatten() {
            if &*place.file == name {
                assert_inside(place.line, place.column, &text);
            }
        }
        assert!(!problem.message.is_empty(), "a problem without a message");
        let shown = problem.to_string().replace(name, "");
        assert!(shown.chars().count() <= PROBLEM_CHARS_MAX, "a problem is too long: {shown}");
    }
    for styled in [false, true] {
        let rendered = report.render(styled);
        let bytes_max = RENDERED_BYTES_MAX * report.problems.len();
        assert!(rendered.len() <= bytes_max, "a report of {} bytes", rendered.len());
        let plain = if styled { without_colours(&rendered) } else { rendered };
        plain.lines().for_each(|line| assert_shown(line, RENDERED_BYTES_MAX));
    }
    assert!(report.to_string().ends_with(&report.summary()), "a report ends with its summary");
}

/// Removes what colours a terminal: `ESC [ .. m`.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Asserts that a place is in the text, at the latest right behind the end of its line.
fn assert_inside(line: usize, column: usize, text: &str) {
    if line == 0 {
        assert_eq!(column, 0, "the file as a whole has no column");
        return;
    }
    // YAML breaks lines at a lone carriage return as well, and a problem may be the missing end of the text.
    let lines: Vec<&str> =
        text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect();
    assert!(line <= lines.len() + 1, "line {line} of {}: {text:?}", lines.len());
    let chars = lines.get(line - 1).map_or(0, |line| line.chars().count());
    assert!((1..=chars + 2).contains(&column), "column {column} of {chars} in line {line}: {text:?}");
}
