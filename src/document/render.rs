//! Shows problems as compilers do: the line, a caret under the place, what to write instead.
//!
//! A line may hold a secret where it should not (`password: hunter2`), so every line is masked before it is shown.
//! Invariant: a masked line has as many characters as the line, so that places stay right.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, Title};

use crate::document::{Place, Problem, Report, nearest};
use crate::units;

/// Keys whose inline values are never shown; words near them count as well, as a misspelt key hides nothing.
const SECRET_KEYS: [&str; 11] = [
    "password",
    "secret",
    "secrets",
    "client_secret",
    "token",
    "passphrase",
    "api_key",
    "private_key",
    "credentials",
    "authorization",
    "pwd",
];
/// Keys that name where a secret is kept; their values are shown.
const REFERENCE_KEYS: [&str; 3] = ["file", "env", "credential"];
/// Characters of a line that are shown; the problem of a longer one is told without its line.
const LINE_LENGTH_MAX: usize = 2_000;
/// Characters of a message, which repeats a part of the offending text.
const MESSAGE_LENGTH_MAX: usize = 600;
/// Columns of a terminal that is not asked for its width.
const TERMINAL_WIDTH: usize = 120;
/// Characters of a part of a web address that is shown: longer ones are tokens rather than words such as `services`.
const URL_PART_MAX: usize = 12;
/// Lines looked at above a line for the key that it belongs to; a list of secrets is shorter.
const LINES_ABOVE_MAX: usize = 100;

impl Report {
    /// Shows all problems with their lines, then the summary; `styled` adds the colours of a terminal.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() }.term_width(TERMINAL_WIDTH);
        let mut shown = String::new();
        for problem in &self.problems {
            shown.push_str(&renderer.render(&self.groups(problem)));
            shown.push_str("\n\n");
        }
        shown.push_str(&self.summary());
        shown
    }

    fn groups(&self, problem: &Problem) -> Vec<Group<'static>> {
        let Problem { place, message, help, related } = problem;
        let message = units::printable(message, MESSAGE_LENGTH_MAX);
        let mut groups = vec![self.located(Level::ERROR.primary_title(message), place)];
        if let Some((place, what)) = related {
            groups.push(self.located(Level::NOTE.secondary_title(what.clone()), place));
        }
        if let Some(help) = help {
            let help = units::printable(help, MESSAGE_LENGTH_MAX);
            groups.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        groups
    }

    /// Puts a title over the line of a place, or over the file's name where there is no line to show.
    fn located(&self, title: Title<'static>, place: &Place) -> Group<'static> {
        let file = place.file.to_string();
        let text = self.sources.get(&place.file).map_or("", |text| text);
        let lines: Vec<&str> = text.lines().collect();
        let index = place.line.checked_sub(1).filter(|index| *index < lines.len());
        let Some(index) = index.filter(|index| lines[*index].len() <= LINE_LENGTH_MAX) else {
            let origin = Origin::path(file);
            let located = if place.line > 0 { origin.line(place.line).char_column(place.column) } else { origin };
            return title.element(located);
        };
        let concealed = self.concealed.iter().filter(|it| it.file == place.file && it.line == place.line);
        let line = masked(&lines, index, concealed);
        let byte_of = |chars: usize| line.char_indices().nth(chars).map_or(line.len(), |(at, _)| at);
        let start = byte_of(place.column.saturating_sub(1));
        let end = byte_of(place.column.saturating_sub(1) + place.length).max(start);
        let snippet = Snippet::source(line.clone()).line_start(place.line).path(file);
        title.element(snippet.annotation(AnnotationKind::Primary.span(start..end)))
    }
}

/// Returns a line with every character of a would-be secret replaced by a dot.
fn masked<'p>(lines: &[&str], index: usize, concealed: impl Iterator<Item = &'p Place>) -> String {
    let line: Vec<char> = lines[index].chars().collect();
    let mut hidden = vec![false; line.len()];
    for place in concealed {
        let start = place.column.saturating_sub(1).min(line.len());
        let end = (start + place.length).min(line.len());
        hidden[start..end].fill(true);
    }
    if belongs_to_secret(lines, index) {
        hide_value(&line, 0, line.len(), &mut hidden);
    }
    for (start, colon) in keys(&line) {
        if is_secret_key(&word(&line, start, colon)) {
            let end = value_end(&line, colon + 1);
            hide_value(&line, colon + 1, end, &mut hidden);
        }
    }
    hide_secrets_of_urls(&line, &mut hidden);
    line.iter().zip(hidden).map(|(c, hidden)| if hidden { '•' } else { visible(*c) }).collect()
}

