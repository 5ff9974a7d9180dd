//! Why a read of Clopos gave nothing, by what has to be done about it.
//!
//! Owns the error table of clopos-api.md; holds no text that a secret could be in, because every word taken over from an
//! answer goes through [`Said`]. Invariant: one variant per reaction, never two for the same one.

use std::time::Duration;

use crate::mask;
use crate::units::printable;

/// Characters of an answer's own words that are repeated to people: a sentence, not a page.
const SAID_CHARS_MAX: usize = 200;

/// What a failed read means. Its `Display` is for people and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Verdict {
    /// The token is stale: authenticate again, once. [`super::auth::Session`] counts.
    #[error("Clopos no longer accepts the token ({said}); a new one is fetched by itself")]
    TokenStale {
        /// Clopos's own words.
        said: Said,
    },
    /// Our integrator id is dead: every brand is unread.
    #[error(
        "Clopos refuses the integrator id ({said}), so no brand can be read: check integrator_id in the configuration \
         and ask Clopos whether it is still active"
    )]
    IntegratorRefused {
        /// Clopos's own words.
        said: Said,
    },
    /// This brand's credentials do not work: look again slowly.
    #[error("Clopos refuses the credentials of this brand ({said}): {fix}")]
    CredentialsRefused {
        /// What a person must put right.
        fix: &'static str,
        /// Clopos's own words.
        said: Said,
    },
    /// The module or role of the user behind the credentials does not allow this read.
    #[error(
        "the Staff user behind the credentials may not read this ({said}): give its role access to products, stop list, \
         stations and prices in the back office of Clopos"
    )]
    Forbidden {
        /// Clopos's own words.
        said: Said,
    },
    /// The product is not there; gone only when a second read agrees.
    #[error("Clopos knows no product under this id ({said}); it counts as removed when a second read says so too")]
    NotFound {
        /// Clopos's own words.
        said: Said,
    },
    /// Over a quota: nothing more from this brand before the wait is over.
    #[error("Clopos asks to wait {} s because of too many requests; other programs may be using the same credentials or address", wait.as_secs())]
    RateLimited {
        /// How long, from the moment of the answer.
        wait: Duration,
    },
    /// A trouble of the network or the server that ends by itself: back off, try again.
    #[error("Clopos cannot be read just now ({why}); it is tried again by itself")]
    Passing {
        /// What happened.
        why: Said,
    },
    /// Something answered, but not in a form that Clopos publishes. Not a reading.
    #[error("the answer is not one of Clopos's ({why}); if it stays so, check base_url and the proxies on the way")]
    Unreadable {
        /// What came instead.
        why: Said,
    },
    /// Clopos calls our request wrong: a matter of this program or of `base_url`.
    #[error(
        "Clopos calls the request wrong ({why}): check base_url and venues in the configuration, and report it if they are right"
    )]
    Refused {
        /// Clopos's own words.
        why: Said,
    },
}

impl Verdict {
    /// The words of all kinds, in the order of the variants.
    pub const WORDS: [&'static str; 9] = [
        "token_stale",
        "integrator_refused",
        "credentials_refused",
        "forbidden",
        "not_found",
        "rate_limited",
        "passing",
        "unreadable",
        "refused",
    ];

    /// Returns the kind in a word, for metrics and JSON: `token_stale`, `passing`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TokenStale { .. } => "token_stale",
            Self::IntegratorRefused { .. } => "integrator_refused",
            Self::CredentialsRefused { .. } => "credentials_refused",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::Passing { .. } => "passing",
            Self::Unreadable { .. } => "unreadable",
            Self::Refused { .. } => "refused",
        }
    }

    /// Returns true when only a person can end it, so that asking often is of no use.
    pub const fn needs_a_person(&self) -> bool {
        match self {
            Self::IntegratorRefused { .. } | Self::CredentialsRefused { .. } | Self::Forbidden { .. } => true,
            Self::TokenStale { .. }
            | Self::NotFound { .. }
            | Self::RateLimited { .. }
            | Self::Passing { .. }
            | Self::Unreadable { .. }
            | Self::Refused { .. } => false,
        }
    }
}

/// Words of an answer or of the network, made safe to show: secrets blotted out, printable, short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said(String);

impl Said {
    /// Takes words from outside. Secrets are blotted out before the cut, so that no half of one survives it.
    pub fn new(words: &str, secrets: &[&str]) -> Self {
        Self(printable(without_tokens(&mask::masked(words, secrets)).trim(), SAID_CHARS_MAX))
    }

