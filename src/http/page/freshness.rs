//! The page of freshness: what the quota of each brand buys, and how old the list of each venue is.
//!
//! Changes nothing. Invariant: it shows what [`view::freshness`](crate::http::view::freshness) says, and the API with it.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use crate::alerts::words::values;
use crate::clock;
use crate::http::api::Api;
use crate::http::page::{Frame, Reader, Section, html};
use crate::http::view::freshness::{self, BrandFreshness, VenueFreshness};
use crate::http::words::{freshness as words, manager};
use crate::language::Language;
use crate::snapshot::Freshness;
use crate::units::{Seconds, Timestamp, Zone};

/// Venues of a brand that are listed: the oldest. The API has all of them.
const LISTED_MAX: usize = 300;

/// Makes the routes.
pub(super) fn router() -> Router<Api> {
    Router::new().route(Section::Freshness.path(), get(show))
}

/// A brand and its venues.
struct Brand {
    view: BrandFreshness,
    venues: Vec<VenueFreshness>,
    more: usize,
}

impl Brand {
    /// Says whether any of its lists was ever read.
    fn is_read(&self) -> bool {
        self.venues.iter().any(|venue| venue.as_of.is_some())
    }
}

#[derive(Template)]
#[template(path = "freshness.html")]
struct Page<'a> {
    frame: Frame<'a>,
    language: Language,
    labels: &'static words::Labels,
    brands: Vec<Brand>,
    zone: &'a Zone,
    now: Timestamp,
}

impl Page<'_> {
    fn time(&self, Seconds(length): Seconds) -> String {
        manager::short(self.language, length)
    }

    fn name(&self, name: &str) -> String {
        values::name(self.language, name).into_owned()
    }

    fn at(&self, at: &str) -> String {
        at.parse().map_or_else(|_| at.to_owned(), |at| values::time_beside(self.language, at, self.now, self.zone))
    }
}

async fn show(State(api): State<Api>, Extension(reader): Extension<Reader>) -> Response {
    let now = clock::now();
    let brands = api.live.brands().map(|(id, live)| {
        let mut venues = freshness::of_venues(live, now);
        let more = venues.len().saturating_sub(LISTED_MAX);
        venues.truncate(LISTED_MAX);
        Brand { view: freshness::of_brand(id, live, now), venues, more }
    });
    let language = reader.language;
    let page = Page {
        frame: reader.frame(manager::section(language, Section::Freshness)),
        language,
        labels: words::labels(language),
        brands: brands.collect(),
        zone: &api.policy.setting.zone,
        now,
    };
    html(StatusCode::OK, &page)
}
