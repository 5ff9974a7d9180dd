//! The MQTT feed as AsyncAPI 3: servers, channels, messages and what eightysix sends.
//!
//! Written in JSON, in which YAML readers read it too, and whole in itself: its schemas are of the draft that AsyncAPI tools
//! know. Invariant: retain, expiry, content type and properties are those of the samples, which the code made.

use serde_json::{Map, Value, json};

use crate::alerts::published;
use crate::board::bridge::{self, Presence};
use crate::board::payload;
use crate::contract::OF_THE_FEED;
use crate::contract::samples::{self, Sample};
use crate::delivery::untold;
use crate::schema::{Parts, Payload, VERSION};
use crate::sinks::mqtt::session::WILL_DELAY_S;
use crate::topics::BaseTopic;

/// The version of AsyncAPI.
const ASYNCAPI: &str = "3.0.0";
/// The version of its description of MQTT.
const BINDING: &str = "0.2.0";
/// Every publish counts after its PUBACK only.
const QOS: u8 = 1;

const DESCRIPTION: &str = "eightysix watches the stop lists of restaurants on the Clopos POS. It publishes them to MQTT as retained state, for screens, and as events, for \
sounds and pop-ups. A list is the truth, events are a convenience: a screen that shows the retained list is right after any reconnect. A topic whose state is gone is \
cleared by an empty retained payload. Fields are added, never renamed or removed: pass over those that you do not know.";

/// What is published to one topic of its kind.
struct Channel {
    key: &'static str,
    address: &'static str,
    payload: Payload,
    title: &'static str,
    about: &'static str,
}

const CHANNELS: [Channel; 10] = [
    Channel {
        key: "bridge-state",
        address: "{base}/v1/bridge/state",
        payload: bridge::STATE,
        title: "Whether eightysix is connected",
        about: "Whether eightysix is connected to this broker. It is also the will, with a delay so that a quick reconnect does not blink. It says nothing of how old the lists are.",
    },
    Channel {
        key: "bridge-info",
        address: "{base}/v1/bridge/info",
        payload: bridge::INFO,
        title: "Which eightysix runs",
        about: "Which version runs, since which start, for which brands. Published after each connect.",
    },
    Channel {
        key: "status",
        address: "{base}/v1/{brand}/{venue}/status",
        payload: payload::STATUS,
        title: "How far the lists of a venue can be trusted",
        about: "Published after a reading: at once when it says anything new, and else when the reading is 5 s newer than the one that it told last. It expires after twice the time until a list counts as blind.",
    },
    Channel {
        key: "stop",
        address: "{base}/v1/{brand}/{venue}/stop",
        payload: payload::LIST,
        title: "The stop list of a venue",
        about: "The whole stop list: all that a simple screen needs. There is none before the first reading, as an empty one would say that everything is on sale.",
    },
    Channel {
        key: "station-stop",
        address: "{base}/v1/{brand}/{venue}/station/{station}/stop",
        payload: payload::LIST,
        title: "The stop list of a station",
        about: "The items and counts of one station. Every station of the venue has one, switched on or off, also when its list is empty.",
    },
    Channel {
        key: "product",
        address: "{base}/v1/{brand}/{venue}/product/{product}",
        payload: payload::PRODUCT,
        title: "One product",
        about: "A product that is limited. When it comes back on sale it says so until the business day ends; then it is cleared.",
    },
    Channel {
        key: "alert",
        address: "{base}/v1/{brand}/{venue}/alert/{episode}",
        payload: payload::ALERT,
        title: "One open alert",
        about: "Every open alert about an item, a set of items, a station or the venue, whoever is told of it; cleared when it closes.",
    },
    Channel {
        key: "venue-event",
        address: "{base}/v1/{brand}/{venue}/event",
        payload: published::EVENT,
        title: "What happened at a venue",
        about: "Events of its stop list, and of the rules that notify a receiver of this broker. Never retained, so that a screen that reconnects does not ring again.",
    },
    Channel {
        key: "brand-event",
        address: "{base}/v1/{brand}/event",
        payload: published::EVENT,
        title: "What happened to a brand",
        about: "Events of rules about what belongs to no single venue: the brand as a whole, a price in a list, a product over the venues.",
    },
    Channel {
        key: "bridge-event",
        address: "{base}/v1/bridge/event",
        payload: untold::UNREACHABLE,
        title: "What another receiver could not be told",
        about: "Where a receiver of this broker is the `else` of another one. It does not expire: it tells of what has waited for long already.",
    },
];

