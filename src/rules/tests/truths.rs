//! What conditions and rules say of the restaurant.

use super::*;
use crate::catalog::SharedCatalog;
use crate::rules::condition::Truth::{self, Clear, Holds, Unknown};
use crate::rules::evaluate::{evaluate_brand, evaluate_venue};
use crate::rules::subject::Scene;
use crate::rules::value::View;
use crate::rules::{Finding, RuleName, Subject};
use crate::snapshot::pace::{Batch, Pace};
use crate::snapshot::{Outage, Trouble};

const ALL: [Truth; 3] = [Holds, Clear, Unknown];

fn check(id: u64, limits: &[(u64, &str)], cases: &[(&str, Truth)]) {
    for (when, expected) in cases {
        let rules = item_rule(when);
        let (brand, snapshot) = (brand(), snapshot(limits));
        let scene = Scene::new(view(&brand, &Access::Granted, &snapshot), rules.price_lists(), at(10));
        let item = scene.item(ProductId(id)).expect("in the catalog or on the list");
        assert_eq!(rules.rules()[0].when.truth(&View::Item(&scene, item, None), at(10)), *expected, "#{id} {when}");
    }
}

#[test]
fn a_dish_that_is_out() {
    check(
        1,
        &[(1, "0")],
        &[
            ("limit: { at_most: 0 }", Holds),
            ("limit: 0", Holds),
            ("limit: [0, 1]", Holds),
            ("limit: { not: 0 }", Clear),
            ("limit: { not: [1, 2] }", Holds),
            ("limit: { above: -1, below: 1 }", Holds),
            ("limit: { at_least: 0.000001 }", Clear),
            ("limit: { is: set }", Holds),
            ("limited: true", Holds),
            ("sold_out: true", Holds),
            ("low: true", Clear),
            ("near_low: true", Clear),
            ("stopped_for: { at_least: 15m }", Holds),
            ("stopped_for: { above: 15m10s }", Clear),
            // The test's clock shows 20:26:40 UTC.
            ("since: { below: \"20:12\" }", Holds),
            ("since: { at_most: \"20:11\" }", Clear),
            ("since: { at_least: \"20:11\", below: \"20:12\" }", Holds),
            ("since: { above: 20:12 }", Clear),
            ("since: { below: \"01:00\" }", Holds),
            ("times_today: 1", Holds),
        ],
    );
}

#[test]
fn a_dish_without_a_row_is_unrestricted() {
    check(
        1,
        &[],
        &[
            ("limit: { at_most: 0 }", Clear),
            ("limit: { above: 0 }", Clear),
            ("limit: { not: 0 }", Holds),
            ("limit: { is: unset }", Holds),
            ("limited: false", Holds),
            ("sold_out: false", Holds),
            ("low: true", Clear),
            ("stopped_for: { is: unset }", Holds),
            ("since: { is: unset }", Holds),
            ("since: { below: \"23:00\" }", Clear),
            ("times_today: 0", Holds),
        ],
    );
}

#[test]
fn stops_are_counted_in_the_business_day_in_which_they_began() {
    // The test's clock shows 20:26:40 UTC; the day started at 04:00, 59,200 s before.
    let stop = |product, since, back| Outage { product: ProductId(product), since: at(since), back_at: at(back) };
    let outages =
        vec![stop(1, -60_000, -50_000), stop(1, -59_200, -40_000), stop(2, -30_000, -20_000), stop(1, -10_000, -5_000)];
    let times = |id: u64, limits: &[(u64, &str)], read_at: i64| {
        let snapshot = Snapshot { outages: outages.clone(), read_at: Some(at(read_at)), ..snapshot(limits) };
        let brand = brand();
        let scene = Scene::new(view(&brand, &Access::Granted, &snapshot), &[], at(read_at + 1));
        scene.times_today(ProductId(id))
    };
    assert_eq!(times(1, &[(1, "0")], 0), 3, "two that are over, and the one that lasts");
    assert_eq!(times(1, &[(1, "3")], 0), 2, "a limit is no stop");
    assert_eq!((times(2, &[], 0), times(3, &[], 0)), (1, 0));
    // From 04:00 of the next day on.
    assert_eq!((times(1, &[(1, "0")], 27_199), times(1, &[(1, "0")], 27_200)), (3, 0));
}

