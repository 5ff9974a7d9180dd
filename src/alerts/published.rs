//! The published form of events: CloudEvents 1.0, structured JSON, for webhooks and MQTT alike.
//!
//! These types are a contract with other people's programs (style 16): a field is added, never renamed or removed;
//! a breaking change is a new `.v2` type. Unknown fields must be ignored by readers.

use serde::Serialize;

use crate::alerts::facts::{ChangeFacts, Facts, ItemFacts, StationFacts, VenueFacts};
use crate::units::Timestamp;

/// The content type of a structured CloudEvent.
pub const CLOUDEVENTS_JSON: &str = "application/cloudevents+json; charset=utf-8";

/// A CloudEvent around its data.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: String,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    data: Data<'a>,
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
    change: Option<Change<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
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

#[derive(Serialize)]
struct Change<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<&'a str>,
    before: &'a str,
    after: &'a str,
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
    baseline: bool,
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
    /// True when it already held in the first reading.
    pub baseline: bool,
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
    let event = CloudEvent {
        specversion: "1.0",
        id,
        source: format!("eightysix/{}", facts.brand),
        r#type: event_type(kind),
        subject: subject_path(facts),
        time: at.to_string(),
        datacontenttype: "application/json",
        data: Data {
            v: 1,
            brand: facts.brand.as_str(),
            venue: facts.venue.as_ref().map(venue),
            station: facts.station.as_ref().map(station),
            item: facts.item.as_ref().map(item),
            change: facts.change.as_ref().map(change),
            alert: alert.map(alert_part),
            refused: facts.refused.as_deref(),
            message,
        },
    };
    // Every map key above is a field name and every number finite, so there is nothing that JSON cannot hold.
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
    let thing = item.or(station);
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
    Change { list: list.as_deref(), before, after, out_for_s: out_for.map(|d| d.as_secs()) }
}

fn alert_part(part: AlertPart<'_>) -> Alert<'_> {
    let AlertPart { rule, severity, episode, since, opened_at, closed_at, baseline } = part;
    let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
    Alert {
        rule,
        severity,
        episode,
        since: text(since),
        opened_at: text(opened_at),
        closed_at: text(closed_at),
        baseline,
    }
}
