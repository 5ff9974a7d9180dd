//! What the history says of a week at one venue: how long each item was off while the doors were open.
//!
//! Counts nothing that nobody read: an hour without a reading is no hour on stop and none off it. Invariant, tested: the
//! times are those that counting minute by minute gives.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::calendar::{Calendar, Span, Week};
use crate::snapshot::recipes;
use crate::snapshot::{Freshness, FreshnessLimits, Rows, Snapshot, StopRow};
use crate::units::{ProductId, Timestamp};

/// A week counts as read, and can be compared with another, when no more than one part in so many of it was missed.
const MISSED_SHARE_MAX: u32 = 10;
/// What was off for all but one part in so many of what was read was off nearly all week.
const ON_SHARE_MAX: u32 = 10;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

/// A line of the history with which an item ran out or came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The product or variant.
    pub product: ProductId,
    /// When a reading showed it.
    pub at: Timestamp,
    /// Since when it had been seen to be out, if it was.
    pub out_before: Option<Timestamp>,
    /// Whether it was out from then on.
    pub is_out: bool,
}

/// What the history holds of a venue.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct History {
    /// The oldest line that is kept: the venue was watched by then.
    pub begins: Option<Timestamp>,
    /// What ran out and came back from the instant on that was asked for, in the order in which it happened.
    pub turns: Vec<Turn>,
    /// When nobody read the list, in order.
    pub unread: Vec<Stretch>,
    /// There are more lines than are read of a venue, so that something is missing.
    pub is_cut: bool,
}

impl History {
    /// Lines of a venue that are read for its week: a busy one has some thousand in two weeks, countdowns among them.
    pub const LINES_MAX: usize = 100_000;
}

/// How long an item was off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemWeek {
    /// The product or variant.
    pub product: ProductId,
    /// The time off that counts.
    pub off: Duration,
    /// How many times it was off in that time.
    pub stops: usize,
    /// The longest of them.
    pub longest: Duration,
}

/// What is said of a week at one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueWeek {
    /// How long the doors were open, or the week itself where nobody knows.
    pub served: Duration,
    /// Whether hours are written down.
    pub has_hours: bool,
    /// How much of `served` the list is known of: the rest is not counted.
    pub read: Duration,
    /// How much of `served` nobody read the list, from the first reading on.
    pub missed: Duration,
    /// When the list was read first, if that was in the week.
    pub known_from: Option<Timestamp>,
    /// What was off and can be sold, the longest first.
    pub items: Vec<ItemWeek>,
    /// How many items were off that guests cannot order anyway.
    pub not_sold: usize,
    /// The time off in the week before, where both can be compared.
    pub before: Option<Duration>,
    /// Something is missing, since the history is longer than what is read of it.
    pub is_cut: bool,
}

impl VenueWeek {
    /// Returns how long the items were off, all of them together.
    pub fn off(&self) -> Duration {
        self.items.iter().map(|item| item.off).sum()
    }

    /// Returns how many times something was off.
    pub fn stops(&self) -> usize {
        self.items.iter().map(|item| item.stops).sum()
    }

    /// Says whether an item was off for nearly all of a week of which most is known.
    pub fn is_nearly_always(&self, item: &ItemWeek) -> bool {
        let on = self.read.saturating_sub(item.off);
        on * ON_SHARE_MAX <= self.read && self.served <= self.read * 2
    }

    /// Says whether the list was read while the doors were open, all the week.
    pub fn is_known(&self) -> bool {
        self.read == self.served && !self.is_cut
    }
}

