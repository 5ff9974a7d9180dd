//! Why rules do not hold, in words.

use proptest::prelude::*;

use super::properties::{any_condition, arbitrary_rows, venue_with};
use super::*;
use crate::language::Language;
use crate::rules::condition::Truth;
use crate::rules::subject::Scene;
use crate::rules::value::View;
use crate::rules::why::reasons;

fn said(id: u64, limits: &[(u64, &str)], when: &str) -> Vec<String> {
    said_in(Language::En, id, limits, when)
}

fn said_in(language: Language, id: u64, limits: &[(u64, &str)], when: &str) -> Vec<String> {
    let rules = item_rule(when);
    let (brand, snapshot) = (brand(), snapshot(limits));
    let scene = Scene::new(view(&brand, &Access::Granted, &snapshot), rules.price_lists(), at(10));
    let item = scene.item(ProductId(id)).expect("in the catalog or on the list");
    let view = View::Item(&scene, item, None);
    let reasons = reasons(&rules.rules()[0].when, &view, rules.price_lists(), language, at(10));
    reasons.into_iter().map(|reason| reason.text).collect()
}

#[test]
fn the_part_that_is_not_so_is_named() {
    let out = "limit: { at_most: 0 }";
    for (id, limits, when, expected) in [
        (1, [(1, "0")], out, vec![]),
        (1, [(1, "3")], out, vec!["limit is 3, the rule asks for at most 0"]),
        (
            1,
            [(2, "3")],
            out,
            vec!["limit has no value (the item has no row on the stop list), the rule asks for at most 0"],
        ),
        (
            2,
            [(2, "0")],
            "limit: 0, station.status: active, product.type: [DISH, GOODS]",
            vec!["station.status is inactive, the rule asks for active"],
        ),
        (
            1,
            [(1, "0")],
            "limit: 1, product.type: [GOODS, TIMER]",
            vec!["limit is 0, the rule asks for 1", "product.type is DISH, the rule asks for one of GOODS, TIMER"],
        ),
        (
            1,
            [(1, "0")],
            "since: { below: \"18:00\" }, times_today: { at_least: 3 }",
            vec![
                "since is 20:11 today, the rule asks for before 18:00",
                "times_today is 1, the rule asks for at least 3",
            ],
        ),
        (1, [(1, "0")], "limit: { not: 0 }", vec!["limit is 0, the rule asks for anything but 0"]),
        (1, [(1, "0")], "limit: { is: unset }", vec!["limit is 0, the rule asks for none"]),
        (
            1,
            [(1, "0")],
            "product.tags: { not: lunch }",
            vec!["product.tags is lunch, banquet, the rule asks for anything but lunch"],
        ),
        (
            1,
            [(1, "0")],
            "prices.delivery: { at_least: 15 }",
            vec!["prices.delivery is 14.00, the rule asks for at least 15.00"],
        ),
        (8, [(8, "0")], "limit: 0, station.status: active", vec!["station.status was not read"]),
        (8, [(8, "4")], "limit: 0, station.status: active", vec!["limit is 4, the rule asks for 0"]),
        (
            1,
            [(1, "0")],
            "any: [{ limit: 3 }, { product.hidden: true }]",
            vec!["limit is 0, the rule asks for 3", "product.hidden is false, the rule asks for true"],
        ),
        (
            1,
            [(1, "0")],
            "not: { all: [{ limit: 0 }, { limited: true }] }",
            vec![
                "limit is 0, the rule asks for anything but 0",
                "limited is true, the rule asks for anything but true",
            ],
        ),
    ] {
        assert_eq!(said(id, &limits, when), expected, "#{id} {when}");
    }
}

#[test]
fn a_reason_is_in_the_language_of_its_reader_around_what_rule_files_say() {
    for (id, limit, when, az, ru) in [
        (
            1,
            "3",
            "limit: { at_most: 0 }",
            "limit: 3, qayda tələb edir: ən çoxu 0",
            "limit: 3, правило требует: не больше 0",
        ),
        (
            2,
            "0",
            "station.status: active",
            "station.status: inactive, qayda tələb edir: active",
            "station.status: inactive, правило требует: active",
        ),
        (
            1,
            "0",
            "product.type: [GOODS, TIMER]",
            "product.type: DISH, qayda tələb edir: bunlardan biri: GOODS, TIMER",
            "product.type: DISH, правило требует: одно из: GOODS, TIMER",
        ),
        (
            1,
            "0",
            "limit: { not: 0 }",
            "limit: 0, qayda tələb edir: bundan başqa: 0",
            "limit: 0, правило требует: что угодно, кроме: 0",
        ),
        (
            1,
            "0",
            "limit: { is: unset }",
            "limit: 0, qayda tələb edir: dəyəri olmasın",
            "limit: 0, правило требует: без значения",
        ),
        (
            1,
            "0",
            "stopped_for: { at_least: 1h30m }",
            "stopped_for: 15m10s, qayda tələb edir: ən azı 1h30m",
            "stopped_for: 15m10s, правило требует: не меньше 1h30m",
        ),
        (8, "0", "station.status: active", "oxunmayıb: station.status", "не прочитано: station.status"),
    ] {
        assert_eq!(said_in(Language::Az, id, &[(id, limit)], when), [az], "{when}");
        assert_eq!(said_in(Language::Ru, id, &[(id, limit)], when), [ru], "{when}");
    }
}

proptest! {
    #[test]
    fn a_reason_is_given_for_what_does_not_hold_and_only_for_that(
        when in any_condition(),
        rows in arbitrary_rows(),
        is_read in any::<bool>(),
        language in proptest::sample::select(Language::ALL.as_slice()),
    ) {
        let (brand, known) = (brand(), venue_with(rows));
        let known = Snapshot { read_at: known.read_at.filter(|_| is_read), ..known };
        let scene = Scene::new(view(&brand, &Access::Granted, &known), &[], at(10));
        for item in scene.items() {
            let view = View::Item(&scene, item, None);
            let reasons = reasons(&when, &view, &[], language, at(10));
            match when.truth(&view, at(10)) {
                Truth::Holds => prop_assert!(reasons.is_empty(), "{reasons:?}"),
                Truth::Clear => {
                    prop_assert!(!reasons.is_empty() && reasons.iter().all(|it| !it.is_unread), "{reasons:?}");
                }
                Truth::Unknown => {
                    prop_assert!(!reasons.is_empty() && reasons.iter().all(|it| it.is_unread), "{reasons:?}");
                }
            }
        }
    }
}
