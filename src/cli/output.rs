//! What commands print: tables and lines for people, objects for programs.
//!
//! Invariant: a reader that goes away ends nothing but the output.

use std::io::{IsTerminal, Write};

use serde_json::json;

use crate::document::Report;

/// Shows every problem of a report on standard error, in its lines, and how many there are.
pub(super) fn show_report(report: &Report) {
    let _ = std::io::stderr().write_all(lines(report, std::io::stderr().is_terminal()).as_bytes());
}

/// Renders a report to whole lines: the shell's prompt stands below it, not behind it.
fn lines(report: &Report, styled: bool) -> String {
    format!("{}\n", report.render(styled).trim_end())
}

/// Writes a line to standard output. A reader that went away, such as `head`, is no failure.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes an object as one line to standard output.
pub(super) fn say_json(object: &serde_json::Value) {
    say(&object.to_string());
}

/// Writes every problem of a report as an object, and then how many there are.
pub(super) fn report_objects(report: &Report) {
    for problem in &report.problems {
        let place = &problem.place;
        let related = problem.related.as_ref().map(|(place, what)| {
            json!({ "file": place.file.as_ref(), "line": place.line, "column": place.column, "what": what })
        });
        say_json(&json!({
            "file": place.file.as_ref(), "line": place.line, "column": place.column, "length": place.length,
            "message": problem.message, "help": problem.help, "related": related,
        }));
    }
    say_json(&json!({ "ok": false, "problems": report.problems.len() + report.left_out }));
}

/// Colours a word when standard output is a terminal.
pub(super) fn coloured(word: &str, code: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_report_ends_with_its_line() {
        let report = Config::load(Path::new("/nowhere/eightysix.yaml")).expect_err("there is no file");
        let shown = lines(&report, false);
        assert!(shown.ends_with("1 problem in /nowhere/eightysix.yaml\n"), "{shown}");
    }
}
