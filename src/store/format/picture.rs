//! The stored form of a venue's snapshot and catalog.
//!
//! Age since the last change, trouble and doubt are not stored: they are read anew.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::{
    Catalog, InventoryBehavior, Modifier, PriceList, Product, ProductKind, RecipePart, SharedCatalog, Station, Venue,
};
use crate::snapshot::pace::{Batch, Pace, Pause};
use crate::snapshot::{Gap, Outage, Picture, Snapshot, StopRow};
use crate::store::StoreError;
use crate::store::format::{json, parse};
use crate::units::{CategoryId, Money, PriceListId, ProductId, Quantity, StationId, Timestamp, VenueId};

#[derive(Serialize, Deserialize)]
struct StoredVenue {
    v: u32,
    name: String,
    active: bool,
    rows: Vec<StoredRow>,
    returned: Vec<(u64, i64)>,
    /// Since when and until when something was out; databases of before the reports have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outages: Vec<(u64, i64, i64)>,
    /// From when until when nobody read the list; older databases have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    found_after_gap: Vec<u64>,
    /// Databases of before the forecast have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paces: Vec<StoredPace>,
    /// Databases of before the report of a week have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_read_at: Option<i64>,
    read_at: Option<i64>,
    changed_at: Option<i64>,
    catalog_read_at: Option<i64>,
    stations_read_at: Option<i64>,
    prices_read_at: Option<i64>,
    missing_products: Vec<u64>,
    missing_stations: Vec<u64>,
    unknown_products: Vec<u64>,
    seq: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRow {
    id: u64,
    limit: i64,
    updated_at: Option<i64>,
    since: i64,
    seen_at: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredPace {
    id: u64,
    since: i64,
    /// The first and the last step of each batch, what it sold and how many steps it has.
    batches: Vec<(i64, i64, i64, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pauses: Vec<(i64, i64)>,
}

#[derive(Serialize, Deserialize)]
struct StoredCatalog {
    v: u32,
    products: Vec<StoredProduct>,
    stations: Vec<StoredStation>,
    price_lists: Vec<StoredPriceList>,
    prices: Vec<(u64, u64, i64)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredProduct {
    id: u64,
    parent: Option<u64>,
    station: Option<u64>,
    category: Option<u64>,
    category_name: Option<String>,
    kind: String,
    name: String,
    full_name: String,
    active: bool,
    hidden: bool,
    sold_by_weight: bool,
    has_variants: bool,
    price: i64,
    cost_price: i64,
    cooking_time_min: u32,
    inventory: i64,
    low_stock: Option<i64>,
    tags: Vec<String>,
    recipe: Vec<(u64, Option<i64>)>,
    modifiers: Vec<(u64, String, Option<u64>)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredStation {
    id: u64,
    name: String,
    active: bool,
    kitchen: bool,
    printable: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredPriceList {
    id: u64,
    name: String,
    active: bool,
}

/// Writes everything of a snapshot but its catalog; age since the last change, trouble and doubt are read anew.
pub fn encode_venue(snapshot: &Snapshot) -> String {
    let Snapshot {
        venue: Venue { id: _, name, active },
        picture: Picture { rows, catalog: _ },
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
    } = snapshot;
    json(&StoredVenue {
        v: 1,
        name: name.clone(),
        active: *active,
        rows: rows.iter().map(|(id, row)| stored_row(*id, row)).collect(),
        returned: returned.iter().map(|(id, at)| (id.0, at.unix_ms())).collect(),
        outages: outages.iter().map(stored_outage).collect(),
        gaps: gaps.iter().copied().map(stored_gap).collect(),
        found_after_gap: found_after_gap.iter().map(|id| id.0).collect(),
        paces: paces.iter().map(|(id, pace)| stored_pace(*id, pace)).collect(),
        first_read_at: first_read_at.map(Timestamp::unix_ms),
        read_at: read_at.map(Timestamp::unix_ms),
        changed_at: changed_at.map(Timestamp::unix_ms),
        catalog_read_at: catalog_read_at.map(Timestamp::unix_ms),
        stations_read_at: stations_read_at.map(Timestamp::unix_ms),
        prices_read_at: prices_read_at.map(Timestamp::unix_ms),
        missing_products: missing_products.iter().map(|id| id.0).collect(),
        missing_stations: missing_stations.iter().map(|id| id.0).collect(),
        unknown_products: unknown_products.iter().map(|id| id.0).collect(),
        seq: *seq,
    })
}

/// Reads a snapshot back and joins it with its catalog.
pub fn decode_venue(id: VenueId, body: &str, catalog: impl Into<SharedCatalog>) -> Result<Snapshot, StoreError> {
    let stored: StoredVenue = parse("venue", body)?;
    let rows = stored.rows.into_iter().map(|row| (ProductId(row.id), row_of(&row))).collect();
    let at = |ms: Option<i64>| ms.map(Timestamp::from_unix_ms);
    let products = |ids: Vec<u64>| -> BTreeSet<ProductId> { ids.into_iter().map(ProductId).collect() };
    Ok(Snapshot {
        venue: Venue { id, name: stored.name, active: stored.active },
        picture: Picture { rows: Arc::new(rows), catalog: catalog.into() },
        returned: stored.returned.into_iter().map(|(id, ms)| (ProductId(id), Timestamp::from_unix_ms(ms))).collect(),
        outages: stored.outages.into_iter().map(outage_of).collect(),
        gaps: stored.gaps.into_iter().map(gap_of).collect(),
        found_after_gap: products(stored.found_after_gap),
        paces: Arc::new(stored.paces.into_iter().map(|pace| (ProductId(pace.id), pace_of(&pace))).collect()),
        watched_since: Timestamp::from_unix_ms(0),
        first_read_at: at(stored.first_read_at),
        read_at: at(stored.read_at),
        followed_at: None,
        noted_at: None,
        changed_at: at(stored.changed_at),
        catalog_read_at: at(stored.catalog_read_at),
        stations_read_at: at(stored.stations_read_at),
        prices_read_at: at(stored.prices_read_at),
        missing_products: products(stored.missing_products),
        missing_stations: stored.missing_stations.into_iter().map(StationId).collect(),
        unknown_products: products(stored.unknown_products),
        doubt: None,
        trouble: None,
        seq: stored.seq,
    })
}

pub(super) fn stored_row(id: ProductId, row: &StopRow) -> StoredRow {
    let StopRow { limit, updated_at, since, seen_at } = row;
    StoredRow {
        id: id.0,
        limit: limit.millionths(),
        updated_at: updated_at.map(Timestamp::unix_ms),
        since: since.unix_ms(),
        seen_at: seen_at.unix_ms(),
    }
}

pub(super) fn row_of(stored: &StoredRow) -> StopRow {
    let StoredRow { id: _, limit, updated_at, since, seen_at } = stored;
    StopRow {
        limit: Quantity::from_millionths(*limit),
        updated_at: updated_at.map(Timestamp::from_unix_ms),
        since: Timestamp::from_unix_ms(*since),
        seen_at: Timestamp::from_unix_ms(*seen_at),
    }
}

fn stored_outage(outage: &Outage) -> (u64, i64, i64) {
    let Outage { product, since, back_at } = outage;
    (product.0, since.unix_ms(), back_at.unix_ms())
}

fn outage_of((product, since, back_at): (u64, i64, i64)) -> Outage {
    let at = Timestamp::from_unix_ms;
    Outage { product: ProductId(product), since: at(since), back_at: at(back_at) }
}

pub(super) fn stored_gap(Gap { from, until }: Gap) -> (i64, i64) {
    (from.unix_ms(), until.unix_ms())
}

pub(super) fn gap_of((from, until): (i64, i64)) -> Gap {
    Gap { from: Timestamp::from_unix_ms(from), until: Timestamp::from_unix_ms(until) }
}

fn stored_pace(id: ProductId, pace: &Pace) -> StoredPace {
    let Pace { since, batches, pauses } = pace;
    let batch =
        |Batch { from, until, sold, steps }: &Batch| (from.unix_ms(), until.unix_ms(), sold.millionths(), *steps);
    let pause = |Pause { from, until }: &Pause| (from.unix_ms(), until.unix_ms());
    StoredPace {
        id: id.0,
        since: since.unix_ms(),
        batches: batches.iter().map(batch).collect(),
        pauses: pauses.iter().map(pause).collect(),
    }
}

fn pace_of(stored: &StoredPace) -> Pace {
    let StoredPace { id: _, since, batches, pauses } = stored;
    let at = Timestamp::from_unix_ms;
    let batch = |(from, until, sold, steps): &(i64, i64, i64, u32)| Batch {
        from: at(*from),
        until: at(*until),
        sold: Quantity::from_millionths(*sold),
        steps: *steps,
    };
    let pause = |(from, until): &(i64, i64)| Pause { from: at(*from), until: at(*until) };
    Pace { since: at(*since), batches: batches.iter().map(batch).collect(), pauses: pauses.iter().map(pause).collect() }
}

/// Writes a catalog.
pub fn encode_catalog(catalog: &Catalog) -> String {
    let Catalog { products, stations, price_lists, prices } = catalog;
    json(&StoredCatalog {
        v: 1,
        products: products.values().map(stored_product).collect(),
        stations: stations.values().map(stored_station).collect(),
        price_lists: price_lists.values().map(stored_price_list).collect(),
        prices: prices.iter().map(|((list, product), price)| (list.0, product.0, price.ten_thousandths())).collect(),
    })
}

/// Reads a catalog back.
pub fn decode_catalog(body: &str) -> Result<Catalog, StoreError> {
    let stored: StoredCatalog = parse("catalog", body)?;
    let price = |(list, product, price)| ((PriceListId(list), ProductId(product)), Money::from_ten_thousandths(price));
    Ok(Catalog {
        products: stored.products.into_iter().map(|product| (ProductId(product.id), product_of(product))).collect(),
        stations: stored.stations.into_iter().map(|station| (StationId(station.id), station_of(station))).collect(),
        price_lists: stored.price_lists.into_iter().map(|list| (PriceListId(list.id), price_list_of(list))).collect(),
        prices: stored.prices.into_iter().map(price).collect(),
    })
}

pub(super) fn stored_product(product: &Product) -> StoredProduct {
    let Product {
        id,
        parent,
        station,
        category,
        category_name,
        kind,
        name,
        full_name,
        active,
        hidden,
        sold_by_weight,
        has_variants,
        price,
        cost_price,
        cooking_time_min,
        inventory,
        low_stock,
        tags,
        recipe,
        modifiers,
    } = product;
    StoredProduct {
        id: id.0,
        parent: parent.map(|id| id.0),
        station: station.map(|id| id.0),
        category: category.map(|id| id.0),
        category_name: category_name.clone(),
        kind: kind.word().to_owned(),
        name: name.clone(),
        full_name: full_name.clone(),
        active: *active,
        hidden: *hidden,
        sold_by_weight: *sold_by_weight,
        has_variants: *has_variants,
        price: price.ten_thousandths(),
        cost_price: cost_price.ten_thousandths(),
        cooking_time_min: *cooking_time_min,
        inventory: inventory_number(*inventory),
        low_stock: low_stock.map(Quantity::millionths),
        tags: tags.clone(),
        recipe: recipe.iter().map(|part| (part.ingredient.0, part.gross.map(Quantity::millionths))).collect(),
        modifiers: modifiers.iter().map(|m| (m.id, m.name.clone(), m.ingredient.map(|id| id.0))).collect(),
    }
}

pub(super) fn product_of(stored: StoredProduct) -> Product {
    let part = |(ingredient, gross): (u64, Option<i64>)| RecipePart {
        ingredient: ProductId(ingredient),
        gross: gross.map(Quantity::from_millionths),
    };
    let modifier = |(id, name, ingredient): (u64, String, Option<u64>)| Modifier {
        id,
        name,
        ingredient: ingredient.map(ProductId),
    };
    Product {
        id: ProductId(stored.id),
        parent: stored.parent.map(ProductId),
        station: stored.station.map(StationId),
        category: stored.category.map(CategoryId),
        category_name: stored.category_name,
        kind: ProductKind::from_word(&stored.kind),
        name: stored.name,
        full_name: stored.full_name,
        active: stored.active,
        hidden: stored.hidden,
        sold_by_weight: stored.sold_by_weight,
        has_variants: stored.has_variants,
        price: Money::from_ten_thousandths(stored.price),
        cost_price: Money::from_ten_thousandths(stored.cost_price),
        cooking_time_min: stored.cooking_time_min,
        inventory: inventory_of(stored.inventory),
        low_stock: stored.low_stock.map(Quantity::from_millionths),
        tags: stored.tags,
        recipe: stored.recipe.into_iter().map(part).collect(),
        modifiers: stored.modifiers.into_iter().map(modifier).collect(),
    }
}

const fn inventory_number(inventory: InventoryBehavior) -> i64 {
    match inventory {
        InventoryBehavior::MinusIngredients => 0,
        InventoryBehavior::MinusSelf => 1,
        InventoryBehavior::Passive => 3,
        InventoryBehavior::Other(number) => number,
    }
}

const fn inventory_of(number: i64) -> InventoryBehavior {
    match number {
        0 => InventoryBehavior::MinusIngredients,
        1 => InventoryBehavior::MinusSelf,
        3 => InventoryBehavior::Passive,
        other => InventoryBehavior::Other(other),
    }
}

pub(super) fn stored_station(station: &Station) -> StoredStation {
    let Station { id, name, active, kitchen, printable } = station;
    StoredStation { id: id.0, name: name.clone(), active: *active, kitchen: *kitchen, printable: *printable }
}

pub(super) fn station_of(stored: StoredStation) -> Station {
    let StoredStation { id, name, active, kitchen, printable } = stored;
    Station { id: StationId(id), name, active, kitchen, printable }
}

pub(super) fn stored_price_list(list: &PriceList) -> StoredPriceList {
    let PriceList { id, name, active } = list;
    StoredPriceList { id: id.0, name: name.clone(), active: *active }
}

pub(super) fn price_list_of(stored: StoredPriceList) -> PriceList {
    let StoredPriceList { id, name, active } = stored;
    PriceList { id: PriceListId(id), name, active }
}

/// Reads catalogs. Those of venues that sell the same are read once, and are one.
#[derive(Debug, Default)]
pub struct Catalogs {
    /// By what identifies a body.
    read: BTreeMap<[u8; 32], SharedCatalog>,
}

impl Catalogs {
    /// Reads a stored catalog, unless the same was read before.
    pub fn read(&mut self, body: &str) -> Result<SharedCatalog, StoreError> {
        match self.read.entry(Sha256::digest(body).into()) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => Ok(entry.insert(decode_catalog(body)?.into()).clone()),
        }
    }
}
