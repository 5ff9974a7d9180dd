//! Stories of the back office and of the one who configures: products, prices, rules and venues that come and go.

use std::time::Duration;

use eightysix::poll;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::menu::{Kind, Product};
use eightysix::simulator::route::Endpoint;
use eightysix::simulator::world::ProductEdit;
use eightysix::units::{Money, ProductId, StationId, Timestamp};

use crate::shop::{Opening, Shop};
use crate::told;

/// The catalog is walked every two minutes, so that stories of the back office stay short.
fn walks_often() -> Opening {
    let two_minutes = Duration::from_mins(2);
    let polling = poll::Settings { catalog: two_minutes, prices: two_minutes, ..poll::Settings::default() };
    Opening { polling, ..Opening::default() }
}

#[test]
fn a_product_that_is_out_is_cleared_and_deleted() {
    let quick = poll::Settings { catalog: Duration::from_secs(20), ..poll::Settings::default() };
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Bozbaş");
        shop.after("2m");
        shop.restocks("Bozbaş");
        shop.after("5s");
        shop.removes("Bozbaş");
        shop.after("10m");
        assert!(
            !shop.knows().picture.catalog.products.contains_key(&ProductId(128)),
            "two walks agree that it is gone"
        );
    };
    insta::assert_snapshot!(told(&Opening { polling: quick, ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:03:21 kitchen opened sold-out: Bozbaş is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Bozbaş is out at Kitchen since 18:03
    18:05:00 feed product.back: Bozbaş at Sahil
    18:06:00 kitchen closed sold-out: Bozbaş is no longer on the menu
    18:07:00 managers mail Sahil: Bozbaş is no longer on the menu
    ");
}

#[test]
fn a_product_is_taken_off_the_menu_while_it_is_out() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Bozbaş");
        shop.after("2m");
        shop.edits("Bozbaş", ProductEdit::Active(false));
        shop.after("6m");
    };
    insta::assert_snapshot!(told(&walks_often(), story), @r"
    18:03:00 feed product.stopped: Bozbaş at Sahil
    18:03:21 kitchen opened sold-out: Bozbaş is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Bozbaş is out at Kitchen since 18:03
    18:07:00 kitchen closed sold-out: Bozbaş is still out, but no longer watched
    18:08:00 managers mail Sahil: Bozbaş is still out, but no longer watched
    ");
}

#[test]
fn a_product_that_only_the_stop_list_knows_is_fetched_and_named() {
    let story = |shop: &mut Shop| {
        shop.opens();
        let soup = Product {
            station: Some(StationId(1)),
            price: Money::from_ten_thousandths(60_000),
            ..Product::plain(ProductId(900), Kind::Dish, "Qəlyə", Timestamp::from_unix_ms(1_778_000_000_000))
        };
        shop.adds(soup);
        shop.sells_out("Qəlyə");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: #900 (not in catalog) at Sahil
    18:03:21 kitchen opened sold-out: Qəlyə is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Qəlyə is out at Kitchen since 18:03
    ");
}

#[test]
fn a_product_that_may_not_be_fetched_alone_is_allowed_by_the_walk() {
    // Lived once only: a new process does not remember what was refused to the old one.
    let mut shop = Shop::new(&walks_often());
    shop.opens();
    let made_at = Timestamp::from_unix_ms(1_778_000_000_000);
    shop.meets(Fault::Status { code: 403 }, Endpoint::Product, 50);
    shop.adds(Product {
        station: Some(StationId(1)), ..Product::plain(ProductId(900), Kind::Dish, "Qəlyə", made_at)
    });
    shop.sells_out("Qəlyə");
    shop.after("30s");
    shop.restocks("Qəlyə");
    shop.after("20m");
    let told = shop.lines();
    let of_access: Vec<&str> = told.lines().filter(|line| line.contains("credentials-refused")).collect();
    assert!(of_access.len() == 2 && of_access[1].contains(" closed "), "{told}");
}

#[test]
fn a_price_changes_in_the_base_and_in_no_list() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.costs("Piti", "10.50");
        shop.after("6m");
    };
    insta::assert_snapshot!(told(&walks_often(), story), @r"
    18:04:00 office change price-changed: Piti costs 10.50 instead of 9.50 at Sahil
    ");
}

const ONE_RULE: &str = "rules: [{ name: out, when: { limit: { at_most: 0 } }, for: 10s, clear_for: 10s,
    notify: [kitchen], message: '{{ item.name }} is out', resolved_message: '{{ item.name }} is back' }]";
