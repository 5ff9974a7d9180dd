//! Signatures by Standard Webhooks 1.0: what makes a receiver believe that a request is ours and fresh.
//!
//! Pure. Must never show a key. Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::units::{Secret, Timestamp};

/// The range of key sizes that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A signing key. Prints as dots.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(Vec<u8>);

impl Key {
    /// Reads `whsec_` with base64 behind it, or takes the bytes of any other text as they are.
    ///
    /// Libraries of the standard decode base64 without the prefix as well; we do not guess, because a plain text of
    /// letters is often valid base64 by accident.
    ///
    /// # Errors
    /// What is wrong and what to write, without any of the secret.
    pub(super) fn parse(secret: &Secret) -> Result<Self, String> {
        let how = "write whsec_ and the output of 'openssl rand -base64 32'";
        let bytes = match secret.expose().strip_prefix("whsec_") {
            Some(encoded) => {
                STANDARD.decode(encoded).map_err(|_| format!("what follows whsec_ is not base64; {how}"))?
            }
            None => secret.expose().as_bytes().to_vec(),
        };
        if KEY_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            let (least, most) = (KEY_BYTES.start(), KEY_BYTES.end());
            Err(format!("the secret has {} bytes, but {least} to {most} are needed; {how}", bytes.len()))
        }
    }

    fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{}.", at.unix_s()).as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// Returns the value of `webhook-signature`: one signature for each key, so that a receiver may change keys at any time.
pub(super) fn signatures(keys: &[Key], id: &str, at: Timestamp, body: &str) -> String {
    let all: Vec<String> = keys.iter().map(|key| key.sign(id, at, body)).collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> Result<Key, String> {
        Key::parse(&Secret::new(secret))
    }

    #[test]
    fn the_published_vector_holds() {
        // From the specification's reference implementations (libraries/*/test: msg_p5jXN8AQM9LWM0D4loKWxJek).
        let at = Timestamp::from_unix_ms(1_614_265_330_000);
        let keys = [key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key")];
        let signed = signatures(&keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_keys_give_two_signatures_in_their_order() {
        let at = Timestamp::from_unix_ms(1_614_265_330_999);
        let old = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
        let new = key("a plain text of thirty-one bytes").expect("a key");
        let one = |key: &Key| signatures(std::slice::from_ref(key), "id", at, "{}");
        assert_eq!(signatures(&[new.clone(), old.clone()], "id", at, "{}"), format!("{} {}", one(&new), one(&old)));
        assert_eq!(format!("{new:?}"), "•••");
    }

    #[test]
    fn unfit_secrets_are_refused_without_showing_them() {
        for (secret, says) in [
            ("whsec_!!!!", "is not base64"),
            ("whsec_c2hvcnQ=", "the secret has 5 bytes"),
            ("hunter2", "the secret has 7 bytes"),
            ("", "the secret has 0 bytes"),
            (&"x".repeat(65), "the secret has 65 bytes"),
        ] {
            let why = key(secret).expect_err(secret);
            assert!(why.contains(says) && why.contains("openssl rand") && !why.contains("hunter2"), "{why}");
        }
    }
}
