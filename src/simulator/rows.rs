//! One row of each list, field by field as the seeds publish it, mixed booleans and both timestamp formats included.
//!
//! Invariant: the order of the fields is the published one, and a relation is present exactly when `with` names it.

use super::filters::{barcode, discountable};
use super::json::Json;
use super::listings::{Question, four_places};
use super::menu::{Choice, Group, Kind, Menu, PriceList, PriceRow, Product, Station};
use super::world::Venue;
use crate::units::{PriceListId, ProductId, Timestamp, VenueId, Zone};

/// The fields of a product, for `selects`; `image` is in the published example and in no row.
const FIELDS: [&str; 30] = [
    "id",
    "parent_id",
    "station_id",
    "category_id",
    "unit_id",
    "type",
    "name",
    "parent_name",
    "full_name",
    "position",
    "barcode",
    "gov_code",
    "status",
    "hidden",
    "sold_by_weight",
    "discountable",
    "giftable",
    "has_modifications",
    "description",
    "price",
    "cost_price",
    "cooking_time",
    "inventory_behavior",
    "low_stock",
    "unit_weight",
    "venues",
    "media",
    "created_at",
    "updated_at",
    "image",
];

/// Relations that were asked for.
#[derive(Clone, Copy, Debug)]
pub struct With<'a>(&'a [String]);

impl<'a> With<'a> {
    /// Takes the names of the query.
    pub const fn new(names: &'a [String]) -> Self {
        Self(names)
    }

    fn names(self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }
}

/// Reads `selects`; `None` means all fields.
///
/// # Errors
/// Returns the sentence for the answer's `message` when a field is unknown.
pub fn selects(text: Option<&str>) -> Result<Option<Vec<&str>>, String> {
    let Some(text) = text else { return Ok(None) };
    let fields: Vec<&str> = text.split(',').collect();
    let unknown = fields.iter().find(|field| !FIELDS.contains(field));
    unknown.map_or_else(|| Ok(Some(fields.clone())), |field| Err(format!("The field '{field}' is not supported")))
}

/// Writes a row of `/products`, or a variant within one.
pub fn product(question: &Question<'_>, row: &Product, with: With<'_>, selects: Option<&[&str]>) -> Json {
    let menu = &question.brand.menu;
    let mut shown = fields(menu, row);
    if let Some(selects) = selects {
        shown.retain(|(key, _)| matches!(*key, "id" | "name" | "type") || selects.contains(key));
    }
    shown.extend(relations(question, row, with));
    Json::Object(shown)
}

fn fields(menu: &Menu, row: &Product) -> Vec<(&'static str, Json)> {
    let parent = row.parent.and_then(|id| menu.products.get(&id));
    let optional = |id: Option<u64>| id.map_or(Json::Null, Json::id);
    vec![
        ("id", Json::id(row.id.0)),
        ("parent_id", optional(row.parent.map(|id| id.0))),
        ("station_id", optional(row.station.map(|id| id.0))),
        ("category_id", optional(row.category.map(|id| id.0))),
        ("unit_id", Json::Int(if row.sold_by_weight { 2 } else { 1 })),
        ("type", Json::text(row.kind.word())),
        ("name", Json::text(&row.name)),
        ("parent_name", Json::text(parent.map_or("", |parent| &parent.name))),
        ("full_name", Json::text(&row.full_name)),
        ("position", row.category.map_or(Json::Null, |_| Json::id(row.id.0 % 100))),
        ("barcode", Json::Null),
        ("gov_code", Json::Null),
        ("status", Json::flag(row.active)),
        ("hidden", Json::flag(row.hidden)),
        ("sold_by_weight", Json::Bool(row.sold_by_weight)),
        ("discountable", Json::Bool(discountable(row))),
        ("giftable", Json::Bool(row.giftable)),
        ("has_modifications", Json::Bool(menu.variants(row.id).next().is_some())),
        ("description", Json::Null),
        ("price", Json::money(row.price)),
        ("cost_price", Json::money(row.cost_price)),
        ("cooking_time", Json::id(u64::from(row.cooking_time_min))),
        ("inventory_behavior", Json::Int(row.kind.inventory_behavior())),
        ("low_stock", Json::id(u64::from(row.low_stock))),
        ("unit_weight", Json::Int(0)),
        ("venues", Json::List(Vec::new())),
        ("media", Json::List(Vec::new())),
        ("created_at", Json::Text(sql_time(row.created_at))),
        ("updated_at", Json::Text(sql_time(row.updated_at))),
    ]
}

