//! The kitchen board and the list of boards: a page that is whole as it is served, and a stream that keeps it so.
//!
//! A stream says everything anew when it begins, so that a tablet that was away needs nothing else. Invariant: the age of the
//! list goes with each list, and a stream that has nothing to say still says the age.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::response::sse::Event;
use axum::routing::get;
use axum::{Extension, Router};
use serde::Serialize;
use tokio::sync::watch;

use crate::alerts::facts;
use crate::alerts::words::values;
use crate::board::kitchen::{self, Card, Kitchen, Part};
use crate::board::{Standing, freshness_word, open_alerts};
use crate::calendar::Calendar;
use crate::catalog::Station;
use crate::clock;
use crate::engine::Policy;
use crate::http::live::{Live, LiveVenue};
use crate::http::page::input::{Path, wrong_method};
use crate::http::page::{Frame, Reader, Section, assets, gone, html};
use crate::http::stream::{Holder, Next, Source, Streams, Why};
use crate::http::words::{board as words, freshness as freshness_words};
use crate::language::Language;
use crate::snapshot::{Freshness, Snapshot};
use crate::units::{StationId, Timestamp, VenueId};

/// How often a board is told the age of its list while nothing else changes.
const AGE_EVERY: Duration = Duration::from_secs(5);

/// What boards are drawn from.
#[derive(Clone)]
pub(in crate::http) struct Boards {
    pub(in crate::http) live: Live,
    pub(in crate::http) policy: Arc<Policy>,
    /// Those who follow a board.
    pub(in crate::http) streams: Streams,
}

/// Makes the routes below `/board`.
pub(in crate::http) fn router(boards: Boards) -> Router {
    let below = "/board/{brand}/{venue}";
    Router::new()
        .route("/board", get(list))
        .route(below, get(show))
        .route(&format!("{below}/events"), get(events))
        .route(&format!("{below}/station/{{station}}"), get(show))
        .route(&format!("{below}/station/{{station}}/events"), get(events))
        .method_not_allowed_fallback(wrong_method)
        .with_state(boards)
}

/// Which board is asked for.
#[derive(serde::Deserialize)]
struct Asked {
    brand: String,
    venue: String,
    station: Option<String>,
}

impl Asked {
    /// Returns the board, unless there is none of that name.
    fn board(&self, boards: &Boards, reader: &Reader) -> Option<Board> {
        let brand = boards.live.brand(&self.brand)?;
        let venue = VenueId(self.venue.parse().ok()?);
        let follow = brand.follow(venue)?;
        let part = match self.station.as_deref() {
            None => Part::Venue,
            Some("none") => Part::Station(None),
            Some(id) => Part::Station(Some(StationId(id.parse().ok()?))),
        };
        let id = boards.live.brands().find(|(id, _)| id.as_str() == self.brand)?.0;
        let calendar = boards.policy.calendars.of(id, venue).clone();
        let board = Board { policy: Arc::clone(&boards.policy), calendar, part, language: reader.language, follow };
        board.has_part().then_some(board)
    }
}

/// One board.
struct Board {
    policy: Arc<Policy>,
    calendar: Calendar,
    part: Part,
    language: Language,
    follow: watch::Receiver<LiveVenue>,
}

impl Board {
    /// Says whether the venue has the station; before the first list of stations every one may be there.
    fn has_part(&self) -> bool {
        let venue = self.follow.borrow();
        let stations = &venue.snapshot.picture.catalog.stations;
        match self.part {
            Part::Venue | Part::Station(None) => true,
            Part::Station(Some(id)) => stations.contains_key(&id) || venue.snapshot.stations_read_at.is_none(),
        }
    }

    fn draw(&self, venue: &LiveVenue, now: Timestamp) -> Kitchen {
        let alerts = open_alerts(venue.alerts.iter());
        let subjects = venue.alerts.iter().filter(|(_, alert)| alert.open().is_some()).map(|(key, _)| &key.subject);
        let drawn = (self.language, &self.policy.setting, &self.calendar);
        kitchen::draw(&venue.snapshot, subjects.zip(alerts), self.part, drawn, now)
    }

    fn place(&self, snapshot: &Snapshot) -> String {
        let name = |name: &str| values::name(self.language, name).into_owned();
        let venue = name(&facts::venue_name(snapshot));
        match self.part {
            Part::Venue => venue,
            Part::Station(None) => format!("{venue} · {}", values::no_station(self.language)),
            Part::Station(Some(id)) => format!("{venue} · {}", name(&facts::label_of_station(snapshot, id))),
        }
    }
}

