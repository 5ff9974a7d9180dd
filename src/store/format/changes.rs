//! The stored form of the history: what changed where.
//!
//! A line holds both sides of the change, so that either can be told without the lines around it.

use serde::Serialize;

use crate::catalog::{PriceList, Product, Station};
use crate::snapshot::StopRow;
use crate::snapshot::diff::Change;
use crate::store::format::json;
use crate::store::format::picture::{stored_price_list, stored_product, stored_row, stored_station};
use crate::units::{Money, ProductId};

#[derive(Serialize)]
struct StoredChange {
    kind: &'static str,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
}

/// Writes a line of the history: its subject and its body.
pub fn encode_change(change: &Change) -> (String, String) {
    let row = |id: ProductId, row: &Option<StopRow>| row.as_ref().map(|row| value(&stored_row(id, row)));
    let (subject, kind, before, after) = match change {
        Change::Row { product, before, after } => {
            (format!("item:{product}"), "stop", row(*product, before), row(*product, after))
        }
        Change::Product { id, before, after } => {
            let product =
                |product: &Option<Box<Product>>| product.as_deref().map(|product| value(&stored_product(product)));
            (format!("item:{id}"), "product", product(before), product(after))
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
            (format!("item:{product}"), "price", price(before), price(after))
        }
    };
    (subject, json(&StoredChange { kind, before, after }))
}

fn value(stored: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(stored).unwrap_or_default()
}