fn relations(question: &Question<'_>, row: &Product, with: With<'_>) -> Vec<(&'static str, Json)> {
    let menu = &question.brand.menu;
    let mut shown = Vec::new();
    let mut add = |name: &'static str, value: &dyn Fn() -> Json| {
        if with.names(name) {
            shown.push((name, value()));
        }
    };
    add("category", &|| {
        let known = row.category.and_then(|id| Some((id, menu.categories.get(&id)?)));
        known.map_or(Json::Null, |(id, name)| Json::Object(vec![("id", Json::id(id.0)), ("name", Json::text(name))]))
    });
    add("station", &|| {
        let venue = question.brand.venues.get(&question.venue);
        row.station.and_then(|id| venue?.stations.get(&id)).map_or(Json::Null, station)
    });
    add("unit", &|| {
        let (id, name) = if row.sold_by_weight { (2, "kg") } else { (1, "pcs") };
        Json::Object(vec![("id", Json::Int(id)), ("name", Json::text(name))])
    });
    add("modificator_groups", &|| {
        Json::List(row.groups.iter().map(|group| modifier_group(menu, group, false)).collect())
    });
    add("recipe", &|| {
        Json::List(
            row.recipe
                .iter()
                .map(|part| {
                    Json::Object(vec![
                        ("ingredient_id", Json::id(part.ingredient.0)),
                        ("name", Json::text(name_of(menu, part.ingredient))),
                        ("gross", four_places(part.gross)),
                        ("net", four_places(part.net)),
                    ])
                })
                .collect(),
        )
    });
    add("packages", &|| packages(row));
    add("taxes", &|| taxes(row));
    add("codes", &|| codes(row));
    add("tags", &|| tags(row));
    add("setting", &|| setting(row));
    let codes_too = with.names("modifications.codes");
    if codes_too || with.names("modifications") {
        let nested = ["codes".to_owned()];
        let nested = With(if codes_too { &nested } else { &[] });
        let variants = menu.variants(row.id).map(|variant| product(question, variant, nested, None)).collect();
        shown.push(("modifications", Json::List(variants)));
    }
    shown
}

/// Writes a row of `/stations`.
pub fn station(row: &Station) -> Json {
    Json::Object(vec![
        ("id", Json::id(row.id.0)),
        ("name", Json::text(&row.name)),
        ("status", Json::flag(row.active)),
        ("type", Json::flag(row.kitchen)),
        ("printable", Json::flag(row.printable)),
        ("created_at", Json::Text(iso_time(row.created_at))),
        ("updated_at", Json::Text(iso_time(row.updated_at))),
    ])
}

/// Writes a row of `/venues`.
pub fn venue(id: VenueId, row: &Venue, main: bool) -> Json {
    Json::Object(vec![
        ("id", Json::id(id.0)),
        ("name", Json::text(&row.name)),
        ("is_main", Json::flag(main)),
        ("address", Json::Null),
        ("status", Json::Int(1)),
        ("phone", Json::Null),
        ("email", Json::Null),
        ("media", Json::List(Vec::new())),
    ])
}

/// Writes a row of `/price-lists`.
pub fn price_list(menu: &Menu, list: &PriceList, with_prices: bool) -> Json {
    let mut shown = vec![
        ("id", Json::id(list.id.0)),
        ("name", Json::text(list.name)),
        ("description", Json::text(list.description)),
        ("status", Json::Bool(list.active)),
    ];
    if with_prices {
        let rows = menu.prices.iter().filter(|((id, _), _)| *id == list.id);
        let rows = rows.map(|((list, product), row)| Json::Object(price_fields(*list, *product, row))).collect();
        shown.push(("prices", Json::List(rows)));
    }
    Json::Object(shown)
}

/// Writes a row of `/price-lists/prices`.
pub fn price(question: &Question<'_>, &(list, id, row): &(PriceListId, ProductId, PriceRow)) -> Json {
    let menu = &question.brand.menu;
    let with = With(&question.query.with);
    let mut shown = price_fields(list, id, &row);
    if with.names("product") {
        shown.push(("product", menu.products.get(&id).map_or(Json::Null, |row| priced_product(menu, row))));
    }
    if with.names("list") {
        shown.push(("list", menu.price_lists.get(&list).map_or(Json::Null, |row| price_list(menu, row, false))));
    }
    Json::Object(shown)
}

fn price_fields(list: PriceListId, product: ProductId, row: &PriceRow) -> Vec<(&'static str, Json)> {
    vec![
        ("id", Json::id(row.id)),
        ("list_id", Json::id(list.0)),
        ("product_id", Json::id(product.0)),
        ("price", Json::money(row.price)),
    ]
}

