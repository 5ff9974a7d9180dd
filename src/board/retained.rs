//! One retained topic of the feed, rendered: what a broker should hold for late joiners.
//!
//! Immutable, so that its hash is computed once and unchanged states are shared between trees.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Identifies the content of a state: body, expiry and content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

/// One retained state, rendered. Immutable, so that its hash is computed once and unchanged states can be shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedState {
    body: String,
    expiry_s: Option<u32>,
    content_type: Option<String>,
    hash: ContentHash,
}

impl RetainedState {
    /// Takes a rendered state: UTF-8 JSON (never empty, which would clear the topic), MQTT 5 message expiry in seconds
    /// and content type.
    pub fn new(body: String, expiry_s: Option<u32>, content_type: Option<String>) -> Self {
        let mut digest = Sha256::new();
        digest.update(expiry_s.map_or(0, |s| u64::from(s) + 1).to_be_bytes());
        digest.update(content_type.as_ref().map_or(0, |text| text.len() + 1).to_be_bytes());
        digest.update(content_type.as_deref().unwrap_or_default());
        digest.update(&body);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        Self { body, expiry_s, content_type, hash: ContentHash(hash) }
    }

    /// Returns the body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns the MQTT 5 message expiry in seconds.
    pub const fn expiry_s(&self) -> Option<u32> {
        self.expiry_s
    }

    /// Returns the MQTT 5 content type.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Returns what identifies the content.
    pub const fn hash(&self) -> ContentHash {
        self.hash
    }
}

/// The states that a broker should retain, by full topic.
pub type Tree = BTreeMap<String, Arc<RetainedState>>;
