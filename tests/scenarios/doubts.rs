//! Stories of readings that cannot be trusted: emptied lists, shifting pages, refusals, silence.

use std::time::Duration;

use eightysix::poll;
use eightysix::simulator::faults::Fault;
use eightysix::simulator::route::Endpoint;

use crate::shop::{Opening, Shop};
use crate::told;

const SIX: [&str; 6] = ["Piti", "Bozbaş", "Dovğa", "Düşbərə", "Gürzə", "Xəngəl"];

fn opens_with_six_out(shop: &mut Shop) {
    for name in SIX {
        shop.sells_out(name);
    }
    shop.opens();
}

#[test]
fn a_list_that_is_empty_by_error_brings_nothing_back() {
    let story = |shop: &mut Shop| {
        opens_with_six_out(shop);
        shop.meets(Fault::EmptyStopList, Endpoint::StopList, 1);
        shop.after("1m");
        assert_eq!(shop.knows().picture.rows.len(), 6);
        assert_eq!(shop.knows().doubt, None, "the second look settled it");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @"");
}

#[test]
fn a_list_that_is_really_cleared_is_believed_at_the_second_look() {
    let story = |shop: &mut Shop| {
        opens_with_six_out(shop);
        shop.clears_the_list();
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.back: Düşbərə at Sahil
    18:03:00 feed product.back: Gürzə at Sahil
    18:03:00 feed product.back: Xəngəl at Sahil
    18:03:00 feed product.back: Piti at Sahil
    18:03:00 feed product.back: Bozbaş at Sahil
    18:03:00 feed product.back: Dovğa at Sahil
    18:04:00 kitchen closed sold-out: Düşbərə is back on at Kitchen
    18:04:00 kitchen closed sold-out: Gürzə is back on at Kitchen
    18:04:00 kitchen closed sold-out: Xəngəl is back on at Kitchen
    18:04:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:04:00 kitchen closed sold-out: Bozbaş is back on at Kitchen
    18:04:00 kitchen closed sold-out: Dovğa is back on at Kitchen
    18:05:00 managers mail Sahil: Düşbərə is back on at Kitchen; 5 more news
    ");
}

#[test]
fn no_fault_of_any_answer_removes_or_tells_anything() {
    let faults = [
        Fault::TooManyRequests { reset_s: 2 },
        Fault::Status { code: 500 },
        Fault::Status { code: 504 },
        Fault::BadGatewayPage,
        Fault::Html,
        Fault::EmptyBody,
        Fault::CutBody,
        Fault::Refused,
        Fault::NullData,
        Fault::WrongTypes,
        Fault::UnknownFields,
        Fault::DuplicateRows,
        Fault::NumbersAsStrings,
        Fault::IdsAsStrings,
        Fault::EmptyStopList,
        Fault::FilterAsRange,
        Fault::LoseRows { rows: 3 },
        Fault::RepeatRows { rows: 3 },
        Fault::TokenExpired,
        Fault::Late { ms: 20_000 },
        Fault::Hang,
        Fault::Reset,
        Fault::Gzip,
        Fault::EndlessBody,
    ];
    let often = Duration::from_secs(30);
    let polling =
        poll::Settings { fastest: Duration::from_secs(15), catalog: often, prices: often, ..poll::Settings::default() };
    let mut shop = Shop::new(&Opening { polling, ..Opening::default() });
    opens_with_six_out(&mut shop);
    let before = shop.knows().clone();
    for endpoint in [Endpoint::StopList, Endpoint::Products, Endpoint::Stations, Endpoint::Venues, Endpoint::Prices] {
        for fault in faults {
            shop.meets(fault, endpoint, 1);
            shop.after("50s");
            shop.forgets_faults();
            assert_eq!(shop.lines(), "", "{fault:?} at {endpoint:?}");
            let now = shop.knows();
            assert!(now.picture == before.picture, "{fault:?} at {endpoint:?} changed what is known");
            assert_eq!((&now.venue, &now.trouble), (&before.venue, &None), "{fault:?} at {endpoint:?}");
        }
    }
}

#[test]
fn a_venue_that_cannot_be_read_keeps_its_list_and_is_told_once() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("2m");
        shop.suffers(Fault::Status { code: 503 }, Some(Endpoint::StopList), "20m");
        shop.restocks("Piti");
        shop.after("20m");
        assert_eq!(shop.knows().picture.rows.len(), 1);
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:11:00 ops opened venue-unreadable: The stop list of Sahil cannot be read: Clopos cannot be read just now (status 503: server_error: Something went wrong); it is tried again by itself
    18:26:00 office change back-on-sale: Piti is back on sale at Sahil
    18:26:00 feed product.back: Piti at Sahil
    18:27:00 ops closed venue-unreadable: The stop list of Sahil is read again
    18:27:00 kitchen closed sold-out: Piti is back on at Kitchen
    18:28:00 managers mail Sahil: Piti is back on at Kitchen
    ");
}