/// The product within a price, which is another shape than the product list's (seed, list prices): the recipe has
/// `pivot.gross`, timestamps are RFC 3339.
fn priced_product(menu: &Menu, row: &Product) -> Json {
    let recipe = row.recipe.iter().map(|part| {
        let cost = menu.products.get(&part.ingredient).map_or(Json::Int(0), |part| Json::money(part.cost_price));
        Json::Object(vec![
            ("id", Json::id(part.ingredient.0)),
            ("name", Json::text(name_of(menu, part.ingredient))),
            ("cost_price", cost),
            ("pivot", Json::Object(vec![("gross", four_places(part.gross))])),
        ])
    });
    let modifications = menu.variants(row.id).map(|variant| {
        Json::Object(vec![
            ("id", Json::id(variant.id.0)),
            ("parent_id", Json::id(row.id.0)),
            ("type", Json::text(variant.kind.word())),
            ("name", Json::text(&variant.name)),
            ("price", Json::money(variant.price)),
            ("cost_price", Json::money(variant.cost_price)),
            ("barcode", barcode(variant).map_or(Json::Null, Json::Text)),
            ("full_name", Json::text(&variant.full_name)),
            ("status", Json::flag(variant.active)),
        ])
    });
    Json::Object(vec![
        ("id", Json::id(row.id.0)),
        ("name", Json::text(&row.name)),
        ("full_name", Json::text(&row.full_name)),
        ("status", Json::flag(row.active)),
        ("price", Json::money(row.price)),
        ("cost_price", Json::money(row.cost_price)),
        ("has_modifications", Json::Bool(menu.variants(row.id).next().is_some())),
        ("modifications", Json::List(modifications.collect())),
        ("modificator_groups", Json::List(row.groups.iter().map(|group| modifier_group(menu, group, true)).collect())),
        ("recipe", Json::List(recipe.collect())),
        ("packages", packages(row)),
        ("setting", setting(row)),
        ("taxes", taxes(row)),
        ("tags", tags(row)),
        ("created_at", Json::Text(short_iso_time(row.created_at))),
        ("updated_at", Json::Text(short_iso_time(row.updated_at))),
    ])
}

fn modifier_group(menu: &Menu, group: &Group, in_prices: bool) -> Json {
    Json::Object(vec![
        ("id", Json::id(group.id)),
        ("name", Json::text(group.name)),
        ("type", Json::flag(group.single)),
        ("min_select", Json::id(u64::from(group.select_min))),
        ("max_select", Json::id(u64::from(group.select_max))),
        ("modificators", Json::List(group.options.iter().map(|row| modifier(menu, row, in_prices)).collect())),
    ])
}

fn modifier(menu: &Menu, row: &Choice, in_prices: bool) -> Json {
    let mut shown = vec![("id", Json::id(row.id)), ("name", Json::text(row.name)), ("price", Json::money(row.price))];
    let ingredient = row.ingredient.and_then(|id| menu.products.get(&id));
    if in_prices {
        let cost = ingredient.map_or(Json::Int(0), |ingredient| Json::money(ingredient.cost_price));
        shown.extend([("cost_price", cost), ("max_count", Json::Int(1)), ("status", Json::Bool(true))]);
    }
    let ingredient = ingredient.map_or(Json::Null, |ingredient| {
        let kind = Json::text(ingredient.kind.word());
        Json::Object(vec![("id", Json::id(ingredient.id.0)), ("name", Json::text(&ingredient.name)), ("type", kind)])
    });
    shown.push(("ingredient", ingredient));
    Json::Object(shown)
}

fn packages(row: &Product) -> Json {
    let package = row.packaged.then(|| {
        let fields = vec![("id", Json::id(row.id.0)), ("name", Json::text("Bundle 10 pcs")), ("equal", Json::Int(10))];
        Json::Object(fields)
    });
    Json::List(package.into_iter().collect())
}

fn taxes(row: &Product) -> Json {
    let fields = || vec![("id", Json::Int(1)), ("name", Json::text("Aksiz")), ("rate", Json::Int(18))];
    Json::List(row.taxed.then(|| Json::Object(fields())).into_iter().collect())
}

fn codes(row: &Product) -> Json {
    let code = barcode(row).map(|code| Json::Object(vec![("id", Json::id(row.id.0)), ("code", Json::Text(code))]));
    Json::List(code.into_iter().collect())
}

fn tags(row: &Product) -> Json {
    let fields = || vec![("id", Json::Int(1)), ("name", Json::text("Hədiyyə"))];
    Json::List(row.giftable.then(|| Json::Object(fields())).into_iter().collect())
}

fn setting(row: &Product) -> Json {
    if row.kind != Kind::Timer {
        return Json::Null;
    }
    let prices = Json::List(vec![Json::Object(vec![("price", Json::Int(3)), ("from", Json::Int(120))])]);
    Json::Object(vec![("interval", Json::Int(30)), ("prices", prices)])
}

fn name_of(menu: &Menu, id: ProductId) -> &str {
    menu.products.get(&id).map_or("", |product| &product.name)
}

/// Writes `2026-01-13 20:04:05`, the format of products.
pub fn sql_time(at: Timestamp) -> String {
    at.in_zone(&Zone::utc()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Writes `2026-01-13T14:08:49.000000Z`, the format of stations.
fn iso_time(at: Timestamp) -> String {
    at.in_zone(&Zone::utc()).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Writes `2023-11-07T05:31:56Z`, the format of price lists.
fn short_iso_time(at: Timestamp) -> String {
    at.in_zone(&Zone::utc()).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
