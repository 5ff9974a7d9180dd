//! Drives the engine of one brand over its history: a reading at every change, and where time alone turns something.
//!
//! Every venue is read when something of it is due and not in between: that it was read all the while is taken for
//! granted. Decides nothing about rules. Invariant: time never runs back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::group::{Group, GroupKey, waiting_for};
use crate::alerts::lifecycle::{self, Alert};
use crate::alerts::notice::ReceiverName;
use crate::alerts::{AlertKey, timing};
use crate::catalog::{PriceList, Station, StopEntry};
use crate::engine::{Commit, Engine, Input, Memory, Policy, REEVALUATE_EVERY};
use crate::replay::told::Told;
use crate::replay::turns::Turns;
use crate::snapshot::diff::{Change, follows};
use crate::snapshot::{Access, FreshnessLimits, Reading, Snapshot, again};
use crate::units::{BrandId, Money, PriceListId, ProductId, Timestamp, VenueId};

/// The prices of lists.
type Prices = BTreeMap<(PriceListId, ProductId), Money>;

/// What falls due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A rule or an alert of a venue turns by time alone.
    Venue(VenueId),
    /// An alert about a product over the venues does.
    Venues,
    /// A mail to somebody has waited for its burst, and for its turn.
    Mails(ReceiverName),
}

/// A brand, its engine and the time.
pub(super) struct Player {
    pub(super) engine: Engine,
    policy: Arc<Policy>,
    turns: Turns,
    due: BTreeSet<(Timestamp, Due)>,
    due_at: BTreeMap<Due, Timestamp>,
    /// Changes of one instant, which one reading showed.
    waiting: Vec<(VenueId, Change)>,
    now: Timestamp,
}

