//! The stored form of rendered notices: the bytes that go out on every attempt.
//!
//! Invariant: what is read back is byte for byte what was rendered, whatever version reads it.

use serde::{Deserialize, Serialize};

use crate::alerts::notice::{Content, Event, Mail, MqttMessage};
use crate::language::Language;
use crate::store::StoreError;
use crate::store::format::{json, language_of, parse};

#[derive(Serialize, Deserialize)]
enum StoredContent {
    Mqtt {
        topic: String,
        body: String,
        retain: bool,
        expiry_s: Option<u32>,
        content_type: Option<String>,
        properties: Vec<(String, String)>,
    },
    Email {
        message_id: String,
        thread_id: String,
        /// Absent in a mail that an older version rendered, which spoke English alone.
        #[serde(default)]
        language: Option<String>,
        subject: String,
        text: String,
        html: String,
    },
    Webhook {
        body: String,
    },
}

/// Writes a rendered notice.
pub fn encode_content(content: &Content) -> String {
    json(&match content.clone() {
        Content::Mqtt(MqttMessage { topic, body, retain, expiry_s, content_type, properties }) => {
            StoredContent::Mqtt { topic, body, retain, expiry_s, content_type, properties }
        }
        Content::Email(Mail { message_id, thread_id, language, subject, text, html }) => {
            let language = Some(language.code().to_owned());
            StoredContent::Email { message_id, thread_id, language, subject, text, html }
        }
        Content::Webhook(Event { body }) => StoredContent::Webhook { body },
    })
}

/// Reads a rendered notice back, byte for byte.
pub fn decode_content(body: &str) -> Result<Content, StoreError> {
    Ok(match parse("notice", body)? {
        StoredContent::Mqtt { topic, body, retain, expiry_s, content_type, properties } => {
            Content::Mqtt(MqttMessage { topic, body, retain, expiry_s, content_type, properties })
        }
        StoredContent::Email { message_id, thread_id, language, subject, text, html } => {
            let language = language.map_or(Ok(Language::En), |code| language_of(&code))?;
            Content::Email(Mail { message_id, thread_id, language, subject, text, html })
        }
        StoredContent::Webhook { body } => Content::Webhook(Event { body }),
    })
}