#[test]
fn what_goes_into_a_dish_and_is_out() {
    let missing =
        [("blocked_by: { is: set }", Holds), ("blocked_by: Salt", Holds), ("blocked_by: [Rice, Flour]", Clear)];
    check(1, &[(6, "0")], &missing);
    check(1, &[(6, "0.5")], &[("blocked_by: { is: unset }", Holds), ("blocked_by: Salt", Clear)]);
    check(7, &[(6, "0")], &[("blocked_by: { is: unset }", Holds)]);
    check(6, &[(6, "0")], &[("blocks: 1", Holds), ("blocks: { at_least: 2 }", Clear), ("sold_out: true", Holds)]);
    check(1, &[], &[("blocks: 0", Holds)]);
}

#[test]
fn nobody_knows_what_a_dish_lacks_before_the_recipes_were_read_or_when_the_list_is_old() {
    let asked = ["blocked_by: { is: set }", "blocked_by: { is: unset }", "blocks: { at_least: 0 }"];
    let unread = Snapshot { catalog_read_at: None, ..snapshot(&[(6, "0")]) };
    let old = Snapshot { read_at: Some(at(-86_400)), ..snapshot(&[(6, "0")]) };
    for snapshot in [unread, old] {
        for when in asked {
            let (rules, brand) = (item_rule(when), brand());
            let scene = Scene::new(view(&brand, &Access::Granted, &snapshot), rules.price_lists(), at(10));
            let item = scene.item(ProductId(1)).expect("in the catalog");
            assert_eq!(rules.rules()[0].when.truth(&View::Item(&scene, item, None), at(10)), Unknown, "{when}");
        }
    }
}

#[test]
fn the_hours_of_a_venue() {
    use crate::calendar::{ClockSpan, Schedule};
    let zone = crate::units::Zone::named("Asia/Baku").expect("bundled");
    // The test's clock shows Friday, 29 May 2026, 00:26:40 in Baku.
    let daily = |span: &str| {
        let span = ClockSpan::parse(span).expect("a span");
        Schedule::new(std::array::from_fn(|_| vec![span]), BTreeMap::new())
    };
    let calendar = |hours: &str, peaks: &str| {
        Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0)).with_hours(Some(daily(hours)), Some(daily(peaks)))
    };
    let unwritten = Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0));
    let cases = [
        (calendar("18:00-02:00", "18:00-21:00"), "venue.open: true", Holds),
        (calendar("18:00-02:00", "18:00-21:00"), "venue.peak: true", Clear),
        (calendar("18:00-02:00", "00:00-01:00"), "venue.peak: true", Holds),
        (calendar("18:00-02:00", "18:00-21:00"), "venue.closes_in: { below: 1h34m }", Holds),
        (calendar("18:00-02:00", "18:00-21:00"), "venue.closes_in: { below: 1h33m }", Clear),
        (calendar("18:00-02:00", "18:00-21:00"), "venue.opens_in: { is: unset }", Holds),
        (calendar("10:00-23:00", "12:00-14:00"), "venue.open: true", Clear),
        (calendar("10:00-23:00", "12:00-14:00"), "venue.opens_in: { at_most: 9h34m }", Holds),
        (calendar("10:00-23:00", "12:00-14:00"), "venue.closes_in: { is: unset }", Holds),
        (unwritten.clone(), "venue.open: { is: unset }", Holds),
        (unwritten, "venue.open: true", Clear),
    ];
    let (brand, snapshot) = (brand(), snapshot(&[]));
    for (calendar, when, expected) in cases {
        let rules = rule_set(&format!("rules: [{{ name: r, notify: [], subject: venue, when: {{ {when} }} }}]"));
        let view = VenueView { calendar: &calendar, ..view(&brand, &Access::Granted, &snapshot) };
        let scene = Scene::new(view, rules.price_lists(), at(0));
        assert_eq!(rules.rules()[0].when.truth(&View::Venue(&scene), at(0)), expected, "{when} with {calendar:?}");
    }
}

