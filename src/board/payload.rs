//! The published JSON of the feed's state topics.
//!
//! A contract with other people's screens (style 16): fields are added, never renamed. Numbers may be fractional.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::alerts::facts;
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::OpenAlert;
use crate::alerts::published::{PublishedAck, PublishedSet};
use crate::board::scene::Scene;
use crate::board::{LIST_BYTES_MAX, Line, Setting, Standing, freshness_word};
use crate::calendar::business_day;
use crate::snapshot::{Freshness, FreshnessLimits, Snapshot};
use crate::units::{Quantity, Timestamp, printable};

/// What a narrow screen shows of a name.
const SHORT_NAME_LENGTH: usize = 12;

#[derive(Serialize)]
struct List<'a> {
    v: u32,
    boot: &'a str,
    seq: u64,
    brand: &'a str,
    venue: u64,
    venue_name: String,
    tz: &'a str,
    changed_at: Option<String>,
    business_day: Option<String>,
    truncated: bool,
    counts: Counts,
    items: Vec<&'a RawValue>,
}

#[derive(Serialize, Clone, Copy)]
struct Counts {
    out: usize,
    low: usize,
    limited: usize,
}

/// What stands before the item in the topic of a product.
#[derive(Serialize)]
struct ProductHead<'a> {
    v: u32,
    boot: &'a str,
    seq: u64,
    brand: &'a str,
    venue: u64,
}

#[derive(Serialize)]
struct Item {
    id: u64,
    name: String,
    short: String,
    parent: Option<u64>,
    station: Option<u64>,
    category: Option<u64>,
    state: &'static str,
    limit: Option<f64>,
    low_at: Option<f64>,
    since: String,
    since_local: String,
    seen_at: Option<String>,
    others_on: Vec<String>,
}

#[derive(Serialize)]
struct Status<'a> {
    v: u32,
    boot: &'a str,
    state: &'static str,
    as_of: Option<String>,
    valid_until: Option<String>,
    stop_seq: u64,
    reason: Option<String>,
}

#[derive(Serialize)]
struct Alert<'a> {
    v: u32,
    boot: &'a str,
    brand: &'a str,
    venue: u64,
    venue_name: String,
    episode: &'a str,
    severity: &'static str,
    about: &'a str,
    message: &'a str,
    station: Option<u64>,
    set: Option<PublishedSet<'a>>,
    since: String,
    opened_at: String,
    clearing: bool,
    unstable: bool,
    ack: Option<PublishedAck<'a>>,
    silenced: bool,
}

/// A line and its item, rendered once for all topics that are drawn together.
pub(super) struct Drawn {
    pub(super) line: Line,
    /// An object with one member at least.
    item: Box<RawValue>,
}

/// Renders the item of a line.
pub(super) fn draw(scene: &Scene, line: Line) -> Drawn {
    // Every map key is a field name and every number finite, so there is nothing that JSON cannot hold.
    let item = serde_json::value::to_raw_value(&item(&scene.snapshot, &line, &scene.setting)).unwrap_or_default();
    Drawn { line, item }
}

impl Drawn {
    /// Returns what is said of the product alone.
    pub(super) fn item(&self) -> &str {
        self.item.get()
    }
}

/// Renders a list; one that would be longer than [`LIST_BYTES_MAX`] keeps its counts and drops its last items.
pub(super) fn list(scene: &Scene, lines: &[&Drawn]) -> String {
    let Scene { brand, snapshot, setting, .. } = scene;
    let count = |standing: Standing| lines.iter().filter(|drawn| drawn.line.standing == standing).count();
    let counts = Counts { out: count(Standing::Out), low: count(Standing::Low), limited: count(Standing::Limited) };
    let mut shown = lines.len();
    loop {
        let body = json(&List {
            v: 1,
            boot: &setting.boot,
            seq: snapshot.seq,
            brand: brand.as_str(),
            venue: snapshot.id().0,
            venue_name: facts::venue_name(snapshot),
            tz: setting.zone.name(),
            changed_at: snapshot.changed_at.map(|at| at.to_string()),
            business_day: snapshot.changed_at.map(|at| business_day(at, &setting.zone, setting.day_starts).to_string()),
            truncated: shown < lines.len(),
            counts,
            items: lines[..shown].iter().map(|drawn| &*drawn.item).collect(),
        });
        if body.len() <= LIST_BYTES_MAX || shown == 0 {
            return body;
        }
        // Three quarters at a time: few rounds, and at least half of what would fit is shown.
        shown = shown * 3 / 4;
    }
}

