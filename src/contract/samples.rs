//! Messages of a small restaurant, for the examples: a list, its events, an alert, a receiver that cannot be told.
//!
//! Made by the functions that make the real ones, of facts that are made up. Never reaches anybody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::facts::{ChangeFacts, ChangeValue, Facts, ItemFacts, StationFacts, VenueFacts};
use crate::alerts::group::{EntryKind, Route, Way, event_message, notice_id};
use crate::alerts::lifecycle::{EpisodeId, OpenAlert, Turns};
use crate::alerts::notice::{Channel, Content, Event, MqttMessage, Notice, NoticeId, ReceiverName};
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::published::{AlertPart, End, FeedEvent, cloud_event};
use crate::alerts::report::Reports;
use crate::board::bridge::{self, Presence};
use crate::board::scene::Scene;
use crate::board::{self, Setting};
use crate::catalog::{Product, Station, Venue};
use crate::delivery::untold::{self, Fallback};
use crate::language::Language;
use crate::rules::Severity;
use crate::sinks::mqtt::{feed, link};
use crate::snapshot::{FreshnessLimits, Snapshot, StopRow, Trouble};
use crate::store::Untold;
use crate::topics::BaseTopic;
use crate::units::{BrandId, CategoryId, Money, ProductId, Quantity, StationId, Timestamp, VenueId, Zone};

/// When all of it happens: a Friday evening in Baku.
const NOW: Timestamp = Timestamp::from_unix_ms(1_778_250_120_500);
const BOOT: &str = "19e07d2f8a4";
const CONFIG_HASH: &str = "3f9c01d27be4a865";
const VENUE: VenueId = VenueId(1);
const KITCHEN: StationId = StationId(1);
/// The limits of a brand whose venues are read often enough.
const LIMITS: FreshnessLimits =
    FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };

/// A message, and what it shows.
pub(super) struct Sample {
    pub(super) shows: &'static str,
    pub(super) message: MqttMessage,
}

/// Returns messages of every channel, as they are published below a base topic.
pub(super) fn all(topics: &BaseTopic) -> Vec<Sample> {
    let sample = |shows: &'static str, message: MqttMessage| Sample { shows, message };
    let (state, info) = (topics.bridge_state(), topics.bridge_info());
    let mut samples = vec![
        sample("connected", link::bridge(state.clone(), &bridge::state(Presence::Online))),
        sample("ended, or the connection was lost: the will", link::bridge(state, &bridge::state(Presence::Offline))),
        sample("after a start or a reload", link::bridge(info, &bridge::info(BOOT, CONFIG_HASH, &["sahil"]))),
    ];
    samples.extend(states(topics));
    samples.extend(events(topics));
    samples.extend(unreachable(topics));
    samples
}

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug of letters")
}

fn ago(minutes: u64) -> Timestamp {
    NOW.minus(Duration::from_mins(minutes))
}

fn setting() -> Setting {
    let zone = Zone::named("Asia/Baku").unwrap_or_else(|_| Zone::utc());
    Setting { boot: BOOT.to_owned(), language: Language::En, zone, day_starts: jiff::civil::time(4, 0, 0, 0) }
}

/// A venue where one dish is out, one drink is low, and one pastry came back.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::unread(Venue { id: VENUE, name: "Sahil".to_owned(), active: true });
    let catalog = snapshot.picture.catalog.edit();
    for (id, name) in [(1, "Kitchen"), (2, "Bar")] {
        let station =
            Station { id: StationId(id), name: name.to_owned(), active: true, kitchen: id == 1, printable: true };
        catalog.stations.insert(station.id, station);
    }
    let product = |id: u64, name: &str, station: u64, low_stock: i64| Product {
        station: Some(StationId(station)),
        category: Some(CategoryId(station)),
        price: Money::from_ten_thousandths(95_000),
        low_stock: Some(Quantity::whole(low_stock)),
        ..Product::plain(ProductId(id), name)
    };
    for product in [product(101, "Lülə kabab", 1, 4), product(208, "Meyvə", 2, 3), product(121, "Ət qutabı", 1, 12)]
    {
        catalog.products.insert(product.id, product);
    }
    let row = |limit, minutes| {
        let since = ago(minutes);
        StopRow {
            limit: Quantity::whole(limit),
            updated_at: Some(since),
            since,
            seen_at: since.plus(Duration::from_secs(2)),
        }
    };
    let rows = [(ProductId(101), row(0, 12)), (ProductId(208), row(2, 40))];
    snapshot.picture.rows = Arc::new(rows.into_iter().collect());
    snapshot.returned.insert(ProductId(121), ago(3));
    (snapshot.read_at, snapshot.changed_at, snapshot.seq) = (Some(NOW), Some(ago(3)), 5);
    snapshot
}

