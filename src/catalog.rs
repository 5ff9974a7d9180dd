//! What a venue can sell and where it is made: products, variants, recipes, modifiers, stations and prices.
//!
//! Values only, as last read to the end; how they were read is `clopos`'s matter, when is `snapshot`'s. Wire and stored
//! forms are other types (style 16). Invariant: every product, variant included, stands once, under its own id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::units::{CategoryId, Money, PriceListId, ProductId, Quantity, StationId, Timestamp, VenueId};

/// A venue's catalog.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Catalog {
    /// Products of every type, variants among them.
    pub products: BTreeMap<ProductId, Product>,
    /// Stations, active or not.
    pub stations: BTreeMap<StationId, Station>,
    /// Price lists of the brand.
    pub price_lists: BTreeMap<PriceListId, PriceList>,
    /// The price of a product in a list.
    pub prices: BTreeMap<(PriceListId, ProductId), Money>,
}

/// With how many different catalogs of its brand one is compared: where every venue sells something else, nothing is shared, and
/// looking for it must not hold up the polls.
const COMPARED_MAX: usize = 16;

/// A catalog as the snapshots of a venue share it, and those of venues that sell the same. What is looked up in it often is
/// worked out when somebody asks first, and anew after an edit.
#[derive(Clone, Debug, Default)]
pub struct SharedCatalog(Arc<Indexed>);

#[derive(Default)]
struct Indexed {
    catalog: Catalog,
    used_in: OnceLock<Vec<(ProductId, ProductId)>>,
    with_add_ons: OnceLock<Vec<ProductId>>,
    products_at: OnceLock<BTreeMap<StationId, usize>>,
}

impl SharedCatalog {
    /// Shares a catalog.
    pub fn new(catalog: Catalog) -> Self {
        Self(Arc::new(Indexed { catalog, ..Indexed::default() }))
    }

    /// Returns the catalog to be changed; who shares it keeps it as it was.
    pub fn edit(&mut self) -> &mut Catalog {
        let indexed = Arc::make_mut(&mut self.0);
        let Indexed { catalog, used_in, with_add_ons, products_at } = indexed;
        (*used_in, *with_add_ons, *products_at) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        catalog
    }

    /// Says whether both are one and the same; equal ones may be two.
    pub fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the first of `others` that says the same, or this one: who holds it holds it once.
    pub fn shared_with<'a>(self, others: impl Iterator<Item = &'a Self>) -> Self {
        let mut looked_at = BTreeSet::new();
        // What many share is compared once.
        let mut others = others.filter(|other| looked_at.insert(Arc::as_ptr(&other.0).addr())).take(COMPARED_MAX);
        others.find(|other| **other == self).cloned().unwrap_or(self)
    }

    /// Returns the recipes from the ingredient's side: a part, and a product whose recipe names it; sorted, each pair once.
    pub fn used_in(&self) -> &[(ProductId, ProductId)] {
        self.0.used_in.get_or_init(|| {
            let products = || self.products.values();
            let mut used_in = Vec::with_capacity(products().map(|product| product.recipe.len()).sum());
            for product in products() {
                used_in.extend(product.recipe.iter().map(|part| (part.ingredient, product.id)));
            }
            used_in.sort_unstable();
            used_in.dedup();
            used_in
        })
    }

    /// Returns the products with add-ons that need an ingredient, in order of their ids.
    pub fn with_add_ons(&self) -> impl Iterator<Item = &Product> {
        let has_some = |product: &&Product| product.modifiers.iter().any(|modifier| modifier.ingredient.is_some());
        let find = || self.products.values().filter(has_some).map(|product| product.id).collect();
        self.0.with_add_ons.get_or_init(find).iter().filter_map(|id| self.products.get(id))
    }

    /// Returns how many active, visible products a station prepares.
    pub fn products_at(&self, station: StationId) -> usize {
        let count = || {
            let mut counts: BTreeMap<StationId, usize> = BTreeMap::new();
            let offered = self.products.values().filter(|product| product.active && !product.hidden);
            for station in offered.filter_map(|product| self.station_of(product)) {
                *counts.entry(station).or_default() += 1;
            }
            counts
        };
        self.0.products_at.get_or_init(count).get(&station).copied().unwrap_or(0)
    }
}

impl From<Catalog> for SharedCatalog {
    fn from(catalog: Catalog) -> Self {
        Self::new(catalog)
    }
}

impl Deref for SharedCatalog {
    type Target = Catalog;

    fn deref(&self) -> &Catalog {
        &self.0.catalog
    }
}

