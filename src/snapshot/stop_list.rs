//! Stop lists that were read: which are believed at once, which wait for a second look, and what they change.
//!
//! Never touches the catalog. Invariant: a list that says what was accepted last changes nothing but age.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::StopEntry;
use crate::snapshot::pace::{self, Watch};
use crate::snapshot::{CLOCK_SLACK, Doubt, FreshnessLimits, Gap, Picture, Rows, Snapshot, StopRow, gap, outage};
use crate::units::{ProductId, Quantity, Timestamp};

/// A list that changes in at least this many rows at once needs a second look...
const DOUBT_ROWS_MIN: usize = 5;
/// ...when these rows are also at least half of the longer of the two lists.
const DOUBT_SHARE: usize = 2;
/// Two readings confirm each other only when they are this close: later ones may share a lasting fault.
const SECOND_LOOK_WITHIN: Duration = Duration::from_secs(10);
/// How many doubtful rows are asked for again: enough to tell a fault from a change, and short enough for a URL.
const SECOND_LOOK_ROWS: usize = 40;
/// Rows of Clopos can stay for weeks; a change time older than this is taken for a wrong clock.
const CHANGE_AGE_MAX: Duration = Duration::from_hours(400 * 24);

impl Snapshot {
    /// Adds what was known of products on which this reading is silent without meaning that they are free.
    pub(super) fn held_with(
        &self,
        mut entries: BTreeMap<ProductId, StopEntry>,
        unreadable: &[ProductId],
        whole: bool,
    ) -> BTreeMap<ProductId, StopEntry> {
        let is_held = |id: &ProductId| !whole || unreadable.contains(id);
        for (id, row) in self.picture.rows.iter().filter(|(id, _)| is_held(id)) {
            let known = StopEntry { product: *id, limit: row.limit, updated_at: row.updated_at };
            entries.entry(*id).or_insert(known);
        }
        entries
    }

    pub(super) fn fold_stop_list(
        &self,
        entries: &BTreeMap<ProductId, StopEntry>,
        limits: FreshnessLimits,
        now: Timestamp,
    ) -> Self {
        let changed = changed_products(&self.picture.rows, entries);
        let longer = self.picture.rows.len().max(entries.len());
        let is_first = self.read_at.is_none();
        // An empty list is also what a fault looks like; asking again for its few rows costs one request.
        let is_emptied = entries.is_empty() && !changed.is_empty();
        let is_upheaval = changed.len() >= DOUBT_ROWS_MIN && changed.len() * DOUBT_SHARE >= longer;
        let implausible = is_emptied || is_upheaval;
        if is_first || !implausible || self.is_confirmed_by(&changed, entries, now) {
            return self.accept(entries, limits, now);
        }
        let ask = changed.into_iter().take(SECOND_LOOK_ROWS).collect();
        Self { doubt: Some(Doubt { read_at: now, rows: entries.clone(), ask }), trouble: None, ..self.clone() }
    }

    /// Says whether an earlier doubtful reading said the same of these products, shortly before.
    pub(super) fn is_confirmed_by(
        &self,
        changed: &[ProductId],
        entries: &BTreeMap<ProductId, StopEntry>,
        now: Timestamp,
    ) -> bool {
        self.doubt.as_ref().is_some_and(|doubt| {
            now.since(doubt.read_at) <= SECOND_LOOK_WITHIN
                && changed.iter().all(|id| same_limit(doubt.rows.get(id), entries.get(id)))
        })
    }

    pub(super) fn fold_second_look(
        &self,
        asked: &[ProductId],
        rows: &BTreeMap<ProductId, StopEntry>,
        limits: FreshnessLimits,
        now: Timestamp,
    ) -> Self {
        let Some(doubt) = &self.doubt else { return self.clone() };
        let in_time = now.since(doubt.read_at) <= SECOND_LOOK_WITHIN;
        let answers_the_doubt = doubt.ask.iter().all(|id| asked.contains(id));
        let agrees = asked.iter().all(|id| same_limit(doubt.rows.get(id), rows.get(id)));
        if in_time && answers_the_doubt && agrees {
            self.accept(&doubt.rows, limits, now)
        } else {
            Self { doubt: None, ..self.clone() }
        }
    }

