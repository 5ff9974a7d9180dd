//! Two pictures of a venue -> the changes between them, and back.
//!
//! Invariant, tested: applying the changes from A to B to A gives B, taking them back from B gives A; the changes from A
//! to A are none.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{Catalog, PriceList, Product, Station};
use crate::snapshot::{Picture, StopRow};
use crate::units::{BrandId, Money, PriceListId, ProductId, StationId, Timestamp, VenueId};

/// One difference between two pictures; `before` and `after` are `None` where it was not, or is no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A row of the stop list.
    Row {
        /// The product or variant.
        product: ProductId,
        /// The earlier row.
        before: Option<StopRow>,
        /// The later row.
        after: Option<StopRow>,
    },
    /// A product of the catalog.
    Product {
        /// Its id.
        id: ProductId,
        /// The earlier product.
        before: Option<Box<Product>>,
        /// The later product.
        after: Option<Box<Product>>,
    },
    /// A station.
    Station {
        /// Its id.
        id: StationId,
        /// The earlier station.
        before: Option<Station>,
        /// The later station.
        after: Option<Station>,
    },
    /// A price list.
    PriceList {
        /// Its id.
        id: PriceListId,
        /// The earlier list.
        before: Option<PriceList>,
        /// The later list.
        after: Option<PriceList>,
    },
    /// The price of a product in a list.
    Price {
        /// The list.
        list: PriceListId,
        /// The product.
        product: ProductId,
        /// The earlier price.
        before: Option<Money>,
        /// The later price.
        after: Option<Money>,
    },
}

/// A line of the history: what changed where, and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The brand.
    pub brand: BrandId,
    /// The venue.
    pub venue: VenueId,
    /// When a reading first showed it.
    pub at: Timestamp,
    /// What changed.
    pub change: Change,
}

/// Returns the changes that lead from `before` to `after`, rows first, each kind in order of its ids.
pub fn diff(before: &Picture, after: &Picture) -> Vec<Change> {
    let mut changes = Vec::new();
    if !Arc::ptr_eq(&before.rows, &after.rows) {
        let row = |(product, before, after)| Change::Row { product, before, after };
        changes.extend(differences(&before.rows, &after.rows).map(row));
    }
    if before.catalog.is_same_as(&after.catalog) {
        return changes;
    }
    let (old, new) = (&before.catalog, &after.catalog);
    changes.extend(differences(&old.products, &new.products).map(|(id, before, after)| Change::Product {
        id,
        before: before.map(Box::new),
        after: after.map(Box::new),
    }));
    let station = |(id, before, after)| Change::Station { id, before, after };
    changes.extend(differences(&old.stations, &new.stations).map(station));
    let list = |(id, before, after)| Change::PriceList { id, before, after };
    changes.extend(differences(&old.price_lists, &new.price_lists).map(list));
    let price = |((list, product), before, after)| Change::Price { list, product, before, after };
    changes.extend(differences(&old.prices, &new.prices).map(price));
    changes
}

/// Returns the picture after the changes.
pub fn apply(picture: &Picture, changes: &[Change]) -> Picture {
    let mut picture = picture.clone();
    for change in changes {
        redo(&mut picture, change);
    }
    picture
}

/// Puts a change into a picture.
pub fn redo(picture: &mut Picture, change: &Change) {
    match change {
        Change::Row { product, after, .. } => set(Arc::make_mut(&mut picture.rows), *product, *after),
        Change::Product { id, after, .. } => {
            set(&mut catalog_of(picture).products, *id, after.as_deref().cloned());
        }
        Change::Station { id, after, .. } => set(&mut catalog_of(picture).stations, *id, after.clone()),
        Change::PriceList { id, after, .. } => set(&mut catalog_of(picture).price_lists, *id, after.clone()),
        Change::Price { list, product, after, .. } => set(&mut catalog_of(picture).prices, (*list, *product), *after),
    }
}

/// Takes a change back. Several of one thing are taken back in the order opposite to that in which they came.
pub fn undo(picture: &mut Picture, change: &Change) {
    match change {
        Change::Row { product, before, .. } => set(Arc::make_mut(&mut picture.rows), *product, *before),
        Change::Product { id, before, .. } => {
            set(&mut catalog_of(picture).products, *id, before.as_deref().cloned());
        }
        Change::Station { id, before, .. } => set(&mut catalog_of(picture).stations, *id, before.clone()),
        Change::PriceList { id, before, .. } => set(&mut catalog_of(picture).price_lists, *id, before.clone()),
        Change::Price { list, product, before, .. } => {
            set(&mut catalog_of(picture).prices, (*list, *product), *before);
        }
    }
}

/// Says whether a change begins with what the picture holds; of a row, with what Clopos said of it.
pub fn follows(picture: &Picture, change: &Change) -> bool {
    let (rows, catalog) = (&picture.rows, &picture.catalog);
    let said = |row: &StopRow| (row.limit, row.updated_at);
    match change {
        Change::Row { product, before, .. } => rows.get(product).map(said) == before.as_ref().map(said),
        Change::Product { id, before, .. } => catalog.products.get(id) == before.as_deref(),
        Change::Station { id, before, .. } => catalog.stations.get(id) == before.as_ref(),
        Change::PriceList { id, before, .. } => catalog.price_lists.get(id) == before.as_ref(),
        Change::Price { list, product, before, .. } => catalog.prices.get(&(*list, *product)) == before.as_ref(),
    }
}

fn catalog_of(picture: &mut Picture) -> &mut Catalog {
    picture.catalog.edit()
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// Walks both maps in step and yields each key whose values differ.
fn differences<K: Ord + Copy, V: PartialEq + Clone>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
) -> impl Iterator<Item = (K, Option<V>, Option<V>)> {
    let gone_or_changed = before.iter().filter_map(|(key, old)| {
        let new = after.get(key);
        (new != Some(old)).then(|| (*key, Some(old.clone()), new.cloned()))
    });
    let come =
        after.iter().filter(|(key, _)| !before.contains_key(key)).map(|(key, new)| (*key, None, Some(new.clone())));
    let mut found: Vec<_> = gone_or_changed.chain(come).collect();
    found.sort_by_key(|(key, ..)| *key);
    found.into_iter()
}
