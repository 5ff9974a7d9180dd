//! The published form of events: CloudEvents 1.0, structured JSON, for webhooks and MQTT alike.
//!
//! These types are a contract with other people's programs (style 16): a field is added, never renamed or removed;
//! a breaking change is a new `.v2` type. Unknown fields must be ignored by readers.

use schemars::JsonSchema;
use serde::Serialize;

use crate::alerts::facts::{ChangeFacts, Facts, ItemFacts, StationFacts, VenueFacts};
use crate::alerts::group::EntryKind;
use crate::alerts::order::{Acknowledgement, Reason};
use crate::alerts::set::{MemberFacts, SetFacts};
use crate::rules::Severity;
use crate::rules::set::SetKind;
use crate::schema::{Instant, Payload, VERSION, Version, Word, Words, one_of};
use crate::snapshot::Gap;
use crate::units::Timestamp;

/// The content type of a structured CloudEvent.
pub const CLOUDEVENTS_JSON: &str = "application/cloudevents+json; charset=utf-8";
/// The version of CloudEvents.
const SPECVERSION: &str = "1.0";
/// The content type of what is inside.
const DATACONTENTTYPE: &str = "application/json";
/// What an id of a notice looks like.
pub const NOTICE_ID: &str = "^[0-9a-f]{32}$";
/// What an episode looks like.
pub const EPISODE: &str = "^[0-9a-f]{16}$";

/// What events of the feed and of rules look like.
pub const EVENT: Payload =
    Payload::written::<CloudEvent<'_, Data<'_>>>("event", "An event of a stop list or of a rule");

/// What an event holds, and by which types it is known.
pub trait EventData: Serialize + JsonSchema {
    /// Returns the middles of the types, such as `alert.opened`.
    fn kinds() -> Vec<&'static str>;
}

/// A CloudEvent 1.0 in structured JSON, the same for webhooks and MQTT.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CloudEventOf{D}")]
pub struct CloudEvent<'a, D: EventData> {
    /// The version of CloudEvents.
    #[schemars(extend("const" = SPECVERSION))]
    specversion: &'static str,
    /// Identifies the event: derived from what is told to whom, and the same on every attempt, so that one that comes twice is
    /// recognised.
    #[schemars(extend("pattern" = NOTICE_ID))]
    id: &'a str,
    /// Who tells it: `eightysix/` and the brand, or `eightysix` where no brand is concerned.
    source: &'a str,
    /// What kind of event it is. Pass over those that you do not know: others may come.
    #[schemars(schema_with = "types::<D>")]
    r#type: String,
    /// What it is about: `sahil/1/101` is an item at a venue, `sahil/1/station-3` a station or its items, `sahil/1/category-12` the items of a
    /// category, `sahil/1` the venue itself, `sahil` the brand as a whole, `sahil/all/124` a price in a list or a product over the
    /// venues; the name of the receiver where one cannot be told.
    subject: &'a str,
    /// When it was seen.
    time: Instant,
    /// The content type of `data`.
    #[schemars(extend("const" = DATACONTENTTYPE))]
    datacontenttype: &'static str,
    /// What happened.
    data: D,
}

fn types<D: EventData>(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    one_of(D::kinds().into_iter().map(event_type))
}

/// What happened, to what, and which rule tells of it. What is not known or not concerned is left out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "News")]
pub struct Data<'a> {
    /// The version of the data.
    v: Version,
    /// The slug of the brand.
    brand: &'a str,
    /// The venue that is concerned; left out when it is the brand as a whole, or a product over its venues.
    #[serde(skip_serializing_if = "Option::is_none")]
    venue: Option<Venue<'a>>,
    /// The station that is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<Station<'a>>,
    /// The product or variant that is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item<'a>>,
    /// The set of items that is concerned, of a rule with `at_least`.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<PublishedSet<'a>>,
    /// What changed: in every event of the feed, and in those of rules with `event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change<'a>>,
    /// Which rule tells of it, and of which alert: in every event of a rule, and in none of the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert<'a>>,
    /// Why Clopos refuses to be read, when somebody must mend something first.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    /// Only of what was found after nobody had read the list for 5 minutes or more: it happened at some time between these
    /// two.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_after: Option<PublishedGap>,
    /// The sentence of the rule, in the language of the receiver; all else is the same in every language.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl EventData for Data<'_> {
    fn kinds() -> Vec<&'static str> {
        FeedEvent::ALL.map(FeedEvent::kind).into_iter().chain(EntryKind::ALL.map(EntryKind::event)).collect()
    }
}

