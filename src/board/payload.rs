//! The published JSON of the feed's state topics.
//!
//! A contract with other people's screens (style 16): fields are added, never renamed. Numbers may be fractional.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::alerts::facts;
use crate::alerts::hold::Hold;
use crate::alerts::lifecycle::OpenAlert;
use crate::alerts::published::{EPISODE, PublishedAck, PublishedSet};
use crate::board::scene::Scene;
use crate::board::{LIST_BYTES_MAX, Line, Setting, Standing, freshness_word};
use crate::calendar::business_day;
use crate::rules::Severity;
use crate::schema::{Instant, Payload, Version, Word, Words};
use crate::snapshot::{Freshness, FreshnessLimits, Snapshot};
use crate::units::{Quantity, printable};

/// What a narrow screen shows of a name.
const SHORT_NAME_LENGTH: usize = 12;
/// What `hh:mm` looks like.
const TIME_OF_DAY: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";

/// What the list of a venue or of a station looks like.
pub const LIST: Payload = Payload::written::<List<'_>>("feed-list", "The stop list of a venue or of a station");
/// What one product looks like.
pub const PRODUCT: Payload = Payload::written::<Product<'_>>("feed-product", "One product of a stop list");
/// What `status` looks like.
pub const STATUS: Payload =
    Payload::written::<Status<'_>>("feed-status", "How far the lists of a venue can be trusted");
/// What one open alert looks like.
pub const ALERT: Payload = Payload::written::<Alert<'_>>("feed-alert", "One open alert");

/// The whole stop list of a venue, or what one of its stations prepares of it.
#[derive(Serialize, JsonSchema)]
struct List<'a> {
    /// The version of the payload.
    v: Version,
    /// The start of the process that published it, as in `bridge/info`.
    boot: &'a str,
    /// Grows by one with each change of the venue's list, and goes on over restarts.
    seq: u64,
    /// The slug of the brand.
    brand: &'a str,
    /// The id of the venue at Clopos.
    venue: u64,
    /// Its name.
    venue_name: String,
    /// The time zone of the configuration, by its IANA name; `since_local` and `business_day` count in it.
    tz: &'a str,
    /// When the list was last seen to change; null when it never did.
    changed_at: Option<Instant>,
    /// The business day of `changed_at`; null when that is.
    #[schemars(extend("format" = "date"))]
    business_day: Option<String>,
    /// True when the list would have been longer than 64 KiB and its last items were left out.
    truncated: bool,
    /// How many items are in each state, those that were left out among them.
    counts: Counts,
    /// The items by station, then `out`, `low`, `limited`, then the newest first: a simple screen can print them as they are.
    #[schemars(with = "Vec<Item>")]
    items: Vec<&'a RawValue>,
}

/// How many items of a list are in each state.
#[derive(Serialize, JsonSchema, Clone, Copy)]
struct Counts {
    /// Nothing is left of them.
    out: usize,
    /// They are at or below their threshold.
    low: usize,
    /// They are counted, but enough.
    limited: usize,
}

/// What stands before the item in the topic of a product.
#[derive(Serialize, JsonSchema)]
struct ProductHead<'a> {
    /// The version of the payload.
    v: Version,
    /// The start of the process that published it, as in `bridge/info`.
    boot: &'a str,
    /// The `seq` of a list that said so: a later list in which this product stands as before does not publish it again.
    seq: u64,
    /// The slug of the brand.
    brand: &'a str,
    /// The id of the venue at Clopos.
    venue: u64,
}

/// One product that is limited, or that came back today.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it is written as text, from both of its parts: see `product`")]
struct Product<'a> {
    #[schemars(flatten)]
    head: ProductHead<'a>,
    #[schemars(flatten)]
    item: Item,
}

/// A product or variant of a stop list.
#[derive(Serialize, JsonSchema)]
struct Item {
    /// The id of the product or variant at Clopos.
    id: u64,
    /// Its full name, at most 80 characters; `#332 (not in catalog)` when it is not known yet.
    name: String,
    /// At most 12 characters of it.
    short: String,
    /// The product of which it is a variant; null when it is none.
    parent: Option<u64>,
    /// The station that prepares it; null when none does.
    station: Option<u64>,
    /// Its category; null when it has none.
    category: Option<u64>,
    /// How it stands. `out`: nothing is left; `low`: at or below the threshold, or 5 where it has none; `limited`: counted, but
    /// enough; `on`: back on sale today, in the topic of the product only.
    state: Word<Standing>,
    /// What is left to sell: pieces, or kilograms when sold by weight; negative when more was sold; null when it is on sale.
    limit: Option<f64>,
    /// Its threshold, in the unit of `limit`; null when it has none.
    low_at: Option<f64>,
    /// Since when it has been out, or limited, by Clopos's own time where that is sane; for `on`, since when it is back.
    since: Instant,
    /// The same on the clock of `tz`, as `hh:mm`.
    #[schemars(extend("pattern" = TIME_OF_DAY))]
    since_local: String,
    /// When a reading first showed it so; null when it is on sale.
    seen_at: Option<Instant>,
    /// Names of the sibling variants that are still on sale.
    others_on: Vec<String>,
}

impl Words for Standing {
    const VALUES: &'static [Self] = &[Self::Out, Self::Low, Self::Limited, Self::On];

