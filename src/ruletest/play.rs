//! Lives a test: readings and time go into the engine, and what it tells is kept.
//!
//! Decides nothing about rules. A stop list is read at once after something happened, every few seconds, and when an alert
//! waits for a reading, as the service does it. Invariant: time never runs back, and every instant is looked at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::alerts::AlertKey;
use crate::alerts::group::Groups;
use crate::alerts::lifecycle::Alert;
use crate::alerts::notice::{Channel, Content, Notice};
use crate::alerts::order::{Acknowledgement, Order, OrderId};
use crate::alerts::silence::{Silence, SilenceId};
use crate::catalog::{Product, StopEntry, Venue};
use crate::document::Place;
use crate::engine::{Engine, Input, Memory, Policy};
use crate::poll;
use crate::poll::quota::Quota;
use crate::ruletest::{AccessWord, Deed, Quiet, Readings, Test, World, judge};
use crate::snapshot::{Access, Reading, Snapshot, again};
use crate::units::{BrandId, ProductId, Timestamp, VenueId};

/// The only venue of a test.
pub(super) const VENUE: VenueId = VenueId(1);
/// The brand of every test.
pub(super) const BRAND: &str = "test";
/// How often the stop list is read when nothing else asks for it: what a small brand gets in a quiet hour.
const READ_EVERY: Duration = Duration::from_secs(5);
/// The venue is watched this long before the first step, so that what was so before is no news and its mail is gone.
const WATCHED_BEFORE: Duration = Duration::from_mins(5);
/// Requests of a brand in a minute, as configured by default.
const PER_MINUTE: u32 = 240;

/// One thing that was told.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) to: String,
    pub(super) by: Channel,
    /// The message; the subject of a mail.
    pub(super) text: String,
}

/// An acknowledgement of an alert that is not open.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) place: Place,
    pub(super) about: String,
}

/// A venue, its engine and the time.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) policy: Arc<Policy>,
    pub(super) now: Timestamp,
    /// What was told since the last step that says what was.
    pub(super) told: Vec<Told>,
    world: World,
    updated_at: BTreeMap<ProductId, Timestamp>,
    readings: Readings,
    access: AccessWord,
    read_at: Timestamp,
    /// The catalog changed since it was read.
    is_catalog_due: bool,
}

impl Stage {
    /// Opens the venue of a test, with everything read once.
    pub(super) fn open(test: &Test, policy: Arc<Policy>) -> Self {
        let now = test.begins.minus(WATCHED_BEFORE);
        let limits = Quota::new(1, PER_MINUTE, &poll::Settings::default()).limits();
        let brand = BrandId::new(BRAND).expect("the constant is a slug");
        let engine = Engine::new(brand, Arc::clone(&policy), limits, Memory::default());
        let world = test.world.clone();
        let updated_at = world.limits.keys().map(|id| (*id, now)).collect();
        let (readings, access) = (Readings::Work, AccessWord::Granted);
        let mut stage = Self {
            engine,
            policy,
            now,
            told: Vec::new(),
            world,
            updated_at,
            readings,
            access,
            read_at: now,
            is_catalog_due: false,
        };
        let venue = Venue { id: VENUE, name: stage.world.venue.clone(), active: true };
        stage.take(Input::Venues(vec![venue]));
        stage.take(Input::Access(Access::Granted));
        stage.read_catalog();
        stage.read_stop_list();
        stage.live_until(test.begins);
        stage.forget()
    }

    /// Forgets what was told so far, and what waits in mails.
    fn forget(self) -> Self {
        let (brand, limits) = (self.engine.brand().clone(), self.engine.limits());
        let memory = Memory { groups: Groups::new(), ..self.engine.into_memory() };
        let engine = Engine::new(brand, Arc::clone(&self.policy), limits, memory);
        Self { engine, told: Vec::new(), ..self }
    }

    /// Returns what is known of the venue.
    pub(super) fn snapshot(&self) -> Option<&Snapshot> {
        self.engine.memory().venues.get(&VENUE).map(Arc::as_ref)
    }

    /// Lets time pass, with everything that falls due.
    pub(super) fn live_until(&mut self, until: Timestamp) {
        while self.now < until {
            let wanted = self.engine.reading_wanted_at(VENUE).filter(|at| *at > self.read_at);
            let read_at = wanted.unwrap_or(until).min(self.read_at.plus(READ_EVERY));
            let deadline = self.engine.next_deadline().map_or(until, |(at, _)| at);
            self.now = read_at.min(deadline).max(self.now.plus(Duration::from_millis(1))).min(until);
            if deadline <= self.now {
                self.take(Input::Tick);
            }
            if read_at <= self.now {
                self.read_stop_list();
            }
        }
    }

    /// Lets things happen, and has them read; returns what was asked for and could not be done.
    pub(super) fn meet(&mut self, deeds: &[Deed]) -> Vec<Refused> {
        let catalog_before = self.world.catalog.clone();
        let mut refused = Vec::new();
        for deed in deeds {
            refused.extend(self.happens(deed));
        }
        self.is_catalog_due |= self.world.catalog != catalog_before;
        if self.is_catalog_due && self.access == AccessWord::Granted {
            self.is_catalog_due = false;
            self.read_catalog();
        }
        if !deeds.is_empty() {
            self.read_stop_list();
        }
        refused
    }

