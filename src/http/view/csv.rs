//! Lines of CSV as RFC 4180 has them, which a program for tables may open.
//!
//! Such a program takes a cell for a formula that begins like one, whatever the quotes around it. Invariant: no cell does.

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
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let is_quoted = cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    let guard = if is_formula { "'" } else { "" };
    if is_quoted {
        text.push('"');
        text.push_str(guard);
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(guard);
        text.push_str(cell);
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
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a=1", "a=1"),
        ] {
            let mut text = String::new();
            push(&mut text, &[cell, "x"]);
            assert_eq!(text, format!("{expected},x\r\n"), "{cell:?}");
        }
    }
}
