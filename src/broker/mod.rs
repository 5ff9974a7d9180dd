//! The embedded MQTT broker: for the demo and for the one-box install that has no broker of its own.
//!
//! It must never let a display write: only the holder of a password drawn at each start publishes, and that is our own
//! MQTT sink, which connects over TCP as to any other broker. Nothing is stored: the sink publishes everything again on
//! connect. Invariant: when [`Running::stop`] returns, no task of the broker is left.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::units::Secret;

#[cfg(feature = "embedded-broker")]
mod server;

/// The log directive that the broker's library needs: at `warn` every display that goes to sleep is a line.
pub const LOG_DIRECTIVE: &str = "mqtt5=error";

/// The name our own sink connects under; displays cannot have it.
pub const PUBLISHER_USERNAME: &str = "eightysix-publisher";

/// Shorter passwords can be guessed: the broker has no lock-out, since behind the WebSocket door every display has the
/// same address and one wrong tablet would lock out the kitchen.
const PASSWORD_LENGTH_MIN: usize = 8;

/// The broker needs up to 2 s for its clients and must then only drop its runtime.
const STOP_MAX: Duration = Duration::from_secs(4);

/// Where displays connect and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address displays connect to; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The name displays log in with, when there is a password.
    pub username: String,
    /// The password displays log in with; without one they need none.
    pub password: Option<Secret>,
    /// Says that displays may read without a password although other machines reach the address.
    pub anonymous: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)),
            username: "display".to_owned(),
            password: None,
            anonymous: false,
        }
    }
}

/// How our own MQTT sink reaches the broker, with full rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// `mqtt://host:port`; the bytes do not leave this machine.
    pub url: String,
    /// [`PUBLISHER_USERNAME`].
    pub username: String,
    /// Drawn at this start, known to nobody else.
    pub password: Secret,
}

/// Why the embedded broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The binary was built without it.
    #[error("{NOT_BUILT}")]
    NotBuilt,
    /// The settings contradict each other or are unsafe; every reason, joined.
    #[error("the embedded broker cannot be used as configured: {why}")]
    Settings {
        /// The texts of [`problems`].
        why: String,
    },
    /// The address cannot be listened on.
    #[error("listen for displays on {address}: {advice}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What is wrong and what to do about it.
        advice: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// It failed for another reason.
    #[error("start the embedded broker on {address}: {why}")]
    Start {
        /// The configured address.
        address: SocketAddr,
        /// What the system or the broker's library said.
        why: String,
    },
}

const NOT_BUILT: &str = "this build has no embedded broker: build it with the cargo feature 'embedded-broker', or give \
                         the url of a broker such as mosquitto";

/// Returns everything that is wrong with the settings, each as a sentence for people; empty when they can be used.
pub fn problems(settings: &Settings) -> Vec<String> {
    let Settings { listen, username, password, anonymous } = settings;
    let mut found = Vec::new();
    if cfg!(not(feature = "embedded-broker")) {
        found.push(NOT_BUILT.to_owned());
    }
    match password {
        Some(_) if *anonymous => {
            found.push("'anonymous: true' and a password contradict each other: remove one of them".to_owned());
        }
        Some(password) if password.expose().len() < PASSWORD_LENGTH_MIN => {
            found.push(format!("the password for displays needs at least {PASSWORD_LENGTH_MIN} characters"));
        }
        Some(_) => {}
        None if !is_open_to_others(*listen) || *anonymous => {}
        None => found.push(format!(
            "other machines reach {listen}, so displays need a password: set one, or write 'anonymous: true' to let \
             everybody on that network read the stop lists, or listen on 127.0.0.1"
        )),
    }
    if username.is_empty() || username == PUBLISHER_USERNAME {
        found.push(format!("'{username}' cannot be the name that displays log in with: write one such as 'display'"));
    }
    found
}

