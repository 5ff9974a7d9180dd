//! `/api/v1/silences`: what is not to be told for a while, what a silence would hide, and its end.
//!
//! Invariant: a preview stores nothing, and says what the same silence then hides.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::order::{Order, SAID_LENGTH_MAX};
use crate::alerts::silence::{Criteria, Silence, SilenceId};
use crate::alerts::words::page as words;
use crate::clock;
use crate::http::access::Visitor;
use crate::http::api::alerts::{AlertRow, row, wrong_fields};
use crate::http::api::document::NoBrand;
use crate::http::api::input::{Body, Path};
use crate::http::api::paging::{Listed, Page, Paging};
use crate::http::api::{Api, refused, watched};
use crate::http::live::LiveBrand;
use crate::http::open::BrandNow;
use crate::http::problem::Problem;
use crate::http::silencing::{Field, Wanted, Wrong};
use crate::language::Language;
use crate::units::{CategoryId, ProductId, StationId, Timestamp, VenueId};

/// Something that is not to be told for a while.
#[derive(Serialize, ToSchema)]
#[schema(as = Silence)]
pub(super) struct SilenceRow {
    /// Eight hexadecimal digits, derived from the rest.
    id: String,
    /// The slug of its brand.
    brand: String,
    /// The venue that it covers; null for all.
    #[schema(required)]
    venue: Option<u64>,
    /// The product that it covers, with its variants.
    #[schema(required)]
    product: Option<u64>,
    /// The category that it covers.
    #[schema(required)]
    category: Option<u64>,
    /// The station that it covers, with all that it prepares.
    #[schema(required)]
    station: Option<u64>,
    /// The rule that it covers.
    #[schema(required)]
    rule: Option<String>,
    /// When it begins.
    #[schema(format = DateTime)]
    from: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    until: String,
    /// Whether it ends earlier, when all that it hides is back.
    until_back: bool,
    /// The window of the configuration in which alone it is in force.
    #[schema(required)]
    during: Option<String>,
    /// Who asked for it.
    by: String,
    /// Why.
    reason: String,
}

impl SilenceRow {
    fn of(brand: &BrandNow, silence: &Silence) -> Self {
        let Silence { id, covers, from, until, until_back, during, by, reason } = silence;
        let Criteria { venue, product, category, station, rule } = covers;
        Self {
            id: id.to_string(),
            brand: brand.brand.to_string(),
            venue: venue.map(|id| id.0),
            product: product.map(|id| id.0),
            category: category.map(|id| id.0),
            station: station.map(|id| id.0),
            rule: rule.as_ref().map(ToString::to_string),
            from: from.to_string(),
            until: until.to_string(),
            until_back: *until_back,
            during: during.as_deref().map(str::to_owned),
            by: by.clone(),
            reason: reason.clone(),
        }
    }
}

/// A silence, and the open alerts that it hides now.
#[derive(Serialize, ToSchema)]
#[schema(as = SilencePreview)]
pub(super) struct SilenceAndHidden {
    /// The silence.
    silence: SilenceRow,
    /// What it hides of what is open now, as it was before the silence.
    hides: Vec<AlertRow>,
}

/// What is to be silent: everything that fits each of the fields that are given: besides the brand at least one of venue, product, category, station and rule.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SilenceBody {
    /// The slug of the brand.
    brand: String,
    /// A venue.
    #[schema(nullable = false)]
    venue: Option<u64>,
    /// A product, with its variants.
    #[schema(nullable = false)]
    product: Option<u64>,
    /// A category.
    #[schema(nullable = false)]
    category: Option<u64>,
    /// A station, with all that it prepares; with its venue.
    #[schema(nullable = false)]
    station: Option<u64>,
    /// A rule.
    #[schema(nullable = false)]
    rule: Option<String>,
    /// When it ends at the latest: RFC 3339, `23:00` in the zone of the configuration, or `2h`; within a year.
    until: String,
    /// Whether it ends earlier, when all that it hides is back.
    #[serde(default)]
    until_back: bool,
    /// The window of the configuration in which alone it is in force.
    #[schema(nullable = false)]
    during: Option<String>,
    /// Who asks for it, at most 200 characters; the name of the token, or of the proxy's user, when nobody says.
    #[schema(nullable = false)]
    by: Option<String>,
    /// Why, at most 200 characters.
    #[serde(default)]
    reason: String,
}

