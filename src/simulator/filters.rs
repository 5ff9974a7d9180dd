//! The filters of the product list and the stop list, with exactly the fields and values that are published.
//!
//! Must never accept a value in another form: an array where a text is published is a mistake of the caller.
//! Invariant: filters combine by "and", the values of one filter by "or".

use super::menu::{Kind, Menu, Product};
use super::query::{Filter, FilterValue};
use crate::units::ProductId;

/// A filter of `GET /products`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductFilter {
    /// Any of these types.
    Type(Vec<String>),
    /// Any of these categories.
    Category(Vec<u64>),
    /// Any of these stations.
    Station(Vec<u64>),
    /// Any of these tags.
    Tags(Vec<u64>),
    /// `inventory_behavior` has this value.
    Inventory(i64),
    /// A yes-or-no property has this value.
    Flag(Flag, bool),
}

/// A property that is published as `"1"` or `"0"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// May be given as a present.
    Giftable,
    /// May be discounted.
    Discountable,
    /// Has a recipe.
    HaveIngredients,
    /// Is sold by portion.
    SoldByPortion,
    /// Has variants.
    HasVariants,
    /// Has modifier groups.
    HasModifiers,
    /// Has a barcode.
    HasBarcode,
    /// A service charge applies.
    HasServiceCharge,
}

/// Reads a filter of `GET /products`.
///
/// # Errors
/// Returns the sentence for the answer's `message`.
pub fn product_filter(filter: &Filter) -> Result<ProductFilter, String> {
    let flag = |flag, zero| flag_value(filter, zero).map(|wanted| ProductFilter::Flag(flag, wanted));
    match filter.field.as_str() {
        "type" => {
            let known = ["GOODS", "DISH", "TIMER", "PREPARATION", "INGREDIENT"];
            let types = several(filter)?;
            let unknown = types.iter().find(|word| !known.contains(&word.as_str()));
            unknown.map_or_else(|| Ok(ProductFilter::Type(types.to_vec())), |word| Err(format!("{word} is not a type")))
        }
        "category_id" => ids(filter).map(ProductFilter::Category),
        "station_id" => ids(filter).map(ProductFilter::Station),
        "tags" => ids(filter).map(ProductFilter::Tags),
        "inventory_behavior" => match one(filter)? {
            "0" => Ok(ProductFilter::Inventory(0)),
            "1" => Ok(ProductFilter::Inventory(1)),
            "3" => Ok(ProductFilter::Inventory(3)),
            other => Err(format!("{other} is not an inventory_behavior")),
        },
        "giftable" => flag(Flag::Giftable, true),
        "discountable" => flag(Flag::Discountable, true),
        "haveIngredients" => flag(Flag::HaveIngredients, false),
        "sold_by_portion" => flag(Flag::SoldByPortion, false),
        "has_variants" => flag(Flag::HasVariants, false),
        "has_modifiers" => flag(Flag::HasModifiers, false),
        "has_barcode" => flag(Flag::HasBarcode, false),
        "has_service_charge" => flag(Flag::HasServiceCharge, false),
        _ => Err("Invalid filter parameters".to_owned()),
    }
}

/// Reads a filter of `GET /products/stop-list`: product ids, and nothing else is published.
///
/// # Errors
/// Returns the sentence for the answer's `message`.
pub fn stop_filter(filter: &Filter) -> Result<Vec<ProductId>, String> {
    if filter.field != "id" {
        return Err("Invalid filter parameters".to_owned());
    }
    Ok(ids(filter)?.into_iter().map(ProductId).collect())
}

impl ProductFilter {
    /// Tells whether the product is asked for.
    pub fn holds(&self, menu: &Menu, product: &Product) -> bool {
        match self {
            Self::Type(types) => types.iter().any(|word| word == product.kind.word()),
            Self::Category(ids) => product.category.is_some_and(|id| ids.contains(&id.0)),
            Self::Station(ids) => product.station.is_some_and(|id| ids.contains(&id.0)),
            // The one tag that exists is "Hədiyyə" (id 1), on what may be given as a present.
            Self::Tags(ids) => product.giftable && ids.contains(&1),
            Self::Inventory(behavior) => product.kind.inventory_behavior() == *behavior,
            Self::Flag(flag, wanted) => flag.holds(menu, product) == *wanted,
        }
    }
}