#[test]
fn credentials_are_refused_and_accepted_again() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("2m");
        shop.changes_secret("another");
        shop.after("10m");
        shop.changes_secret("secret");
        shop.after("20m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    18:05:00 ops opened credentials-refused: Clopos refuses to let us read sahil: Clopos refuses the credentials of this brand (The client_id, client_secret or brand is wrong): check client_id, client_secret and brand; they belong together and cannot be mixed
    18:19:12 ops closed credentials-refused: Clopos lets us read sahil again
    ");
}

#[test]
fn a_token_that_ends_early_is_nobody_s_news() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("30s");
        shop.changes_secret("secret");
        shop.after("10m");
        assert_eq!(shop.knows().trouble, None);
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

#[test]
fn one_wrong_answer_when_the_wait_is_over_ends_nothing() {
    let story = |shop: &mut Shop| {
        shop.opens();
        shop.sells_out("Piti");
        shop.after("2m");
        // The list of one dish empties by error, and its second look fails: neither screens nor alerts move.
        shop.meets(Fault::EmptyStopList, Endpoint::StopList, 1);
        shop.poll_fails(6);
        shop.after("5m");
    };
    insta::assert_snapshot!(told(&Opening::default(), story), @r"
    18:03:00 feed product.stopped: Piti at Sahil
    18:03:21 kitchen opened sold-out: Piti is out at Kitchen since 18:03
    18:04:21 managers mail Sahil: Piti is out at Kitchen since 18:03
    ");
}

const OUT: &str = "rules: [{ name: out, when: { sold_out: true }, notify: [kitchen, managers, office],
    message: '{{ item.name }} is out' }]";

#[test]
fn what_is_out_at_the_first_start_is_told_by_its_name_once_the_products_were_read() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Piti");
        shop.suffers(Fault::BadGatewayPage, Some(Endpoint::Products), "2m");
        shop.after("1m");
        assert_eq!(shop.lines(), "", "the stop list was read, the products not yet");
        shop.after("4m");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(OUT), ..Opening::default() }, story), @r"
    18:02:00 office opened out: Piti is out
    18:03:00 managers mail Sahil: 1 already open (Piti)
    ");
}

#[test]
fn what_is_out_is_told_by_its_number_when_the_products_cannot_be_read_for_five_minutes() {
    let story = |shop: &mut Shop| {
        shop.sells_out("Piti");
        shop.suffers(Fault::BadGatewayPage, Some(Endpoint::Products), "30m");
        shop.after("4m");
        assert_eq!(shop.lines(), "", "the products may still come");
        shop.after("3m");
    };
    insta::assert_snapshot!(told(&Opening { rules: Some(OUT), ..Opening::default() }, story), @r"
    18:05:00 office opened out: #127 (not in catalog) is out
    18:06:00 managers mail Sahil: 1 already open (#127 (not in catalog))
    ");
}
