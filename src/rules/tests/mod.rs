//! A small restaurant to ask rules about, and the tests of this module over it.

mod expressions;
mod happenings;
mod mistakes;
mod properties;
mod truths;
mod whys;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::RuleSet;
use super::parse::{RuleFile, parse};
use super::subject::VenueView;
use crate::calendar::Calendar;
use crate::catalog::{
    Catalog, InventoryBehavior, PriceList, Product, ProductKind, RecipePart, SharedCatalog, Station, Venue,
};
use crate::document::Problems;
use crate::snapshot::{Access, FreshnessLimits, Picture, Rows, Snapshot, StopRow};
use crate::units::{BrandId, CategoryId, Money, PriceListId, ProductId, Quantity, StationId, Timestamp, VenueId, Zone};

const LIMITS: FreshnessLimits =
    FreshnessLimits { stale_after: Duration::from_mins(1), blind_after: Duration::from_mins(5) };

fn at(s: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_780_000_000_000 + s * 1000)
}

fn product(id: u64, kind: ProductKind, name: &str) -> Product {
    Product {
        station: Some(StationId(1)),
        kind,
        price: Money::from_ten_thousandths(125_000),
        cooking_time_min: 25,
        inventory: InventoryBehavior::MinusSelf,
        ..Product::plain(ProductId(id), name)
    }
}

/// 1 plov at the tandir, with salt; 2 tea at the closed bar; 3 Fanta with 4 and 5 as variants; 6 salt and 7 juice without a
/// station; 8 soup at a station, and 9 a variant of a parent, that nobody has read.
fn catalog() -> Catalog {
    let plov = Product {
        category: Some(CategoryId(10)),
        category_name: Some("Mains".to_owned()),
        low_stock: Some(Quantity::whole(10)),
        tags: vec!["lunch".to_owned(), "banquet".to_owned()],
        recipe: vec![RecipePart { ingredient: ProductId(6), gross: None }],
        ..product(1, ProductKind::Dish, "Plov")
    };
    let tea = Product { station: Some(StationId(2)), ..product(2, ProductKind::Goods, "Tea") };
    let fanta = Product { has_variants: true, ..product(3, ProductKind::Goods, "Fanta") };
    let variant = |id, name| Product {
        parent: Some(ProductId(3)),
        station: None,
        ..product(id, ProductKind::Modification, name)
    };
    let salt = Product { station: None, ..product(6, ProductKind::Ingredient, "Salt") };
    let juice = Product { station: None, ..product(7, ProductKind::Dish, "Juice") };
    let soup = Product {
        station: Some(StationId(99)),
        category: Some(CategoryId(11)),
        ..product(8, ProductKind::Other("STEW".to_owned()), "Soup")
    };
    let orphan = Product { parent: Some(ProductId(77)), ..variant(9, "Small") };
    let products = [plov, tea, fanta, variant(4, "0.5 L"), variant(5, "1.0 L"), salt, juice, soup, orphan];
    let station = |id, name: &str, active| Station {
        id: StationId(id),
        name: name.to_owned(),
        active,
        kitchen: active,
        printable: active,
    };
    let list = PriceList { id: PriceListId(1), name: "Delivery".to_owned(), active: true };
    Catalog {
        products: products.into_iter().map(|product| (product.id, product)).collect(),
        stations: [station(1, "Tandir", true), station(2, "Bar", false)].map(|station| (station.id, station)).into(),
        price_lists: BTreeMap::from([(PriceListId(1), list)]),
        prices: BTreeMap::from([((PriceListId(1), ProductId(1)), Money::from_ten_thousandths(140_000))]),
    }
}

/// Rows by product and limit, out or limited since a quarter of an hour.
fn rows(limits: &[(u64, &str)]) -> Rows {
    let row = |limit: &str| StopRow {
        limit: limit.parse().expect("a limit"),
        updated_at: Some(at(-900)),
        since: at(-900),
        seen_at: at(-890),
    };
    limits.iter().map(|(id, limit)| (ProductId(*id), row(limit))).collect()
}

/// A venue that was read just now.
fn snapshot(limits: &[(u64, &str)]) -> Snapshot {
    let venue = Venue { id: VenueId(7), name: "Sahil".to_owned(), active: true };
    Snapshot {
        picture: Picture { rows: Arc::new(rows(limits)), catalog: SharedCatalog::new(catalog()) },
        read_at: Some(at(0)),
        catalog_read_at: Some(at(-60)),
        ..Snapshot::unread(venue)
    }
}

fn brand() -> BrandId {
    BrandId::new("sahil").expect("a slug")
}

fn view<'a>(brand: &'a BrandId, access: &'a Access, snapshot: &'a Snapshot) -> VenueView<'a> {
    VenueView { brand, access, snapshot, freshness_limits: LIMITS, calendar: plain_calendar() }
}

/// A calendar in which nothing is written.
fn plain_calendar() -> &'static Calendar {
    static PLAIN: OnceLock<Calendar> = OnceLock::new();
    PLAIN.get_or_init(|| Calendar::plain(Zone::utc(), jiff::civil::time(4, 0, 0, 0)))
}

fn file(name: &str, text: &str) -> RuleFile {
    RuleFile { name: name.into(), bytes: text.as_bytes().to_vec() }
}

/// Reads rules that must be without a mistake.
fn rule_set(text: &str) -> RuleSet {
    let mut problems = Problems::new();
    let parsed = parse(&[file("test.yaml", text)], &mut problems);
    if let Some(report) = problems.into_report() {
        panic!("{text}\n{report}");
    }
    parsed.rules
}

/// A set of one rule about items with this `when`.
fn item_rule(when: &str) -> RuleSet {
    rule_set(&format!("rules: [{{ name: r, notify: [], when: {{ {when} }} }}]"))
}
