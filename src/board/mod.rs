//! What a screen sees: the picture of a venue as retained MQTT state (the contract in `docs/mqtt.md`).
//!
//! Pure: snapshot, alerts and time go in, topics and states come out. Invariant: the same picture gives the same states, so
//! that comparing what identifies them is enough to know what must be published.

pub mod bridge;
pub mod kitchen;
pub mod payload;
pub mod retained;
pub mod scene;

use std::sync::Arc;

use crate::alerts::facts::{self, Facts};
use crate::alerts::lifecycle::{Alert, OpenAlert};
use crate::alerts::published::FeedEvent;
use crate::board::payload::Drawn;
use crate::board::retained::{RetainedState, Topic, Tree};
use crate::board::scene::{Part, Scene};
use crate::catalog::Catalog;
use crate::language::Language;
use crate::snapshot::diff::Change;
use crate::snapshot::{Freshness, FreshnessLimits, Snapshot, StopRow};
use crate::topics::BaseTopic;
use crate::units::{BrandId, ProductId, Quantity, StationId, Timestamp, Zone};

/// The content type of every state.
pub const CONTENT_TYPE: &str = "application/json";
/// The longest list of one topic: what small MQTT clients take, about 200 rows.
const LIST_BYTES_MAX: usize = 64 * 1024;
/// Lists live this long at an MQTT 5 broker after we are gone: two republishing periods.
const LIST_EXPIRY_S: u32 = 24 * 3600;
/// Where a product has no threshold, this few left is low on a screen; a mail needs a threshold.
const LOW_WITHOUT_THRESHOLD: Quantity = Quantity::whole(5);

/// What every payload of a process says alike.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Identifies this start of the process: a screen that sees another one reads the retained state again.
    pub boot: String,
    /// The language of sentences that everybody reads.
    pub language: Language,
    /// The zone of local times.
    pub zone: Zone,
    /// When the business day turns over.
    pub day_starts: jiff::civil::Time,
}

/// How a product stands, as the screens colour it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing left.
    Out,
    /// At or below its threshold.
    Low,
    /// Counted, but enough.
    Limited,
    /// Back on sale today.
    On,
}

impl Standing {
    /// Returns the word of the contract.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Low => "low",
            Self::Limited => "limited",
            Self::On => "on",
        }
    }
}

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The product or variant.
    pub product: ProductId,
    /// The station that prepares it.
    pub station: Option<StationId>,
    /// How it stands.
    pub standing: Standing,
    /// Its row; `None` when it is back without one.
    pub row: Option<StopRow>,
    /// Since when it stands so.
    pub since: Timestamp,
}

/// Returns how a row stands against the product's threshold.
pub fn standing(row: &StopRow, low_stock: Option<Quantity>) -> Standing {
    if row.is_out() {
        Standing::Out
    } else if row.limit <= low_stock.unwrap_or(LOW_WITHOUT_THRESHOLD) {
        Standing::Low
    } else {
        Standing::Limited
    }
}

/// Returns the constrained products of a venue: by station, then out before low, then newest first.
pub fn lines(snapshot: &Snapshot) -> Vec<Line> {
    let rows = snapshot.picture.rows.iter();
    let mut lines: Vec<Line> = rows.map(|(product, row)| line_of_row(snapshot, *product, row)).collect();
    lines.sort_by_key(|line| (line.station, line.standing, std::cmp::Reverse(line.since), line.product));
    lines
}

fn line_of_row(snapshot: &Snapshot, product: ProductId, row: &StopRow) -> Line {
    let catalog = &snapshot.picture.catalog;
    let standing = standing(row, catalog.products.get(&product).and_then(|product| product.low_stock));
    Line { product, station: station_of(catalog, product), standing, row: Some(*row), since: row.since }
}

fn station_of(catalog: &Catalog, id: ProductId) -> Option<StationId> {
    catalog.station_of(catalog.products.get(&id)?)
}

