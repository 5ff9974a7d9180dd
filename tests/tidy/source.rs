//! Reads Rust text far enough for house rules: what is code, what is comment, where functions end, what is imported.
//!
//! It is no parser: it trusts rustfmt's layout (one statement a line, `use` at a line's start) and says nothing of
//! text that does not compile. Invariant: line `n` of every view is line `n` of the file.

use std::collections::BTreeSet;

/// A file's lines, once with everything but code blanked out and once with everything but comments.
pub(crate) struct Source {
    pub code: Vec<String>,
    pub comments: Vec<String>,
}

/// A function with a body: `first` is the line of its `fn`, counted from 0; `lines` runs to its closing brace.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    pub name: String,
    pub first: usize,
    pub lines: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// Separates code from comments and from the contents of strings and characters.
pub(crate) fn split(text: &str) -> Source {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (kind, end) = token(&chars, at);
        for &c in &chars[at..end] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if kind == Kind::Code { c } else { blank });
            comments.push(if kind == Kind::Comment { c } else { blank });
        }
        at = end;
    }
    Source { code: lines(&code), comments: lines(&comments) }
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// Returns what begins at `at`, and where it ends.
fn token(chars: &[char], at: usize) -> (Kind, usize) {
    let next = |offset: usize| chars.get(at + offset).copied();
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next(1) == Some('/') => (Kind::Comment, until(chars, at, |rest| rest[0] == '\n')),
        '/' if next(1) == Some('*') => (Kind::Comment, block_comment(chars, at)),
        '"' => (Kind::Text, quoted(chars, at + 1, '"')),
        'r' if !in_word || matches!(chars[at - 1], 'b' | 'c') => raw_string(chars, at),
        '\'' if next(1) == Some('\\') || next(2) == Some('\'') => (Kind::Text, quoted(chars, at + 1, '\'')),
        _ => (Kind::Code, at + 1),
    }
}

fn until(chars: &[char], from: usize, ends: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|&at| ends(&chars[at..])).unwrap_or(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string(chars: &[char], at: usize) -> (Kind, usize) {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return (Kind::Code, at + 1);
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
    let quote = until(chars, at + 2 + hashes, closes);
    (Kind::Text, (quote + 1 + hashes).min(chars.len()))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Tells whether `word` stands in `line` by itself; `HashMap` is not in `MyHashMap`, `std::fs` is in `std::fs::read`.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let ends_open = !word.ends_with(is_word);
        !before.is_some_and(is_word) && (ends_open || !after.is_some_and(is_word))
    })
}

/// Returns the functions that have a body, methods and nested ones included.
pub(crate) fn functions(code: &[String]) -> Vec<Function> {
    code.iter().enumerate().filter_map(|(first, line)| function(code, first, line)).collect()
}

fn function(code: &[String], first: usize, line: &str) -> Option<Function> {
    let (before, after) = line.split_once("fn ")?;
    let name: String = after.chars().take_while(|&c| is_word(c)).collect();
    if name.is_empty() || before.ends_with(is_word) {
        return None;
    }
    let (mut braces, mut brackets) = (0_i32, 0_i32);
    let chars = code[first..].iter().enumerate().flat_map(|(line, text)| {
        let skipped = if line == 0 { before.len() } else { 0 };
        text[skipped..].chars().map(move |c| (line, c))
    });
    for (line, c) in chars {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            _ => {}
        }
        if c == '}' && braces == 0 {
            return Some(Function { name, first, lines: line + 1 });
        }
    }
    None
}

/// Returns every path that a `use` brings in or that is written out from `crate`, with its line, counted from 0.
///
/// `use std::{fs, io::Read};` gives `std::fs` and `std::io::Read`, both on the line of the `use`.
pub(crate) fn paths(code: &[String]) -> BTreeSet<(usize, String)> {
    let mut found = BTreeSet::new();
    for (number, line) in code.iter().enumerate() {
        if let Some(tree) = use_tree(code, number, line) {
            found.extend(expand("", &tree).into_iter().map(|path| (number, path)));
        }
        for (at, _) in line.match_indices("crate::") {
            let path: String = line[at..].chars().take_while(|&c| is_word(c) || c == ':').collect();
            if !path.ends_with(':') {
                found.insert((number, path));
            }
        }
    }
    found
}

fn use_tree(code: &[String], number: usize, line: &str) -> Option<String> {
    let line = line.trim_start();
    let start = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].into_iter().find(|s| line.starts_with(s))?;
    let rest = code[number + 1..].iter().map(String::as_str);
    let whole: String = std::iter::once(&line[start.len()..]).chain(rest).collect::<Vec<_>>().join(" ");
    Some(whole.split(';').next().unwrap_or_default().trim().to_owned())
}

fn expand(prefix: &str, tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default().trim();
        let path = if name == "self" { prefix.trim_end_matches("::").to_owned() } else { format!("{prefix}{name}") };
        return if name.is_empty() { Vec::new() } else { vec![path] };
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let prefix = format!("{prefix}{}", head.trim());
    top_level_commas(inner).into_iter().flat_map(|part| expand(&prefix, part)).collect()
}

fn top_level_commas(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}
