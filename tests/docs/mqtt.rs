//! docs/mqtt.md against what a broker gets: the demo runs, a display reads, and topics and fields must be the documented.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use eightysix::alerts::facts::{ChangeFacts, ChangeValue, Facts, ItemFacts, StationFacts, VenueFacts};
use eightysix::alerts::group::EntryKind;
use eightysix::alerts::order::{Acknowledgement, Reason};
use eightysix::alerts::published::{AlertPart, End, cloud_event, event_type};
use eightysix::alerts::set::{MemberFacts, SetFacts};
use eightysix::board::feed_event;
use eightysix::catalog::Venue;
use eightysix::delivery::untold;
use eightysix::rules::Severity;
use eightysix::rules::set::SetKind;
use eightysix::snapshot::diff::Change;
use eightysix::snapshot::{Snapshot, StopRow};
use eightysix::units::{BrandId, CategoryId, Money, ProductId, Quantity, StationId, Timestamp, VenueId};
use serde_json::Value;

use super::markdown::{blocks, document, first_cells, section};
use super::wait;

const EVENT: &str = "eightysix/v1/{brand}/{venue}/event";
/// Its payload is that of a venue's events; the demo's brand has no trouble of its own.
const BRAND_EVENT: &str = "eightysix/v1/{brand}/event";
/// Its payload is that of webhooks, and documented there; nobody of the demo stands in for another.
const BRIDGE_EVENT: &str = "eightysix/v1/bridge/event";

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_display_gets_the_documented_topics_and_fields() {
    let text = document("docs/mqtt.md");
    let topics = first_cells(section(&text, "## Topics"));
    for topic in [BRAND_EVENT, BRIDGE_EVENT] {
        assert!(topics.contains(topic), "{topic} is documented");
    }
    let mut expected: BTreeMap<&str, BTreeSet<String>> = topics
        .iter()
        .filter(|topic| ![BRAND_EVENT, BRIDGE_EVENT].contains(&topic.as_str()))
        .map(|topic| (topic.as_str(), documented(&text, topic)))
        .collect();
    let of_events = expected.remove(EVENT).expect("a venue's events are documented");

    let folder = tempfile::tempdir().expect("a folder");
    let (_demo, port) = demo(folder.path());
    // Its own limit of time: a `timeout` around it would be killed alone and leave it behind, connecting for ever.
    let mut display = Command::new("mosquitto_sub");
    display.args(["-W", "90", "-V", "5", "-h", "127.0.0.1", "-p", &port, "-q", "1", "-F", "%j"]);
    display.args(["-t", "eightysix/#"]).stdout(Stdio::piped());
    let mut display = Running(display.spawn().expect("mosquitto_sub is installed (tests/run does it)"));
    let lines = BufReader::new(display.0.stdout.take().expect("piped")).lines();

    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut events = BTreeSet::new();
    for line in lines.map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).expect("JSON");
        let topic = message["topic"].as_str().expect("a topic");
        let known = topics.iter().find(|pattern| fits(pattern, topic));
        let known = known.unwrap_or_else(|| panic!("docs/mqtt.md does not know {topic}")).as_str();
        let Some(payload) = message["payload"].as_str().filter(|payload| !payload.is_empty()) else { continue };
        let payload: Value = serde_json::from_str(payload).expect("JSON");
        if known == EVENT {
            assert_eq!(message["retain"], 0, "{line}");
            assert_eq!(message["properties"]["content-type"], "application/cloudevents+json; charset=utf-8");
            let strange: Vec<String> = keys(&payload).difference(&of_events).cloned().collect();
            assert!(strange.is_empty(), "docs/mqtt.md does not know {strange:?} of events");
            events.insert(payload["type"].as_str().expect("a type").to_owned());
        } else {
            seen.entry(known).or_default().extend(keys(&payload));
        }
        // Events of both kinds: of the stop list, and of a rule.
        let has_event = |prefix: &str| events.iter().any(|kind| kind.starts_with(prefix));
        if seen == expected && has_event("dev.eightysix.product.") && has_event("dev.eightysix.alert.") {
            return;
        }
    }
    panic!("in the time given, these were seen: {seen:#?}, and events {events:?}; documented are: {expected:#?}");
}

/// Starts the demo in a folder and returns it with its broker's port.
fn demo(folder: &std::path::Path) -> (Running, String) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_eightysix"));
    demo.args(["demo", "--for", "90s", "--listen", "127.0.0.1:0"]).env("TMPDIR", folder).stdout(Stdio::piped());
    let mut demo = Running(demo.spawn().expect("it starts"));
    let mut lines = BufReader::new(demo.0.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains("mosquitto_sub")).expect("the line for displays");
    let port = line.split(" -p ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port").to_owned();
    // It must be able to write on, or it would wait.
    std::thread::spawn(move || lines.for_each(drop));
    // The line comes before the broker listens.
    let address = format!("127.0.0.1:{port}");
    wait::until("the demo's broker listens", || TcpStream::connect(&address).ok());
    (demo, port)
}