/// Renders the retained topics of a venue, `status` apart.
pub fn lists<'a>(topics: &BaseTopic, scene: &Arc<Scene>, alerts: impl Iterator<Item = &'a OpenAlert>) -> Tree {
    let Scene { brand, snapshot, .. } = scene.as_ref();
    let mut tree = Tree::new();
    // Before the first reading nothing is known, and an empty list would say "everything is on sale".
    if snapshot.read_at.is_none() {
        return tree;
    }
    let venue = snapshot.id();
    let mut put = |topic: String, state| drop(tree.insert(topic.into(), Arc::new(state)));
    let list = |lines: &[&Drawn], part| {
        let text = payload::list(scene, lines);
        let state = RetainedState::drawn(&text, Some(LIST_EXPIRY_S), scene, part);
        scene.keep(part, text);
        state
    };
    let lines = scene.lines();
    put(topics.stop(brand, venue), list(&lines.iter().collect::<Vec<_>>(), Part::Stop));
    for station in snapshot.picture.catalog.stations.keys().map(|id| Some(*id)).chain([None]) {
        let own: Vec<&Drawn> = lines.iter().filter(|drawn| drawn.line.station == station).collect();
        put(topics.station_stop(brand, venue, station), list(&own, Part::Station(station)));
    }
    for drawn in lines.iter().chain(&scene.back_today()) {
        let product = drawn.line.product;
        // The number of the list alone makes it no other state: each change would publish every product of the list.
        let state = RetainedState::drawn(drawn.item(), Some(LIST_EXPIRY_S), scene, Part::Product(product));
        put(topics.product(brand, venue, product), state);
    }
    for alert in alerts {
        let body = payload::alert(scene, alert);
        put(topics.alert(brand, venue, alert.episode.as_str()), RetainedState::new(&body, Some(LIST_EXPIRY_S)));
    }
    tree
}

/// Renders `status`: small, and the only place where freshness travels.
pub fn status(topics: &BaseTopic, scene: &Scene, limits: FreshnessLimits) -> (Topic, Arc<RetainedState>) {
    let body = payload::status(scene, limits);
    let expiry_s = u32::try_from(2 * limits.blind_after.as_secs()).ok();
    (topics.status(&scene.brand, scene.snapshot.id()).into(), Arc::new(RetainedState::new(&body, expiry_s)))
}

/// Returns the open alerts among a venue's alerts.
pub fn open_alerts<'a, K: 'a>(alerts: impl Iterator<Item = (&'a K, &'a Alert)>) -> impl Iterator<Item = &'a OpenAlert> {
    alerts.filter_map(|(_, alert)| alert.open())
}

/// Returns the event type of a change for the feed, or `None` when it makes no sound on a screen.
///
/// What a station that is switched off would have made is recorded but rings nowhere.
pub fn feed_event(change: &Change, after: &Snapshot) -> Option<(&'static str, ProductId)> {
    let Change::Row { product, before, after: row } = change else { return None };
    let catalog = &after.picture.catalog;
    let station = station_of(catalog, *product).and_then(|id| catalog.stations.get(&id));
    if station.is_some_and(|station| !station.active) {
        return None;
    }
    let low_stock = catalog.products.get(product).and_then(|product| product.low_stock);
    let was = before.as_ref().map(|row| standing(row, low_stock));
    let is = row.as_ref().map(|row| standing(row, low_stock));
    let limits = (before.as_ref().map(|row| row.limit), row.as_ref().map(|row| row.limit));
    let kind = match (was, is) {
        (Some(Standing::Out), Some(Standing::Out)) => return None,
        (_, Some(Standing::Out)) => FeedEvent::Stopped,
        (Some(Standing::Out), _) => FeedEvent::Back,
        (was, Some(Standing::Low)) if was != Some(Standing::Low) => FeedEvent::Low,
        _ if limits.0 != limits.1 => FeedEvent::LimitChanged,
        _ => return None,
    };
    Some((kind.kind(), *product))
}

/// Returns the facts of a change of the stop list, for the feed's events.
pub fn change_facts(brand: &BrandId, change: &Change, product: ProductId, after: &Snapshot, now: Timestamp) -> Facts {
    let subject = crate::rules::Subject::Item(after.id(), product);
    let mut facts = facts::of_subject(brand, &crate::snapshot::Access::Granted, Some(after), &subject, now);
    facts.change = Some(facts::of_change(change, after, now));
    facts.found_after = after.gap_until(now);
    facts
}

/// Returns the word of the contract for a freshness.
pub const fn freshness_word(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Fresh => "fresh",
        Freshness::Stale => "stale",
        Freshness::Blind => "blind",
    }
}

#[cfg(test)]
mod tests;
