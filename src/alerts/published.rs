//! The published form of events: CloudEvents 1.0, structured JSON, for webhooks and MQTT alike.
//!
//! These types are a contract with other people's programs (style 16): a field is added, never renamed or removed;
//! a breaking change is a new `.v2` type. Unknown fields must be ignored by readers.

use serde::Serialize;

use crate::alerts::facts::{ChangeFacts, Facts, ItemFacts, StationFacts, VenueFacts};
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::set::{MemberFacts, SetFacts};
use crate::rules::set::SetKind;
use crate::snapshot::Gap;
use crate::units::Timestamp;

/// The content type of a structured CloudEvent.
pub const CLOUDEVENTS_JSON: &str = "application/cloudevents+json; charset=utf-8";

/// A CloudEvent around its data.
#[derive(Serialize)]
struct CloudEvent<'a, D> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: String,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    data: D,
}

#[derive(Serialize)]
struct Data<'a> {
    v: u32,
    brand: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    venue: Option<Venue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<Station<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<PublishedSet<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found_after: Option<PublishedGap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// When nobody read the list, before what an event tells was found.
#[derive(Serialize)]
struct PublishedGap {
    from: String,
    until: String,
}

#[derive(Serialize)]
struct Venue<'a> {
    id: u64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reading_age_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
}

#[derive(Serialize)]
struct Station<'a> {
    id: u64,
    name: &'a str,
    active: bool,
}

#[derive(Serialize)]
struct Item<'a> {
    id: u64,
    name: &'a str,
    parent: Option<u64>,
    category: Option<u64>,
    price: Option<f64>,
    limit: Option<f64>,
    low_at: Option<f64>,
    since: Option<String>,
    others_on: &'a [String],
}

/// A set of items, in events and on screens. It has more members than it lists when `count` is larger.
#[derive(Serialize)]
pub struct PublishedSet<'a> {
    kind: &'static str,
    id: u64,
    name: &'a str,
    count: usize,
    total: usize,
    members: Vec<PublishedMember<'a>>,
}

#[derive(Serialize)]
struct PublishedMember<'a> {
    id: u64,
    name: &'a str,
}

impl<'a> PublishedSet<'a> {
    /// Takes it as it is known.
    pub fn of(facts: &'a SetFacts) -> Self {
        let SetFacts { kind, id, name, count, total, members } = facts;
        let members = members.iter().map(|MemberFacts { id, name }| PublishedMember { id: *id, name }).collect();
        Self { kind: kind.word(), id: *id, name, count: *count, total: *total, members }
    }
}

#[derive(Serialize)]
struct Change<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<&'a str>,
    before: String,
    after: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_for_s: Option<u64>,
}

#[derive(Serialize)]
struct Alert<'a> {
    rule: &'a str,
    severity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    episode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<&'static str>,
    baseline: bool,
    unstable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<PublishedAck<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledge_url: Option<&'a str>,
}

/// What somebody who takes care of an alert said, in events and on screens.
#[derive(Serialize)]
pub struct PublishedAck<'a> {
    by: &'a str,
    at: String,
    reason: Option<&'static str>,
    note: &'a str,
    back: Option<String>,
}

impl<'a> PublishedAck<'a> {
    /// Takes it as it was said.
    pub fn of(acknowledgement: &'a Acknowledgement) -> Self {
        let Acknowledgement { by, at, reason, note, back_at } = acknowledgement;
        let back = back_at.map(|at| at.to_string());
        Self { by, at: at.to_string(), reason: reason.map(Reason::word), note, back }
    }
}

/// What ends an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What its rule asks for is no longer so.
    Clear,
    /// The windows of its rule are over, and nothing else is known to have changed.
    Window,
    /// Its rule or its venue was taken away, and nobody can say any more whether it holds.
    Unwatched,
}

impl End {
    /// Returns the word that receivers read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Window => "window",
            Self::Unwatched => "unwatched",
        }
    }
}

/// The part of an event that a rule adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertPart<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// `info`, `warning` or `critical`.
    pub severity: &'a str,
    /// The episode, for alerts; a notice of change has none.
    pub episode: Option<&'a str>,
    /// When the rule was first seen to hold.
    pub since: Option<Timestamp>,
    /// When the alert opened.
    pub opened_at: Option<Timestamp>,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// What closed it.
    pub ended_by: Option<End>,
    /// True when it already held in the first reading.
    pub baseline: bool,
    /// True when it goes on and off, and is told to be over only when it is calm.
    pub unstable: bool,
    /// What somebody who takes care of it said.
    pub acknowledged: Option<&'a Acknowledgement>,
    /// When nobody had read the list before this was found, if that was for long.
    pub found_after: Option<Gap>,
    /// Where its receiver says that somebody takes care of it.
    pub acknowledge_url: Option<&'a str>,
}

