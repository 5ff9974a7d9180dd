//! Lines of CSV as RFC 4180 has them, which a program for tables may open.
//!
//! Such a program takes a cell for a formula that begins like one, whatever the quotes around it; where commas are in numbers,
//! as in Azerbaijani and Russian, it also splits cells at semicolons. Invariant: no text begins so, however
//! cells are split.

/// What the first cell of a file stands behind, so that programs for tables know that it is UTF-8.
pub(in crate::http) const MARK: &str = "\u{feff}";

/// A cell of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) enum Cell {
    /// A text of anybody.
    Text(String),
    /// A number of ours, which stays one also where it is below zero.
    Number(String),
}

impl Cell {
    /// Writes a text.
    pub(in crate::http) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Writes an amount, or nothing.
    pub(in crate::http) fn amount(amount: Option<f64>) -> Self {
        Self::Number(amount.map(|it| it.to_string()).unwrap_or_default())
    }

    /// Writes a whole number, or nothing.
    pub(in crate::http) fn whole(number: Option<u64>) -> Self {
        Self::Number(number.map(|it| it.to_string()).unwrap_or_default())
    }
}

/// Adds a line.
pub(in crate::http) fn push(text: &mut String, cells: &[Cell]) {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        match cell {
            Cell::Text(cell) => push_text(text, cell),
            Cell::Number(number) => text.push_str(number),
        }
    }
    text.push_str("\r\n");
}

fn push_text(text: &mut String, cell: &str) {
    let is_quoted = cell.contains(['"', ',', ';', '\t', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    let is_edge = |c: char| matches!(c, ';' | '\t' | '\r' | '\n' | '"');
    let mut at_edge = true;
    if is_quoted {
        text.push('"');
    }
    for c in cell.chars() {
        if at_edge && matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') {
            text.push('\'');
        }
        if c == '"' {
            text.push('"');
        }
        text.push(c);
        // Spaces before a sign are skipped by some.
        at_edge = is_edge(c) || (at_edge && c == ' ');
    }
    if is_quoted {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_none_begins_like_a_formula() {
        for (cell, expected) in [
            ("", ""),
            ("Plov", "Plov"),
            ("Plov, böyük", "\"Plov, böyük\""),
            ("0.5 \"L\"", "\"0.5 \"\"L\"\"\""),
            ("a\nb", "\"a\nb\""),
            (" a", "\" a\""),
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t'=1\""),
            ("\r=1", "\"'\r'=1\""),
            ("Plov;=1+1", "\"Plov;'=1+1\""),
            ("Plov; @x", "\"Plov; '@x\""),
            ("a\"=1", "\"a\"\"'=1\""),
            ("a=1", "a=1"),
        ] {
            let mut text = String::new();
            push(&mut text, &[Cell::text(cell), Cell::amount(Some(-1.5)), Cell::whole(None), Cell::text("x")]);
            assert_eq!(text, format!("{expected},-1.5,,x\r\n"), "{cell:?}");
        }
    }
}
