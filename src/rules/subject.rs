//! What rules look at: the items, stations, venue and brand of one moment, joined from the snapshot as rules ask.
//!
//! Most rules ask for the few rows of the stop list and not for every product, so that nothing is gathered beforehand. Never
//! guesses: a station or product that was not read is told from one that is not there. Invariant: the items are every
//! product of the catalog and every row of the stop list, each id once, in order.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::calendar::{Calendar, LocalTime, Moment};
use crate::catalog::{Catalog, Product, Station};
use crate::rules::field::ListIndex;
use crate::rules::{Placed, SubjectKind};
use crate::snapshot::outlook::{Foretold, Outlook};
use crate::snapshot::recipes;
use crate::snapshot::{Access, Freshness, FreshnessLimits, Rows, Snapshot, StopRow};
use crate::units::{BrandId, Money, PriceListId, ProductId, StationId, Timestamp};

/// How long rules about items wait for the first walk of the products. It takes seconds; when it fails for this long, a
/// number without a name is better than silence.
const PRODUCTS_AWAITED_MAX: Duration = Duration::from_mins(5);

/// A venue as the rules are given it.
#[derive(Clone, Copy, Debug)]
pub struct VenueView<'a> {
    /// Its brand.
    pub brand: &'a BrandId,
    /// Whether the brand can be read.
    pub access: &'a Access,
    /// What is known of the venue.
    pub snapshot: &'a Snapshot,
    /// From which age its stop list is stale and blind.
    pub freshness_limits: FreshnessLimits,
    /// Its hours, peaks and windows.
    pub calendar: &'a Calendar,
}

/// A brand as the rules are given it.
#[derive(Clone, Copy, Debug)]
pub struct BrandView<'a> {
    /// Its slug.
    pub brand: &'a BrandId,
    /// Whether it can be read.
    pub access: &'a Access,
}

/// The station of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StationLink<'a> {
    /// It is this one.
    Found(&'a Station),
    /// Nobody assigned one.
    Absent,
    /// There is one, or may be, but the catalog does not hold it.
    Unread,
}

/// How many active variants a product has, by whether they can be sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Variants {
    /// Those that can be sold.
    pub left: u32,
    /// Those that are out.
    pub out: u32,
}

/// A product or variant at a venue.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The product's id.
    pub id: ProductId,
    /// The product; `None` while the catalog lacks it.
    pub product: Option<&'a Product>,
    /// Its row of the stop list; `None` means unrestricted.
    pub row: Option<&'a StopRow>,
}

/// A venue at one moment, prepared for many rules.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    view: VenueView<'a>,
    freshness: Freshness,
    is_awaited: bool,
    now: Timestamp,
    /// What the calendar says of now, and of when the rows were read; looked up when the first rule asks.
    moment: OnceCell<Moment>,
    moment_of_items: OnceCell<Moment>,
    /// What countdowns say; prepared when the first rule asks.
    outlook: OnceCell<Outlook>,
    price_lists: Vec<Option<PriceListId>>,
    /// Counted and read when the first rule asks.
    variants: OnceCell<BTreeMap<ProductId, Variants>>,
    times_today: OnceCell<BTreeMap<ProductId, u32>>,
    /// The names of what each product lacks.
    gaps: OnceCell<BTreeMap<ProductId, Vec<String>>>,
}

impl<'a> Scene<'a> {
    /// Looks at the snapshot. `price_lists` are the lower-case names that rules ask for, in the order of their index.
    pub fn new(view: VenueView<'a>, price_lists: &[String], now: Timestamp) -> Self {
        let catalog = &*view.snapshot.picture.catalog;
        Self {
            view,
            freshness: view.snapshot.freshness(view.freshness_limits, now),
            is_awaited: view.snapshot.is_awaited(view.freshness_limits, now),
            now,
            moment: OnceCell::new(),
            moment_of_items: OnceCell::new(),
            outlook: OnceCell::new(),
            price_lists: price_lists.iter().map(|name| list_named(catalog, name)).collect(),
            variants: OnceCell::new(),
            times_today: OnceCell::new(),
            gaps: OnceCell::new(),
        }
    }

    /// Returns the instant of which something is said of items: that of the last reading, since nobody knows what was
    /// so after it.
    pub fn items_as_of(&self) -> Timestamp {
        self.view.snapshot.items_as_of(self.now)
    }

