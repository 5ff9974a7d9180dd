//! What one receiver is to be told, rendered once: the bytes that wait in the outbox and go out on every attempt.
//!
//! A notice's id is derived from its content and never changes (style 29), so a receiver recognises a repetition.

use std::fmt;
use std::sync::Arc;

use crate::language::Language;
use crate::units::Timestamp;

/// The name of a receiver in the configuration, or `feed/<broker>` for the events of the MQTT feed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverName(Arc<str>);

impl ReceiverName {
    /// Takes the configured name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReceiverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReceiverName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identifies a notice on every channel and attempt: 32 hexadecimal digits derived from its content.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(Arc<str>);

impl NoticeId {
    /// Takes an id that was stored before.
    pub fn from_stored(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The way a notice leaves: each channel of a receiver has its own row and its own retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A topic at a broker.
    Mqtt,
    /// A mailbox.
    Email,
    /// An HTTP endpoint.
    Webhook,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Mqtt, Self::Email, Self::Webhook];

    /// Returns the word used in configuration, store and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// One row of the outbox: a notice on one channel of one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Never changes; the same content gives the same id.
    pub id: NoticeId,
    /// Who is to be told.
    pub receiver: ReceiverName,
    /// When the engine decided it.
    pub at: Timestamp,
    /// What to send, rendered.
    pub content: Content,
    /// One line for logs and lists of dead letters: `sold-out: Lamb kebab, Sahil`.
    pub summary: String,
}

/// The rendered notice, ready for its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One publish.
    Mqtt(MqttMessage),
    /// One mail.
    Email(Mail),
    /// One POST.
    Webhook(Event),
}

impl Content {
    /// Returns the channel that carries it.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Mqtt(_) => Channel::Mqtt,
            Self::Email(_) => Channel::Email,
            Self::Webhook(_) => Channel::Webhook,
        }
    }
}

/// A publish, always QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttMessage {
    /// The full topic, base included.
    pub topic: String,
    /// UTF-8 JSON; empty clears a retained topic.
    pub body: String,
    /// State is retained, events never are.
    pub retain: bool,
    /// MQTT 5 message expiry in seconds.
    pub expiry_s: Option<u32>,
    /// MQTT 5 content type, such as `application/cloudevents+json`.
    pub content_type: Option<String>,
    /// MQTT 5 user properties.
    pub properties: Vec<(String, String)>,
}

/// A mail, apart from its addresses, which are the receiver's at the time of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The left part of `Message-ID`; the sink adds the domain of the sender's address.
    pub message_id: String,
    /// The thread it belongs to, same form: one per venue and business day.
    pub thread_id: String,
    /// The language of all that it says.
    pub language: Language,
    /// One line; holds no CR or LF.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same news as HTML.
    pub html: String,
}

/// A CloudEvents 1.0 structured JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The body, byte for byte what is signed.
    pub body: String,
}