/// What the feed tells of the stop lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// Nothing is left of an item.
    Stopped,
    /// An item was out and no longer is.
    Back,
    /// An item has become low.
    Low,
    /// Another change of a limit.
    LimitChanged,
}

impl FeedEvent {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Stopped, Self::Back, Self::Low, Self::LimitChanged];

    /// Returns the middle of the event type.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Stopped => "product.stopped",
            Self::Back => "product.back",
            Self::Low => "product.low",
            Self::LimitChanged => "product.limit_changed",
        }
    }
}

/// When nobody read the list, before what an event tells was found.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Gap")]
struct PublishedGap {
    /// The last good reading before.
    from: Instant,
    /// The first good reading after.
    until: Instant,
}

/// The venue that is concerned.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventVenue")]
struct Venue<'a> {
    /// Its id at Clopos.
    id: u64,
    /// Its name.
    name: &'a str,
    /// How old its stop list was when this was told, in seconds; left out when it was never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reading_age_s: Option<u64>,
    /// Why the last request failed; left out when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'a str>,
}

/// The station that is concerned.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventStation")]
struct Station<'a> {
    /// Its id at Clopos.
    id: u64,
    /// Its name.
    name: &'a str,
    /// False when it is switched off.
    active: bool,
}

/// The product or variant that is concerned.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventItem")]
struct Item<'a> {
    /// The id of the product or variant at Clopos.
    id: u64,
    /// Its full name, at most 80 characters; `#332 (not in catalog)` when it is not known yet.
    name: &'a str,
    /// The product of which it is a variant; null when it is none.
    parent: Option<u64>,
    /// Its category; null when it has none.
    category: Option<u64>,
    /// Its base price, in the currency of the configuration; null when the catalog does not know the item.
    price: Option<f64>,
    /// What is left to sell: pieces, or kilograms when sold by weight; negative when more was sold; null when unrestricted.
    limit: Option<f64>,
    /// The threshold at or below which it is low, in the unit of `limit`; null when it has none.
    low_at: Option<f64>,
    /// Since when it has been out, or limited; null when it is neither.
    since: Option<Instant>,
    /// Names of the sibling variants that are still on sale.
    others_on: &'a [String],
}

/// A set of items, in events and on screens. It has more members than it lists when `count` is larger.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Set")]
pub struct PublishedSet<'a> {
    /// What belongs together: the items of a `category` or of a `station` of a venue, or one product over the `venues`.
    kind: Word<SetKind>,
    /// The id of the category, of the station, or of the product that venues lack.
    id: u64,
    /// Its name.
    name: &'a str,
    /// How many members hold, listed ones of which nobody knows any more among them.
    count: usize,
    /// How many members there are.
    total: usize,
    /// The first 50 members that hold: products, or venues.
    members: Vec<PublishedMember<'a>>,
}

/// A member of a set: a product, or a venue.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
struct PublishedMember<'a> {
    /// Its id at Clopos.
    id: u64,
    /// Its name.
    name: &'a str,
}

impl Words for SetKind {
    const VALUES: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

impl<'a> PublishedSet<'a> {
    /// Takes it as it is known.
    pub fn of(facts: &'a SetFacts) -> Self {
        let SetFacts { kind, id, name, count, total, members } = facts;
        let members = members.iter().map(|MemberFacts { id, name }| PublishedMember { id: *id, name }).collect();
        Self { kind: Word(*kind), id: *id, name, count: *count, total: *total, members }
    }
}

/// What changed, in words that are the same whatever the receiver reads.
#[derive(Serialize, JsonSchema)]
struct Change<'a> {
    /// The name of the price list that is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<&'a str>,
    /// What it was: `out`, `3 left`, `unrestricted`, `7.50`.
    before: String,
    /// What it is, in the same words.
    after: String,
    /// How long it had been out when it came back, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_for_s: Option<u64>,
}