/// A dish with a row that sold one portion every 10 min for an hour; at(0) is the last one, and its reading.
fn selling(left: &str, product: u64) -> Snapshot {
    let mut snapshot = snapshot(&[(product, left)]);
    let sold = |s: i64| Batch { from: at(s), until: at(s), sold: Quantity::whole(1), steps: 1 };
    let batches = (-5..=0).map(|n| sold(600 * n)).collect();
    snapshot.paces = Arc::new([(ProductId(product), Pace { since: at(-3600), batches, pauses: Vec::new() })].into());
    snapshot
}

#[test]
fn what_a_countdown_foretells() {
    use crate::calendar::{ClockSpan, Schedule};
    let zone = crate::units::Zone::named("Asia/Baku").expect("bundled");
    // The test's clock shows 00:26:40 in Baku.
    let open = |span: &str| {
        let hours = Schedule::daily(&[ClockSpan::parse(span).expect("a span")]);
        Calendar::plain(zone.clone(), jiff::civil::time(4, 0, 0, 0)).with_hours(Some(hours), None)
    };
    let unwritten = || plain_calendar().clone();
    // Six an hour were sold; the last of them just now, which makes a little more of it.
    let cases = [
        ("4", unwritten(), 1, "sold_per_hour: { at_least: 6, below: 8 }", Holds),
        ("4", unwritten(), 1, "money_per_hour: { at_least: 75, below: 100 }", Holds),
        ("4", unwritten(), 1, "runs_out_in: { at_least: 30m, at_most: 40m }", Holds),
        ("8", unwritten(), 1, "runs_out_in: { at_most: 45m }", Clear),
        ("4", unwritten(), 1, "runs_out_before_closing: { is: unset }", Holds),
        ("4", unwritten(), 1, "not: { runs_out_before_closing: false }", Holds),
        ("4", open("18:00-02:00"), 1, "runs_out_before_closing: true", Holds),
        ("14", open("18:00-02:00"), 1, "runs_out_before_closing: false", Holds),
        ("200", open("18:00-02:00"), 1, "runs_out_in: { is: unset }, runs_out_before_closing: false", Holds),
        ("200", unwritten(), 1, "runs_out_in: { is: unset }, sold_per_hour: { is: set }", Holds),
        // The doors closed, and opened after the last sale.
        ("4", open("10:00-23:00"), 1, "runs_out_in: { is: unset }", Holds),
        ("4", open("10:00-23:00"), 1, "sold_per_hour: { above: 0 }", Clear),
        ("0", unwritten(), 1, "runs_out_in: { at_most: 45m }", Clear),
        ("0", unwritten(), 1, "sold_per_hour: { is: unset }, money_per_hour: { is: unset }", Holds),
        // Nobody has read its price.
        ("4", unwritten(), 332, "sold_per_hour: { above: 6 }", Holds),
        ("4", unwritten(), 332, "money_per_hour: { above: 6 }", Unknown),
    ];
    let brand = brand();
    for (left, calendar, id, when, expected) in cases {
        let (rules, snapshot) = (item_rule(when), selling(left, id));
        let view = VenueView { calendar: &calendar, ..view(&brand, &Access::Granted, &snapshot) };
        let scene = Scene::new(view, rules.price_lists(), at(0));
        let item = scene.item(ProductId(id)).expect("on the list");
        let truth = rules.rules()[0].when.truth(&View::Item(&scene, item, None), at(0));
        assert_eq!(truth, expected, "{left} left, {when}");
    }
    for (sales, is_priced) in [(6, true), (4, true), (3, false)] {
        let mut snapshot = selling("4", 1);
        let (access, rules) = (Access::Granted, item_rule("sold_per_hour: { is: set }, money_per_hour: { is: set }"));
        for pace in Arc::make_mut(&mut snapshot.paces).values_mut() {
            pace.batches.truncate(sales);
        }
        let scene = Scene::new(view(&brand, &access, &snapshot), rules.price_lists(), at(0));
        let item = scene.item(ProductId(1)).expect("on the list");
        let truth = rules.rules()[0].when.truth(&View::Item(&scene, item, None), at(0));
        assert_eq!(truth, if is_priced { Holds } else { Clear }, "{sales} sales");
        assert!(scene.forecast(ProductId(1)).is_ok(), "three sales are a pace");
    }
    let fields = ["runs_out_in", "sold_per_hour", "money_per_hour", "runs_out_before_closing"];
    for field in fields {
        let is_unset = format!("{field}: {{ is: unset }}");
        check(1, &[(1, "5")], &[(&is_unset, Holds)]); // never seen to sell
        check(1, &[], &[(&is_unset, Holds)]);
        let old = Snapshot { read_at: Some(at(-86_400)), ..selling("4", 1) };
        let (rules, access) = (item_rule(&is_unset), Access::Granted);
        let scene = Scene::new(view(&brand, &access, &old), rules.price_lists(), at(10));
        let item = scene.item(ProductId(1)).expect("in the catalog");
        assert_eq!(rules.rules()[0].when.truth(&View::Item(&scene, item, None), at(10)), Unknown, "{field}");
    }
}

