//! `GET /api/v1/brands`.
//!
//! Invariant: a list that was never read is no young one; it is counted by itself.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::http::api::Api;
use crate::http::api::paging::{Listed, Page, Paging, Whole};
use crate::http::live::LiveBrand;
use crate::http::problem::Problem;
use crate::http::view::freshness::BrandAccess;
use crate::units::{BrandId, Seconds, Timestamp};

/// A brand that is watched.
#[derive(Serialize, ToSchema)]
#[schema(as = Brand)]
pub(super) struct BrandRow {
    /// Its slug in the configuration.
    brand: String,
    /// How many venues it has.
    venues: usize,
    /// How many of them were never read.
    venues_unread: usize,
    /// Whether Clopos lets us read it.
    access: BrandAccess,
    /// When the oldest of its stop lists was read; null before the first reading.
    #[schema(required, format = DateTime)]
    oldest_as_of: Option<String>,
    /// How old that is, in seconds; null also where the clock was set back since.
    #[schema(required)]
    oldest_age_s: Option<Seconds>,
}

/// Lists the brands
///
/// With how many venues each has and how old the oldest of their lists is.
#[utoipa::path(
    get, path = "/brands", tag = "brands", operation_id = "list_brands", params(Paging),
    responses((status = 200, description = "the brands, in the order of their names", body = Page<BrandRow>, example = json!({
        "items": [{
            "brand": "sahil", "venues": 12, "venues_unread": 0,
            "access": { "state": "granted", "since": null, "why": null },
            "oldest_as_of": "2026-11-21T00:41:23.482Z", "oldest_age_s": 7.204,
        }],
        "next_cursor": null,
    })))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(Whole {}, paging): Listed<Whole>,
) -> Result<Json<Page<BrandRow>>, Problem> {
    let part = paging.of("brands")?;
    let now = clock::now();
    let brands = api.live.brands().map(|(id, live)| of(id, live, now));
    Ok(Json(part.cut(brands, |brand| brand.brand.clone())))
}

fn of(id: &BrandId, live: &LiveBrand, now: Timestamp) -> BrandRow {
    let venues = live.venues();
    let oldest = venues.iter().filter_map(|venue| venue.snapshot.read_at).min();
    BrandRow {
        brand: id.to_string(),
        venues: venues.len(),
        venues_unread: venues.iter().filter(|venue| venue.snapshot.read_at.is_none()).count(),
        access: BrandAccess::of(&live.itself().access),
        oldest_as_of: oldest.map(|at| at.to_string()),
        oldest_age_s: venues.iter().filter_map(|venue| venue.snapshot.known_age(now)).max().map(Seconds),
    }
}