fn states(topics: &BaseTopic) -> Vec<Sample> {
    let scene = |snapshot: Snapshot| Arc::new(Scene::new(brand(), Arc::new(snapshot), Arc::new(setting()), NOW));
    let now = scene(snapshot());
    let trouble = Trouble { since: ago(9), failures: 7, why: "no answer within 12 s".to_owned() };
    let blind = scene(Snapshot { read_at: Some(ago(10)), trouble: Some(trouble), ..snapshot() });
    let alert = alert();
    let mut tree = board::lists(topics, &now, [&alert].into_iter());
    let mut told = |shows: &'static str, topic: String| {
        let state = tree.remove(topic.as_str());
        Sample { shows, message: feed::message(topic, state.as_deref()) }
    };
    let brand = brand();
    let mut samples = vec![
        told("a whole list", topics.stop(&brand, VENUE)),
        told("of one station", topics.station_stop(&brand, VENUE, Some(KITCHEN))),
        told("a dish that is out", topics.product(&brand, VENUE, ProductId(101))),
        told("one that came back", topics.product(&brand, VENUE, ProductId(121))),
        told("somebody takes care of it", topics.alert(&brand, VENUE, alert.episode.as_str())),
    ];
    for (shows, scene) in [("just read", &now), ("Clopos does not answer", &blind)] {
        let (topic, state) = board::status(topics, scene, LIMITS);
        samples.push(Sample { shows, message: feed::message(topic.to_string(), Some(&state)) });
    }
    samples
}

fn episode() -> EpisodeId {
    EpisodeId::from_stored("b2169b86a1e50489")
}

fn acknowledgement() -> Acknowledgement {
    Acknowledgement {
        by: "Anar".to_owned(),
        at: ago(4),
        reason: Some(Reason::Supplier),
        note: "the van is late".to_owned(),
        back_at: Some(NOW.plus(Duration::from_hours(1))),
    }
}

fn alert() -> OpenAlert {
    OpenAlert {
        episode: episode(),
        since: ago(12),
        opened_at: ago(11),
        clear_since: None,
        baseline: false,
        severity: Severity::Critical,
        told: BTreeSet::new(),
        held: std::collections::BTreeMap::new(),
        reminded_at: None,
        acknowledged: Some(acknowledgement()),
        label: "Lülə kabab".to_owned(),
        message: "Lülə kabab is out at Kitchen since 18:10".into(),
        station: Some(KITCHEN),
        turns: Turns::default(),
        unstable_since: None,
        set: None,
        found_after: None,
    }
}

fn facts(limit: Option<Quantity>) -> Facts {
    let item = ItemFacts {
        id: ProductId(101),
        name: "Lülə kabab".to_owned(),
        parent: None,
        category: Some(CategoryId(1)),
        price: Some(Money::from_ten_thousandths(95_000)),
        limit,
        low_stock: Some(Quantity::whole(4)),
        since: limit.map(|_| ago(12)),
        others_on: Vec::new(),
    };
    let age = Some(Duration::from_secs(1));
    Facts {
        brand: brand(),
        venue: Some(VenueFacts { id: VENUE, name: "Sahil".to_owned(), reading_age: age, trouble: None }),
        station: Some(StationFacts { id: KITCHEN, name: "Kitchen".to_owned(), active: true, products: 12 }),
        item: Some(item),
        set: None,
        change: None,
        refused: None,
        recipe: None,
        forecast: None,
        times_today: None,
        found_after: None,
    }
}