    /// Says whether the stop list was read recently enough to say anything of an item.
    pub fn sees_rows(&self) -> bool {
        match self.freshness {
            Freshness::Fresh => true,
            Freshness::Stale | Freshness::Blind => false,
        }
    }

    /// Says whether something can be said of items: the stop list is fresh, and what it names is known, or was awaited
    /// for long enough.
    pub fn sees_items(&self) -> bool {
        let watched_for = self.now.since(self.view.snapshot.watched_since);
        self.sees_rows() && (self.sees_products() || watched_for >= PRODUCTS_AWAITED_MAX)
    }

    /// Says whether the products were ever read to the end.
    pub fn sees_products(&self) -> bool {
        self.view.snapshot.catalog_read_at.is_some()
    }

    /// Says whether stations were ever read: a restaurant without one would have nowhere to cook.
    pub fn sees_stations(&self) -> bool {
        !self.catalog().stations.is_empty()
    }

    /// Returns the items in order of their ids.
    pub fn items(&self) -> impl Iterator<Item = Item<'a>> {
        let (mut products, mut rows) = (self.catalog().products.iter().peekable(), self.rows().iter().peekable());
        std::iter::from_fn(move || {
            let ids = [products.peek().map(|(id, _)| **id), rows.peek().map(|(id, _)| **id)];
            let id = ids.into_iter().flatten().min()?;
            let product = products.next_if(|(product_id, _)| **product_id == id).map(|(_, product)| product);
            let row = rows.next_if(|(row_id, _)| **row_id == id).map(|(_, row)| row);
            Some(Item { id, product, row })
        })
    }

    /// Returns the items that the stop list names, in order of their ids.
    pub fn items_with_row(&self) -> impl Iterator<Item = Item<'a>> {
        let products = &self.catalog().products;
        self.rows().iter().map(|(id, row)| Item { id: *id, product: products.get(id), row: Some(row) })
    }

    /// Returns the item of a product, unless neither catalog nor stop list knows it.
    pub fn item(&self, id: ProductId) -> Option<Item<'a>> {
        let (product, row) = (self.catalog().products.get(&id), self.rows().get(&id));
        (product.is_some() || row.is_some()).then_some(Item { id, product, row })
    }

    /// Returns the station that prepares an item.
    pub fn station_of(&self, item: &Item<'a>) -> StationLink<'a> {
        item.product.map_or(StationLink::Unread, |product| station_of(self.catalog(), product))
    }

    /// Returns how many active variants a product has; `None` when it has no variants at all.
    pub fn variants_of(&self, product: ProductId) -> Option<Variants> {
        self.variants.get_or_init(|| count_variants(self.catalog(), self.rows())).get(&product).copied()
    }

    /// Returns the venue's catalog.
    pub fn catalog(&self) -> &'a Catalog {
        &self.view.snapshot.picture.catalog
    }

    fn rows(&self) -> &'a Rows {
        &self.view.snapshot.picture.rows
    }

    /// Returns the snapshot behind the scene.
    pub fn snapshot(&self) -> &'a Snapshot {
        self.view.snapshot
    }

    /// Says how far the stop list can be trusted.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// Says whether the venue is watched, but had no chance to be read yet.
    pub fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// Returns what the venue's calendar says: of the last reading for items, of now for everything else.
    pub fn moment(&self, subject: SubjectKind) -> &Moment {
        let at = |instant: Timestamp| self.view.calendar.moment(instant);
        match subject {
            SubjectKind::Item => self.moment_of_items.get_or_init(|| at(self.items_as_of())),
            SubjectKind::Station | SubjectKind::Venue | SubjectKind::Brand => self.moment.get_or_init(|| at(self.now)),
        }
    }

    /// Returns what the clock of the venue showed at an instant, seen from the business day of the last reading.
    pub fn local_time(&self, at: Timestamp) -> LocalTime {
        self.view.calendar.local_time(at, self.items_as_of())
    }

    /// Returns how often an item ran out in the business day of the last reading.
    pub fn times_today(&self, item: ProductId) -> u32 {
        let count = || {
            let calendar = self.view.calendar;
            let today = calendar.business_day(self.items_as_of());
            let mut times: BTreeMap<ProductId, u32> = BTreeMap::new();
            for (product, _) in
                self.snapshot().stops().into_iter().filter(|(_, at)| calendar.business_day(*at) == today)
            {
                *times.entry(product).or_default() += 1;
            }
            times
        };
        self.times_today.get_or_init(count).get(&item).copied().unwrap_or(0)
    }

    /// Returns what the countdown of an item says of the time to come.
    ///
    /// # Errors
    /// Says why it says nothing; `None` when the item has no countdown.
    pub fn forecast(&self, item: ProductId) -> Foretold {
        let outlook = || Outlook::new(self.view.snapshot, self.view.calendar, self.now);
        self.outlook.get_or_init(outlook).of(item)
    }

    /// Says whether one of these windows is on for such a subject; none at all are always.
    pub fn is_within(&self, windows: &[Placed], subject: SubjectKind) -> bool {
        let is_on = |window: &Placed| self.moment(subject).windows.iter().any(|name| **name == *window.text);
        windows.is_empty() || windows.iter().any(is_on)
    }

    /// Returns how many active, visible products a station prepares.
    pub fn products_at(&self, station: StationId) -> u32 {
        u32::try_from(self.view.snapshot.picture.catalog.products_at(station)).unwrap_or(u32::MAX)
    }

    /// Returns the price of a product in a list that rules ask for; `None` when there is no such list or price.
    pub fn price(&self, list: ListIndex, product: ProductId) -> Option<Money> {
        let list = self.price_lists.get(usize::from(list.0)).copied().flatten()?;
        self.catalog().prices.get(&(list, product)).copied()
    }

    /// Returns the names of what a product lacks, in order of their ids; `None` when it lacks nothing.
    pub fn blocked_by(&self, product: ProductId) -> Option<&[String]> {
        let named = |id: &ProductId| match self.catalog().products.get(id) {
            Some(product) => product.full_name.clone(),
            None => format!("#{id}"),
        };
        let gaps = self.gaps.get_or_init(|| {
            let gaps = recipes::gaps(&self.view.snapshot.picture);
            gaps.iter().map(|(id, parts)| (*id, parts.iter().map(named).collect())).collect()
        });
        gaps.get(&product).map(Vec::as_slice)
    }

    /// Returns how many active, visible products need a product.
    pub fn blocks(&self, product: ProductId) -> u32 {
        u32::try_from(recipes::count_users(&self.view.snapshot.picture, product)).unwrap_or(u32::MAX)
    }

    /// Returns the venue's brand.
    pub fn brand(&self) -> BrandView<'a> {
        BrandView { brand: self.view.brand, access: self.view.access }
    }
}

