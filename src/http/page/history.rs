//! The pages of the history: an index to find a venue or an item by, the time lines of a venue, and those of an item.
//!
//! What is drawn stands in a table beside it. Changes nothing. Invariant: a page draws a bounded number of items and lists a
//! bounded number of pieces, and says how many more there are.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State as Of;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use jiff::Zoned;

use crate::alerts::facts;
use crate::alerts::report::week::Stretch;
use crate::alerts::words::values;
use crate::calendar::{Calendar, Span};
use crate::clock;
use crate::http::api::Api;
use crate::http::desk::NoLook;
use crate::http::page::drawing::{Drawing, Drawn, Width};
use crate::http::page::input::{Path, Query};
use crate::http::page::{Frame, Reader, Section, gone, html, refusal};
use crate::http::view::history::{self, Place, Range, Told};
use crate::http::view::timeline::{Piece, State, Totals};
use crate::http::words::{history as words, manager, refusal as refusal_words};
use crate::language::Language;
use crate::units::{ProductId, Timestamp, printable};

/// Items that a page draws; the next page draws the next ones.
const ITEMS_MAX: usize = 40;
/// Pieces of an item that are listed, the latest.
const PIECES_MAX: usize = 300;
/// Items that are found by their name.
const FOUND_MAX: usize = 100;
/// Characters of a name that is looked for.
const ASKED_LENGTH_MAX: usize = 100;

/// Makes the routes.
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route(Section::History.path(), get(index))
        .route("/history/{brand}/{venue}", get(show))
        .route("/history/{brand}/{venue}/{product}", get(show))
}

#[derive(serde::Deserialize)]
struct Wanted {
    q: Option<String>,
    venue: Option<String>,
}

/// A venue that can be chosen.
struct Choice {
    key: String,
    brand: String,
    name: String,
}

#[derive(Template)]
#[template(path = "history_index.html")]
struct Index<'a> {
    frame: Frame<'a>,
    language: Language,
    labels: &'static words::Labels,
    venues: Vec<Choice>,
    chosen: String,
    asked: String,
    /// Where the history of an item is, its name, and its venue.
    found: Vec<(String, String, String)>,
    more: usize,
}

async fn index(Of(api): Of<Api>, Extension(reader): Extension<Reader>, Query(wanted): Query<Wanted>) -> Response {
    let language = reader.language;
    let asked = printable(wanted.q.as_deref().unwrap_or_default().trim(), ASKED_LENGTH_MAX);
    let chosen = wanted.venue.unwrap_or_default();
    let (mut venues, mut found) = (Vec::new(), Vec::new());
    for (brand, live) in api.live.brands() {
        for venue in live.venues() {
            let snapshot = &venue.snapshot;
            let key = format!("{brand}/{}", snapshot.id().0);
            let name = values::name(language, &facts::venue_name(snapshot)).into_owned();
            if !asked.is_empty() && (chosen.is_empty() || chosen == key) {
                let ids = snapshot.picture.catalog.products.keys();
                let named = ids.map(|id| (*id, facts::product_name(snapshot, *id)));
                let fits = named.filter(|(_, item)| item.to_lowercase().contains(&asked.to_lowercase()));
                found.extend(
                    fits.map(|(id, item)| (format!("{}/history/{key}/{}", reader.base, id.0), item, name.clone())),
                );
            }
            venues.push(Choice { key, brand: brand.to_string(), name });
        }
    }
    found.sort_by(|one, other| (&one.1, &one.2).cmp(&(&other.1, &other.2)));
    let more = found.len().saturating_sub(FOUND_MAX);
    found.truncate(FOUND_MAX);
    let frame = reader.frame(manager::section(language, Section::History));
    let labels = words::labels(language);
    html(StatusCode::OK, &Index { frame, language, labels, venues, chosen, asked, found, more })
}

/// Tells how the items of a venue stood, on a thread beside those who serve; or why that is not told now.
async fn told(
    api: &Api,
    place: &Place,
    product: Option<ProductId>,
    (span, language): (Stretch, Language),
) -> Result<Vec<Told>, &'static str> {
    let past = api.desk.look(history::past(&api.desk.past, place, product, span.from)).await;
    let past = past.map_err(|NoLook| words::labels(language).unreadable)?;
    let (place, policy) = (place.clone(), Arc::clone(&api.policy));
    let told = move || {
        let calendar = policy.calendars.of(&place.brand, place.venue.snapshot.id());
        history::told(&place, &past, product, calendar, span)
    };
    api.desk.reckon(told).await.map_err(|NoLook| refusal_words::busy(language))
}