impl PartialEq for SharedCatalog {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_as(other) || **self == **other
    }
}

impl Eq for SharedCatalog {}

impl fmt::Debug for Indexed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.catalog.fmt(f)
    }
}

impl Clone for Indexed {
    fn clone(&self) -> Self {
        Self { catalog: self.catalog.clone(), ..Self::default() }
    }
}

/// A product, or a variant of one (`parent` is set).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id, shared by all venues of the brand.
    pub id: ProductId,
    /// The product of which this is a variant.
    pub parent: Option<ProductId>,
    /// The station that prepares it; `None` when nobody was assigned.
    pub station: Option<StationId>,
    /// Its menu category.
    pub category: Option<CategoryId>,
    /// The category's name, when the walk asked for it.
    pub category_name: Option<String>,
    /// What kind of thing it is.
    pub kind: ProductKind,
    /// The short name: `0.5 L`.
    pub name: String,
    /// The name with its parent's: `Fanta 0.5 L`.
    pub full_name: String,
    /// False when switched off in the back office.
    pub active: bool,
    /// True when hidden from menus.
    pub hidden: bool,
    /// True when limits are kilograms.
    pub sold_by_weight: bool,
    /// True when only its variants are sold.
    pub has_variants: bool,
    /// Base selling price.
    pub price: Money,
    /// Cost price.
    pub cost_price: Money,
    /// Minutes to prepare.
    pub cooking_time_min: u32,
    /// How a sale moves the stock.
    pub inventory: InventoryBehavior,
    /// At or below this the product is low; `None` when no threshold is set (Clopos sends 0).
    pub low_stock: Option<Quantity>,
    /// Names of its tags.
    pub tags: Vec<String>,
    /// What goes into one unit.
    pub recipe: Vec<RecipePart>,
    /// What a guest may add.
    pub modifiers: Vec<Modifier>,
}

impl Product {
    /// Returns a dish that guests can order, with nothing else said of it: nobody prepares it, and it costs nothing.
    pub fn plain(id: ProductId, name: &str) -> Self {
        Self {
            id,
            parent: None,
            station: None,
            category: None,
            category_name: None,
            kind: ProductKind::Dish,
            name: name.to_owned(),
            full_name: name.to_owned(),
            active: true,
            hidden: false,
            sold_by_weight: false,
            has_variants: false,
            price: Money::default(),
            cost_price: Money::default(),
            cooking_time_min: 0,
            inventory: InventoryBehavior::Passive,
            low_stock: None,
            tags: Vec::new(),
            recipe: Vec::new(),
            modifiers: Vec::new(),
        }
    }
}

/// The types of the API, and whatever it adds later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProductKind {
    /// Sold as it is; with variants, only they are sold.
    Goods,
    /// Cooked from a recipe.
    Dish,
    /// Sold by time.
    Timer,
    /// Semi-finished, part of dishes.
    Preparation,
    /// Raw material.
    Ingredient,
    /// A variant of a `Goods`.
    Modification,
    /// An add-on of a `Dish`.
    Modifier,
    /// A type that this version does not know, as sent.
    Other(String),
}

impl ProductKind {
    /// Reads the API's word; an unknown one is kept.
    pub fn from_word(word: &str) -> Self {
        match word {
            "GOODS" => Self::Goods,
            "DISH" => Self::Dish,
            "TIMER" => Self::Timer,
            "PREPARATION" => Self::Preparation,
            "INGREDIENT" => Self::Ingredient,
            "MODIFICATION" => Self::Modification,
            "MODIFIER" => Self::Modifier,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the API's word.
    pub fn word(&self) -> &str {
        match self {
            Self::Goods => "GOODS",
            Self::Dish => "DISH",
            Self::Timer => "TIMER",
            Self::Preparation => "PREPARATION",
            Self::Ingredient => "INGREDIENT",
            Self::Modification => "MODIFICATION",
            Self::Modifier => "MODIFIER",
            Self::Other(word) => word,
        }
    }
}

/// What a sale takes from the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InventoryBehavior {
    /// The recipe's ingredients (0, `MINUS_INGREDIENTS`).
    MinusIngredients,
    /// The product itself (1, `MINUS_SELF`).
    MinusSelf,
    /// Nothing (3, `PASSIVE`).
    Passive,
    /// A number that this version does not know.
    Other(i64),
}

/// One ingredient or preparation in a recipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipePart {
    /// The ingredient or preparation.
    pub ingredient: ProductId,
    /// Gross amount in the ingredient's unit; `None` when the API sent no number.
    pub gross: Option<Quantity>,
}

