//! Why a broker could not be reached or was lost, in words for the person who can mend it.
//!
//! Every text names the address and what the broker said; none ever holds a password.

use std::io;

use rumqttc::{ConnectReturnCode, ConnectionError, DisconnectReasonCode, StateError, TlsError};

use crate::mask;
use crate::sinks::mqtt::Settings;
use crate::tls;
use crate::units::{Secret, printable};

/// The longest piece of foreign text that is repeated in an error.
const FOREIGN_TEXT_MAX: usize = 200;

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// DNS or the hosts file knows no such name.
    #[error("connect to {address}: no address is known for the host name")]
    NoAddress {
        /// The broker's URL.
        address: String,
    },
    /// The machine answered, but nothing listens on the port.
    #[error("connect to {address}: connection refused, nothing listens there")]
    Refused {
        /// The broker's URL.
        address: String,
    },
    /// The network said something else.
    #[error("connect to {address}: {reason}")]
    Unreachable {
        /// The broker's URL.
        address: String,
        /// The operating system's words.
        reason: String,
    },
    /// Neither a connection nor a CONNACK in time.
    #[error("connect to {address}: no answer within {after_s} s")]
    NoAnswer {
        /// The broker's URL.
        address: String,
        /// How long was waited, in seconds.
        after_s: u64,
    },
    /// The TLS handshake failed.
    #[error("connect to {address}: tls failed: {reason}")]
    Tls {
        /// The broker's URL.
        address: String,
        /// What to look at.
        reason: String,
    },
    /// The file with the certificate authorities cannot be used.
    #[error("connect to {address}: read the ca_file {path}: {reason}")]
    CaFile {
        /// The broker's URL.
        address: String,
        /// The file as configured.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// CONNACK: bad user name or password, or not authorized; brokers use either for both.
    #[error("connect to {address}: the broker refuses {who} ({reason})")]
    Credentials {
        /// The broker's URL.
        address: String,
        /// `the user 'x' or its password`, or `a client without user name`.
        who: String,
        /// The CONNACK's reason in words.
        reason: String,
    },
    /// CONNACK or the bytes say that the broker does not know MQTT 5.
    #[error("connect to {address}: the broker does not speak mqtt 5 ({reason})")]
    Version {
        /// The broker's URL.
        address: String,
        /// What it said instead.
        reason: String,
    },
    /// CONNACK with any other reason.
    #[error("connect to {address}: the broker refuses the connection ({reason})")]
    Rejected {
        /// The broker's URL.
        address: String,
        /// The CONNACK's reason in words.
        reason: String,
    },
    /// The other side hung up before CONNACK.
    #[error("connect to {address}: closed without an answer to CONNECT; {advice}")]
    HungUp {
        /// The broker's URL.
        address: String,
        /// What it may be.
        advice: &'static str,
    },
    /// The broker connected but cannot do what is needed.
    #[error("connect to {address}: the broker offers no QoS 1, so that no delivery could be known to have arrived")]
    NoAcknowledgements {
        /// The broker's URL.
        address: String,
    },
    /// The first publishes of a connection failed.
    #[error("publish {topic} at {address}: {reason}")]
    Birth {
        /// The broker's URL.
        address: String,
        /// The topic that was refused.
        topic: String,
        /// Why.
        reason: String,
    },
    /// An established connection ended.
    #[error("connection to {address} lost: {reason}")]
    Lost {
        /// The broker's URL.
        address: String,
        /// Why, as far as it is known.
        reason: String,
    },
}

impl LinkError {
    /// Words an error that came before CONNACK.
    pub fn connecting(settings: &Settings, error: &ConnectionError, after_s: u64) -> Self {
        let address = settings.url.to_string();
        if let ConnectionError::Timeout(_) = error {
            return Self::NoAnswer { address, after_s };
        }
        if let ConnectionError::ConnectionRefused(code) = error {
            return rejected(settings, *code);
        }
        if let ConnectionError::Tls(error) = error {
            return Self::Tls { address, reason: tls_reason(error) };
        }
        // The end of the line within a packet: brokers that know only MQTT 3.1.1 answer in its shorter form.
        if let Some(error) = io_error(error).filter(|error| error.kind() != io::ErrorKind::Other) {
            return unreachable(settings, error);
        }
        if let ConnectionError::MqttState(StateError::ConnectionAborted) = error {
            return hung_up(settings);
        }
        if let ConnectionError::MqttState(StateError::Deserialization(error)) = error {
            return Self::Version { address, reason: quoted(&format!("its answer is no CONNACK: {error}")) };
        }
        if let ConnectionError::NotConnAck(_) = error {
            return Self::Version { address, reason: "its answer is no CONNACK".to_owned() };
        }
        Self::Unreachable { address, reason: quoted(&error.to_string()) }
    }

