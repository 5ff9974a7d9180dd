//! Links in mails and events by which somebody says that he takes care of an alert, signed so that nobody makes one up.
//!
//! Pure: the same alert has the same link for the same receiver at any time, so that a mail's bytes never change. Invariant:
//! a token that is read was made by the same key, byte for byte.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::alerts::lifecycle::EpisodeId;
use crate::alerts::notice::ReceiverName;
use crate::units::{BrandId, Secret};

/// Where the page is, below the public address.
pub const PATH: &str = "/ack/";
/// What stands before a token, as it is and as programs quote it.
const BEFORE_TOKENS: [&str; 4] = ["ack/", "ack%2F", "ack%2f", r"ack\/"];
/// What the signature is made for, so that the key can sign other things without one being taken for the other.
const PURPOSE: &[u8] = b"eightysix acknowledge\0";
/// The form of what is signed; another form has another number.
const VERSION: u8 = 1;
/// Bytes of the signature in a token. 128 bits are not guessed, and half the length is kept of a line in a plain mail.
const TAG_BYTES: usize = 16;
/// The shortest token: names of one letter each.
const TOKEN_LENGTH_MIN: usize = 38;
/// The longest token that is looked at: a brand and a receiver of 64 characters each, and what stands around them.
const TOKEN_LENGTH_MAX: usize = 256;

/// What a link is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The tenant.
    pub brand: BrandId,
    /// Who was told: whoever holds the link speaks for it.
    pub receiver: ReceiverName,
    /// What was told; a later episode of the alert is not meant.
    pub episode: EpisodeId,
}

/// Makes links and reads them back.
#[derive(Clone, PartialEq, Eq)]
pub struct Links {
    base: Arc<str>,
    key: Secret,
}

impl Links {
    /// Takes the address under which people reach the web side, without a slash at its end, and the key.
    pub fn new(public_url: &str, key: Secret) -> Self {
        Self { base: public_url.into(), key }
    }

