//! `GET /api/v1/venues` and one venue with its stop list, as its board shows it.
//!
//! Invariant: a list goes with the age of its reading, and is none before the first reading.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::facts;
use crate::alerts::lifecycle::OpenAlert;
use crate::board::{Line, Standing, lines, scene};
use crate::clock;
use crate::engine::Policy;
use crate::http::api::alerts::Care;
use crate::http::api::document::NoBrand;
use crate::http::api::input::Path;
use crate::http::api::paging::{Listed, Page, Paging};
use crate::http::api::{Api, watched};
use crate::http::live::LiveVenue;
use crate::http::problem::Problem;
use crate::http::view::freshness::{FreshnessWord, VenueTrouble};
use crate::rules::Subject;
use crate::snapshot::Snapshot;
use crate::units::{BrandId, ProductId, Quantity, Seconds, Timestamp, VenueId};

/// A venue as it is now.
#[derive(Serialize, ToSchema)]
#[schema(as = Venue)]
pub(super) struct VenueRow {
    /// The slug of its brand.
    brand: String,
    /// Its id at Clopos.
    venue: u64,
    /// Its name.
    name: String,
    /// How far its list can be trusted; of one that was never read there is nothing to trust, whatever this says.
    freshness: FreshnessWord,
    /// When the list was last read; null before the first reading.
    #[schema(required, format = DateTime)]
    as_of: Option<String>,
    /// How old that is, in seconds; null also where the clock was set back since.
    #[schema(required)]
    age_s: Option<Seconds>,
    /// Whether guests are served; null where no hours are written down.
    #[schema(required)]
    open: Option<bool>,
    /// How many items are in each state; null before the first reading, when nobody knows.
    #[schema(required)]
    counts: Option<Counts>,
    /// How many alerts are open.
    alerts: usize,
    /// Why the last reading failed; null when it did not.
    #[schema(required)]
    trouble: Option<VenueTrouble>,
}

/// How many items are out, low and limited.
#[derive(Serialize, ToSchema)]
struct Counts {
    /// Nothing left, also at a station that is switched off; a board does not count those.
    out: usize,
    /// At or below the threshold.
    low: usize,
    /// Counted, but enough.
    limited: usize,
}

/// A venue with its list.
#[derive(Serialize, ToSchema)]
#[schema(as = VenueWithList)]
pub(super) struct VenueList {
    /// The venue.
    #[serde(flatten)]
    venue: VenueRow,
    /// Its stations.
    stations: Vec<StationRow>,
    /// What is out, low or limited: by station, then out, low, limited, then the newest first. Nothing before the first reading:
    /// `as_of` and `counts` are null then.
    items: Vec<Item>,
    /// What came back today.
    back_today: Vec<Back>,
}

/// A station.
#[derive(Serialize, ToSchema)]
#[schema(as = Station)]
struct StationRow {
    /// Its id.
    id: u64,
    /// Its name.
    name: String,
    /// Whether it is switched on.
    active: bool,
}

/// An item that is out, low or limited.
#[derive(Serialize, ToSchema)]
struct Item {
    /// The product or variant.
    product: u64,
    /// Its full name.
    name: String,
    /// The product of which it is a variant.
    #[schema(required)]
    parent: Option<u64>,
    /// The station that prepares it.
    #[schema(required)]
    station: Option<u64>,
    /// Its category.
    #[schema(required)]
    category: Option<u64>,
    /// `out`, `low` or `limited`.
    #[schema(example = "out")]
    state: &'static str,
    /// What is left to sell: pieces, or kilograms when sold by weight.
    #[schema(required)]
    limit: Option<f64>,
    /// Its threshold.
    #[schema(required)]
    low_at: Option<f64>,
    /// Since when it stands so: Clopos's own time where that is sane.
    #[schema(format = DateTime)]
    since: String,
    /// When a reading first showed it so.
    #[schema(required, format = DateTime)]
    seen_at: Option<String>,
    /// Names of sibling variants that are still on sale.
    others_on: Vec<String>,
    /// Who takes care of it.
    #[schema(required)]
    ack: Option<Care>,
    /// Whether it goes on and off.
    unstable: bool,
    /// Whether its last reading waits for a second look.
    doubtful: bool,
    /// Whether its station is switched off, so that nobody misses it.
    station_off: bool,
}

