//! The page of the present: open alerts by how much they matter, what is silenced, and every venue.
//!
//! Whole as it is served; a stream keeps it so. Invariant: nobody writes on this page, so that a list that is swapped
//! takes nothing from anybody; the forms are pages of their own.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::response::sse::Event;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use crate::alerts::facts::{self, NAME_LENGTH_MAX};
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::{OpenAlert, digest};
use crate::alerts::notice::ReceiverName;
use crate::alerts::silence::{Criteria, Silence};
use crate::alerts::words::{letter, page as page_words, values};
use crate::board::{Standing, freshness_word, lines};
use crate::clock;
use crate::engine::Policy;
use crate::http::access::{Role, Visitor};
use crate::http::desk::Desk;
use crate::http::live::{Live, LiveVenue};
use crate::http::open::{BrandNow, HeldBy, Seen};
use crate::http::page::deed::{Deed, Deeds};
use crate::http::page::input::{Query, wrong_method};
use crate::http::page::{Frame, Reader, Section, assets, html, now_acts};
use crate::http::stream::{Holder, Next, Source, Streams, Turns, Why};
use crate::http::words::{board as board_words, freshness as freshness_words, manager, now as words};
use crate::language::Language;
use crate::snapshot::Freshness;
use crate::units::{CategoryId, ProductId, StationId, Timestamp, printable};

/// Alerts that are listed, those that matter most: more than anybody works off.
const ALERTS_MAX: usize = 200;
/// Bytes of a form: a few fields of 200 characters, each percent-encoded, fit twice.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What the page is drawn from.
#[derive(Clone)]
pub(in crate::http) struct Now {
    pub(in crate::http) live: Live,
    pub(in crate::http) policy: Arc<Policy>,
    pub(in crate::http) desk: Desk,
    /// Those who follow the page.
    pub(in crate::http) streams: Streams,
}

/// Makes the routes below `/now`.
pub(in crate::http) fn router(now: Now) -> Router {
    let kept_by_nobody = |mut response: Response| {
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        std::future::ready(response)
    };
    Router::new()
        .route("/now", get(show))
        .route("/now/events", get(events))
        .route("/now/{brand}/{episode}/acknowledge", get(now_acts::ask_care).post(now_acts::take_care))
        .route("/now/{brand}/{episode}/silence", get(now_acts::ask_silence).post(now_acts::make_silence))
        .route("/now/{brand}/silence/{id}/end", post(now_acts::end_silence))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(map_response(kept_by_nobody))
        .with_state(now)
}

/// An open alert, in words.
struct ShownAlert {
    episode: String,
    severity: &'static str,
    severity_word: &'static str,
    message: String,
    place: String,
    rule: String,
    since: String,
    care: Option<String>,
    /// Who was told, who was not and why.
    told: Vec<String>,
    /// What else is to be known of it.
    marks: Vec<&'static str>,
    /// Where its forms are, below `/now`; `None` for whoever may only look.
    forms: Option<String>,
}

/// A silence, in words.
struct ShownSilence {
    id: String,
    what: String,
    terms: String,
    /// Where it is ended; `None` for whoever may only look.
    end: Option<String>,
}

/// A venue, in words.
struct ShownVenue {
    board: String,
    name: String,
    state: &'static str,
    state_word: &'static str,
    read: String,
    /// The class, the word and the number of each standing.
    counts: Vec<(&'static str, &'static str, usize)>,
    open: usize,
}

#[derive(Template)]
#[template(path = "now_list.html")]
struct ListPart {
    language: Language,
    /// What is not known, so that nobody takes a short list of alerts for good news.
    doubts: Vec<String>,
    /// Where that is explained.
    freshness: String,
    alerts: Vec<ShownAlert>,
    open: usize,
    pending: usize,
    silences: Vec<ShownSilence>,
    brands: Vec<(String, Vec<ShownVenue>)>,
}

#[derive(Template)]
#[template(path = "now.html")]
struct Page<'a> {
    frame: Frame<'a>,
    language: Language,
    noted: Option<&'static str>,
    list: ListPart,
}

#[derive(Deserialize)]
struct Asked {
    /// What was done just now.
    done: Option<String>,
}