/// Renders an event; `kind` is the middle of its type, such as `alert.opened` or `product.stopped`.
pub fn cloud_event(
    id: &str,
    kind: &str,
    facts: &Facts,
    alert: Option<AlertPart<'_>>,
    message: Option<&str>,
    at: Timestamp,
) -> String {
    let found_after = alert.and_then(|part| part.found_after).or(facts.found_after);
    let data = Data {
        v: 1,
        brand: facts.brand.as_str(),
        venue: facts.venue.as_ref().map(venue),
        station: facts.station.as_ref().map(station),
        item: facts.item.as_ref().map(item),
        set: facts.set.as_ref().map(PublishedSet::of),
        change: facts.change.as_ref().map(change),
        alert: alert.map(alert_part),
        refused: facts.refused.as_deref(),
        found_after: found_after
            .map(|Gap { from, until }| PublishedGap { from: from.to_string(), until: until.to_string() }),
        message,
    };
    enveloped(id, kind, &format!("eightysix/{}", facts.brand), &subject_path(facts), data, at)
}

/// Renders the envelope of an event around its data; `kind` is the middle of its type.
pub fn enveloped(id: &str, kind: &str, source: &str, subject: &str, data: impl Serialize, at: Timestamp) -> String {
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source,
        r#type: event_type(kind),
        subject,
        time: at.to_string(),
        datacontenttype: "application/json",
        data,
    };
    // Every map key in it is a field name and every number finite, so there is nothing that JSON cannot hold.
    serde_json::to_string(&event).unwrap_or_default()
}

/// Returns the full type of an event: `dev.eightysix.alert.opened.v1`.
pub fn event_type(kind: &str) -> String {
    format!("dev.eightysix.{kind}.v1")
}

/// Returns `brand/venue/product`, as far as the facts go; what concerns every venue alike has `all` for the venue.
pub fn subject_path(facts: &Facts) -> String {
    let item = facts.item.as_ref().map(|item| format!("/{}", item.id));
    let station = facts.station.as_ref().map(|station| format!("/station-{}", station.id));
    let set = facts.set.as_ref().map(|set| match set.kind {
        SetKind::Category => format!("/category-{}", set.id),
        SetKind::Station => format!("/station-{}", set.id),
        SetKind::Venues => format!("/{}", set.id),
    });
    let thing = item.or(set).or(station);
    let of_all = if thing.is_some() { "/all" } else { "" };
    let venue = facts.venue.as_ref().map_or_else(|| of_all.to_owned(), |venue| format!("/{}", venue.id));
    format!("{}{venue}{}", facts.brand, thing.unwrap_or_default())
}

fn venue(facts: &VenueFacts) -> Venue<'_> {
    let VenueFacts { id, name, reading_age, trouble } = facts;
    Venue { id: id.0, name, reading_age_s: reading_age.map(|age| age.as_secs()), trouble: trouble.as_deref() }
}

fn station(facts: &StationFacts) -> Station<'_> {
    Station { id: facts.id.0, name: &facts.name, active: facts.active }
}

fn item(facts: &ItemFacts) -> Item<'_> {
    let ItemFacts { id, name, parent, category, price, limit, low_stock, since, others_on } = facts;
    Item {
        id: id.0,
        name,
        parent: parent.map(|id| id.0),
        category: category.map(|id| id.0),
        price: price.map(crate::units::Money::as_f64),
        limit: limit.map(crate::units::Quantity::as_f64),
        low_at: low_stock.map(crate::units::Quantity::as_f64),
        since: since.map(|at| at.to_string()),
        others_on,
    }
}

fn change(facts: &ChangeFacts) -> Change<'_> {
    let ChangeFacts { list, before, after, out_for } = facts;
    Change {
        list: list.as_deref(),
        before: before.code(),
        after: after.code(),
        out_for_s: out_for.map(|d| d.as_secs()),
    }
}