    pub(super) fn accept(
        &self,
        entries: &BTreeMap<ProductId, StopEntry>,
        limits: FreshnessLimits,
        now: Timestamp,
    ) -> Self {
        let rows = &self.picture.rows;
        let unchanged = rows.len() == entries.len()
            && rows.iter().zip(entries).all(|((id, row), (entry_id, entry))| {
                id == entry_id && row.limit == entry.limit && row.updated_at == entry.updated_at
            });
        if unchanged && self.read_at.is_some() {
            return self.accept_same(limits, now);
        }
        let joined =
            entries.values().map(|entry| (entry.product, join(rows.get(&entry.product), entry, now))).collect();
        let picture = Picture { rows: Arc::new(joined), catalog: self.picture.catalog.clone() };
        let returned = outage::returned_with(self, &picture.rows, now);
        let outages = outage::ended_with(self, &picture.rows, now);
        let paces = pace::follow(&self.paces, rows, &picture.rows, self.watch(limits, now), now);
        let read = self.read(gap::with_ended(self, || gap::differing(self, entries), limits, now), now);
        Self { picture, returned, outages, paces, changed_at: Some(now), seq: self.seq + 1, ..read }
    }

    /// Accepts a list that says what was known: no row is looked at, unless this process cannot know what happened since.
    pub(super) fn accept_same(&self, limits: FreshnessLimits, now: Timestamp) -> Self {
        let (rows, watch) = (&self.picture.rows, self.watch(limits, now));
        let is_followed = watch == Watch::Followed && self.read_at.is_some_and(|at| at <= now);
        let paces =
            if is_followed { Arc::clone(&self.paces) } else { pace::follow(&self.paces, rows, rows, watch, now) };
        Self { paces, ..self.read(gap::with_ended(self, BTreeSet::new, limits, now), now) }
    }

    /// Returns how closely the list was watched until now.
    pub(super) fn watch(&self, limits: FreshnessLimits, now: Timestamp) -> Watch {
        match (self.followed_at, self.read_at) {
            (Some(at), _) if now.since(at) >= limits.blind_after => Watch::Blind(at),
            (None, Some(at)) => Watch::Begun(at),
            (Some(_), _) | (None, None) => Watch::Followed,
        }
    }

    /// Returns the same knowledge, read now.
    pub(super) fn read(&self, (gaps, found_after_gap): (Vec<Gap>, BTreeSet<ProductId>), now: Timestamp) -> Self {
        // One that lies ahead is of a clock that was wrong then.
        let is_first = self.read_at.is_none() || self.first_read_at.is_some_and(|at| at > now.plus(CLOCK_SLACK));
        let first_read_at = if is_first { Some(now) } else { self.first_read_at };
        let read = Self { gaps, found_after_gap, first_read_at, read_at: Some(now), ..self.clone() };
        Self { followed_at: Some(now), doubt: None, trouble: None, ..read }
    }
}

pub(super) fn by_product(entries: &[StopEntry]) -> BTreeMap<ProductId, StopEntry> {
    let mut rows = BTreeMap::new();
    for entry in entries {
        let newest: &mut StopEntry = rows.entry(entry.product).or_insert(*entry);
        // The same instant twice leaves no newest; the smaller limit is the one that must not be missed.
        if (entry.updated_at, std::cmp::Reverse(entry.limit)) > (newest.updated_at, std::cmp::Reverse(newest.limit)) {
            *newest = *entry;
        }
    }
    rows
}

/// Returns the products that came, went, ran out or returned between the two lists; a countdown is no such change.
fn changed_products(rows: &Rows, entries: &BTreeMap<ProductId, StopEntry>) -> Vec<ProductId> {
    let is_out = |entry: &StopEntry| entry.limit <= Quantity::ZERO;
    let turned = rows.iter().filter(|(id, row)| entries.get(id).map(is_out) != Some(row.is_out()));
    let came = entries.keys().filter(|id| !rows.contains_key(id));
    let mut changed: Vec<ProductId> = turned.map(|(id, _)| *id).chain(came.copied()).collect();
    changed.sort_unstable();
    changed
}

fn same_limit(one: Option<&StopEntry>, other: Option<&StopEntry>) -> bool {
    one.map(|entry| entry.limit <= Quantity::ZERO) == other.map(|entry| entry.limit <= Quantity::ZERO)
}

fn join(before: Option<&StopRow>, entry: &StopEntry, now: Timestamp) -> StopRow {
    let is_out = entry.limit <= Quantity::ZERO;
    match before {
        Some(row) if row.limit == entry.limit && row.updated_at == entry.updated_at => *row,
        Some(row) if row.is_out() == is_out => StopRow { limit: entry.limit, updated_at: entry.updated_at, ..*row },
        Some(_) | None => {
            let is_sane = |at: &Timestamp| *at <= now && now.since(*at) <= CHANGE_AGE_MAX;
            let since = entry.updated_at.filter(is_sane).unwrap_or(now);
            StopRow { limit: entry.limit, updated_at: entry.updated_at, since, seen_at: now }
        }
    }
}
