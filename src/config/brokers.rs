//! The `mqtt` section: brokers elsewhere, and the one in this process.
//!
//! Connects nowhere. A broker with `listen` instead of `url` is the embedded one, of which there is at most one.

use std::collections::BTreeMap;

use crate::broker;
use crate::config::{BrokerSettings, Named, Surroundings, basics, channels, named, secret};
use crate::document::{Entry, Fields, Node, Place, Problem, Problems};
use crate::sinks::mqtt;
use crate::topics::BaseTopic;

/// Where Linux names this machine; in a container it is the container's name.
const HOST_NAME_FILE: &str = "/proc/sys/kernel/hostname";

pub(super) fn all(node: &Node, around: &Surroundings<'_>, problems: &mut Problems) -> Named<BrokerSettings> {
    let mut embedded: Option<Place> = None;
    named(node, "kitchen: { url: mqtts://broker.local }", problems, |entry, problems| {
        let mut fields = entry.node.fields("{ url: mqtts://broker.local } or { listen: 127.0.0.1:1883 }", problems)?;
        let broker = if fields.holds("listen") && !fields.holds("url") {
            if let Some(first) = embedded.replace(entry.place.clone()) {
                problems.push(Problem {
                    place: entry.place.clone(),
                    message: format!("'{}' is a second embedded broker", entry.key),
                    help: Some("let all displays use one; others need the url of a broker elsewhere".to_owned()),
                    related: Some((first, "the first one".to_owned())),
                });
            }
            embedded_broker(&mut fields, around, problems)
        } else {
            external_broker(entry, &mut fields, around, problems)
        };
        fields.finish(problems);
        broker
    })
}

/// Returns the embedded broker's settings, if there is one.
pub(super) fn embedded(brokers: &BTreeMap<String, BrokerSettings>) -> Option<&broker::Settings> {
    brokers.values().find_map(|broker| match broker {
        BrokerSettings::Embedded { settings, .. } => Some(settings),
        BrokerSettings::External(_) => None,
    })
}

fn external_broker(
    entry: &Entry,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<BrokerSettings> {
    let told = problems.count();
    let such_as = "mqtts://broker.local:8883, or listen: 127.0.0.1:1883 for the embedded broker";
    let url = fields.required("url", such_as, problems);
    let url = url.and_then(|node| channels::parsed(node, problems));
    let username = fields.optional("username").and_then(|node| node.text(problems)).map(str::to_owned);
    let password = fields.optional("password").and_then(|node| secret::read(node, around, problems));
    let base_topic = base_topic(fields, problems);
    let client_id = fields.optional("client_id").and_then(|node| node.text(problems)).map(str::to_owned);
    let ca_file = channels::ca_file(fields, around, problems);
    let allow_plain = fields.optional("allow_plain").and_then(|node| node.flag(problems)).unwrap_or(false);
    let client_id = client_id.unwrap_or_else(|| format!("eightysix-{}-{}", host_name(), entry.key));
    let settings = mqtt::Settings {
        username,
        password,
        base_topic: base_topic?,
        ca_file,
        allow_plain,
        ..mqtt::Settings::at(&entry.key, url?, &client_id)
    };
    for (field, why) in settings.problems() {
        problems.tell(fields.place_of(field), why);
    }
    (problems.count() == told).then_some(BrokerSettings::External(settings))
}

fn embedded_broker(
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> Option<BrokerSettings> {
    let told = problems.count();
    let default = broker::Settings::default();
    let listen = fields.optional("listen").and_then(|node| basics::address(node, problems));
    let username =
        fields.optional("username").map_or(Some(default.username), |node| node.text(problems).map(str::to_owned));
    let password = fields.optional("password").and_then(|node| secret::read(node, around, problems));
    let anonymous = fields.optional("anonymous").and_then(|node| node.flag(problems)).unwrap_or(false);
    let base_topic = base_topic(fields, problems);
    if problems.count() > told {
        return None;
    }
    let settings = broker::Settings { listen: listen?, username: username?, password, anonymous };
    let named_as_usual = broker::Settings { username: broker::Settings::default().username, ..settings.clone() };
    let others = broker::problems(&named_as_usual);
    for why in broker::problems(&settings) {
        let key = match (others.contains(&why), &settings.password) {
            (false, _) => "username",
            (true, Some(_)) => "password",
            (true, None) => "listen",
        };
        problems.tell(fields.place_of(key), why);
    }
    Some(BrokerSettings::Embedded { settings, base_topic: base_topic? })
}

fn base_topic(fields: &mut Fields<'_>, problems: &mut Problems) -> Option<BaseTopic> {
    let Some(node) = fields.optional("base_topic") else { return Some(BaseTopic::default()) };
    BaseTopic::new(node.text(problems)?).map_err(|why| problems.tell(&node.place, why)).ok()
}

/// Returns the name of this machine, which keeps the default client ids of two machines apart: with the same one, each
/// would take the connection from the other without end.
fn host_name() -> String {
    let name = std::fs::read_to_string(HOST_NAME_FILE).unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(63).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}
