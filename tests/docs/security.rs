//! docs/security.md: each defence that is claimed names tests that exist.

use std::fs;

use super::markdown::{document, root, section, spans};

#[test]
fn each_defence_is_held_by_tests_that_exist() {
    let text = document("docs/security.md");
    let table = section(&text, "## Boundaries");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "the table was read: {}", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let held_by = spans(cells.last().expect("a cell"));
        if cells.len() != 4 || held_by.is_empty() {
            wrong.push(format!("nothing holds: {row}"));
        }
        wrong.extend(held_by.iter().filter(|test| !exists(test)).map(|test| format!("there is no test {test}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(!exists("tests/docs/security.rs::no_such_test") && !exists("tests/nowhere.rs::a") && !exists("words"));
}

/// Whether `path::name` is a test.
pub(crate) fn exists(test: &str) -> bool {
    let Some((path, name)) = test.rsplit_once("::") else { return false };
    let source = fs::read_to_string(root().join(path)).unwrap_or_default();
    let mut lines = source.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let is_test = line == "#[test]" || line.starts_with("#[tokio::test");
        let begins = |next: &&str| next.trim_start_matches("async ").starts_with(&format!("fn {name}("));
        if is_test && lines.peek().is_some_and(begins) {
            return true;
        }
    }
    false
}
