//! What is known of one venue, since when, and how old that knowledge is.
//!
//! Readings are folded in one at a time. A failed reading changes nothing but the trouble and the age; a whole list
//! that differs implausibly from the last one waits for a second look; a product goes only when two walks agree.
//! Invariant: the picture never holds anything that no reading of Clopos said.

mod absence;
pub mod again;
pub mod diff;
mod gap;
mod outage;
pub mod outlook;
pub mod pace;
pub mod recipes;
mod stop_list;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Catalog, PriceList, Product, SharedCatalog, Station, StopEntry, Venue};
use crate::snapshot::absence::{Absence, two_walks};
pub use crate::snapshot::gap::Gap;
pub use crate::snapshot::outage::Outage;
use crate::snapshot::pace::Paces;
use crate::units::{Money, PriceListId, ProductId, Quantity, StationId, Timestamp, VenueId};

/// The rows of a stop list by product or variant.
pub type Rows = BTreeMap<ProductId, StopRow>;

/// Readings are stamped by the same clock; a little ahead is a correction, more is a clock that was set.
const CLOCK_SLACK: Duration = Duration::from_secs(2);
/// One row of the stop list, joined with what earlier readings said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopRow {
    /// What is left to sell; zero or less is out.
    pub limit: Quantity,
    /// When Clopos says the row was last written, if it said so.
    pub updated_at: Option<Timestamp>,
    /// Since when it has been out, or limited, without a break: Clopos's time where it is sane.
    pub since: Timestamp,
    /// When a reading first showed it so.
    pub seen_at: Timestamp,
}

impl StopRow {
    /// Says whether nothing is left: public integrations read zero and below alike.
    pub fn is_out(&self) -> bool {
        self.limit <= Quantity::ZERO
    }
}

/// What a venue sells and what of it is limited, at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Picture {
    /// The stop list; a product without a row is unrestricted.
    pub rows: Arc<Rows>,
    /// The catalog.
    pub catalog: SharedCatalog,
}

/// One reading of a venue, complete: a list counts only when it was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The whole stop list.
    StopList {
        /// Its rows.
        entries: Vec<StopEntry>,
        /// Products with a row that could not be read: what was known of them stays.
        unreadable: Vec<ProductId>,
        /// False when a product without a row may still be restricted: then what was known of it stays.
        whole: bool,
    },
    /// The whole stop list, which says what was accepted last.
    SameStopList,
    /// The rows of the asked products only: the second look.
    StopListOf {
        /// The products that were asked for.
        asked: Vec<ProductId>,
        /// Their rows.
        rows: Vec<StopEntry>,
    },
    /// Every product of the venue.
    Products {
        /// The products, variants among them.
        products: Vec<Product>,
        /// Ids of rows that are there but could not be read: what was known of them stays.
        unreadable: Vec<ProductId>,
        /// True when a product that is not among them was not there.
        absence_counts: bool,
    },
    /// One product and its variants.
    Product(Vec<Product>),
    /// `GET /products/{id}` answered 404.
    ProductGone(ProductId),
    /// Every station, active or not.
    Stations {
        /// The stations.
        stations: Vec<Station>,
        /// Ids of rows that are there but could not be read: what was known of them stays.
        unreadable: Vec<StationId>,
        /// True when a station that is not among them was not there.
        absence_counts: bool,
    },
    /// Every price of every list of the brand.
    Prices {
        /// The lists.
        lists: Vec<PriceList>,
        /// The prices.
        prices: BTreeMap<(PriceListId, ProductId), Money>,
        /// True when a list or price that is not among them was not there.
        absence_counts: bool,
    },
    /// A request failed: no reading.
    Failed {
        /// What went wrong, for people.
        why: String,
    },
}

/// Why the last stop-list request of a venue gave no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The first failure in a row.
    pub since: Timestamp,
    /// How many failures in a row.
    pub failures: u32,
    /// What the last one said, for people.
    pub why: String,
}

/// A whole list that differs so much from the last one that a second reading must agree first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// When it was read.
    pub read_at: Timestamp,
    /// What it said.
    pub rows: BTreeMap<ProductId, StopEntry>,
    /// Some of the rows that changed: those to ask for again.
    pub ask: Vec<ProductId>,
}