async fn show(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(deeds): Extension<Deeds>,
    Query(Asked { done }): Query<Asked>,
) -> Response {
    let (language, at) = (reader.language, clock::now());
    let noted = match done.and_then(|written| deeds.read(&written, &visitor, at)) {
        Some(Deed::Care) => Some(words::care_noted(language)),
        Some(Deed::Silence) => Some(words::silence_made(language)),
        Some(Deed::SilenceEnd) => Some(words::silence_ended(language)),
        Some(Deed::Resent(_)) | None => None,
    };
    let list = draw(&now, &reader, visitor.may, at);
    let frame = reader.frame(manager::section(language, Section::Now));
    html(StatusCode::OK, &Page { frame, language, noted, list })
}

fn draw(now: &Now, reader: &Reader, may: Role, at: Timestamp) -> ListPart {
    let brands = BrandNow::all(&now.live, at);
    let mut open: Vec<(&BrandNow, &Seen, &OpenAlert)> = Vec::new();
    for brand in &brands {
        open.extend(brand.alerts.iter().filter_map(|seen| Some((brand, seen, seen.open()?))));
    }
    let count = open.len();
    open.sort_by_key(|(_, _, alert)| {
        (Reverse(alert.severity), alert.acknowledged.is_some(), Reverse(alert.opened_at), alert.episode.clone())
    });
    open.truncate(ALERTS_MAX);
    let draw = Drawing { now, language: reader.language, base: &reader.base, may_act: may >= Role::Act, at };
    let silences = brands.iter().flat_map(|brand| brand.silences.iter().map(|silence| draw.silence(brand, silence)));
    let venues = brands.iter().map(|brand| (brand.brand.to_string(), draw.venues(brand)));
    ListPart {
        language: reader.language,
        doubts: doubts(&brands, reader.language, at),
        freshness: format!("{}{}", reader.base, Section::Freshness.path()),
        alerts: open.into_iter().map(|(brand, seen, alert)| draw.alert(brand, seen, alert)).collect(),
        open: count,
        pending: brands.iter().flat_map(|brand| &brand.alerts).filter(|seen| seen.open().is_none()).count(),
        silences: silences.collect(),
        brands: venues.collect(),
    }
}

/// Says of how many venues nobody knows what is off there now.
fn doubts(brands: &[BrandNow], language: Language, at: Timestamp) -> Vec<String> {
    let (mut old, mut unread, mut never) = (0, 0, 0);
    for venue in brands.iter().flat_map(|brand| brand.live.venues()) {
        match venue.snapshot.freshness(venue.limits, at) {
            _ if venue.snapshot.read_at.is_none() => never += 1,
            Freshness::Fresh => {}
            Freshness::Stale => old += 1,
            Freshness::Blind => unread += 1,
        }
    }
    let counted = (old + unread + never > 0).then(|| words::in_doubt(language, old, unread, never));
    let has_none = brands.iter().any(|brand| brand.venues.is_empty());
    counted.into_iter().chain(has_none.then(|| board_words::no_venues(language).to_owned())).collect()
}

struct Drawing<'a> {
    now: &'a Now,
    language: Language,
    base: &'a str,
    may_act: bool,
    at: Timestamp,
}