fn alert_part(part: AlertPart<'_>) -> Alert<'_> {
    let AlertPart {
        rule,
        severity,
        episode,
        since,
        opened_at,
        closed_at,
        ended_by,
        baseline,
        unstable,
        acknowledged,
        // Of a notice of change as well: it stands beside.
        found_after: _,
        acknowledge_url,
    } = part;
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Alert {
        rule,
        severity,
        episode,
        since: text(since),
        opened_at: text(opened_at),
        closed_at: text(closed_at),
        ended_by: ended_by.map(End::word),
        baseline,
        unstable,
        ack: acknowledged.map(PublishedAck::of),
        acknowledge_url,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::alerts::facts::ChangeValue;
    use crate::units::{BrandId, CategoryId, Money, ProductId, Quantity, StationId, VenueId};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_778_250_120_500);

    fn nothing() -> Facts {
        let brand = BrandId::new("sahil").expect("a slug");
        Facts {
            brand,
            venue: None,
            station: None,
            item: None,
            set: None,
            change: None,
            refused: None,
            recipe: None,
            forecast: None,
            times_today: None,
            found_after: None,
        }
    }

    fn everything() -> Facts {
        Facts {
            venue: Some(VenueFacts {
                id: VenueId(7),
                name: "Sahil \"2\"".to_owned(),
                reading_age: Some(Duration::from_millis(4_900)),
                trouble: Some("no answer".to_owned()),
            }),
            station: Some(StationFacts { id: StationId(3), name: "Tandir".to_owned(), active: true, products: 12 }),
            item: Some(ItemFacts {
                id: ProductId(302),
                name: "Fanta 0.5 L".to_owned(),
                parent: Some(ProductId(201)),
                category: Some(CategoryId(10)),
                price: Some(Money::from_ten_thousandths(32_000)),
                limit: Some(Quantity::from_millionths(-500_000)),
                low_stock: Some(Quantity::whole(6)),
                since: Some(NOW.minus(Duration::from_mins(2))),
                others_on: vec!["0.33 L".to_owned(), "1.0 L".to_owned()],
            }),
            change: Some(ChangeFacts {
                list: Some("Hall".to_owned()),
                before: ChangeValue::Price(Money::from_ten_thousandths(32_000)),
                after: ChangeValue::Price(Money::from_ten_thousandths(35_000)),
                out_for: Some(Duration::from_mins(12)),
            }),
            refused: Some("Client is disabled".to_owned()),
            recipe: None,
            forecast: None,
            times_today: None,
            found_after: None,
            ..nothing()
        }
    }

    fn pretty(event: &str) -> String {
        let event: serde_json::Value = serde_json::from_str(event).expect("JSON");
        serde_json::to_string_pretty(&event).expect("JSON")
    }

    /// The contract: a reader of today must understand the events of later versions, so nothing of this may go or change.
    #[test]
    fn an_event_that_says_everything() {
        let part = AlertPart {
            rule: "sold-out",
            severity: "critical",
            episode: Some("66bcbc5cf096741a"),
            since: Some(NOW.minus(Duration::from_mins(2))),
            opened_at: Some(NOW.minus(Duration::from_secs(90))),
            closed_at: Some(NOW),
            ended_by: Some(End::Window),
            baseline: true,
            unstable: true,
            acknowledged: None,
            found_after: None,
            acknowledge_url: Some("https://86.example.com/ack/AWa8vFzwlnQa"),
        };
        let event = cloud_event("0af4", "alert.closed", &everything(), Some(part), Some("Fanta is back"), NOW);
        insta::assert_snapshot!(pretty(&event), @r#"
        {
          "data": {
            "alert": {
              "acknowledge_url": "https://86.example.com/ack/AWa8vFzwlnQa",
              "baseline": true,
              "closed_at": "2026-05-08T14:22:00.500Z",
              "ended_by": "window",
              "episode": "66bcbc5cf096741a",
              "opened_at": "2026-05-08T14:20:30.500Z",
              "rule": "sold-out",
              "severity": "critical",
              "since": "2026-05-08T14:20:00.500Z",
              "unstable": true
            },
            "brand": "sahil",
            "change": {
              "after": "3.50",
              "before": "3.20",
              "list": "Hall",
              "out_for_s": 720
            },
            "item": {
              "category": 10,
              "id": 302,
              "limit": -0.5,
              "low_at": 6.0,
              "name": "Fanta 0.5 L",
              "others_on": [
                "0.33 L",
                "1.0 L"
              ],
              "parent": 201,
              "price": 3.2,
              "since": "2026-05-08T14:20:00.500Z"
            },
            "message": "Fanta is back",
            "refused": "Client is disabled",
            "station": {
              "active": true,
              "id": 3,
              "name": "Tandir"
            },
            "v": 1,
            "venue": {
              "id": 7,
              "name": "Sahil \"2\"",
              "reading_age_s": 4,
              "trouble": "no answer"
            }
          },
          "datacontenttype": "application/json",
          "id": "0af4",
          "source": "eightysix/sahil",
          "specversion": "1.0",
          "subject": "sahil/7/302",
          "time": "2026-05-08T14:22:00.500Z",
          "type": "dev.eightysix.alert.closed.v1"
        }
        "#);
    }

    #[test]
    fn an_event_that_says_as_little_as_there_is() {
        insta::assert_snapshot!(pretty(&cloud_event("0af4", "change", &nothing(), None, None, NOW)), @r#"
        {
          "data": {
            "brand": "sahil",
            "v": 1
          },
          "datacontenttype": "application/json",
          "id": "0af4",
          "source": "eightysix/sahil",
          "specversion": "1.0",
          "subject": "sahil",
          "time": "2026-05-08T14:22:00.500Z",
          "type": "dev.eightysix.change.v1"
        }
        "#);
    }

    #[test]
    fn the_subject_goes_as_far_as_the_facts() {
        let of_venue = Facts { venue: everything().venue, ..nothing() };
        let of_station = Facts { station: everything().station, ..of_venue.clone() };
        for (facts, path) in [
            (nothing(), "sahil"),
            (of_venue, "sahil/7"),
            (of_station, "sahil/7/station-3"),
            (everything(), "sahil/7/302"),
        ] {
            assert_eq!(subject_path(&facts), path);
        }
    }
}
