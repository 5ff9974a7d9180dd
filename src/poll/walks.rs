//! The slow walks of a venue and of its brand: catalog, stations, prices, page by page and resumable.
//!
//! A page that fails costs a wait, not the walk; a finished walk becomes one reading. Invariant: at most one page of a
//! walk is asked for at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalog::{PriceList, Product, Station};
use crate::clopos::decode::{Page, Price};
use crate::clopos::query::{PRICES_PAGE, PRODUCTS_PAGE, Request, STATIONS_PAGE};
use crate::clopos::walk::{Progress, Walk, Whole};
use crate::snapshot::Reading;
use crate::units::{ProductId, StationId, Uptime, VenueId};

/// A walk and when it was last finished.
#[derive(Clone, Debug)]
pub struct Walking<T> {
    page_size: u32,
    walk: Walk<T>,
    is_under_way: bool,
    finished_at: Option<Uptime>,
    not_before: Uptime,
    failed: Option<String>,
}

impl<T> Walking<T> {
    /// Starts a walk that was never finished.
    pub fn new(page_size: u32) -> Self {
        let walk = Walk::new(page_size);
        Self { page_size, walk, is_under_way: false, finished_at: None, not_before: Uptime::default(), failed: None }
    }

    /// Returns the page to ask for, when the walk is due or under way.
    pub fn page_due(&self, every: Duration, now: Uptime) -> Option<u32> {
        (self.due_at(every) <= now).then(|| self.walk.next_page())
    }

    /// Returns when the next page is due.
    pub fn due_at(&self, every: Duration) -> Uptime {
        match self.finished_at {
            Some(finished_at) if !self.is_under_way => finished_at.plus(every).max(self.not_before),
            Some(_) | None => self.not_before,
        }
    }

    /// Says whether the walk was ever finished.
    pub const fn was_finished(&self) -> bool {
        self.finished_at.is_some()
    }

    /// Takes a page and returns the whole list when it was the last.
    pub fn take(&mut self, page: Page<T>, now: Uptime) -> Option<Whole<T>> {
        match self.walk.take(page) {
            Progress::More | Progress::Restart { .. } => {
                self.is_under_way = true;
                None
            }
            Progress::Complete(whole) => {
                self.failed = None;
                self.is_under_way = false;
                self.finished_at = Some(now);
                Some(whole)
            }
            Progress::Failed { why } => {
                self.fail(WALK_FAILED_WAIT, now);
                self.failed = Some(why);
                None
            }
        }
    }

    /// Returns why the last walk came to no end, until one does.
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Starts the walk over after a wait.
    pub fn fail(&mut self, wait: Duration, now: Uptime) {
        self.walk = Walk::new(self.page_size);
        self.is_under_way = false;
        self.not_before = now.plus(wait);
    }

    /// Waits with the walk where it is.
    pub fn hold(&mut self, wait: Duration, now: Uptime) {
        self.not_before = now.plus(wait);
    }
}

/// A list that does not stand still for a walk is tried again after this.
const WALK_FAILED_WAIT: Duration = Duration::from_mins(1);

/// The walks of one venue.
#[derive(Clone, Debug)]
pub struct VenueWalks {
    /// Its stations.
    pub stations: Walking<Station>,
    /// Its products.
    pub products: Walking<Product>,
}

impl VenueWalks {
    /// Starts without anything read.
    pub fn new() -> Self {
        Self { stations: Walking::new(STATIONS_PAGE), products: Walking::new(PRODUCTS_PAGE) }
    }

    /// Returns the next page to ask for, stations first: they are one page and half of every rule.
    pub fn request(&self, venue: VenueId, every: Duration, now: Uptime) -> Option<Request> {
        let stations = self.stations.page_due(every, now).map(|page| Request::Stations { venue, page });
        stations.or_else(|| self.products.page_due(every, now).map(|page| Request::Products { venue, page }))
    }

    /// Says whether everything was read once.
    pub const fn was_finished(&self) -> bool {
        self.stations.was_finished() && self.products.was_finished()
    }

    /// Returns when the next page is due.
    pub fn due_at(&self, every: Duration) -> Uptime {
        self.stations.due_at(every).min(self.products.due_at(every))
    }
}

impl Default for VenueWalks {
    fn default() -> Self {
        Self::new()
    }
}

/// The price walks of a brand: first the lists, then the prices.
#[derive(Clone, Debug)]
pub struct PriceWalks {
    lists: Walking<PriceList>,
    prices: Walking<Price>,
    read_lists: Option<Whole<PriceList>>,
}

impl PriceWalks {
    /// Starts without anything read.
    pub fn new() -> Self {
        Self { lists: Walking::new(PRICES_PAGE), prices: Walking::new(PRICES_PAGE), read_lists: None }
    }

    /// Returns the next page to ask for.
    pub fn request(&self, every: Duration, now: Uptime) -> Option<Request> {
        match self.read_lists {
            None => self.lists.page_due(every, now).map(|page| Request::PriceLists { page }),
            Some(_) => self.prices.page_due(Duration::ZERO, now).map(|page| Request::Prices { page }),
        }
    }

    /// Returns when the next page is due.
    pub fn due_at(&self, every: Duration) -> Uptime {
        match self.read_lists {
            None => self.lists.due_at(every),
            Some(_) => self.prices.due_at(Duration::ZERO),
        }
    }

    /// Takes a page of the lists.
    pub fn take_lists(&mut self, page: Page<PriceList>, now: Uptime) {
        if let Some(whole) = self.lists.take(page, now) {
            self.read_lists = Some(whole);
        }
    }

    /// Takes a page of the prices and returns the reading when it was the last.
    pub fn take_prices(&mut self, page: Page<Price>, now: Uptime) -> Option<Reading> {
        let whole = self.prices.take(page, now)?;
        let lists = self.read_lists.take()?;
        let prices: BTreeMap<_, _> = whole.rows.iter().map(|row| ((row.list, row.product), row.price)).collect();
        let says_all = |unreadable: &[u64], absence_counts: bool| absence_counts && unreadable.is_empty();
        let absence_counts =
            says_all(&whole.unreadable, whole.absence_counts) && says_all(&lists.unreadable, lists.absence_counts);
        Some(Reading::Prices { lists: lists.rows, prices, absence_counts })
    }

    /// Returns why the last walk came to no end, until one does.
    pub fn failed(&self) -> Option<&str> {
        self.lists.failed().or_else(|| self.prices.failed())
    }

    /// Waits with the walk where it is.
    pub fn hold(&mut self, wait: Duration, now: Uptime) {
        self.lists.hold(wait, now);
        self.prices.hold(wait, now);
    }
}

impl Default for PriceWalks {
    fn default() -> Self {
        Self::new()
    }
}

/// Turns a finished walk of products into a reading.
pub fn products_reading(whole: Whole<Product>) -> Reading {
    let Whole { rows, unreadable, absence_counts } = whole;
    Reading::Products { products: rows, unreadable: unreadable.into_iter().map(ProductId).collect(), absence_counts }
}

/// Turns a finished walk of stations into a reading.
pub fn stations_reading(whole: Whole<Station>) -> Reading {
    let Whole { rows, unreadable, absence_counts } = whole;
    Reading::Stations { stations: rows, unreadable: unreadable.into_iter().map(StationId).collect(), absence_counts }
}
