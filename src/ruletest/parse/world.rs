//! The world of a test: the venue, its stations, what it sells and what of it is limited.
//!
//! Everything but names has a default that a working kitchen has. Ids are given in the order of the file, so that topics
//! can be named. Invariant: what is named is there, or was told to be missing.

use std::str::FromStr;
use std::sync::Arc;

use crate::catalog::{Catalog, InventoryBehavior, PriceList, Product, ProductKind, RecipePart, Station};
use crate::document::{Entry, Fields, Node, Problems};
use crate::ruletest::World;
use crate::ruletest::parse::{SHOWN_MAX, unknown};
use crate::units::{CategoryId, Money, PriceListId, ProductId, Quantity, StationId, printable};

/// The words of what is switched on or off.
pub(super) const STATUS: [(&str, bool); 2] = [("active", true), ("inactive", false)];
/// The types of products, by the words of Clopos.
pub(super) const KINDS: [&str; 7] = ["GOODS", "DISH", "TIMER", "PREPARATION", "INGREDIENT", "MODIFICATION", "MODIFIER"];
/// The base price of a product that names none.
const PRICE_DEFAULT: Money = Money::from_ten_thousandths(10_0000);

/// Adds what a `world` section holds; what it names again is replaced.
pub(super) fn extend(world: &mut World, node: &Node, problems: &mut Problems) {
    let such_as = "{ stations: { Kitchen: active }, products: { Lamb kebab: { station: Kitchen } } }";
    let Some(mut fields) = node.fields(such_as, problems) else { return };
    if let Some(name) = fields.optional("venue").and_then(|node| node.text(problems)) {
        name.clone_into(&mut world.venue);
    }
    if let Some(node) = fields.optional("stations") {
        for entry in node.entries("{ Kitchen: active, Bar: inactive }", problems).unwrap_or_default() {
            let Some(active) = entry.node.word(&STATUS, problems) else { continue };
            add_station(world, &entry.key, active);
        }
    }
    if let Some(node) = fields.optional("products") {
        for entry in node.entries("{ Lamb kebab: { station: Kitchen } }", problems).unwrap_or_default() {
            add_product(world, entry, problems);
        }
    }
    if let Some(node) = fields.optional("prices") {
        for (list, product, price) in prices(world, node, problems) {
            world.catalog.prices.insert((list, product), price);
        }
    }
    if let Some(node) = fields.optional("stop") {
        world.limits.extend(limits(world, node, problems));
    }
    fields.finish(problems);
}

fn add_station(world: &mut World, name: &str, active: bool) {
    let stations = &mut world.catalog.stations;
    let known = stations.values().find(|station| station.name == name).map(|station| station.id);
    let id = known.unwrap_or(StationId(stations.len() as u64 + 1));
    stations.insert(id, Station { id, name: name.to_owned(), active, kitchen: true, printable: true });
}

/// Adds a product, or changes one that is there already, and returns it.
pub(super) fn add_product(world: &mut World, entry: &Entry, problems: &mut Problems) -> Option<Product> {
    let products = &world.catalog.products;
    let known = products.values().find(|product| product.full_name == *entry.key).cloned();
    let id = ProductId(products.keys().next_back().map_or(1, |last| last.0 + 1));
    let mut product = known.unwrap_or_else(|| plain(id, &entry.key));
    if !entry.node.is_nothing() {
        let mut fields = entry.node.fields("{ station: Kitchen, low_stock: 5 }", problems)?;
        edit(&mut product, &mut fields, &world.catalog, problems);
        fields.finish(problems);
    }
    world.catalog.products.insert(product.id, product.clone());
    Some(product)
}

/// A dish that guests can order, and that nobody assigned to a station.
fn plain(id: ProductId, name: &str) -> Product {
    Product { price: PRICE_DEFAULT, inventory: InventoryBehavior::MinusIngredients, ..Product::plain(id, name) }
}

fn edit(product: &mut Product, fields: &mut Fields<'_>, catalog: &Catalog, problems: &mut Problems) {
    if let Some(node) = fields.optional("parent") {
        let parent = node.text(problems).and_then(|name| find(catalog, name, node, problems));
        if let Some(parent) = parent.and_then(|id| catalog.products.get(&id)) {
            make_variant(product, parent, node, problems);
        }
    }
    let kinds = KINDS.map(|word| (word, word));
    if let Some(word) = fields.optional("type").and_then(|node| node.word(&kinds, problems)) {
        product.kind = ProductKind::from_word(word);
    }
    if let Some(active) = fields.optional("status").and_then(|node| node.word(&STATUS, problems)) {
        product.active = active;
    }
    if let Some(hidden) = fields.optional("hidden").and_then(|node| node.flag(problems)) {
        product.hidden = hidden;
    }
    if let Some(flag) = fields.optional("sold_by_weight").and_then(|node| node.flag(problems)) {
        product.sold_by_weight = flag;
    }
    if let Some(node) = fields.optional("station") {
        // `none` is what nobody assigned to a station.
        let is_none = node.as_scalar().is_some_and(|(text, _)| text == "none");
        product.station = if is_none { None } else { station(catalog, node, problems).map(|station| station.id) };
    }
    if let Some(node) = fields.optional("recipe") {
        let part = |item: &Node, problems: &mut Problems| find(catalog, item.text(problems)?, item, problems);
        let parts = node.one_or_more().iter().filter_map(|item| part(item, problems));
        product.recipe = parts.map(|ingredient| RecipePart { ingredient, gross: None }).collect();
    }
    if let Some(price) = fields.optional("price").and_then(|node| number(node, "a price such as 8.50", problems)) {
        product.price = price;
    }
    if let Some(price) = fields.optional("cost_price").and_then(|node| number(node, "a price such as 2.10", problems)) {
        product.cost_price = price;
    }
    if let Some(node) = fields.optional("low_stock") {
        product.low_stock = number(node, "a number such as 5", problems);
    }
    let id = fields.optional("category_id").map(|node| node.integer(&(1..=i64::MAX), "", problems));
    if let Some(name) = fields.optional("category").and_then(|node| node.text(problems)) {
        product.category_name = Some(name.to_owned());
        product.category = Some(category_named(catalog, name));
    }
    if let Some(id) = id {
        product.category = id.and_then(|id| u64::try_from(id).ok()).map(CategoryId);
    }
    if let Some(node) = fields.optional("tags") {
        product.tags = node.one_or_more().iter().filter_map(|tag| tag.text(problems).map(str::to_owned)).collect();
    }
}