    fn acknowledge(&mut self, place: &Place, about: &str) -> Option<Refused> {
        let is_meant = |(key, _): &(&AlertKey, &Alert)| judge::about(key, self) == about;
        let found = self.engine.memory().book.iter().find(is_meant);
        let Some((key, Alert::Open(open))) = found else {
            return Some(Refused { place: place.clone(), about: about.to_owned() });
        };
        let said = Acknowledgement {
            by: "somebody".to_owned(),
            at: self.now,
            reason: None,
            note: String::new(),
            back_at: None,
        };
        let (key, episode) = (key.clone(), open.episode.clone());
        self.take(Input::Order(OrderId(0), Order::Acknowledge { key, episode, acknowledgement: said }));
        None
    }

    fn silence(&mut self, quiet: &Quiet) {
        let Quiet { covers, lasts, until_back, during } = quiet.clone();
        let (by, reason) = ("the test".to_owned(), "the test says so".to_owned());
        let (from, until) = (self.now, self.now.plus(lasts));
        let id = SilenceId::from_stored("");
        let silence = Silence { id, covers, from, until, until_back, during, by, reason };
        let silence = silence.named(self.engine.brand());
        self.take(Input::Order(OrderId(0), Order::Silence(silence)));
    }

    fn happens(&mut self, deed: &Deed) -> Option<Refused> {
        let world = &mut self.world;
        match deed {
            Deed::Limit(product, limit) => {
                world.limits.insert(*product, *limit);
                self.updated_at.insert(*product, self.now);
            }
            Deed::Clear(product) => {
                world.limits.remove(product);
            }
            Deed::ClearAll => world.limits.clear(),
            Deed::Station(station) => {
                world.catalog.stations.insert(station.id, station.clone());
            }
            Deed::Product(product) => {
                world.catalog.products.insert(product.id, product.as_ref().clone());
            }
            Deed::Remove(product) => {
                world.catalog.products.remove(product);
            }
            Deed::Price(list, product, price) => {
                world.catalog.prices.insert((*list, *product), *price);
            }
            Deed::Readings(readings) => self.readings = *readings,
            Deed::Access(access) => {
                self.access = *access;
                self.take_access();
            }
            Deed::Acknowledge(place, about) => return self.acknowledge(place, about),
            Deed::Silence(quiet) => self.silence(quiet),
        }
        None
    }

    fn take_access(&mut self) {
        let (since, why) = (self.now, "the test says so".to_owned());
        let access = match self.access {
            AccessWord::Granted => Access::Granted,
            AccessWord::Unreachable => Access::Unreachable { since, why },
            AccessWord::Refused => Access::Refused { since, why },
        };
        self.take(Input::Access(access));
    }

    fn read_stop_list(&mut self) {
        self.read_at = self.now;
        if self.readings == Readings::Fail || self.access != AccessWord::Granted {
            let failed = Reading::Failed { why: "the test says so".to_owned() };
            return self.take(Input::Reading(VENUE, failed));
        }
        let entry = |(product, limit): (&ProductId, &_)| StopEntry {
            product: *product,
            limit: *limit,
            updated_at: self.updated_at.get(product).copied(),
        };
        let entries = self.world.limits.iter().map(entry).collect();
        self.take(Input::Reading(VENUE, again::stop_list(entries)));
        // A list that differs much is looked at twice; the world says the same both times.
        if let Some(second) = self.snapshot().and_then(again::second_look) {
            self.take(Input::Reading(VENUE, second));
        }
    }

    /// Reads products, stations and prices; twice, as what is gone counts only when two readings agree.
    fn read_catalog(&mut self) {
        for _ in 0..2 {
            let catalog = &self.world.catalog;
            let unreadable = Vec::new();
            let stations = catalog.stations.values().cloned().collect();
            let stations = Reading::Stations { stations, unreadable, absence_counts: true };
            // Clopos says it of a product that has variants, and nobody orders such a one by itself.
            let parents: BTreeSet<ProductId> = catalog.products.values().filter_map(|product| product.parent).collect();
            let as_read =
                |product: &Product| Product { has_variants: parents.contains(&product.id), ..product.clone() };
            let products = catalog.products.values().map(as_read).collect();
            let products = Reading::Products { products, unreadable: Vec::new(), absence_counts: true };
            let lists = catalog.price_lists.values().cloned().collect();
            let prices = Reading::Prices { lists, prices: catalog.prices.clone(), absence_counts: true };
            self.take(Input::Reading(VENUE, stations));
            self.take(Input::Reading(VENUE, products));
            self.take(Input::OfBrand(prices));
        }
    }

    fn take(&mut self, input: Input) {
        let commit = self.engine.step(input, self.now);
        self.told.extend(commit.notices.iter().map(told));
        self.engine.adopt(commit);
    }
}

fn told(notice: &Notice) -> Told {
    let text = match &notice.content {
        Content::Email(mail) => mail.subject.as_str(),
        // The summary of an event is its rule and its message.
        Content::Mqtt(_) | Content::Webhook(_) => notice.summary.split_once(": ").map_or("", |(_, message)| message),
    };
    Told { at: notice.at, to: notice.receiver.to_string(), by: notice.content.channel(), text: text.to_owned() }
}