/// Weighs a week at a venue. `snapshot` is of the moment at which the history was read.
pub fn weigh(
    week: &Week,
    calendar: &Calendar,
    snapshot: &Snapshot,
    limits: FreshnessLimits,
    history: &History,
    now: Timestamp,
) -> VenueWeek {
    // What ends ahead is of a clock that was wrong then.
    let mut unread: Vec<Stretch> = history.unread.iter().copied().filter(|gap| gap.until <= now).collect();
    // Nothing of what is unread at present is in the history yet.
    let is_unread = snapshot.freshness(limits, now) != Freshness::Fresh;
    unread.extend(snapshot.read_at.filter(|_| is_unread).map(|from| Stretch { from, until: now }));
    unread.sort_by_key(|stretch| stretch.from);
    let stretches = stretches_off(&history.turns, &snapshot.picture.rows, now);
    let known_from = known_from(snapshot, history, &stretches, now);
    let watched = |from: Timestamp, until: Timestamp| {
        let open = open(calendar, Stretch { from, until });
        let known = known_from.map(|known_from| Stretch { from: known_from.max(from), until });
        let watched = known.map(|known| within(&open, known)).unwrap_or_default();
        (length(&open), watched)
    };
    let (served, watched_now) = watched(week.from, week.until);
    let (served_before, watched_before) = watched(week.before, week.from);
    let (read, read_before) = (without(&watched_now, &unread), without(&watched_before, &unread));
    let is_sold = |id: &ProductId| is_sold(snapshot, *id);
    let mut items: Vec<ItemWeek> = stretches.iter().filter_map(|(id, off)| item(*id, off, &read)).collect();
    let all = items.len();
    items.retain(|item| is_sold(&item.product));
    items.sort_by_key(|item| (std::cmp::Reverse(item.off), item.product));
    let not_sold = all - items.len();
    let off_before = || {
        let items = stretches.iter().filter(|(id, _)| is_sold(id));
        items.filter_map(|(id, off)| item(*id, off, &read_before)).map(|item| item.off).sum()
    };
    let was_read = |read: &[Stretch], served: Duration| {
        served > Duration::ZERO && served.saturating_sub(length(read)) * MISSED_SHARE_MAX <= served
    };
    let is_comparable = was_read(&read, served) && was_read(&read_before, served_before) && !history.is_cut;
    VenueWeek {
        served,
        has_hours: calendar.has_hours(),
        read: length(&read),
        missed: length(&watched_now).saturating_sub(length(&read)),
        known_from: known_from.filter(|at| *at > week.from),
        items,
        not_sold,
        before: is_comparable.then(off_before),
        is_cut: history.is_cut,
    }
}

/// Says whether guests can order an item. What is hidden or deleted stays on a stop list for months, and nobody misses it;
/// what only the kitchen uses, and a product of which only the variants are sold, would count beside what is sold.
fn is_sold(snapshot: &Snapshot, id: ProductId) -> bool {
    let products = &snapshot.picture.catalog.products;
    let Some(product) = products.get(&id) else { return snapshot.catalog_read_at.is_none() };
    let parent = product.parent.and_then(|parent| products.get(&parent));
    recipes::is_on_menu(product) && parent.is_none_or(|parent| parent.active && !parent.hidden)
}

/// Returns when the list was read first, or by when it surely was, where that was not kept: the oldest thing that is known.
fn known_from(
    snapshot: &Snapshot,
    history: &History,
    off: &BTreeMap<ProductId, Vec<Stretch>>,
    now: Timestamp,
) -> Option<Timestamp> {
    let read_at = snapshot.read_at?;
    // What lies ahead is of a clock that was wrong then.
    let seen = off.values().flatten().map(|stretch| stretch.from).chain(history.begins).chain(snapshot.changed_at);
    let first = snapshot.first_read_at.filter(|at| *at <= now);
    first.or_else(|| seen.chain([read_at]).filter(|at| *at <= now).min())
}

