//! Looks at texts that people and programs will read.

/// Returns whether a text can be shown as it is: no control character, nothing that turns the direction of reading.
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(|c| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// Asserts that a text is printable and has at most `chars_max` characters.
#[track_caller]
pub fn assert_shown(text: &str, chars_max: usize) {
    assert!(is_printable(text), "not printable: {text:?}");
    let chars = text.chars().count();
    assert!(chars <= chars_max, "{chars} characters, not {chars_max}: {text:?}");
}

/// Asserts that none of `secrets` stands in a text.
#[track_caller]
pub fn assert_hides(text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "a secret is shown: {text:?}");
    }
}

/// Splits at the first empty line: what comes before it as text, and the bytes behind it.
pub fn head_and_rest(data: &[u8]) -> Option<(&str, &[u8])> {
    let at = data.windows(2).position(|two| two == b"\n\n")?;
    Some((std::str::from_utf8(&data[..at]).ok()?, &data[at + 2..]))
}
