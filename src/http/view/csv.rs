//! Lines of CSV as RFC 4180 has them, which a program for tables may open.
//!
//! Such a program takes a cell for a formula that begins like one, whatever the quotes around it; where commas are in numbers,
//! as in Azerbaijani and Russian, it also splits cells at semicolons. Invariant: no cell begins so, however they are split.

/// What the first cell of a file stands behind, so that programs for tables know that it is UTF-8.
pub(in crate::http) const MARK: &str = "\u{feff}";

/// Adds a line.
pub(in crate::http) fn push(text: &mut String, cells: &[&str]) {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        push_cell(text, cell);
    }
    text.push_str("\r\n");
}

fn push_cell(text: &mut String, cell: &str) {
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
            push(&mut text, &[cell, "x"]);
            assert_eq!(text, format!("{expected},x\r\n"), "{cell:?}");
        }
    }
}
