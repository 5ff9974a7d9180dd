//! What goes into what: which dishes need an ingredient, and which of them cannot be made because one has run out.
//!
//! Followed through preparations, however deep, and through recipes that name each other in a circle. A preparation of
//! which something is left stands for itself: its dishes can be made although its ingredients are gone. An add-on never
//! stops a dish, a guest can do without it. Invariant: an item is neither among its own users nor among its own gaps.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Modifier, Product, ProductKind};
use crate::snapshot::{Picture, StopRow};
use crate::units::ProductId;

/// Missing parts that are kept of a product. Nobody reads more, and recipes that name each other in a circle would
/// otherwise lack each other by the million.
pub const GAPS_MAX: usize = 32;

/// What products lack: for each that lacks something its ingredients and preparations that are out, by their ids.
pub type Gaps = BTreeMap<ProductId, Vec<ProductId>>;

/// What on the menu needs an item, each in order of the ids.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Users<'a> {
    /// Dishes whose recipe needs it and that can still be ordered.
    pub on: Vec<&'a Product>,
    /// Dishes whose recipe needs it and that are out already.
    pub off: Vec<&'a Product>,
    /// Dishes that can be made without it, and the add-on that cannot.
    pub add_ons: Vec<(&'a Product, &'a Modifier)>,
}

/// Returns how many active, visible products need an item, also through preparations.
pub fn count_users(picture: &Picture, item: ProductId) -> usize {
    menu_of(picture, &reached(picture, item)).count()
}

/// Returns what on the menu needs an item.
pub fn users(picture: &Picture, item: ProductId) -> Users<'_> {
    let reached = reached(picture, item);
    let is_out = |product: &&Product| picture.rows.get(&product.id).is_some_and(StopRow::is_out);
    let (off, on) = menu_of(picture, &reached).partition(is_out);
    let needs = |modifier: &&Modifier| modifier.ingredient.is_some_and(|it| it == item || reached.contains(&it));
    let can_be_made = |product: &&Product| is_on_menu(product) && !reached.contains(&product.id);
    let add_ons = picture
        .catalog
        .with_add_ons()
        .filter(can_be_made)
        .flat_map(|product| product.modifiers.iter().filter(needs).map(move |modifier| (product, modifier)));
    Users { on, off, add_ons: add_ons.collect() }
}

/// Returns what products lack; no more than [`GAPS_MAX`] of each.
pub fn gaps(picture: &Picture) -> Gaps {
    let mut gaps = Gaps::new();
    for (part, _) in picture.rows.iter().filter(|(_, row)| row.is_out()) {
        let has_room = |user: ProductId| gaps.get(&user).is_none_or(|gaps| gaps.len() < GAPS_MAX);
        for user in reached_through(picture, *part, &has_room) {
            gaps.entry(user).or_default().push(*part);
        }
    }
    gaps
}

/// Returns every product whose recipe leads to an item.
fn reached(picture: &Picture, item: ProductId) -> BTreeSet<ProductId> {
    reached_through(picture, item, &|_| true)
}

/// Returns every product whose recipe leads to an item, over none but such as `may_pass`.
fn reached_through(picture: &Picture, item: ProductId, may_pass: &dyn Fn(ProductId) -> bool) -> BTreeSet<ProductId> {
    let used_in = picture.catalog.used_in();
    let mut reached = BTreeSet::new();
    let mut open = vec![item];
    while let Some(part) = open.pop() {
        let from = used_in.partition_point(|(known, _)| *known < part);
        for (_, user) in used_in[from..].iter().take_while(|(known, _)| *known == part) {
            if *user != item && !has_stock(picture, *user) && may_pass(*user) && reached.insert(*user) {
                open.push(*user);
            }
        }
    }
    reached
}

fn menu_of<'a>(picture: &'a Picture, reached: &BTreeSet<ProductId>) -> impl Iterator<Item = &'a Product> {
    let products = &picture.catalog.products;
    reached.iter().filter_map(|id| products.get(id)).filter(|product| is_on_menu(product))
}

/// Says whether a product is a preparation that was counted, and something of it is left.
fn has_stock(picture: &Picture, id: ProductId) -> bool {
    let is_preparation = picture.catalog.products.get(&id).is_some_and(|it| it.kind == ProductKind::Preparation);
    is_preparation && picture.rows.get(&id).is_some_and(|row| !row.is_out())
}