const OTHER_RULE: &str = "rules: [{ name: gone, when: { limit: { at_most: 0 } }, notify: [kitchen],
    message: '{{ item.name }} is gone', resolved_message: '{{ item.name }} is here' }]";
const STRICTER_RULE: &str = "rules: [{ name: out, when: { limit: { at_most: 0 }, product.price: { at_least: 9.0 } },
    for: 10s, clear_for: 10s, notify: [kitchen, office], message: '{{ item.name }} is out',
    resolved_message: '{{ item.name }} is back' }]";

#[test]
fn a_rule_is_taken_away_while_it_fires_and_another_takes_over() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("1m");
        shop.reloads(Some(OTHER_RULE), None);
        shop.after("1m");
        shop.restocks("Piti");
        shop.after("1m");
        assert_eq!(shop.endings(), ["unwatched", "clear"]);
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(ONE_RULE), ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:12 kitchen opened out: Piti is out
    18:04:00 kitchen closed out: Piti: the rule out was taken away after 1 min
    18:04:00 kitchen opened gone: Piti is gone
    18:05:00 kitchen closed gone: Piti is here
    18:05:00 feed product.back: Piti at Sahil
    ");
}

#[test]
fn a_rule_is_narrowed_while_it_fires_for_what_it_no_longer_means() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.sells_out("Dovğa");
        shop.after("1m");
        shop.reloads(Some(STRICTER_RULE), None);
        shop.after("1m");
        shop.restocks("Piti");
        shop.after("1m");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(ONE_RULE), ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:00 feed product.stopped: Dovğa at Sahil
    18:03:12 kitchen opened out: Piti is out
    18:03:12 kitchen opened out: Dovğa is out
    18:04:09 kitchen closed out: Dovğa is back
    18:05:00 feed product.back: Piti at Sahil
    18:05:12 kitchen closed out: Piti is back
    ");
}

#[test]
fn a_timer_that_runs_goes_on_over_a_reload() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("6s");
        shop.reloads(Some(ONE_RULE), None);
        shop.after("1m");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(ONE_RULE), ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:12 kitchen opened out: Piti is out
    ");
}

#[test]
fn a_venue_that_is_added_later_begins_with_a_baseline_and_not_with_a_flood() {
    let story = |shop: &mut Shop| {
        shop.reloads(None, Some(&[1]));
        shop.opens();
        shop.at("sahil", 2);
        for name in ["Piti", "Bozbaş", "Dovğa"] {
            shop.sells_out(name);
        }
        shop.reloads(None, Some(&[1, 2]));
        shop.after("4m");
        shop.restocks("Piti");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening { brands: &[("sahil", 2)], ..Opening::default() }, story), @r"
    18:04:21 managers mail İçərişəhər: 4 already open (Piti, Bozbaş, Dovğa, Terrace grill)
    18:07:00 feed product.back: Piti at İçərişəhər
    18:08:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:09:00 managers mail İçərişəhər: Piti is back on at Kitchen
    ");
}

#[test]
fn a_venue_that_is_no_longer_watched_ends_its_alerts_aloud() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.after("2m");
        shop.reloads(None, Some(&[1]));
        shop.after("3m");
        assert_eq!(shop.endings(), ["unwatched"]);
    };
    insta::assert_snapshot!(told(&Opening { brands: &[("sahil", 2)], ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at İçərişəhər
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail İçərişəhər: Piti is out at Kitchen since 18:03
    18:05:00 kitchen closed sold-out: Piti is still out, but no longer watched
    18:06:00 managers mail sahil: Piti is still out, but no longer watched; 1 more news
    ");
}
