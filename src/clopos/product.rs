//! Reads one product row with everything nested in it: variants, recipe, modifiers, tags.
//!
//! Pure. Variants become products of their own, with their parent set. Invariant: what decides whether somebody is told
//! (status, price, threshold, station, parent, type) is read or the row counts as unreadable; the rest may be odd.

use crate::catalog::{InventoryBehavior, Modifier, Product, ProductKind, RecipePart};
use crate::clopos::decode::{Found, Oddities, name};
use crate::clopos::wire::{self, GroupRow, NamedRow, ProductRow, Raw, RecipeRow};
use crate::units::{CategoryId, Money, ProductId, Quantity, StationId};

/// Reads a product and its variants into `found`.
pub fn read(raw: Raw<'_>, found: &mut Found<Product>, odd: &mut Oddities) {
    let Some((id, row)) = identified(raw, found, odd) else { return };
    found.listed.push(id);
    let variants = elements(row.modifications, "modifications", id, odd);
    let has_variants = !variants.is_empty();
    match product(id, None, has_variants, &row, odd) {
        Ok(product) => found.rows.push((id, product)),
        Err(what) => found.unreadable(Some(id), &what, odd),
    }
    for raw in variants {
        let Some((variant_id, variant)) = identified(raw, found, odd) else { continue };
        match product(variant_id, Some(ProductId(id)), false, &variant, odd) {
            Ok(product) => found.rows.push((variant_id, product)),
            Err(what) => found.unreadable(Some(variant_id), &what, odd),
        }
    }
}

fn identified<'a>(raw: Raw<'a>, found: &mut Found<Product>, odd: &mut Oddities) -> Option<(u64, ProductRow<'a>)> {
    let identified = wire::object::<ProductRow<'_>>(raw).and_then(|row| Some((row.id.and_then(wire::id)?, row)));
    if identified.is_none() {
        found.unreadable(None, &format!("a product has no readable id: {}", wire::shown(Some(raw))), odd);
    }
    identified
}

fn product(
    id: u64,
    nested_in: Option<ProductId>,
    has_variants: bool,
    row: &ProductRow<'_>,
    odd: &mut Oddities,
) -> Result<Product, String> {
    // Destructured without `..`, so that a new wire field is not forgotten here.
    let ProductRow {
        id: _,
        parent_id,
        station_id,
        category_id,
        station,
        category,
        kind,
        name: short_name,
        parent_name,
        full_name,
        status,
        hidden,
        sold_by_weight,
        has_modifications,
        price,
        cost_price,
        cooking_time,
        inventory_behavior,
        low_stock,
        tags,
        recipe,
        modifications: _,
        modificator_groups,
    } = *row;
    let station = station.and_then(wire::object::<NamedRow<'_>>);
    let category = category.and_then(wire::object::<NamedRow<'_>>);
    let parent = reference(parent_id, "parent_id")?.map(ProductId).or(nested_in);
    let station = reference(station_id.or_else(|| station?.id), "station_id")?.map(StationId);
    let category_name = category.as_ref().and_then(|category| category.name).map(|raw| name(Some(raw), id));
    let category = reference(category_id.or_else(|| category?.id), "category_id")?.map(CategoryId);
    let kind = kind_of(kind, nested_in).ok_or("the type of a product is missing or no word")?;
    let (short_name, full_name) = names(id, short_name, full_name, parent_name);
    let low_stock: Option<Quantity> = told(low_stock, "low_stock", wire::decimal)?;
    let has_modifications = told(has_modifications, "has_modifications", wire::flag)?.unwrap_or(false);
    Ok(Product {
        id: ProductId(id),
        parent,
        station,
        category,
        category_name,
        kind,
        name: short_name,
        full_name,
        active: told(status, "status", wire::flag)?.unwrap_or(true),
        hidden: told(hidden, "hidden", wire::flag)?.unwrap_or(false),
        sold_by_weight: told(sold_by_weight, "sold_by_weight", wire::flag)?.unwrap_or(false),
        has_variants: has_modifications || has_variants,
        price: told(price, "price", wire::decimal)?.unwrap_or_default(),
        cost_price: side(cost_price, "cost_price", id, odd, wire::decimal::<Money>).unwrap_or_default(),
        cooking_time_min: side(cooking_time, "cooking_time", id, odd, minutes).unwrap_or_default(),
        inventory: side(inventory_behavior, "inventory_behavior", id, odd, wire::whole)
            .map_or(InventoryBehavior::Other(-1), inventory),
        low_stock: low_stock.filter(|threshold| *threshold > Quantity::ZERO),
        tags: elements(tags, "tags", id, odd).into_iter().filter_map(tag).collect(),
        recipe: recipe_parts(recipe, id, odd),
        modifiers: modifiers(modificator_groups, id, odd),
    })
}

/// Returns the type; a variant nested in its product may leave it out.
fn kind_of(kind: Option<Raw<'_>>, nested_in: Option<ProductId>) -> Option<ProductKind> {
    match kind {
        Some(raw) => wire::text(raw).map(|word| ProductKind::from_word(&word)),
        None => nested_in.map(|_| ProductKind::Modification),
    }
}

/// Returns the short and the full name; the full one is put together when Clopos left it out.
fn names(id: u64, short: Option<Raw<'_>>, full: Option<Raw<'_>>, parent: Option<Raw<'_>>) -> (String, String) {
    let told = |raw: &Raw<'_>| wire::text(raw).is_some_and(|text| !text.trim().is_empty());
    let (short, full, parent) = (short.filter(told), full.filter(told), parent.filter(told));
    let short_name = name(short.or(full), id);
    let full_name = match (full, parent) {
        (Some(_), _) => name(full, id),
        (None, Some(_)) => format!("{} {short_name}", name(parent, id)),
        (None, None) => short_name.clone(),
    };
    (short_name, full_name)
}

/// Reads a field that must not be guessed: absent is `None`, strange is an error.
fn told<T>(raw: Option<Raw<'_>>, field: &str, read: fn(Raw<'_>) -> Option<T>) -> Result<Option<T>, String> {
    let Some(value) = raw else { return Ok(None) };
    read(value).map(Some).ok_or_else(|| format!("{field} is {}, which cannot be read", wire::shown(raw)))
}

/// Reads the id of something else; 0 stands for none, as PHP programs write it.
fn reference(raw: Option<Raw<'_>>, field: &str) -> Result<Option<u64>, String> {
    let id = told(raw, field, wire::whole)?;
    let id = id.map(u64::try_from).transpose().map_err(|_| format!("{field} is {}", wire::shown(raw)))?;
    Ok(id.filter(|id| *id > 0))
}

/// Reads a field that may be missed: strange is noted and left out.
fn side<T>(
    raw: Option<Raw<'_>>,
    field: &str,
    id: u64,
    odd: &mut Oddities,
    read: fn(Raw<'_>) -> Option<T>,
) -> Option<T> {
    let value = read(raw?);
    if value.is_none() {
        odd.note(Some(id), &format!("{field} is {}, which cannot be read", wire::shown(raw)));
    }
    value
}

fn elements<'a>(raw: Option<Raw<'a>>, field: &str, id: u64, odd: &mut Oddities) -> Vec<Raw<'a>> {
    let Some(value) = raw else { return Vec::new() };
    wire::list(value).unwrap_or_else(|| {
        odd.note(Some(id), &format!("{field} is {}, not a list", wire::shown(raw)));
        Vec::new()
    })
}

