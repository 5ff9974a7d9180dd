//! docs/guarantees.md: each promise names tests that exist.

use super::markdown::{document, section, spans};
use super::security::exists;

#[test]
fn each_promise_is_held_by_tests_that_exist() {
    let text = document("docs/guarantees.md");
    let table = section(&text, "## Promised");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 15, "the table was read: {}", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let held_by = spans(row.trim_matches('|').split(" | ").last().expect("a cell"));
        if held_by.is_empty() {
            wrong.push(format!("nothing holds: {row}"));
        }
        wrong.extend(held_by.iter().filter(|test| !exists(test)).map(|test| format!("there is no test {test}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
}
