//! Tokens as `POST /auth` gives them out: opaque, an hour long, several valid at once.
//!
//! Must never check anything but the token itself. Invariant: a token that was given out is known, valid or expired,
//! until the book overflows; the oldest leave first.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::chance::Chance;
use crate::units::{BrandId, Timestamp, VenueId};

/// Tokens remembered: a day of one every twenty seconds.
const TOKENS_MAX: usize = 4_096;

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The tenant.
    pub brand: BrandId,
    /// The caller.
    pub integrator: String,
    /// Until when it is valid.
    pub expires_at: Timestamp,
}

/// All tokens given out.
#[derive(Clone, Debug)]
pub struct TokenBook {
    tokens: BTreeMap<String, Token>,
    order: VecDeque<String>,
    chance: Chance,
}

impl TokenBook {
    /// Starts an empty book; the same seed gives the same tokens.
    pub const fn new(seed: u64) -> Self {
        Self { tokens: BTreeMap::new(), order: VecDeque::new(), chance: Chance::new(seed ^ 0x746f_6b65_6e73) }
    }

    /// Gives out a token that looks like a JWT and is none.
    pub fn issue(&mut self, token: Token, venue: VenueId) -> String {
        let claims = format!(
            r#"{{"brand":"{}","venue_id":{venue},"integrator_id":"{}","expires_at":{}}}"#,
            token.brand,
            token.integrator.escape_default(),
            token.expires_at.unix_s()
        );
        let signature: Vec<u8> = (0..4).flat_map(|_| self.chance.bits().to_be_bytes()).collect();
        let parts = [br#"{"alg":"HS256","typ":"JWT"}"#.as_slice(), claims.as_bytes(), &signature];
        let text = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        if self.order.len() >= TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.order.push_back(text.clone());
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Returns what a token stands for, valid or expired; `None` when it was never given out.
    pub fn find(&self, text: &str) -> Option<&Token> {
        self.tokens.get(text)
    }

    /// Lets one token expire now.
    pub fn expire_one(&mut self, text: &str, now: Timestamp) {
        if let Some(token) = self.tokens.get_mut(text) {
            token.expires_at = token.expires_at.min(now);
        }
    }

    /// Lets all tokens of a brand expire now.
    pub fn expire(&mut self, brand: &BrandId, now: Timestamp) {
        for token in self.tokens.values_mut().filter(|token| token.brand == *brand) {
            token.expires_at = token.expires_at.min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_three_parts_differ_and_are_forgotten_oldest_first() {
        let mut book = TokenBook::new(1);
        let token = Token {
            brand: BrandId::new("sahil").expect("slug"),
            integrator: "int \"1\"".into(),
            expires_at: Timestamp::from_unix_ms(1),
        };
        let first = book.issue(token.clone(), VenueId(1));
        let second = book.issue(token.clone(), VenueId(1));
        assert_ne!(first, second);
        assert_eq!(first.split('.').count(), 3);
        assert_eq!(book.find(&first), Some(&token));
        assert_eq!(book.find("x"), None);
        for _ in 0..TOKENS_MAX - 1 {
            book.issue(token.clone(), VenueId(1));
        }
        assert_eq!((book.find(&first), book.find(&second)), (None, Some(&token)));
    }
}