    fn word(self) -> &'static str {
        self.word()
    }
}

/// How far the lists of a venue can be trusted. It tells no time: compare `valid_until` with a clock of your own.
#[derive(Serialize, JsonSchema)]
struct Status<'a> {
    /// The version of the payload.
    v: Version,
    /// The start of the process that published it, as in `bridge/info`.
    boot: &'a str,
    /// `fresh`; `stale`: older than it should be; `blind`: much older, or never read. The lists stay as they are.
    state: Word<Freshness>,
    /// When the stop list was last read, null when never; told again once a newer reading is 5 s newer.
    as_of: Option<Instant>,
    /// Until when this reading is fresh; null when the list was never read.
    valid_until: Option<Instant>,
    /// The `seq` of the newest list: one that is ahead of yours is on its way.
    stop_seq: u64,
    /// Why it is not fresh, for people; null when it is.
    reason: Option<String>,
}

impl Words for Freshness {
    const VALUES: &'static [Self] = &[Self::Fresh, Self::Stale, Self::Blind];

    fn word(self) -> &'static str {
        freshness_word(self)
    }
}

/// One open alert about an item, a set of items, a station or the venue, whoever is told of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OpenAlert")]
struct Alert<'a> {
    /// The version of the payload.
    v: Version,
    /// The start of the process that published it, as in `bridge/info`.
    boot: &'a str,
    /// The slug of the brand.
    brand: &'a str,
    /// The id of the venue at Clopos.
    venue: u64,
    /// Its name.
    venue_name: String,
    /// Identifies the alert from its opening to its closing, here and in events.
    #[schemars(extend("pattern" = EPISODE))]
    episode: &'a str,
    /// How bad it is, by the rule.
    severity: Word<Severity>,
    /// The item, set of items, station or venue, by name.
    about: &'a str,
    /// The sentence that was told, in the language of the configuration's `locale`.
    message: &'a str,
    /// The station that is concerned; null when none is.
    station: Option<u64>,
    /// The set and its members that hold now, of a rule with `at_least`; null of any other.
    set: Option<PublishedSet<'a>>,
    /// Since when it has been so.
    since: Instant,
    /// When the alert opened.
    opened_at: Instant,
    /// True when it no longer holds, but not yet for as long as the rule's `clear_for`, or as long as an unstable one waits.
    clearing: bool,
    /// True when it goes on and off: it is closed only when it is calm.
    unstable: bool,
    /// Who takes care of it; null while nobody does.
    ack: Option<PublishedAck<'a>>,
    /// True while a silence keeps it from somebody who would be told.
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
            v: Version,
            boot: &setting.boot,
            seq: snapshot.seq,
            brand: brand.as_str(),
            venue: snapshot.id().0,
            venue_name: facts::venue_name(snapshot),
            tz: setting.zone.name(),
            changed_at: snapshot.changed_at.map(Instant),
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
    let head = ProductHead {
        v: Version,
        boot: &setting.boot,
        seq: snapshot.seq,
        brand: brand.as_str(),
        venue: snapshot.id().0,
    };
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
        v: Version,
        boot: &setting.boot,
        state: Word(freshness),
        as_of: snapshot.read_at.map(Instant),
        valid_until: snapshot.read_at.map(|at| Instant(at.plus(limits.stale_after))),
        stop_seq: snapshot.seq,
        reason,
    })
}

/// Renders one open alert.
pub(super) fn alert(scene: &Scene, alert: &OpenAlert) -> String {
    let Scene { brand, snapshot, setting, .. } = scene;
    json(&Alert {
        v: Version,
        boot: &setting.boot,
        brand: brand.as_str(),
        venue: snapshot.id().0,
        venue_name: facts::venue_name(snapshot),
        episode: alert.episode.as_str(),
        severity: Word(alert.severity),
        about: &alert.label,
        message: alert.message.in_language(setting.language),
        station: alert.station.map(|id| id.0),
        set: alert.set.as_ref().map(PublishedSet::of),
        since: Instant(alert.since),
        opened_at: Instant(alert.opened_at),
        clearing: alert.clear_since.is_some(),
        unstable: alert.unstable_since.is_some(),
        ack: alert.acknowledged.as_ref().map(PublishedAck::of),
        silenced: alert.held.values().any(|hold| matches!(hold, Hold::Silence(_))),
    })
}

fn item(snapshot: &Snapshot, line: &Line, setting: &Setting) -> Item {
    let facts = facts::item_facts(snapshot, line.product);
    let limit = line.row.map(|row| row.limit.as_f64());
    Item {
        id: line.product.0,
        short: printable(&facts.name, SHORT_NAME_LENGTH),
        name: facts.name,
        parent: facts.parent.map(|id| id.0),
        station: line.station.map(|id| id.0),
        category: facts.category.map(|id| id.0),
        state: Word(line.standing),
        limit,
        low_at: facts.low_stock.map(Quantity::as_f64),
        since: Instant(line.since),
        since_local: line.since.local_time(&setting.zone),
        seen_at: line.row.map(|row| Instant(row.seen_at)),
        others_on: facts.others_on,
    }
}

/// Writes a payload.
pub(super) fn json(payload: &impl Serialize) -> String {
    // Every map key is a field name and every number finite, so there is nothing that JSON cannot hold.
    serde_json::to_string(payload).unwrap_or_default()
}