#[test]
fn low_ends_at_the_threshold_and_near_low_a_fifth_above() {
    for (limit, low, near_low) in
        [("0", Clear, Clear), ("0.5", Holds, Holds), ("10", Holds, Holds), ("10.5", Clear, Holds), ("12", Clear, Holds)]
    {
        check(1, &[(1, limit)], &[("low: true", low), ("near_low: true", near_low)]);
    }
    check(1, &[(1, "12.1")], &[("near_low: true", Clear)]);
    // No threshold, never low; no product, nobody knows.
    check(7, &[(7, "1")], &[("low: true", Clear), ("near_low: true", Clear)]);
    check(332, &[(332, "1")], &[("low: true", Unknown), ("near_low: true", Unknown)]);
    check(332, &[(332, "0")], &[("low: true", Clear)]);
}

#[test]
fn what_the_catalog_says_of_a_dish() {
    check(
        1,
        &[],
        &[
            ("product.id: [1, 2]", Holds),
            ("product.name: Plov", Holds),
            ("product.name: plov", Clear),
            ("product.name: { matches: Pl }", Clear),
            ("product.name: { matches: Pl.* }", Holds),
            ("product.name: { matches: (?i)PLOV }", Holds),
            ("product.name: { matches: x|lov }", Clear),
            ("product.full_name: { not: Plov }", Clear),
            ("product.type: [DISH, GOODS]", Holds),
            ("product.status: active", Holds),
            ("product.hidden: true", Clear),
            ("product.price: 12.50", Holds),
            ("product.price: { at_least: 12.5, below: 12.5001 }", Holds),
            ("product.cost_price: { above: 0 }", Clear),
            ("product.low_stock: { at_least: 10 }", Holds),
            ("product.category_id: 10", Holds),
            ("product.category: Mains", Holds),
            ("product.tags: lunch", Holds),
            ("product.tags: { not: [dinner, banquet] }", Clear),
            ("product.tags: { matches: l.* }", Holds),
            ("product.inventory_behavior: MINUS_SELF", Holds),
            ("product.sold_by_weight: false", Holds),
            ("product.cooking_time: 25m", Holds),
            ("product.cooking_time: { above: 25m }", Clear),
            ("parent.id: { is: unset }", Holds),
            ("variants.left: { is: unset }", Holds),
            ("prices.delivery: 14", Holds),
            ("prices.Delivery: { above: 14 }", Clear),
            ("prices.banquet: { is: unset }", Holds),
            ("station.id: 1", Holds),
            ("station.name: Tandir", Holds),
            ("station.status: active", Holds),
            ("station.kind: kitchen", Holds),
            ("station.printable: true", Holds),
            ("station.products: 4", Holds),
            ("venue.id: 7", Holds),
            ("venue.name: Sahil", Holds),
            ("venue.status: active", Holds),
            ("venue.reading: fresh", Holds),
            ("venue.trouble: { is: unset }", Holds),
            ("reading.age: { at_least: 10s }", Holds),
            ("brand: sahil", Holds),
            ("brand.access: granted", Holds),
        ],
    );
}