/// Returns the category of that name; one that is new gets the next number, as Clopos has none without.
fn category_named(catalog: &Catalog, name: &str) -> CategoryId {
    let products = || catalog.products.values();
    let named = products().find(|product| product.category_name.as_deref() == Some(name));
    let next = products().filter_map(|product| product.category).max().map_or(1, |last| last.0 + 1);
    named.and_then(|product| product.category).unwrap_or(CategoryId(next))
}

/// Makes a product a variant as Clopos lists them: of a type of its own, and with its own part of the name for short.
fn make_variant(product: &mut Product, parent: &Product, node: &Node, problems: &mut Problems) {
    let own = product.full_name.strip_prefix(&parent.full_name).and_then(|rest| rest.strip_prefix(' '));
    let Some(own) = own else {
        let message =
            format!("the variant '{}' is not named with its parent", printable(&product.full_name, SHOWN_MAX));
        let help = format!("write '{} {}'", parent.full_name, product.full_name);
        return problems.tell_with_help(&node.place, message, help);
    };
    product.name = own.to_owned();
    product.kind = ProductKind::Modification;
    product.parent = Some(parent.id);
}

fn number<T: FromStr<Err = String>>(node: &Node, expected: &str, problems: &mut Problems) -> Option<T> {
    match node.as_scalar().and_then(|(text, _)| text.parse().ok()) {
        Some(number) => Some(number),
        None => node.refuse(expected, problems),
    }
}

/// Reads `{ Lamb kebab: 0 }`.
pub(super) fn limits(world: &World, node: &Node, problems: &mut Problems) -> Vec<(ProductId, Quantity)> {
    let entries = node.entries("{ Lamb kebab: 0 }", problems).unwrap_or_default();
    let mut limits = Vec::new();
    for entry in entries {
        let product = find_at(&world.catalog, entry, problems);
        let limit = number(&entry.node, "what is left, such as 0 or 2.5", problems);
        limits.extend(product.zip(limit));
    }
    limits
}

/// Reads `{ Delivery: { Lamb kebab: 9.50 } }`; a list that was not there yet is added.
pub(super) fn prices(world: &mut World, node: &Node, problems: &mut Problems) -> Vec<(PriceListId, ProductId, Money)> {
    let such_as = "{ Delivery: { Lamb kebab: 9.50 } }";
    let mut prices = Vec::new();
    for entry in node.entries(such_as, problems).unwrap_or_default() {
        let lists = &mut world.catalog.price_lists;
        let known = lists.values().find(|list| list.name == *entry.key).map(|list| list.id);
        let id = known.unwrap_or(PriceListId(lists.len() as u64 + 1));
        lists.entry(id).or_insert_with(|| PriceList { id, name: entry.key.to_string(), active: true });
        for entry in entry.node.entries("{ Lamb kebab: 9.50 }", problems).unwrap_or_default() {
            let product = find_at(&world.catalog, entry, problems);
            let price = number(&entry.node, "a price such as 9.50", problems);
            prices.extend(product.zip(price).map(|(product, price)| (id, product, price)));
        }
    }
    prices
}

/// Finds the station that is named by the node.
pub(super) fn station<'c>(catalog: &'c Catalog, node: &Node, problems: &mut Problems) -> Option<&'c Station> {
    let name = node.text(problems)?;
    station_named(catalog, name, node, problems)
}

pub(super) fn station_named<'c>(
    catalog: &'c Catalog,
    name: &str,
    node: &Node,
    problems: &mut Problems,
) -> Option<&'c Station> {
    let found = catalog.stations.values().find(|station| station.name == name);
    if found.is_none() {
        unknown(&node.place, name, "station", catalog.stations.values().map(|it| it.name.as_str()), problems);
    }
    found
}

/// Finds a product of the world by its name, and tells when there is none.
pub(super) fn find(catalog: &Catalog, name: &str, node: &Node, problems: &mut Problems) -> Option<ProductId> {
    let found = catalog.products.values().find(|product| product.full_name == name);
    if found.is_none() {
        let known = catalog.products.values().map(|product| product.full_name.as_str());
        unknown(&node.place, name, "product", known, problems);
    }
    found.map(|product| product.id)
}

pub(super) fn find_at(catalog: &Catalog, entry: &Entry, problems: &mut Problems) -> Option<ProductId> {
    let place = Node { place: entry.place.clone(), label: Arc::clone(&entry.key), value: entry.node.value.clone() };
    find(catalog, &entry.key, &place, problems)
}