impl Drawing<'_> {
    fn alert(&self, brand: &BrandNow, seen: &Seen, alert: &OpenAlert) -> ShownAlert {
        let (language, zone) = (self.language, &self.now.policy.setting.zone);
        let since = values::time_beside(language, alert.since, self.at, zone);
        let age = values::duration(language, self.at.since(alert.since));
        let silences = brand.silences_over(seen, &self.now.policy.calendars, self.at);
        let marks = [
            (!silences.is_empty(), words::silenced(language)),
            (alert.unstable_since.is_some(), board_words::unstable(language)),
            (alert.clear_since.is_some(), words::clearing(language)),
        ];
        ShownAlert {
            episode: alert.episode.as_str().to_owned(),
            severity: alert.severity.word(),
            severity_word: words::severity(language, alert.severity),
            message: alert.message.in_language(language).to_owned(),
            place: values::name(language, &brand.place(seen)).into_owned(),
            rule: seen.key.rule.to_string(),
            since: page_words::since(language, &since, &age),
            care: alert.acknowledged.as_ref().map(|said| said.in_words(language, zone)),
            told: self.told(brand, alert, &silences),
            marks: marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect(),
            forms: self.may_act.then(|| format!("{}/now/{}/{}", self.base, brand.brand, alert.episode.as_str())),
        }
    }

    /// Says who was told, who was not, and why not: a sentence for each reason, and each silence that is one.
    fn told(&self, brand: &BrandNow, alert: &OpenAlert, silences: &[&Silence]) -> Vec<String> {
        let language = self.language;
        let listed = |names: &[&ReceiverName]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let mut said = Vec::new();
        if !alert.told.is_empty() {
            let names = listed(&alert.told.iter().collect::<Vec<_>>());
            said.push(if silences.is_empty() {
                words::told(language, &names)
            } else {
                words::told_before_silence(language, &names)
            });
        }
        let reasons: BTreeSet<&Hold> = alert.held.values().collect();
        for hold in reasons {
            let held = alert.held.iter().filter(|(_, by)| *by == hold).map(|(name, _)| name);
            let names = listed(&held.collect::<Vec<_>>());
            said.push(match brand.reason_of(hold) {
                HeldBy::Silence(_) => words::held_by_silence(language, &names),
                HeldBy::Cause(_, Some(cause)) => {
                    words::held_by_cause(language, &values::name(language, &cause.label), &names)
                }
                HeldBy::Cause(rule, None) => words::held_by_cause(language, rule.as_str(), &names),
            });
        }
        if said.is_empty() {
            said.push(words::told_nobody(language).to_owned());
        }
        let silence = |silence: &&Silence| {
            let what = covered(brand, &silence.covers, language);
            words::silence_is(language, &format!("{what} · {}", self.terms(silence)))
        };
        said.extend(silences.iter().map(silence));
        said
    }

    fn silence(&self, brand: &BrandNow, silence: &Silence) -> ShownSilence {
        let language = self.language;
        ShownSilence {
            id: silence.id.to_string(),
            what: covered(brand, &silence.covers, language),
            terms: self.terms(silence),
            end: self.may_act.then(|| format!("{}/now/{}/silence/{}/end", self.base, brand.brand, silence.id)),
        }
    }

    /// Says until when a silence lasts, who asked for it and why.
    fn terms(&self, silence: &Silence) -> String {
        let (language, zone) = (self.language, &self.now.policy.setting.zone);
        let until = words::until_at(language, &values::time_beside(language, silence.until, self.at, zone));
        let back = silence.until_back.then(|| words::or_until_back(language).to_owned());
        let during = silence.during.as_deref().map(|window| words::during(language, window));
        let by = words::by(language, &silence.by);
        let reason = Some(silence.reason.clone()).filter(|reason| !reason.is_empty());
        let terms: Vec<String> = [Some(until), back, during, Some(by), reason].into_iter().flatten().collect();
        terms.join(" · ")
    }

    fn venues(&self, brand: &BrandNow) -> Vec<ShownVenue> {
        brand.live.venues().iter().map(|venue| self.venue(brand, venue)).collect()
    }

    fn venue(&self, brand: &BrandNow, venue: &LiveVenue) -> ShownVenue {
        let (language, snapshot) = (self.language, &venue.snapshot);
        let lines = lines(snapshot);
        let counted = [Standing::Out, Standing::Low, Standing::Limited].map(|standing| {
            let count = lines.iter().filter(|line| line.standing == standing).count();
            (standing.word(), board_words::standing(language, standing), count)
        });
        let freshness = snapshot.freshness(venue.limits, self.at);
        let [before, after] = board_words::read_ago(language);
        let read = match (snapshot.known_age(self.at), snapshot.read_at) {
            (Some(age), _) => format!("{before} {} {after}", values::duration(language, age)),
            (None, Some(at)) => {
                let zone = &self.now.policy.setting.zone;
                format!("{before} {}", values::day_and_time(language, at, zone))
            }
            (None, None) => board_words::never_read(language).to_owned(),
        };
        ShownVenue {
            board: format!("{}/board/{}/{}", self.base, brand.brand, snapshot.id()),
            name: values::name(language, &facts::venue_name(snapshot)).into_owned(),
            state: freshness_word(freshness),
            state_word: freshness_words::state(language, freshness),
            read,
            counts: counted.into_iter().filter(|(_, _, count)| *count > 0).collect(),
            open: venue.alerts.values().filter(|alert| alert.open().is_some()).count(),
        }
    }
}

