//! Reads the documents: sections, fenced blocks, the first cells of tables, and what they point to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every document that is held.
pub(crate) const DOCUMENTS: [&str; 14] = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/alerts.md",
    "docs/api.md",
    "docs/metrics.md",
    "docs/mqtt.md",
    "docs/pages.md",
    "docs/replay.md",
    "docs/rule-tests.md",
    "docs/rules.md",
    "docs/security.md",
    "docs/webhooks.md",
    "deploy/README.md",
];

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text below the heading that is exactly this, up to the next one of the same or a higher level.
pub(crate) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let at = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("there is no '{heading}'"));
    let body = &text[at + heading.len() + 2..];
    let level = heading.bytes().take_while(|b| *b == b'#').count();
    let is_end = |line: &str| (1..=level).any(|hashes| line.starts_with(&format!("{} ", "#".repeat(hashes))));
    let mut from = 0;
    let mut in_block = false;
    for line in body.split_inclusive('\n') {
        in_block ^= line.starts_with("```");
        if !in_block && is_end(line) {
            return &body[..from];
        }
        from += line.len();
    }
    body
}

/// The fenced blocks of this language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.split_inclusive('\n') {
        open = match (open, line.strip_prefix("```")) {
            (None, Some(rest)) => Some((rest.trim_end() == language, String::new())),
            (Some((is_wanted, block)), Some(_)) => {
                found.extend(is_wanted.then_some(block));
                None
            }
            (Some((is_wanted, block)), None) => Some((is_wanted, block + line)),
            (None, None) => None,
        };
    }
    assert!(open.is_none(), "a block does not end");
    found
}

/// The code spans in the first cells of all tables.
pub(crate) fn first_cells(text: &str) -> BTreeSet<String> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| format!("`{}", row.split(" |").next().unwrap_or_default()));
    cells.flat_map(|cell| spans(&cell)).collect()
}

/// The code spans of a text.
pub(crate) fn spans(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn prose(text: &str) -> String {
    let mut in_block = false;
    let keep = |line: &&str| {
        let is_fence = line.starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    };
    text.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

/// A text in backticks that names a file or folder of this repository.
fn as_path(span: &str) -> Option<&str> {
    let is_plain = span.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
    let top = ["src/", "tests/", "rules/", "config/", "docs/", "deploy/", ".ci/"];
    (is_plain && top.iter().any(|folder| span.starts_with(folder))).then_some(span)
}

#[test]
fn what_the_documents_point_to_is_there() {
    let mut missing = Vec::new();
    let mut count = 0;
    for name in DOCUMENTS {
        let text = prose(&document(name));
        let folder = root().join(name).parent().expect("a folder").to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let local = links.filter(|link| !link.contains("://"));
        for link in local {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { root().join(name) } else { folder.join(path) };
            count += 1;
            if !target.exists() || !has_anchor(&target, anchor) {
                missing.push(format!("{name}: {link}"));
            }
        }
        for span in spans(&text) {
            let Some(path) = as_path(&span) else { continue };
            count += 1;
            if !root().join(path).exists() {
                missing.push(format!("{name}: {path}"));
            }
        }
    }
    assert!(count > 50, "the documents were not read: {count}");
    assert_eq!(missing, Vec::<String>::new());
}

fn has_anchor(path: &Path, anchor: &str) -> bool {
    if anchor.is_empty() {
        return true;
    }
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-") == anchor
    })
}
