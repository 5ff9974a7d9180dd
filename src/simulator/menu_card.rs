//! The menu as a printed card: one product a line, read into the values of `menu`.
//!
//! Must never guess: a line that is wrong is an error with its number. Invariant: every id stands once, and a variant
//! below its parent.

use std::collections::BTreeMap;

use thiserror::Error;

use super::menu::{Choice, Group, Kind, Part, Product};
use crate::units::{CategoryId, Money, ProductId, Quantity, StationId, Timestamp};

/// The card of the built-in menu.
pub const BUILT_IN: &str = include_str!("menu.txt");

/// Why a card was refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("read line {line} of the menu card: {what}")]
pub struct MenuError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Reads a card: eleven columns, `#` starts a comment line, a variant's parent stands above it.
///
/// # Errors
/// Returns the first line that is wrong.
pub fn read(text: &str, created_at: Timestamp) -> Result<BTreeMap<ProductId, Product>, MenuError> {
    let mut products: BTreeMap<ProductId, Product> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty()) {
        let refuse = |what: String| MenuError { line: at + 1, what };
        let mut product = read_line(line, created_at).map_err(refuse)?;
        if let Some(parent) = product.parent {
            let parent = products.get(&parent).ok_or_else(|| refuse(format!("product {parent} is not above it")))?;
            product.full_name = format!("{} {}", parent.name, product.name);
        }
        if products.insert(product.id, product).is_some() {
            return Err(refuse("its id is taken".to_owned()));
        }
    }
    Ok(products)
}

fn read_line(line: &str, created_at: Timestamp) -> Result<Product, String> {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let &[id, kind, name, category, station, price, cost, minutes, low, flags, last] = columns.as_slice() else {
        return Err(format!("it has {} columns instead of 11", columns.len()));
    };
    let kind = Kind::from_word(kind).ok_or_else(|| format!("'{kind}' is not a type"))?;
    let mut product = Product::plain(ProductId(number(id)?), kind, name, created_at);
    product.category = optional(category)?.map(CategoryId);
    product.station = optional(station)?.map(StationId);
    product.price = price.parse()?;
    product.cost_price = cost.parse()?;
    product.cooking_time_min = u32::try_from(number(minutes)?).map_err(|error| error.to_string())?;
    product.low_stock = u32::try_from(number(low)?).map_err(|error| error.to_string())?;
    for flag in flags.split_whitespace() {
        match flag {
            "weight" => product.sold_by_weight = true,
            "hidden" => product.hidden = true,
            "inactive" => product.active = false,
            "alcohol" => product.taxed = true,
            "gift" => product.giftable = true,
            "pack" => product.packaged = true,
            other => product.groups.push(group(other).ok_or_else(|| format!("'{other}' is not a flag"))?),
        }
    }
    if kind == Kind::Modification {
        product.parent = Some(ProductId(number(last)?));
    } else {
        product.recipe = last.split_whitespace().map(read_part).collect::<Result<_, _>>()?;
    }
    Ok(product)
}

fn group(flag: &str) -> Option<Group> {
    let (id, name, single, select_min, select_max, rows): (u64, _, _, _, _, &[(u64, &'static str, i64, u64)]) =
        match flag {
            "spicy" => (1, "Acılıq", true, 0, 1, &[(1, "Acısız", 0, 0), (2, "Orta", 0, 0), (3, "Acı", 0, 0)]),
            "extras" => {
                let rows =
                    &[(4, "Əlavə lavaş", 8_000, 35), (5, "Əlavə sumaq", 3_000, 30), (6, "Əlavə soğan", 2_000, 5)];
                (2, "Əlavələr", false, 0, 3, rows)
            }
            "garnish" => {
                let rows = &[(7, "Düyü", 0, 45), (8, "Kartof", 0, 10), (9, "Qarnirsiz", -10_000, 0)];
                (3, "Qarnir", true, 1, 1, rows)
            }
            _ => return None,
        };
    let option = |&(id, name, price, ingredient): &(u64, &'static str, i64, u64)| Choice {
        id,
        name,
        price: Money::from_ten_thousandths(price),
        ingredient: (ingredient > 0).then_some(ProductId(ingredient)),
    };
    Some(Group { id, name, single, select_min, select_max, options: rows.iter().map(option).collect() })
}

fn read_part(text: &str) -> Result<Part, String> {
    let (ingredient, gross) = text.split_once(':').ok_or_else(|| format!("'{text}' is not id:amount"))?;
    let gross: Quantity = gross.parse()?;
    // Peeling and bones take a tenth.
    let net = Quantity::from_millionths(gross.millionths() * 9 / 10);
    Ok(Part { ingredient: ProductId(number(ingredient)?), gross, net })
}

fn optional(text: &str) -> Result<Option<u64>, String> {
    if text == "-" { Ok(None) } else { number(text).map(Some) }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("'{text}' is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_unix_ms(1_768_334_645_000);

    #[test]
    fn mistakes_name_their_line() {
        for (text, what) in [
            ("1|DISH|x|-|-|0|0|0|0|", "it has 10 columns instead of 11"),
            ("1|SOUP|x|-|-|0|0|0|0||", "'SOUP' is not a type"),
            ("1|DISH|x|-|-|0|0|0|0|blue|", "'blue' is not a flag"),
            ("1|MODIFICATION|x|-|-|0|0|0|0||7", "product 7 is not above it"),
            ("1|DISH|x|-|-|0|0|0|0||7", "'7' is not id:amount"),
        ] {
            let text = format!("# a comment\n{text}");
            assert_eq!(read(&text, AT), Err(MenuError { line: 2, what: what.to_owned() }));
        }
    }
}
