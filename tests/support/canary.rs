//! Searches what a program has shown or kept for secrets, in every form in which a library may have written them.
//!
//! Plain, percent-encoded, as JSON or Rust escape them, in hexadecimal, as a list of bytes, and within any base64.
#![allow(dead_code, reason = "each test crate includes the searcher and uses its part of it")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter texts occur by chance, and a story's wrong password is the word `wrong`.
pub(crate) const LENGTH_MIN: usize = 8;

/// Panics when `bytes` hold one of the secrets in any form, with what stands around it; `what` names the bytes.
#[track_caller]
pub(crate) fn assert_none(what: &str, bytes: &[u8], secrets: &[String]) {
    if let Some(found) = find(bytes, secrets) {
        panic!("{what} holds {found}");
    }
}

/// Returns which secret was found, in which form and where; `None` when there is none.
pub(crate) fn find(bytes: &[u8], secrets: &[String]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let wanted = secrets.iter().filter(|secret| secret.len() >= LENGTH_MIN);
    wanted.flat_map(|secret| forms(secret).into_iter().map(move |form| (secret, form))).find_map(
        |(secret, (name, form))| {
            let at = text.find(&form)?;
            let from = (0..=at.saturating_sub(200)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            Some(format!("the secret '{secret}' {name}: {}", &text[from..at + form.len()]))
        },
    )
}

/// Searches every file below a folder but the files and folders of these names, where the secrets are kept.
#[track_caller]
pub(crate) fn assert_none_below(folder: &Path, kept_in: &[&str], secrets: &[String]) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if kept_in.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            assert_none_below(&path, kept_in, secrets);
        } else if let Ok(bytes) = fs::read(&path) {
            // A file that is gone by now belonged to a running program, and will be looked at when that has ended.
            assert_none(&path.display().to_string(), &bytes, secrets);
        }
    }
}

/// The forms of a secret with their names; each is long enough to be no chance.
fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let bytes = secret.as_bytes();
    let joined = |separator: &str, one: &dyn Fn(u8) -> String| {
        bytes.iter().map(|byte| one(*byte)).collect::<Vec<_>>().join(separator)
    };
    let json = serde_json::to_string(secret).expect("a text").trim_matches('"').to_owned();
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("escaped by JSON", json.replace('/', "\\/")),
        ("escaped by JSON", json),
        ("escaped by Rust", format!("{secret:?}").trim_matches('"').to_owned()),
        ("escaped as bytes", bytes.escape_ascii().to_string()),
        ("in hexadecimal", joined("", &|byte| format!("{byte:02x}"))),
        ("in hexadecimal", joined("", &|byte| format!("{byte:02X}"))),
        ("as a list of bytes", joined(", ", &|byte| byte.to_string())),
        ("as a list of bytes", joined(",", &|byte| byte.to_string())),
    ];
    for space in ["%20", "+"] {
        for upper in [true, false] {
            forms.push(("percent-encoded", percent(bytes, space, upper)));
        }
    }
    forms.push(("percent-encoded", joined("", &|byte| format!("%{byte:02x}"))));
    forms.push(("percent-encoded", joined("", &|byte| format!("%{byte:02X}"))));
    for offset in 0..3 {
        for standard in [true, false] {
            forms.push(("in base64", within_base64(bytes, offset, standard)));
        }
    }
    forms.retain(|(_, form)| form.len() >= LENGTH_MIN);
    forms
}

fn percent(bytes: &[u8], space: &str, upper: bool) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b' ' => text.push_str(space),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => text.push(char::from(*byte)),
            _ if upper => write!(text, "%{byte:02X}").expect("a string"),
            _ => write!(text, "%{byte:02x}").expect("a string"),
        }
    }
    text
}

/// What base64 always shows of the bytes when they begin `offset` bytes after a group of three, whatever stands around.
fn within_base64(bytes: &[u8], offset: usize, standard: bool) -> String {
    let shifted: Vec<u8> = std::iter::repeat_n(0, offset).chain(bytes.iter().copied()).collect();
    let whole = if standard { STANDARD_NO_PAD.encode(&shifted) } else { URL_SAFE_NO_PAD.encode(&shifted) };
    // The first characters mix with what stands before, the last one with what follows.
    let from = (offset * 8).div_ceil(6);
    let to = shifted.len() * 8 / 6;
    whole.get(from..to).unwrap_or_default().to_owned()
}