    /// Words an error that ended an established connection.
    pub fn connected(settings: &Settings, error: &ConnectionError) -> Self {
        Self::Lost { address: settings.url.to_string(), reason: lost_reason(settings, error) }
    }
}

/// Returns whether the connection ended because the broker refused a publish as too large in its PUBACK (mosquitto's
/// `message_size_limit`): a reason that the standard does not list for PUBACK, so the client cannot read it.
pub(super) fn is_too_large_refusal(error: &ConnectionError) -> bool {
    const PACKET_TOO_LARGE: u8 = 0x95;
    let ConnectionError::MqttState(StateError::Deserialization(error)) = error else { return false };
    matches!(
        error,
        rumqttc::Error::InvalidReason(PACKET_TOO_LARGE) | rumqttc::Error::InvalidConnectReturnCode(PACKET_TOO_LARGE)
    )
}

/// Turns `NotAuthorized` into `not authorized`.
pub(super) fn words(variant: &str) -> String {
    let mut words = String::new();
    for c in variant.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

fn rejected(settings: &Settings, code: ConnectReturnCode) -> LinkError {
    let address = settings.url.to_string();
    let reason = words(&format!("{code:?}"));
    if matches!(code, ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized) {
        let who = settings.username.as_ref().map_or_else(
            || "a client without user name".to_owned(),
            |user| format!("the user '{}' or its password", quoted(user)),
        );
        return LinkError::Credentials { address, who, reason };
    }
    if matches!(code, ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion) {
        return LinkError::Version { address, reason };
    }
    LinkError::Rejected { address, reason }
}

fn unreachable(settings: &Settings, error: &io::Error) -> LinkError {
    let address = settings.url.to_string();
    let hang_ups = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::UnexpectedEof,
    ];
    if error.kind() == io::ErrorKind::NotFound {
        LinkError::NoAddress { address }
    } else if error.kind() == io::ErrorKind::ConnectionRefused {
        LinkError::Refused { address }
    } else if hang_ups.contains(&error.kind()) {
        hung_up(settings)
    } else {
        LinkError::Unreachable { address, reason: io_reason(error) }
    }
}

fn hung_up(settings: &Settings) -> LinkError {
    let advice = if settings.url.is_tls() {
        "is it a broker, and does it know mqtt 5?"
    } else {
        "is it the TLS port (then write mqtts://), or a broker without mqtt 5?"
    };
    LinkError::HungUp { address: settings.url.to_string(), advice }
}

fn tls_reason(error: &TlsError) -> String {
    tls::reason(error).map_or_else(|| quoted(&error.to_string()), |why| quoted(&why))
}

fn lost_reason(settings: &Settings, error: &ConnectionError) -> String {
    if let ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) = error {
        return disconnected(settings, *reason_code, reason_string.as_deref());
    }
    if let ConnectionError::MqttState(StateError::AwaitPingResp) = error {
        return "the broker answers no ping".to_owned();
    }
    if let ConnectionError::MqttState(StateError::ConnectionAborted) = error {
        // Mosquitto 2.0 does not tell a client that another one took its place; it only hangs up.
        let client_id = quoted(&settings.client_id);
        return format!("the broker closed it; if that repeats, another client uses the client id '{client_id}'");
    }
    io_error(error).map_or_else(|| quoted(&error.to_string()), io_reason)
}

/// Returns the operating system's error, wherever the client put it.
fn io_error(error: &ConnectionError) -> Option<&io::Error> {
    if let ConnectionError::Io(error) | ConnectionError::MqttState(StateError::Io(error)) = error {
        return Some(error);
    }
    if let ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(error))) = error {
        return Some(error);
    }
    None
}

fn disconnected(settings: &Settings, code: DisconnectReasonCode, said: Option<&str>) -> String {
    let reason = if code == DisconnectReasonCode::SessionTakenOver {
        format!("another client connected with the same client id '{}'", quoted(&settings.client_id))
    } else {
        format!("the broker ended it ({})", words(&format!("{code:?}")))
    };
    let password: Vec<&str> = settings.password.iter().map(Secret::expose).collect();
    said.map_or(reason.clone(), |said| format!("{reason}: {}", quoted(&mask::masked(said, &password))))
}

fn io_reason(error: &io::Error) -> String {
    quoted(&error.to_string())
}

fn quoted(text: &str) -> String {
    printable(text, FOREIGN_TEXT_MAX)
}
