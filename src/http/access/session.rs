//! The cookie of a browser that logged in: who it is and since when, signed, so that nothing is kept here.
//!
//! Must never show a token. Invariant: a cookie is good for as long as its token is the same, and for [`KEPT`] at most.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::http::access::Token;
use crate::units::{Secret, Timestamp};

/// How long a browser stays logged in that is not used: a screen that hangs in a kitchen which is closed for the season.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// A cookie that is older is given anew when it is used.
const RENEWED_AFTER: Duration = Duration::from_hours(24);
/// What the signatures are made for: the key also signs the links in mails.
const OF_COOKIES: &[u8] = b"eightysix session\0";
const OF_TOKENS: &[u8] = b"eightysix token\0";
/// A cookie whose time lies ahead is of a clock that was set back.
const CLOCK_SLACK: Duration = Duration::from_mins(5);

/// Makes cookies and reads them.
pub(super) struct Sessions {
    key: Secret,
    name: String,
}

/// Where a browser reaches us, so that it sends the cookie there and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach<'a> {
    /// The path of our pages, without a slash at its end.
    pub(super) base: &'a str,
    /// Whether it speaks TLS to the proxy before us: a cookie of an encrypted page is never sent otherwise.
    pub(super) is_encrypted: bool,
}

impl Sessions {
    /// Names the cookie after the port, as browsers give the cookies of all ports of a machine to each of them.
    pub(super) fn new(key: Secret, port: u16) -> Self {
        Self { key, name: format!("eightysix-{port}") }
    }

    /// Finds a token by its text; takes the same time whatever differs.
    pub(super) fn find<'a>(&self, tokens: &'a BTreeMap<String, Token>, text: &str) -> Option<(&'a str, &'a Token)> {
        let given = self.mac(OF_TOKENS, &[text]).finalize();
        let is_it = |token: &Token| self.mac(OF_TOKENS, &[token.secret.expose()]).finalize() == given;
        let found =
            tokens.iter().fold(None, |found, (name, token)| if is_it(token) { Some((name, token)) } else { found });
        found.map(|(name, token)| (name.as_str(), token))
    }

    /// Makes the cookie of whoever has a token.
    pub(super) fn cookie(&self, name: &str, token: &Token, reach: Reach<'_>, now: Timestamp) -> HeaderValue {
        let at = now.unix_s().to_string();
        let tag = self.mac(OF_COOKIES, &[name, &at, token.secret.expose()]).finalize().into_bytes();
        self.set(&format!("{name}.{at}.{}", URL_SAFE_NO_PAD.encode(tag)), KEPT, reach)
    }

    /// Makes the cookie that takes the other away.
    pub(super) fn no_cookie(&self, reach: Reach<'_>) -> HeaderValue {
        self.set("", Duration::ZERO, reach)
    }

    fn set(&self, value: &str, kept: Duration, reach: Reach<'_>) -> HeaderValue {
        let Reach { base, is_encrypted } = reach;
        let secure = if is_encrypted { "; Secure" } else { "" };
        let (name, path) = (&self.name, if base.is_empty() { "/" } else { base });
        let text = format!("{name}={value}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", kept.as_secs());
        HeaderValue::from_str(&text).expect("names of tokens, base64 and our own path are ASCII")
    }

    /// Says whether a session is so old that its cookie should be given anew.
    pub(super) fn is_to_renew(at: Timestamp, now: Timestamp) -> bool {
        now.since(at) >= RENEWED_AFTER
    }

    /// Reads the cookie of a request: whose it is, and when it was made.
    pub(super) fn read<'a>(
        &self,
        headers: &HeaderMap,
        tokens: &'a BTreeMap<String, Token>,
        now: Timestamp,
    ) -> Option<(&'a str, Timestamp, &'a Token)> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        // A machine may hold cookies of others by the same name for other paths: the one that is ours is good.
        let mut ours = pairs.filter(|(name, _)| *name == self.name).map(|(_, value)| value);
        ours.find_map(|value| self.read_value(value, tokens, now))
    }

    fn read_value<'a>(
        &self,
        value: &str,
        tokens: &'a BTreeMap<String, Token>,
        now: Timestamp,
    ) -> Option<(&'a str, Timestamp, &'a Token)> {
        let (signed, tag) = value.rsplit_once('.')?;
        // A name may have dots.
        let (name, at) = signed.rsplit_once('.')?;
        let (name, token) = tokens.get_key_value(name)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        self.mac(OF_COOKIES, &[name, at, token.secret.expose()]).verify_slice(&tag).ok()?;
        let made_at = Timestamp::from_unix_ms(at.parse::<i64>().ok()?.checked_mul(1_000)?);
        let is_good = made_at <= now.plus(CLOCK_SLACK) && now.since(made_at) < KEPT;
        is_good.then_some((name.as_str(), made_at, token))
    }

    fn mac(&self, purpose: &[u8], parts: &[&str]) -> Hmac<Sha256> {
        signature(&self.key, purpose, parts)
    }
}

/// Signs texts for a purpose.
pub(in crate::http) fn signature(key: &Secret, purpose: &[u8], parts: &[&str]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of every length");
    mac.update(purpose);
    for part in parts {
        // Parts cannot run into each other.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac
}