/// How old the list is, as the script counts on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct ReadingAge {
    /// How far it can be trusted: `fresh`, `stale`, `blind`.
    state: &'static str,
    /// Its age; none before the first reading, and where the clock was set back since.
    age_ms: Option<u64>,
    /// When it was read, for paper and where the age is not known; empty before the first reading.
    as_of: String,
    /// From which age it is stale and blind.
    stale_ms: u64,
    blind_ms: u64,
    /// Whether guests are served, where hours are written down.
    open: Option<bool>,
    /// When that was, by the clock of the server.
    now_ms: i64,
    /// Which build serves the page: another one has other assets.
    assets: &'static str,
}

impl ReadingAge {
    fn of(board: &Board, venue: &LiveVenue, is_open: Option<bool>, now: Timestamp) -> Self {
        let Board { policy, language, .. } = board;
        let day_and_time = |at| values::day_and_time(*language, at, &policy.setting.zone);
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let freshness = venue.snapshot.freshness(venue.limits, now);
        Self {
            state: freshness_word(freshness),
            age_ms: venue.snapshot.known_age(now).map(ms),
            as_of: venue.snapshot.read_at.map(day_and_time).unwrap_or_default(),
            stale_ms: ms(venue.limits.stale_after),
            blind_ms: ms(venue.limits.blind_after),
            open: is_open,
            now_ms: now.unix_ms(),
            assets: assets::version(),
        }
    }
}

#[derive(Template)]
#[template(path = "board_list.html")]
struct ListPart<'a> {
    language: Language,
    kitchen: &'a Kitchen,
    is_read: bool,
    is_age_known: bool,
    is_blind: bool,
    now: Timestamp,
}

impl ListPart<'_> {
    fn word(&self, standing: Standing) -> &'static str {
        words::standing(self.language, standing)
    }

    /// Counts what there is, in words.
    fn counts(&self) -> Vec<String> {
        let standings = [Standing::Out, Standing::Low, Standing::Limited];
        let counted = standings.into_iter().zip(self.kitchen.counts).filter(|(_, count)| *count > 0);
        counted.map(|(standing, count)| words::counted(self.language, count, standing)).collect()
    }

    /// Shows how long it has been so, as the script then counts on.
    fn lasts(&self, card: &Card) -> String {
        compact(self.language, self.now.since(card.since))
    }

    /// Sizes the cards, so that a short list fills a wall and a long one still fits.
    fn density(&self) -> &'static str {
        match self.kitchen.cards.len() {
            0..=6 => "few",
            7..=16 => "some",
            17..=36 => "many",
            _ => "crowd",
        }
    }
}

#[derive(Template)]
#[template(path = "board.html")]
struct Page<'a> {
    frame: Frame<'a>,
    language: Language,
    list: ListPart<'a>,
    age: ReadingAge,
    /// The age for people, as of now, or when it was read.
    read: String,
    events: String,
}

async fn show(
    State(boards): State<Boards>,
    Extension(reader): Extension<Reader>,
    Path(asked): Path<Asked>,
) -> Response {
    let Some(board) = asked.board(&boards, &reader) else { return nothing(&reader) };
    let (venue, now) = (board.follow.borrow().clone(), clock::now());
    let kitchen = board.draw(&venue, now);
    let place = board.place(&venue.snapshot);
    let age = ReadingAge::of(&board, &venue, kitchen.is_open, now);
    let [before, after] = words::read_ago(reader.language);
    let read = match venue.snapshot.known_age(now) {
        Some(old) => format!("{before} {} {after}", compact(reader.language, old)),
        None if age.as_of.is_empty() => String::new(),
        None => format!("{before} {}", age.as_of),
    };
    let page = Page {
        frame: reader.frame(&place),
        language: reader.language,
        list: part(&board, &kitchen, &venue, now),
        age,
        read,
        events: events_path(&reader, &asked),
    };
    html(StatusCode::OK, &page)
}

fn part<'a>(board: &Board, kitchen: &'a Kitchen, venue: &LiveVenue, now: Timestamp) -> ListPart<'a> {
    let is_blind = kitchen::is_unknown(venue.snapshot.freshness(venue.limits, now));
    let (is_read, is_age_known) = (venue.snapshot.read_at.is_some(), venue.snapshot.known_age(now).is_some());
    ListPart { language: board.language, kitchen, is_read, is_age_known, is_blind, now }
}