impl Player {
    /// Opens the venues, with everything read once.
    pub(super) fn open<'a>(
        brand: &BrandId,
        policy: Arc<Policy>,
        venues: impl Iterator<Item = &'a Snapshot>,
        begins: Timestamp,
        told: &mut Told,
    ) -> Self {
        let read = |snapshot: &Snapshot| Snapshot {
            venue: snapshot.venue.clone(),
            picture: snapshot.picture.clone(),
            read_at: Some(begins),
            catalog_read_at: Some(begins),
            stations_read_at: Some(begins),
            prices_read_at: Some(begins),
            ..Snapshot::unread(snapshot.venue.clone())
        };
        let venues: BTreeMap<VenueId, _> = venues.map(|known| (known.id(), Arc::new(read(known)))).collect();
        let ids: Vec<VenueId> = venues.keys().copied().collect();
        let memory = Memory { access: Access::Granted, venues, ..Memory::default() };
        let turns = Turns::of(&policy.rules);
        // Nothing of the history says how old a reading was.
        let engine = Engine::new(brand.clone(), Arc::clone(&policy), FreshnessLimits::NONE, memory);
        let (due, due_at, waiting) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
        let mut player = Self { engine, policy, turns, due, due_at, waiting, now: begins };
        for venue in ids {
            player.read(venue, &BTreeMap::new(), told);
        }
        player
    }

    /// Takes a change; it is lived when the next one comes that is not of its instant.
    pub(super) fn meet(&mut self, venue: VenueId, change: &Change, at: Timestamp, told: &mut Told) {
        if !self.engine.memory().venues.contains_key(&venue) {
            return told.lacks_venue(self.engine.brand(), venue);
        }
        if at > self.now {
            self.live_waiting(told);
            self.live_until(at, told);
        }
        self.waiting.push((venue, change.clone()));
    }

    /// Lives what is left until the end.
    pub(super) fn end(&mut self, ends: Timestamp, told: &mut Told) {
        self.live_waiting(told);
        self.live_until(ends.plus(Duration::from_millis(1)), told);
    }

    /// Lets time pass, with everything that falls due before `until`: a change of that instant is read first.
    fn live_until(&mut self, until: Timestamp, told: &mut Told) {
        while let Some((at, due)) = self.due.first().filter(|(at, _)| *at < until).cloned() {
            self.now = at.max(self.now);
            self.set_due(due.clone(), None);
            match due {
                Due::Venue(venue) => self.look(venue, told),
                Due::Venues => {
                    self.take(Input::Tick, told);
                }
                Due::Mails(receiver) => self.send(&receiver, told),
            }
        }
        self.now = until;
    }

    /// Sends what waits for a receiver and may go out now. The mails are counted and not written: what they would say matters
    /// to nobody here.
    fn send(&mut self, receiver: &ReceiverName, told: &mut Told) {
        let memory = self.engine.memory();
        let Some(route) = self.policy.routes.get(receiver) else { return };
        let mailed = memory.mailed.get(receiver);
        let is_due = |(_, group): &(&GroupKey, &Group)| route.mails_at(group, mailed) <= self.now;
        let waiting = waiting_for(&memory.groups, receiver).filter(is_due);
        let due = waiting.map(|(key, group)| (key.clone(), group.clone())).collect();
        let mut sent = Commit::default();
        let (mails, mailed) = route.mails(due, mailed, self.now);
        for mail in mails {
            told.count_mail(receiver, self.now);
            sent.groups.extend(mail.into_iter().map(|(key, _)| (key, None)));
        }
        sent.mailed.extend(mailed.map(|mailed| (receiver.clone(), mailed)));
        self.engine.adopt(sent);
        self.time_mails_of(receiver);
    }

    /// Notes when the mails that wait for a receiver go out.
    fn time_mails_of(&mut self, receiver: &ReceiverName) {
        let memory = self.engine.memory();
        let mailed = memory.mailed.get(receiver);
        let waiting = || waiting_for(&memory.groups, receiver).map(|(_, group)| group);
        let route = self.policy.routes.get(receiver);
        let due_at = route.and_then(|route| waiting().map(|group| route.mails_at(group, mailed)).min());
        self.set_due(Due::Mails(receiver.clone()), due_at);
    }

    /// Looks at a venue because something turns; too soon after the last look, the engine has to be asked again.
    fn look(&mut self, venue: VenueId, told: &mut Told) {
        if !self.take(Input::Reading(venue, Reading::SameStopList), told) {
            let again = self.now.plus(REEVALUATE_EVERY);
            self.set_due(Due::Venue(venue), Some(again));
        }
    }

    fn live_waiting(&mut self, told: &mut Told) {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return;
        }
        let mut rows: BTreeMap<VenueId, BTreeMap<ProductId, Option<StopEntry>>> = BTreeMap::new();
        let mut catalogs: BTreeMap<VenueId, Vec<Change>> = BTreeMap::new();
        for (venue, change) in waiting {
            let is_gap = self.snapshot(venue).is_some_and(|known| !follows(&known.picture, &change));
            // Only the first change of an instant can be held against what is known.
            let is_first = !rows.contains_key(&venue) && !catalogs.contains_key(&venue);
            told.gaps += u64::from(is_gap && is_first);
            told.changes += u64::from(self.now >= told.starts());
            match change {
                Change::Row { product, after, .. } => {
                    let entry = after.map(|row| StopEntry { product, limit: row.limit, updated_at: row.updated_at });
                    rows.entry(venue).or_default().insert(product, entry);
                }
                Change::Product { .. } | Change::Station { .. } | Change::PriceList { .. } | Change::Price { .. } => {
                    catalogs.entry(venue).or_default().push(change);
                }
            }
        }
        self.read_catalogs(&catalogs, told);
        for (venue, changed) in rows {
            self.read(venue, &changed, told);
        }
    }

    /// Reads the stop list of a venue with these changes, and says whether the rules were asked.
    fn read(&mut self, venue: VenueId, changed: &BTreeMap<ProductId, Option<StopEntry>>, told: &mut Told) -> bool {
        let Some(known) = self.snapshot(venue) else { return false };
        let mut entries = again::entries_of(&known.picture.rows);
        for (product, entry) in changed {
            match entry {
                Some(entry) => entries.insert(*product, *entry),
                None => entries.remove(product),
            };
        }
        let entries = entries.into_values().collect();
        let mut was_asked = self.take(Input::Reading(venue, again::stop_list(entries)), told);
        if let Some(second) = self.snapshot(venue).and_then(again::second_look) {
            was_asked |= self.take(Input::Reading(venue, second), told);
        }
        was_asked
    }

    /// Reads what changed in the catalogs; the prices of lists are the brand's, and are read of all venues at once.
    fn read_catalogs(&mut self, changed: &BTreeMap<VenueId, Vec<Change>>, told: &mut Told) {
        let (mut lists, mut prices) = (Vec::new(), BTreeMap::new());
        for (venue, changes) in changed {
            let (mut products, mut gone) = (Vec::new(), Vec::new());
            let (mut stations_differ, mut stations_go, mut prices_go) = (false, false, false);
            for change in changes {
                match change {
                    Change::Product { after: Some(product), .. } => products.push(product.as_ref().clone()),
                    Change::Product { id, after: None, .. } => gone.push(*id),
                    Change::Station { after, .. } => {
                        stations_differ = true;
                        stations_go |= after.is_none();
                    }
                    Change::PriceList { after: Some(list), .. } => lists.push(list.clone()),
                    Change::Price { list, product, after: Some(price), .. } => {
                        prices.insert((*list, *product), *price);
                    }
                    Change::PriceList { after: None, .. } | Change::Price { after: None, .. } => prices_go = true,
                    Change::Row { .. } => {}
                }
            }
            if !products.is_empty() {
                self.take(Input::Reading(*venue, Reading::Product(products)), told);
            }
            // What is gone counts only when two readings miss it.
            for id in gone.into_iter().flat_map(|id| [id, id]) {
                self.take(Input::Reading(*venue, Reading::ProductGone(id)), told);
            }
            let times = u8::from(stations_differ) + u8::from(stations_go);
            for _ in 0..times {
                let Some(stations) = self.stations_after(*venue, changes) else { continue };
                let stations = Reading::Stations { stations, unreadable: Vec::new(), absence_counts: true };
                self.take(Input::Reading(*venue, stations), told);
            }
            if let Some((lists, prices)) = self.prices_left(*venue, changes).filter(|_| prices_go) {
                self.take(Input::Reading(*venue, Reading::Prices { lists, prices, absence_counts: true }), told);
            }
        }
        if !(lists.is_empty() && prices.is_empty()) {
            self.take(Input::OfBrand(Reading::Prices { lists, prices, absence_counts: false }), told);
        }
    }

    /// Returns the stations as they are after the changes.
    fn stations_after(&self, venue: VenueId, changes: &[Change]) -> Option<Vec<Station>> {
        let mut stations = self.snapshot(venue)?.picture.catalog.stations.clone();
        for change in changes {
            if let Change::Station { id, after, .. } = change {
                match after {
                    Some(after) => stations.insert(*id, after.clone()),
                    None => stations.remove(id),
                };
            }
        }
        Some(stations.into_values().collect())
    }

    /// Returns the lists and prices without what goes; what comes and differs is the brand's, and is read of all venues.
    fn prices_left(&self, venue: VenueId, changes: &[Change]) -> Option<(Vec<PriceList>, Prices)> {
        let catalog = &self.snapshot(venue)?.picture.catalog;
        let (mut lists, mut prices) = (catalog.price_lists.clone(), catalog.prices.clone());
        for change in changes {
            if let Change::PriceList { id, after: None, .. } = change {
                lists.remove(id);
            }
            if let Change::Price { list, product, after: None, .. } = change {
                prices.remove(&(*list, *product));
            }
        }
        Some((lists.into_values().collect(), prices))
    }

    /// Puts an input into the engine and keeps what it tells; says whether the rules of a venue were asked.
    fn take(&mut self, input: Input, told: &mut Told) -> bool {
        let commit = self.engine.step(input, self.now);
        told.take(&self.engine, &self.policy, &commit, self.now);
        let asked: Vec<VenueId> = commit.evaluated_venues().collect();
        let mailed: Vec<ReceiverName> = commit.mailed.iter().map(|(receiver, _)| receiver.clone()).collect();
        // Who got a mail may get the next one later.
        let waits = commit.groups.iter().map(|(key, _)| key.receiver.clone());
        let retimed: BTreeSet<ReceiverName> = waits.chain(mailed).collect();
        self.engine.adopt(commit);
        for receiver in retimed {
            self.time_mails_of(&receiver);
        }
        self.set_due(Due::Venues, self.alerts_turn_next(None));
        for venue in &asked {
            self.set_due(Due::Venue(*venue), self.turns_next(*venue));
        }
        !asked.is_empty()
    }

    /// Returns when time alone turns something of a venue next.
    fn turns_next(&self, venue: VenueId) -> Option<Timestamp> {
        let snapshot = self.snapshot(venue)?;
        let calendar = self.policy.calendars.of(self.engine.brand(), venue);
        let alerts = self.alerts_turn_next(Some(venue)).into_iter();
        alerts.chain(self.turns.next(snapshot, calendar, self.now)).min()
    }

    /// Returns when time alone turns an alert of a venue, or of the brand, next. What waited already and did not turn waits
    /// for a change.
    fn alerts_turn_next(&self, scope: Option<VenueId>) -> Option<Timestamp> {
        let deadline = |(key, alert): (&AlertKey, &Alert)| {
            Some(lifecycle::deadline(alert, timing(self.policy.rules.get(&key.rule)?)?)?.0)
        };
        let alerts = self.engine.memory().book.of(scope).filter_map(deadline).filter(|at| *at > self.now);
        alerts.chain(self.engine.follows_up_at(scope, self.now)).min()
    }

    fn snapshot(&self, venue: VenueId) -> Option<&Snapshot> {
        self.engine.memory().venues.get(&venue).map(Arc::as_ref)
    }

    fn set_due(&mut self, due: Due, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.due_at.insert(due.clone(), at),
            None => self.due_at.remove(&due),
        };
        if let Some(before) = before {
            self.due.remove(&(before, due.clone()));
        }
        self.due.extend(at.map(|at| (at, due)));
    }
}