/// An item that came back today.
#[derive(Serialize, ToSchema)]
struct Back {
    /// The product or variant.
    product: u64,
    /// Its full name.
    name: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// Which venues.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this brand.
    brand: Option<String>,
    /// Only those whose list can be trusted so far.
    #[param(inline)]
    freshness: Option<FreshnessWord>,
}

/// Lists the venues
///
/// Those of all brands, with how old the list of each is.
#[utoipa::path(
    get, path = "/venues", tag = "venues", operation_id = "list_venues", params(Asked, Paging),
    responses((status = 200, description = "the venues, by brand and id", body = Page<VenueRow>, example = json!({
        "items": [{
            "brand": "sahil", "venue": 1, "name": "Sahil", "freshness": "fresh",
            "as_of": "2026-11-21T00:41:23.482Z", "age_s": 7.204, "open": true,
            "counts": { "out": 4, "low": 0, "limited": 7 }, "alerts": 3, "trouble": null,
        }],
        "next_cursor": null,
    })), NoBrand)
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(Asked { brand, freshness }, paging): Listed<Asked>,
) -> Result<Json<Page<VenueRow>>, Problem> {
    watched(&api.live, brand.as_deref())?;
    let part = paging.of("venues")?;
    let now = clock::now();
    let brands = api.live.brands().filter(|(id, _)| brand.as_ref().is_none_or(|brand| brand == id.as_str()));
    let venues = brands.flat_map(|(id, live)| {
        let venues = live.venues().into_iter();
        venues.map(|venue| of(id, &venue, &api.policy, now)).collect::<Vec<VenueRow>>()
    });
    let wanted = venues.filter(|venue| freshness.is_none_or(|freshness| freshness == venue.freshness));
    Ok(Json(part.cut(wanted, |venue| (venue.brand.clone(), venue.venue))))
}

/// Shows a venue
///
/// With its whole stop list, as its board shows it: unlike a board it leaves nothing out.
#[utoipa::path(
    get, path = "/venues/{brand}/{venue}", tag = "venues", operation_id = "get_venue",
    params(("brand" = String, Path, description = "the slug of the brand"), ("venue" = u64, Path, description = "the id of the venue")),
    responses(
        (status = 200, description = "the venue", body = VenueList, example = json!({
            "brand": "sahil", "venue": 1, "name": "Sahil", "freshness": "fresh",
            "as_of": "2026-11-21T00:41:23.482Z", "age_s": 7.204, "open": true,
            "counts": { "out": 1, "low": 0, "limited": 0 }, "alerts": 1, "trouble": null,
            "stations": [{ "id": 1, "name": "Kitchen", "active": true }],
            "items": [{
                "product": 101, "name": "Lülə kabab", "parent": null, "station": 1, "category": 1, "state": "out",
                "limit": 0.0, "low_at": 4.0, "since": "2026-11-21T00:41:21.183Z", "seen_at": "2026-11-21T00:41:21.981Z",
                "others_on": [], "unstable": false, "doubtful": false, "station_off": false,
                "ack": { "by": "Anar", "at": "2026-11-21T00:43:00.000Z", "reason": "supplier", "note": "", "back": null },
            }],
            "back_today": [{ "product": 302, "name": "Fanta 0.5 L", "at": "2026-11-21T00:40:01.000Z" }],
        })),
        (status = 404, description = "no such venue is watched", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "no such venue is watched", "status": 404, "detail": "GET /api/v1/venues lists them",
        })),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Path((brand, venue)): Path<(String, u64)>,
) -> Result<Json<VenueList>, Problem> {
    let known = api.live.brands().find(|(id, _)| id.as_str() == brand);
    let found = known.and_then(|(id, live)| Some((id, live.venue(VenueId(venue))?)));
    let (id, venue) = found.ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no such venue is watched");
        problem.with_detail("GET /api/v1/venues lists them")
    })?;
    let (snapshot, now) = (&venue.snapshot, clock::now());
    let alerts = by_product(&venue);
    let items = lines(snapshot).iter().map(|line| item(snapshot, line, alerts.get(&line.product))).collect();
    let stations = snapshot.picture.catalog.stations.values().map(|station| StationRow {
        id: station.id.0,
        name: facts::label_of_station(snapshot, station.id),
        active: station.active,
    });
    let back = scene::returns_of_today(snapshot, &api.policy.setting, now).map(|line| Back {
        product: line.product.0,
        name: facts::product_name(snapshot, line.product),
        at: line.since.to_string(),
    });
    Ok(Json(VenueList {
        stations: stations.collect(),
        items,
        back_today: back.collect(),
        venue: of(id, &venue, &api.policy, now),
    }))
}