fn minutes(raw: Raw<'_>) -> Option<u32> {
    // Quantity reads `12.5` as well; a fraction of a minute does not matter to a kitchen.
    let thousandths = wire::decimal::<Quantity>(raw)?.millionths() / 1_000_000;
    u32::try_from(thousandths).ok()
}

const fn inventory(number: i64) -> InventoryBehavior {
    match number {
        0 => InventoryBehavior::MinusIngredients,
        1 => InventoryBehavior::MinusSelf,
        3 => InventoryBehavior::Passive,
        other => InventoryBehavior::Other(other),
    }
}

/// Reads a tag: an object with a name, or the name itself.
fn tag(raw: Raw<'_>) -> Option<String> {
    let named = wire::object::<NamedRow<'_>>(raw);
    let text = if named.is_some() { named?.name } else { Some(raw) };
    text.filter(|raw| wire::text(raw).is_some()).map(|raw| name(Some(raw), 0))
}

fn recipe_parts(raw: Option<Raw<'_>>, id: u64, odd: &mut Oddities) -> Vec<RecipePart> {
    let mut parts = Vec::new();
    for raw in elements(raw, "recipe", id, odd) {
        let row = wire::object::<RecipeRow<'_>>(raw);
        let ingredient = row.as_ref().and_then(|row| row.ingredient_id.or(row.id)).and_then(wire::id);
        let (Some(row), Some(ingredient)) = (row, ingredient) else {
            odd.note(Some(id), &format!("a recipe part names no ingredient: {}", wire::shown(Some(raw))));
            continue;
        };
        let gross = row.gross.or_else(|| wire::object::<RecipeRow<'_>>(row.pivot?)?.gross);
        parts.push(RecipePart {
            ingredient: ProductId(ingredient),
            gross: side(gross, "gross of a recipe part", id, odd, wire::decimal),
        });
    }
    parts
}

fn modifiers(raw: Option<Raw<'_>>, id: u64, odd: &mut Oddities) -> Vec<Modifier> {
    let mut modifiers = Vec::new();
    for group in elements(raw, "modificator_groups", id, odd) {
        let rows = wire::object::<GroupRow<'_>>(group).and_then(|group| group.modificators);
        for raw in elements(rows, "modificators", id, odd) {
            let row = wire::object::<NamedRow<'_>>(raw);
            let Some((modifier_id, row)) = row.and_then(|row| Some((row.id.and_then(wire::id)?, row))) else {
                odd.note(Some(id), &format!("a modifier has no readable id: {}", wire::shown(Some(raw))));
                continue;
            };
            let ingredient = row.ingredient.and_then(ingredient_id).or_else(|| wire::id(row.ingredient_id?));
            modifiers.push(Modifier {
                id: modifier_id,
                name: name(row.name, modifier_id),
                ingredient: ingredient.map(ProductId),
            });
        }
    }
    modifiers
}

/// Reads the ingredient of a modifier, which is published as "an object with ingredient information" and no more.
fn ingredient_id(raw: Raw<'_>) -> Option<u64> {
    match wire::object::<NamedRow<'_>>(raw) {
        Some(row) => row.ingredient_id.or(row.id).and_then(wire::id),
        None => wire::id(raw),
    }
}
