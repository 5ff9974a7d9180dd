//! What holds for every message of the table, whatever the case: it helps, it is short, it is for people, and it shows
//! no secret.
//!
//! Each promise is shown to fail on a bad message below, so that none can pass by reading nothing.

use std::fs;
use std::path::Path;

use crate::canary;
use crate::table::{Case, Outcome};

/// The value of every secret in the catalogue.
pub(crate) const CANARY: &str = "c4n4ry-0f-4-c0ffee-m1ne-w1th-l3ngth";

/// Panics when what a process has printed holds the secret, in any form.
pub(crate) fn assert_silent(output: &Path) {
    if !std::thread::panicking() && output.is_file() {
        let printed = fs::read(output).unwrap_or_default();
        canary::assert_none(&output.display().to_string(), &printed, &[CANARY.to_owned()]);
    }
}

/// Characters of a message: a few lines of a terminal.
const MESSAGE_CHARS_MAX: usize = 600;

/// Orders, which count where a clause begins: "the list" asks for nothing, "; list it" does.
const ORDERS: [&str; 25] = [
    "write", "remove", "use", "keep", "put", "set", "let", "list", "state", "save", "split", "make", "check", "start",
    "stop", "show", "point", "replace", "choose", "move", "free", "name", "copy", "call", "read",
];
/// What else tells the reader what to do: the right form, or that nothing is to be done.
const ADVICE: [&str; 25] = [
    "did you mean",
    "must be",
    "must hold",
    "must have",
    "is compared with",
    "give it",
    "give one",
    "give this one",
    "give its role",
    "ask for",
    "ask Clopos",
    "ask the",
    "leave it out",
    "begins with",
    "is kept in",
    "connect with",
    "try again",
    "tried again by itself",
    "a new one is fetched by itself",
    "asks to wait",
    "For more information, try",
    "it belongs to rules",
    "read the MQTT feed at",
    "nothing is left to do",
    "link once more",
];
/// What a clause begins after.
const CLAUSE_AFTER: [&str; 9] = [": ", "; ", ", ", ". ", "(", " or ", " and ", " then ", "\":\""];

/// What a program says of itself and no person understands.
const INSIDES: [&str; 13] =
    ["Some(", "None", "Err(", "Ok(", "Error(", "Error {", "Os {", "kind:", "\\u{", "unwrap", "::", "0x", "[src/"];

/// Returns what is broken of the promises in what happened to a case.
pub(crate) fn broken(surface: &str, case: &Case, outcome: &Outcome) -> Vec<String> {
    let mut found = Vec::new();
    if outcome.seen.contains(CANARY) || outcome.said.iter().any(|line| line.contains(CANARY)) {
        found.push(format!("a secret was shown: {}", outcome.seen));
    }
    if outcome.seen.contains("panicked") || outcome.seen.contains("RUST_BACKTRACE") {
        found.push(format!("it panicked: {}", outcome.seen));
    }
    // What a stranger wrote is repeated; ours are the words around it.
    let own = outcome.seen.to_lowercase();
    if own.contains("unexpected") {
        found.push(format!("'unexpected' helps nobody: {}", outcome.seen));
    }
    for line in &outcome.said {
        found.extend(broken_in(line));
    }
    let helps = |lines: &[String]| lines.iter().any(|line| !needs_advice(surface, case, line) || has_advice(line));
    // A command that ends says one thing in all its lines; elsewhere each line stands alone.
    let messages = if case.given.iter().any(|line| line.starts_with("run ")) { outcome.said.len().max(1) } else { 1 };
    for message in outcome.said.chunks(messages).filter(|lines| !helps(lines)) {
        found.push(format!("it does not say what to do: {}", message.join(" / ")));
    }
    found
}

fn broken_in(line: &str) -> Vec<String> {
    // How the levels of a part of the program are written cannot be said without its name.
    let line = &line.replace("eightysix::store=", "");
    let mut found = Vec::new();
    if line.chars().count() > MESSAGE_CHARS_MAX {
        found.push(format!("longer than {MESSAGE_CHARS_MAX} characters: {line}"));
    }
    if let Some(inside) = INSIDES.iter().find(|inside| line.contains(*inside)) {
        found.push(format!("'{inside}' is not for people: {line}"));
    }
    if line.chars().any(char::is_control) {
        found.push(format!("a control character: {line:?}"));
    }
    found
}

/// Says whether a message must tell what to do: not when it works all the same, nor what only those read who look closely.
fn needs_advice(surface: &str, case: &Case, line: &str) -> bool {
    let harmless = case.keeps("exit 0") || line.starts_with("DEBUG ") || line.starts_with("INFO ");
    // The web server's own refusals of what is no HTTP are a status and nothing else.
    let bare = surface == "requests" && !line.contains(": ");
    !harmless && !bare
}

fn has_advice(line: &str) -> bool {
    // Pages speak in whole sentences.
    advises(line) || advises(&line.to_lowercase())
}

fn advises(line: &str) -> bool {
    let begins_clause = |at: usize| at == 0 || CLAUSE_AFTER.iter().any(|end| line[..at].ends_with(end));
    ADVICE.iter().any(|advice| whole_words(line, advice).next().is_some())
        || ORDERS.iter().any(|order| whole_words(line, order).any(begins_clause))
}

/// Returns where the words stand in the line as they are, and not within other ones.
fn whole_words<'a>(line: &'a str, words: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let is_whole = move |at: &usize| {
        let (before, after) = (line[..*at].chars().next_back(), line[at + words.len()..].chars().next());
        ![before, after].into_iter().flatten().any(is_of_word)
    };
    line.match_indices(words).map(|(at, _)| at).filter(is_whole)
}

#[test]
fn bad_messages_are_found() {
    let long = format!("write less {}", "x".repeat(600));
    for (line, what) in [
        ("the venue 1 is listed twice", "does not say what to do"),
        ("the outlet cannot be reset, rewrite is no filename", "does not say what to do"),
        ("the list has no name, no use and no state", "does not say what to do"),
        ("write Some(5)", "'Some(' is not for people"),
        ("check the thing: Os { code: 2 }", "'Os {' is not for people"),
        ("write eightysix::store", "'::' is not for people"),
        ("write \u{1b}[31m", "a control character"),
        (&long, "longer than"),
        (&format!("write {CANARY}"), "a secret was shown"),
    ] {
        let outcome = Outcome { said: vec![line.to_owned()], ..Outcome::default() };
        let found = broken("files", &Case::default(), &outcome);
        assert!(found.iter().any(|note| note.contains(what)), "{line}: {found:?}");
    }
    for (seen, what) in [("thread 'main' panicked at", "it panicked"), ("an Unexpected error", "'unexpected'")] {
        let found = broken("files", &Case::default(), &Outcome { seen: seen.to_owned(), ..Outcome::default() });
        assert!(found.iter().any(|note| note.contains(what)), "{seen}: {found:?}");
    }
    let fine =
        Outcome { said: vec!["eightysix.yaml:1:1: 'rules' is missing; write rules: [x]".into()], ..Outcome::default() };
    assert_eq!(broken("files", &Case::default(), &fine), [""; 0]);
}