/// Returns the address of a board's stream. Names of brands and numbers need no encoding.
fn events_path(reader: &Reader, asked: &Asked) -> String {
    let Asked { brand, venue, station } = asked;
    let station = station.as_ref().map(|id| format!("/station/{id}")).unwrap_or_default();
    format!("{}/board/{brand}/{venue}{station}/events?lang={}", reader.base, reader.language.code())
}

fn nothing(reader: &Reader) -> Response {
    gone(reader, &format!("{}.", words::gone(reader.language)))
}

/// What a stream has said.
struct Said {
    kitchen: Kitchen,
    is_blind: bool,
    state: &'static str,
    at: Timestamp,
    venue: LiveVenue,
}

impl Said {
    /// Says whether a poll found nothing that a board must know now: most do, and to draw a list for each board would be most of
    /// what boards cost.
    fn covers(&self, venue: &LiveVenue, now: Timestamp) -> bool {
        let (was, is) = (&self.venue.snapshot, &venue.snapshot);
        let same_list = was.seq == is.seq && Arc::ptr_eq(&was.picture.rows, &is.picture.rows) && was.doubt == is.doubt;
        let same_names = was.catalog_read_at == is.catalog_read_at && was.stations_read_at == is.stations_read_at;
        let is_soon = now >= self.at && now.since(self.at) < AGE_EVERY;
        let is_fresh = self.state == freshness_word(is.freshness(venue.limits, now));
        same_list && same_names && is_soon && is_fresh && Arc::ptr_eq(&self.venue.alerts, &venue.alerts)
    }
}

struct Following {
    board: Board,
    said: Option<Said>,
    /// The venue is no longer watched.
    is_gone: bool,
}

async fn events(
    State(boards): State<Boards>,
    Extension(reader): Extension<Reader>,
    Extension(holder): Extension<Holder>,
    Path(asked): Path<Asked>,
) -> Response {
    let Some(board) = asked.board(&boards, &reader) else { return nothing(&reader) };
    boards.streams.open(holder, Following { board, said: None, is_gone: false })
}

impl Source for Following {
    /// The receiver holds the newest alone: there is nothing to gather, and a kitchen hears at once.
    async fn news(&mut self) {
        self.is_gone = self.board.follow.changed().await.is_err();
    }

    async fn say(&mut self, why: Why, events: &mut VecDeque<Event>) -> Next {
        if self.is_gone {
            events.push_back(Event::default().event("gone").data("-"));
            return Next::End;
        }
        self.look(why == Why::Quiet, events);
        Next::Wait
    }
}

impl Following {
    /// Says what differs from what was said; with `always` at least the age.
    fn look(&mut self, always: bool, events: &mut VecDeque<Event>) {
        let (venue, now) = (self.board.follow.borrow_and_update().clone(), clock::now());
        let is_covered = |said: &Said| !always && said.covers(&venue, now);
        if self.said.as_ref().is_some_and(is_covered) {
            return;
        }
        let kitchen = self.board.draw(&venue, now);
        let age = ReadingAge::of(&self.board, &venue, kitchen.is_open, now);
        let part = part(&self.board, &kitchen, &venue, now);
        let is_blind = part.is_blind;
        let is_same = |said: &Said| said.kitchen == kitchen && said.is_blind == is_blind;
        let is_same_list = self.said.as_ref().is_some_and(is_same);
        let is_soon = |said: &Said| said.state == age.state && now >= said.at && now.since(said.at) < AGE_EVERY;
        if is_same_list && !always && self.said.as_ref().is_some_and(is_soon) {
            return;
        }
        if !is_same_list && let Ok(text) = part.render() {
            events.push_back(Event::default().event("list").data(text));
        }
        if let Ok(text) = serde_json::to_string(&age) {
            events.push_back(Event::default().event("reading").data(text));
        }
        self.said = Some(Said { kitchen, is_blind, state: age.state, at: now, venue });
    }
}

/// Shows a duration by its largest unit, as the script does.
fn compact(language: Language, duration: Duration) -> String {
    let [second, minute, hour, day] = words::units(language);
    match duration.as_secs() {
        s @ 0..60 => format!("{s} {second}"),
        s @ 60..3_600 => format!("{} {minute}", s / 60),
        s @ 3_600..86_400 => format!("{} {hour} {} {minute}", s / 3_600, s % 3_600 / 60),
        s => format!("{} {day}", s / 86_400),
    }
}