fn change(list: Option<&str>, before: ChangeValue, after: ChangeValue, out_for: Option<Duration>) -> ChangeFacts {
    ChangeFacts { list: list.map(str::to_owned), before, after, out_for }
}

fn opened() -> AlertPart<'static> {
    AlertPart {
        rule: "sold-out",
        severity: Severity::Critical,
        episode: Some("b2169b86a1e50489"),
        since: Some(ago(12)),
        opened_at: Some(ago(11)),
        closed_at: None,
        ended_by: None,
        baseline: false,
        unstable: false,
        acknowledged: None,
        found_after: None,
        acknowledge_url: None,
    }
}

fn id(of: &str) -> NoticeId {
    notice_id(&ReceiverName::new("kitchen"), &[of])
}

fn events(topics: &BaseTopic) -> [Sample; 4] {
    let event = |shows: &'static str, kind: &str, facts: &Facts, part: Option<AlertPart<'_>>, message: Option<&str>| {
        let id = id(shows);
        let body = cloud_event(id.as_str(), kind, facts, part, message, NOW);
        Sample { shows, message: event_message(topics, facts, &id, kind, body) }
    };
    let was_out = change(None, ChangeValue::Out, ChangeValue::Unrestricted, Some(Duration::from_mins(12)));
    let back = Facts { change: Some(was_out), ..facts(None) };
    let closed = AlertPart { closed_at: Some(NOW), ended_by: Some(End::Clear), ..opened() };
    let price = |ten_thousandths| ChangeValue::Price(Money::from_ten_thousandths(ten_thousandths));
    let dearer = Facts {
        venue: None,
        station: None,
        change: Some(change(Some("Hall"), price(95_000), price(105_000), None)),
        ..facts(None)
    };
    let rule = AlertPart {
        rule: "price-changed",
        severity: Severity::Info,
        episode: None,
        since: None,
        opened_at: None,
        ..opened()
    };
    let (is_out, is_back) = ("Lülə kabab is out at Kitchen since 18:10", "Lülə kabab is back on at Kitchen");
    [
        event("of the feed: an item is back", FeedEvent::Back.kind(), &back, None, None),
        event(
            "of a rule: an alert opened",
            EntryKind::Opened.event(),
            &facts(Some(Quantity::ZERO)),
            Some(opened()),
            Some(is_out),
        ),
        event("of a rule: the alert closed", EntryKind::Closed.event(), &facts(None), Some(closed), Some(is_back)),
        event(
            "of a rule: a price of the whole brand changed",
            EntryKind::Changed.event(),
            &dearer,
            Some(rule),
            Some("Lülə kabab costs 10.50 in Hall"),
        ),
    ]
}

/// A webhook that refused its event, told to the screens.
fn unreachable(topics: &BaseTopic) -> Option<Sample> {
    let (ops, kitchen) = (ReceiverName::new("ops"), ReceiverName::new("kitchen"));
    let id = notice_id(&ops, &["opened"]);
    let facts = facts(Some(Quantity::ZERO));
    let message = Some("Lülə kabab is out at Kitchen since 18:10");
    let body = cloud_event(id.as_str(), EntryKind::Opened.event(), &facts, Some(opened()), message, ago(11));
    let summary = "sold-out: Lülə kabab, Sahil".to_owned();
    let notice = Notice { id, receiver: ops.clone(), at: ago(11), content: Content::Webhook(Event { body }), summary };
    let given_up_at = Some(ago(11));
    let untold = Untold { row: 1, notice, queued_at: ago(11), given_up_at, why: Some("410 Gone".to_owned()) };
    let Setting { zone, day_starts, language, .. } = setting();
    let to = Route {
        receiver: kitchen,
        language,
        group_wait: Duration::ZERO,
        quiet: None,
        at_most: None,
        reports: Reports::default(),
        ways: vec![Way::Mqtt(topics.clone())],
    };
    let fallback = Fallback { of: ops, after: Duration::from_mins(5), to, zone, day_starts };
    let notice = untold::compose(&fallback, Channel::Webhook, None, &[&untold], NOW).pop()?;
    match notice.content {
        Content::Mqtt(message) => Some(Sample { shows: "a webhook refused its event", message }),
        Content::Email(_) | Content::Webhook(_) => None,
    }
}
