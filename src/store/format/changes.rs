//! The stored form of the history: what changed where.
//!
//! A line holds both sides of the change, so that either can be told without the lines around it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::catalog::{PriceList, Product, Station};
use crate::snapshot::StopRow;
use crate::snapshot::diff::Change;
use crate::store::StoreError;
use crate::store::format::picture::{
    StoredPriceList, StoredProduct, StoredRow, StoredStation, price_list_of, product_of, row_of, station_of,
    stored_price_list, stored_product, stored_row, stored_station,
};
use crate::store::format::{json, parse};
use crate::units::{Money, PriceListId, ProductId, StationId};

#[derive(Serialize)]
struct StoredChange {
    kind: &'static str,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
}

/// The same, read: each side in the form that its kind has.
#[derive(Deserialize)]
struct ReadChange<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
}

/// What the body of every line begins with that is about a row of a stop list, so that the others need not be read.
pub const STOP_BEGINS: &str = r#"{"kind":"stop","#;

/// Returns the subject of every line about a product or variant.
pub fn subject_of_item(product: ProductId) -> String {
    format!("item:{product}")
}

/// Writes a line of the history: its subject and its body.
pub fn encode_change(change: &Change) -> (String, String) {
    let row = |id: ProductId, row: &Option<StopRow>| row.as_ref().map(|row| value(&stored_row(id, row)));
    let (subject, kind, before, after) = match change {
        Change::Row { product, before, after } => {
            (subject_of_item(*product), "stop", row(*product, before), row(*product, after))
        }
        Change::Product { id, before, after } => {
            let product =
                |product: &Option<Box<Product>>| product.as_deref().map(|product| value(&stored_product(product)));
            (subject_of_item(*id), "product", product(before), product(after))
        }
        Change::Station { id, before, after } => {
            let station = |station: &Option<Station>| station.as_ref().map(|station| value(&stored_station(station)));
            (format!("station:{id}"), "station", station(before), station(after))
        }
        Change::PriceList { id, before, after } => {
            let list = |list: &Option<PriceList>| list.as_ref().map(|list| value(&stored_price_list(list)));
            (format!("price-list:{}", id.0), "price-list", list(before), list(after))
        }
        Change::Price { list, product, before, after } => {
            let price = |price: &Option<Money>| price.map(|price| value(&(list.0, price.ten_thousandths())));
            (subject_of_item(*product), "price", price(before), price(after))
        }
    };
    (subject, json(&StoredChange { kind, before, after }))
}

/// Reads a line of the history back.
pub fn decode_change(subject: &str, body: &str) -> Result<Change, StoreError> {
    let ReadChange { kind, before, after } = parse(WHAT, body)?;
    let unreadable = || StoreError::unreadable(WHAT, &format!("'{subject}' of the kind '{kind}' is not one"));
    let (class, id) = subject.split_once(':').ok_or_else(unreadable)?;
    let id: u64 = id.parse().map_err(|_| unreadable())?;
    match (class, &*kind) {
        ("item", "stop") => {
            let row = |stored| Ok(side::<StoredRow>(stored)?.map(|stored| row_of(&stored)));
            Ok(Change::Row { product: ProductId(id), before: row(before)?, after: row(after)? })
        }
        ("item", "product") => {
            let product = |stored| Ok(side::<StoredProduct>(stored)?.map(product_of).map(Box::new));
            Ok(Change::Product { id: ProductId(id), before: product(before)?, after: product(after)? })
        }
        ("station", "station") => {
            let station = |stored| Ok(side::<StoredStation>(stored)?.map(station_of));
            Ok(Change::Station { id: StationId(id), before: station(before)?, after: station(after)? })
        }
        ("price-list", "price-list") => {
            let list = |stored| Ok(side::<StoredPriceList>(stored)?.map(price_list_of));
            Ok(Change::PriceList { id: PriceListId(id), before: list(before)?, after: list(after)? })
        }
        ("item", "price") => {
            let (before, after) = (side::<(u64, i64)>(before)?, side::<(u64, i64)>(after)?);
            let list = PriceListId(before.or(after).ok_or_else(unreadable)?.0);
            let amount = |side: Option<(u64, i64)>| side.map(|(_, amount)| Money::from_ten_thousandths(amount));
            Ok(Change::Price { list, product: ProductId(id), before: amount(before), after: amount(after) })
        }
        _ => Err(unreadable()),
    }
}

/// What a line is called when it cannot be read.
const WHAT: &str = "line of the history";

fn side<'a, T: Deserialize<'a>>(stored: Option<&'a RawValue>) -> Result<Option<T>, StoreError> {
    stored.map(|stored| parse(WHAT, stored.get())).transpose()
}

fn value(stored: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(stored).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_about_rows_and_no_others_begin_as_they_are_looked_for() {
        let begins = |change: &Change| encode_change(change).1.starts_with(STOP_BEGINS);
        assert!(begins(&Change::Row { product: ProductId(1), before: None, after: None }));
        assert!(!begins(&Change::Product { id: ProductId(1), before: None, after: None }));
        let (list, product) = (PriceListId(1), ProductId(1));
        assert!(!begins(&Change::Price { list, product, before: None, after: None }));
    }
}