/// What stands in braces in the addresses.
const PARAMETERS: [(&str, &str, &str); 6] = [
    ("base", "The first levels of every topic: `base_topic` of the broker in the configuration.", "eightysix"),
    ("brand", "The slug of the brand in the configuration.", "sahil"),
    ("venue", "The id of the venue at Clopos.", "1"),
    ("station", "The id of the station at Clopos, or `none` for what no station prepares.", "3"),
    ("product", "The id of the product or variant at Clopos.", "101"),
    ("episode", "Identifies the alert from its opening to its closing: 16 hexadecimal digits.", "b2169b86a1e50489"),
];

/// Makes the document.
pub(super) fn document() -> Value {
    let topics = BaseTopic::default();
    let samples = samples::all(&topics);
    let (channels, operations): (Map<_, _>, Map<_, _>) = CHANNELS
        .iter()
        .map(|channel| {
            let operation = operation(channel, &samples);
            ((channel.key.to_owned(), channel.value()), (format!("send-{}", channel.key), operation))
        })
        .unzip();
    let mut parts = Parts::at("/components/schemas");
    let messages: Map<String, Value> =
        OF_THE_FEED.iter().map(|payload| (payload.name.to_owned(), message(payload, &mut parts, &samples))).collect();
    json!({
        "asyncapi": ASYNCAPI,
        "id": format!("urn:eightysix:asyncapi:v{VERSION}"),
        "info": {
            "title": "The MQTT feed of eightysix",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "defaultContentType": crate::board::CONTENT_TYPE,
        "servers": servers(&topics),
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "parameters": parameters(),
            "schemas": parts.all(),
            "securitySchemes": {
                "login": {
                    "type": "userPassword",
                    "description": "What the broker asks for. The embedded one lets displays in that only read."
                },
            },
        },
    })
}

impl Channel {
    fn value(&self) -> Value {
        let names = self.address.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let parameters: Map<String, Value> =
            names.map(|name| (name.to_owned(), refer_to(&["components", "parameters", name]))).collect();
        let name = self.payload.name;
        json!({
            "address": self.address,
            "title": self.title,
            "description": self.about,
            "parameters": parameters,
            "messages": { name: refer_to(&["components", "messages", name]) },
        })
    }

    /// Says whether a topic below the usual base is of this channel.
    fn takes(&self, topic: &str) -> bool {
        let address = self.address.replace("{base}", BaseTopic::default().as_str());
        let (wanted, is): (Vec<_>, Vec<_>) = (address.split('/').collect(), topic.split('/').collect());
        let is_bridge = |levels: &[&str]| levels.get(2) == Some(&"bridge");
        wanted.len() == is.len()
            && is_bridge(&wanted) == is_bridge(&is)
            && wanted.iter().zip(&is).all(|(wanted, is)| wanted.starts_with('{') || wanted == is)
    }
}

/// Says how eightysix publishes to a channel, as its samples show it.
fn operation(channel: &Channel, samples: &[Sample]) -> Value {
    let mut binding = json!({ "qos": QOS, "bindingVersion": BINDING });
    if let Some(Sample { message, .. }) = samples.iter().find(|sample| channel.takes(&sample.message.topic)) {
        binding["retain"] = message.retain.into();
        if let Some(expiry_s) = message.expiry_s {
            binding["messageExpiryInterval"] = expiry_s.into();
        }
    }
    json!({
        "action": "send",
        "title": channel.title,
        "channel": refer_to(&["channels", channel.key]),
        "messages": [refer_to(&["channels", channel.key, "messages", channel.payload.name])],
        "bindings": { "mqtt": binding },
    })
}

fn message(payload: &Payload, parts: &mut Parts, samples: &[Sample]) -> Value {
    let of_it: Vec<&Sample> = samples
        .iter()
        .filter(|sample| {
            let takes = |channel: &&Channel| channel.takes(&sample.message.topic);
            CHANNELS.iter().find(takes).is_some_and(|channel| channel.payload.name == payload.name)
        })
        .collect();
    let examples: Vec<Value> = of_it.iter().map(|sample| example(sample)).collect();
    let mut message = json!({
        "name": payload.name,
        "title": payload.title,
        "payload": parts.refer_to(payload),
        "examples": examples,
        "bindings": { "mqtt": { "payloadFormatIndicator": 1, "bindingVersion": BINDING } },
        "x-json-schema": payload.id(),
    });
    let Some(Sample { message: first, .. }) = of_it.first() else { return message };
    message["contentType"] = first.content_type.as_deref().into();
    if !first.properties.is_empty() {
        message["headers"] = headers(&first.properties.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    }
    message
}

fn example(sample: &Sample) -> Value {
    let Sample { shows, message } = sample;
    let payload: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let mut example = json!({ "summary": shows, "payload": payload });
    if !message.properties.is_empty() {
        example["headers"] = message
            .properties
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect::<Map<_, _>>()
            .into();
    }
    example
}

/// Describes the user properties of MQTT 5 that repeat attributes of the event, so that a broker can route.
fn headers(names: &[&str]) -> Value {
    let about =
        |name: &str| format!("The `{name}` of the event, as a user property of MQTT 5, so that a broker can route.");
    let properties: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "type": "string", "description": about(name) })))
        .collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

