//! What the simulated brand sells: products of every type, recipes, modifiers, stations and price lists.
//!
//! Values only; how they look on the wire is `rows`'s matter. Invariant of the built-in menu: every id that is named
//! (recipe, parent, station, category, modifier) exists, and no recipe contains itself.

use std::collections::BTreeMap;

use super::menu_card;
use crate::units::{CategoryId, Money, PriceListId, ProductId, Quantity, StationId, Timestamp};

/// The list that guests in the room pay by.
pub const HALL: PriceListId = PriceListId(1);
/// The list of delivery orders, a tenth above the room.
pub const DELIVERY: PriceListId = PriceListId(2);
/// The list of the staff, half of the room's.
pub const STAFF: PriceListId = PriceListId(3);

/// Everything that is shared by all venues of a brand.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Menu {
    /// Products of every type, variants among them.
    pub products: BTreeMap<ProductId, Product>,
    /// Names of the categories.
    pub categories: BTreeMap<CategoryId, String>,
    /// Stations as every venue starts with them.
    pub stations: BTreeMap<StationId, Station>,
    /// Price lists.
    pub price_lists: BTreeMap<PriceListId, PriceList>,
    /// The price of a product in a list.
    pub prices: BTreeMap<(PriceListId, ProductId), PriceRow>,
}

/// A product, or a variant of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id within the brand.
    pub id: ProductId,
    /// The product of which this is a variant.
    pub parent: Option<ProductId>,
    /// The station that prepares it.
    pub station: Option<StationId>,
    /// Its category.
    pub category: Option<CategoryId>,
    /// Its type.
    pub kind: Kind,
    /// The short name: `0.5 L`.
    pub name: String,
    /// The name with its parent's: `Fanta 0.5 L`.
    pub full_name: String,
    /// False when switched off.
    pub active: bool,
    /// True when not on the menu.
    pub hidden: bool,
    /// True when limits are kilograms.
    pub sold_by_weight: bool,
    /// True when it may be given as a present.
    pub giftable: bool,
    /// Base selling price.
    pub price: Money,
    /// Cost price.
    pub cost_price: Money,
    /// Minutes to prepare.
    pub cooking_time_min: u32,
    /// At or below this it is low; 0 when no threshold is set.
    pub low_stock: u32,
    /// Parts of a dish or preparation.
    pub recipe: Vec<Part>,
    /// Modifier groups of a dish.
    pub groups: Vec<Group>,
    /// True when its price contains the alcohol tax.
    pub taxed: bool,
    /// True when it is bought in packages.
    pub packaged: bool,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

/// The product types of the API that the simulator sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bought and sold.
    Goods,
    /// Cooked.
    Dish,
    /// Sold by time.
    Timer,
    /// Semi-finished.
    Preparation,
    /// Raw material.
    Ingredient,
    /// A variant of goods.
    Modification,
}

impl Kind {
    /// Returns the API's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Goods => "GOODS",
            Self::Dish => "DISH",
            Self::Timer => "TIMER",
            Self::Preparation => "PREPARATION",
            Self::Ingredient => "INGREDIENT",
            Self::Modification => "MODIFICATION",
        }
    }

    /// Returns `inventory_behavior`: 0 takes the recipe's parts, 1 the product itself, 3 nothing.
    pub const fn inventory_behavior(self) -> i64 {
        match self {
            Self::Dish | Self::Preparation => 0,
            Self::Goods | Self::Ingredient | Self::Modification => 1,
            Self::Timer => 3,
        }
    }

    /// Reads the API's word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Goods, Self::Dish, Self::Timer, Self::Preparation, Self::Ingredient, Self::Modification]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// One line of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// An ingredient or preparation.
    pub ingredient: ProductId,
    /// How much is taken from the stock, in its unit.
    pub gross: Quantity,
    /// How much reaches the plate.
    pub net: Quantity,
}

/// Modifiers a guest chooses from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// True when only one may be chosen.
    pub single: bool,
    /// How many must be chosen.
    pub select_min: u32,
    /// How many may be chosen.
    pub select_max: u32,
    /// The choices.
    pub options: Vec<Choice>,
}

/// A modifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: &'static str,
    /// What it adds to the price.
    pub price: Money,
    /// The ingredient it takes.
    pub ingredient: Option<ProductId>,
}