#[test]
fn variants_have_their_parent_s_station_and_are_counted() {
    check(
        4,
        &[(4, "0")],
        &[
            ("station.status: active", Holds),
            ("parent.id: 3", Holds),
            ("parent.name: Fanta", Holds),
            ("parent.status: inactive", Clear),
            ("product.type: MODIFICATION", Holds),
        ],
    );
    check(3, &[(4, "0"), (5, "2")], &[("variants.left: 1", Holds), ("variants.out: 1", Holds)]);
    check(3, &[(4, "0"), (5, "0")], &[("variants.left: { at_most: 0 }", Holds), ("variants.out: 2", Holds)]);
}

#[test]
fn no_station_is_known_and_an_unread_one_is_not() {
    check(2, &[], &[("station.status: inactive", Holds), ("station.kind: other", Holds)]);
    check(
        7,
        &[],
        &[
            ("station.id: { is: unset }", Holds),
            ("station.status: active", Clear),
            ("station.status: { not: active }", Holds),
        ],
    );
    check(
        8,
        &[],
        &[
            ("station.status: active", Unknown),
            ("station.id: { is: unset }", Unknown),
            ("product.category: Soups", Unknown),
            ("product.category_id: 11", Holds),
            ("product.type: { not: DISH }", Holds),
        ],
    );
    check(9, &[], &[("parent.id: 77", Holds), ("parent.name: Fanta", Unknown), ("station.status: active", Unknown)]);
}

#[test]
fn an_id_that_only_the_stop_list_knows_is_mostly_unknown() {
    check(
        332,
        &[(332, "0")],
        &[
            ("sold_out: true", Holds),
            ("product.id: 332", Unknown),
            ("product.type: DISH", Unknown),
            ("sold_out: true, product.type: DISH", Unknown),
            ("sold_out: false, product.type: DISH", Clear),
            ("station.status: active", Unknown),
            ("parent.id: { is: unset }", Unknown),
            ("variants.left: { is: set }", Unknown),
            ("any: [{ product.type: DISH }, { sold_out: true }]", Holds),
            ("any: [{ product.type: DISH }, { sold_out: false }]", Unknown),
            ("not: { product.type: DISH }", Unknown),
            ("not: { product.type: DISH, sold_out: false }", Holds),
            ("all: [{ sold_out: true }, { limit: 0 }]", Holds),
        ],
    );
}

#[test]
fn and_or_and_not_are_kleene_s() {
    for a in ALL {
        assert_eq!((a.and(Holds), a.or(Clear), a.not().not()), (a, a, a));
        assert_eq!((a.and(Clear), a.or(Holds), a.and(a), a.or(a)), (Clear, Holds, a, a));
        for b in ALL {
            assert_eq!((a.and(b), a.or(b)), (b.and(a), b.or(a)));
            assert_eq!(a.and(b).not(), a.not().or(b.not()), "De Morgan");
            for c in ALL {
                assert_eq!((a.and(b).and(c), a.or(b).or(c)), (a.and(b.and(c)), a.or(b.or(c))));
                assert_eq!(a.and(b.or(c)), a.and(b).or(a.and(c)));
            }
        }
    }
    assert_eq!((Unknown.and(Holds), Unknown.or(Clear), Unknown.not()), (Unknown, Unknown, Unknown));
}

fn found(rules: &RuleSet, snapshot: &Snapshot, now: Timestamp) -> Vec<(String, Subject, Truth, Truth)> {
    let brand = brand();
    let evaluation = evaluate_venue(rules, &view(&brand, &Access::Granted, snapshot), now);
    let plain = |Finding { rule, subject, holds, keeps }| (rule.to_string(), subject, holds, keeps);
    evaluation.findings.into_iter().map(plain).collect()
}

fn item(id: u64) -> Subject {
    Subject::Item(VenueId(7), ProductId(id))
}

