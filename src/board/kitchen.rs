//! The kitchen board: the same lines as the feed's lists, as a cook reads them from three metres.
//!
//! Pure: snapshot, alerts, calendar and time in, words in the reader's language out; HTML is made elsewhere. Invariant: what
//! is not known well is marked and never left out.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::alerts::lifecycle::OpenAlert;
use crate::alerts::words::values;
use crate::alerts::{facts, followup};
use crate::board::{Line, Setting, Standing, lines, scene};
use crate::calendar::Calendar;
use crate::language::Language;
use crate::rules::Subject;
use crate::snapshot::{Freshness, Snapshot};
use crate::units::{ProductId, StationId, Timestamp};

/// Cards of a board: more than a wall shows, and a page that a weak tablet still draws.
pub const CARDS_MAX: usize = 200;
/// Returns of today that are listed, the latest.
const BACK_MAX: usize = 20;

/// Which part of a venue a board shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    Venue,
    /// What one station prepares, or no station.
    Station(Option<StationId>),
}

/// What a board shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kitchen {
    /// The cards: out, low, limited, then those of stations that are switched off; in each the newest first.
    pub cards: Vec<Card>,
    /// How many cards there are beyond [`CARDS_MAX`].
    pub more: usize,
    /// What came back today, the latest first: its name and when.
    pub back: Vec<(String, String)>,
    /// How many are out, low and limited, those of stations that are switched off not counted.
    pub counts: [usize; 3],
    /// Whether guests are served, so that a sound is heard; `None` where no hours are written down.
    pub is_open: Option<bool>,
}

/// One product that is out, low or limited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Names this turn of this product: a board that saw it before makes no sound again.
    pub turn: String,
    /// How it stands.
    pub standing: Standing,
    /// Whether its station is switched off, so that nobody misses it.
    pub is_off: bool,
    /// Whether its last reading is in doubt.
    pub is_doubtful: bool,
    /// Its name.
    pub name: String,
    /// How much is left, where that is more than nothing.
    pub left: Option<String>,
    /// The station, on a board of several.
    pub station: Option<String>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// The same for people: `18:51`, with the day where that is another.
    pub since_local: String,
    /// Sizes and options that are still on.
    pub others_on: Vec<String>,
    /// Who takes care of it, why, and when it is back.
    pub care: Option<String>,
    /// Whether it goes on and off.
    pub is_unstable: bool,
}

/// Draws the board of a venue. `alerts` are those of the venue that are open.
pub fn draw<'a>(
    snapshot: &Snapshot,
    alerts: impl Iterator<Item = (&'a Subject, &'a OpenAlert)>,
    part: Part,
    (language, setting, calendar): (Language, &Setting, &Calendar),
    now: Timestamp,
) -> Kitchen {
    let alerts = by_product(alerts, now);
    let is_shown = |station: Option<StationId>| match part {
        Part::Venue => true,
        Part::Station(of) => of == station,
    };
    let shown = lines(snapshot).into_iter().filter(|line| is_shown(line.station));
    let card = |line: Line| card(snapshot, &line, alerts.get(&line.product), part, (language, setting), now);
    let mut cards: Vec<Card> = shown.map(card).collect();
    cards.sort_by_key(|card| (card.is_off, card.standing, Reverse(card.since)));
    let count = |standing| cards.iter().filter(|card| card.standing == standing && !card.is_off).count();
    let counts = [Standing::Out, Standing::Low, Standing::Limited].map(count);
    let more = cards.len().saturating_sub(CARDS_MAX);
    cards.truncate(CARDS_MAX);
    let mut back: Vec<(Timestamp, String)> = scene::returns_of_today(snapshot, setting, now)
        .filter(|line| is_shown(line.station))
        .map(|line| (line.since, product_name(snapshot, line.product, language)))
        .collect();
    back.sort_by_key(|(at, _)| Reverse(*at));
    back.truncate(BACK_MAX);
    let back = back.into_iter().map(|(at, name)| (name, at.local_time(&setting.zone))).collect();
    Kitchen { cards, more, back, counts, is_open: calendar.is_open(now) }
}

/// Returns the most telling alert of each product: one that somebody takes care of before others.
fn by_product<'a>(
    alerts: impl Iterator<Item = (&'a Subject, &'a OpenAlert)>,
    now: Timestamp,
) -> BTreeMap<ProductId, (Option<&'a OpenAlert>, bool)> {
    let mut found: BTreeMap<ProductId, (Option<&OpenAlert>, bool)> = BTreeMap::new();
    for (subject, alert) in alerts {
        let Subject::Item(_, product) = subject else { continue };
        let (care, is_unstable) = found.entry(*product).or_default();
        *is_unstable |= alert.unstable_since.is_some();
        // Whose time of return is over takes care no longer, and everybody is reminded again.
        let takes_care = |alert: &&OpenAlert| followup::is_taken_care_of(alert, now);
        let said_at = |alert: &OpenAlert| {
            Some(alert).filter(takes_care).and_then(|alert| alert.acknowledged.as_ref()).map(|said| said.at)
        };
        if said_at(alert) > care.and_then(said_at) {
            *care = Some(alert);
        }
    }
    found
}

fn card(
    snapshot: &Snapshot,
    line: &Line,
    alert: Option<&(Option<&OpenAlert>, bool)>,
    part: Part,
    (language, setting): (Language, &Setting),
    now: Timestamp,
) -> Card {
    let item = facts::item_facts(snapshot, line.product);
    let stations = &snapshot.picture.catalog.stations;
    let station = line.station.and_then(|id| stations.get(&id));
    let label = |id| values::name(language, &facts::label_of_station(snapshot, id)).into_owned();
    let (care, is_unstable) = alert.copied().unwrap_or_default();
    let said = care.and_then(|alert| alert.acknowledged.as_ref());
    Card {
        turn: format!("{}-{}", line.product.0, line.since.unix_ms()),
        standing: line.standing,
        is_off: station.is_some_and(|station| !station.active),
        is_doubtful: snapshot.doubt.as_ref().is_some_and(|doubt| doubt.ask.contains(&line.product)),
        name: values::name(language, &item.name).into_owned(),
        left: line.row.filter(|row| !row.is_out()).map(|row| values::quantity(language, row.limit)),
        station: line.station.filter(|_| part == Part::Venue && stations.len() > 1).map(label),
        since: line.since,
        since_local: values::time_beside(language, line.since, now, &setting.zone),
        others_on: item.others_on,
        care: said.map(|said| said.in_words(language, &setting.zone)),
        is_unstable,
    }
}

/// Counts what is out at stations that are not switched off.
pub fn count_out(snapshot: &Snapshot) -> usize {
    let catalog = &snapshot.picture.catalog;
    let is_off = |line: &Line| line.station.and_then(|id| catalog.stations.get(&id)).is_some_and(|it| !it.active);
    lines(snapshot).iter().filter(|line| line.standing == Standing::Out && !is_off(line)).count()
}

fn product_name(snapshot: &Snapshot, product: ProductId, language: Language) -> String {
    values::name(language, &facts::product_name(snapshot, product)).into_owned()
}

/// Says whether a list may no longer be relied on, so that everything on it is marked.
pub const fn is_unknown(freshness: Freshness) -> bool {
    match freshness {
        Freshness::Fresh | Freshness::Stale => false,
        Freshness::Blind => true,
    }
}