/// A station of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its id.
    pub id: StationId,
    /// Its name.
    pub name: String,
    /// False when switched off.
    pub active: bool,
    /// True for a kitchen.
    pub kitchen: bool,
    /// False when it has screens only.
    pub printable: bool,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

/// A price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// Its id.
    pub id: PriceListId,
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// False when not in use.
    pub active: bool,
}

/// A row of `/price-lists/prices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRow {
    /// Its id.
    pub id: u64,
    /// The price.
    pub price: Money,
}

impl Menu {
    /// Returns the built-in Azerbaijani menu, whose rows were made at `created_at`.
    pub fn built_in(created_at: Timestamp) -> Self {
        let products =
            menu_card::read(menu_card::BUILT_IN, created_at).expect("the built-in card is read whole by the tests");
        let mut menu = Self { products, categories: categories(), stations: stations(created_at), ..Self::default() };
        for (id, name, description) in
            [(HALL, "Hall", "Prices in the room"), (DELIVERY, "Delivery", "Couriers"), (STAFF, "Staff", "Our people")]
        {
            menu.price_lists.insert(id, PriceList { id, name, description, active: true });
        }
        let sold: Vec<ProductId> = menu.products.keys().copied().filter(|id| menu.is_sold(*id)).collect();
        for id in sold {
            menu.list_prices(id);
        }
        menu
    }

    /// Adds plain dishes until the menu has `count` products, for chains of a real size.
    pub fn grow_to(&mut self, count: usize, created_at: Timestamp) {
        let mut next = 1_000;
        while self.products.len() < count {
            let id = ProductId(next);
            let station = Some(StationId(1 + next % 3));
            let name = format!("Günün yeməyi {}", next - 999);
            let price = Money::from_ten_thousandths(40_000 + i64::try_from(next % 37).unwrap_or(0) * 5_000);
            let plain = Product {
                station,
                category: Some(CategoryId(6)),
                price,
                low_stock: 3,
                ..Product::plain(id, Kind::Dish, &name, created_at)
            };
            self.products.insert(id, plain);
            self.list_prices(id);
            next += 1;
        }
    }

    /// Tells whether guests can buy it: not raw material, not the parent of variants.
    pub fn is_sold(&self, id: ProductId) -> bool {
        self.products.get(&id).is_some_and(|product| match product.kind {
            Kind::Dish | Kind::Timer | Kind::Modification => true,
            Kind::Goods => self.variants(id).next().is_none(),
            Kind::Preparation | Kind::Ingredient => false,
        })
    }

    /// Returns the variants of a product.
    pub fn variants(&self, parent: ProductId) -> impl Iterator<Item = &Product> {
        self.products.values().filter(move |product| product.parent == Some(parent))
    }

    /// Puts the product into all three lists, at prices derived from its base price.
    pub fn list_prices(&mut self, id: ProductId) {
        let Some(base) = self.products.get(&id).map(|product| product.price.ten_thousandths()) else { return };
        // Whole tens of qəpik, as menus are printed.
        for (list, percent) in [(HALL, 100), (DELIVERY, 110), (STAFF, 50)] {
            let price = Money::from_ten_thousandths(base * percent / 100 / 1_000 * 1_000);
            let row = PriceRow { id: list.0 * 1_000_000 + id.0, price };
            self.prices.insert((list, id), row);
        }
    }
}

impl Product {
    /// Returns a product with nothing but a name, the base of every other one.
    pub fn plain(id: ProductId, kind: Kind, name: &str, created_at: Timestamp) -> Self {
        Self {
            id,
            parent: None,
            station: None,
            category: None,
            kind,
            name: name.to_owned(),
            full_name: name.to_owned(),
            active: true,
            hidden: false,
            sold_by_weight: false,
            giftable: false,
            price: Money::default(),
            cost_price: Money::default(),
            cooking_time_min: 0,
            low_stock: 0,
            recipe: Vec::new(),
            groups: Vec::new(),
            taxed: false,
            packaged: false,
            created_at,
            updated_at: created_at,
        }
    }
}

fn categories() -> BTreeMap<CategoryId, String> {
    let names = [
        "Kabablar",
        "Plovlar",
        "Dolmalar",
        "Xəmir yeməkləri",
        "Şorbalar",
        "İsti yeməklər",
        "Salatlar",
        "Çörəklər",
        "Şirniyyat və meyvə",
        "İçkilər",
        "Alkoqollu içkilər",
        "Əyləncə",
    ];
    (1..).map(CategoryId).zip(names.map(str::to_owned)).collect()
}