/// Looks up as [`Catalog::station_of`] does, and tells a parent or station that was not read from one that is not there.
fn station_of<'a>(catalog: &'a Catalog, product: &Product) -> StationLink<'a> {
    let id = match (product.station, product.parent) {
        (Some(station), _) => station,
        (None, None) => return StationLink::Absent,
        (None, Some(parent)) => match catalog.products.get(&parent) {
            None => return StationLink::Unread,
            Some(parent) => match parent.station {
                Some(station) => station,
                None => return StationLink::Absent,
            },
        },
    };
    catalog.stations.get(&id).map_or(StationLink::Unread, StationLink::Found)
}

fn count_variants(catalog: &Catalog, rows: &Rows) -> BTreeMap<ProductId, Variants> {
    let mut variants: BTreeMap<ProductId, Variants> = BTreeMap::new();
    for product in catalog.products.values() {
        let Some(parent) = product.parent else { continue };
        let counts = variants.entry(parent).or_default();
        let is_out = rows.get(&product.id).is_some_and(StopRow::is_out);
        if product.active && is_out {
            counts.out += 1;
        } else if product.active {
            counts.left += 1;
        }
    }
    variants
}

/// Finds the list of that name; of several, an active one before the others.
fn list_named(catalog: &Catalog, lower_case_name: &str) -> Option<PriceListId> {
    let is_named = |name: &str| name.trim().to_lowercase() == lower_case_name;
    let named = catalog.price_lists.values().filter(|list| is_named(&list.name));
    named.max_by_key(|list| (list.active, std::cmp::Reverse(list.id))).map(|list| list.id)
}