/// Renders one constrained product, or one that is back.
pub(super) fn product(scene: &Scene, drawn: &Drawn) -> String {
    let Scene { brand, snapshot, setting, .. } = scene;
    let head =
        ProductHead { v: 1, boot: &setting.boot, seq: snapshot.seq, brand: brand.as_str(), venue: snapshot.id().0 };
    // One object of both.
    format!("{},{}", json(&head).trim_end_matches('}'), drawn.item().trim_start_matches('{'))
}

/// Renders how fresh the lists are. It holds no clock reading of its own: a screen compares `valid_until` with its own.
pub(super) fn status(scene: &Scene, limits: FreshnessLimits) -> String {
    let Scene { snapshot, setting, now, .. } = scene;
    let freshness = snapshot.freshness(limits, *now);
    let reason = match (freshness, &snapshot.trouble) {
        (Freshness::Fresh, _) => None,
        (Freshness::Stale | Freshness::Blind, Some(trouble)) => Some(printable(&trouble.why, 200)),
        (Freshness::Stale | Freshness::Blind, None) if snapshot.doubt.is_some() => {
            Some("the last list differs implausibly and waits for a second look".to_owned())
        }
        (Freshness::Stale | Freshness::Blind, None) => Some("not read".to_owned()),
    };
    json(&Status {
        v: 1,
        boot: &setting.boot,
        state: freshness_word(freshness),
        as_of: snapshot.read_at.map(|at| at.to_string()),
        valid_until: snapshot.read_at.map(|at| at.plus(limits.stale_after).to_string()),
        stop_seq: snapshot.seq,
        reason,
    })
}

/// Renders one open alert.
pub(super) fn alert(scene: &Scene, alert: &OpenAlert) -> String {
    let Scene { brand, snapshot, setting, .. } = scene;
    json(&Alert {
        v: 1,
        boot: &setting.boot,
        brand: brand.as_str(),
        venue: snapshot.id().0,
        venue_name: facts::venue_name(snapshot),
        episode: alert.episode.as_str(),
        severity: alert.severity.word(),
        about: &alert.label,
        message: alert.message.in_language(setting.language),
        station: alert.station.map(|id| id.0),
        set: alert.set.as_ref().map(PublishedSet::of),
        since: alert.since.to_string(),
        opened_at: alert.opened_at.to_string(),
        clearing: alert.clear_since.is_some(),
        unstable: alert.unstable_since.is_some(),
        ack: alert.acknowledged.as_ref().map(PublishedAck::of),
        silenced: alert.held.values().any(|hold| matches!(hold, Hold::Silence(_))),
    })
}

fn item(snapshot: &Snapshot, line: &Line, setting: &Setting) -> Item {
    let facts = facts::item_facts(snapshot, line.product);
    let limit = line.row.map(|row| row.limit.as_f64());
    let seen_at: Option<Timestamp> = line.row.map(|row| row.seen_at);
    Item {
        id: line.product.0,
        short: printable(&facts.name, SHORT_NAME_LENGTH),
        name: facts.name,
        parent: facts.parent.map(|id| id.0),
        station: line.station.map(|id| id.0),
        category: facts.category.map(|id| id.0),
        state: line.standing.word(),
        limit,
        low_at: facts.low_stock.map(Quantity::as_f64),
        since: line.since.to_string(),
        since_local: line.since.local_time(&setting.zone),
        seen_at: seen_at.map(|at| at.to_string()),
        others_on: facts.others_on,
    }
}

fn json(payload: &impl Serialize) -> String {
    // Every map key is a field name and every number finite, so there is nothing that JSON cannot hold.
    serde_json::to_string(payload).unwrap_or_default()
}