/// Says whether guests can order a product: what is used in the kitchen only, and a product of which only the variants
/// are sold, stand on no menu.
pub fn is_on_menu(product: &Product) -> bool {
    let is_sold = match product.kind {
        ProductKind::Goods | ProductKind::Dish | ProductKind::Timer | ProductKind::Modification => true,
        ProductKind::Preparation | ProductKind::Ingredient | ProductKind::Modifier | ProductKind::Other(_) => false,
    };
    is_sold && product.active && !product.hidden && !product.has_variants
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::catalog::{Catalog, RecipePart, SharedCatalog};
    use crate::snapshot::tests::product;
    use crate::units::{Quantity, Timestamp};

    const TOMATO: u64 = 1;
    const CHEESE: u64 = 2;
    const SAUCE: u64 = 10;
    const BASE: u64 = 11;
    const PIZZA: u64 = 20;
    const PASTA: u64 = 21;
    const SALAD: u64 = 22;
    const SECRET: u64 = 23;

    fn thing(id: u64, kind: ProductKind, recipe: &[u64]) -> Product {
        let part = |id: &u64| RecipePart { ingredient: ProductId(*id), gross: None };
        Product { kind, recipe: recipe.iter().map(part).collect(), ..product(id, &id.to_string()) }
    }

    fn picture(products: Vec<Product>, limits: &[(u64, i64)]) -> Picture {
        let now = Timestamp::from_unix_ms(0);
        let row = |limit: i64| StopRow { limit: Quantity::whole(limit), updated_at: None, since: now, seen_at: now };
        let products = products.into_iter().map(|product| (product.id, product)).collect();
        Picture {
            rows: Arc::new(limits.iter().map(|(id, limit)| (ProductId(*id), row(*limit))).collect()),
            catalog: SharedCatalog::new(Catalog { products, ..Catalog::default() }),
        }
    }

    /// Tomatoes go into a sauce, the sauce into a base, the base into pizza and pasta; the salad takes tomatoes itself,
    /// and cheese for who asks for it; the secret dish is on no menu.
    fn trattoria(limits: &[(u64, i64)]) -> Picture {
        let cheese = Modifier { id: 7, name: "Cheese".to_owned(), ingredient: Some(ProductId(CHEESE)) };
        picture(
            vec![
                thing(TOMATO, ProductKind::Ingredient, &[]),
                thing(CHEESE, ProductKind::Ingredient, &[]),
                thing(SAUCE, ProductKind::Preparation, &[TOMATO]),
                thing(BASE, ProductKind::Preparation, &[SAUCE]),
                thing(PIZZA, ProductKind::Dish, &[BASE, CHEESE]),
                thing(PASTA, ProductKind::Dish, &[BASE]),
                Product { modifiers: vec![cheese], ..thing(SALAD, ProductKind::Dish, &[TOMATO]) },
                Product { hidden: true, ..thing(SECRET, ProductKind::Dish, &[TOMATO]) },
            ],
            limits,
        )
    }

    fn users(item: u64, limits: &[(u64, i64)]) -> (Vec<u64>, Vec<u64>, Vec<u64>) {
        let picture = trattoria(limits);
        let Users { on, off, add_ons } = super::users(&picture, ProductId(item));
        let ids = |products: Vec<&Product>| products.into_iter().map(|product| product.id.0).collect::<Vec<_>>();
        (ids(on), ids(off), add_ons.into_iter().map(|(product, _)| product.id.0).collect())
    }

    #[test]
    fn an_ingredient_is_needed_through_its_preparations() {
        let cases = [
            (TOMATO, vec![], (vec![PIZZA, PASTA, SALAD], vec![], vec![])),
            (TOMATO, vec![(TOMATO, 0), (PASTA, 0)], (vec![PIZZA, SALAD], vec![PASTA], vec![])),
            // Base was made in the morning and counted: what needs it can still be made.
            (TOMATO, vec![(TOMATO, 0), (BASE, 4)], (vec![SALAD], vec![], vec![])),
            (TOMATO, vec![(TOMATO, 0), (BASE, 0)], (vec![PIZZA, PASTA, SALAD], vec![], vec![])),
            (CHEESE, vec![(CHEESE, 0)], (vec![PIZZA], vec![], vec![SALAD])),
            (PIZZA, vec![(PIZZA, 0)], (vec![], vec![], vec![])),
            (999, vec![(999, 0)], (vec![], vec![], vec![])),
        ];
        for (item, limits, expected) in cases {
            assert_eq!(users(item, &limits), expected, "{item} with {limits:?}");
            let picture = trattoria(&limits);
            assert_eq!(count_users(&picture, ProductId(item)), expected.0.len() + expected.1.len());
        }
    }

    #[test]
    fn what_is_missing_is_named_for_each_dish() {
        let gaps = |limits: &[(u64, i64)]| -> BTreeMap<u64, Vec<u64>> {
            let picture = trattoria(limits);
            super::gaps(&picture).iter().map(|(id, parts)| (id.0, parts.iter().map(|part| part.0).collect())).collect()
        };
        let expected: BTreeMap<u64, Vec<u64>> = BTreeMap::from([
            (SAUCE, vec![TOMATO]),
            (BASE, vec![TOMATO]),
            (PIZZA, vec![TOMATO, CHEESE]),
            (PASTA, vec![TOMATO]),
            (SALAD, vec![TOMATO]),
            (SECRET, vec![TOMATO]),
        ]);
        assert_eq!(gaps(&[(TOMATO, 0), (CHEESE, -1)]), expected);
        assert_eq!(gaps(&[(TOMATO, 3), (PIZZA, 0)]), BTreeMap::new(), "a dish that is out is nobody's ingredient");
    }

    /// Says by mere recursion whether a product cannot be made without an item.
    fn needs(picture: &Picture, product: u64, item: u64, on_the_way: &mut Vec<u64>) -> bool {
        let Some(known) = picture.catalog.products.get(&ProductId(product)) else { return false };
        let is_stocked = |id: ProductId| {
            picture.catalog.products.get(&id).is_some_and(|it| it.kind == ProductKind::Preparation)
                && picture.rows.get(&id).is_some_and(|row| row.limit > Quantity::ZERO)
        };
        if product == item || is_stocked(known.id) || on_the_way.contains(&product) {
            return false;
        }
        on_the_way.push(product);
        let needed = known
            .recipe
            .iter()
            .any(|part| part.ingredient.0 == item || needs(picture, part.ingredient.0, item, on_the_way));
        on_the_way.pop();
        needed
    }

    proptest! {
        /// Recipes of any form, circles among them: the walk from the ingredient finds what recursion from the dish does.
        #[test]
        fn the_walk_agrees_with_recursion(
            recipes in prop::collection::vec((any::<bool>(), prop::collection::vec(0_u64..9, 0..4)), 8),
            limits in prop::collection::btree_map(0_u64..9, -1_i64..2, 0..6),
        ) {
            let kind = |is_dish| if is_dish { ProductKind::Dish } else { ProductKind::Preparation };
            let products = recipes.iter().enumerate();
            let products = products.map(|(id, (is_dish, parts))| thing(id as u64, kind(*is_dish), parts)).collect();
            let picture = picture(products, &limits.into_iter().collect::<Vec<_>>());
            let gaps = gaps(&picture);
            for product in 0..8 {
                for item in 0..9 {
                    let is_out = picture.rows.get(&ProductId(item)).is_some_and(StopRow::is_out);
                    let named = gaps.get(&ProductId(product)).is_some_and(|parts| parts.contains(&ProductId(item)));
                    prop_assert_eq!(named, is_out && needs(&picture, product, item, &mut Vec::new()), "{} {}", product, item);
                }
            }
        }
    }

    #[test]
    fn a_circle_of_five_thousand_preparations_is_walked_once() {
        let round = |id: u64| thing(id, ProductKind::Preparation, &[(id + 1) % 5_000]);
        let mut products: Vec<Product> = (0..5_000).map(round).collect();
        products.push(thing(PIZZA + 10_000, ProductKind::Dish, &[0]));
        let picture = picture(products, &[(2_500, 0)]);
        assert_eq!(count_users(&picture, ProductId(2_500)), 1);
        assert_eq!(gaps(&picture).len(), 5_000, "all others of the circle, and the dish");
    }

    #[test]
    fn a_circle_in_which_everything_is_out_names_a_few_of_what_each_lacks() {
        let count = 4_000;
        let round = |id: u64| thing(id, ProductKind::Preparation, &[(id + 1) % count]);
        let limits: Vec<(u64, i64)> = (0..count).map(|id| (id, 0)).collect();
        let picture = picture((0..count).map(round).collect(), &limits);
        let named: usize = gaps(&picture).values().map(Vec::len).sum();
        assert_eq!(gaps(&picture).len(), 4_000, "each lacks something");
        assert!(gaps(&picture).values().all(|gaps| gaps.len() <= GAPS_MAX), "without the bound, 16 million");
        assert!(named >= 4_000, "{named}");
    }
}