/// How far the list of a venue can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freshness {
    /// Read recently.
    Fresh,
    /// Older than it should be, or not read for the first time yet.
    Stale,
    /// So old, or not read for so long, that it must not be relied on.
    Blind,
}

/// From which age a reading is stale and blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshnessLimits {
    /// Stale from here.
    pub stale_after: Duration,
    /// Blind from here.
    pub blind_after: Duration,
}

impl FreshnessLimits {
    /// For who cannot know how old a reading is: none is too old.
    pub const NONE: Self = Self { stale_after: Duration::MAX, blind_after: Duration::MAX };
}

/// Whether Clopos lets us read a brand.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Access {
    /// Not tried yet in this process.
    #[default]
    Untried,
    /// The last authentication succeeded.
    Granted,
    /// No token, for a reason that may pass by itself: no network, an outage.
    Unreachable {
        /// Since when.
        since: Timestamp,
        /// What happened, for people.
        why: String,
    },
    /// Refused, for a reason that somebody must mend.
    Refused {
        /// Since when.
        since: Timestamp,
        /// What to mend, for people.
        why: String,
    },
}

impl Access {
    /// Says whether it was tried and failed.
    pub const fn is_shut_out(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { .. })
    }
}

/// What is known of one venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id, name and status.
    pub venue: Venue,
    /// What it sells and what of it is limited.
    pub picture: Picture,
    /// What came back on sale lately, and when: screens show it until the business day ends.
    pub returned: BTreeMap<ProductId, Timestamp>,
    /// Every outage that ended lately, in the order of their ends: what a shift hands over.
    pub outages: Vec<Outage>,
    /// When nobody read the stop list lately, in the order of time.
    pub gaps: Vec<Gap>,
    /// The products whose row was another one after the last of them.
    pub found_after_gap: BTreeSet<ProductId>,
    /// How fast the limited ones are sold.
    pub paces: Arc<Paces>,
    /// Since when this process watches the venue, or could again: one that had no chance to be read yet is not blind.
    pub watched_since: Timestamp,
    /// The first good reading of the stop list: what was before, nobody knows. `None` also where that was not kept yet.
    pub first_read_at: Option<Timestamp>,
    /// The last good reading of the stop list; `None` until the first.
    pub read_at: Option<Timestamp>,
    /// The same of this process alone, which knows whether it was blind since.
    pub followed_at: Option<Timestamp>,
    /// The same of an earlier process; `None` when nobody noted it, and the list may have been read long after `read_at`.
    pub noted_at: Option<Timestamp>,
    /// The last reading that changed the stop list.
    pub changed_at: Option<Timestamp>,
    /// The last complete walk of the products.
    pub catalog_read_at: Option<Timestamp>,
    /// The last complete list of the stations.
    pub stations_read_at: Option<Timestamp>,
    /// The last complete walk of the prices.
    pub prices_read_at: Option<Timestamp>,
    /// Products that the last walk did not show; a second miss removes them.
    pub missing_products: BTreeSet<ProductId>,
    /// Stations that the last list did not show.
    pub missing_stations: BTreeSet<StationId>,
    /// Ids on the stop list that even `GET /products/{id}` does not know, until the next walk.
    pub unknown_products: BTreeSet<ProductId>,
    /// A reading that waits for a second look.
    pub doubt: Option<Doubt>,
    /// The present failure, if the last request failed.
    pub trouble: Option<Trouble>,
    /// Grows by one with each change of the stop list.
    pub seq: u64,
}

impl Snapshot {
    /// Starts with nothing known, and as if the venue had been watched for ever; see [`Snapshot::watched_from`].
    pub fn unread(venue: Venue) -> Self {
        Self {
            venue,
            picture: Picture::default(),
            returned: BTreeMap::new(),
            outages: Vec::new(),
            gaps: Vec::new(),
            found_after_gap: BTreeSet::new(),
            paces: Arc::default(),
            watched_since: Timestamp::from_unix_ms(0),
            first_read_at: None,
            read_at: None,
            followed_at: None,
            noted_at: None,
            changed_at: None,
            catalog_read_at: None,
            stations_read_at: None,
            prices_read_at: None,
            missing_products: BTreeSet::new(),
            missing_stations: BTreeSet::new(),
            unknown_products: BTreeSet::new(),
            doubt: None,
            trouble: None,
            seq: 0,
        }
    }