/// Says whether machines other than this one reach the address.
pub fn is_open_to_others(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Starts the broker on a thread of its own and returns once it accepts displays.
///
/// # Errors
/// Returns what is wrong and what to do about it: the settings, the address, or a build without the broker.
#[cfg(feature = "embedded-broker")]
pub async fn start(settings: &Settings) -> Result<Running, BrokerError> {
    let found = problems(settings);
    if found.is_empty() { server::start(settings).await } else { Err(BrokerError::Settings { why: found.join("; ") }) }
}

/// Refuses: this build has no embedded broker.
///
/// # Errors
/// Always [`BrokerError::NotBuilt`].
#[cfg(not(feature = "embedded-broker"))]
#[expect(clippy::unused_async, reason = "the build with the broker awaits here")]
pub async fn start(_settings: &Settings) -> Result<Running, BrokerError> {
    Err(BrokerError::NotBuilt)
}

/// A broker that accepts displays. Dropping it ends the broker as well, without waiting for it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    publisher: Publisher,
    stop: DropGuard,
    finished: CancellationToken,
    thread: JoinHandle<()>,
}

impl Running {
    /// Returns the address it listens on, with the real port when the configured one was 0.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address by which this machine reaches it: loopback when it listens on every address.
    pub fn local_address(&self) -> SocketAddr {
        reachable(self.address)
    }

    /// Returns what the MQTT sink needs to connect with full rights.
    pub const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Waits until the broker ends, which by itself it does only when it is broken (the log has the reason).
    pub async fn ended(&self) {
        self.finished.cancelled().await;
    }

    /// Disconnects every client and ends the broker; returns within 4 s.
    pub async fn stop(self) {
        let Self { address, publisher: _, stop, finished, thread } = self;
        drop(stop);
        if tokio::time::timeout(STOP_MAX, finished.cancelled()).await.is_err() {
            tracing::error!(%address, "the embedded broker did not end in time and was left behind");
        } else if thread.join().is_err() {
            tracing::error!(%address, "the embedded broker panicked");
        }
    }
}

fn reachable(listening: SocketAddr) -> SocketAddr {
    match listening {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => listening,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(listen: &str, username: &str, password: Option<&str>, anonymous: bool) -> Settings {
        Settings {
            listen: listen.parse().expect("an address"),
            username: username.to_owned(),
            password: password.map(Secret::new),
            anonymous,
        }
    }

    #[cfg(feature = "embedded-broker")]
    #[test]
    fn only_settings_that_keep_strangers_out_or_say_so_are_taken() {
        let good = [
            settings("127.0.0.1:1883", "display", None, false),
            settings("[::1]:1883", "display", None, false),
            settings("[::ffff:127.0.0.1]:1883", "display", None, false),
            settings("0.0.0.0:1883", "display", None, true),
            settings("192.168.1.5:1883", "screens", Some("correct horse"), false),
            Settings::default(),
        ];
        for settings in good {
            assert_eq!(problems(&settings), Vec::<String>::new(), "{settings:?}");
        }
        for (settings, said) in [
            (settings("0.0.0.0:1883", "display", None, false), "other machines reach 0.0.0.0:1883"),
            (settings("[::]:1883", "display", None, false), "other machines reach [::]:1883"),
            (settings("192.168.1.5:1883", "display", Some("short"), false), "at least 8 characters"),
            (settings("0.0.0.0:1883", "display", Some("correct horse"), true), "contradict each other"),
            (settings("127.0.0.1:1883", "", None, false), "cannot be the name"),
            (settings("127.0.0.1:1883", PUBLISHER_USERNAME, None, false), "cannot be the name"),
        ] {
            let found = problems(&settings);
            assert!(found.len() == 1 && found[0].contains(said), "{settings:?}: {found:?}");
        }
    }

    #[cfg(not(feature = "embedded-broker"))]
    #[tokio::test]
    async fn a_build_without_it_says_so() {
        assert!(problems(&Settings::default())[0].contains("cargo feature 'embedded-broker'"));
        let refused = start(&Settings::default()).await.expect_err("not built");
        assert!(refused.to_string().contains("this build has no embedded broker"), "{refused}");
    }

    #[test]
    fn no_password_is_printed() {
        let shown = format!("{:?}", settings("127.0.0.1:1883", "display", Some("correct horse"), false));
        assert!(!shown.contains("correct"), "{shown}");
    }

    #[test]
    fn the_own_sink_connects_to_an_address_that_exists() {
        for (listening, reached) in [
            ("0.0.0.0:7", "127.0.0.1:7"),
            ("[::]:7", "[::1]:7"),
            ("192.168.1.5:7", "192.168.1.5:7"),
            ("127.0.0.1:7", "127.0.0.1:7"),
        ] {
            assert_eq!(reachable(listening.parse().expect("an address")).to_string(), reached);
        }
    }
}