#[test]
fn findings_name_what_holds_or_may_hold() {
    let rules = rule_set(
        "rules:\n\
         - { name: out, notify: [], when: { sold_out: true, station.status: active } }\n\
         - { name: low, notify: [], when: { low: true }, keep_while: { near_low: true } }\n\
         - { name: dear, notify: [], when: { prices.delivery: { above: 10 } } }\n\
         - { name: bar, notify: [], subject: station, when: { station.status: inactive } }\n\
         - { name: read, notify: [], subject: venue, when: { venue.reading: fresh } }\n\
         - { name: ours, notify: [], subject: brand, when: { brand: sahil } }",
    );
    let snapshot = snapshot(&[(1, "11"), (2, "0"), (4, "0"), (7, "0"), (332, "0")]);
    assert_eq!(
        found(&rules, &snapshot, at(10)),
        [
            ("bar".to_owned(), Subject::Station(VenueId(7), StationId(2)), Holds, Holds),
            ("dear".to_owned(), item(1), Holds, Holds),
            ("low".to_owned(), item(1), Clear, Holds),
            ("out".to_owned(), item(4), Holds, Holds),
            ("out".to_owned(), item(332), Unknown, Unknown),
            ("read".to_owned(), Subject::Venue(VenueId(7)), Holds, Holds),
        ]
    );
}

#[test]
fn a_set_that_nobody_can_look_at_is_unknown_and_one_without_members_is_clear() {
    let rules =
        rule_set("rules: [{ name: thin, notify: [], when: { sold_out: true }, at_least: { count: 2, of: category } }]");
    let (brand, fresh) = (brand(), snapshot(&[(1, "0")]));
    let unread = Snapshot { read_at: None, ..fresh.clone() };
    let without_products = Snapshot { catalog_read_at: None, ..fresh.clone() };
    for (snapshot, now, expected) in [
        (&fresh, at(10), Clear),
        (&fresh, at(60), Unknown),
        (&unread, at(10), Unknown),
        (&without_products, at(10), Unknown),
    ] {
        let evaluation = evaluate_venue(&rules, &view(&brand, &Access::Granted, snapshot), now);
        assert_eq!(evaluation.findings, []);
        for subject in [Subject::OfCategory(VenueId(7), CategoryId(10)), Subject::OfStation(VenueId(7), StationId(1))] {
            assert_eq!(evaluation.unmentioned(&rules.rules()[0], &subject), expected, "{subject:?}");
        }
    }
}

#[test]
fn an_old_or_missing_reading_says_nothing_of_items() {
    let rules = rule_set(
        "rules:\n\
         - { name: out, notify: [], when: { sold_out: true } }\n\
         - { name: blind, notify: [], subject: venue, when: { venue.reading: blind } }\n\
         - { name: broken, notify: [], subject: venue, when: { venue.trouble: { matches: .*HTML.* } } }\n\
         - { name: off, notify: [], subject: station, when: { station.status: inactive } }\n\
         - { name: dish, notify: [], when: { product.type: DISH } }",
    );
    let (brand, fresh) = (brand(), snapshot(&[(1, "0")]));
    let evaluate = |snapshot: &Snapshot, now| evaluate_venue(&rules, &view(&brand, &Access::Granted, snapshot), now);
    let names = |snapshot: &Snapshot, now| {
        let found = evaluate(snapshot, now).findings;
        found.into_iter().map(|finding| finding.rule.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&fresh, at(59)), "dish dish off out");
    assert_eq!(names(&fresh, at(60)), "off", "stale");
    let trouble = Some(Trouble { since: at(30), failures: 9, why: "an HTML page".to_owned() });
    assert_eq!(names(&Snapshot { trouble, ..fresh.clone() }, at(300)), "blind broken off");

    let [dish, off, out] = ["dish", "off", "out"].map(|name| rules.get(&RuleName::new(name).expect("a name")));
    let (dish, off, out) = (dish.expect("dish"), off.expect("off"), out.expect("out"));
    let station = Subject::Station(VenueId(7), StationId(2));
    let read = evaluate(&fresh, at(10));
    assert_eq!((read.unmentioned(out, &item(4)), read.unmentioned(off, &station)), (Clear, Clear));
    let stale = evaluate(&fresh, at(60));
    assert_eq!((stale.unmentioned(out, &item(4)), stale.unmentioned(off, &station)), (Unknown, Clear));
    let without_catalog = Snapshot {
        picture: Picture { catalog: SharedCatalog::default(), ..fresh.picture.clone() },
        catalog_read_at: None,
        ..fresh.clone()
    };
    let listed = evaluate(&without_catalog, at(10));
    assert_eq!(listed.unmentioned(out, &item(4)), Clear, "not on the list that was read");
    assert_eq!((listed.unmentioned(dish, &item(4)), listed.unmentioned(off, &station)), (Unknown, Unknown));
    let never = evaluate(&Snapshot { read_at: None, ..fresh }, at(10));
    assert_eq!((never.items_unknown, never.unmentioned(dish, &item(1))), (true, Unknown));
}