    /// Returns the address of the page about an episode; `None` for what is no id of one, which nothing makes.
    pub fn url(&self, brand: &BrandId, receiver: &ReceiverName, episode: &EpisodeId) -> Option<String> {
        let digits = episode.as_str();
        let number = u64::from_str_radix(digits, 16).ok().filter(|number| digits_of(*number) == digits)?;
        let brand_length = u8::try_from(brand.as_str().len()).ok()?;
        let mut bytes = vec![VERSION];
        bytes.extend(number.to_be_bytes());
        bytes.push(brand_length);
        bytes.extend(brand.as_str().bytes());
        bytes.extend(receiver.as_str().bytes());
        let tag = self.mac(&bytes).finalize().into_bytes();
        bytes.extend(&tag[..TAG_BYTES]);
        Some(format!("{}{PATH}{}", self.base, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads the token of a link; `None` for one that this key did not sign, whatever is wrong with it.
    pub fn read(&self, token: &str) -> Option<Linked> {
        if token.len() > TOKEN_LENGTH_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, tag) = bytes.split_last_chunk::<TAG_BYTES>()?;
        // Takes the same time whatever differs.
        self.mac(signed).verify_truncated_left(tag).ok()?;
        let (version, rest) = signed.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (brand_length, rest) = rest.split_first()?;
        let (brand, receiver) = rest.split_at_checked(usize::from(*brand_length))?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        (*version == VERSION).then_some(Linked {
            brand: BrandId::new(text(brand)?).ok()?,
            receiver: ReceiverName::new(text(receiver)?),
            episode: EpisodeId::from_stored(&digits_of(u64::from_be_bytes(*number))),
        })
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let key = self.key.expose().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
        mac.update(PURPOSE);
        mac.update(bytes);
        mac
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "links below {}", self.base)
    }
}

/// Cuts the tokens out of what everybody reads: a notice for one that is shown on screens instead, and what another program
/// said that may quote a link.
pub fn without_tokens(text: &str) -> String {
    BEFORE_TOKENS.iter().fold(text.to_owned(), |text, before| without_tokens_behind(before, &text))
}

fn without_tokens_behind(before: &str, text: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(before) {
        let (said, behind) = rest.split_at(at + before.len());
        kept.push_str(said);
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let after = behind.trim_start_matches(is_of_token);
        rest = if behind.len() - after.len() >= TOKEN_LENGTH_MIN { after } else { behind };
    }
    kept.push_str(rest);
    kept
}

/// Writes the number of an episode as its id has it.
fn digits_of(number: u64) -> String {
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::Timestamp;

    const BASE: &str = "https://86.example.com/kitchen";

    fn links(key: &str) -> Links {
        Links::new(BASE, Secret::new(key))
    }

    fn linked(brand: &str, receiver: &str, at: i64) -> Linked {
        let episode = EpisodeId::derive("sahil/a dish", Timestamp::from_unix_ms(at));
        Linked { brand: BrandId::new(brand).expect("a slug"), receiver: ReceiverName::new(receiver), episode }
    }

    fn token(links: &Links, about: &Linked) -> String {
        let url = links.url(&about.brand, &about.receiver, &about.episode).expect("an episode");
        url.strip_prefix(BASE).and_then(|rest| rest.strip_prefix(PATH)).expect("below the address").to_owned()
    }

    /// Links that were mailed must work for as long as somebody may open them: this one must never change.
    #[test]
    fn a_link_of_today_is_read_by_every_later_version() {
        let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let about = linked("sahil", "managers", 1_778_250_000_000);
        let token = token(&links(key), &about);
        insta::assert_snapshot!(token, @"AbfRcY6o3MlmBXNhaGlsbWFuYWdlcnMMXZ-HX1P5WxQeG7vUf1Sv");
        assert_eq!(links(key).read(&token), Some(about));
    }

    #[test]
    fn what_is_no_episode_has_no_link() {
        let (brand, receiver) = (BrandId::new("sahil").expect("a slug"), ReceiverName::new("managers"));
        for id in ["", "plov", "+123456789abcde0", "66BCBC5CF096741A", "66bcbc5cf096741", "66bcbc5cf096741aa"] {
            assert_eq!(links("key").url(&brand, &receiver, &EpisodeId::from_stored(id)), None, "{id}");
        }
    }

    #[test]
    fn neither_the_key_nor_more_than_the_address_is_shown() {
        let shown = format!("{:?}", links("hunter2"));
        assert_eq!(shown, "links below https://86.example.com/kitchen");
    }

    #[test]
    fn what_everybody_reads_has_no_token() {
        let shortest = token(&links("key"), &linked("a", "b", 0));
        assert!(shortest.len() >= TOKEN_LENGTH_MIN, "{}", shortest.len());
        for (text, expected) in [
            (format!("one: {BASE}/ack/{shortest}\ntwo"), format!("one: {BASE}/ack/\ntwo")),
            (format!(r#"{{"a":"/ack/{shortest}","b":"/ack/{shortest}"}}"#), r#"{"a":"/ack/","b":"/ack/"}"#.to_owned()),
            ("Soup /ack/of the day /ack/".to_owned(), "Soup /ack/of the day /ack/".to_owned()),
            // An address that ends as the path of the page does, and how a receiver may quote a link.
            (format!("https://example.com/ack/ack/{shortest}."), "https://example.com/ack/ack/.".to_owned()),
            (
                format!("bad url https%3A%2F%2Fx%2Fack%2F{shortest}%22"),
                "bad url https%3A%2F%2Fx%2Fack%2F%22".to_owned(),
            ),
            (format!(r#""https:\/\/x\/ack\/{shortest}""#), r#""https:\/\/x\/ack\/""#.to_owned()),
            (String::new(), String::new()),
        ] {
            assert_eq!(without_tokens(&text), expected);
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let long = "x".repeat(64);
        let about = linked(&long, &long, 0);
        let token = token(&links("key"), &about);
        assert!(token.len() <= TOKEN_LENGTH_MAX, "{}", token.len());
        assert_eq!(links("key").read(&token), Some(about));
    }

    proptest! {
        #[test]
        fn each_link_is_about_what_it_was_made_for_and_no_other(
            brand in "[a-zA-Z0-9._-]{1,64}", receiver in "[a-zA-Z0-9._-]{1,64}", at in any::<i64>(),
            other in "[a-zA-Z0-9._-]{1,64}",
        ) {
            let about = linked(&brand, &receiver, at);
            let made = token(&links("key"), &about);
            prop_assert_eq!(links("key").read(&made), Some(about.clone()));
            prop_assert_eq!(links("another key").read(&made), None);
            prop_assert!(made.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            for changed in [linked(&other, &receiver, at), linked(&brand, &other, at)] {
                prop_assert_eq!(changed == about, token(&links("key"), &changed) == made);
            }
        }

        #[test]
        fn nothing_but_the_whole_token_is_taken(at in any::<i64>(), bit in any::<prop::sample::Index>(), text in "\\PC{0,300}") {
            let made = token(&links("key"), &linked("sahil", "managers", at));
            let bytes = URL_SAFE_NO_PAD.decode(&made).expect("base64");
            let mut flipped = bytes.clone();
            let bit = bit.index(bytes.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(links("key").read(&URL_SAFE_NO_PAD.encode(&flipped)), None);
            for length in 0..made.len() {
                prop_assert_eq!(links("key").read(&made[..length]), None);
                prop_assert_eq!(links("key").read(&made[length + 1..]), None);
            }
            for more in [format!("{made}A"), format!("{made}="), format!(" {made}"), format!("{made}{made}")] {
                prop_assert_eq!(links("key").read(&more), None);
            }
            prop_assert_eq!(links("key").read(&text), None);
        }

        /// Every text has one reading at most: the bits that base64 leaves over must be zero.
        #[test]
        fn no_other_text_is_the_same_token(at in any::<i64>(), position in any::<prop::sample::Index>(), other in "[A-Za-z0-9_-]") {
            let made = token(&links("key"), &linked("sahil", "managers", at));
            let position = position.index(made.len());
            let changed = format!("{}{other}{}", &made[..position], &made[position + 1..]);
            prop_assert_eq!(links("key").read(&changed).is_some(), changed == made);
        }
    }
}