    /// Takes words of this program.
    pub fn own(words: &str) -> Self {
        Self::new(words, &[])
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Blots out what looks like a token: a login whose answer is cut or spoilt carries one that nobody knows yet.
fn without_tokens(words: &str) -> String {
    // No published word or address is so long; a JWT is three times that.
    const LOOKS_SECRET: usize = 32;
    let in_token = |c: char| c.is_ascii_alphanumeric() || "_-.+=".contains(c);
    let mut kept = String::with_capacity(words.len());
    let mut rest = words;
    while !rest.is_empty() {
        let run = &rest[..rest.find(|c| !in_token(c)).unwrap_or(rest.len())];
        let mixed = run.contains(|c: char| c.is_ascii_digit()) && run.contains(|c: char| c.is_ascii_alphabetic());
        kept.push_str(if run.len() >= LOOKS_SECRET && mixed { "•••" } else { run });
        rest = &rest[run.len()..];
        if let Some(c) = rest.chars().next() {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    kept
}

/// What a request was about, as far as the meaning of its failure depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `POST /auth`.
    Auth,
    /// `GET /products/{id}`, where 404 is an answer.
    OneProduct,
    /// Any list.
    List,
}

/// Judges a failure that Clopos itself reported, from its status and its `error` and `message`.
///
/// The words decide before the status where they are known, because the same refusal comes as 200, 400 or 401.
pub fn judge(subject: Subject, status: u16, words: &str, wait: Duration, secrets: &[&str]) -> Verdict {
    let said = Said::new(if words.trim().is_empty() { "no reason given" } else { words }, secrets);
    let heard = words.to_lowercase();
    let has = |any: &[&str]| heard.split(|c: char| !c.is_alphanumeric()).any(|word| any.contains(&word));
    if status == 429 || heard.contains("too many requests") || heard.contains("rate limit") {
        return Verdict::RateLimited { wait };
    }
    if status >= 500 || status == 408 {
        return Verdict::Passing { why: Said::new(&format!("status {status}: {words}"), secrets) };
    }
    let of_modes = has(&["test", "sandbox"]) && has(&["production", "prod", "live", "mode", "mismatch"]);
    if of_modes {
        let fix = "the integrator is for test brands and the brand is a production one, or the reverse; use an \
                   integrator_id of the same kind as the brand";
        return Verdict::CredentialsRefused { fix, said };
    }
    let refused = ["invalid", "disabled", "inactive", "unknown", "blocked", "revoked", "found"];
    if (has(&["integrator", "integrator_id"]) || heard.contains("integrator_id")) && has(&refused) {
        return Verdict::IntegratorRefused { said };
    }
    if has(&["client"]) && has(&["disabled", "inactive", "blocked"]) {
        let fix = "the client is switched off; ask Clopos or the owner of the brand to switch it on";
        return Verdict::CredentialsRefused { fix, said };
    }
    if subject == Subject::Auth {
        return judge_auth(status, said);
    }
    match status {
        401 if has(&["upstream"]) => {
            let fix = "the point of sale itself turned the user of these credentials away; check client_id, \
                       client_secret and brand";
            Verdict::CredentialsRefused { fix, said }
        }
        // A fresh token is the cheapest way to find out; the second refusal in a row is an outage (auth::Session).
        401 => Verdict::TokenStale { said },
        403 => Verdict::Forbidden { said },
        404 if subject == Subject::OneProduct => Verdict::NotFound { said },
        _ if has(&["token", "unauthorized", "unauthenticated"]) => Verdict::TokenStale { said },
        _ if has(&["forbidden", "permission"]) => Verdict::Forbidden { said },
        _ if subject == Subject::OneProduct && heard.contains("resource_not_found") => Verdict::NotFound { said },
        400..=499 => Verdict::Refused { why: Said::new(&format!("status {status}: {words}"), secrets) },
        _ if heard.contains("invalid_parameter") => Verdict::Refused { why: said },
        // A 200 that says it failed, in words that are not published: no reading, and nothing to put right here.
        _ => Verdict::Passing { why: said },
    }
}

fn judge_auth(status: u16, said: Said) -> Verdict {
    let fix = match status {
        400 => {
            "a field of the credentials is missing or malformed; set client_id, client_secret, brand and integrator_id"
        }
        404 => return Verdict::Refused { why: said },
        _ => "check client_id, client_secret and brand; they belong together and cannot be mixed",
    };
    Verdict::CredentialsRefused { fix, said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_kinds() {
        let (said, why) = (Said::own("x"), Said::own("x"));
        let all = [
            Verdict::TokenStale { said: said.clone() },
            Verdict::IntegratorRefused { said: said.clone() },
            Verdict::CredentialsRefused { fix: "x", said: said.clone() },
            Verdict::Forbidden { said: said.clone() },
            Verdict::NotFound { said },
            Verdict::RateLimited { wait: Duration::ZERO },
            Verdict::Passing { why: why.clone() },
            Verdict::Unreadable { why: why.clone() },
            Verdict::Refused { why },
        ];
        assert_eq!(all.map(|verdict| verdict.word()), Verdict::WORDS);
    }
}
