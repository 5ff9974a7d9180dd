//! The documents for machines: a JSON Schema for each payload, and the AsyncAPI document of the MQTT feed.
//!
//! Gathers what the types say of themselves; nothing is described here that a type or a topic already says. Invariant: the
//! examples are rendered by the code that publishes, and so are their topics, properties and expiry.

mod asyncapi;
mod samples;

use serde_json::Value;

use crate::alerts::published;
use crate::board::{bridge, payload};
use crate::delivery::untold;
use crate::http::ack;
use crate::schema::Payload;

/// What goes over MQTT.
const OF_THE_FEED: [Payload; 8] = [
    bridge::STATE,
    bridge::INFO,
    payload::STATUS,
    payload::LIST,
    payload::PRODUCT,
    payload::ALERT,
    published::EVENT,
    untold::UNREACHABLE,
];

/// Returns every payload that has a schema.
pub fn payloads() -> impl Iterator<Item = Payload> {
    OF_THE_FEED.into_iter().chain([ack::REQUEST, ack::ANSWER, ack::PROBLEM])
}

/// Returns the AsyncAPI document of the feed.
pub fn asyncapi() -> Value {
    asyncapi::document()
}

#[cfg(test)]
mod tests;
