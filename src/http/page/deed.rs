//! What a page says was done just now: signed in the address to which a form leads, for whoever sent the form.
//!
//! Keeps nothing. Invariant: no link that somebody else made has a page say that something was done.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;

use crate::http::access::{Visitor, signature};
use crate::units::{Secret, Timestamp};

/// How long it is said: who comes back later reads what is so, and not what was done once.
const SAID_FOR: Duration = Duration::from_mins(1);
/// What the signatures are made for: the key also signs cookies and links.
const OF_DEEDS: &[u8] = b"eightysix deed\0";

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Deed {
    /// It was noted who takes care.
    Care,
    /// A silence was made.
    Silence,
    /// A silence was ended.
    SilenceEnd,
    /// So many dead letters are sent again.
    Resent(usize),
}

/// Signs what was done, and reads it.
#[derive(Clone)]
pub(in crate::http) struct Deeds {
    key: Secret,
}

impl Deeds {
    /// Signs with a key.
    pub(in crate::http) const fn new(key: Secret) -> Self {
        Self { key }
    }

    /// Writes what a visitor did as the parameter of an address.
    pub(super) fn written(&self, deed: Deed, visitor: &Visitor, now: Timestamp) -> String {
        let (word, at) = (word(deed), now.unix_s().to_string());
        let tag = signature(&self.key, OF_DEEDS, &[&visitor.name, &word, &at]).finalize().into_bytes();
        format!("{word}.{at}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads what this visitor did a moment ago.
    pub(super) fn read(&self, written: &str, visitor: &Visitor, now: Timestamp) -> Option<Deed> {
        let (signed, tag) = written.rsplit_once('.')?;
        let (word, at) = signed.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        signature(&self.key, OF_DEEDS, &[&visitor.name, word, at]).verify_slice(&tag).ok()?;
        let done_at = Timestamp::from_unix_ms(at.parse::<i64>().ok()?.checked_mul(1_000)?);
        // One that lies ahead is of a clock that was set back.
        (done_at <= now && now.since(done_at) < SAID_FOR).then(|| of_word(word))?
    }
}

fn word(deed: Deed) -> String {
    match deed {
        Deed::Care => "care".to_owned(),
        Deed::Silence => "silence".to_owned(),
        Deed::SilenceEnd => "end".to_owned(),
        Deed::Resent(count) => format!("resent-{count}"),
    }
}

fn of_word(word: &str) -> Option<Deed> {
    match word {
        "care" => Some(Deed::Care),
        "silence" => Some(Deed::Silence),
        "end" => Some(Deed::SilenceEnd),
        word => word.strip_prefix("resent-")?.parse().ok().map(Deed::Resent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::access::{Means, Role};

    #[test]
    fn a_deed_is_said_to_whoever_did_it_and_soon_forgotten() {
        let visitor = |name: &str| Visitor { name: name.to_owned(), may: Role::Act, by: Means::Bearer };
        let (anar, deeds) = (visitor("anar"), Deeds::new(Secret::new("key")));
        let at = |s: i64| Timestamp::from_unix_ms(1_778_250_000_400 + s * 1_000);
        for deed in [Deed::Care, Deed::Silence, Deed::SilenceEnd, Deed::Resent(0), Deed::Resent(12)] {
            let written = deeds.written(deed, &anar, at(0));
            assert!(written.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{written}");
            for (visitor, s, expected) in [
                (&anar, 0, Some(deed)),
                (&anar, 59, Some(deed)),
                (&anar, 60, None),
                (&anar, -1, None),
                (&visitor("leyla"), 0, None),
                (&visitor(""), 0, None),
            ] {
                assert_eq!(deeds.read(&written, visitor, at(s)), expected, "{deed:?} of {visitor:?} after {s} s");
            }
            assert_eq!(Deeds::new(Secret::new("another")).read(&written, &anar, at(0)), None);
        }
        let written = deeds.written(Deed::Resent(1), &anar, at(0));
        for forged in ["", "care", "resent-999999", "care.1.x", &written.replace("-1.", "-9."), &written[1..]] {
            assert_eq!(deeds.read(forged, &anar, at(0)), None, "{forged}");
        }
    }
}
