//! What the CEL parser says of broken syntax -> what a person wrote by mistake, and what to write instead.
//!
//! The parser's own words list every token that could follow; here the text at the place decides.

use cel::parser::ParseErrors;

use crate::rules::parse::expression::SUCH_AS;
use crate::units;

/// How deep brackets may stand within each other; the parser takes about 130 KB of the
/// stack for each without optimisation, and a thread has 2 MB.
const BRACKETS_DEPTH_MAX: usize = 6;

/// Words and signs of other languages, and what CEL has for them.
const ELSEWHERE: [(&str, &str); 8] =
    [("and", "&&"), ("or", "||"), ("not", "!"), ("=", "=="), ("<>", "!="), ("&", "&&"), ("|", "||"), ("is", "==")];

/// Returns where the first mistake is (bytes), what it is, and what to write.
pub(super) fn mistake(source: &str, errors: &ParseErrors) -> (usize, usize, String, String) {
    let Some(first) = errors.errors.first() else {
        return (0, source.len(), "this expression cannot be read".to_owned(), SUCH_AS.to_owned());
    };
    if first.msg.contains("has()") {
        let message = "'has' takes a name with a dot".to_owned();
        return (0, source.len(), message, "write has(item.limit) for a field without one".to_owned());
    }
    let start = byte_of(source, first.pos);
    let rest = source.get(start..).unwrap_or("");
    let token = token_at(rest);
    if token.is_empty() {
        return (0, source.len(), "the expression ends too early".to_owned(), SUCH_AS.to_owned());
    }
    let shown = units::printable(token, 60);
    let written = ELSEWHERE.iter().find(|(wrong, _)| *wrong == token);
    let help = written.map_or_else(|| SUCH_AS.to_owned(), |(wrong, right)| format!("write {right} for {wrong}"));
    (start, start + token.len(), format!("'{shown}' cannot stand here in an expression"), help)
}

/// Returns the byte of a line (from 1) and column (from 1, in characters) of a text.
fn byte_of(source: &str, (line, column): (isize, isize)) -> usize {
    let (Ok(line), Ok(column)) = (usize::try_from(line), usize::try_from(column)) else { return 0 };
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(before..).unwrap_or("");
    rest.char_indices().nth(column.saturating_sub(1)).map_or(source.len(), |(at, _)| before + at)
}

/// Returns the word, the run of operator signs, or the one character that a text begins with.
fn token_at(rest: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_sign = |c: char| "=<>&|".contains(c);
    let Some(first) = rest.chars().next() else { return "" };
    let end = match first {
        _ if is_word(first) => rest.find(|c| !is_word(c)),
        _ if is_sign(first) => rest.find(|c| !is_sign(c)),
        _ => Some(first.len_utf8()),
    };
    &rest[..end.unwrap_or(rest.len())]
}

/// Looks over an expression before the parser does, and returns what must not reach it, as [`mistake`] does. The parser
/// recurses several times for each bracket, and would use up the stack of a thread.
///
/// Brackets inside texts do not count, so where a text ends must be what the parser thinks, also where it goes on behind a
/// mistake. Hence whatever the two could read differently is refused here.
pub(super) fn refused(source: &str) -> Option<(usize, usize, String, String)> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(c) = source[at..].chars().next() {
        let rest = &source[at..];
        let mut length = c.len_utf8();
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '?' => {
                let help = "write (a && b) || (!a && c) for a ? b : c".to_owned();
                return Some((at, at + 1, "an expression has no '? :'".to_owned(), help));
            }
            '`' => {
                let message = "'`' cannot stand here in an expression".to_owned();
                return Some((at, at + 1, message, "write a price list as prices['Happy hour']".to_owned()));
            }
            '/' if rest.starts_with("//") => length = rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => match text_length(source, at, c) {
                Ok(text) => length = text,
                Err((start, end, message, help)) => return Some((start, end, message.to_owned(), help)),
            },
            _ => {}
        }
        if depth > BRACKETS_DEPTH_MAX {
            let message = format!("brackets are nested deeper than the {BRACKETS_DEPTH_MAX} levels that are read");
            return Some((at, at + 1, message, "write parts of it under 'when'".to_owned()));
        }
        at += length;
    }
    None
}

/// Returns the bytes of the text in quotes that begins at a byte, or what is wrong with it and where.
fn text_length(source: &str, start: usize, quote: char) -> Result<usize, (usize, usize, &'static str, String)> {
    let before = &source[..start];
    let word = &before[before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len()..];
    let is_raw = matches!(word, "r" | "R");
    if !word.is_empty() && !is_raw {
        let help = "write a text such as 'Fanta', with an operator before it".to_owned();
        return Err((start, start + 1, "a text cannot stand directly behind a word", help));
    }
    let endless =
        || (start, start + 1, "a text begins here and does not end", format!("put it into one pair of {quote}"));
    let rest = &source[start..];
    if rest.chars().take(3).filter(|c| *c == quote).count() == 3 {
        return Err(endless());
    }
    let mut at = 1;
    while let Some(c) = rest[at..].chars().next() {
        match c {
            '\n' | '\r' => return Err(endless()),
            '\\' if !is_raw => {
                let Some(length) = escape_length(&rest[at..]) else {
                    let help = "write two of them, or r before the text's quotes".to_owned();
                    return Err((start + at, start + at + 1, "this backslash has no meaning in a text", help));
                };
                at += length;
            }
            _ if c == quote => return Ok(at + 1),
            _ => at += c.len_utf8(),
        }
    }
    Err(endless())
}

/// Returns the bytes of the escape that a text begins with, as CEL has them.
fn escape_length(rest: &str) -> Option<usize> {
    let is_octal = |b: &u8| (b'0'..=b'7').contains(b);
    let digits = |count: usize| {
        let digits = rest.as_bytes().get(2..2 + count)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(2 + count)
    };
    match rest.as_bytes().get(1)? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'"' | b'\'' | b'\\' | b'?' | b'`' => Some(2),
        b'x' | b'X' => digits(2),
        b'u' => digits(4),
        b'U' => digits(8),
        b'0'..=b'3' => rest.as_bytes().get(2..4)?.iter().all(is_octal).then_some(4),
        _ => None,
    }
}
