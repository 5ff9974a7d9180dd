//! What commands print: tables and lines for people, objects for programs.
//!
//! Invariant: a reader that goes away ends nothing but the output.

use std::io::{IsTerminal, Write};

use crate::document::Report;

/// Shows every problem of a report on standard error, in its lines, and how many there are.
pub(super) fn show_report(report: &Report) {
    eprint!("{}", report.render(std::io::stderr().is_terminal()));
}

/// Writes a line to standard output. A reader that went away, such as `head`, is no failure.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Writes an object as one line to standard output.
pub(super) fn say_json(object: &serde_json::Value) {
    say(&object.to_string());
}

/// Colours a word when standard output is a terminal.
pub(super) fn coloured(word: &str, code: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[{code}m{word}\u{1b}[0m") } else { word.to_owned() }
}