/// An add-on of a dish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// The modifier's own id; not a product id.
    pub id: u64,
    /// What the guest reads.
    pub name: String,
    /// The ingredient it takes, when tied to one.
    pub ingredient: Option<ProductId>,
}

/// Where food or drink is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its id within the venue.
    pub id: StationId,
    /// What the staff call it.
    pub name: String,
    /// False when switched off: it gets no new orders.
    pub active: bool,
    /// True for a kitchen, false for bars and the rest.
    pub kitchen: bool,
    /// False when it has screens only.
    pub printable: bool,
}

/// A price list of the brand. How it binds to venues or channels is not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// Its id.
    pub id: PriceListId,
    /// Its name: `Delivery`.
    pub name: String,
    /// False when out of use.
    pub active: bool,
}

/// A venue of a brand, as `GET /venues` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venue {
    /// Its id (`x-venue`).
    pub id: VenueId,
    /// Its name.
    pub name: String,
    /// False when the API says it is switched off.
    pub active: bool,
}

/// One restricted product of a stop list, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopEntry {
    /// The product or variant.
    pub product: ProductId,
    /// What is left; at or below zero it is out.
    pub limit: Quantity,
    /// When Clopos last changed the row, by its own clock; `None` when it sent no sane time.
    pub updated_at: Option<Timestamp>,
}

impl Catalog {
    /// Returns the variants of a product, in order of their ids.
    pub fn variants_of(&self, parent: ProductId) -> impl Iterator<Item = &Product> {
        self.products.values().filter(move |product| product.parent == Some(parent))
    }

    /// Returns the station of a product, or of its parent when a variant has none of its own.
    pub fn station_of(&self, product: &Product) -> Option<StationId> {
        product.station.or_else(|| self.products.get(&product.parent?)?.station)
    }

    /// Returns the category of a product, or of its parent when a variant has none of its own.
    pub fn category_of(&self, product: &Product) -> Option<CategoryId> {
        product.category.or_else(|| self.products.get(&product.parent?)?.category)
    }

    /// Returns the name of a category, as the first product that has it says.
    pub fn category_name(&self, category: CategoryId) -> Option<&str> {
        let in_it = self.products.values().filter(|product| product.category == Some(category));
        in_it.into_iter().find_map(|product| product.category_name.as_deref())
    }

    /// Returns how many active, visible products a category has.
    pub fn products_of(&self, category: CategoryId) -> usize {
        let is_in_it =
            |product: &&Product| product.active && !product.hidden && self.category_of(product) == Some(category);
        self.products.values().filter(is_in_it).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_up_follows_an_edit_and_who_shares_it_keeps_what_was() {
        let (dish, salt, kitchen) = (ProductId(1), ProductId(6), StationId(3));
        let part = RecipePart { ingredient: salt, gross: None };
        let add_on = Modifier { id: 7, name: "Salt".to_owned(), ingredient: Some(salt) };
        let plov = Product { station: Some(kitchen), recipe: vec![part.clone(), part], ..Product::plain(dish, "Plov") };
        let shared = SharedCatalog::new(Catalog { products: [(dish, plov.clone())].into(), ..Catalog::default() });
        let said = |catalog: &SharedCatalog| {
            let add_ons: Vec<ProductId> = catalog.with_add_ons().map(|product| product.id).collect();
            (catalog.used_in().to_vec(), add_ons, catalog.products_at(kitchen))
        };
        let before = (vec![(salt, dish)], vec![], 1);
        assert_eq!(said(&shared), before);
        let mut edited = shared.clone();
        assert!(edited.is_same_as(&shared));
        let plain = Product { recipe: Vec::new(), modifiers: vec![add_on], hidden: true, ..plov };
        edited.edit().products.insert(dish, plain);
        assert_eq!(said(&edited), (vec![], vec![dish], 0));
        assert_eq!(said(&shared), before);
        assert!(!edited.is_same_as(&shared) && edited != shared);
        // Equal ones become one again.
        let again = SharedCatalog::new(Catalog::clone(&shared));
        assert!(again == shared && !again.is_same_as(&shared));
        let (others, lonely) = ([edited.clone(), shared.clone()], SharedCatalog::default());
        assert!(again.shared_with(others.iter()).is_same_as(&shared));
        assert!(lonely.clone().shared_with(others.iter()).is_same_as(&lonely));
        drop(others);
        // Nobody shares it any more: the same memory, edited in place.
        edited.edit().products.clear();
        assert_eq!(said(&edited), (vec![], vec![], 0));
    }
}
