//! Stories of several brands and venues: the trouble of one is not the trouble of another.

use std::time::Duration;

use eightysix::poll;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::route::Endpoint;
use eightysix::units::VenueId;

use crate::shop::{Opening, Shop};
use crate::told;

const TWO_BRANDS: &[(&str, u64)] = &[("sahil", 1), ("tandir", 1)];

#[test]
fn a_brand_that_must_wait_leaves_the_other_alone() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.meets(Fault::TooManyRequests { reset_s: 45 }, Endpoint::StopList, 1);
        shop.after("10s");
        for brand in ["sahil", "tandir"] {
            shop.at(brand, 1);
            shop.sells_out("Piti");
        }
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening { brands: TWO_BRANDS, ..Opening::default() }, story), @r"
    18:03:12 feed product.stopped: Piti at Sahil
    18:03:33 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:03:46 feed product.stopped: Piti at Sahil
    18:04:07 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:33 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:05:07 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn a_brand_that_is_refused_leaves_the_other_alone() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.changes_secret("another");
        shop.after("10s");
        shop.at("tandir", 1);
        shop.sells_out("Piti");
        shop.after("3m");
        assert_eq!(shop.knows().trouble, None);
    };
    insta::assert_snapshot!(told(&Opening { brands: TWO_BRANDS, ..Opening::default() }, story), @r"
    18:03:00 ops opened credentials-refused: Clopos refuses to let us read sahil: Clopos refuses the credentials of this brand (The client_id, client_secret or brand is wrong): check client_id, client_secret and brand; they belong together and cannot be mixed
    18:03:12 feed product.stopped: Piti at Sahil
    18:03:33 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:33 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn the_same_dish_at_two_venues_is_two_alerts() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("2m");
        shop.at("sahil", 2);
        shop.sells_out("Piti");
        shop.after("2m");
        shop.restocks("Piti");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening { brands: &[("sahil", 2)], ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:05:00 feed product.stopped: Piti at İçərişəhər
    18:05:21 kitchen opened sold-out: Piti is out at Kitchen since 18:05
    18:06:21 managers mail İçərişəhər: Piti is out at Kitchen since 18:05
    18:07:00 feed product.back: Piti at İçərişəhər
    18:08:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:09:00 managers mail İçərişəhər: Piti is back on at Kitchen
    ");
}

#[test]
fn a_venue_whose_row_cannot_be_read_is_watched_on() {
    let polling = poll::Settings { prices: Duration::from_mins(2), ..poll::Settings::default() };
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("90s");
        shop.meets(Fault::WrongTypes, Endpoint::Venues, 5);
        shop.after("12m");
        assert_eq!(shop.knows().id(), VenueId(1));
    };
    insta::assert_snapshot!(told(&Opening { brands: &[("sahil", 2)], polling, ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn a_venue_that_one_list_of_venues_lacks_is_watched_on() {
    let polling = poll::Settings { prices: Duration::from_mins(2), ..poll::Settings::default() };
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("90s");
        shop.meets(Fault::WrongTypes, Endpoint::Venues, 1);
        shop.after("5m");
        assert_eq!(shop.knows().id(), VenueId(1));
        shop.restocks("Piti");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening { brands: &[("sahil", 2)], polling, ..Opening::default() }, story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:09:30 feed product.back: Piti at Sahil
    18:10:30 kitchen closed sold-out: Piti is back on at Kitchen
    18:11:30 managers mail Sahil: Piti is back on at Kitchen
    ");
}