/// The rule that tells of it, and the alert that it tells of.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventAlert")]
struct Alert<'a> {
    /// The name of the rule.
    rule: &'a str,
    /// How bad it is, by the rule.
    severity: Word<Severity>,
    /// Joins the opening of an alert, what comes after it, and its closing; left out of a change, which has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = EPISODE))]
    episode: Option<&'a str>,
    /// Since when it has been so.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Instant>,
    /// When the alert opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<Instant>,
    /// When the alert closed; only in its closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Instant>,
    /// What closed it: `clear`, what the rule asks for is no longer so; `window`, the time of its `during` is over and nothing is
    /// known to be back; `unwatched`, its rule or its venue was taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<Word<End>>,
    /// True when it already held in the first reading. Webhooks are told of it, and screens are not: they must not ring for it.
    baseline: bool,
    /// True when it goes on and off: it is closed only when it is calm.
    unstable: bool,
    /// Who takes care of it; left out while nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<PublishedAck<'a>>,
    /// Where the receiver says that he takes care of it; webhooks only, since everybody reads the screens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "uri"))]
    acknowledge_url: Option<&'a str>,
}

impl Words for Severity {
    const VALUES: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

/// What somebody who takes care of an alert said, in events and on screens.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ack")]
pub struct PublishedAck<'a> {
    /// Who takes care of it.
    by: &'a str,
    /// When that was said.
    at: Instant,
    /// Why it is so; null when that was not said.
    reason: Option<Word<Reason>>,
    /// More about it; may be empty.
    note: &'a str,
    /// When it is expected back; null when that was not said.
    back: Option<Instant>,
}

impl Words for Reason {
    const VALUES: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.word()
    }
}

impl<'a> PublishedAck<'a> {
    /// Takes it as it was said.
    pub fn of(acknowledgement: &'a Acknowledgement) -> Self {
        let Acknowledgement { by, at, reason, note, back_at } = acknowledgement;
        Self { by, at: Instant(*at), reason: reason.map(Word), note, back: back_at.map(Instant) }
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

impl Words for End {
    const VALUES: &'static [Self] = &[Self::Clear, Self::Window, Self::Unwatched];

    fn word(self) -> &'static str {
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
    /// How bad it is.
    pub severity: Severity,
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
        v: Version,
        brand: facts.brand.as_str(),
        venue: facts.venue.as_ref().map(venue),
        station: facts.station.as_ref().map(station),
        item: facts.item.as_ref().map(item),
        set: facts.set.as_ref().map(PublishedSet::of),
        change: facts.change.as_ref().map(change),
        alert: alert.map(alert_part),
        refused: facts.refused.as_deref(),
        found_after: found_after.map(|Gap { from, until }| PublishedGap { from: Instant(from), until: Instant(until) }),
        message,
    };
    enveloped(id, kind, &format!("eightysix/{}", facts.brand), &subject_path(facts), data, at)
}

/// Renders the envelope of an event around its data; `kind` is the middle of its type.
pub fn enveloped(id: &str, kind: &str, source: &str, subject: &str, data: impl EventData, at: Timestamp) -> String {
    let event = CloudEvent {
        specversion: SPECVERSION,
        id,
        source,
        r#type: event_type(kind),
        subject,
        time: Instant(at),
        datacontenttype: DATACONTENTTYPE,
        data,
    };
    // Every map key in it is a field name and every number finite, so there is nothing that JSON cannot hold.
    serde_json::to_string(&event).unwrap_or_default()
}

/// Returns the full type of an event: `dev.eightysix.alert.opened.v1`.
pub fn event_type(kind: &str) -> String {
    format!("dev.eightysix.{kind}.v{VERSION}")
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
        since: since.map(Instant),
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
    Alert {
        rule,
        severity: Word(severity),
        episode,
        since: since.map(Instant),
        opened_at: opened_at.map(Instant),
        closed_at: closed_at.map(Instant),
        ended_by: ended_by.map(Word),
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
            severity: Severity::Critical,
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
