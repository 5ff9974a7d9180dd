//! What event rules tell of changes.

use super::*;
use crate::catalog::SharedCatalog;
use crate::rules::events::events;
use crate::rules::{EventKind, Subject};
use crate::snapshot::diff::{Change, diff};

/// Rows by product and limit.
type Limits<'a> = &'a [(u64, &'a str)];

/// A rule for every event, named after it.
fn rule_for_every_event() -> RuleSet {
    let rule = |event: EventKind| format!("- {{ name: {0}, event: {0}, notify: [] }}", event.word());
    rule_set(&format!("rules:\n{}", EventKind::ALL.map(rule).join("\n")))
}

fn told(rules: &RuleSet, before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let brand = brand();
    let changes = diff(&before.picture, &after.picture);
    let (before, after) = (view(&brand, &Access::Granted, before), view(&brand, &Access::Granted, after));
    let line = |subject: &Subject| match subject {
        Subject::Item(_, id) => format!("#{id}"),
        Subject::Station(_, id) => format!("station {id}"),
        Subject::Venue(_)
        | Subject::Brand
        | Subject::OfCategory(..)
        | Subject::OfStation(..)
        | Subject::OfVenues(_) => "?".to_owned(),
    };
    let found = events(rules, &changes, &before, &after, at(10));
    found.iter().map(|event| format!("{} {}", event.rule, line(&event.subject))).collect()
}

#[test]
fn rows_that_come_and_go() {
    let rules = rule_for_every_event();
    let cases: [(Limits<'_>, Limits<'_>, &[&str]); 8] = [
        (&[], &[(1, "0")], &["limit_changed #1", "stopped #1"]),
        (&[(1, "3")], &[(1, "-1")], &["limit_changed #1", "stopped #1"]),
        (&[(1, "3")], &[(1, "2.5")], &["limit_changed #1"]),
        (&[(1, "0")], &[(1, "-1")], &["limit_changed #1"]),
        (&[(1, "0")], &[(1, "4")], &["back #1", "limit_changed #1"]),
        (&[(1, "0")], &[], &["back #1", "limit_changed #1"]),
        (&[(332, "0")], &[], &["back #332", "limit_changed #332"]),
        (&[(1, "0")], &[(1, "0")], &[]),
    ];
    for (before, after, expected) in cases {
        assert_eq!(told(&rules, &snapshot(before), &snapshot(after)), expected, "{before:?} -> {after:?}");
    }
    let first = Snapshot { read_at: None, ..snapshot(&[]) };
    assert_eq!(told(&rules, &first, &snapshot(&[(1, "0")])), [""; 0], "a first reading is no news");
}

#[test]
fn changes_of_the_catalog() {
    let rules = rule_for_every_event();
    let check = |change: fn(&mut Catalog), expected: &[&str]| {
        let before = snapshot(&[(7, "0")]);
        let mut catalog = catalog();
        change(&mut catalog);
        let picture = Picture { catalog: SharedCatalog::new(catalog), ..before.picture.clone() };
        assert_eq!(told(&rules, &before, &Snapshot { picture, ..before.clone() }), expected);
    };
    check(
        |catalog| catalog.products.get_mut(&ProductId(1)).expect("plov").price = Money::default(),
        &["price_changed #1"],
    );
    check(|catalog| catalog.products.get_mut(&ProductId(1)).expect("plov").hidden = true, &[]);
    check(
        |catalog| {
            catalog.prices.insert((PriceListId(1), ProductId(1)), Money::default());
        },
        &["price_changed #1"],
    );
    check(
        |catalog| {
            catalog.prices.insert((PriceListId(1), ProductId(2)), Money::default());
        },
        &[],
    );
    check(
        |catalog| {
            catalog.products.remove(&ProductId(7));
        },
        &["product_removed #7"],
    );
    check(
        |catalog| {
            catalog.products.insert(ProductId(12), product(12, ProductKind::Dish, "Qutab"));
        },
        &["product_added #12"],
    );
    check(
        |catalog| catalog.stations.get_mut(&StationId(2)).expect("bar").active = true,
        &["station_changed station 2"],
    );
    check(
        |catalog| {
            catalog.stations.remove(&StationId(1));
        },
        &["station_changed station 1"],
    );
}

#[test]
fn the_first_walk_and_the_first_stations_are_no_news() {
    let after = snapshot(&[]);
    let picture = Picture { catalog: SharedCatalog::default(), ..after.picture.clone() };
    let before = Snapshot { picture, catalog_read_at: None, ..after.clone() };
    assert_eq!(told(&rule_for_every_event(), &before, &after), [""; 0]);
}

#[test]
fn when_is_asked_of_the_later_picture_and_of_the_earlier_one_after_a_removal() {
    let rules = rule_set(
        "rules:\n\
         - { name: long, event: back, notify: [], when: { was_out_for: { at_least: 15m }, product.type: DISH } }\n\
         - { name: longer, event: back, notify: [], when: { was_out_for: { at_least: 16m } } }\n\
         - { name: scarce, event: limit_changed, notify: [], when: { change.before: { above: 10 }, change.after: { at_most: 10 } } }\n\
         - { name: new-row, event: limit_changed, notify: [], when: { change.before: { is: unset } } }\n\
         - { name: cheaper, event: price_changed, notify: [], when: { change.before: 12.5, change.after: { below: 9 } } }\n\
         - { name: dish-gone, event: product_removed, notify: [], when: { product.type: DISH } }\n\
         - { name: on, event: station_changed, notify: [], when: { station.status: active } }",
    );
    assert_eq!(told(&rules, &snapshot(&[(1, "0"), (2, "0")]), &snapshot(&[])), ["long #1"]);
    assert_eq!(told(&rules, &snapshot(&[(1, "11")]), &snapshot(&[(1, "9"), (2, "50")])), ["new-row #2", "scarce #1"]);
    let before = snapshot(&[]);
    let mut changed = catalog();
    changed.products.get_mut(&ProductId(2)).expect("tea").price = Money::from_ten_thousandths(80_000);
    changed.products.remove(&ProductId(7));
    changed.products.remove(&ProductId(6));
    changed.stations.get_mut(&StationId(1)).expect("tandir").active = false;
    changed.stations.get_mut(&StationId(2)).expect("bar").active = true;
    let picture = Picture { catalog: SharedCatalog::new(changed), ..before.picture.clone() };
    let after = Snapshot { picture, ..before.clone() };
    assert_eq!(told(&rules, &before, &after), ["cheaper #2", "dish-gone #7", "on station 2"]);
}

#[test]
fn the_shipped_rules_tell_no_return_at_a_station_that_is_off() {
    let rules = rule_set(include_str!("../../../rules/kitchen.yaml"));
    let out = snapshot(&[(1, "0"), (2, "0"), (7, "0")]);
    assert_eq!(told(&rules, &out, &snapshot(&[])), ["back-on-sale #1", "back-on-sale #7"]);
}

#[test]
fn an_event_carries_its_change() {
    let brand = brand();
    let (before, after) = (snapshot(&[(1, "3")]), snapshot(&[(1, "0")]));
    let changes = diff(&before.picture, &after.picture);
    let rules = rule_set("rules: [{ name: r, event: stopped, notify: [] }]");
    let (before, after) = (view(&brand, &Access::Granted, &before), view(&brand, &Access::Granted, &after));
    let found = events(&rules, &changes, &before, &after, at(0));
    let [event] = found.as_slice() else { panic!("{found:?}") };
    assert!(matches!(&event.change, Change::Row { before: Some(row), .. } if row.limit == Quantity::whole(3)));
}