/// Returns what stands for a character that would steer a terminal. The renderer knows those of ASCII and most of those
/// that turn the text; of the others `U+009B` begins the same commands as escape does.
const fn visible(c: char) -> char {
    match c {
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// Finds the keys of a line: where the word begins and where its colon is.
fn keys(line: &[char]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in line.iter().enumerate() {
        let ends_key = *c == ':' && line.get(at + 1).is_none_or(|next| next.is_whitespace() || "{[\"'".contains(*next));
        if ends_key && start < at {
            found.push((start, at));
        }
        if !(c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'')) {
            start = at + 1;
        }
    }
    found
}

fn word(line: &[char], start: usize, end: usize) -> String {
    line[start..end].iter().filter(|c| !matches!(c, '"' | '\'')).collect()
}

fn is_secret_key(key: &str) -> bool {
    !REFERENCE_KEYS.contains(&key) && (SECRET_KEYS.contains(&key) || nearest(key, SECRET_KEYS).is_some())
}

/// Returns where the value behind a colon ends: at its closing bracket or quote; for a plain one within brackets at the
/// comma or bracket, else at the end of the line.
fn value_end(line: &[char], from: usize) -> usize {
    let Some(begin) = (from..line.len()).find(|at| !line[*at].is_whitespace()) else { return line.len() };
    let opening = line[begin];
    if matches!(opening, '"' | '\'') {
        return (begin + 1..line.len()).find(|at| line[*at] == opening).map_or(line.len(), |at| at + 1);
    }
    let in_brackets = depth(&line[..from]) > 0;
    let is_bracket = matches!(opening, '{' | '[');
    let mut open = 0_i32;
    for (at, c) in line.iter().enumerate().skip(begin) {
        match c {
            '{' | '[' => open += 1,
            '}' | ']' => open -= 1,
            _ => {}
        }
        let closed = is_bracket && open == 0;
        if closed {
            return at + 1;
        }
        if !is_bracket && in_brackets && (*c == ',' || open < 0) {
            return at;
        }
    }
    line.len()
}

fn depth(text: &[char]) -> i32 {
    text.iter().fold(0, |depth, c| match c {
        '{' | '[' => depth + 1,
        '}' | ']' => depth - 1,
        _ => depth,
    })
}

/// Hides a value but for its brackets, and for references such as `{ file: /path }`.
fn hide_value(line: &[char], from: usize, to: usize, hidden: &mut [bool]) {
    let is_edge = |c: &char, edges: &str| c.is_whitespace() || edges.contains(*c);
    let begin = (from..to).find(|at| !is_edge(&line[*at], "-{[")).unwrap_or(to);
    let end = (begin..to).rev().find(|at| !is_edge(&line[*at], "}],")).map_or(begin, |at| at + 1);
    for flag in &mut hidden[begin..end] {
        *flag = true;
    }
    for (start, colon) in keys(line).into_iter().filter(|(start, _)| (from..to).contains(start)) {
        let key = word(line, start, colon);
        let is_key = nearest(&key, REFERENCE_KEYS).is_some() || SECRET_KEYS.contains(&key.as_str());
        let shown_end =
            if REFERENCE_KEYS.contains(&key.as_str()) { value_end(line, colon + 1).min(to) } else { colon + 1 };
        if is_key {
            hidden[start..shown_end].fill(false);
        }
    }
    // Between two references only brackets and commas are left, and they are no secret.
    let mut start = from;
    while start < to {
        let run_end = (start..to).find(|at| hidden[*at] != hidden[start]).unwrap_or(to);
        if line[start..run_end].iter().all(|c| is_edge(c, "{}[],")) {
            hidden[start..run_end].fill(false);
        }
        start = run_end;
    }
}

/// Hides what stands between `://` and `@`, and the long parts of a web address: with many services who knows them
/// may post.
fn hide_secrets_of_urls(line: &[char], hidden: &mut [bool]) {
    let ends = |c: &char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '}' | ']');
    // `user:password@host` is an account also where the scheme before it was forgotten.
    for sign in (0..line.len()).filter(|at| line[*at] == '@') {
        let start = line[..sign].iter().rposition(|c| ends(c) || matches!(c, '{' | '[')).map_or(0, |at| at + 1);
        if let Some(colon) = (start..sign).find(|at| line[*at] == ':' && line[at + 1] != '/') {
            hidden[colon + 1..sign].fill(true);
        }
    }
    for at in 0..line.len().saturating_sub(2) {
        if line[at..at + 3] != [':', '/', '/'] {
            continue;
        }
        let start = at + 3;
        let end = (start..line.len()).find(|at| ends(&line[*at])).unwrap_or(line.len());
        if let Some(sign) = (start..end).rev().find(|at| line[*at] == '@') {
            hidden[start..sign].fill(true);
        }
        let path = (start..end).find(|at| line[*at] == '/').unwrap_or(end);
        if line[..at].ends_with(&['h', 't', 't', 'p']) || line[..at].ends_with(&['h', 't', 't', 'p', 's']) {
            let mut part = path;
            for part_end in (path..end).filter(|at| "/?&=#".contains(line[*at])).chain([end]) {
                if part_end - part > URL_PART_MAX {
                    hidden[part + 1..part_end].fill(true);
                }
                part = part_end;
            }
        }
    }
}

/// Returns whether the line continues or lists the value of a secret key above it.
fn belongs_to_secret(lines: &[&str], index: usize) -> bool {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let mut limit = indentation(lines[index]);
    let mut is_item = lines[index].trim_start().starts_with('-');
    for line in lines[..index].iter().rev().take(LINES_ABOVE_MAX) {
        let trimmed = line.trim_start();
        let is_above =
            indentation(line) < limit || (is_item && indentation(line) == limit && !trimmed.starts_with('-'));
        if trimmed.is_empty() || trimmed.starts_with('#') || !is_above {
            continue;
        }
        let owner: Vec<char> = line.chars().collect();
        // Only a key whose value goes on below: nothing, a block or an open bracket or quote follows its colon.
        let last = keys(&owner).into_iter().next_back();
        if last.is_some_and(|(start, colon)| is_secret_key(&word(&owner, start, colon))) {
            return true;
        }
        limit = indentation(line);
        is_item = trimmed.starts_with('-');
        if limit == 0 && !is_item {
            return false;
        }
    }
    false
}