#[derive(serde::Deserialize)]
struct Asked {
    brand: String,
    venue: u64,
    product: Option<u64>,
}

#[derive(serde::Deserialize)]
struct Part {
    range: Option<String>,
    from: Option<usize>,
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page<'a> {
    frame: Frame<'a>,
    language: Language,
    labels: &'static words::Labels,
    calendar: &'a Calendar,
    /// The brand and the number of the venue, as addresses have them.
    key: String,
    place: String,
    range: Range,
    csv: String,
    has_hours: bool,
    summary: String,
    drawings: [(&'static str, Drawn); 2],
    /// The items that are drawn.
    told: &'a [Told],
    /// The pieces of the only item, the latest first.
    item: Option<Vec<Piece>>,
    /// How many items or pieces are beyond that.
    more: usize,
    next: Option<usize>,
}

async fn show(
    Of(api): Of<Api>,
    Extension(reader): Extension<Reader>,
    Path(Asked { brand, venue, product }): Path<Asked>,
    Query(Part { range, from }): Query<Part>,
) -> Response {
    let (language, now) = (reader.language, clock::now());
    let labels = words::labels(language);
    let place = history::place(&api.live, &brand, venue);
    let product = product.map(ProductId);
    let Some(place) = place.filter(|place| product.is_none_or(|product| is_known(place, product))) else {
        return gone(&reader, labels.gone);
    };
    let range = range.as_deref().and_then(Range::of_word).unwrap_or_default();
    let span = range.until(now);
    let calendar = api.policy.calendars.of(&place.brand, place.venue.snapshot.id());
    let told = match told(&api, &place, product, (span, language)).await {
        Ok(told) => told,
        Err(why) => return refusal(&reader, StatusCode::SERVICE_UNAVAILABLE, why),
    };
    let from = from.unwrap_or(0).min(told.len());
    let until = told.len().min(from.saturating_add(ITEMS_MAX));
    let told_here = &told[from..until];
    let name = |name: &str| values::name(language, name).into_owned();
    let venue_name = name(&facts::venue_name(&place.venue.snapshot));
    let title = words::of(language, &product.and(told.first()).map_or(venue_name.clone(), |told| name(&told.name)));
    let (item, more) = match product.and(told.first()) {
        Some(told) => {
            let pieces = told.pieces.iter().rev().take(PIECES_MAX).copied().collect();
            (Some(pieces), told.pieces.len().saturating_sub(PIECES_MAX))
        }
        None => (None, told.len() - until),
    };
    let open = calendar.open_between(span.from, span.until);
    let times = |at: Timestamp| values::day_and_time(language, at, calendar.zone());
    let csv_of = product.map(|product| format!("&product={}", product.0)).unwrap_or_default();
    let page = Page {
        frame: reader.frame(&title),
        language,
        labels,
        calendar,
        key: format!("{brand}/{venue}"),
        place: venue_name,
        range,
        csv: format!("brand={brand}&venue={venue}{csv_of}&since={}", span.from),
        has_hours: open.is_some(),
        summary: words::drawn(language, told_here.len(), &times(span.from), &times(span.until)),
        drawings: drawings(
            language,
            calendar,
            (range, span),
            open.as_deref().unwrap_or_default(),
            told_here,
            product.is_none(),
        ),
        told: told_here,
        next: (item.is_none() && more > 0).then_some(until),
        item,
        more,
    };
    html(StatusCode::OK, &page)
}

/// Says whether a venue sells the item, or has it on its list.
fn is_known(place: &history::Place, product: ProductId) -> bool {
    let picture = &place.venue.snapshot.picture;
    picture.catalog.products.contains_key(&product) || picture.rows.contains_key(&product)
}

fn drawings(
    language: Language,
    calendar: &Calendar,
    (range, span): (Range, Stretch),
    open: &[Span],
    told: &[Told],
    with_names: bool,
) -> [(&'static str, Drawn); 2] {
    let days = days(calendar, span);
    [("wide", Width::Wide), ("narrow", Width::Narrow)].map(|(kind, width)| {
        let ticks = ticks(language, calendar, (range, span), &days, width);
        let named =
            |told: &Told| if with_names { values::name(language, &told.name).into_owned() } else { String::new() };
        let rows = told.iter().map(|told| (named(told), told.pieces.as_slice())).collect();
        (kind, Drawing { span, open, days: &days, ticks: &ticks, rows }.draw(width))
    })
}

/// Returns where business days begin.
fn days(calendar: &Calendar, span: Stretch) -> Vec<Timestamp> {
    let next = |at: &Timestamp| calendar.next_day_at(*at);
    std::iter::successors(calendar.next_day_at(span.from), next).take_while(|at| *at < span.until).collect()
}

/// Returns where times are written: of a day some full hours, of more days their beginnings.
fn ticks(
    language: Language,
    calendar: &Calendar,
    (range, span): (Range, Stretch),
    days: &[Timestamp],
    width: Width,
) -> Vec<(Timestamp, String)> {
    let every = match (range, width) {
        (Range::Day, Width::Wide) => 2,
        (Range::Day, Width::Narrow) => 6,
        (Range::Week, _) => 1,
        (Range::Month, Width::Wide) => 3,
        (Range::Month, Width::Narrow) => 7,
    };
    let zone = calendar.zone();
    if range == Range::Day {
        let quarter = Duration::from_mins(15);
        let quarter_ms = 15 * 60 * 1_000;
        let first = Timestamp::from_unix_ms(span.from.unix_ms().div_euclid(quarter_ms) * quarter_ms).plus(quarter);
        let quarters =
            std::iter::successors(Some(first), |at| Some(at.plus(quarter))).take_while(|at| *at < span.until);
        let is_full = |local: &Zoned| local.minute() == 0 && local.hour() % every == 0;
        let local = quarters.map(|at| (at, at.in_zone(zone)));
        return local.filter(|(_, local)| is_full(local)).map(|(at, _)| (at, at.local_time(zone))).collect();
    }
    let label = |at: &Timestamp| {
        let day = calendar.business_day(*at);
        let weekday = match (range, language, width) {
            // The days of the week have long names in Azerbaijani.
            (Range::Week, Language::En | Language::Ru, Width::Wide) => {
                format!("{} ", values::weekday(language, day.weekday()))
            }
            (Range::Day | Range::Week | Range::Month, _, _) => String::new(),
        };
        (*at, format!("{weekday}{:02}.{:02}", day.day(), day.month()))
    };
    days.iter().step_by(usize::try_from(every).unwrap_or(1)).map(label).collect()
}

impl Page<'_> {
    fn name(&self, name: &str) -> String {
        values::name(self.language, name).into_owned()
    }

    fn time(&self, at: Timestamp) -> String {
        at.in_zone(self.calendar.zone()).strftime("%d.%m %H:%M:%S").to_string()
    }

    fn lasted(&self, time: Duration) -> String {
        if time.is_zero() { "–".to_owned() } else { values::duration(self.language, time) }
    }

    fn of(totals: &Totals, state: State) -> Duration {
        match state {
            State::Out => totals.out,
            State::Low => totals.low,
            State::On => totals.on,
            State::Unknown => totals.unknown,
        }
    }

    fn facts(&self, totals: &Totals) -> Vec<(&'static str, String)> {
        let of_state = |state: &State| (words::state(self.language, *state), self.lasted(Self::of(totals, *state)));
        let mut facts: Vec<(&str, String)> = State::ALL.iter().map(of_state).collect();
        facts.push((self.labels.stops, totals.stops.to_string()));
        facts.push((self.labels.longest, self.lasted(totals.longest)));
        facts.extend(totals.out_open.map(|time| (self.labels.out_open, self.lasted(time))));
        facts
    }

    /// Draws how a state is drawn.
    fn key(state: State) -> &'static str {
        match state {
            State::Out => r##"<rect width="28" height="18" fill="#B3131F"/>"##,
            State::Low => r##"<rect y="9" width="28" height="9" fill="#FFB300"/>"##,
            State::On => r##"<polyline points="0,17 28,17" fill="none" stroke="#1A6B34" stroke-width="2"/>"##,
            State::Unknown => {
                r##"<polyline points="0,18 5,6 10,18 15,6 20,18 25,6 28,15" fill="none" stroke="#5A6068"/>"##
            }
        }
    }
}
