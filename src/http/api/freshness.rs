//! `GET /api/v1/freshness`, and of each brand its venues.
//!
//! Invariant: what it says of a brand and what it says of its venues is counted alike.

use axum::Json;
use axum::extract::State;

use crate::clock;
use crate::http::api::document::NoBrand;
use crate::http::api::input::Path;
use crate::http::api::paging::{Listed, Page, Paging, Whole};
use crate::http::api::{Api, no_such_brand};
use crate::http::problem::Problem;
use crate::http::view::freshness::{self, BrandFreshness, VenueFreshness};

/// Lists what the quota of each brand buys
///
/// With how many lists are fresh, old and not to be relied on.
#[utoipa::path(
    get, path = "/freshness", tag = "freshness", operation_id = "list_freshness", params(Paging),
    responses((status = 200, description = "the brands, in the order of their names", body = Page<BrandFreshness>, example = json!({
        "items": [{
            "brand": "sahil", "access": { "state": "granted", "since": null, "why": null },
            "venues": 2, "fresh": 2, "stale": 0, "blind": 0, "oldest_age_s": 2.204,
            "quota": {
                "requests_per_minute": 231, "worst_age_s": 3, "oldest_wanted_s": 60, "round_s": 0.692,
                "one_more_venue_s": 0.346, "venues_max": 173, "fits": true,
            },
        }],
        "next_cursor": null,
    })))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(Whole {}, paging): Listed<Whole>,
) -> Result<Json<Page<BrandFreshness>>, Problem> {
    let part = paging.of("freshness")?;
    let now = clock::now();
    let brands = api.live.brands().map(|(id, live)| freshness::of_brand(id, live, now));
    Ok(Json(part.cut(brands, |brand| brand.brand.clone())))
}

/// Lists how old the list of each venue of a brand is
#[utoipa::path(
    get, path = "/freshness/{brand}/venues", tag = "freshness", operation_id = "list_venue_freshness",
    params(("brand" = String, Path, description = "the slug of the brand"), Paging),
    responses(
        (status = 200, description = "the venues, in the order of their numbers", body = Page<VenueFreshness>, example = json!({
            "items": [{
                "venue": 1, "name": "Sahil", "freshness": "fresh", "as_of": "2026-11-21T00:41:23.482Z", "age_s": 2.204,
                "stale_after_s": 60, "blind_after_s": 300, "rows": 12, "out": 3, "trouble": null,
            }],
            "next_cursor": null,
        })),
        NoBrand,
    )
)]
pub(super) async fn venues(
    State(api): State<Api>,
    Path(brand): Path<String>,
    Listed(Whole {}, paging): Listed<Whole>,
) -> Result<Json<Page<VenueFreshness>>, Problem> {
    let part = paging.of("venue_freshness")?;
    let live = api.live.brand(&brand).ok_or_else(|| no_such_brand(&api.live))?;
    Ok(Json(part.cut(freshness::of_venues(live, clock::now()), |venue| venue.venue)))
}