impl Flag {
    fn holds(self, menu: &Menu, product: &Product) -> bool {
        match self {
            Self::Giftable => product.giftable,
            Self::Discountable => discountable(product),
            Self::HaveIngredients => !product.recipe.is_empty(),
            Self::SoldByPortion => product.kind == Kind::Dish && !product.sold_by_weight,
            Self::HasVariants => menu.variants(product.id).next().is_some(),
            Self::HasModifiers => !product.groups.is_empty(),
            Self::HasBarcode => barcode(product).is_some(),
            Self::HasServiceCharge => product.kind == Kind::Dish,
        }
    }
}

/// Tells whether discounts apply; excisable goods are excluded.
pub const fn discountable(product: &Product) -> bool {
    !product.taxed
}

/// Returns the barcode of goods and variants that carry one, an EAN-13 of Azerbaijan's range (476).
pub fn barcode(product: &Product) -> Option<String> {
    matches!(product.kind, Kind::Goods | Kind::Modification).then(|| format!("476{:09}", product.id.0)).map(|digits| {
        let sum: u32 = digits
            .bytes()
            .zip([1, 3].into_iter().cycle())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        format!("{digits}{}", (10 - sum % 10) % 10)
    })
}

fn flag_value(filter: &Filter, zero_is_published: bool) -> Result<bool, String> {
    match one(filter)? {
        "1" => Ok(true),
        "0" if zero_is_published => Ok(false),
        other => Err(format!("{other} is not a value of {}", filter.field)),
    }
}

fn one(filter: &Filter) -> Result<&str, String> {
    match &filter.value {
        FilterValue::One(value) => Ok(value),
        FilterValue::Several(_) => Err(format!("{} takes one value", filter.field)),
    }
}

fn several(filter: &Filter) -> Result<&[String], String> {
    match &filter.value {
        FilterValue::One(_) => Err(format!("{} takes an array of values", filter.field)),
        FilterValue::Several(values) => Ok(values),
    }
}

fn ids(filter: &Filter) -> Result<Vec<u64>, String> {
    let read = |value: &String| value.parse().map_err(|_| format!("{value} is not an id"));
    several(filter)?.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;

    #[test]
    fn filters_choose_the_products_they_name() {
        let menu = Menu::built_in(Timestamp::from_unix_ms(0));
        let count = |field: &str, value: FilterValue| {
            let filter = product_filter(&Filter { field: field.into(), value }).expect(field);
            menu.products.values().filter(|p| p.parent.is_none() && filter.holds(&menu, p)).count()
        };
        let several = |values: &[&str]| FilterValue::Several(values.iter().map(|&v| v.to_owned()).collect());
        let one = |value: &str| FilterValue::One(value.to_owned());
        for (field, value, expected) in [
            ("type", several(&["TIMER"]), 2),
            ("type", several(&["TIMER", "GOODS"]), 10),
            ("station_id", several(&["4"]), 3),
            ("category_id", several(&["3"]), 4),
            ("tags", several(&["1"]), 3),
            ("tags", several(&["2"]), 0),
            ("has_variants", one("1"), 5),
            ("inventory_behavior", one("3"), 2),
            ("giftable", one("1"), 3),
            ("discountable", one("0"), 2),
        ] {
            assert_eq!(count(field, value.clone()), expected, "{field} {value:?}");
        }
    }

    #[test]
    fn barcodes_have_a_right_check_digit() {
        let menu = Menu::built_in(Timestamp::from_unix_ms(0));
        assert_eq!(barcode(&menu.products[&ProductId(302)]).as_deref(), Some("4760000003024"));
        assert_eq!(barcode(&menu.products[&ProductId(101)]), None);
    }
}
