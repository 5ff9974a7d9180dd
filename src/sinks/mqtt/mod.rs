//! The MQTT way out: one connection per broker ([`link`]), the retained tree of states ([`feed`]) and their topics.
//!
//! A publish counts only after its PUBACK. Nothing is queued here beyond what is in flight: events wait in the outbox,
//! and of states only the newest picture exists. MQTT 5; a session is never resumed (the outbox is the durable queue).

pub mod address;
pub mod failure;
pub mod feed;
pub mod link;
pub mod plan;
pub mod session;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::sinks::mqtt::address::BrokerUrl;
use crate::topics::BaseTopic;
use crate::units::Secret;

/// The range of keep-alives: shorter wakes the network for nothing, longer hides a frozen broker for over a minute.
pub const KEEP_ALIVE_RANGE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_mins(1);
/// The longest client id, in bytes: the length that MQTT itself allows for a string.
const CLIENT_ID_MAX: usize = 65_535;

/// One broker of the configuration (`mqtt:` in the file).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name that receivers and the feed refer to.
    pub name: String,
    /// Where it listens: `mqtt://host[:1883]` or `mqtts://host[:8883]`.
    pub url: BrokerUrl,
    /// The user name, if the broker wants one.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Secret>,
    /// The client id; unique per instance, because two clients that share one take the connection from each other
    /// without end.
    pub client_id: String,
    /// The first levels of every topic; default `eightysix`.
    pub base_topic: BaseTopic,
    /// How long the line may be silent before a ping; a frozen broker is noticed after two of them. Default 20 s.
    pub keep_alive: Duration,
    /// The longest pause between two attempts to connect. Default 15 s.
    pub reconnect_max: Duration,
    /// A PEM file with the certificate authorities that count in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Permits `mqtt://` beyond this machine: everybody on the way can read the password and change what screens show.
    pub allow_plain: bool,
}

impl Settings {
    /// Returns the defaults for a broker at an address.
    pub fn at(name: &str, url: BrokerUrl, client_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            url,
            username: None,
            password: None,
            client_id: client_id.to_owned(),
            base_topic: BaseTopic::default(),
            keep_alive: Duration::from_secs(20),
            reconnect_max: Duration::from_secs(15),
            ca_file: None,
            allow_plain: false,
        }
    }

    /// Returns everything that is wrong with the settings: the field's name, what is wrong and what to write.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if !self.url.is_tls() && !self.url.is_loopback() && !self.allow_plain {
            problems.push((
                "url",
                format!(
                    "{} is not encrypted and not on this machine; write mqtts://, or state allow_plain: true",
                    self.url
                ),
            ));
        }
        if self.client_id.is_empty()
            || self.client_id.len() > CLIENT_ID_MAX
            || self.client_id.contains(char::is_control)
        {
            problems.push(("client_id", "a client id is 1 to 65535 bytes without control characters".to_owned()));
        }
        if self.password.is_some() && self.username.is_none() {
            problems.push((
                "password",
                "a password needs a username beside it; write one, or leave the password out".to_owned(),
            ));
        }
        if !KEEP_ALIVE_RANGE.contains(&self.keep_alive) {
            problems.push(("keep_alive", "keep_alive is between 5s and 60s; 20s suits most networks".to_owned()));
        }
        if self.ca_file.is_some() && !self.url.is_tls() {
            problems.push(("ca_file", format!("a ca_file means nothing for {}; write mqtts://", self.url)));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_with_its_field() {
        let settings = |url: &str| Settings::at("kitchen", url.parse().expect(url), "eightysix-1");
        for url in ["mqtt://localhost", "mqtt://127.0.0.1:1884", "mqtt://[::1]", "mqtts://broker.example.com"] {
            assert_eq!(settings(url).problems(), [], "{url}");
        }
        let plain = settings("mqtt://broker.example.com");
        assert_eq!(
            plain.problems(),
            [(
                "url",
                "mqtt://broker.example.com:1883 is not encrypted and not on this machine; write mqtts://, or state \
                 allow_plain: true"
                    .to_owned()
            )]
        );
        assert_eq!(Settings { allow_plain: true, ..plain.clone() }.problems(), []);
        let all_wrong = Settings {
            client_id: String::new(),
            password: Some(Secret::new("hunter2")),
            keep_alive: Duration::ZERO,
            ca_file: Some("ca.pem".into()),
            ..plain
        };
        let fields: Vec<_> = all_wrong.problems().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["url", "client_id", "password", "keep_alive", "ca_file"]);
        assert!(!format!("{all_wrong:?} {:?}", all_wrong.problems()).contains("hunter2"));
    }
}