fn fits(pattern: &str, topic: &str) -> bool {
    let (pattern, topic): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), topic.split('/').collect());
    let level = |(wanted, is): (&&str, &&str)| wanted.starts_with('{') || wanted == is;
    // `bridge` is no brand.
    let is_bridge = topic.get(2) == Some(&"bridge");
    pattern.len() == topic.len()
        && pattern.iter().zip(&topic).all(level)
        && is_bridge == (pattern.get(2) == Some(&"bridge"))
}

fn documented(text: &str, topic: &str) -> BTreeSet<String> {
    first_cells(section(text, &format!("### `{topic}`")))
}

/// The paths of everything in a payload that is no object or list of objects.
pub(super) fn keys(payload: &Value) -> BTreeSet<String> {
    fn walk(at: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                    walk(&path, value, found);
                }
            }
            Value::Array(items) if items.iter().all(Value::is_object) => {
                for item in items {
                    walk(&format!("{at}[]"), item, found);
                }
            }
            Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                found.insert(at.to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk("", payload, &mut found);
    found
}

#[test]
fn every_example_has_documented_fields_only() {
    let text = document("docs/mqtt.md");
    let mut count = 0;
    let topics = first_cells(section(&text, "## Topics"));
    for topic in topics.iter().filter(|topic| ![BRAND_EVENT, BRIDGE_EVENT].contains(&topic.as_str())) {
        let of_topic = section(&text, &format!("### `{topic}`"));
        for example in blocks(of_topic, "json") {
            let example: Value = serde_json::from_str(&example).unwrap_or_else(|error| panic!("{topic}: {error}"));
            let strange: Vec<String> = keys(&example).difference(&first_cells(of_topic)).cloned().collect();
            assert!(strange.is_empty(), "{topic}: {strange:?}");
            count += 1;
        }
    }
    assert!(count >= 8, "{count} examples");
}

#[test]
fn an_event_with_everything_has_the_documented_fields() {
    let at = Timestamp::from_unix_ms(1_780_000_000_000);
    let item = ItemFacts {
        id: ProductId(54),
        name: "Lamb kebab".to_owned(),
        parent: None,
        category: Some(CategoryId(12)),
        price: Some(Money::from_ten_thousandths(125_000)),
        limit: Some(Quantity::ZERO),
        low_stock: Some(Quantity::whole(4)),
        since: Some(at),
        others_on: vec!["1.0 L".to_owned()],
    };
    let facts = Facts {
        brand: BrandId::new("sahil").expect("a slug"),
        venue: Some(VenueFacts {
            id: VenueId(7),
            name: "Sahil".to_owned(),
            reading_age: Some(Duration::from_secs(4)),
            trouble: Some("no answer".to_owned()),
        }),
        station: Some(StationFacts { id: StationId(3), name: "Kitchen".to_owned(), active: true, products: 12 }),
        item: Some(item),
        change: Some(ChangeFacts {
            list: Some("Hall".to_owned()),
            before: ChangeValue::Out,
            after: ChangeValue::Left(Quantity::whole(3)),
            out_for: Some(Duration::from_mins(1)),
        }),
        refused: Some("the client is disabled".to_owned()),
        recipe: None,
        forecast: None,
        times_today: None,
        found_after: None,
        set: Some(SetFacts {
            kind: SetKind::Category,
            id: 12,
            name: "Kebabs".to_owned(),
            count: 1,
            total: 8,
            members: vec![MemberFacts { id: 54, name: "Lamb kebab".to_owned() }],
        }),
    };
    let acknowledged = Acknowledgement {
        by: "Anar".to_owned(),
        at,
        reason: Some(Reason::Supplier),
        note: "the van is late".to_owned(),
        back_at: Some(at),
    };
    let alert = AlertPart {
        rule: "sold-out",
        severity: Severity::Critical,
        episode: Some("a1b2"),
        since: Some(at),
        opened_at: Some(at),
        closed_at: Some(at),
        acknowledged: Some(&acknowledged),
        ended_by: Some(End::Clear),
        baseline: false,
        unstable: false,
        found_after: Some(eightysix::snapshot::Gap { from: at, until: at }),
        acknowledge_url: Some("https://86.example.com/ack/AWa8"),
    };
    let event = cloud_event("id", "alert.opened", &facts, Some(alert), Some("Lamb kebab is out"), at);
    let event: Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!(keys(&event), documented(&document("docs/mqtt.md"), EVENT));
}

#[test]
fn the_types_are_those_of_the_code() {
    let at = Timestamp::from_unix_ms(0);
    let venue = Venue { id: VenueId(7), name: "Sahil".to_owned(), active: true };
    let after = Snapshot::unread(venue);
    let row = |limit| Some(StopRow { limit: Quantity::whole(limit), updated_at: None, since: at, seen_at: at });
    let changes = [(None, row(0)), (row(0), None), (None, row(4)), (row(20), row(19))];
    let of_lists = changes.map(|(before, after_row)| {
        let change = Change::Row { product: ProductId(54), before, after: after_row };
        feed_event(&change, &after).expect("it rings").0
    });
    let of_rules = EntryKind::ALL.map(EntryKind::event);
    let types: BTreeSet<String> = of_lists.into_iter().chain(of_rules).chain([untold::EVENT]).map(event_type).collect();
    assert_eq!(first_cells(section(&document("docs/mqtt.md"), "## Types of events")), types);
}