/// Which silences.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this brand.
    brand: Option<String>,
}

/// Lists the silences
///
/// Those that are not over; one that repeats by a window may be out of force now.
#[utoipa::path(
    get, path = "/silences", tag = "silences", operation_id = "list_silences", params(Asked, Paging),
    responses((status = 200, description = "the silences, by brand and id", body = Page<SilenceRow>, example = json!({
        "items": [{
            "id": "7f21c0aa", "brand": "sahil", "venue": 1, "product": 101, "category": null, "station": null, "rule": null,
            "from": "2026-11-21T00:43:00.000Z", "until": "2026-11-21T02:43:00.000Z", "until_back": true, "during": null,
            "by": "Leyla", "reason": "no delivery today",
        }],
        "next_cursor": null,
    })), NoBrand)
)]
pub(super) async fn list(
    State(api): State<Api>,
    Listed(Asked { brand }, paging): Listed<Asked>,
) -> Result<Json<Page<SilenceRow>>, Problem> {
    watched(&api.live, brand.as_deref())?;
    let part = paging.of("silences")?;
    let brands = BrandNow::all(&api.live, clock::now());
    let brands = brands.iter().filter(|of| brand.as_ref().is_none_or(|brand| brand == of.brand.as_str()));
    let rows = brands.flat_map(|of| of.silences.iter().map(|silence| SilenceRow::of(of, silence)));
    Ok(Json(part.cut(rows, |row| (row.brand.clone(), row.id.clone()))))
}

/// Shows what a silence would hide
///
/// Of what is open now. Nothing is stored; the answer is that of the silence itself.
#[utoipa::path(
    post, path = "/silences/preview", tag = "silences", operation_id = "preview_silence",
    request_body(content = SilenceBody, example = json!({ "brand": "sahil", "venue": 1, "product": 101, "until": "2h", "by": "Leyla" })),
    responses(
        (status = 200, description = "the silence as it would be, and what it would hide", body = SilenceAndHidden, example = json!({
            "silence": {
                "id": "7f21c0aa", "brand": "sahil", "venue": 1, "product": 101, "category": null, "station": null, "rule": null,
                "from": "2026-11-21T00:43:00.000Z", "until": "2026-11-21T02:43:00.000Z", "until_back": false, "during": null,
                "by": "Leyla", "reason": "",
            },
            "hides": [],
        })),
        (status = 422, description = "some fields must be changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "some fields must be changed", "status": 422,
            "errors": [{ "pointer": "#/until", "detail": "write a time that lies ahead, within a year" }],
        })),
    )
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
    Body(body): Body<SilenceBody>,
) -> Result<Json<SilenceAndHidden>, Problem> {
    let now = clock::now();
    let (brand, silence) = taken(&api, &visitor, body, now)?;
    Ok(Json(with_hidden(&api, &brand, &silence, now)))
}