#[test]
fn a_brand_that_was_not_tried_is_unknown() {
    let rules = rule_set("rules: [{ name: refused, subject: brand, notify: [ops], when: { brand.access: refused } }]");
    let truth = |access: &Access| {
        let found = evaluate_brand(&rules, &brand(), access, at(0));
        found.first().map(|finding| (finding.subject.clone(), finding.holds))
    };
    assert_eq!(truth(&Access::Granted), None);
    assert_eq!(truth(&Access::Untried), Some((Subject::Brand, Unknown)));
    let refused = Access::Refused { since: at(0), why: "wrong client_id".to_owned() };
    assert_eq!(truth(&refused), Some((Subject::Brand, Holds)));
}

#[test]
fn the_shipped_rules_tell_a_refusal_from_an_outage() {
    let rules = rule_set(include_str!("../../../rules/operations.yaml"));
    let held = |access: &Access| -> Vec<String> {
        let found = evaluate_brand(&rules, &brand(), access, at(0)).into_iter();
        found.filter(|finding| finding.holds == Holds).map(|finding| finding.rule.to_string()).collect()
    };
    let why = || "dns error".to_owned();
    assert_eq!(held(&Access::Unreachable { since: at(0), why: why() }), ["brand-unreachable"]);
    assert_eq!(held(&Access::Refused { since: at(0), why: why() }), ["credentials-refused"]);
    assert!(held(&Access::Granted).is_empty() && held(&Access::Untried).is_empty());
}

#[test]
fn rules_know_whether_only_rows_concern_them() {
    for (when, needs_row) in [
        ("sold_out: true", true),
        ("limit: { at_most: 0 }, product.type: DISH", true),
        ("low: true", true),
        ("stopped_for: { at_least: 1h }", true),
        ("runs_out_in: { at_most: 1h }", true),
        ("not: { runs_out_before_closing: false }", false),
        ("any: [{ low: true }, { sold_out: true }]", true),
        ("not: { limited: false }", true),
        ("limited: { not: false }", true),
        ("any: [{ sold_out: true }, { product.type: DISH }]", false),
        ("product.type: DISH", false),
        ("limit: { not: 0 }", false),
        ("limit: { is: unset }", false),
        ("sold_out: false", false),
        ("variants.out: { at_least: 1 }", false),
        ("times_today: { at_least: 3 }", false),
        ("since: { below: \"18:00\" }", true),
        ("not: { limited: true, product.type: DISH }", false),
    ] {
        let rules = item_rule(when);
        assert_eq!(rules.rules()[0].when.needs_row(), needs_row, "{when}");
    }
    let kept = rule_set("rules: [{ name: r, notify: [], when: { low: true }, keep_while: { product.type: DISH } }]");
    assert!(matches!(&kept.rules()[0].form, crate::rules::Form::State(state) if !state.needs_row));
}

#[test]
fn stations_count_their_active_visible_products() {
    let (brand, mut snapshot) = (brand(), snapshot(&[]));
    let mut changed = catalog();
    changed.products.get_mut(&ProductId(4)).expect("a variant").hidden = true;
    snapshot.picture.catalog = SharedCatalog::new(changed);
    let scene = Scene::new(view(&brand, &Access::Granted, &snapshot), &[], at(0));
    let rules = rule_set("rules: [{ name: r, subject: station, notify: [], when: { station.products: 3 } }]");
    for station in scene.catalog().stations.values() {
        let holds = rules.rules()[0].when.truth(&View::Station(&scene, station), at(0));
        assert_eq!(holds, Truth::of(station.id == StationId(1)), "{}", station.name);
    }
}
