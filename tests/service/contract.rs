//! A busy evening at one broker: every topic of the AsyncAPI document gets its messages, and each is as it is promised.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::machines::{CONTRACT, Message};
use crate::mosquitto::{Seen, Subscriber};
use crate::stage::Stage;
use crate::wait::PATIENCE;

/// More rules than the stage has: about sets, what is low, stations, the brand, and prices.
const RULES: &str = r#"
  - name: thin
    when: { limit: { at_most: 0 }, product.type: [DISH], station.status: active }
    at_least: { count: 2, of: category }
    notify: [kitchen, ops]
    message: "{{ set.name }} is thin"
  - name: station-off
    subject: station
    when: { station.status: inactive }
    severity: info
    notify: [kitchen, ops]
    message: "{{ station.name }} is off"
  - name: price-changed
    event: price_changed
    notify: [kitchen, ops]
    message: "{{ item.name }} costs {{ change.after }} in {{ change.list }}"
"#;

/// A receiver whose place nobody holds, so that the screens are told in its stead.
const OFFICE: &str = r#"
  office:
    webhook: { url: "http://127.0.0.1:9/", allow_private: [127.0.0.1] }
    else: kitchen
    else_after: 10s
"#;

/// What was seen of the feed, and of which channels and kinds.
struct Reader {
    subscriber: Subscriber,
    /// How often each channel had a message.
    channels: BTreeMap<String, usize>,
    kinds: BTreeSet<String>,
    /// The words of `state`, of products and lists and of the bridge.
    states: BTreeSet<String>,
    last: BTreeMap<String, Value>,
}

impl Reader {
    /// Takes a message and holds it against the contract.
    fn take(&mut self, seen: Seen) {
        let Seen { topic, body, retained, properties } = seen;
        let channel = CONTRACT.channel(&topic).unwrap_or_else(|| panic!("no channel has the topic {topic}"));
        assert_eq!(retained, channel.is_retained(), "{topic}: {body}");
        if body.is_empty() {
            assert!(retained, "only what is retained is cleared: {topic}");
            self.last.remove(&topic);
            return;
        }
        let json: Value = serde_json::from_str(&body).expect("JSON");
        let told = CONTRACT.told(&Message { topic: &topic, body: &json, properties: &properties });
        assert_eq!(told, None, "a message that is not as it is promised to be");
        assert_eq!(properties["payload-format-indicator"], 1, "{topic}");
        *self.channels.entry(channel.key.clone()).or_default() += 1;
        self.kinds.extend(json["type"].as_str().map(str::to_owned));
        self.states.extend(json["state"].as_str().map(str::to_owned));
        self.last.insert(topic, json);
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let read_on = timeout(PATIENCE, async {
            while !holds(self) {
                let seen = self.subscriber.next().await;
                self.take(seen);
            }
        });
        let is_so = read_on.await.is_ok();
        assert!(is_so, "waited in vain: {what}; {:?}, {:?}, {:?}", self.channels, self.kinds, self.states);
    }

    async fn event(&mut self, kind: &str) {
        self.until(kind, |it| it.kinds.contains(&format!("dev.eightysix.{kind}.v1"))).await;
    }

    fn is_listed(&self, topic: &str, state: &str) -> bool {
        let list = self.last.get(&format!("eightysix/v1/sahil/1/{topic}"));
        list.is_some_and(|list| list["items"].as_array().is_some_and(|it| it.iter().any(|item| item["state"] == state)))
    }
}

#[tokio::test]
async fn every_message_of_a_busy_evening_is_as_it_is_promised() {
    let stage = Stage::open(1).await;
    stage.append("rules.yaml", RULES);
    stage.edit("rules.yaml", "notify: [kitchen, managers, ops]", "notify: [kitchen, managers, ops, office]");
    stage.edit("eightysix.yaml", "  ops:\n", &format!("{}  ops:\n", OFFICE.trim_start_matches('\n')));
    // As published: whether a message is retained is told to those as well who were there before it.
    let subscriber = stage.broker.subscribe("reader", "#", &["--retain-as-published"]).await;
    let (channels, kinds) = (BTreeMap::new(), BTreeSet::new());
    let mut reader = Reader { subscriber, channels, kinds, states: BTreeSet::new(), last: BTreeMap::new() };
    let service = stage.start_with_baseline();

    stage.pos.limit(102, 0);
    reader.event("alert.opened").await;
    stage.pos.limit(102, 1);
    reader.event("alert.closed").await;
    stage.pos.limit(101, 40);
    reader.until("one of each state", |it| it.is_listed("stop", "low") && it.is_listed("stop", "limited")).await;
    stage.pos.limit(101, 39);
    reader.event("product.limit_changed").await;
    stage.pos.limit(101, 1);
    reader.event("product.low").await;
    stage.pos.act(&json!({ "station": { "brand": "sahil", "venue": 1, "station": 2, "active": false } }));
    stage.pos.act(&json!({ "price": { "brand": "sahil", "product": 101, "list": 2, "price": 11 } }));
    reader.event("change").await;
    let said = ["ack", "Quzu antrekotu", "--by", "Anar", "--reason", "supplier", "--back", "2h", "--config"];
    assert_eq!(stage.eightysix(&[&said[..], &["eightysix.yaml"]].concat()).code, Some(0));
    reader.event("alert.acked").await;
    let has_ack = |alert: &Value| alert["ack"]["reason"] == "supplier";
    reader.until("who takes care", |it| it.last.values().any(has_ack)).await;
    stage.pos.limit(103, 0);
    reader.until("a set", |it| it.last.values().any(|alert| alert["set"]["kind"] == "category")).await;
    stage.pos.restock(102);
    stage.pos.restock(101);
    stage.pos.restock(103);
    reader.until("what is back", |it| it.states.contains("on")).await;
    reader.event("receiver.unreachable").await;
    assert!(service.end("TERM").success());
    reader.until("the word offline", |it| it.states.contains("offline")).await;

    let expected: BTreeSet<&str> = CONTRACT.channels().collect();
    assert_eq!(reader.channels.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "each had a message");
    for kind in ["product.stopped", "product.back"] {
        assert!(reader.kinds.contains(&format!("dev.eightysix.{kind}.v1")), "{kind}: {:?}", reader.kinds);
    }
    // Who comes late finds what is retained, and nothing else.
    let late = stage.broker.subscribe("late", "#", &["-W", "2"]).await;
    reader.subscriber = late;
    while let Some(seen) = reader.subscriber.next_if_any().await {
        assert!(seen.retained, "{seen:?}");
        reader.take(seen);
    }
    // The bodies of webhooks are held against the contract when the stage closes, as in every story.
    assert!(stage.hooks.hits().len() > 4, "{:?}", stage.hooks.hits());
    stage.close_despite(&["not told yet", "is told instead of"]);
}
