//! What every connection says of this process: `bridge/state` and `bridge/info`.
//!
//! A contract with other people's screens: fields are added, never renamed. Says nothing of any venue.

use schemars::JsonSchema;
use serde::Serialize;

use crate::schema::{Payload, Version, Word, Words};

/// What `bridge/state` looks like.
pub const STATE: Payload = Payload::written::<State>("bridge-state", "Whether eightysix is connected to this broker");
/// What `bridge/info` looks like.
pub const INFO: Payload =
    Payload::written::<Info<'_>>("bridge-info", "Which eightysix runs, with which configuration, and for which brands");

/// Whether this process is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    Online,
    /// It has ended, or its connection was lost.
    Offline,
}

impl Words for Presence {
    const VALUES: &'static [Self] = &[Self::Online, Self::Offline];

    fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// Whether eightysix is connected to this broker. It says nothing of the age of lists, which `status` does.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BridgeState")]
struct State {
    /// `online`, or `offline` when it has ended or its connection was lost.
    state: Word<Presence>,
}

/// Which eightysix runs, since which start, with which configuration, and for which brands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BridgeInfo")]
struct Info<'a> {
    /// This start of the process, as in all that it publishes: another one means that the retained topics were published anew.
    boot: &'a str,
    /// The slugs of the brands that are watched.
    brands: &'a [&'a str],
    /// Tells configurations apart: the same for the same texts of the configuration and of its rules, whatever the secrets are.
    config_hash: &'a str,
    /// The version of the payload.
    v: Version,
    /// The version of eightysix.
    version: &'a str,
}

/// Renders `bridge/state`, which is also the will.
pub fn state(presence: Presence) -> String {
    super::payload::json(&State { state: Word(presence) })
}

/// Renders `bridge/info`.
pub fn info(boot: &str, config_hash: &str, brands: &[&str]) -> String {
    super::payload::json(&Info { boot, brands, config_hash, v: Version, version: env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payloads_of_the_contract() {
        assert_eq!(
            Presence::VALUES.iter().map(|it| state(*it)).collect::<Vec<_>>(),
            [r#"{"state":"online"}"#, r#"{"state":"offline"}"#]
        );
        let version = env!("CARGO_PKG_VERSION");
        let expected =
            format!(r#"{{"boot":"1a1fb8cd4fd","brands":["sahil"],"config_hash":"5ab1","v":1,"version":"{version}"}}"#);
        assert_eq!(info("1a1fb8cd4fd", "5ab1", &["sahil"]), expected);
    }
}
