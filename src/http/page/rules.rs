//! The pages of the rules: a list of them, and of each what it asks for and what it says of every subject of a venue now.
//!
//! Changes nothing. Invariant: a page lists a bounded number of subjects, those first of which the rule holds.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as Of;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use crate::alerts::facts;
use crate::alerts::words::values;
use crate::clock;
use crate::http::api::Api;
use crate::http::page::input::{Path, Query};
use crate::http::page::{Frame, Reader, Section, gone, html, refusal};
use crate::http::view::rules::{self, Counts, Place, RuleText, RuleTruth, Verdict};
use crate::http::words::{manager, refusal as refusal_words, rules as words};
use crate::language::Language;
use crate::rules::RuleName;
use crate::units::{Seconds, Timestamp, Zone};

/// Subjects of a page.
const LISTED_MAX: usize = 100;

/// Makes the routes.
pub(super) fn router() -> Router<Api> {
    Router::new().route(Section::Rules.path(), get(list)).route("/rules/{name}", get(show))
}

#[derive(serde::Deserialize)]
struct Wanted {
    /// The brand and the number of the venue: `sahil/1`.
    at: Option<String>,
    from: Option<usize>,
}

/// A venue as it is chosen, and its name.
type Choice = (String, String);

#[derive(Template)]
#[template(path = "rules.html")]
struct List<'a> {
    frame: Frame<'a>,
    language: Language,
    labels: &'static words::Labels,
    venues: Vec<Choice>,
    at: String,
    rules: Vec<(RuleText, Counts)>,
}

async fn list(Of(api): Of<Api>, Extension(reader): Extension<Reader>, Query(wanted): Query<Wanted>) -> Response {
    let (language, now) = (reader.language, clock::now());
    let venues = venues(&api, language);
    let at = wanted.at.filter(|at| !at.is_empty()).or_else(|| venues.first().map(|(key, _)| key.clone()));
    let at = at.unwrap_or_default();
    if !venues.is_empty() && !venues.iter().any(|(key, _)| *key == at) {
        return gone(&reader, words::labels(language).gone);
    }
    let counts = match place(&api, &at) {
        None => Ok(Vec::new()),
        Some(place) => {
            let policy = Arc::clone(&api.policy);
            api.desk.reckon(move || place.asked(&policy).counts(now)).await
        }
    };
    let Ok(counts) = counts else {
        return refusal(&reader, StatusCode::SERVICE_UNAVAILABLE, refusal_words::busy(language));
    };
    let counts = counts.into_iter().chain(std::iter::repeat(Counts::default()));
    let texts = api.policy.rules.rules().iter().map(|rule| rules::text(&api.policy.rules, rule, language, language));
    let list = List {
        frame: reader.frame(manager::section(language, Section::Rules)),
        language,
        labels: words::labels(language),
        rules: texts.zip(counts).collect(),
        venues,
        at,
    };
    html(StatusCode::OK, &list)
}

#[derive(Template)]
#[template(path = "rule.html")]
struct Page<'a> {
    frame: Frame<'a>,
    language: Language,
    labels: &'static words::Labels,
    zone: &'a Zone,
    now: Timestamp,
    venues: Vec<Choice>,
    at: String,
    rule: RuleText,
    counts: Counts,
    truths: Vec<RuleTruth>,
    more: usize,
    next: Option<usize>,
}

async fn show(
    Of(api): Of<Api>,
    Extension(reader): Extension<Reader>,
    Path(name): Path<String>,
    Query(Wanted { at, from }): Query<Wanted>,
) -> Response {
    let (language, now) = (reader.language, clock::now());
    let venues = venues(&api, language);
    let at = at.filter(|at| !at.is_empty()).or_else(|| venues.first().map(|(key, _)| key.clone())).unwrap_or_default();
    let rule = RuleName::new(&name).ok().and_then(|name| api.policy.rules.get(&name));
    let place = place(&api, &at);
    let Some(rule) = rule.filter(|_| place.is_some() || venues.is_empty()) else {
        return gone(&reader, words::labels(language).gone);
    };
    let all = match place {
        None => Ok(Vec::new()),
        Some(place) => {
            let (policy, name) = (Arc::clone(&api.policy), rule.name.clone());
            let truths = move || policy.rules.get(&name).map(|rule| place.asked(&policy).truths(rule, language, now));
            api.desk.reckon(truths).await.map(Option::unwrap_or_default)
        }
    };
    let Ok(all) = all else {
        return refusal(&reader, StatusCode::SERVICE_UNAVAILABLE, refusal_words::busy(language));
    };
    let counts = Counts::of(all.iter());
    let from = from.unwrap_or(0).min(all.len());
    let until = all.len().min(from.saturating_add(LISTED_MAX));
    let more = all.len() - until;
    let page = Page {
        frame: reader.frame(rule.name.as_str()),
        language,
        labels: words::labels(language),
        zone: &api.policy.setting.zone,
        now,
        venues,
        at,
        rule: rules::text(&api.policy.rules, rule, language, language),
        counts,
        truths: all.into_iter().skip(from).take(LISTED_MAX).collect(),
        more,
        next: (more > 0).then_some(until),
    };
    html(StatusCode::OK, &page)
}

fn venues(api: &Api, language: Language) -> Vec<Choice> {
    let of_brand = |(brand, live): (&crate::units::BrandId, &std::sync::Arc<crate::http::live::LiveBrand>)| {
        let name = |venue: &crate::http::live::LiveVenue| {
            let name = facts::venue_name(&venue.snapshot);
            let name = values::name(language, &name).into_owned();
            (format!("{brand}/{}", venue.snapshot.id().0), format!("{brand} · {name}"))
        };
        live.venues().iter().map(name).collect::<Vec<Choice>>()
    };
    api.live.brands().flat_map(of_brand).collect()
}

/// Finds the place of a choice.
fn place(api: &Api, at: &str) -> Option<Place> {
    let (brand, venue) = at.split_once('/')?;
    Place::of(&api.live, brand, Some(venue.parse().ok()?))
}

impl Page<'_> {
    fn name(&self, name: &str) -> String {
        values::name(self.language, name).into_owned()
    }

    fn length(&self, &Seconds(length): &Seconds) -> String {
        values::duration(self.language, length)
    }

    fn time(&self, at: &str) -> String {
        at.parse().map_or_else(|_| at.to_owned(), |at| values::time_beside(self.language, at, self.now, self.zone))
    }
}
