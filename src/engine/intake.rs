//! What comes in becomes snapshots and changes: the venues of a brand, and readings of one of them.
//!
//! Never asks a rule. Invariant: a reading that says nothing new is not stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::alerts;
use crate::alerts::facts::{self, Facts};
use crate::alerts::lifecycle::Turn;
use crate::alerts::published::End;
use crate::alerts::set::SetFacts;
use crate::catalog::Venue;
use crate::engine::tell::Teller;
use crate::engine::{Commit, Engine, Stored};
use crate::snapshot::diff::{Change, diff};
use crate::snapshot::{Reading, Snapshot};
use crate::units::{Timestamp, VenueId};

impl Engine {
    /// Takes the venues that are watched from now on, and ends the alerts of those that are not.
    pub(super) fn take_venues(&self, venues: Vec<Venue>, commit: &mut Commit, teller: &mut Teller<'_>, now: Timestamp) {
        let listed: BTreeSet<VenueId> = venues.iter().map(|venue| venue.id).collect();
        commit.venues_gone = self.memory.venues.keys().filter(|id| !listed.contains(id)).copied().collect();
        for gone in commit.venues_gone.clone() {
            for turned in alerts::withdraw_all(&self.memory.book, &self.policy.rules, gone) {
                let snapshot = self.memory.venues.get(&gone).map(Arc::as_ref);
                let facts = facts::of_subject(&self.brand, &self.memory.access, snapshot, &turned.key.subject, now);
                let set = set_of(&turned.turn).or(facts.set);
                let facts = Facts { set, ..facts };
                commit.alerts.push(teller.tell_turn(turned, facts, End::Unwatched));
            }
        }
        for venue in venues {
            let id = venue.id;
            let next = match self.memory.venues.get(&id) {
                // A venue that is watched although no list shows it comes without its name; the known one stays.
                Some(known) if known.venue == venue || venue.name.is_empty() => continue,
                Some(known) => Snapshot { venue, ..known.as_ref().clone() },
                None => Snapshot::unread(venue).watched_from(now),
            };
            commit.venues.push(Arc::new(next));
            commit.stored.insert(id, Stored { snapshot: true, catalog: false });
        }
    }

    /// Returns the venues that were not read while the brand could not be: what kept them from being read is over, and
    /// nobody knows what becomes of each until it is tried.
    pub(super) fn watched_anew(&self, now: Timestamp) -> Vec<Arc<Snapshot>> {
        let unread = self.memory.venues.values().filter(|snapshot| snapshot.trouble.is_some());
        unread.map(|it| Arc::new(Snapshot { trouble: None, ..it.as_ref().clone() }.watched_from(now))).collect()
    }

    /// Folds a reading into what is known of its venue, and finds what it changes.
    pub(super) fn take_reading(&self, before: &Snapshot, reading: Reading, commit: &mut Commit, now: Timestamp) {
        let mut after = before.fold_within(reading, self.limits, now);
        if !after.picture.catalog.is_same_as(&before.picture.catalog) {
            let others = commit.venues.iter().chain(self.memory.venues.values());
            after.picture.catalog = after.picture.catalog.shared_with(others.map(|other| &other.picture.catalog));
        }
        let changes = diff(&before.picture, &after.picture);
        let stored = Stored {
            snapshot: !changes.is_empty() || !same_but_for_age(before, &after),
            catalog: !before.picture.catalog.is_same_as(&after.picture.catalog),
        };
        if stored.snapshot || stored.catalog {
            commit.stored.insert(after.id(), stored);
        }
        let news = changes.into_iter().filter(|change| is_news(change, before));
        commit.changes.extend(news.map(|change| (after.id(), change)));
        commit.gaps.extend(after.gap_until(now).map(|gap| (after.id(), gap)).filter(|_| after.gaps != before.gaps));
        commit.venues.push(Arc::new(after));
    }
}

/// Returns what was said last of the set whose alert ends.
fn set_of(turn: &Turn) -> Option<SetFacts> {
    match turn {
        Turn::Close(open, _) => open.set.clone(),
        Turn::Stay | Turn::Move(_) | Turn::Open { .. } => None,
    }
}

/// Says whether two snapshots differ in nothing that must survive a restart: age, trouble and doubt are read anew.
fn same_but_for_age(before: &Snapshot, after: &Snapshot) -> bool {
    let Snapshot {
        venue,
        picture: _,
        returned,
        outages,
        gaps,
        found_after_gap,
        paces,
        watched_since: _,
        first_read_at,
        read_at,
        followed_at: _,
        noted_at: _,
        changed_at,
        catalog_read_at,
        stations_read_at,
        prices_read_at,
        missing_products,
        missing_stations,
        unknown_products,
        doubt: _,
        trouble: _,
        seq,
    } = after;
    let first_time = |before: Option<Timestamp>, after: Option<Timestamp>| before.is_none() && after.is_some();
    *venue == before.venue
        && *returned == before.returned
        && *outages == before.outages
        && *gaps == before.gaps
        && *first_read_at == before.first_read_at
        && *found_after_gap == before.found_after_gap
        && (Arc::ptr_eq(paces, &before.paces) || *paces == before.paces)
        && *changed_at == before.changed_at
        && *missing_products == before.missing_products
        && *missing_stations == before.missing_stations
        && *unknown_products == before.unknown_products
        && *seq == before.seq
        && !first_time(before.read_at, *read_at)
        && !first_time(before.catalog_read_at, *catalog_read_at)
        && !first_time(before.stations_read_at, *stations_read_at)
        && !first_time(before.prices_read_at, *prices_read_at)
}

/// Says whether a change is one, or only the first sight of what was so already.
fn is_news(change: &Change, before: &Snapshot) -> bool {
    match change {
        Change::Row { .. } => before.read_at.is_some(),
        Change::Product { .. } => before.catalog_read_at.is_some(),
        Change::Station { .. } => before.stations_read_at.is_some(),
        Change::PriceList { .. } | Change::Price { .. } => before.prices_read_at.is_some(),
    }
}
