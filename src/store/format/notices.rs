//! The stored form of rendered notices: the bytes that go out on every attempt.
//!
//! Invariant: what is read back is byte for byte what was rendered, whatever version reads it.

use serde::{Deserialize, Serialize};

use crate::alerts::notice::{Content, Event, Mail, MqttMessage};
use crate::store::StoreError;
use crate::store::format::{json, parse};

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
        Content::Email(Mail { message_id, thread_id, subject, text, html }) => {
            StoredContent::Email { message_id, thread_id, subject, text, html }
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
        StoredContent::Email { message_id, thread_id, subject, text, html } => {
            Content::Email(Mail { message_id, thread_id, subject, text, html })
        }
        StoredContent::Webhook { body } => Content::Webhook(Event { body }),
    })
}
