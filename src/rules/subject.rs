//! What rules look at: the items, stations, venue and brand of one moment, joined from the snapshot once.
//!
//! Never guesses: a station or product that was not read is told from one that is not there. Invariant: a scene holds
//! every product of the catalog and every row of the stop list, each id once, in order.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::calendar::{Calendar, Moment};
use crate::catalog::{Catalog, Product, Station};
use crate::rules::field::ListIndex;
use crate::rules::{Placed, SubjectKind};
use crate::snapshot::recipes::Recipes;
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

/// A product or variant at a venue with all that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The product's id.
    pub id: ProductId,
    /// The product; `None` while the catalog lacks it.
    pub product: Option<&'a Product>,
    /// Its row of the stop list; `None` means unrestricted.
    pub row: Option<&'a StopRow>,
    /// The station that prepares it.
    pub station: StationLink<'a>,
    /// Its variants; `None` when it has none.
    pub variants: Option<Variants>,
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
    items: Vec<Item<'a>>,
    station_products: BTreeMap<StationId, u32>,
    price_lists: Vec<Option<PriceListId>>,
    /// Read when the first rule asks.
    kitchen: OnceCell<Kitchen>,
}

/// The recipes of a venue, and the names of what each product lacks.
#[derive(Clone, Debug)]
struct Kitchen {
    recipes: Recipes,
    gaps: BTreeMap<ProductId, Vec<String>>,
}

impl<'a> Scene<'a> {
    /// Joins the snapshot. `price_lists` are the lower-case names that rules ask for, in the order of their index.
    pub fn new(view: VenueView<'a>, price_lists: &[String], now: Timestamp) -> Self {
        let catalog = view.snapshot.picture.catalog.as_ref();
        let mut items = join(catalog, &view.snapshot.picture.rows);
        count_variants(&mut items);
        let mut station_products = BTreeMap::new();
        for item in &items {
            if let (Some(product), StationLink::Found(station)) = (item.product, item.station)
                && product.active
                && !product.hidden
            {
                *station_products.entry(station.id).or_insert(0) += 1;
            }
        }
        let price_lists = price_lists.iter().map(|name| list_named(catalog, name)).collect();
        let freshness = view.snapshot.freshness(view.freshness_limits, now);
        let is_awaited = view.snapshot.is_awaited(view.freshness_limits, now);
        let (moment, moment_of_items, kitchen) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self {
            view,
            freshness,
            is_awaited,
            now,
            moment,
            moment_of_items,
            items,
            station_products,
            price_lists,
            kitchen,
        }
    }

    /// Returns the instant of which something is said of items: that of the last reading, since nobody knows what was
    /// so after it.
    pub fn items_as_of(&self) -> Timestamp {
        self.view.snapshot.read_at.unwrap_or(self.now).min(self.now)
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
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    /// Returns the item of a product, unless neither catalog nor stop list knows it.
    pub fn item(&self, id: ProductId) -> Option<&Item<'a>> {
        self.items.binary_search_by_key(&id, |item| item.id).ok().map(|at| &self.items[at])
    }

    /// Returns the venue's catalog.
    pub fn catalog(&self) -> &'a Catalog {
        &self.view.snapshot.picture.catalog
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

    /// Says whether one of these windows is on for such a subject; none at all are always.
    pub fn is_within(&self, windows: &[Placed], subject: SubjectKind) -> bool {
        let is_on = |window: &Placed| self.moment(subject).windows.iter().any(|name| **name == *window.text);
        windows.is_empty() || windows.iter().any(is_on)
    }

    /// Returns how many active, visible products a station prepares.
    pub fn products_at(&self, station: StationId) -> u32 {
        self.station_products.get(&station).copied().unwrap_or(0)
    }

    /// Returns the price of a product in a list that rules ask for; `None` when there is no such list or price.
    pub fn price(&self, list: ListIndex, product: ProductId) -> Option<Money> {
        let list = self.price_lists.get(usize::from(list.0)).copied().flatten()?;
        self.catalog().prices.get(&(list, product)).copied()
    }

    /// Returns the names of what a product lacks, in order of their ids; `None` when it lacks nothing.
    pub fn blocked_by(&self, product: ProductId) -> Option<&[String]> {
        self.kitchen().gaps.get(&product).map(Vec::as_slice)
    }

    /// Returns how many active, visible products need a product.
    pub fn blocks(&self, product: ProductId) -> u32 {
        u32::try_from(self.kitchen().recipes.count_users(&self.view.snapshot.picture, product)).unwrap_or(u32::MAX)
    }

    fn kitchen(&self) -> &Kitchen {
        self.kitchen.get_or_init(|| {
            let picture = &self.view.snapshot.picture;
            let recipes = Recipes::of(picture);
            let named = |id: &ProductId| match self.catalog().products.get(id) {
                Some(product) => product.full_name.clone(),
                None => format!("#{id}"),
            };
            let gaps = recipes.gaps().iter().map(|(id, parts)| (*id, parts.iter().map(named).collect())).collect();
            Kitchen { recipes, gaps }
        })
    }

    /// Returns the venue's brand.
    pub fn brand(&self) -> BrandView<'a> {
        BrandView { brand: self.view.brand, access: self.view.access }
    }
}

/// Merges products and rows, both in order of their ids.
fn join<'a>(catalog: &'a Catalog, rows: &'a Rows) -> Vec<Item<'a>> {
    let mut items = Vec::with_capacity(catalog.products.len() + rows.len());
    let mut rows = rows.iter().peekable();
    for (id, product) in &catalog.products {
        while let Some((row_id, row)) = rows.next_if(|(row_id, _)| *row_id < id) {
            items.push(unknown_item(*row_id, row));
        }
        let row = rows.next_if(|(row_id, _)| *row_id == id).map(|(_, row)| row);
        let station = station_of(catalog, product);
        items.push(Item { id: *id, product: Some(product), row, station, variants: None });
    }
    items.extend(rows.map(|(row_id, row)| unknown_item(*row_id, row)));
    items
}

fn unknown_item(id: ProductId, row: &StopRow) -> Item<'_> {
    Item { id, product: None, row: Some(row), station: StationLink::Unread, variants: None }
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

fn count_variants(items: &mut [Item<'_>]) {
    for at in 0..items.len() {
        let Some(product) = items[at].product else { continue };
        let Some(parent) = product.parent else { continue };
        let is_out = items[at].row.is_some_and(StopRow::is_out);
        let Ok(parent_at) = items.binary_search_by_key(&parent, |item| item.id) else { continue };
        let counts = items[parent_at].variants.get_or_insert_default();
        if product.active && is_out {
            counts.out += 1;
        } else if product.active {
            counts.left += 1;
        }
    }
}

/// Finds the list of that name; of several, an active one before the others.
fn list_named(catalog: &Catalog, lower_case_name: &str) -> Option<PriceListId> {
    let is_named = |name: &str| name.trim().to_lowercase() == lower_case_name;
    let named = catalog.price_lists.values().filter(|list| is_named(&list.name));
    named.max_by_key(|list| (list.active, std::cmp::Reverse(list.id))).map(|list| list.id)
}