/// A venue in the list of boards.
struct ListedVenue {
    path: String,
    name: String,
    /// Why what is known of it is not to be relied on.
    trust: Option<&'static str>,
    /// How much is out, where that is known.
    out: Option<String>,
    /// Where the board of a station is, its name, and whether it is switched on.
    stations: Vec<(String, String, bool)>,
}

#[derive(Template)]
#[template(path = "boards.html")]
struct BoardsPage<'a> {
    frame: Frame<'a>,
    language: Language,
    brands: Vec<(String, Vec<ListedVenue>)>,
}

async fn list(State(boards): State<Boards>, Extension(reader): Extension<Reader>) -> Response {
    let now = clock::now();
    let of_brand = |brand: &str, venues: Vec<LiveVenue>| {
        venues.iter().map(|venue| listed(&reader, brand, venue, now)).collect::<Vec<ListedVenue>>()
    };
    let brands = boards.live.brands().map(|(id, live)| (id.to_string(), of_brand(id.as_str(), live.venues())));
    let frame = reader.frame(words::boards(reader.language));
    html(StatusCode::OK, &BoardsPage { frame, language: reader.language, brands: brands.collect() })
}

fn listed(reader: &Reader, brand: &str, venue: &LiveVenue, now: Timestamp) -> ListedVenue {
    let LiveVenue { snapshot, limits, alerts: _ } = venue;
    let state = snapshot.freshness(*limits, now);
    let (out, is_read) = (kitchen::count_out(snapshot), snapshot.read_at.is_some());
    let path = format!("{}/board/{brand}/{}", reader.base, snapshot.id().0);
    // Those that are switched off come last: a kitchen that is closed for the day still looks.
    let mut stations: Vec<&Station> = snapshot.picture.catalog.stations.values().collect();
    stations.sort_by_key(|station| !station.active);
    let station = |station: &Station| {
        let name = values::name(reader.language, &facts::label_of_station(snapshot, station.id)).into_owned();
        (format!("{path}/station/{}", station.id.0), name, station.active)
    };
    ListedVenue {
        name: values::name(reader.language, &facts::venue_name(snapshot)).into_owned(),
        trust: match state {
            _ if !is_read => Some(words::never_read(reader.language)),
            Freshness::Fresh => None,
            Freshness::Stale | Freshness::Blind => Some(freshness_words::state(reader.language, state)),
        },
        out: (is_read && state != Freshness::Blind).then(|| words::counted(reader.language, out, Standing::Out)),
        stations: stations.into_iter().map(station).collect(),
        path,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::StreamExt as _;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::catalog::Venue;
    use crate::http::tests::policy;
    use crate::snapshot::FreshnessLimits;
    use crate::units::Zone;

    #[tokio::test]
    async fn a_board_of_a_venue_that_is_no_longer_watched_is_told_so() {
        let snapshot = Snapshot::unread(Venue { id: VenueId(1), name: "Sahil".to_owned(), active: true });
        let limits = FreshnessLimits::NONE;
        let venue = LiveVenue { snapshot: Arc::new(snapshot), alerts: Arc::default(), limits };
        let (shown, follow) = watch::channel(venue);
        let (policy, day_starts) = (Arc::new(policy(Zone::utc())), jiff::civil::time(4, 0, 0, 0));
        let calendar = Calendar::plain(Zone::utc(), day_starts);
        let board = Board { policy, calendar, part: Part::Venue, language: Language::En, follow };
        let streams = Streams::new(CancellationToken::new());
        let here = Holder::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let response = streams.open(here, Following { board, said: None, is_gone: false });
        let mut body = response.into_body().into_data_stream();
        let mut next = async || {
            let bytes = body.next().await?.expect("a stream");
            String::from_utf8_lossy(&bytes).lines().next().map(str::to_owned)
        };
        assert_eq!(
            next().await.as_deref(),
            Some("event: list"),
            "a stream begins with everything, the list before its age"
        );
        assert_eq!(next().await.as_deref(), Some("event: reading"));
        drop(shown);
        assert_eq!(next().await.as_deref(), Some("event: gone"));
        assert_eq!(next().await, None);
    }
}
