//! Blots secrets out of what another program said: servers repeat what they were sent, as it was or encoded anew.
//!
//! Owns the list of forms that are recognised; everything from outside that is shown, logged or kept goes through here
//! first. Invariant: what is returned holds none of the secrets in any of these forms.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in the place of a secret.
const DOTS: &str = "•••";
/// Shorter secrets occur in ordinary words, and dots there would only confuse.
const SECRET_MIN: usize = 4;
/// The same for what base64 always shows of a short one: fewer characters stand in any word.
const BASE64_MIN: usize = 8;

/// Replaces each of `secrets` by dots wherever it stands in `said`: plain, escaped by JSON or HTML, percent-encoded, in
/// hexadecimal, or within base64 (from 6 bytes on).
pub fn masked<S: AsRef<str>>(said: &str, secrets: &[S]) -> String {
    let mut shown = said.to_owned();
    let mut secrets: Vec<&str> = secrets.iter().map(AsRef::as_ref).filter(|it| it.len() >= SECRET_MIN).collect();
    // One that begins another must not leave the other's end.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    for secret in secrets {
        shown = shown.replace(secret, DOTS);
        for form in forms(secret) {
            shown = shown.replace(&form, DOTS);
        }
        for (offset, standard) in (0..3).flat_map(|offset| [(offset, true), (offset, false)]) {
            let form = within_base64(secret.as_bytes(), offset, standard);
            if form.len() >= BASE64_MIN {
                shown = without_words_that_hold(&form, shown);
            }
        }
    }
    shown
}

fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let ascii = json_ascii(&json);
    // PHP escapes the slash as well.
    let mut forms = vec![json.replace('/', "\\/"), ascii.replace('/', "\\/"), ascii, json];
    for (quote, apostrophe) in [("&quot;", "&#39;"), ("&#34;", "&#x27;"), ("&quot;", "&#039;")] {
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        forms.push(html.replace('"', quote).replace('\'', apostrophe));
    }
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (hexadecimal, each_escaped) = (digits.concat(), format!("%{}", digits.join("%")));
    forms.extend([hexadecimal.to_uppercase(), hexadecimal, each_escaped.to_uppercase(), each_escaped]);
    for space in ["%20", "+"] {
        forms.extend([percent_encoded(bytes, space, true), percent_encoded(bytes, space, false)]);
    }
    forms
}

/// Replaces the whole words of base64 that hold `form`: what stands before and behind it there belongs to the login.
fn without_words_that_hold(form: &str, text: String) -> String {
    let outside = |c: char| !(c.is_ascii_alphanumeric() || "+/-_=".contains(c));
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(form) {
        let from = rest[..at]
            .rfind(outside)
            .map_or(0, |before| before + rest[before..].chars().next().map_or(1, char::len_utf8));
        let behind = at + form.len();
        let to = rest[behind..].find(outside).map_or(rest.len(), |end| behind + end);
        shown.push_str(&rest[..from]);
        shown.push_str(DOTS);
        rest = &rest[to..];
    }
    if shown.is_empty() { text } else { shown + rest }
}

/// Escapes as JSON does that keeps to ASCII.
fn json_ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            Ok(_) | Err(_) => escaped.extend(format!("\\u{unit:04x}").chars()),
        }
    }
    escaped
}

fn percent_encoded(bytes: &[u8], space: &str, in_capitals: bool) -> String {
    let encoded = |byte: &u8| match byte {
        b' ' => space.to_owned(),
        _ if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => char::from(*byte).to_string(),
        _ if in_capitals => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    bytes.iter().map(encoded).collect()
}

/// Returns what base64 always shows of the bytes when they begin `offset` bytes after a group of three, as the password
/// in the one word of a login does; the characters at both ends depend on what stands around.
fn within_base64(bytes: &[u8], offset: usize, standard: bool) -> String {
    let mut shifted = vec![0; offset];
    shifted.extend_from_slice(bytes);
    let whole = if standard { STANDARD_NO_PAD.encode(&shifted) } else { URL_SAFE_NO_PAD.encode(&shifted) };
    let (from, to) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
    whole.get(from..to).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blotted_out_in_every_form() {
        let secret = "P\u{e4}ss/w\"ord ?>~ 4711";
        let cases = [
            secret.to_owned(),
            "P\u{e4}ss\\/w\\\"ord ?>~ 4711".to_owned(),
            "P\\u00e4ss\\/w\\\"ord ?>~ 4711".to_owned(),
            "P\u{e4}ss/w&quot;ord ?&gt;~ 4711".to_owned(),
            "P%C3%A4ss%2Fw%22ord%20%3F%3E~%204711".to_owned(),
            "P%c3%a4ss%2fw%22ord+%3f%3e~+4711".to_owned(),
            "50c3a47373".to_owned() + "2f77226f7264203f3e7e2034373131",
            STANDARD_NO_PAD.encode(secret),
            STANDARD_NO_PAD.encode(format!("\0alerts\0{secret}")) + "==",
            URL_SAFE_NO_PAD.encode(format!("ab{secret}c")),
        ];
        for said in cases {
            assert_eq!(masked(&format!("ü<{said}> ü"), &[secret]), "ü<•••> ü", "{said}");
            assert_eq!(masked(&format!("{said} and {said}"), &[secret]), "••• and •••", "{said}");
        }
    }

    #[test]
    fn short_secrets_and_those_that_begin_others_leave_nothing() {
        assert_eq!(masked("ab\\/cd1 ab%2fcd1 ab/cd12345", &["ab/cd1", "ab/cd12345"]), "••• ••• •••");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for said in ["", "no", "expired 4711 times", "cGFzcw"] {
            assert_eq!(masked(said, &["p", "", "pass", "word ?>~ 47"]), said);
        }
    }
}
