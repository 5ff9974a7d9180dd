//! `/api/v1`: what the pages show and do, for programs, and its description as OpenAPI 3.1.
//!
//! A route and its description are registered by one call, so that neither is without the other. What every route has in
//! common is added by [`document`]. Invariant: every answer that is no success is problem details of RFC 9457.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::any;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::engine::Policy;
use crate::http::desk::{Desk, Outcome};
use crate::http::live::Live;
use crate::http::problem::Problem;
use crate::http::stream::Streams;
use crate::units::printable;

mod alerts;
mod brands;
mod deliveries;
mod document;
mod events;
mod freshness;
mod history;
mod input;
mod paging;
mod reload;
mod rules;
mod silences;
mod venues;

/// The path below which everything is.
const PATH: &str = "/api/v1";
/// Bytes of a body: a few fields of 200 characters fit many times.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// Characters of what the service says.
const SAID_WHY_MAX: usize = 300;
/// Brands that are named to who asks for another; of more there is a list.
const SAID_BRANDS_MAX: usize = 10;
/// Characters of a path that are said back.
const SAID_PATH_MAX: usize = 100;

/// What the routes answer from.
#[derive(Clone)]
pub(super) struct Api {
    /// What is known of the brands.
    pub(super) live: Live,
    /// The rules, receivers, calendars and times.
    pub(super) policy: Arc<Policy>,
    /// The store, and who takes orders.
    pub(super) desk: Desk,
    /// Those who follow what changes.
    pub(super) streams: Streams,
}

/// Makes the routes.
pub(super) fn router(api: Api) -> Router {
    let (router, _) = described().split_for_parts();
    let kept_by_nobody = |mut response: Response| {
        let kept = HeaderValue::from_static("no-store");
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(kept);
        std::future::ready(response)
    };
    router
        .method_not_allowed_fallback(wrong_method)
        // Beside the routes, so that whoever may not see what there is learns nothing here either.
        .route("/api/{*rest}", any(nothing_here))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(map_response(kept_by_nobody))
        .with_state(api)
}

/// Returns the description of the API.
pub fn description() -> serde_json::Value {
    document::finished(described().into_openapi())
}

/// Returns every route with its description. A new route is a line here.
fn described() -> OpenApiRouter<Api> {
    let routes = OpenApiRouter::new()
        .routes(routes!(document::serve))
        .routes(routes!(brands::list))
        .routes(routes!(venues::list))
        .routes(routes!(venues::get))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(silences::list, silences::create))
        .routes(routes!(silences::preview))
        .routes(routes!(silences::end))
        .routes(routes!(events::follow))
        .routes(routes!(reload::reload))
        .routes(routes!(freshness::list))
        .routes(routes!(freshness::venues))
        .routes(routes!(history::list))
        .routes(routes!(history::export))
        .routes(routes!(history::timelines))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::ways))
        .routes(routes!(deliveries::dead))
        .routes(routes!(deliveries::resend))
        .routes(routes!(deliveries::resend_many))
        .routes(routes!(rules::list))
        .routes(routes!(rules::truths));
    OpenApiRouter::with_openapi(document::begun()).nest(PATH, routes)
}

/// Refuses a brand that is not watched: a list of nothing would read as if nothing were so.
fn watched(live: &Live, brand: Option<&str>) -> Result<(), Problem> {
    if brand.is_none_or(|brand| live.brand(brand).is_some()) { Ok(()) } else { Err(no_such_brand(live)) }
}

/// Says that there is no such brand, and which there are.
fn no_such_brand(live: &Live) -> Problem {
    let brands: Vec<&str> = live.brands().map(|(brand, _)| brand.as_str()).take(SAID_BRANDS_MAX + 1).collect();
    let detail = match brands.len() {
        0 => "no brand is watched".to_owned(),
        1..=SAID_BRANDS_MAX => format!("the brands are: {}", brands.join(", ")),
        _ => format!("{PATH}/brands lists those that are watched"),
    };
    Problem::new(StatusCode::NOT_FOUND, "there is no such brand").with_detail(detail)
}

/// Says why an order was not done.
fn refused(outcome: Outcome) -> Result<(), Problem> {
    let problem = match outcome {
        Outcome::Done => return Ok(()),
        Outcome::Refused(why) => {
            Problem::new(StatusCode::CONFLICT, "the service refused it").with_detail(printable(&why, SAID_WHY_MAX))
        }
        Outcome::TooOften => {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many orders came within a minute");
            problem.with_detail("nothing was changed; wait a minute").for_now()
        }
        Outcome::NoAnswer => {
            let title = "the service did not answer, so nothing was changed";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, title).with_detail("try again in a minute").for_now()
        }
    };
    Err(problem)
}

/// Says that too many ask for something long at once.
fn busy() -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too much is asked for at once");
    problem.with_detail("try again in a minute").for_now()
}

async fn nothing_here(uri: Uri) -> Problem {
    let path = printable(uri.path(), SAID_PATH_MAX);
    let problem = Problem::new(StatusCode::NOT_FOUND, "nothing is at this address");
    problem.with_detail(format!("'{path}' is no path of this API; {PATH}/openapi.json lists them"))
}

async fn wrong_method() -> Problem {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take this method");
    problem.with_detail(format!("the header 'Allow' names those that it takes; see {PATH}/openapi.json"))
}