fn parameters() -> Map<String, Value> {
    let parameter = |(name, about, example): (&str, &str, &str)| {
        // The base alone is the same nearly everywhere.
        let value = if name == "base" { json!({ "default": example }) } else { json!({ "examples": [example] }) };
        let mut parameter = json!({ "description": about });
        if let (Some(parameter), Value::Object(value)) = (parameter.as_object_mut(), value) {
            parameter.extend(value);
        }
        (name.to_owned(), parameter)
    };
    PARAMETERS.into_iter().map(parameter).collect()
}

fn servers(topics: &BaseTopic) -> Value {
    let will = json!({
        "topic": topics.bridge_state(),
        "qos": QOS,
        "message": bridge::state(Presence::Offline),
        "retain": true,
        "x-delay-interval": WILL_DELAY_S,
    });
    let of_mqtt = json!({ "mqtt": { "cleanSession": true, "lastWill": will, "bindingVersion": BINDING } });
    let host = |about: &str, host: &str, port: &str| {
        json!({
            "host": { "default": host, "description": about },
            "port": { "default": port, "description": "Its port." },
        })
    };
    let security = json!([refer_to(&["components", "securitySchemes", "login"])]);
    json!({
        "broker": {
            "host": "{host}:{port}",
            "protocol": "secure-mqtt",
            "protocolVersion": "5.0",
            "title": "A broker under `feed` in the configuration",
            "description": "Readers may speak MQTT 3.1.1 as well.",
            "variables": host("The name of the broker.", "broker.local", "8883"),
            "security": security,
            "bindings": of_mqtt,
        },
        "local": {
            "host": "{host}:{port}",
            "protocol": "mqtt",
            "protocolVersion": "5.0",
            "title": "A broker on this machine or within a network that is trusted, such as the embedded one",
            "variables": host("The machine of the broker.", "127.0.0.1", "1883"),
            "security": security,
            "bindings": of_mqtt,
        },
        "browsers": {
            "host": "{host}:{port}",
            "pathname": "/mqtt",
            "protocol": "ws",
            "title": "The embedded broker, for browsers",
            "description": "MQTT over WebSocket, with the subprotocol `mqtt`, at `http.listen` of the configuration.",
            "variables": host("The machine of eightysix.", "127.0.0.1", "8686"),
            "security": security,
        },
    })
}

fn refer_to(path: &[&str]) -> Value {
    json!({ "$ref": format!("#/{}", path.join("/")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_samples_and_every_sample_a_channel() {
        let samples = samples::all(&BaseTopic::default());
        for Sample { shows, message } in &samples {
            let takers: Vec<_> = CHANNELS.iter().filter(|it| it.takes(&message.topic)).map(|it| it.key).collect();
            assert_eq!(takers.len(), 1, "{shows}: {} is of {takers:?}", message.topic);
        }
        for channel in &CHANNELS {
            let mut of_it = samples.iter().filter(|sample| channel.takes(&sample.message.topic));
            let first = of_it.next().unwrap_or_else(|| panic!("{} has no sample", channel.address));
            let how =
                |sample: &Sample| (sample.message.retain, sample.message.expiry_s, sample.message.content_type.clone());
            assert!(of_it.all(|sample| how(sample) == how(first)), "{}", channel.address);
        }
    }

    #[test]
    fn every_example_holds_something_and_every_parameter_is_described() {
        let document = document();
        for message in document["components"]["messages"].as_object().expect("messages").values() {
            let examples = message["examples"].as_array().expect("examples");
            assert!(!examples.is_empty() && examples.iter().all(|it| it["payload"].is_object()), "{message}");
        }
        let described = document["components"]["parameters"].as_object().expect("parameters");
        let used = CHANNELS.iter().flat_map(|channel| channel.address.split('{').skip(1));
        let used: std::collections::BTreeSet<&str> = used.filter_map(|rest| rest.split('}').next()).collect();
        assert_eq!(described.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), used);
    }
}