/// Returns when each item was off, in order.
///
/// Between two lines an item is what both say of it; where they disagree the venue was not watched in between. What was
/// so before the first line, that line says, and the present list what is so since the last.
fn stretches_off(turns: &[Turn], rows: &Rows, now: Timestamp) -> BTreeMap<ProductId, Vec<Stretch>> {
    let mut off: BTreeMap<ProductId, Vec<Stretch>> = BTreeMap::new();
    let mut add = |product: ProductId, from: Timestamp, until: Timestamp| {
        if from < until {
            off.entry(product).or_default().push(Stretch { from, until });
        }
    };
    let mut last: BTreeMap<ProductId, Turn> = BTreeMap::new();
    for turn in turns {
        match (last.insert(turn.product, *turn), turn.out_before) {
            (None, Some(since)) => add(turn.product, since, turn.at),
            (Some(before), Some(_)) if before.is_out => add(turn.product, before.at, turn.at),
            (None | Some(_), None) | (Some(_), Some(_)) => {}
        }
    }
    for (product, row) in rows.iter().filter(|(_, row)| row.is_out()) {
        let from = last.get(product).map_or(row.seen_at, |turn| turn.at.max(row.seen_at));
        add(*product, from, now);
    }
    // A clock that was set back between two lines leaves them in another order, or one upon the other.
    for stretches in off.values_mut() {
        stretches.sort_by_key(|stretch| stretch.from);
        *stretches = joined(stretches);
    }
    off
}

/// Returns what an item was off of the time that counts.
fn item(product: ProductId, off: &[Stretch], read: &[Stretch]) -> Option<ItemWeek> {
    let times = off.iter().map(|stretch| length(&within(read, *stretch))).filter(|time| *time > Duration::ZERO);
    let times: Vec<Duration> = times.collect();
    let (off, longest) = (times.iter().sum(), times.iter().max().copied()?);
    Some(ItemWeek { product, off, stops: times.len(), longest })
}

/// Returns when the doors were open within a stretch; all of it where nobody knows.
fn open(calendar: &Calendar, stretch: Stretch) -> Vec<Stretch> {
    let spans = calendar.open_between(stretch.from, stretch.until);
    let opened = |spans: Vec<Span>| spans.iter().map(|span| Stretch { from: span.start, until: span.end }).collect();
    spans.map_or_else(|| vec![stretch], opened)
}

/// Returns the parts of stretches that lie in one.
fn within(stretches: &[Stretch], one: Stretch) -> Vec<Stretch> {
    let part = |it: &Stretch| Stretch { from: it.from.max(one.from), until: it.until.min(one.until) };
    stretches.iter().map(part).filter(|part| part.from < part.until).collect()
}

/// Returns the parts of stretches that lie in none of the gaps; both are in order.
fn without(stretches: &[Stretch], gaps: &[Stretch]) -> Vec<Stretch> {
    let mut left = Vec::new();
    for stretch in stretches {
        let mut from = stretch.from;
        for gap in within(gaps, *stretch) {
            if from < gap.from {
                left.push(Stretch { from, until: gap.from });
            }
            from = from.max(gap.until);
        }
        if from < stretch.until {
            left.push(Stretch { from, until: stretch.until });
        }
    }
    left
}

/// Joins stretches that have a minute in common; they are in the order of their beginnings.
fn joined(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut joined: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for stretch in stretches {
        match joined.last_mut() {
            Some(last) if stretch.from < last.until => last.until = last.until.max(stretch.until),
            Some(_) | None => joined.push(*stretch),
        }
    }
    joined
}

fn length(stretches: &[Stretch]) -> Duration {
    stretches.iter().map(|stretch| stretch.until.since(stretch.from)).sum()
}

impl Turn {
    /// Makes a turn of a changed row; `None` of a countdown, with which nothing ran out or came back.
    pub fn of(product: ProductId, at: Timestamp, before: Option<&StopRow>, after: Option<&StopRow>) -> Option<Self> {
        let is_out = after.is_some_and(StopRow::is_out);
        let out_before = before.filter(|row| row.is_out()).map(|row| row.seen_at);
        (is_out != out_before.is_some()).then_some(Self { product, at, out_before, is_out })
    }
}

#[cfg(test)]
mod tests;