/// Makes a silence
///
/// What it covers is told to nobody until it ends; screens go on to show it, and who was told already hears of its end.
#[utoipa::path(
    post, path = "/silences", tag = "silences", operation_id = "create_silence",
    request_body(content = SilenceBody, example = json!({ "brand": "sahil", "venue": 1, "product": 101, "until": "2h", "until_back": true, "by": "Leyla", "reason": "no delivery today" })),
    responses(
        (status = 201, description = "it is in force; the silence, and what it hides now", body = SilenceAndHidden, example = json!({
            "silence": {
                "id": "7f21c0aa", "brand": "sahil", "venue": 1, "product": 101, "category": null, "station": null, "rule": null,
                "from": "2026-11-21T00:43:00.000Z", "until": "2026-11-21T02:43:00.000Z", "until_back": true, "during": null,
                "by": "Leyla", "reason": "no delivery today",
            },
            "hides": [],
        })),
        (status = 409, description = "the service refused it", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service refused it", "status": 409, "detail": "there are 1000 silences already; end some",
        })),
        (status = 422, description = "some fields must be changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "some fields must be changed", "status": 422,
            "errors": [{ "pointer": "#/venue", "detail": "no such venue is watched" }],
        })),
        (status = 503, description = "the service did not answer, so nothing was changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service did not answer, so nothing was changed", "status": 503, "detail": "try again in a minute",
        })),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
    Body(body): Body<SilenceBody>,
) -> Result<(StatusCode, Json<SilenceAndHidden>), Problem> {
    let now = clock::now();
    let (brand, silence) = taken(&api, &visitor, body, now)?;
    let shows = |live: &LiveBrand| live.itself().silences.contains_key(&silence.id);
    let order = Order::Silence(silence.clone());
    refused(api.desk.order(&visitor, (&brand.brand, &brand.live), &order, shows).await)?;
    Ok((StatusCode::CREATED, Json(with_hidden(&api, &brand, &silence, now))))
}

/// Ends a silence
///
/// What it alone held back and is still so is told within seconds.
#[utoipa::path(
    delete, path = "/silences/{id}", tag = "silences", operation_id = "end_silence",
    params(("id" = String, Path, description = "the id of the silence")),
    responses(
        (status = 204, description = "it is over"),
        (status = 404, description = "there is no such silence, or it is over", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "there is no such silence, or it is over", "status": 404, "detail": "GET /api/v1/silences lists those that there are",
        })),
        (status = 409, description = "the service refused it", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service refused it", "status": 409, "detail": "it is over",
        })),
        (status = 503, description = "the service did not answer, so nothing was changed", body = Problem, content_type = "application/problem+json", example = json!({
            "type": "about:blank", "title": "the service did not answer, so nothing was changed", "status": 503, "detail": "try again in a minute",
        })),
    )
)]
pub(super) async fn end(
    State(api): State<Api>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let brands = BrandNow::all(&api.live, clock::now());
    let found = brands.iter().find(|brand| brand.silences.iter().any(|silence| silence.id.as_str() == id));
    let brand = found.ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "there is no such silence, or it is over");
        problem.with_detail("GET /api/v1/silences lists those that there are")
    })?;
    let id = SilenceId::from_stored(&id);
    let shows = |live: &LiveBrand| !live.itself().silences.contains_key(&id);
    let order = Order::EndSilence(id.clone());
    refused(api.desk.order(&visitor, (&brand.brand, &brand.live), &order, shows).await)?;
    Ok(StatusCode::NO_CONTENT)
}

fn with_hidden(api: &Api, brand: &BrandNow, silence: &Silence, now: Timestamp) -> SilenceAndHidden {
    let hidden = brand.hidden_by(silence, &api.policy.calendars, now);
    let hides = hidden.into_iter().filter_map(|(seen, _)| row(brand, seen, &api.policy, now));
    SilenceAndHidden { silence: SilenceRow::of(brand, silence), hides: hides.collect() }
}

