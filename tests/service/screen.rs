//! A kitchen's screen: a `mosquitto_sub` on everything, and what it has seen of states and events.
//!
//! Waits on what it sees, and shows all of it when it waits in vain. Whatever it sees must be as the contract says.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::time::timeout;

use crate::machines::{CONTRACT, Message};
use crate::mosquitto::{Broker, Subscriber};
use crate::stage;
use crate::wait::PATIENCE;

/// Everything published since it was switched on.
pub(crate) struct Screen {
    subscriber: Subscriber,
    pub(crate) seen: Seen,
}

/// What a screen has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The retained topics as they are now.
    pub(crate) states: BTreeMap<String, Value>,
    /// The events in their order.
    pub(crate) events: Vec<Value>,
    /// Every word of `bridge/state`, the first one being the retained one.
    pub(crate) bridge: Vec<String>,
    /// Every body as it came.
    pub(crate) bodies: Vec<String>,
}

impl Screen {
    pub(crate) async fn before(broker: &Broker, id: &str) -> Self {
        Self { subscriber: broker.subscribe(id, "#", &[]).await, seen: Seen::default() }
    }

    /// Looks on until `holds`.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Seen) -> bool) {
        let looked_on = timeout(PATIENCE, async {
            while !holds(&self.seen) {
                let message = self.subscriber.next().await;
                self.seen.take(message);
            }
        });
        assert!(looked_on.await.is_ok(), "waited in vain: {what}; seen: {:#?}", self.seen);
    }

    /// Looks on for ever, so that the broker need not keep anything back; dropped when the story goes on.
    pub(crate) async fn look_on(&mut self) {
        loop {
            let message = self.subscriber.next().await;
            self.seen.take(message);
        }
    }

    /// Looks on until an event of this type is about this product.
    pub(crate) async fn event(&mut self, kind: &str, product: u64) {
        self.until(&format!("{kind} of {product}"), |seen| seen.has_event(kind, product)).await;
    }
}

impl Seen {
    fn take(&mut self, message: crate::mosquitto::Seen) {
        let crate::mosquitto::Seen { topic, body, retained, properties } = message;
        self.bodies.push(body.clone());
        if body.is_empty() {
            self.states.remove(&topic);
            return;
        }
        let json: Value = serde_json::from_str(&body).expect("JSON");
        let told = CONTRACT.told(&Message { topic: &topic, body: &json, properties: &properties });
        assert_eq!(told, None, "a message that is not as it is promised to be");
        if topic.ends_with("/event") {
            assert!(!retained, "a screen that comes late must not ring: {body}");
            self.events.push(json);
            return;
        }
        if topic.ends_with("bridge/state") {
            self.bridge.push(json["state"].as_str().expect("a state").to_owned());
        }
        self.states.insert(topic, json);
    }

    pub(crate) fn has_event(&self, kind: &str, product: u64) -> bool {
        self.kinds(product).iter().any(|seen| seen == kind)
    }

    /// The middles of the types of a product's events, such as `product.stopped`, in their order.
    pub(crate) fn kinds(&self, product: u64) -> Vec<String> {
        let about = self.events.iter().filter(|event| event["data"]["item"]["id"] == product);
        about.map(kind).collect()
    }

    /// What a topic below `eightysix/v1/` holds; null when there is none.
    pub(crate) fn state(&self, topic: &str) -> &Value {
        self.states.get(&format!("eightysix/v1/{topic}")).unwrap_or(&Value::Null)
    }

    /// The products on a list with this state, sorted.
    pub(crate) fn listed(&self, topic: &str, state: &str) -> Vec<u64> {
        let items = self.state(topic)["items"].as_array().cloned().unwrap_or_default();
        let chosen = items.iter().filter(|item| item["state"] == state);
        let mut ids: Vec<u64> = chosen.map(|item| item["id"].as_u64().expect("an id")).collect();
        ids.sort_unstable();
        ids
    }

    /// The bodies of the open alerts of venue 1.
    pub(crate) fn alerts(&self) -> Vec<&Value> {
        let alerts = self.states.iter().filter(|(topic, _)| topic.starts_with("eightysix/v1/sahil/1/alert/"));
        alerts.map(|(_, body)| body).collect()
    }
}

/// The middle of an event's type: `alert.opened`.
pub(crate) fn kind(event: &Value) -> String {
    let whole = event["type"].as_str().expect("a type");
    let middle = whole.strip_prefix("dev.eightysix.").and_then(|rest| rest.strip_suffix(".v1"));
    middle.unwrap_or_else(|| panic!("not a type of ours: {whole}")).to_owned()
}

/// Whatever was published is searched for secrets.
impl Drop for Screen {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.seen.bodies.iter().for_each(|body| stage::assert_no_canary("a topic", body.as_bytes()));
        }
    }
}