    /// Returns the venue's id.
    pub fn id(&self) -> VenueId {
        self.venue.id
    }

    /// Says whether everything that rules ask about has been read once: until then, what holds is the baseline, not news.
    pub fn is_complete(&self) -> bool {
        self.read_at.is_some() && self.catalog_read_at.is_some() && self.stations_read_at.is_some()
    }

    /// Returns how old the stop list is, `None` until it was first read.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        self.read_at.map(|read_at| now.since(read_at))
    }

    /// Returns how old the stop list is for people, `None` also where the clock was set back since: then nobody knows.
    pub fn known_age(&self, now: Timestamp) -> Option<Duration> {
        self.age(now).filter(|_| !self.is_ahead(now))
    }

    /// Says whether the stop list was read later than now, by a clock that was set back since.
    fn is_ahead(&self, now: Timestamp) -> bool {
        self.read_at.is_some_and(|read_at| read_at > now.plus(CLOCK_SLACK))
    }

    /// Returns the same knowledge, watched from now on.
    pub fn watched_from(self, now: Timestamp) -> Self {
        Self { watched_since: now, ..self }
    }

    /// Returns the same knowledge as a new process finds it. `noted` are the times at which venues were last read, found
    /// unchanged; `None` when nobody noted any.
    pub fn found_anew(self, noted: Option<&BTreeMap<VenueId, Timestamp>>) -> Self {
        let Some(noted) = noted else { return self };
        let later = noted.get(&self.id()).copied();
        let read_at = self.read_at.map(|known| later.map_or(known, |at| at.max(known)));
        Self { read_at, noted_at: read_at, ..self }
    }

    /// Says how far the stop list can be trusted. One that lies ahead is of a clock that was set back: stale.
    pub fn freshness(&self, limits: FreshnessLimits, now: Timestamp) -> Freshness {
        match self.read_at {
            Some(_) if self.is_ahead(now) => Freshness::Stale,
            Some(read_at) if now.since(read_at) < limits.stale_after => Freshness::Fresh,
            Some(read_at) if now.since(read_at) < limits.blind_after => Freshness::Stale,
            Some(_) | None if self.is_awaited(limits, now) => Freshness::Stale,
            Some(_) | None => Freshness::Blind,
        }
    }

    /// Says whether this process may still have had no chance to read the venue: after a start, nothing follows from
    /// the age of a reading but its age.
    pub fn is_awaited(&self, limits: FreshnessLimits, now: Timestamp) -> bool {
        let is_unread = self.read_at.is_none_or(|read_at| read_at < self.watched_since);
        is_unread && self.trouble.is_none() && now.since(self.watched_since) < limits.blind_after
    }

    /// Returns the ids on the stop list that the catalog lacks and that are worth asking for.
    pub fn products_to_ask(&self) -> impl Iterator<Item = ProductId> {
        let lacking =
            |id: &ProductId| !self.picture.catalog.products.contains_key(id) && !self.unknown_products.contains(id);
        self.picture.rows.keys().copied().filter(lacking)
    }

    /// Returns the snapshot after a reading, of a venue that was read all the while.
    pub fn fold(&self, reading: Reading, now: Timestamp) -> Self {
        self.fold_within(reading, FreshnessLimits::NONE, now)
    }

    /// Returns the snapshot after a reading. The caller compares the pictures with [`diff::diff`]. After a longer time than
    /// makes a list blind, nobody knows what was sold since.
    pub fn fold_within(&self, reading: Reading, limits: FreshnessLimits, now: Timestamp) -> Self {
        match reading {
            Reading::StopList { entries, unreadable, whole } => {
                self.fold_stop_list(&self.held_with(stop_list::by_product(&entries), &unreadable, whole), limits, now)
            }
            // Nothing is the same as what was never read.
            Reading::SameStopList if self.read_at.is_none() => self.clone(),
            Reading::SameStopList => self.accept_same(limits, now),
            Reading::StopListOf { asked, rows } => {
                self.fold_second_look(&asked, &stop_list::by_product(&rows), limits, now)
            }
            Reading::Products { products, unreadable, absence_counts } => {
                self.fold_products(products, &Absence { unreadable: &unreadable, counts: absence_counts }, now)
            }
            Reading::Product(products) => self.fold_product(products),
            Reading::ProductGone(id) => self.fold_product_gone(id),
            Reading::Stations { stations, unreadable, absence_counts } => {
                self.fold_stations(stations, &Absence { unreadable: &unreadable, counts: absence_counts }, now)
            }
            Reading::Prices { lists, prices, absence_counts } => self.fold_prices(lists, prices, absence_counts, now),
            Reading::Failed { why } => self.fold_failure(why, now),
        }
    }

    fn fold_failure(&self, why: String, now: Timestamp) -> Self {
        let (since, failures) = self.trouble.as_ref().map_or((now, 0), |trouble| (trouble.since, trouble.failures));
        Self { trouble: Some(Trouble { since, failures: failures.saturating_add(1), why }), ..self.clone() }
    }

    fn fold_products(&self, products: Vec<Product>, absence: &Absence<'_, ProductId>, now: Timestamp) -> Self {
        let walked = products.into_iter().map(|product| (product.id, product)).collect();
        let (products, missing_products) =
            two_walks(&self.picture.catalog.products, walked, &self.missing_products, absence);
        let read =
            Self { catalog_read_at: Some(now), missing_products, unknown_products: BTreeSet::new(), ..self.clone() };
        if products == self.picture.catalog.products {
            return read;
        }
        read.with_catalog(Catalog { products, ..Catalog::clone(&self.picture.catalog) })
    }

    fn fold_product(&self, products: Vec<Product>) -> Self {
        let mut next = self.clone();
        for mut product in products {
            next.missing_products.remove(&product.id);
            let before = next.picture.catalog.products.get(&product.id);
            // One product alone comes without its category's name (clopos-api.md: `category` is for the list).
            let known = before.filter(|known| known.category == product.category);
            product.category_name = product.category_name.or_else(|| known?.category_name.clone());
            if before != Some(&product) {
                next.picture.catalog.edit().products.insert(product.id, product);
            }
        }
        next
    }

    fn fold_product_gone(&self, id: ProductId) -> Self {
        let mut next = self.clone();
        if !self.picture.catalog.products.contains_key(&id) {
            next.unknown_products.insert(id);
            return next;
        }
        if next.missing_products.insert(id) {
            return next;
        }
        next.missing_products.remove(&id);
        next.unknown_products.insert(id);
        let mut catalog = Catalog::clone(&self.picture.catalog);
        catalog.products.remove(&id);
        next.with_catalog(catalog)
    }

    fn fold_stations(&self, stations: Vec<Station>, absence: &Absence<'_, StationId>, now: Timestamp) -> Self {
        let listed = stations.into_iter().map(|station| (station.id, station)).collect();
        let (stations, missing_stations) =
            two_walks(&self.picture.catalog.stations, listed, &self.missing_stations, absence);
        let read = Self { missing_stations, stations_read_at: Some(now), ..self.clone() };
        if stations == self.picture.catalog.stations {
            return read;
        }
        read.with_catalog(Catalog { stations, ..Catalog::clone(&self.picture.catalog) })
    }

    fn fold_prices(
        &self,
        lists: Vec<PriceList>,
        prices: BTreeMap<(PriceListId, ProductId), Money>,
        absence_counts: bool,
        now: Timestamp,
    ) -> Self {
        let known = &self.picture.catalog;
        let (mut price_lists, mut all_prices) = (BTreeMap::new(), BTreeMap::new());
        if !absence_counts {
            (price_lists, all_prices) = (known.price_lists.clone(), known.prices.clone());
        }
        price_lists.extend(lists.into_iter().map(|list| (list.id, list)));
        all_prices.extend(prices);
        let read = Self { prices_read_at: Some(now), ..self.clone() };
        if price_lists == known.price_lists && all_prices == known.prices {
            return read;
        }
        read.with_catalog(Catalog { price_lists, prices: all_prices, ..Catalog::clone(&self.picture.catalog) })
    }

    /// Puts a catalog in place that differs. Who has an equal one keeps the old allocation, so that "nothing changed" is a
    /// pointer comparison, and copies nothing: most readings of a catalog bring nothing new.
    fn with_catalog(mut self, catalog: Catalog) -> Self {
        self.picture.catalog = SharedCatalog::new(catalog);
        self
    }
}

#[cfg(test)]
mod tests;