/// Takes a silence, or says what is wrong with each field.
fn taken(api: &Api, visitor: &Visitor, body: SilenceBody, now: Timestamp) -> Result<(BrandNow, Silence), Problem> {
    let brand = BrandNow::named(&api.live, &body.brand, now);
    let brand = brand.ok_or_else(|| wrong_fields([("brand", "no such brand is watched".to_owned())].into_iter()))?;
    let mut wrong = unknown(api, &brand, &body);
    let SilenceBody { brand: _, venue, product, category, station, rule, until, until_back, during, by, reason } = body;
    let rules = api.policy.rules.rules();
    let covers = Criteria {
        venue: venue.map(VenueId),
        product: product.map(ProductId),
        category: category.map(CategoryId),
        station: station.map(StationId),
        rule: rule.and_then(|name| rules.iter().find(|rule| rule.name.as_str() == name)).map(|rule| rule.name.clone()),
    };
    let by = by.unwrap_or_else(|| visitor.name.clone());
    let wanted = Wanted { covers, until, until_back, during, by, reason };
    let checked = wanted.check(&brand.brand, &api.policy, |silence| brand.has_open_under(silence), now);
    match checked {
        Ok(silence) if wrong.is_empty() => Ok((brand, silence)),
        Ok(_) => Err(wrong_fields(wrong.into_iter())),
        Err(more) => {
            let named: BTreeSet<&str> = wrong.iter().map(|(field, _)| *field).collect();
            // A rule that is unknown covers nothing, which is said already.
            let more = more.into_iter().filter(|(_, why)| *why != Wrong::Everything || named.is_empty());
            wrong.extend(more.map(|(field, why)| in_words(field, why)));
            Err(wrong_fields(wrong.into_iter()))
        }
    }
}

/// Names what a body asks for and nobody knows: a silence over a mistyped number would hide nothing.
fn unknown(api: &Api, brand: &BrandNow, body: &SilenceBody) -> Vec<(&'static str, String)> {
    let is_there = |id: VenueId| body.venue.is_none_or(|venue| venue == id.0);
    let snapshots = || brand.venues.values().filter(|snapshot| is_there(snapshot.id()));
    let catalogs = || snapshots().map(|snapshot| &snapshot.picture.catalog);
    let has_venue = |id: u64| brand.venues.contains_key(&VenueId(id));
    let has_product = |id: u64| {
        let (id, rows) = (ProductId(id), || snapshots().map(|snapshot| &snapshot.picture.rows));
        catalogs().any(|catalog| catalog.products.contains_key(&id)) || rows().any(|rows| rows.contains_key(&id))
    };
    let has_category =
        |id: u64| catalogs().any(|catalog| catalog.products.values().any(|it| it.category == Some(CategoryId(id))));
    let has_station = |id: u64| catalogs().any(|catalog| catalog.stations.contains_key(&StationId(id)));
    let has_rule = |name: &String| api.policy.rules.rules().iter().any(|rule| rule.name.as_str() == name);
    let mut wrong: Vec<(&'static str, String)> = Vec::new();
    let mut note = |field, is_known: bool, why: &str| {
        wrong.extend((!is_known).then(|| (field, why.to_owned())));
    };
    note("venue", body.venue.is_none_or(has_venue), "no such venue is watched");
    note("product", body.product.is_none_or(has_product), "no such product is known there");
    note("category", body.category.is_none_or(has_category), "no product of such a category is known there");
    note("station", body.station.is_none_or(has_station), "no such station is known there");
    let has_place = body.station.is_none() || body.venue.is_some() || brand.venues.len() == 1;
    note("venue", has_place, "a station needs its venue: each venue has stations of its own");
    note("rule", body.rule.as_ref().is_none_or(has_rule), "there is no such rule");
    wrong
}

fn in_words(field: Field, wrong: Wrong) -> (&'static str, String) {
    let name = match field {
        Field::Covers => "venue",
        Field::Until => "until",
        Field::UntilBack => "until_back",
        Field::During => "during",
        Field::By => "by",
        Field::Reason => "reason",
    };
    let detail = match wrong {
        Wrong::Everything => {
            "give a venue, product, category, station or rule: a silence does not cover everything".into()
        }
        Wrong::NoName => "write who asks for it".into(),
        Wrong::TooLong => words::too_long(Language::En, SAID_LENGTH_MAX).to_lowercase(),
        Wrong::NoTime => "write an instant of RFC 3339, a time such as 23:00, or how long: 2h".into(),
        Wrong::NotAhead => "write a time that lies ahead, within a year".into(),
        Wrong::NothingOpen => "nothing that it covers is open, so it would be over at once; leave it out".into(),
        Wrong::NoWindow => "there is no such window in the configuration".into(),
    };
    (name, detail)
}