/// Says what a silence covers: every part of it must fit.
pub(super) fn covered(brand: &BrandNow, covers: &Criteria, language: Language) -> String {
    let Criteria { venue, product, category, station, rule } = covers;
    let snapshots = || brand.venues.values().filter(|snapshot| venue.is_none_or(|venue| snapshot.id() == venue));
    let product_name = |id: ProductId| {
        let knows = |snapshot: &&Arc<_>| knows_product(snapshot, id);
        snapshots().find(knows).map_or_else(|| format!("#{id}"), |snapshot| facts::product_name(snapshot, id))
    };
    let station_name = |id: StationId| {
        let snapshot = snapshots().find(|snapshot| snapshot.picture.catalog.stations.contains_key(&id));
        snapshot.map_or_else(|| format!("#{id}"), |snapshot| facts::label_of_station(snapshot, id))
    };
    let category_name = |id: CategoryId| {
        let mut products = snapshots().flat_map(|snapshot| snapshot.picture.catalog.products.values());
        let known = products.find(|product| product.category == Some(id));
        let name = known.and_then(|product| product.category_name.as_ref());
        name.map_or_else(|| format!("#{id}"), |name| printable(name, NAME_LENGTH_MAX))
    };
    let place = venue.map(|id| {
        let name = brand.venues.get(&id).map_or_else(|| format!("#{id}"), |snapshot| facts::venue_name(snapshot));
        values::name(language, &name).into_owned()
    });
    let item = product.map(|id| values::name(language, &product_name(id)).into_owned());
    let station = station.map(|id| values::name(language, &station_name(id)).into_owned());
    let category = category.map(|id| words::scope_category(language, &category_name(id)));
    let rule_words = rule.as_ref().map(ToString::to_string);
    match (item, station, category, rule_words, place) {
        (Some(item), None, None, None, Some(place)) => words::scope_here(language, &item, &place),
        (Some(item), None, None, None, None) => words::scope_product(language, &item),
        (None, Some(station), None, None, Some(place)) => words::scope_station(language, &station, &place),
        (None, None, None, Some(rule), None) => words::scope_rule(language, &rule),
        (None, None, None, None, Some(place)) => words::scope_venue(language, &place),
        (item, station, category, rule, place) => {
            [item, station, category, rule, place].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
    }
}

fn knows_product(snapshot: &crate::snapshot::Snapshot, id: ProductId) -> bool {
    snapshot.picture.catalog.products.contains_key(&id)
}

struct Following {
    now: Now,
    reader: Reader,
    may: Role,
    turns: Turns,
    /// Identifies what was said last; the text itself would be kept for every reader.
    said: Option<String>,
}

async fn events(
    State(now): State<Now>,
    Extension(reader): Extension<Reader>,
    Extension(visitor): Extension<Visitor>,
    Extension(holder): Extension<Holder>,
) -> Response {
    let turns = Turns::of(&now.live, |_| true);
    let streams = now.streams.clone();
    streams.open(holder, Following { now, reader, may: visitor.may, turns, said: None })
}

impl Source for Following {
    async fn news(&mut self) {
        self.turns.news().await;
    }

    /// Says the list when it differs from what was said, as its ages do by time alone, and else that the server is there.
    async fn say(&mut self, why: Why, events: &mut VecDeque<Event>) -> Next {
        if why == Why::Begun {
            events.push_back(Event::default().event("build").data(assets::version()));
        }
        self.turns.take();
        let Ok(text) = draw(&self.now, &self.reader, self.may, clock::now()).render() else { return Next::Wait };
        let says = Some(digest(&[&text], 16));
        if self.said != says {
            events.push_back(Event::default().event("list").data(text));
            self.said = says;
        } else if why == Why::Quiet {
            events.push_back(Event::default().event("beat").data("-"));
        }
        Next::Wait
    }
}