fn of(brand: &BrandId, venue: &LiveVenue, policy: &Policy, now: Timestamp) -> VenueRow {
    let LiveVenue { snapshot, alerts, limits } = venue;
    VenueRow {
        brand: brand.to_string(),
        venue: snapshot.id().0,
        name: facts::venue_name(snapshot),
        freshness: snapshot.freshness(*limits, now).into(),
        as_of: snapshot.read_at.map(|at| at.to_string()),
        age_s: snapshot.known_age(now).map(Seconds),
        open: policy.calendars.of(brand, snapshot.id()).is_open(now),
        counts: counts(snapshot),
        alerts: alerts.values().filter(|alert| alert.open().is_some()).count(),
        trouble: snapshot.trouble.as_ref().map(VenueTrouble::of),
    }
}

/// Counts the items, unless nobody has read the list yet: "0 out" would be a lie.
fn counts(snapshot: &Snapshot) -> Option<Counts> {
    let lines = snapshot.read_at.map(|_| lines(snapshot))?;
    let count = |standing| lines.iter().filter(|line| line.standing == standing).count();
    Some(Counts { out: count(Standing::Out), low: count(Standing::Low), limited: count(Standing::Limited) })
}

/// Returns the open alerts about each product.
fn by_product(venue: &LiveVenue) -> BTreeMap<ProductId, Vec<&OpenAlert>> {
    let mut found: BTreeMap<ProductId, Vec<&OpenAlert>> = BTreeMap::new();
    for (key, alert) in venue.alerts.iter() {
        if let (Subject::Item(_, product), Some(open)) = (&key.subject, alert.open()) {
            found.entry(*product).or_default().push(open);
        }
    }
    found
}

fn item(snapshot: &Snapshot, line: &Line, alerts: Option<&Vec<&OpenAlert>>) -> Item {
    let item = facts::item_facts(snapshot, line.product);
    let alerts = alerts.map(Vec::as_slice).unwrap_or_default();
    let said = alerts.iter().filter_map(|alert| alert.acknowledged.as_ref()).max_by_key(|said| said.at);
    let station = line.station.and_then(|id| snapshot.picture.catalog.stations.get(&id));
    Item {
        product: line.product.0,
        name: item.name,
        parent: item.parent.map(|id| id.0),
        station: line.station.map(|id| id.0),
        category: item.category.map(|id| id.0),
        state: line.standing.word(),
        limit: line.row.map(|row| row.limit.as_f64()),
        low_at: item.low_stock.map(Quantity::as_f64),
        since: line.since.to_string(),
        seen_at: line.row.map(|row| row.seen_at.to_string()),
        others_on: item.others_on,
        ack: said.map(Care::of),
        unstable: alerts.iter().any(|alert| alert.unstable_since.is_some()),
        doubtful: snapshot.doubt.as_ref().is_some_and(|doubt| doubt.ask.contains(&line.product)),
        station_off: station.is_some_and(|station| !station.active),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Venue;

    #[test]
    fn of_a_venue_that_was_never_read_nobody_says_how_much_is_off() {
        let unread = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        let read = Snapshot { read_at: Some(Timestamp::from_unix_ms(1_780_000_000_000)), ..unread.clone() };
        let counts = |snapshot: &Snapshot| serde_json::to_value(counts(snapshot)).expect("JSON");
        assert_eq!(counts(&unread), serde_json::Value::Null);
        assert_eq!(counts(&read), serde_json::json!({ "out": 0, "low": 0, "limited": 0 }));
    }
}
