//! The contract as the programs of others have it: the AsyncAPI document and the JSON Schemas, asked by a validator that is
//! not ours.
//!
//! Follows the document from topic to schema, as a reader would who knows nothing else.
#![allow(dead_code, reason = "each test crate includes the harness and uses its part of it")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use eightysix::contract;
use serde_json::Value;

/// The contract of this version.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::of_this_version);

const DOCUMENT: &str = "urn:document";

/// Everything that is promised of payloads.
pub(crate) struct Contract {
    /// The AsyncAPI document.
    pub(crate) document: Value,
    schemas: Schemas,
    /// Each payload's whole schema by its `$id`.
    whole: BTreeMap<String, SchemaIndex>,
    channels: Vec<Channel>,
}

/// One channel of the document.
pub(crate) struct Channel {
    pub(crate) key: String,
    address: Vec<String>,
    /// The one message that is published there.
    message: Value,
    /// How: the MQTT binding of its operation.
    binding: Value,
    payload: SchemaIndex,
    headers: Option<SchemaIndex>,
}

/// One message, as a subscriber has it.
pub(crate) struct Message<'m> {
    pub(crate) topic: &'m str,
    pub(crate) body: &'m Value,
    /// As `mosquitto_sub` prints the properties of MQTT 5.
    pub(crate) properties: &'m Value,
}

impl Contract {
    fn of_this_version() -> Self {
        let document = contract::asyncapi();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let mut whole = BTreeMap::new();
        for payload in contract::payloads() {
            compiler.add_resource(&payload.id(), payload.schema()).expect("a schema of its own");
            let index = compiler.compile(&payload.id(), &mut schemas);
            let index = index.unwrap_or_else(|error| panic!("{} is no schema: {error:#}", payload.name));
            whole.insert(payload.name.to_owned(), index);
        }
        // What says nothing of its draft, as the parts of the document do, is a draft 7 with additions.
        let (mut parts, mut in_document) = (Compiler::new(), Vec::new());
        parts.set_default_draft(Draft::V7);
        parts.enable_format_assertions();
        parts.add_resource(DOCUMENT, document.clone()).expect("a document of its own");
        for (key, channel) in document["channels"].as_object().expect("channels") {
            let mut compile = |pointer: &str| {
                let index = parts.compile(&format!("{DOCUMENT}#{pointer}"), &mut schemas);
                index.unwrap_or_else(|error| panic!("{pointer} is no schema: {error:#}"))
            };
            let (pointer, message) = the_message(&document, channel);
            in_document.push(Channel {
                key: key.clone(),
                address: levels(channel["address"].as_str().expect("an address")),
                payload: compile(&format!("{pointer}/payload")),
                headers: message.get("headers").is_some().then(|| compile(&format!("{pointer}/headers"))),
                message: message.clone(),
                binding: binding(&document, key),
            });
        }
        Self { document, schemas, whole, channels: in_document }
    }

    /// Returns the names of all channels.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| channel.key.as_str())
    }

    /// Returns the channel of a topic below the usual base.
    pub(crate) fn channel(&self, topic: &str) -> Option<&Channel> {
        let topic = levels(topic);
        // What says a level in so many words is meant before what leaves it open.
        let fitting = self.channels.iter().filter(|channel| channel.fits(&topic));
        fitting.min_by_key(|channel| channel.address.iter().filter(|level| level.starts_with('{')).count())
    }

    /// Says what is wrong with a message, by the document and by the whole schema that its message names.
    pub(crate) fn told(&self, message: &Message<'_>) -> Option<String> {
        let Message { topic, body, properties } = message;
        let Some(channel) = self.channel(topic) else { return Some(format!("no channel has the topic {topic}")) };
        let mut told: Vec<String> = self.validate(channel.payload, body).into_iter().collect();
        let name = channel.message["x-json-schema"].as_str().and_then(|id| id.split(':').nth(3)).expect("its schema");
        told.extend(self.told_of(name, body));
        let content_type = &properties["content-type"];
        if *content_type != channel.message["contentType"] {
            told.push(format!("the content type is {content_type}"));
        }
        if let Some(headers) = channel.headers {
            told.extend(self.validate(headers, &properties["user-properties"]));
        }
        let expiry = &properties["message-expiry-interval"];
        if expiry.is_null() != channel.binding["messageExpiryInterval"].is_null() {
            told.push(format!("the expiry is {expiry}"));
        }
        (!told.is_empty()).then(|| format!("{topic}: {}: {body}", told.join("; ")))
    }

    /// Says what is wrong with a payload by the whole schema of its kind.
    pub(crate) fn told_of(&self, name: &str, payload: &Value) -> Option<String> {
        let index = self.whole.get(name).unwrap_or_else(|| panic!("there is no schema {name}"));
        self.validate(*index, payload)
    }

    /// Says what is wrong with an event, which is of one of two kinds.
    pub(crate) fn told_of_event(&self, event: &Value) -> Option<String> {
        let is_unreachable = event["type"].as_str().is_some_and(|kind| kind.contains("receiver.unreachable"));
        self.told_of(if is_unreachable { "event-unreachable" } else { "event" }, event)
    }

    fn validate(&self, index: SchemaIndex, value: &Value) -> Option<String> {
        self.schemas.validate(value, index).err().map(|error| format!("{error:#}"))
    }
}

impl Channel {
    /// Says whether what is published there stays.
    pub(crate) fn is_retained(&self) -> bool {
        self.binding["retain"] == true
    }

    fn fits(&self, topic: &[String]) -> bool {
        let fits = |(wanted, is): (&String, &String)| match wanted.as_str() {
            "{base}" => is == "eightysix",
            _ => wanted.starts_with('{') || wanted == is,
        };
        self.address.len() == topic.len() && self.address.iter().zip(topic).all(fits)
    }
}

fn levels(topic: &str) -> Vec<String> {
    topic.split('/').map(str::to_owned).collect()
}

/// The one message of a channel, and where it stands.
fn the_message<'d>(document: &'d Value, channel: &Value) -> (String, &'d Value) {
    let messages: Vec<&Value> = channel["messages"].as_object().expect("messages").values().collect();
    let [message] = messages[..] else { panic!("one message: {channel}") };
    let pointer = message["$ref"].as_str().and_then(|to| to.strip_prefix('#')).expect("a reference");
    (pointer.to_owned(), document.pointer(pointer).expect("a message"))
}

/// How the one operation of a channel publishes.
fn binding(document: &Value, channel: &str) -> Value {
    let operations = document["operations"].as_object().expect("operations").values();
    let wanted = format!("#/channels/{channel}");
    let mut of_it = operations.filter(|operation| operation["channel"]["$ref"] == *wanted);
    let operation = of_it.next().unwrap_or_else(|| panic!("nothing is sent to {channel}"));
    assert!(of_it.next().is_none() && operation["action"] == "send", "{operation}");
    operation["bindings"]["mqtt"].clone()
}