/// The three stations of the published example, and one that is switched off.
fn stations(created_at: Timestamp) -> BTreeMap<StationId, Station> {
    let rows = [
        (1, "Kitchen", true, true, true),
        (2, "Bar", true, false, true),
        (3, "Tandir", true, false, false),
        (4, "Terrace grill", false, true, true),
    ];
    let station = |(id, name, active, kitchen, printable): (u64, &str, bool, bool, bool)| {
        let id = StationId(id);
        let name = name.to_owned();
        (id, Station { id, name, active, kitchen, printable, created_at, updated_at: created_at })
    };
    rows.into_iter().map(station).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const AT: Timestamp = Timestamp::from_unix_ms(1_768_334_645_000);

    #[test]
    fn the_built_in_menu_holds_together() {
        let menu = Menu::built_in(AT);
        let sold = menu.products.keys().filter(|id| menu.is_sold(**id)).count();
        assert!((60..=80).contains(&sold), "{sold} products are sold");
        for product in menu.products.values() {
            let name = &product.full_name;
            for part in &product.recipe {
                let kind = menu.products[&part.ingredient].kind;
                assert!(matches!(kind, Kind::Ingredient | Kind::Preparation), "{name} contains {kind:?}");
                assert!(part.gross > part.net && part.net > Quantity::ZERO, "{name}");
            }
            assert!(product.station.is_none_or(|id| menu.stations.contains_key(&id)), "{name}");
            assert!(product.category.is_none_or(|id| menu.categories.contains_key(&id)), "{name}");
            for choice in product.groups.iter().flat_map(|group| &group.options) {
                assert!(choice.ingredient.is_none_or(|id| menu.products.contains_key(&id)), "{name}");
            }
            assert_eq!(product.kind == Kind::Modification, product.parent.is_some(), "{name}");
            if let Some(parent) = product.parent {
                assert_eq!(menu.products[&parent].kind, Kind::Goods, "{name}");
            }
            assert_eq!(matches!(product.kind, Kind::Dish | Kind::Preparation), !product.recipe.is_empty(), "{name}");
        }
        assert_eq!(menu.prices.len(), sold * 3);
    }

    #[test]
    fn every_case_that_the_watcher_must_tell_apart_is_on_it() {
        let menu = Menu::built_in(AT);
        let any = |holds: &dyn Fn(&Product) -> bool| menu.products.values().any(holds);
        assert!(any(&|p| p.hidden) && any(&|p| !p.active) && any(&|p| p.kind == Kind::Timer));
        assert!(any(&|p| p.kind == Kind::Dish && p.station.is_none()));
        assert!(any(&|p| p.kind == Kind::Dish && p.sold_by_weight && p.low_stock > 0));
        assert!(any(&|p| p.station.is_some_and(|id| !menu.stations[&id].active)));
        assert!(any(&|p| p.groups.iter().flat_map(|g| &g.options).any(|c| c.ingredient.is_some())));
        assert!(menu.variants(ProductId(201)).count() == 3);
        assert_eq!(menu.products[&ProductId(302)].full_name, "Fanta 0.5 L");
        let deep =
            |id: ProductId| menu.products[&id].recipe.iter().any(|p| !menu.products[&p.ingredient].recipe.is_empty());
        assert!(any(&|p| p.recipe.iter().any(|part| deep(part.ingredient))), "a preparation of preparations");
    }

    #[test]
    fn no_recipe_contains_itself() {
        let menu = Menu::built_in(AT);
        for id in menu.products.keys() {
            let mut reached = BTreeSet::new();
            let mut open = vec![*id];
            while let Some(next) = open.pop() {
                for part in &menu.products[&next].recipe {
                    assert_ne!(part.ingredient, *id, "{id:?} contains itself");
                    if reached.insert(part.ingredient) {
                        open.push(part.ingredient);
                    }
                }
            }
        }
    }

    #[test]
    fn a_menu_grows_to_the_size_asked_for() {
        let mut menu = Menu::built_in(AT);
        menu.grow_to(300, AT);
        assert_eq!(menu.products.len(), 300);
    }
}
